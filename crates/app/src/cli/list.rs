//! `baton list`: the runs.

use clap::Args;

use super::context::{Context, print, print_json};
use super::exit::{Exit, Failure};
use super::watch::now;
use super::watch::view::RunView;
use super::{project, text};
use crate::client::escape;

/// List runs, the newest first.
#[derive(Debug, Args)]
pub struct List {
    /// Only runs of this status; may be repeated.
    #[arg(long, value_name = "STATUS",
        value_parser = ["pending", "running", "paused", "completed", "failed", "cancelled"])]
    status: Vec<String>,
    /// Only runs of this definition.
    #[arg(long, value_name = "KEY")]
    definition: Option<String>,
    /// Only runs with these words in their name.
    #[arg(short, long, value_name = "TEXT")]
    query: Option<String>,
    /// Runs of all projects, not only of this one.
    #[arg(short, long)]
    all: bool,
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
}

impl List {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        let mut path = format!("/api/workflow-executions?limit={}", self.limit);
        if !self.all
            && let Some(dir) = project::nearest(&context.directory)
        {
            let id = project::register(&client, &dir).await?;
            path = format!("{path}&project_id={}", escape(&id));
        }
        for status in &self.status {
            path = format!("{path}&status={status}");
        }
        for (name, value) in [("definition", &self.definition), ("q", &self.query)] {
            if let Some(value) = value {
                path = format!("{path}&{name}={}", escape(value));
            }
        }
        let answer = client.get(&path).await?;
        if context.json {
            print_json(&answer);
            return Ok(Exit::Done);
        }
        let runs = answer["data"].as_array().into_iter().flatten();
        let rows: Vec<Vec<String>> = runs.map(|run| row(&RunView::from_json(run))).collect();
        if rows.is_empty() {
            eprintln!("no runs yet: `baton run DEFINITION` starts one");
            return Ok(Exit::Done);
        }
        print(&text::table(
            &["RUN", "NAME", "STATUS", "STEPS", "AGE", "TOOK", "ID"],
            &rows,
        ));
        if answer["next_cursor"].is_string() {
            eprintln!("there are more: --limit shows up to 200");
        }
        Ok(Exit::Done)
    }
}

fn row(run: &RunView) -> Vec<String> {
    let (done, all) = run.progress();
    let status = match &run.waiting {
        Some(waiting) if run.status == "running" => format!("running ({})", waiting.reason),
        _ => run.status.clone(),
    };
    let age = run.started.map(|from| text::duration(now().since(from)));
    let took = run.started.zip(run.ended).map(|(from, to)| to.since(from));
    vec![
        run.number.to_string(),
        text::cut(&text::safe(&run.name), 40),
        status,
        format!("{done}/{all}"),
        age.unwrap_or_default(),
        took.map(text::duration).unwrap_or_default(),
        run.id.clone(),
    ]
}
