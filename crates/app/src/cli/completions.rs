//! `baton completions`: for the shell's tab key.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::context::print;
use super::exit::{Exit, Failure};

/// Print completions for a shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    /// Carries it out.
    pub fn carry_out(self) -> Result<Exit, Failure> {
        let mut out = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "baton", &mut out);
        print(&String::from_utf8_lossy(&out));
        Ok(Exit::Done)
    }
}
