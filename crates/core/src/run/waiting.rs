//! Why a run that is not advancing is not advancing. Total over the state.

use serde::{Deserialize, Serialize};

use super::state::{At, Run, Slot, State, Status};
use crate::time::Timestamp;

/// Why a run does not advance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The reason.
    pub reason: WaitReason,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// For people.
    pub detail: String,
}

/// The reasons (api.md, "Runs").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum WaitReason {
    Approval,
    Question,
    UsageLimit,
    Timer,
    Remote,
    Retry,
    Worker,
    Concurrency,
    Child,
    Cancelling,
}

impl WaitReason {
    /// The reason's word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Question => "question",
            Self::UsageLimit => "usage_limit",
            Self::Timer => "timer",
            Self::Remote => "remote",
            Self::Retry => "retry",
            Self::Worker => "worker",
            Self::Concurrency => "concurrency",
            Self::Child => "child",
            Self::Cancelling => "cancelling",
        }
    }
}

impl Run {
    /// Why the run does not advance; `None` when a process works for it, or when it is paused or
    /// has ended, which says enough.
    #[must_use]
    pub fn waiting(&self) -> Option<Waiting> {
        match &self.status {
            Status::Pending { .. } if self.held => Some(Waiting {
                reason: WaitReason::Cancelling,
                since: self.created_at,
                until: None,
                detail: match self.created.follows {
                    Some(before) => format!("workflow #{} is being cancelled", before.number),
                    None => "the run before it is being cancelled".into(),
                },
            }),
            Status::Pending { .. } => Some(match self.slot {
                Slot::Waiting { since } => Waiting {
                    reason: WaitReason::Concurrency,
                    since,
                    until: None,
                    detail: self.slot_detail(),
                },
                Slot::None | Slot::Held => self.worker(),
            }),
            Status::Running(running) if running.in_flight.is_empty() => Some(self.first_wait()),
            Status::Running(_) => self.all_ask(),
            Status::Cancelling(cancelling) => Some(Waiting {
                reason: WaitReason::Cancelling,
                since: cancelling.since,
                until: None,
                detail: match cancelling.in_flight.len() {
                    0 => "ending its child runs".into(),
                    1 => "ending the process of one step".into(),
                    n => format!("ending the processes of {n} steps"),
                },
            }),
            Status::Paused(_)
            | Status::Completed { .. }
            | Status::Failed { .. }
            | Status::Cancelled { .. } => None,
        }
    }

    /// When every process at work is an agent that waits for a person: what the first one asks.
    fn all_ask(&self) -> Option<Waiting> {
        let in_flight = self.in_flight()?;
        let mut first: Option<Waiting> = None;
        for &at in in_flight.values() {
            let step = self.step(at)?;
            let asked = step.session.as_deref()?.unanswered()?;
            let line = asked.question.text.lines().next().unwrap_or_default();
            if first.as_ref().is_none_or(|wait| asked.since < wait.since) {
                first = Some(Waiting {
                    reason: WaitReason::Question,
                    since: asked.since,
                    until: None,
                    detail: format!("{} asks: {line}", step.key),
                });
            }
        }
        first
    }

    fn slot_detail(&self) -> String {
        let slot = self.created.slot.as_ref();
        let key = slot
            .and_then(|claim| claim.slot.split_once('/'))
            .map_or("", |(_, key)| key);
        format!("another run holds the concurrency key `{key}`")
    }

    /// The wait that a person can end comes first, then the one that ends soonest.
    fn first_wait(&self) -> Waiting {
        let waits = self.active.iter().filter_map(|&at| self.wait_of(at));
        let rank = |wait: &Waiting| {
            let person = !matches!(wait.reason, WaitReason::Approval | WaitReason::Question);
            (
                person,
                wait.until.unwrap_or(Timestamp::from_millis(u64::MAX)),
                wait.since,
            )
        };
        let leaving = self.leaving.iter().map(|(run, old)| Waiting {
            reason: WaitReason::Child,
            since: old.since,
            until: None,
            detail: format!(
                "{} waits until its earlier child run {run} has ended",
                old.key
            ),
        });
        let first = waits.chain(leaving).min_by_key(rank);
        first.unwrap_or_else(|| self.worker())
    }

    fn wait_of(&self, at: At) -> Option<Waiting> {
        let step = self.step(at)?;
        let key = &step.key;
        let (reason, since, until, detail) = match &step.state {
            State::Approval {
                message,
                expires,
                since,
            } => {
                let line = message.lines().next().unwrap_or_default();
                (
                    WaitReason::Approval,
                    *since,
                    *expires,
                    format!("{key}: {line}"),
                )
            }
            State::AskLost { since } => (
                WaitReason::Approval,
                *since,
                None,
                format!("{key}: was lost; run it again?"),
            ),
            State::Timer { until, since } => (
                WaitReason::Timer,
                *since,
                Some(*until),
                format!("{key} waits until {until}"),
            ),
            State::Backoff { until, since } => {
                let why = step
                    .failures
                    .last()
                    .map_or("", |error| error.message.as_str());
                let detail = format!("{key} is tried again at {until}: {why}");
                (WaitReason::Retry, *since, Some(*until), detail)
            }
            State::UsageLimit {
                until,
                since,
                detail,
            } => {
                let detail = format!("{key} goes on at {until}: {detail}");
                (WaitReason::UsageLimit, *since, Some(*until), detail)
            }
            State::Child {
                run,
                workflow,
                expires,
                since,
            } => {
                let detail = format!("{key} waits for its child run {run} of `{workflow}`");
                (WaitReason::Child, *since, *expires, detail)
            }
            State::Pending
            | State::Working { .. }
            | State::Settling
            | State::Items { .. }
            // It waits for items before it, which say why, or for the host.
            | State::AwaitsMerge { .. }
            | State::Merging { .. }
            | State::Completed
            | State::Failed(_)
            | State::Skipped(_)
            | State::Cancelled => return None,
        };
        Some(Waiting {
            reason,
            since,
            until,
            detail,
        })
    }

    fn worker(&self) -> Waiting {
        Waiting {
            reason: WaitReason::Worker,
            since: self.updated_at,
            until: None,
            detail: "the host takes its next decision".into(),
        }
    }
}
