//! The output of running steps, as it is written: `workflow.step.progress`.

use std::collections::HashMap;

use baton_core::ids::{AttemptId, StepId};
use baton_core::run::Run;
use serde_json::{Value, json};

use super::tail::Tail;
use crate::host::Host;

/// The tails of the attempts that are running.
#[derive(Debug, Default)]
pub struct Progress {
    running: HashMap<AttemptId, Running>,
}

#[derive(Debug)]
struct Running {
    tail: Tail,
    facts: Value,
}

impl Progress {
    /// An attempt has started; `from_now` leaves out what it has written already.
    pub fn started(
        &mut self,
        host: &Host,
        run: &Run,
        key: &str,
        attempt: AttemptId,
        from_now: bool,
    ) {
        let created = &run.created;
        let directories = host.log_directories(&created.project.path, created.run, key);
        let paths = directories
            .into_iter()
            .map(|directory| directory.join("output.log"));
        let mut tail = Tail::new(paths.collect(), 0);
        if from_now {
            tail.skip();
        }
        let facts = json!({
            "execution_id": created.run.to_string(),
            "number": created.number,
            "project_id": created.project.id.to_string(),
            "step_id": StepId::of(created.run, key).to_string(),
            "step_key": key,
            "attempt": attempt.to_string(),
        });
        self.running.insert(attempt, Running { tail, facts });
    }

    /// An attempt has ended: what it has written and was not told yet.
    pub fn ended(&mut self, attempt: AttemptId) -> Vec<Value> {
        let Some(mut running) = self.running.remove(&attempt) else {
            return Vec::new();
        };
        running.read(true)
    }

    /// What all have written since the last look.
    pub fn look(&mut self) -> Vec<Value> {
        let running = self.running.values_mut();
        running.flat_map(|running| running.read(false)).collect()
    }

    /// Whether nothing is running.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

impl Running {
    fn read(&mut self, is_last: bool) -> Vec<Value> {
        let mut told = Vec::new();
        // A file that cannot be read has nothing to tell; the log's own address says why.
        while let Ok(Some(piece)) = self.tail.read(is_last) {
            let mut data = self.facts.clone();
            data["output"] = piece.text.into();
            data["offset"] = piece.offset.into();
            told.push(data);
        }
        told
    }
}
