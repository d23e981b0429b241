//! How runs are stored: what never changes of a run is written once, the rest with every batch that
//! touches it.

use std::collections::BTreeMap;

use baton_core::activity::Usage;
use baton_core::definition::Budget;
use baton_core::ids::{DefinitionId, ProjectId, RunId};
use baton_core::run::event::{Actor, Finished, RunError, SourceKind, Workspace};
use baton_core::run::{Run, Status, WaitReason, Waiting};
use baton_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde_json::Value;

use super::find;
use super::outline::Outlines;
use super::rows::{PauseRow, RunRow};
use super::write::{json, parse};
use crate::folds::phase;

/// The fields of a [`RunRow`] that never change.
#[derive(Serialize)]
struct Fixed<'a> {
    id: RunId,
    number: u64,
    name: &'a str,
    project: ProjectId,
    project_path: &'a str,
    definition: DefinitionId,
    definition_key: &'a str,
    definition_name: &'a str,
    definition_hash: &'a str,
    definition_kind: SourceKind,
    definition_path: &'a str,
    args: &'a Value,
    instruction: Option<&'a str>,
    workspace: Option<&'a Workspace>,
    by: &'a Actor,
    parent: Option<RunId>,
    parent_step: Option<&'a str>,
    directory: &'a str,
    budget: Budget,
    created_at: Timestamp,
}

/// The other fields of a [`RunRow`].
#[derive(Serialize)]
struct Changing<'a> {
    status: &'a str,
    current_phase: Option<&'a str>,
    ended: usize,
    total: usize,
    known: usize,
    waiting: Option<Waiting>,
    pause: Option<PauseRow>,
    cancel_requested_at: Option<Timestamp>,
    cancel_reason: Option<&'a str>,
    error: Option<&'a RunError>,
    outputs: Option<&'a Value>,
    messages: u32,
    artifacts: usize,
    usage: Usage,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    agents: BTreeMap<&'a str, Usage>,
    updated_at: Timestamp,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    paused_at: Option<Timestamp>,
    cancelled_at: Option<Timestamp>,
}

impl<'a> Fixed<'a> {
    fn of(run: &'a Run) -> Self {
        let created = &run.created;
        let parent = created.parent.as_ref();
        Self {
            id: created.run,
            number: created.number,
            name: &created.name,
            project: created.project.id,
            project_path: &created.project.path,
            definition: created.definition.id,
            definition_key: &created.definition.key,
            definition_name: &created.definition.name,
            definition_hash: &created.definition.hash,
            definition_kind: created.definition.kind,
            definition_path: &created.definition.path,
            args: &run.args,
            instruction: created.instruction.as_deref(),
            workspace: created.workspace.as_ref(),
            by: &created.by,
            parent: parent.map(|parent| parent.run),
            parent_step: parent.and_then(|parent| parent.step.as_deref()),
            directory: &created.directory,
            budget: created.budget,
            created_at: run.created_at,
        }
    }
}

impl<'a> Changing<'a> {
    /// As [`RunRow::length_ms`].
    fn length_ms(&self, run: &Run) -> Option<u64> {
        let end = self.completed_at.filter(|_| self.status == "completed")?;
        let length = end.since(self.started_at.unwrap_or(run.created_at));
        u64::try_from(length.as_millis()).ok()
    }

    fn of(run: &'a Run) -> Self {
        let status = &run.status;
        let pause = match status {
            Status::Pending { pause } => pause.as_ref(),
            Status::Running(running) => running.pause.as_ref(),
            Status::Paused(pause) => Some(pause),
            _ => None,
        };
        let (completed_at, cancelled_at) = match status {
            Status::Completed { at, .. } | Status::Failed { at, .. } => (Some(*at), None),
            Status::Cancelled { at, .. } => (None, Some(*at)),
            _ => (None, None),
        };
        Self {
            status: status.word(),
            current_phase: phase(run),
            ended: run.ended,
            total: run.steps.len(),
            known: run.steps.iter().map(|step| 1 + step.items.len()).sum(),
            waiting: run.waiting(),
            pause: pause.map(|pause| PauseRow {
                reason: pause.reason,
                detail: pause.detail.clone(),
                by: pause.by.clone(),
                requested_at: pause.requested_at,
            }),
            cancel_requested_at: match status {
                Status::Cancelling(cancelling) => Some(cancelling.since),
                _ => None,
            },
            cancel_reason: match status {
                Status::Cancelling(cancelling) => cancelling.reason.as_deref(),
                Status::Cancelled { reason, .. } => reason.as_deref(),
                _ => None,
            },
            error: match status {
                Status::Failed { error, .. } => Some(error),
                _ => None,
            },
            outputs: match status {
                Status::Completed { outputs, .. } => Some(outputs),
                _ => None,
            },
            messages: run.messages,
            artifacts: run.artifacts.len(),
            usage: run.usage(),
            agents: run.usage_by_agent(),
            updated_at: run.updated_at,
            started_at: run.started_at,
            completed_at,
            paused_at: match status {
                Status::Paused(pause) => Some(pause.since),
                _ => None,
            },
            cancelled_at,
        }
    }
}

/// The row of what is stored of it.
pub(super) fn join(fixed: &str, changing: &str) -> rusqlite::Result<RunRow> {
    let fixed = fixed.strip_suffix('}').unwrap_or(fixed);
    let changing = changing.strip_prefix('{').unwrap_or(changing);
    parse(&format!("{fixed},{changing}"))
}

/// The row of a run as it stands now, as [`join`] has it after it was written. `None` when it cannot
/// be told, which is a mistake of this module.
pub(super) fn of(run: &Run) -> Option<RunRow> {
    let fixed = json(&Fixed::of(run)).ok()?;
    join(&fixed, &json(&Changing::of(run)).ok()?).ok()
}

/// What became of a run's branch.
pub(super) fn finish(
    number: u64,
    finished: Option<&Finished>,
    connection: &Connection,
) -> rusqlite::Result<()> {
    let finished = finished.map(json).transpose()?;
    connection
        .prepare_cached("UPDATE runs SET finished = ?2 WHERE number = ?1")?
        .execute(params![number, finished])?;
    Ok(())
}

/// Adds to how long a run has waited for what.
pub(super) fn add_waits(
    number: u64,
    more: &BTreeMap<WaitReason, u64>,
    connection: &Connection,
) -> rusqlite::Result<()> {
    let before: Option<Option<String>> = connection
        .prepare_cached("SELECT waits FROM runs WHERE number = ?1")?
        .query_row([number], |row| row.get(0))
        .optional()?;
    let before = before.flatten();
    let mut waits: BTreeMap<WaitReason, u64> = before
        .as_deref()
        .map(parse)
        .transpose()?
        .unwrap_or_default();
    for (reason, ms) in more {
        *waits.entry(*reason).or_default() += ms;
    }
    connection
        .prepare_cached("UPDATE runs SET waits = ?2 WHERE number = ?1")?
        .execute(params![number, json(&waits)?])?;
    Ok(())
}

/// Writes a run as it stands now. `is_moved`: its status may be another than before, or it is new.
pub(super) fn write(
    run: &Run,
    is_moved: bool,
    outlines: &mut Outlines,
    connection: &Connection,
) -> rusqlite::Result<()> {
    let changing = Changing::of(run);
    let state = json(&changing)?;
    let number = run.created.number;
    if !is_moved {
        connection
            .prepare_cached("UPDATE runs SET phase = ?2, state = ?3 WHERE number = ?1")?
            .execute(params![number, changing.current_phase, state])?;
        return Ok(());
    }
    let length = changing.length_ms(run);
    let known = connection
        .prepare_cached(
            "UPDATE runs SET status = ?2, phase = ?3, length = ?4, state = ?5 WHERE number = ?1",
        )?
        .execute(params![
            number,
            changing.status,
            changing.current_phase,
            length,
            state
        ])?;
    if known > 0 {
        return Ok(());
    }
    let fixed = Fixed::of(run);
    connection
        .prepare_cached(
            "INSERT INTO runs (number, id, project, definition, key, status, phase, parent,
             length, outline, data, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            number,
            fixed.id.to_string(),
            fixed.project.to_string(),
            fixed.definition.to_string(),
            fixed.definition_key,
            changing.status,
            changing.current_phase,
            fixed.parent.map(|parent| parent.to_string()),
            length,
            outlines.of(&run.plan, connection)?,
            json(&fixed)?,
            state,
        ])?;
    find::note(connection, number, fixed.name)
}
