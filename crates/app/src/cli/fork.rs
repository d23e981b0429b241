//! `baton fork`: a new run from a point of another.

use clap::Args;
use serde_json::json;

use super::args::ArgOptions;
use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::find;

/// Start a new run that takes over what another has done.
#[derive(Debug, Args)]
pub struct Fork {
    /// An id, a number, or the unique beginning of an id.
    run: String,
    /// Take over only what was done before this step.
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    #[command(flatten)]
    args: ArgOptions,
    /// A standing instruction for the new run.
    #[arg(short = 'm', long, value_name = "TEXT")]
    message: Option<String>,
}

impl Fork {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        let run = find::run(&client, &self.run).await?;
        let id = run["id"].as_str().unwrap_or_default();
        let mut body = json!({});
        if let Some(step) = self.from {
            body["from_step"] = json!(step);
        }
        if !self.args.is_empty() {
            let schema = &run["workflow_definition"]["args_schema"];
            let given = self.args.collect(Some(schema), &context.directory)?;
            let mut args = run["args"].as_object().cloned().unwrap_or_default();
            args.extend(given);
            body["args"] = json!(args);
        }
        if let Some(message) = self.message {
            body["message"] = json!(message);
        }
        let path = format!("/api/workflow-executions/{id}/fork");
        let answer = client.post(&path, &body).await?;
        if context.json {
            print_json(&answer);
            return Ok(Exit::Done);
        }
        let fork = &answer["data"];
        let id = fork["id"].as_str().unwrap_or_default();
        print_line(&format!(
            "run {} started, a fork of run {} ({id})",
            fork["number"], run["number"]
        ));
        Ok(Exit::Done)
    }
}
