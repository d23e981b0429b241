//! `baton rm`: removes finished runs.

use clap::Args;
use serde_json::json;

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::find;

/// Remove finished runs, with their files.
#[derive(Debug, Args)]
pub struct Rm {
    /// Ids, numbers, or unique beginnings of ids.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
}

impl Rm {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        for word in &self.runs {
            let run = find::run(&client, word).await?;
            let id = run["id"].as_str().unwrap_or_default();
            client
                .delete(&format!("/api/workflow-executions/{id}"))
                .await?;
            if context.json {
                print_json(&json!({"removed": id}));
            } else {
                print_line(&format!("run {} removed", run["number"]));
            }
        }
        Ok(Exit::Done)
    }
}
