//! `baton resume`: lets a run go on.

use clap::Args;
use serde_json::json;

use super::act;
use super::context::Context;
use super::exit::{Exit, Failure};

/// Let a paused, failed or cancelled run go on, from where it is or from an earlier point.
#[derive(Debug, Args)]
pub struct Resume {
    /// An id, a number, or the unique beginning of an id.
    run: String,
    /// Rewind to before this step.
    #[arg(long, value_name = "STEP", conflicts_with = "checkpoint")]
    from: Option<String>,
    /// Rewind to this checkpoint.
    #[arg(long, value_name = "N")]
    checkpoint: Option<u32>,
    /// An instruction to go on with.
    #[arg(short = 'm', long, value_name = "TEXT")]
    message: Option<String>,
}

impl Resume {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let mut body = json!({});
        if let Some(step) = self.from {
            body["from_step"] = json!(step);
        }
        if let Some(number) = self.checkpoint {
            body["checkpoint"] = json!(number);
        }
        if let Some(message) = self.message {
            body["message"] = json!(message);
        }
        act::on_run(context, &self.run, "resume", &body).await
    }
}
