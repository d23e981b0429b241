//! What a run says by itself in its thread about what its agents and checks do.

use serde_json::{Value, json};

use super::super::event::{
    Action as MessageAction, ActionStatus, Actor, AttemptEnd, Cause, Event, MessagePosted, Place,
    StepError,
};
use super::super::state::{At, Run, Step};
use crate::definition::Action;
use crate::ids::AttemptId;

/// The longest summary, in characters.
const SUMMARY: usize = 200;

impl Run {
    /// An agent's attempt begins, or goes on.
    pub(super) fn says_starting(
        &self,
        place: At,
        step: &Step,
        attempt: AttemptId,
    ) -> Option<Event> {
        let declared = self.declared(place);
        let Action::Agent(agent) = &declared.action else {
            return None;
        };
        let key = &step.key;
        let (kind, text) = match step.next_cause {
            Cause::First if declared.name == declared.id => (
                "starting",
                format!("Starting {key} agent ({})", agent.agent),
            ),
            Cause::First => (
                "starting",
                format!("Starting {key} agent ({}) - {}", agent.agent, declared.name),
            ),
            Cause::Retry => ("starting", format!("Starting {key} agent again")),
            Cause::SessionLost => (
                "starting",
                format!("Starting {key} agent again in a new session"),
            ),
            Cause::Parked => ("continuing", format!("Continuing {key} agent")),
            Cause::Lost => (
                "continuing",
                format!("Continuing {key} agent: its process was lost"),
            ),
            Cause::UsageLimit => (
                "continuing",
                format!("Continuing {key} agent: its usage limit has been reset"),
            ),
        };
        Some(self.agent_says(attempt, step, text, json!({"kind": kind}), None))
    }

    /// An agent's step has ended, or a check has a result.
    pub(super) fn says_ended(
        &self,
        place: At,
        step: &Step,
        attempt: AttemptId,
        end: &AttemptEnd,
    ) -> Option<Event> {
        let key = &step.key;
        let artifacts = self.artifacts.values();
        let artifacts = artifacts.filter(|artifact| artifact.step == *key).count();
        match (&self.declared(place).action, end) {
            (Action::Agent(_), AttemptEnd::Succeeded { output }) => {
                let result = output.result.as_ref().map_or("", |text| text.as_str());
                let summary = summary(result);
                let text = match summary.is_empty() {
                    true => format!("{key} agent completed"),
                    false => format!("{key} agent completed: {summary}"),
                };
                let facts = json!({"kind": "completed", "artifactsCount": artifacts});
                Some(self.agent_says(attempt, step, text, facts, None))
            }
            (Action::Agent(_), AttemptEnd::Failed { error, .. }) => {
                let StepError { message, .. } = error;
                let text = format!("{key} agent failed: {}", summary(message));
                Some(self.agent_says(attempt, step, text, json!({"kind": "failed"}), None))
            }
            (Action::Script(script), AttemptEnd::Succeeded { .. } | AttemptEnd::Failed { .. }) => {
                let what = check(&script.command.source())?;
                let passed = matches!(end, AttemptEnd::Succeeded { .. });
                let word = if passed { "PASSED" } else { "FAILED" };
                let text = format!("{what} ({key}): {word}");
                let facts = json!({"kind": "result", "passed": passed});
                Some(self.agent_says(attempt, step, text, facts, None))
            }
            _ => None,
        }
    }

    /// Words of an attempt in the thread. With a place a repeat is recognised.
    pub(super) fn agent_says(
        &self,
        attempt: AttemptId,
        step: &Step,
        content: String,
        metadata: Value,
        place: Option<Place>,
    ) -> Event {
        Event::MessagePosted(Box::new(MessagePosted {
            message: self.messages,
            by: Actor::Attempt(attempt),
            content,
            action: MessageAction::Comment,
            status: ActionStatus::Processed,
            step: Some(step.key.clone()),
            metadata: Some(metadata),
            place,
        }))
    }

    /// An attempt comments on what its agent did there, once.
    pub(super) fn comment(
        &self,
        attempt: AttemptId,
        step: &Step,
        place: Place,
        content: &str,
        metadata: &Value,
    ) -> Vec<Event> {
        let said = step
            .session
            .as_deref()
            .and_then(|session| session.commented);
        if said.is_some_and(|said| place <= said) {
            return vec![];
        }
        vec![self.agent_says(
            attempt,
            step,
            content.to_owned(),
            metadata.clone(),
            Some(place),
        )]
    }
}

/// What a command checks, if it does: people wait for its result.
#[must_use]
pub fn check(command: &str) -> Option<&'static str> {
    let words = command.split(|c: char| !c.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let alone = |these: &[&str]| words.iter().any(|word| these.contains(&word.as_str()));
    // `test` by itself is the shell's.
    let of_runner = |these: &[&str]| {
        words.windows(2).any(|pair| {
            let [before, word] = pair else { return false };
            RUNNERS.contains(&before.as_str()) && these.contains(&word.as_str())
        })
    };
    if alone(&[
        "nextest", "pytest", "jest", "vitest", "rspec", "phpunit", "ctest",
    ]) || of_runner(&["test", "tests", "t"])
    {
        Some("Tests")
    } else if alone(&["tsc", "webpack", "make", "cmake"]) || of_runner(&["build", "compile"]) {
        Some("Build verification")
    } else if alone(&["clippy", "eslint", "ruff", "mypy"]) || of_runner(&["lint", "check"]) {
        Some("Checks")
    } else {
        None
    }
}

/// Programs whose next word says what they do.
const RUNNERS: &[&str] = &[
    "npm", "pnpm", "yarn", "bun", "deno", "run", "cargo", "go", "make", "just", "task", "mvn",
    "gradle", "gradlew", "dotnet", "swift", "mix", "rake", "bazel", "zig", "docker", "composer",
];

fn summary(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or_default().trim();
    let mut short: String = line.chars().take(SUMMARY).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_check_are_known_by_their_words() {
        assert_eq!(check("pnpm test -- --ci"), Some("Tests"));
        assert_eq!(check("cargo build"), Some("Build verification"));
        assert_eq!(check("npm run lint"), Some("Checks"));
        assert_eq!(check("echo latest"), None);
        assert_eq!(check("until test -e go; do sleep 1; done"), None);
    }
}
