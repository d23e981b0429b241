//! A data directory and a project of their own, with the real binary over them.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

pub mod fakes;
pub mod http;
pub mod processes;
pub mod world;

use std::time::{Duration, Instant};

/// Lets a little time pass between two looks.
#[expect(
    clippy::disallowed_methods,
    reason = "the pause between two looks, and between two kills"
)]
pub fn pause(length: Duration) {
    std::thread::sleep(length);
}

/// Looks again and again until there is something; panics after `limit`.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < limit, "waited {limit:?} for {what}");
        pause(Duration::from_millis(5));
    }
}
