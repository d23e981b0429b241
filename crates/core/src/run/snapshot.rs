//! A folded state as bytes: a cache of the journal, never the truth. One that does not fit this
//! version is thrown away and the journal folded again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::artifact::Artifact;
use super::big::Big;
use super::event::{Action, RunCreated};
use super::outbox::Outbox;
use super::plan::Plan;
use super::program::{Program, ProgramEnd};
use super::redirect::Redirect;
use super::session::{Files, Instruction, Spending};
use super::state::{At, Checkpoint, Leaving, Run, Slot, Status, Step};
use crate::ids::{ArtifactId, RunId};
use crate::time::Timestamp;

/// Raised whenever a folded state means something else than before.
pub const SNAPSHOT_VERSION: u32 = 6;

/// Everything of a run that is not shared or derived. Long texts stand in it by their hash.
#[derive(Debug, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    created: RunCreated,
    created_at: Timestamp,
    updated_at: Timestamp,
    started_at: Option<Timestamp>,
    status: Status,
    slot: Slot,
    slot_request: Option<u32>,
    steps: Vec<Step>,
    ready: BTreeSet<At>,
    active: BTreeSet<At>,
    timers: BTreeSet<(Timestamp, At)>,
    ends: u64,
    checkpoints: BTreeMap<u32, Checkpoint>,
    next_checkpoint: u32,
    leaving: BTreeMap<RunId, Leaving>,
    outbox: Outbox,
    messages: u32,
    open_messages: BTreeMap<u32, Action>,
    instructions: BTreeMap<u32, Instruction>,
    redirect: Option<Redirect>,
    held: bool,
    artifacts: BTreeMap<ArtifactId, Artifact>,
    files: Files,
    spending: Spending,
    running_ms: u64,
    running_since: Option<Timestamp>,
    program: Option<Program>,
}

impl Snapshot {
    /// The snapshot of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            version: SNAPSHOT_VERSION,
            created: (*run.created).clone(),
            created_at: run.created_at,
            updated_at: run.updated_at,
            started_at: run.started_at,
            status: run.status.clone(),
            slot: run.slot,
            slot_request: run.slot_request,
            steps: run.steps.clone(),
            ready: run.ready.clone(),
            active: run.active.clone(),
            timers: run.timers.clone(),
            ends: run.ends,
            checkpoints: run.checkpoints.clone(),
            next_checkpoint: run.next_checkpoint,
            leaving: run.leaving.clone(),
            outbox: run.outbox.clone(),
            messages: run.messages,
            open_messages: run.open_messages.clone(),
            instructions: run.instructions.clone(),
            redirect: run.redirect,
            held: run.held,
            artifacts: run.artifacts.clone(),
            files: run.files.clone(),
            spending: run.spending,
            running_ms: run.running_ms,
            running_since: run.running_since,
            program: run.program.clone(),
        }
    }

    /// Every text that may be stored by hash: to be resolved before [`Snapshot::restore`].
    pub fn bigs(&mut self) -> Vec<&mut Big> {
        fn of(step: &mut Step) -> Vec<&mut Big> {
            let output = &mut step.last_output;
            let own = [&mut output.result, &mut output.data, &mut output.outputs];
            let own = own.into_iter().flatten();
            own.chain(step.items.iter_mut().flat_map(of)).collect()
        }
        let mut bigs = self.created.bigs();
        bigs.extend(self.steps.iter_mut().flat_map(of));
        bigs.extend(self.outbox.bigs());
        if let Some(program) = &mut self.program {
            bigs.extend(program.declared.iter_mut().map(|step| &mut step.options));
            if let Some(ProgramEnd::Returned(outputs)) = &mut program.end {
                bigs.push(outputs);
            }
        }
        bigs
    }

    /// The run's first event, for its plan.
    #[must_use]
    pub fn created(&self) -> &RunCreated {
        &self.created
    }

    /// The run again; `None` when the snapshot does not fit this version or this plan.
    #[must_use]
    pub fn restore(self, plan: Arc<Plan>) -> Option<Run> {
        let mut plan = plan;
        for step in self.program.iter().flat_map(|program| &program.declared) {
            let options = step.options.as_str();
            Arc::make_mut(&mut plan).declare(&step.key, options).ok()?;
        }
        let fits = self.version == SNAPSHOT_VERSION
            && self.steps.len() == plan.definition.steps.len()
            && self
                .steps
                .iter()
                .zip(&plan.definition.steps)
                .all(|(s, d)| s.key == d.id);
        if !fits {
            return None;
        }
        let args = serde_json::from_str(self.created.args.as_str()).ok()?;
        let mut run = Run {
            created: Arc::new(self.created),
            created_at: self.created_at,
            updated_at: self.updated_at,
            started_at: self.started_at,
            args,
            status: self.status,
            slot: self.slot,
            slot_request: self.slot_request,
            ended: self
                .steps
                .iter()
                .filter(|step| step.state.is_ended())
                .count(),
            steps: self.steps,
            ready: BTreeSet::new(),
            active: self.active,
            timers: self.timers,
            open_needs: Vec::new(),
            ends: self.ends,
            values: Arc::new(HashMap::new()),
            checkpoints: self.checkpoints,
            next_checkpoint: self.next_checkpoint,
            leaving: self.leaving,
            outbox: self.outbox,
            messages: self.messages,
            open_messages: self.open_messages,
            instructions: self.instructions,
            redirect: self.redirect,
            held: self.held,
            artifacts: self.artifacts,
            files: self.files,
            spending: self.spending,
            running_ms: self.running_ms,
            running_since: self.running_since,
            program: self.program,
            plan,
        };
        run.rebuild_frontier();
        run.ready = self.ready;
        for index in 0..run.steps.len() {
            if run.steps[index].state.is_ended() {
                run.note_value(index);
            }
        }
        Some(run)
    }
}
