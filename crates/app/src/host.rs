//! The host process: a placeholder until the server is merged.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the host: `host --data-dir DIR [--background]`.
///
/// With `--background` it leaves the terminal's session first; a client that starts a host relies
/// on that.
pub fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    if words.into_iter().any(|word| word == "--background") {
        // Fails only for a process that already leads a group; then it has left the terminal's.
        let _left = rustix::process::setsid();
    }
    eprintln!("baton host: the host is not part of this build");
    ExitCode::from(70)
}
