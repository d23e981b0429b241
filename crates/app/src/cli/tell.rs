//! `baton tell`: writes into a run's thread.

use clap::Args;
use serde_json::json;

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::find;

/// Tell a run something: an instruction for its agents, or a comment.
#[derive(Debug, Args)]
pub struct Tell {
    /// An id, a number, or the unique beginning of an id.
    run: String,
    /// What to tell it.
    text: String,
    /// Only for people to read.
    #[arg(long)]
    comment: bool,
}

impl Tell {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let action = if self.comment {
            "comment"
        } else {
            "instruction"
        };
        let client = context.client()?;
        let run = find::run(&client, &self.run).await?;
        let id = run["id"].as_str().unwrap_or_default();
        let body = json!({"content": self.text, "action_type": action});
        let answer = client
            .post(&format!("/api/workflows/{id}/messages"), &body)
            .await?;
        if context.json {
            print_json(&answer);
        } else {
            let taken = answer["actionTaken"].as_str().unwrap_or("Comment recorded");
            print_line(&format!(
                "run {}: {taken} (message {})",
                run["number"], answer["messageId"]
            ));
        }
        Ok(Exit::Done)
    }
}
