//! What a world would know of agents' sessions, told from the events alone, and what holds of them.

use std::collections::{BTreeMap, BTreeSet};

use baton_core::activity::{Asks, Choice, Question, Usage};
use baton_core::ids::AttemptId;
use baton_core::run::event::{ActionStatus, AttemptEnd, Cause, Event, Key};
use baton_core::run::work::Work;
use baton_core::run::{Run, Status, WaitReason};

use super::Driver;

/// See the module.
#[derive(Debug, Default)]
pub struct Sessions {
    /// The session that a step goes on in, were its attempt to be lost now.
    natives: BTreeMap<Key, String>,
    /// Unanswered questions of attempts in flight.
    pub open: BTreeMap<AttemptId, BTreeSet<String>>,
    asked: BTreeSet<(AttemptId, String)>,
    /// What each attempt in flight went on in.
    resumed: BTreeMap<AttemptId, (Key, Option<String>)>,
    /// Instructions that a session has confirmed.
    taken: BTreeSet<u32>,
    /// What each attempt said that it used.
    used: BTreeMap<AttemptId, Usage>,
    tokens: u64,
    usd: f64,
}

/// The n-th question of an attempt; every third one is a choice.
pub fn question(n: u8) -> Question {
    let asks = match n % 3 {
        0 => Asks::Choices {
            items: vec![Choice {
                question: "Which?".into(),
                header: None,
                options: vec![],
                multiple: false,
            }],
        },
        1 => Asks::Plan {
            plan: "First this".into(),
        },
        _ => Asks::Permission {
            tool: "Bash".into(),
            input: serde_json::json!({"command": "true"}),
            can_remember: true,
        },
    };
    Question {
        id: format!("q{n}"),
        asks,
        text: "May I?\nPlease.".into(),
    }
}

impl Sessions {
    /// More than this attempt used before.
    pub fn uses_more(&self, attempt: AttemptId, more: u64) -> Usage {
        let before = self.used.get(&attempt).copied().unwrap_or_default();
        Usage {
            input: before.input + more,
            output: before.output + more / 7,
            cost_usd: Some(before.cost_usd.unwrap_or(0.0) + more as f64 / 1_000.0),
            ..before
        }
    }

    /// Keeps the account. `run` is the state after the event.
    pub fn note(&mut self, run: &Run, event: &Event) {
        match event {
            Event::AttemptStarted {
                key,
                cause,
                heads,
                attempt,
                ..
            } => {
                // Only the step's own session has heard what the attempt before it had taken: not a
                // new one, and not an earlier step's that it goes on in.
                let goes_on = matches!(cause, Cause::Parked | Cause::UsageLimit | Cause::Lost)
                    && self.natives.contains_key(key);
                let again = heads.iter().find(|head| self.taken.contains(head));
                assert!(
                    !goes_on || again.is_none(),
                    "{key}: told at a head what was taken before: {again:?}"
                );
                self.begins(run, key, *cause);
                if let Some(resume) = resume(run, key) {
                    self.resumed.insert(*attempt, (key.clone(), resume));
                }
            }
            Event::SessionKnown { key, session, .. } => {
                self.natives.insert(key.clone(), session.clone());
            }
            Event::QuestionAsked {
                attempt, question, ..
            } => {
                let is_new = self.asked.insert((*attempt, question.id.clone()));
                assert!(is_new, "{attempt} asks {} twice", question.id);
                let open = self.open.entry(*attempt).or_default();
                open.insert(question.id.clone());
            }
            Event::QuestionAnswered { key, question, .. }
            | Event::QuestionClosed { key, question } => {
                let attempt = run.find(key).and_then(|at| run.step(at)?.last_attempt);
                let open = attempt.and_then(|attempt| self.open.get_mut(&attempt));
                let was_open = open.is_some_and(|open| open.remove(question));
                let closes = matches!(event, Event::QuestionClosed { .. });
                assert!(was_open || closes, "{key}: {question} is answered twice");
            }
            Event::SessionUsed { attempt, usage, .. } => {
                self.used.insert(*attempt, *usage);
            }
            Event::AttemptEnded { key, attempt, end } => {
                self.open.remove(attempt);
                self.resumed.remove(attempt);
                if let AttemptEnd::SessionLost { .. } = end {
                    self.natives.remove(key);
                }
            }
            Event::MessageStatus {
                message,
                status: ActionStatus::Acknowledged,
            } => {
                assert!(self.taken.insert(*message), "{message} is taken twice");
            }
            Event::StepsReset { keys, kept, .. } => {
                let is_of = |key: &Key, of: &Key| {
                    let rest = key.strip_prefix(of.as_str());
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                let is_reset = |key: &Key| keys.iter().any(|reset| is_of(key, reset));
                let stays = |key: &Key| !is_reset(key) || kept.contains(key);
                self.natives.retain(|key, _| stays(key));
            }
            _ => {}
        }
    }

    /// An attempt that follows a lost, parked or limited one goes on in its session, no other does.
    fn begins(&mut self, run: &Run, key: &Key, cause: Cause) {
        let place = run.find(key).unwrap();
        if !run.is_agent(place) {
            return;
        }
        let native = match cause {
            Cause::Lost | Cause::Parked | Cause::UsageLimit => self.natives.get(key).cloned(),
            Cause::First | Cause::Retry | Cause::SessionLost => {
                self.natives.remove(key);
                None
            }
        };
        let Ok(Work::Agent(work)) = run.work(place, &BTreeMap::new()) else {
            panic!("{key}: what it starts with cannot be said");
        };
        if native.is_some() || cause == Cause::SessionLost {
            assert_eq!(work.resume, native, "{key}: after {cause:?}");
        }
        let fresh = work.prompt.contains(&work.asked);
        assert_eq!(fresh, native.is_none(), "{key}: {}", work.prompt);
    }
}

/// What the step's agent is to go on in; none when it is no agent's step.
fn resume(run: &Run, key: &str) -> Option<Option<String>> {
    match run.work(run.find(key)?, &BTreeMap::new()) {
        Ok(Work::Agent(work)) => Some(work.resume),
        Ok(Work::Script(_)) | Err(_) => None,
    }
}

/// Whoever takes an attempt back goes on as whoever began it, whatever is known by now.
pub fn attempts_stay_what_they_are(driver: &Driver) {
    for (attempt, (key, begun)) in &driver.sessions.resumed {
        let now = resume(&driver.run, key);
        assert_eq!(now.as_ref(), Some(begun), "{attempt} of {key}");
    }
}

/// Sums never go down, also when steps are undone.
pub fn usage_never_goes_down(driver: &mut Driver) {
    let used = driver.run.usage();
    let usd = used.cost_usd.unwrap_or(0.0);
    let before = &mut driver.sessions;
    assert!(used.tokens() >= before.tokens, "tokens: {used:?}");
    assert!(usd >= before.usd - 1e-6, "{usd} of {}", before.usd);
    (before.tokens, before.usd) = (used.tokens(), usd);
}

/// When every process waits for a person, the run says so; else it works.
pub fn questions_are_what_is_waited_for(driver: &Driver) {
    let Status::Running(running) = &driver.run.status else {
        return;
    };
    if running.in_flight.is_empty() {
        return;
    }
    let asks = |attempt: &AttemptId| {
        let open = driver.sessions.open.get(attempt);
        open.is_some_and(|open| !open.is_empty())
    };
    let waits = driver.run.waiting().map(|waiting| waiting.reason);
    let all_ask = running.in_flight.keys().all(asks);
    assert_eq!(waits, all_ask.then_some(WaitReason::Question));
}

/// A run goes on only with money and tokens left, or on its way to a pause.
pub fn a_budget_that_is_used_up_pauses(run: &Run) {
    let Status::Running(running) = &run.status else {
        return;
    };
    if running.pause.is_some() {
        return;
    }
    let (used, from) = (run.usage(), run.spending);
    let tokens = used.tokens() - from.tokens_from;
    let usd = used.cost_usd.unwrap_or(0.0) - from.usd_from;
    let budget = &run.created.budget;
    let left = budget.tokens.is_none_or(|limit| tokens < limit)
        && budget.usd.is_none_or(|limit| usd < limit);
    assert!(left, "{tokens} tokens and {usd} $ of {budget:?}");
}
