//! The host's socket: `<data dir>/host.sock`, mode 0600. Every connection counts as presence.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};

use super::activity::{Activity, Present};

/// The socket's name in the data directory.
pub const NAME: &str = "host.sock";

/// How long to wait after a failed accept (no file descriptors left).
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections and counts them.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    activity: Arc<Activity>,
}

impl Listener {
    /// Binds the socket, in place of one that a dead host has left. To be called with the lock
    /// held and inside the runtime.
    pub fn bind(data_dir: &Path, activity: Arc<Activity>) -> io::Result<Self> {
        match std::fs::remove_file(data_dir.join(NAME)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = baton_runner::bind_unix(data_dir, NAME)?;
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        Ok(Self { listener, activity })
    }
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = ();

    async fn accept(&mut self) -> (Connection, ()) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let present = self.activity.enter();
                    return (
                        Connection {
                            stream,
                            _present: present,
                        },
                        (),
                    );
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection that is counted while it is open.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    _present: Present,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
