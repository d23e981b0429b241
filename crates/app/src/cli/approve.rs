//! `baton approve`: answers a waiting approval.

use clap::Args;

use super::act;
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
}

impl Approve {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        act::answer(
            context,
            &self.run,
            self.step.as_deref(),
            "approve",
            self.message,
        )
        .await
    }
}
