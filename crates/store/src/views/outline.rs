//! What a definition says of itself and its declared steps: stored once for all its runs.

use std::collections::HashMap;
use std::sync::Arc;

use baton_core::definition::{self, Action, Definition, StepKind};
use baton_core::run::Plan;
use baton_core::run::big::hash;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::write::json;

/// Outlines whose numbers are remembered.
const CAPACITY: usize = 512;

/// See the module.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outline {
    /// What it does, in its own words.
    pub description: Option<String>,
    /// Its phases, in board order.
    pub phases: Vec<Phase>,
    /// Its steps, in file order. Of a program none: its steps are told by the run.
    pub steps: Vec<Arc<Declared>>,
}

/// A phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Phase {
    pub id: String,
    pub label: String,
}

/// A declared step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Declared {
    pub key: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    pub kind: StepKind,
    /// Of an agent step: which agent, as the definition names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Of an approval: `fail`, `approve` or `reject` when nobody answers in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<String>,
    /// Keys of the steps it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// How often it is tried, at most.
    pub attempts: u32,
}

impl Outline {
    /// The outline of a definition.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let phases = definition.phases.iter();
        let phases = phases.map(|phase| Phase {
            id: phase.id.clone(),
            label: phase.label.clone(),
        });
        let is_program = definition.program.is_some();
        let steps = definition.steps.iter().filter(|_| !is_program);
        let steps = steps.map(|step| Arc::new(Declared::of(definition, step)));
        Self {
            description: definition.description.clone(),
            phases: phases.collect(),
            steps: steps.collect(),
        }
    }
}

impl Declared {
    /// A step of this definition.
    pub(super) fn of(definition: &Definition, step: &definition::Step) -> Self {
        let needs = step.needs.iter();
        let needs = needs.filter_map(|&need| Some(definition.steps.get(need)?.id.clone()));
        Self {
            key: step.id.clone(),
            name: step.name.clone(),
            phase: step.phase.clone(),
            kind: step.action.kind(),
            agent: match &step.action {
                Action::Agent(agent) => Some(agent.agent.clone()),
                _ => None,
            },
            on_timeout: match &step.action {
                Action::Approval(approval) => Some(approval.on_timeout.word().into()),
                _ => None,
            },
            needs: needs.collect(),
            attempts: step.retry.attempts,
        }
    }
}

/// The numbers of outlines that were written, by plan. The plan is held so that its address is not
/// used again.
#[derive(Default)]
pub(super) struct Outlines {
    by_plan: HashMap<usize, (Arc<Plan>, i64)>,
    /// Those of programs, whose plans grow with their runs, by the definition's version.
    of_programs: HashMap<String, (Outline, i64)>,
}

impl Outlines {
    /// Forgets all, after what was written may have been undone.
    pub(super) fn clear(&mut self) {
        self.by_plan.clear();
        self.of_programs.clear();
    }

    /// The number of this plan's outline, which is written when there is none.
    pub(super) fn of(
        &mut self,
        plan: &Arc<Plan>,
        connection: &Connection,
    ) -> rusqlite::Result<i64> {
        let is_program = plan.definition.program.is_some();
        let address = Arc::as_ptr(plan).addr();
        if let Some((_, n)) = self.by_plan.get(&address) {
            return Ok(*n);
        }
        let outline = Outline::of(&plan.definition);
        let version = &plan.definition.hash;
        let written = self.of_programs.get(version);
        if let Some((_, n)) = written.filter(|(of, _)| is_program && *of == outline) {
            return Ok(*n);
        }
        let data = json(&outline)?;
        let n = connection
            .prepare_cached(
                "INSERT INTO outlines (hash, data) VALUES (?1, ?2)
                 ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING n",
            )?
            .query_row([hash(&data), data], |row| row.get(0))?;
        if self.by_plan.len() + self.of_programs.len() >= CAPACITY {
            self.clear();
        }
        if is_program {
            self.of_programs.insert(version.clone(), (outline, n));
        } else {
            self.by_plan.insert(address, (plan.clone(), n));
        }
        Ok(n)
    }
}
