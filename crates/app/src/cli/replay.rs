//! `baton replay`: whether a recorded run would go the same way with its definition as it is now.

use clap::Args;
use serde_json::json;

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::find;
use super::text::safe;

/// Replay a run of a TypeScript definition against its present source; nothing is started.
#[derive(Debug, Args)]
pub struct Replay {
    /// An id, a number, or the unique beginning of an id.
    run: String,
}

impl Replay {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        let run = find::run(&client, &self.run).await?;
        let id = run["id"].as_str().unwrap_or_default();
        let path = format!("/api/workflow-executions/{id}/replay");
        let answer = client.post(&path, &json!({})).await?;
        let verdict = &answer["data"];
        if context.json {
            print_json(&answer);
        } else if let Some(why) = verdict["divergence"].as_str() {
            print_line(&format!("diverges: {}", safe(why)));
        } else {
            let calls = verdict["calls"].as_u64().unwrap_or_default();
            print_line(&format!("goes the same way: {calls} calls replayed"));
        }
        Ok(match verdict["divergence"].is_null() {
            true => Exit::Done,
            false => Exit::RunFailed,
        })
    }
}
