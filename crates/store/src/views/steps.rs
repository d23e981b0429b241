//! How steps are stored: what runs of one definition share stands in an outline, what a step has
//! come to in a row of its own. A step that has done nothing yet has no row.

mod read;

use std::borrow::Cow;

use baton_core::ids::RunId;
use baton_core::run::big::Big;
use baton_core::run::event::{SkipReason, StepError};
use baton_core::run::{At, Run, Session, State, Step, WaitReason, Waiting};
use baton_core::time::Timestamp;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::outline::Declared;
use super::write::json;
pub use read::LISTED;
pub(super) use read::{listed, of_folded, of_id, of_run, one_of};

/// The `item` of a step that is not an item.
const WHOLE: i64 = -1;

/// What a step has come to. What is skipped has columns.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Stored<'a> {
    #[serde(skip)]
    status: Cow<'a, str>,
    #[serde(skip)]
    started_at: Option<Timestamp>,
    #[serde(skip)]
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
    #[serde(skip)]
    attempts: u32,
    /// How many items it has.
    #[serde(skip_serializing_if = "is_zero")]
    items: u32,
    /// What a step is that no outline tells of: one that a program asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<Declared>,
}

/// What a step gave: it may be long, and lists do not show it. What is skipped has a column.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Outcome<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Cow<'a, str>>,
    /// JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Cow<'a, str>>,
    /// JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Cow<'a, str>>,
    #[serde(skip)]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: Cow<'a, [String]>,
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

impl<'a> Outcome<'a> {
    fn of(step: &'a Step) -> Self {
        let output = &step.last_output;
        let text = |big: &'a Option<Big>| Some(Cow::from(big.as_ref()?.as_str()));
        Self {
            result: text(&output.result),
            data: text(&output.data),
            outputs: text(&output.outputs),
            exit_code: output.exit_code,
            stderr: output.stderr.as_deref().map(Cow::from),
            warnings: Cow::from(&output.warnings),
        }
    }
}

/// The column `open`.
fn openness(step: &Step) -> i64 {
    match &step.state {
        State::Completed | State::Skipped(_) | State::Cancelled => 0,
        State::Failed(_) => 1,
        State::Pending
        | State::Working { .. }
        | State::Settling
        | State::Backoff { .. }
        | State::UsageLimit { .. }
        | State::Approval { .. }
        | State::AskLost { .. }
        | State::Timer { .. }
        | State::Child { .. }
        | State::Items { .. }
        | State::AwaitsMerge { .. }
        | State::Merging { .. } => 2,
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
            "INSERT OR REPLACE INTO steps (run, step, item, open, status, started_at,
             completed_at, attempts, data, exit_code, outcome)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        for at in &self.some {
            let Some(step) = run.step(*at) else { continue };
            let item = item_column(at.item);
            if is_new(step) && run.program.is_none() {
                connection
                    .prepare_cached("DELETE FROM steps WHERE run = ?1 AND step = ?2 AND item = ?3")?
                    .execute(params![number, at.step, item])?;
            } else {
                let (stored, outcome) = (Stored::at(run, *at, step), Outcome::of(step));
                put.execute(params![
                    number,
                    at.step,
                    item,
                    openness(step),
                    stored.status,
                    stored.started_at.map(Timestamp::millis),
                    stored.completed_at.map(Timestamp::millis),
                    stored.attempts,
                    more(&stored)?,
                    outcome.exit_code,
                    more(&outcome)?,
                ])?;
            }
        }
        Ok(())
    }
}

/// What is said beside the columns, if anything.
fn more<T: Serialize>(row: &T) -> rusqlite::Result<Option<String>> {
    Ok(Some(json(row)?).filter(|text| text != "{}"))
}

fn item_column(item: Option<usize>) -> i64 {
    item.map_or(WHOLE, |item| i64::try_from(item).unwrap_or(i64::MAX))
}
