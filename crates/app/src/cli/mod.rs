//! The command line: one file per verb. Every verb but the offline ones is a client of the host.

mod act;
mod answer;
mod approve;
mod args;
mod cancel;
mod choose;
mod completions;
mod context;
mod diff;
mod doctor;
mod exit;
mod find;
mod fork;
mod gc;
mod init;
mod link;
mod list;
mod logs;
mod mcp;
mod pause;
mod project;
mod reject;
mod replay;
mod resume;
mod retry;
mod rm;
mod run;
mod schema;
mod secret;
mod serve;
mod show;
mod tell;
mod text;
mod types;
mod validate;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use context::Context;
use exit::{Exit, Failure};

const AFTER_HELP: &str = "\
Exit codes: 0 done or detached, 1 the run failed, 2 usage or invalid definition, 3 cancelled,
4 paused, 5 not found or wrong state, 70 host or disk error, 130 second Ctrl-C.
RUN is an id, a number, or the unique beginning of an id.";

/// Runs workflows of coding agents, and never drops them.
#[derive(Debug, Parser)]
#[command(name = "baton", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Where the database, the secrets and the host's socket are.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "BATON_DATA_DIR",
        help_heading = "Global options"
    )]
    data_dir: Option<PathBuf>,
    /// Work as if started in this directory.
    #[arg(
        short = 'C',
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global options"
    )]
    project: Option<PathBuf>,
    /// Print JSON; errors become problem+json on stderr.
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// No colours (also: the environment variable NO_COLOR).
    #[arg(long, global = true, help_heading = "Global options")]
    no_color: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Run),
    List(list::List),
    Show(show::Show),
    Logs(logs::Logs),
    Pause(pause::Pause),
    Resume(resume::Resume),
    Cancel(cancel::Cancel),
    Retry(retry::Retry),
    Fork(fork::Fork),
    Approve(approve::Approve),
    Reject(reject::Reject),
    Answer(answer::Answer),
    Tell(tell::Tell),
    Diff(diff::Diff),
    Validate(validate::Validate),
    Schema(schema::Schema),
    Types(types::Types),
    Replay(replay::Replay),
    Init(init::Init),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Secret(secret::Secret),
    Serve(serve::Serve),
    Link(link::Link),
    Mcp(mcp::Mcp),
    Rm(rm::Rm),
    Gc(gc::Gc),
}

/// Parses the command line and carries it out.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let json = cli.global.json;
    let context = Context::new(cli.global);
    let context = match (context, cli.verb) {
        // It is the host itself, with a runtime of its own.
        (Ok(context), Verb::Serve(verb)) => return verb.carry_out(&context),
        (context, verb) => context.map(|context| (context, verb)),
    };
    let done = context.and_then(|(context, verb)| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::disk)?
            .block_on(verb.carry_out(&context))
    });
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(json),
    }
}

/// Help and version are no mistakes; all else is a wrong use.
fn usage(error: &clap::Error) -> ExitCode {
    let wrong = error.use_stderr();
    if wrong && std::env::args_os().any(|word| word == "--json") {
        let detail = error.to_string();
        let detail = detail.trim_start_matches("error: ").trim().to_owned();
        return Failure::usage(detail).report(true);
    }
    let _closed_pipe = error.print();
    if wrong {
        Exit::Usage.into()
    } else {
        Exit::Done.into()
    }
}

impl Verb {
    async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Run(verb) => verb.carry_out(context).await,
            Self::List(verb) => verb.carry_out(context).await,
            Self::Show(verb) => verb.carry_out(context).await,
            Self::Logs(verb) => verb.carry_out(context).await,
            Self::Pause(verb) => verb.carry_out(context).await,
            Self::Resume(verb) => verb.carry_out(context).await,
            Self::Cancel(verb) => verb.carry_out(context).await,
            Self::Retry(verb) => verb.carry_out(context).await,
            Self::Fork(verb) => verb.carry_out(context).await,
            Self::Approve(verb) => verb.carry_out(context).await,
            Self::Reject(verb) => verb.carry_out(context).await,
            Self::Answer(verb) => verb.carry_out(context).await,
            Self::Tell(verb) => verb.carry_out(context).await,
            Self::Diff(verb) => verb.carry_out(context).await,
            Self::Validate(verb) => verb.carry_out(context),
            Self::Schema(verb) => verb.carry_out(),
            Self::Types(verb) => verb.carry_out(context),
            Self::Replay(verb) => verb.carry_out(context).await,
            Self::Init(verb) => verb.carry_out(context),
            Self::Doctor(verb) => verb.carry_out(context).await,
            Self::Completions(verb) => verb.carry_out(),
            Self::Secret(verb) => verb.carry_out(context).await,
            Self::Link(verb) => verb.carry_out(context).await,
            Self::Mcp(verb) => verb.carry_out(context).await,
            Self::Serve(_) => Err(Failure::usage("`serve` is a host of its own")),
            Self::Rm(verb) => verb.carry_out(context).await,
            Self::Gc(verb) => verb.carry_out(context).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
