//! Connecting to the host's socket, also where its path is too long for a socket address.

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::Path;

use tokio::net::UnixStream;

use super::Error;

/// The socket's name in the data directory.
pub const NAME: &str = "host.sock";

/// The longest path a socket address holds (`sun_path` without its final zero).
const LONGEST: usize = 107;

/// Connects to the host of this data directory.
pub async fn connect(data_dir: &Path) -> Result<UnixStream, Error> {
    let path = data_dir.join(NAME);
    let connected = if path.as_os_str().len() <= LONGEST {
        UnixStream::connect(&path).await
    } else {
        match std::fs::File::open(data_dir) {
            Ok(dir) => {
                let short = format!("/proc/self/fd/{}/{NAME}", dir.as_raw_fd());
                UnixStream::connect(short).await
            }
            Err(error) => Err(error),
        }
    };
    connected.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            Error::NotRunning(data_dir.display().to_string())
        }
        ErrorKind::NotADirectory => {
            Error::Start(format!("{} is not a directory", data_dir.display()))
        }
        _ => Error::Lost(format!("{}: {error}", path.display())),
    })
}
