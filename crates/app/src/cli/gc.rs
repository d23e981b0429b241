//! `baton gc`: removes old runs. Only says which, unless told to apply it.

use std::path::Path;
use std::time::Duration;

use baton_core::time::{Timestamp, parse_duration};
use clap::Args;
use serde_json::{Value, json};

use super::context::{Context, print, print_json, print_line};
use super::exit::{Exit, Failure};
use super::watch::now;
use super::watch::view::RunView;
use super::{project, text};
use crate::client::{Client, escape};

/// Remove old finished runs. Says what it would remove; `--apply` removes it.
#[derive(Debug, Args)]
pub struct Gc {
    /// Only runs that ended longer ago than this.
    #[arg(long, value_name = "AGE", default_value = "30d",
        value_parser = |text: &str| parse_duration(text).map_err(|e| e.to_string()))]
    older_than: Duration,
    /// The newest so many of each definition stay, however old.
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep: usize,
    /// Runs of all projects, not only of this one.
    #[arg(short, long)]
    all: bool,
    /// Remove them.
    #[arg(long)]
    apply: bool,
}

/// A run that may go.
struct Old {
    run: RunView,
    bytes: u64,
}

impl Gc {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        let dir = if self.all {
            None
        } else {
            project::nearest(&context.directory)
        };
        let project = match &dir {
            Some(dir) => Some(project::register(&client, dir).await?),
            None => None,
        };
        let finished = finished(&client, project.as_deref()).await?;
        let old = self.old(finished, now());
        let total: u64 = old.iter().map(|old| old.bytes).sum();
        if self.apply {
            for old in &old {
                client
                    .delete(&format!("/api/workflow-executions/{}", old.run.id))
                    .await?;
            }
        }
        if context.json {
            let rows = old
                .iter()
                .map(|old| json!({"id": old.run.id, "number": old.run.number, "bytes": old.bytes}));
            let rows: Vec<Value> = rows.collect();
            print_json(&json!({"data": rows, "bytes": total, "removed": self.apply}));
            return Ok(Exit::Done);
        }
        let rows: Vec<Vec<String>> = old.iter().map(row).collect();
        if !rows.is_empty() {
            print(&text::table(
                &["RUN", "NAME", "STATUS", "AGE", "SIZE"],
                &rows,
            ));
        }
        let what = format!("{}, {}", text::count(old.len(), "run"), text::size(total));
        match (self.apply, old.is_empty()) {
            (_, true) => print_line("nothing to remove"),
            (true, false) => print_line(&format!("removed {what}")),
            (false, false) => print_line(&format!("would remove {what}; --apply does it")),
        }
        Ok(Exit::Done)
    }

    /// Those that are old enough and not among the newest of their definition.
    fn old(&self, runs: Vec<Value>, now: Timestamp) -> Vec<Old> {
        let mut seen = std::collections::HashMap::<String, usize>::new();
        let mut runs: Vec<(RunView, Value)> = runs
            .into_iter()
            .map(|run| (RunView::from_json(&run), run))
            .collect();
        runs.sort_by_key(|(run, _)| std::cmp::Reverse(run.number));
        runs.retain(|(run, _)| {
            let newer = seen.entry(run.definition.clone()).or_default();
            *newer += 1;
            let age = run.ended.map(|ended| now.since(ended));
            *newer > self.keep && run.is_finished() && age.is_some_and(|age| age >= self.older_than)
        });
        let with_size = |(run, json): (RunView, Value)| {
            let bytes = json["size_bytes"]
                .as_u64()
                .unwrap_or_else(|| files(&json, &run.id));
            Old { run, bytes }
        };
        runs.into_iter().map(with_size).collect()
    }
}

fn row(old: &Old) -> Vec<String> {
    let age = old
        .run
        .ended
        .map(|ended| text::duration(now().since(ended)));
    vec![
        old.run.number.to_string(),
        text::cut(&text::safe(&old.run.name), 40),
        old.run.status.clone(),
        age.unwrap_or_default(),
        text::size(old.bytes),
    ]
}

async fn finished(client: &Client, project: Option<&str>) -> Result<Vec<Value>, Failure> {
    let mut base =
        "/api/workflow-executions?limit=200&status=completed,failed,cancelled".to_owned();
    if let Some(project) = project {
        base = format!("{base}&project_id={}", escape(project));
    }
    let mut runs = Vec::new();
    let mut path = base.clone();
    loop {
        let mut page = client.get(&path).await?;
        if let Value::Array(data) = page["data"].take() {
            runs.extend(data);
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{base}&cursor={}", escape(cursor)),
            None => return Ok(runs),
        }
    }
}

/// The size of a run's files, when the host does not say it.
fn files(run: &Value, id: &str) -> u64 {
    let project = run["path"].as_str().or(run["project"]["path"].as_str());
    project.map_or(0, |project| {
        size_of(
            &Path::new(project)
                .join(".agent/workflows/executions")
                .join(id),
        )
    })
}

fn size_of(path: &Path) -> u64 {
    let Ok(about) = path.symlink_metadata() else {
        return 0;
    };
    if !about.is_dir() {
        return about.len();
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size_of(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_runs_go_but_the_newest_of_a_definition_stay() {
        let gc = Gc {
            older_than: Duration::from_secs(86_400),
            keep: 1,
            all: false,
            apply: false,
        };
        let run = |number: u64, key: &str, status: &str, ended: &str| {
            json!({"number": number, "status": status, "completed_at": ended, "size_bytes": 1,
                "workflow_definition": {"key": key}})
        };
        let old = "2026-01-01T00:00:00Z";
        let runs = vec![
            run(1, "a", "completed", old),
            run(2, "a", "failed", old),
            run(3, "a", "completed", old),
            run(4, "b", "completed", old),
            run(5, "a", "completed", "2026-01-09T12:00:00Z"),
            run(6, "a", "running", old),
        ];
        let now = Timestamp::parse("2026-01-10T00:00:00Z").unwrap();
        let numbers: Vec<u64> = gc.old(runs, now).iter().map(|old| old.run.number).collect();
        assert_eq!(numbers, [3, 2, 1]);
    }
}
