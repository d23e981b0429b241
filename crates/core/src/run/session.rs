//! An agent step's session as the run's state knows it: its native id, what it asks, what it used;
//! the instructions that wait for a session; and how the run's files stand.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{Actor, Cause, Key, MessagePosted, Place, ResetReason};
use super::state::{At, Checkpoint, Run, State, Step};
use crate::activity::{Answer, Question, Usage};
use crate::definition::Action;
use crate::ids::{AttemptId, RunId};
use crate::time::Timestamp;

/// The conversation of an agent step. It outlives its attempts: a parked or lost one goes on in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Session {
    /// The agent, as its step names it.
    pub agent: String,
    /// Its native id; `None` before it is known, and when it was lost.
    pub native: Option<String>,
    /// The model, as the agent names it.
    pub model: Option<String>,
    /// Where the agent keeps its transcript, if it says.
    pub transcript: Option<String>,
    /// What earlier attempts used.
    pub past: Usage,
    /// What the current or last attempt used.
    pub now: Usage,
    /// Questions of the attempt in flight that are not closed.
    pub asked: Vec<Asked>,
    /// The native id of the session that the current or last attempt was started to go on in;
    /// `None`: it began a new one.
    #[serde(default)]
    pub resumed: Option<String>,
    /// That session is this step's own, not an earlier step's.
    #[serde(default)]
    pub resumed_own: bool,
    /// Questions of the attempt in flight that are closed: they are not asked again when the
    /// conversation is gone through once more.
    #[serde(default)]
    pub closed: Vec<String>,
    /// Messages at the head of the current attempt's prompt.
    pub heads: Vec<u32>,
    /// The last place of the current attempt's conversation that was commented on.
    #[serde(default)]
    pub commented: Option<Place>,
    /// How long the attempt in flight has waited for answers, up to `asking_since`.
    pub asked_ms: u64,
    /// Since when at least one question is unanswered.
    pub asking_since: Option<Timestamp>,
}

/// A question that a session waits on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// What it asks.
    pub question: Question,
    /// Since when.
    pub since: Timestamp,
    /// What was answered, and by whom; the agent has not confirmed it yet.
    pub answer: Option<(Answer, Actor)>,
}

/// An instruction that no session has taken to its end yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instruction {
    /// What it says.
    pub content: String,
    /// Only for this step.
    pub step: Option<Key>,
    /// Before the agent does anything more.
    pub now: bool,
    /// A session confirmed that it arrived.
    pub taken: bool,
}

/// How a run's own files stand (runs with a worktree or branch).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Files {
    /// Counts how often the files were to be brought back to a checkpoint.
    pub generation: u32,
    /// The newest checkpoint's commit; `None`: the commit the run began from.
    pub newest: Option<String>,
    /// The run has ended and its branch is not finished yet.
    pub finishing: bool,
}

/// How far a run's money and tokens have come.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spending {
    /// Dollars spent when the budget was last granted.
    pub usd_from: f64,
    /// Tokens used when the budget was last granted.
    pub tokens_from: u64,
    /// The thread was told that 80 % are used.
    pub warned: bool,
}

impl Session {
    /// What all attempts used together.
    #[must_use]
    pub fn usage(&self) -> Usage {
        add(self.past, self.now)
    }

    /// The first question nobody has answered.
    #[must_use]
    pub fn unanswered(&self) -> Option<&Asked> {
        self.asked.iter().find(|asked| asked.answer.is_none())
    }

    /// How long the attempt in flight has waited for people, up to this time, in milliseconds.
    #[must_use]
    pub fn waited_ms(&self, now: Timestamp) -> u64 {
        let current = self.asking_since.map_or(0, |since| {
            u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX)
        });
        self.asked_ms.saturating_add(current)
    }

    /// Notes whether people are waited for from now on.
    pub(super) fn note_asking(&mut self, now: Timestamp) {
        match (self.unanswered().is_some(), self.asking_since) {
            (true, None) => self.asking_since = Some(now),
            (false, Some(_)) => {
                self.asked_ms = self.waited_ms(now);
                self.asking_since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
}

pub(super) fn add(a: Usage, b: Usage) -> Usage {
    Usage {
        input: a.input.saturating_add(b.input),
        output: a.output.saturating_add(b.output),
        cache_read: a.cache_read.saturating_add(b.cache_read),
        cache_write: a.cache_write.saturating_add(b.cache_write),
        cost_usd: match (a.cost_usd, b.cost_usd) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        },
        estimate: a.estimate || b.estimate,
        context_used: b.context_used.or(a.context_used),
    }
}

impl Run {
    /// What all sessions of the run used together.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let sessions = self.all().filter_map(|(_, step)| step.session.as_deref());
        sessions.fold(Usage::default(), |sum, session| add(sum, session.usage()))
    }

    /// What the sessions of each agent used together.
    #[must_use]
    pub fn usage_by_agent(&self) -> BTreeMap<&str, Usage> {
        let mut sums: BTreeMap<&str, Usage> = BTreeMap::new();
        for session in self.all().filter_map(|(_, step)| step.session.as_deref()) {
            let sum = sums.entry(&session.agent).or_default();
            *sum = add(*sum, session.usage());
        }
        sums
    }

    /// How much of the budget of money or tokens is used, whichever is more, and in words; `all` is
    /// what was ever used. `None`: there is no such budget.
    pub(super) fn spent(&self, all: &Usage) -> Option<(f64, String)> {
        let budget = &self.created.budget;
        let usd = all.cost_usd.unwrap_or(0.0) - self.spending.usd_from;
        let tokens = all.tokens().saturating_sub(self.spending.tokens_from);
        let money = budget
            .usd
            .map(|limit| (usd / limit, format!("${usd:.2} of ${limit:.2}")));
        let amount = budget.tokens.map(|limit| {
            let share = tokens as f64 / (limit.max(1)) as f64;
            (share, format!("{tokens} of {limit} tokens"))
        });
        let both = money.into_iter().chain(amount);
        both.max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Whether nothing is left of the budget.
    pub(super) fn is_used_up(&self) -> bool {
        let minutes = self.created.budget.minutes;
        let time = minutes.is_some_and(|minutes| self.running_ms as f64 >= minutes * 60_000.0);
        let spent = self.spent(&self.usage());
        time || spent.is_some_and(|(share, _)| share >= 1.0)
    }

    /// The instructions for this step that are not done, oldest first; taken by a session or not.
    pub(super) fn open_instructions<'a>(
        &'a self,
        step: &'a Step,
    ) -> impl Iterator<Item = (u32, &'a Instruction)> {
        let parent = step.key.split_once('.').map_or("", |(parent, _)| parent);
        let fits = move |for_step: &Key| *for_step == step.key || for_step == parent;
        self.instructions
            .iter()
            .filter(move |(_, wait)| wait.step.as_ref().is_none_or(fits))
            .map(|(&number, wait)| (number, wait))
    }

    /// The instructions for this step that no session has confirmed, oldest first.
    pub fn instructions_for<'a>(
        &'a self,
        step: &'a Step,
    ) -> impl Iterator<Item = (u32, &'a Instruction)> {
        self.open_instructions(step).filter(|(_, wait)| !wait.taken)
    }

    /// What stands at the head of the next attempt's prompt: a session that begins anew knows
    /// nothing of what the one before it has taken.
    pub(super) fn next_heads(&self, at: At, step: &Step) -> Vec<u32> {
        let knows = self.resumes(at);
        self.open_instructions(step)
            .filter(|(_, wait)| !(knows && wait.taken))
            .map(|(number, _)| number)
            .collect()
    }

    /// The first checkpoint that goes when these steps are undone: one taken after an undone step
    /// describes a past that is no longer this run's.
    pub(super) fn first_undone(&self, keys: &[Key], because: &ResetReason) -> Option<u32> {
        let undone = |after: &str| {
            let step = after.split_once('.').map_or(after, |(step, _item)| step);
            keys.iter().any(|key| key == step)
        };
        let target = match because {
            ResetReason::Checkpoint(number) => Some(*number),
            ResetReason::Retry | ResetReason::Step(_) => None,
        };
        let mut checkpoints = self.checkpoints.iter();
        let first = checkpoints.find(|(number, c)| Some(**number) > target && undone(&c.after));
        first.map(|(number, _)| *number)
    }

    /// The commit that the run's files go back to when these steps are undone; `None`: the one it
    /// began from. The checkpoints that stay describe what still holds, the newest of them the
    /// files.
    #[must_use]
    pub fn files_without(&self, keys: &[Key], because: &ResetReason) -> Option<&str> {
        let first = self.first_undone(keys, because);
        let stay = self.checkpoints.iter().rev();
        stay.filter(|(number, c)| first.is_none_or(|first| **number < first) && !c.partial)
            .find_map(|(_, c)| c.commit.as_deref())
    }

    /// How its files are to stand when a child begins in them: its first process brings them there.
    pub(super) fn files_for_children(&self) -> (u32, Option<String>) {
        let workspace = self.created.workspace.as_ref();
        let generation = match workspace {
            Some(workspace) if workspace.shared => workspace.generation,
            _ => self.files.generation,
        };
        let began = workspace.and_then(|workspace| workspace.newest.clone());
        (generation, self.files.newest.clone().or(began))
    }

    /// The newest commit of the files that it shares with its parent: its end tells it to that one.
    pub(super) fn shared_files(&self) -> Option<String> {
        let shared = self.created.workspace.as_ref().is_some_and(|w| w.shared);
        self.files.newest.clone().filter(|_| shared)
    }

    /// Whether going back takes its files back too.
    pub(super) fn has_own_files(&self) -> bool {
        self.created.workspace.as_ref().is_some_and(|w| !w.shared)
    }

    /// The first end among these steps and their items.
    pub(super) fn first_end(&self, steps: &BTreeSet<usize>) -> Option<u64> {
        let steps = steps.iter().filter_map(|&step| self.steps.get(step));
        let all = steps.flat_map(|step| std::iter::once(step).chain(&step.items));
        let ended = all.filter(|step| step.state.is_ended());
        ended.map(|step| step.order).min()
    }

    /// The newest whole checkpoint of the files before this end and below this number.
    pub(super) fn whole_before(&self, end: Option<u64>, below: Option<u32>) -> Option<&Checkpoint> {
        let fits = |(number, c): &(&u32, &Checkpoint)| {
            !c.partial
                && c.commit.is_some()
                && end.is_none_or(|end| c.ends < end)
                && below.is_none_or(|below| **number < below)
        };
        self.checkpoints.iter().rev().find(fits).map(|(_, c)| c)
    }

    /// The steps, but for these, that have changed the files since this checkpoint (`None`: since
    /// the run began) and whose work would be gone from them.
    pub(super) fn losing_files(
        &self,
        but: &BTreeSet<usize>,
        since: Option<&Checkpoint>,
    ) -> Vec<usize> {
        // What was inherited is in the files that the run began from.
        let inherited = u64::try_from(self.created.inherited.len()).unwrap_or(u64::MAX);
        let ends = since.map_or(inherited, |checkpoint| checkpoint.ends);
        let loses = |index: usize| {
            let step = &self.steps[index];
            let action = &self.plan.definition.steps[index].action;
            let is_child = matches!(action, Action::Workflow(_));
            std::iter::once(step).chain(&step.items).any(|step| {
                let child_worked = is_child
                    && matches!(
                        step.state,
                        State::Child { .. }
                            | State::Completed
                            | State::Failed(_)
                            | State::Cancelled
                    );
                let wrote = step.commit.is_some() || child_worked;
                wrote && (!step.state.is_ended() || step.order > ends)
            })
        };
        let others = (0..self.steps.len()).filter(|step| !but.contains(step));
        others.filter(|&step| loses(step)).collect()
    }

    /// Whether its work is merged back into its parent's at its end.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        let workspace = self.created.workspace.as_ref();
        workspace.is_some_and(|workspace| workspace.parent.is_some())
    }

    /// Whether the items before this one have ended: work of isolated children is merged back in
    /// item order. `None`: the step has given this child up, and gets nothing from it any more.
    #[must_use]
    pub fn is_next_to_merge(&self, key: &str, child: RunId) -> Option<bool> {
        let at = self.find(key)?;
        match self.step(at)?.state {
            State::Child { run, .. } if run == child => {}
            _ => return None,
        }
        let Some(item) = at.item else {
            return Some(true);
        };
        let mut before = self.steps[at.step].items.iter().take(item);
        Some(before.all(|item| item.state.is_ended()))
    }

    /// The agent, as its step names it, that wrote this message.
    #[must_use]
    pub fn agent_of(&self, posted: &MessagePosted) -> Option<&str> {
        if !matches!(posted.by, Actor::Attempt(_)) {
            return None;
        }
        let place = self.find(posted.step.as_deref()?)?;
        match &self.declared(place).action {
            Action::Agent(agent) => Some(&agent.agent),
            _ => None,
        }
    }

    /// Whether the step at this place is an agent's.
    #[must_use]
    pub fn is_agent(&self, at: At) -> bool {
        matches!(self.declared(at).action, Action::Agent(_))
    }

    /// Whether the next attempt of this step goes on in the session of the one before.
    #[must_use]
    pub fn resumes(&self, at: At) -> bool {
        self.step(at).is_some_and(|step| {
            let goes_on = matches!(
                step.next_cause,
                Cause::Lost | Cause::Parked | Cause::UsageLimit
            );
            goes_on && step.session.as_deref().is_some_and(|s| s.native.is_some())
        })
    }

    /// The agents' attempts in flight.
    pub fn live_sessions(&self) -> impl Iterator<Item = (AttemptId, At, &Step)> {
        let in_flight = self.in_flight().into_iter().flatten();
        in_flight.filter_map(|(&attempt, &at)| {
            let step = self.step(at)?;
            self.is_agent(at).then_some((attempt, at, step))
        })
    }
}
