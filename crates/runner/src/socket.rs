//! Unix sockets at paths of any length. A socket's address holds at most 107 bytes of path; a
//! directory's descriptor under `/proc/self/fd` stands in for the rest.
//!
//! Owns binding and connecting. It never removes a socket that is there.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};

const BACKLOG: i32 = 128;

/// A listener at `dir/name`, mode 0600 from its first moment on. Blocking.
///
/// Fails with `AddrInUse` when the name is there, whether or not somebody still listens.
pub fn bind_unix(dir: &Path, name: &str) -> io::Result<UnixListener> {
    let socket = new_socket()?;
    // Linux makes the socket's file with the mode of the unbound socket (unix(7), `fchmod`), so
    // there is no moment in which others could connect, and the umask need not be touched.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    let (_dir, address) = short_address(dir, name)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

/// A connection to the listener at `path`. Blocking.
pub fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or(io::ErrorKind::InvalidInput)?;
    let socket = new_socket()?;
    let (_dir, address) = short_address(dir, name)?;
    connect(&socket, &address)?;
    Ok(UnixStream::from(socket))
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

/// The address, and the directory that must stay open while it is used.
fn short_address(dir: &Path, name: &str) -> io::Result<(OwnedFd, SocketAddrUnix)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(dir, flags, Mode::empty())?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
    let address = SocketAddrUnix::new(&path)?;
    Ok((dir, address))
}
