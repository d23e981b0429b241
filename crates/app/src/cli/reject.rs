//! `baton reject`: answers a waiting approval, or an agent's question.

use clap::Args;

use super::act::{self, Verdict};
use super::context::Context;
use super::exit::{Exit, Failure};

/// Reject what a run asks.
#[derive(Debug, Args)]
pub struct Reject {
    /// An id, a number, or the unique beginning of an id.
    run: String,
    /// The step; needed only when more than one waits.
    step: Option<String>,
    /// Words that go with it.
    #[arg(short = 'm', long, value_name = "TEXT")]
    message: Option<String>,
}

impl Reject {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let verdict = Verdict {
            verb: "reject",
            step: self.step,
            message: self.message,
            remember: false,
        };
        act::answer(context, &self.run, verdict).await
    }
}
