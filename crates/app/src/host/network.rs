//! The address a host listens on beside its socket: `baton serve`.

use std::io;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Host;

/// Serves on this address until the host leaves, and says where.
pub fn serve(
    host: &Arc<Host>,
    router: Router,
    address: std::net::TcpListener,
) -> io::Result<JoinHandle<io::Result<()>>> {
    address.set_nonblocking(true)?;
    let listener = TcpListener::from_std(address)?;
    let here = listener.local_addr()?;
    let _first = host.address.set(here);
    let server = axum::serve(listener, crate::server::network(router, host.clone()));
    let mut leaving = host.leaving();
    let asked = async move {
        // The sender lives as long as the host.
        let _asked = leaving.wait_for(|leaving| *leaving).await;
    };
    #[expect(clippy::disallowed_methods, reason = "awaited when the host leaves")]
    let served = tokio::spawn(server.with_graceful_shutdown(asked).into_future());
    println!("Baton serves http://{here}");
    println!("Open this link to sign in (once, within 15 minutes):");
    println!("  http://{here}/#link={}", host.access.link());
    Ok(served)
}
