//! `fake-claude`: a scripted Claude Code; see `baton_fakes::claude`.

use std::process::ExitCode;

fn main() -> ExitCode {
    baton_fakes::claude::run(std::env::args().skip(1))
}
