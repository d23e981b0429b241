//! The address a host listens on beside its socket: `baton serve`.
//!
//! Takes connections, as many as may be open at once; gives each a time to say what it wants; and
//! lets what is under way end when the host leaves.

mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use baton_core::ids::ProjectId;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::Host;
use crate::server::Network;

/// Connections that may be open at once.
const MOST: usize = 4096;

/// The most that a request's head may be, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;

/// How long to wait after a failed accept (no file descriptors left).
const PAUSE: Duration = Duration::from_millis(50);

/// How long what is under way may take when the host leaves.
const FAREWELL: Duration = Duration::from_millis(1500);

/// How a host is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The certificate chain and the key, PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// A proxy stands in front, which speaks TLS and says who asks.
    pub behind_proxy: bool,
    /// The names it is known by, beside its address.
    pub names: Vec<String>,
    /// How long a client may take to say what it wants.
    pub patience: Duration,
    /// Keys of signed tokens, beside `JWT_SECRET`.
    pub jwks: Option<PathBuf>,
    /// The directory of the project it is started in.
    pub project: Option<PathBuf>,
}

impl Serving {
    /// Nothing, when others cannot listen in.
    ///
    /// # Errors
    /// What would be right.
    pub fn check(&self) -> Result<(), String> {
        if self.listen.ip().is_loopback() || self.tls.is_some() || self.behind_proxy {
            return Ok(());
        }
        Err(format!(
            "{} can be reached from other machines, and tokens would cross the network in the \
             clear: give --tls-cert and --tls-key, or --behind-proxy when a proxy with TLS stands \
             in front, or listen on 127.0.0.1",
            self.listen
        ))
    }
}

/// An address that is bound, and how to speak there.
pub struct Bound {
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    serving: Serving,
}

impl Bound {
    /// Binds the address and reads the certificate.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn bind(serving: Serving) -> Result<Self, String> {
        serving.check()?;
        let tls = serving.tls.as_ref();
        let tls = tls
            .map(|(chain, key)| tls::acceptor(chain, key))
            .transpose()?;
        let listen = serving.listen;
        let listener = std::net::TcpListener::bind(listen)
            .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
        Ok(Self {
            listener,
            tls,
            serving,
        })
    }
}

/// Serves until the host leaves, and says where: the link opens on this project.
///
/// # Errors
/// The system's.
pub fn serve(
    host: &Arc<Host>,
    router: Router,
    bound: Bound,
    project: Option<ProjectId>,
) -> io::Result<JoinHandle<()>> {
    let Bound {
        listener,
        tls,
        serving,
    } = bound;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let here = listener.local_addr()?;
    let network = Network {
        names: serving.names.clone(),
        behind_proxy: serving.behind_proxy,
        tls: tls.is_some(),
    };
    let patience = serving.patience;
    let router = crate::server::network(router, host.clone(), network, patience);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let base = match serving.names.first() {
        Some(name) if serving.behind_proxy => format!("https://{name}"),
        Some(name) => format!("{scheme}://{name}:{}", here.port()),
        None => format!("{scheme}://{here}"),
    };
    let door = Door {
        router,
        tls,
        patience,
        host: host.clone(),
    };
    #[expect(clippy::disallowed_methods, reason = "awaited when the host leaves")]
    let served = tokio::spawn(accept(listener, Arc::new(door)));
    println!("Baton serves {scheme}://{here}");
    println!("Open this link to sign in (once, within 15 minutes):");
    let at = project.map_or_else(String::new, |id| format!("?project={id}"));
    println!("  {base}/{at}#link={}", host.access.link());
    let _first = host.address.set(base);
    Ok(served)
}

/// What every connection is given.
struct Door {
    router: Router,
    tls: Option<TlsAcceptor>,
    patience: Duration,
    host: Arc<Host>,
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    let free = Arc::new(Semaphore::new(MOST));
    let mut leaving = door.host.leaving();
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = free.clone().acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            _asked = leaving.wait_for(|leaving| *leaving) => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                let door = door.clone();
                connections.spawn(async move {
                    let _place = place;
                    door.talk(stream, peer).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _late = tokio::time::timeout(FAREWELL, all).await;
}

impl Door {
    async fn talk(&self, stream: TcpStream, peer: SocketAddr) {
        let _slower_then = stream.set_nodelay(true);
        match &self.tls {
            None => self.speak(stream, peer).await,
            Some(tls) => {
                let spoken = tokio::time::timeout(self.patience, tls.accept(stream)).await;
                // Of a failure nobody is there to hear.
                if let Ok(Ok(stream)) = spoken {
                    self.speak(stream, peer).await;
                }
            }
        }
    }

    async fn speak<S>(&self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let router = router.clone();
            async move {
                Ok::<_, Infallible>(
                    router
                        .oneshot(request)
                        .await
                        .unwrap_or_else(|never| match never {}),
                )
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let mut leaving = self.host.leaving();
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            _asked = leaving.wait_for(|leaving| *leaving) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }
}
