//! `baton cancel`: ends a run.

use clap::Args;
use serde_json::json;

use super::act;
use super::context::Context;
use super::exit::{Exit, Failure};

/// Cancel a run. It is cancelled when all its processes are gone.
#[derive(Debug, Args)]
pub struct Cancel {
    /// An id, a number, or the unique beginning of an id.
    run: String,
    /// Why.
    #[arg(short = 'm', long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Cancel {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let mut body = json!({});
        if let Some(reason) = self.reason {
            body["reason"] = json!(reason);
        }
        act::on_run(context, &self.run, "cancel", &body).await
    }
}
