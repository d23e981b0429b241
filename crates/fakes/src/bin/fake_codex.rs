//! `fake-codex`: see `baton_fakes::codex`.

use std::process::ExitCode;

fn main() -> ExitCode {
    baton_fakes::codex::main(std::env::args().skip(1))
}
