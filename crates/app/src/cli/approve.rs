//! `baton approve`: answers a waiting approval, or an agent's question.

use clap::Args;

use super::act::{self, Verdict};
use super::context::Context;
use super::exit::{Exit, Failure};

/// Approve what a run asks.
#[derive(Debug, Args)]
pub struct Approve {
    /// An id, a number, or the unique beginning of an id.
    run: String,
    /// The step; needed only when more than one waits.
    step: Option<String>,
    /// Words that go with it.
    #[arg(short = 'm', long, value_name = "TEXT")]
    message: Option<String>,
    /// Do not ask again in this agent's session, where the agent offers that.
    #[arg(long)]
    remember: bool,
}

impl Approve {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let verdict = Verdict {
            verb: "approve",
            step: self.step,
            message: self.message,
            remember: self.remember,
        };
        act::answer(context, &self.run, verdict).await
    }
}
