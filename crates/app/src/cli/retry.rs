//! `baton retry`: lets a failed run go on.

use clap::Args;
use serde_json::json;

use super::act;
use super::context::Context;
use super::exit::{Exit, Failure};

/// Retry a failed run from the steps that have not completed.
#[derive(Debug, Args)]
pub struct Retry {
    /// An id, a number, or the unique beginning of an id.
    run: String,
}

impl Retry {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        act::on_run(context, &self.run, "retry", &json!({})).await
    }
}
