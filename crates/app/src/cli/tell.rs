//! `baton tell`: writes into a run's thread.

use clap::Args;
use serde_json::json;

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::find;
use super::watch::agent::AgentView;
use super::watch::view::RunView;

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
            let (number, message) = (&run["number"], &answer["messageId"]);
            print_line(&format!("run {number}: {taken} (message {message})"));
            if !self.comment {
                print_line(&format!("  {}", whereto(&RunView::from_json(&run))));
            }
        }
        Ok(Exit::Done)
    }
}

/// Where an instruction goes. Never more than is known: the thread says when it has arrived.
fn whereto(run: &RunView) -> String {
    let working = run.steps.iter().filter(|step| {
        let prints = step.agent.as_ref().is_none_or(AgentView::only_prints);
        step.kind == "agent" && step.status == "running" && !prints
    });
    let keys: Vec<&str> = working.map(|step| step.key.as_str()).collect();
    match keys.is_empty() {
        true => "no agent is working: it stands at the head of the next agent's prompt".into(),
        false => format!(
            "for {}, if it can be told while it works; else it stands at the head of the next \
             agent's prompt",
            keys.join(", ")
        ),
    }
}
