//! How steps are stored: what runs of one definition share stands in an outline, what a step has
//! come to in a row of its own. A step that has done nothing yet has no row.

use std::borrow::Cow;
use std::collections::HashMap;

use baton_core::ids::{RunId, StepId};
use baton_core::run::big::Big;
use baton_core::run::event::{SkipReason, StepError};
use baton_core::run::{At, Run, Session, State, Step, WaitReason, Waiting};
use baton_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::outline::{Declared, Outline};
use super::rows::{RunRow, StepRow};
use super::write::{json, parse};

/// The `item` of a step that is not an item.
const WHOLE: i64 = -1;

/// What a step has come to.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Stored<'a> {
    status: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<Waiting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'a, Session>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    child: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<SkipReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, StepError>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Cow<'a, str>>,
    /// JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Cow<'a, str>>,
    /// JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: Cow<'a, [String]>,
    #[serde(skip_serializing_if = "is_zero")]
    attempts: u32,
    /// How many items it has.
    #[serde(skip_serializing_if = "is_zero")]
    items: u32,
    /// What a step is that no outline tells of: one that a program asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<Declared>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Whether a step is as the outline tells.
fn is_new(step: &Step) -> bool {
    matches!(step.state, State::Pending)
        && step.tries == 0
        && step.started_at.is_none()
        && step.ended_at.is_none()
        && step.items.is_empty()
}

impl<'a> Stored<'a> {
    fn of(step: &'a Step) -> Self {
        let output = &step.last_output;
        let text = |big: &'a Option<Big>| Some(Cow::from(big.as_ref()?.as_str()));
        Self {
            status: step.state.word().into(),
            started_at: step.started_at,
            completed_at: step.ended_at,
            waiting: waiting(step),
            session: step.session.as_deref().map(Cow::Borrowed),
            workflow: match &step.state {
                State::Child { workflow, .. } => Some(workflow.as_str().into()),
                _ => None,
            },
            skipped: match &step.state {
                State::Skipped(reason) => Some(*reason),
                _ => None,
            },
            child: match &step.state {
                State::Child { run, .. } => Some(*run),
                _ => None,
            },
            error: match &step.state {
                State::Failed(error) => Some(Cow::Borrowed(error)),
                State::Backoff { .. } => step.failures.last().map(Cow::Borrowed),
                _ => None,
            },
            result: text(&output.result),
            data: text(&output.data),
            outputs: text(&output.outputs),
            exit_code: output.exit_code,
            stderr: output.stderr.as_deref().map(Cow::from),
            warnings: Cow::from(&output.warnings),
            attempts: step.tries,
            items: u32::try_from(step.items.len()).unwrap_or(u32::MAX),
            declared: None,
        }
    }

    /// As [`Self::of`], with what its run's outline does not tell.
    fn at(run: &'a Run, at: At, step: &'a Step) -> Self {
        let asked = run.program.is_some() && at.item.is_none();
        Self {
            declared: asked.then(|| Declared::of(&run.plan.definition, run.declared(at))),
            ..Self::of(step)
        }
    }
}

/// Why a step that is running does not advance.
fn waiting(step: &Step) -> Option<Waiting> {
    let wait = |reason, since: Timestamp, until: Option<Timestamp>, detail: String| {
        Some(Waiting {
            reason,
            since,
            until,
            detail,
        })
    };
    match &step.state {
        State::Approval {
            message,
            expires,
            since,
        } => wait(WaitReason::Approval, *since, *expires, message.clone()),
        State::AskLost { since } => {
            let detail = "its attempt was lost; run it again?";
            wait(WaitReason::Approval, *since, None, detail.into())
        }
        State::Timer { until, since } => {
            let detail = format!("until {until}");
            wait(WaitReason::Timer, *since, Some(*until), detail)
        }
        State::Backoff { until, since } => {
            let failure = step.failures.last();
            let detail = failure.map(|error| error.message.clone());
            let detail = detail.unwrap_or_default();
            wait(WaitReason::Retry, *since, Some(*until), detail)
        }
        State::UsageLimit {
            until,
            since,
            detail,
        } => wait(WaitReason::UsageLimit, *since, Some(*until), detail.clone()),
        State::Child {
            run,
            expires,
            since,
            ..
        } => {
            let detail = format!("its child run {run}");
            wait(WaitReason::Child, *since, *expires, detail)
        }
        State::AwaitsMerge { since } => {
            let detail = "it is done; its work is merged after that of the items before it";
            wait(WaitReason::Worker, *since, None, detail.into())
        }
        State::Merging { since } => {
            let detail = "its work is being merged";
            wait(WaitReason::Worker, *since, None, detail.into())
        }
        State::Working { .. } => {
            let asked = step.session.as_deref()?.unanswered()?;
            let text = asked.question.text.clone();
            wait(WaitReason::Question, asked.since, None, text)
        }
        State::Pending
        | State::Settling
        | State::Items { .. }
        | State::Completed
        | State::Failed(_)
        | State::Skipped(_)
        | State::Cancelled => None,
    }
}

/// Which steps of a run are to be written.
#[derive(Default)]
pub(super) struct Dirty {
    /// All, and no others.
    pub(super) all: bool,
    /// These; may hold some twice.
    pub(super) some: Vec<At>,
    /// All items of these, and no others.
    pub(super) listed: Vec<usize>,
}

impl Dirty {
    /// The step or item of this key, and the step that an item is of.
    pub(super) fn step(&mut self, run: &Run, key: &str) {
        if self.all {
            return;
        }
        let Some(at) = run.find(key) else { return };
        self.some.push(at);
        if at.item.is_some() {
            self.some.push(At { item: None, ..at });
        }
    }

    /// Writes them as they stand now.
    pub(super) fn write(&mut self, run: &Run, connection: &Connection) -> rusqlite::Result<()> {
        let number = run.created.number;
        if self.all {
            connection
                .prepare_cached("DELETE FROM steps WHERE run = ?1")?
                .execute([number])?;
            let asked = run.program.is_some();
            let begun = run.all().filter(|(_, step)| asked || !is_new(step));
            self.some = begun.map(|(at, _)| at).collect();
        } else {
            for &step in &self.listed {
                connection
                    .prepare_cached("DELETE FROM steps WHERE run = ?1 AND step = ?2 AND item >= 0")?
                    .execute(params![number, step])?;
                let items = run.steps[step].items.iter().enumerate();
                let begun = items.filter(|(_, item)| !is_new(item));
                self.some.extend(begun.map(|(item, _)| At {
                    step,
                    item: Some(item),
                }));
            }
            self.some.sort_unstable();
            self.some.dedup();
        }
        let mut put = connection.prepare_cached(
            "INSERT OR REPLACE INTO steps (run, step, item, data) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for at in &self.some {
            let Some(step) = run.step(*at) else { continue };
            let item = item_column(at.item);
            if is_new(step) && run.program.is_none() {
                connection
                    .prepare_cached("DELETE FROM steps WHERE run = ?1 AND step = ?2 AND item = ?3")?
                    .execute(params![number, at.step, item])?;
            } else {
                put.execute(params![
                    number,
                    at.step,
                    item,
                    json(&Stored::at(run, *at, step))?
                ])?;
            }
        }
        Ok(())
    }
}

fn item_column(item: Option<usize>) -> i64 {
    item.map_or(WHOLE, |item| i64::try_from(item).unwrap_or(i64::MAX))
}

/// A row made of both.
fn row(run: RunId, declared: &Declared, at: At, stored: Option<&Stored<'_>>) -> StepRow {
    let new = Stored {
        status: State::Pending.word().into(),
        ..Stored::default()
    };
    let stored = stored.unwrap_or(&new);
    let key = match at.item {
        Some(item) => format!("{}.{item}", declared.key),
        None => declared.key.clone(),
    };
    let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let value = |text: &Option<Cow<'_, str>>| serde_json::from_str(text.as_deref()?).ok();
    StepRow {
        id: StepId::of(run, &key),
        run,
        name: declared.name.clone(),
        phase: declared.phase.clone(),
        kind: declared.kind.clone(),
        agent: declared.agent.clone(),
        on_timeout: declared.on_timeout.clone(),
        needs: declared.needs.clone(),
        max_attempts: declared.attempts,
        status: stored.status.to_string(),
        index: at.step,
        item: at.item,
        started_at: stored.started_at,
        completed_at: stored.completed_at,
        waiting: stored.waiting.clone(),
        session: stored.session.as_deref().cloned().map(Box::new),
        child: stored.child,
        workflow: text(&stored.workflow),
        skipped: stored.skipped,
        error: stored.error.as_deref().cloned(),
        result: text(&stored.result),
        data: value(&stored.data),
        outputs: value(&stored.outputs),
        exit_code: stored.exit_code,
        stderr: text(&stored.stderr),
        warnings: stored.warnings.to_vec(),
        attempts: stored.attempts,
        key,
    }
}

/// The rows of a folded run's steps and items, in file order.
pub(super) fn of_folded(run: &Run) -> Vec<StepRow> {
    run.all().map(|(at, step)| one_of(run, at, step)).collect()
}

/// The row of a folded run's step.
pub(super) fn one_of(run: &Run, at: At, step: &Step) -> StepRow {
    let declared = Declared::of(&run.plan.definition, run.declared(at));
    let stored = Stored::of(step);
    row(run.created.run, &declared, at, Some(&stored))
}

/// A run's steps and items, in file order.
pub(super) fn of_run(connection: &Connection, run: &RunRow) -> rusqlite::Result<Vec<StepRow>> {
    let mut stored: HashMap<(usize, i64), Stored<'static>> = HashMap::new();
    let mut statement =
        connection.prepare_cached("SELECT step, item, data FROM steps WHERE run = ?1")?;
    let mut rows = statement.query([run.number])?;
    while let Some(row) = rows.next()? {
        let place = (row.get(0)?, row.get(1)?);
        stored.insert(place, parse(row.get_ref(2)?.as_str()?)?);
    }
    let asked = asked(run.outline.steps.len(), &mut stored);
    let mut found = Vec::with_capacity(run.total);
    for (step, declared) in run.outline.steps.iter().chain(&asked).enumerate() {
        let mut put = |item: Option<usize>| {
            let own = stored.get(&(step, item_column(item)));
            found.push(row(run.id, declared, At { step, item }, own));
            own.map_or(0, |own| own.items as usize)
        };
        let items = put(None);
        for item in 0..items {
            put(Some(item));
        }
    }
    Ok(found)
}

/// The steps that a program asked for, after so many that are declared.
fn asked(declared: usize, stored: &mut HashMap<(usize, i64), Stored<'_>>) -> Vec<Declared> {
    let mut found = Vec::new();
    while let Some(asked) = stored.get_mut(&(declared + found.len(), WHOLE)) {
        let Some(declared) = asked.declared.take() else {
            break;
        };
        found.push(declared);
    }
    found
}

/// The step of this id.
pub(super) fn of_id(connection: &Connection, id: StepId) -> rusqlite::Result<Option<StepRow>> {
    // A step's id begins with the time of its run's.
    let time = format!("run_{:012x}", id.bits() >> 80);
    let mut statement = connection.prepare_cached(
        "SELECT r.number, r.id, o.data FROM runs r JOIN outlines o ON o.n = r.outline
         WHERE r.id >= ?1 AND r.id < ?1 || '~'",
    )?;
    let mut candidates = statement.query([time])?;
    while let Some(candidate) = candidates.next()? {
        let number: i64 = candidate.get(0)?;
        let run = parse(&format!("\"{}\"", candidate.get_ref(1)?.as_str()?))?;
        let outline: Outline = parse(candidate.get_ref(2)?.as_str()?)?;
        let outline = outline.steps;
        if let Some(at) = find(connection, (run, number), &outline, id)? {
            let data: Option<String> = connection
                .prepare_cached(
                    "SELECT data FROM steps WHERE run = ?1 AND step = ?2 AND item = ?3",
                )?
                .query_row(params![number, at.step, item_column(at.item)], |row| {
                    row.get(0)
                })
                .optional()?;
            let stored: Option<Stored<'_>> = data.as_deref().map(parse).transpose()?;
            let own = stored.as_ref().and_then(|stored| stored.declared.as_ref());
            let declared = outline.get(at.step).or(own);
            return Ok(declared.map(|declared| row(run, declared, at, stored.as_ref())));
        }
    }
    Ok(None)
}

fn find(
    connection: &Connection,
    (run, number): (RunId, i64),
    outline: &[Declared],
    id: StepId,
) -> rusqlite::Result<Option<At>> {
    let is_it = |declared: &Declared| StepId::of(run, &declared.key) == id;
    if let Some(step) = outline.iter().position(is_it) {
        return Ok(Some(At { step, item: None }));
    }
    let mut statement = connection.prepare_cached(
        "SELECT step, data FROM steps WHERE run = ?1 AND item = -1 AND instr(data, '\"declared\":')",
    )?;
    let mut rows = statement.query([number])?;
    while let Some(row) = rows.next()? {
        let stored: Stored<'_> = parse(row.get_ref(1)?.as_str()?)?;
        if stored.declared.as_ref().is_some_and(is_it) {
            let step = row.get(0)?;
            return Ok(Some(At { step, item: None }));
        }
    }
    // Only steps that have items are asked for theirs.
    let mut statement = connection.prepare_cached(
        "SELECT step, data FROM steps WHERE run = ?1 AND item = -1 AND instr(data, '\"items\":')",
    )?;
    let mut rows = statement.query([number])?;
    while let Some(row) = rows.next()? {
        let step: usize = row.get(0)?;
        let stored: Stored<'_> = parse(row.get_ref(1)?.as_str()?)?;
        let Some(declared) = outline.get(step) else {
            continue;
        };
        let is_it = |item: &u32| StepId::of(run, &format!("{}.{item}", declared.key)) == id;
        if let Some(item) = (0..stored.items).find(is_it) {
            let item = Some(item as usize);
            return Ok(Some(At { step, item }));
        }
    }
    Ok(None)
}
