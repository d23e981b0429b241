//! The shepherd as a program of its own, for this crate's tests and bench.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(verb) if verb == "shepherd" => baton_runner::shepherd_main(args),
        _ => ExitCode::from(baton_runner::EXIT_BAD_USAGE),
    }
}
