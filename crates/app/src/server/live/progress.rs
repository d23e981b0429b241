//! What running steps write, as it is written: `workflow.step.progress` for their output, and for
//! agents `workflow.step.activity`.

use std::collections::HashMap;

use baton_core::ids::{AttemptId, ProjectId, RunId, StepId};
use baton_core::run::Run;
use baton_core::time::Timestamp;
use serde_json::{Value, json};

use super::lines::Lines;
use super::tail::Tail;
use crate::host::Host;
use crate::server::activities::LONGEST;
use crate::server::wire::activity;

/// The tails of the attempts that are running.
#[derive(Debug, Default)]
pub struct Progress {
    running: HashMap<AttemptId, Running>,
}

/// An attempt that has started.
#[derive(Debug, Clone, Copy)]
pub struct Started<'a> {
    /// Its step.
    pub key: &'a str,
    /// Its id.
    pub attempt: AttemptId,
    /// When.
    pub at: Timestamp,
    /// What it has written already is left out.
    pub from_now: bool,
}

/// Something that was written.
#[derive(Debug)]
pub struct Piece {
    /// The event's type.
    pub kind: &'static str,
    /// Its data.
    pub data: Value,
    /// Whose.
    pub run: RunId,
    /// Of which project.
    pub project: ProjectId,
}

#[derive(Debug)]
struct Running {
    output: Tail,
    activities: Option<Lines>,
    attempt: String,
    since: Timestamp,
    facts: Value,
    run: RunId,
    project: ProjectId,
}

impl Progress {
    /// An attempt has started.
    pub fn started(&mut self, host: &Host, run: &Run, started: Started<'_>) {
        let Started {
            key,
            attempt,
            at,
            from_now,
        } = started;
        let created = &run.created;
        let directories = host.log_directories(&created.project.path, created.run, key);
        let tail = |file: &str| {
            let paths = directories.iter().map(|directory| directory.join(file));
            Tail::new(paths.collect(), 0)
        };
        let mut output = tail("output.log");
        if from_now {
            output.skip(0);
        }
        let is_agent = run.find(key).is_some_and(|at| run.is_agent(at));
        let facts = json!({
            "execution_id": created.run.to_string(),
            "number": created.number,
            "project_id": created.project.id.to_string(),
            "step_id": StepId::of(created.run, key).to_string(),
            "step_key": key,
            "attempt": attempt.to_string(),
        });
        let running = Running {
            output,
            activities: is_agent.then(|| Lines::new(tail("events.jsonl"), from_now, LONGEST)),
            attempt: attempt.to_string(),
            since: at,
            facts,
            run: created.run,
            project: created.project.id,
        };
        self.running.insert(attempt, running);
    }

    /// An attempt has ended: what it has written and was not told yet.
    pub fn ended(&mut self, attempt: AttemptId) -> Vec<Piece> {
        let Some(mut running) = self.running.remove(&attempt) else {
            return Vec::new();
        };
        running.read(true)
    }

    /// What all have written since the last look.
    pub fn look(&mut self) -> Vec<Piece> {
        let running = self.running.values_mut();
        running.flat_map(|running| running.read(false)).collect()
    }

    /// Whether nothing is running.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

impl Running {
    fn read(&mut self, is_last: bool) -> Vec<Piece> {
        let mut told = Vec::new();
        // A file that cannot be read has nothing to tell; the log's own address says why.
        while let Ok(Some(piece)) = self.output.read(is_last) {
            let data = json!({"output": piece.text, "offset": piece.offset});
            told.push(self.piece("workflow.step.progress", data));
        }
        self.activities(&mut told);
        told
    }

    fn activities(&mut self, told: &mut Vec<Piece>) {
        while let Some(lines) = &mut self.activities {
            let lines = lines.read().unwrap_or_default();
            if lines.is_empty() {
                return;
            }
            for line in lines {
                let row = match &line.text {
                    Some(text) => activity::row(text.as_bytes(), &self.attempt, line.offset),
                    None => Some(activity::too_long(&self.attempt, line.offset)),
                };
                let Some(row) = row else { continue };
                let at = row["at"].as_str().and_then(Timestamp::parse);
                // Until its own file is there, that of the attempt before it may be in its place.
                if at.is_none_or(|at| at >= self.since) {
                    told.push(self.piece("workflow.step.activity", row));
                }
            }
        }
    }

    fn piece(&self, kind: &'static str, mut data: Value) -> Piece {
        if let (Some(data), Some(facts)) = (data.as_object_mut(), self.facts.as_object()) {
            data.extend(
                facts
                    .iter()
                    .map(|(name, fact)| (name.clone(), fact.clone())),
            );
        }
        Piece {
            kind,
            data,
            run: self.run,
            project: self.project,
        }
    }
}
