//! Doing something to a run or to a step of it, and saying what came of it.

use serde_json::{Value, json};

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::find;
use super::watch::view::RunView;

/// Does `verb` to a run.
pub async fn on_run(
    context: &Context,
    word: &str,
    verb: &str,
    body: &Value,
) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = find::run(&client, word).await?;
    let id = run["id"].as_str().unwrap_or_default();
    let path = format!("/api/workflow-executions/{id}/{verb}");
    let answer = client.post(&path, body).await?;
    if context.json {
        print_json(&answer);
        return Ok(Exit::Done);
    }
    let mut after = RunView::from_json(&answer["data"]);
    after.number = run["number"].as_u64().unwrap_or_default();
    let verb = match body["immediate"] == true {
        true => "pause now",
        false => verb,
    };
    print_line(&said(verb, &after));
    Ok(Exit::Done)
}

/// What a person reads: never more than is true yet.
fn said(verb: &str, run: &RunView) -> String {
    let number = run.number;
    match (verb, run.status.as_str()) {
        ("pause", "paused") => format!("run {number} is paused"),
        ("pause now", "paused") => format!("run {number} is paused"),
        ("pause now", _) => format!("run {number} pauses: its agents are interrupted"),
        ("pause", _) => format!("run {number} pauses when the steps that are running have ended"),
        ("cancel", "cancelled") => format!("run {number} is cancelled"),
        ("cancel", _) => format!("run {number} is being cancelled: its processes are being ended"),
        _ => format!("run {number} goes on"),
    }
}

/// A yes or a no.
#[derive(Debug, Default)]
pub struct Verdict {
    /// `approve` or `reject`.
    pub verb: &'static str,
    /// The step; the only one that waits, when not named.
    pub step: Option<String>,
    /// Words that go with it.
    pub message: Option<String>,
    /// Not to be asked again.
    pub remember: bool,
}

/// Approves or rejects what a run asks. Of an agent the question that is open now, and no other.
pub async fn answer(context: &Context, word: &str, verdict: Verdict) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = RunView::from_json(&find::run(&client, word).await?);
    let step = find::approval(&run, verdict.step.as_deref())?;
    let mut body = json!({});
    if let Some(message) = verdict.message {
        body["message"] = json!(message);
    }
    if let Some(asked) = step.question() {
        body["question_id"] = json!(asked.id);
        body["remember"] = json!(verdict.remember);
    }
    let verb = verdict.verb;
    let path = format!("/api/workflow-steps/{}/{verb}", step.id);
    let answer = client.post(&path, &body).await?;
    if context.json {
        print_json(&answer);
    } else {
        let done = if verb == "approve" {
            "approved"
        } else {
            "rejected"
        };
        print_line(&format!("run {}: {} {done}", run.number, step.key));
    }
    Ok(Exit::Done)
}
