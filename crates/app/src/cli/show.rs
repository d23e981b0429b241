//! `baton show`: one run.

use baton_core::time::Timestamp;
use clap::Args;
use serde_json::{Value, json};

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::watch::view::RunView;
use super::{find, text, watch};

/// Show a run: its steps, and why it is not advancing.
#[derive(Debug, Args)]
pub struct Show {
    /// An id, a number, or the unique beginning of an id.
    run: String,
}

impl Show {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        let run = find::run(&client, &self.run).await?;
        if context.json {
            print_json(&json!({"data": run}));
            return Ok(Exit::Done);
        }
        let view = RunView::from_json(&run);
        for line in watch::still(&view) {
            print_line(&line.paint(context.color));
        }
        for (name, value) in facts(&run, &view) {
            print_line(&format!("  {name:<12} {}", text::safe(&value)));
        }
        Ok(Exit::Done)
    }
}

fn facts(run: &Value, view: &RunView) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("id", view.id.clone()),
        ("definition", view.definition.clone()),
    ];
    if run["args"].as_object().is_some_and(|args| !args.is_empty()) {
        facts.push(("args", run["args"].to_string()));
    }
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    facts.extend(time(view.started).map(|at| ("started", at)));
    facts.extend(time(view.ended).map(|at| ("ended", at)));
    if let Some(parent) = run["parent_run_id"].as_str() {
        facts.push(("parent", parent.to_owned()));
    }
    let children = run["children"].as_array().map_or(0, Vec::len);
    if children > 0 {
        facts.push(("children", children.to_string()));
    }
    if let Some(branch) = run["worktree"]["branch"].as_str() {
        facts.push(("branch", branch.to_owned()));
        facts.push(("works in", view.path.clone()));
    }
    if let Some(detail) = run["worktree"]["finished"]["detail"].as_str() {
        facts.push(("finished", detail.to_owned()));
    }
    if let Some(usage) = &view.usage {
        facts.push(("used", usage.clone()));
    }
    if let Some(outputs) = &view.outputs {
        facts.push(("outputs", outputs.to_string()));
    }
    facts.retain(|(_, value)| !value.is_empty());
    facts
}
