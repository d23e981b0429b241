//! The engine under a simulated clock: crashes after every commit, a disk that refuses, random
//! schedules. A failure names its seed or its commit; the same one fails again.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod driver;
mod environment;
mod every_commit;
mod random;
mod removal;
mod samples;
mod stubborn;
