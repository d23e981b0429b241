//! `fake-acp`: an agent of the Agent Client Protocol that does what its prompt's directives say.

use std::process::ExitCode;

fn main() -> ExitCode {
    baton_fakes::acp::main()
}
