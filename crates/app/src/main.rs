//! The one binary: command line, host and server.
fn main() {}
