//! `baton pause`: asks a run to stop at its next boundary.

use clap::Args;
use serde_json::json;

use super::act;
use super::context::Context;
use super::exit::{Exit, Failure};

/// Pause a run: nothing new starts, and it is paused when no step is running.
#[derive(Debug, Args)]
pub struct Pause {
    /// An id, a number, or the unique beginning of an id.
    run: String,
    /// Why.
    #[arg(short = 'm', long, value_name = "TEXT")]
    reason: Option<String>,
    /// Interrupt agents in their turn instead of waiting for their step to end.
    #[arg(long, visible_alias = "immediate")]
    now: bool,
}

impl Pause {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let mut body = json!({"immediate": self.now});
        if let Some(reason) = self.reason {
            body["reason"] = json!(reason);
        }
        act::on_run(context, &self.run, "pause", &body).await
    }
}
