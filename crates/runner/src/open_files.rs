//! How many files a process may have open: a server raises it for its sockets, and what it starts
//! for others has the limit that it was given itself. Programs that use `select`, or close every
//! number there is, go wrong with a high one.

use std::io;
use std::sync::OnceLock;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Tells a shepherd the limit to go back to.
pub(crate) const VARIABLE: &str = "BATON_OPEN_FILES";

/// The soft limit before it was raised.
static BEFORE: OnceLock<u64> = OnceLock::new();

/// Raises this process's soft limit to the hard one; gives what it is then, `None`: there is none.
///
/// # Errors
/// What the system says.
pub fn raise_open_files() -> io::Result<Option<u64>> {
    let mut limit = getrlimit(Resource::Nofile);
    let Some(soft) = limit.current else {
        return Ok(None);
    };
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    // The first time counts.
    let _known = BEFORE.set(soft);
    Ok(limit.maximum)
}

/// What a shepherd is to go back to, if it was raised.
pub(crate) fn before() -> Option<u64> {
    BEFORE.get().copied()
}

/// Goes back to what the host was given itself, as far as this process was told.
pub(crate) fn go_back() {
    let told = std::env::var(VARIABLE).ok();
    if let Some(soft) = told.and_then(|text| text.parse().ok()) {
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = Some(soft);
        // Going down is always allowed.
        let _lowered = setrlimit(Resource::Nofile, limit);
    }
}
