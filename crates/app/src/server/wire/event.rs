//! What clients are told live: one commit of a run gives none or more of these.

use std::collections::BTreeSet;

use baton_core::ids::StepId;
use baton_core::run::event::{Artifact, Event, Key};
use baton_core::run::{At, Run, Status};
use baton_engine::ports::Position;
use baton_store::views::StepRow;
use serde_json::{Value, json};

use super::super::story::Story;
use super::{artifact, message, run, step, time, word};
use crate::host::access::Access;

/// One thing to tell. Of a commit, always the same ones in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its type.
    pub kind: &'static str,
    /// Its data.
    pub data: Value,
}

/// How a run stood: what is compared to see what has changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    status: &'static str,
    asked: bool,
    phase: Option<String>,
}

impl Look {
    /// How this run stands.
    #[must_use]
    pub fn at(run: &Run) -> Self {
        let asked = match &run.status {
            Status::Running(running) => running.pause.is_some(),
            Status::Cancelling(_) => true,
            _ => false,
        };
        Self {
            status: run.status.word(),
            asked,
            phase: run.current_phase().map(str::to_owned),
        }
    }
}

/// What is compared once per commit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outlook {
    waiting: Value,
    ended: usize,
}

impl Outlook {
    /// How this run stands.
    #[must_use]
    pub fn at(run: &Run) -> Self {
        Self {
            waiting: run::waiting(run.waiting().as_ref()),
            ended: run.ended,
        }
    }
}

/// The step that an event is about.
fn key_of(event: &Event) -> Option<&str> {
    match event {
        Event::StepSkipped { key, .. }
        | Event::AttemptStarted { key, .. }
        | Event::AttemptEnded { key, .. }
        | Event::StepRequeued { key, .. }
        | Event::RetryScheduled { key, .. }
        | Event::UsageLimitReached { key, .. }
        | Event::ApprovalRequested { key, .. }
        | Event::ApprovalAnswered { key, .. }
        | Event::WaitStarted { key, .. }
        | Event::ChildStarted { key, .. }
        | Event::ChildEnded { key, .. }
        | Event::ChildAbandoned { key, .. }
        | Event::ItemsListed { key, .. }
        | Event::LostAsked { key }
        | Event::MergeAwaited { key }
        | Event::MergeStarted { key }
        | Event::WorkMerged { key, .. }
        | Event::StepCompleted { key, .. }
        | Event::StepFailed { key, .. } => Some(key),
        _ => None,
    }
}

/// How it was before an event.
#[derive(Debug, Default)]
pub struct Before {
    look: Option<Look>,
    /// The steps that the event is about, with their status words.
    steps: Vec<(At, &'static str)>,
}

impl Before {
    /// How this run is before this event.
    #[must_use]
    pub fn of(run: &Run, event: &Event) -> Self {
        let places = match event {
            // It ends all that is open, in this order.
            Event::RunCancelled {} => run.active.iter().rev().copied().collect(),
            // They put back what waits for something outside.
            Event::RunFailed { .. } | Event::RunCompleted { .. } => {
                run.active.iter().copied().collect()
            }
            Event::StepsReset { keys, .. } => undone(run, keys),
            _ => Vec::from_iter(key_of(event).and_then(|key| run.find(key))),
        };
        let word = |at: At| Some((at, run.step(at)?.state.word()));
        Self {
            look: Some(Look::at(run)),
            steps: places.into_iter().filter_map(word).collect(),
        }
    }
}

/// These steps and their items, in file order.
fn undone(run: &Run, keys: &[Key]) -> Vec<At> {
    let mut places = BTreeSet::new();
    for at in keys.iter().filter_map(|key| run.find(key)) {
        places.insert(at);
        let items = run.step(at).map_or(0, |step| step.items.len());
        places.extend((0..items).map(|item| At {
            item: Some(item),
            ..at
        }));
    }
    places.into_iter().collect()
}

/// What one event tells; `story` is how it is after it.
#[must_use]
pub fn told(story: &Story, event: &Event, before: &Before, access: &Access) -> Vec<Told> {
    let mut telling = Telling {
        story,
        told: Vec::new(),
    };
    for &(at, was) in &before.steps {
        telling.step(at, was);
    }
    telling.others(event, access);
    telling.run(before.look.as_ref());
    telling.told
}

/// What a whole commit changed about why a run waits and how far it is.
#[must_use]
pub fn told_by_commit(story: &Story, before: &Outlook) -> Vec<Told> {
    let now = Outlook::at(&story.run);
    let mut telling = Telling {
        story,
        told: Vec::new(),
    };
    if now.waiting != before.waiting {
        let waiting = now.waiting.clone();
        telling.tell("workflow.run.waiting", json!({"waiting": waiting}));
    }
    if now.ended != before.ended {
        let progress = run::progress(story.run.ended, story.run.steps.len());
        telling.tell("workflow.run.progress", json!({"progress": progress}));
    }
    telling.told
}

/// Whether a run that is paused no more has not gone on either.
fn is_ending(run: &Run) -> bool {
    matches!(run.status, Status::Cancelling(_) | Status::Cancelled { .. })
}

struct Telling<'a> {
    story: &'a Story,
    told: Vec<Told>,
}

impl Telling<'_> {
    /// With the members that all have.
    fn tell(&mut self, kind: &'static str, mut data: Value) {
        let created = &self.story.run.created;
        if let Some(members) = data.as_object_mut() {
            members.insert("execution_id".into(), created.run.to_string().into());
            // A checkpoint's number is its own.
            members
                .entry("number")
                .or_insert_with(|| created.number.into());
            members.insert("project_id".into(), created.project.id.to_string().into());
        }
        self.told.push(Told { kind, data });
    }

    fn run(&mut self, before: Option<&Look>) {
        let run = &self.story.run;
        let now = Look::at(run);
        let status = now.status;
        let was = before.map_or("", |before| before.status);
        if was != status || before.is_some_and(|before| before.asked != now.asked) {
            let cancelling = matches!(run.status, Status::Cancelling(_));
            let data = json!({
                "status": status,
                "pause_requested": now.asked && !cancelling,
                "cancel_requested": cancelling,
            });
            self.tell("workflow.execution.status_changed", data);
        }
        let number = run.created.number;
        if status == "paused" && was != status {
            let reason = match &run.status {
                Status::Paused(pause) => pause.detail.clone(),
                _ => None,
            };
            self.tell(
                "workflow:paused",
                json!({"workflowId": number, "reason": reason}),
            );
        } else if was == "paused" && status != was && !is_ending(run) {
            self.tell("workflow:unpaused", json!({"workflowId": number}));
        }
        if before.is_some_and(|before| before.phase != now.phase) {
            let phase = now.phase;
            self.tell(
                "workflow.execution.phase_changed",
                json!({"current_phase": phase}),
            );
        }
    }

    fn step(&mut self, at: At, was: &'static str) {
        let run = &self.story.run;
        let Some(found) = run.step(at) else {
            return;
        };
        let declared = run.declared(at);
        let status = found.state.word();
        let data = || {
            json!({
                "step_id": found.id.to_string(),
                "step_key": found.key,
                "step_name": declared.name,
                "phase": declared.phase,
                "status": status,
            })
        };
        if status == "running" && was != "running" {
            self.tell("workflow.step.started", data());
        }
        if found.state.is_ended() && was != status {
            self.tell("workflow.step.completed", data());
        }
        if status == "pending" && was != status {
            self.tell("workflow.step.reset", data());
        }
    }

    fn artifact(&mut self, kind: &'static str, found: &Artifact) {
        // As it is now: its file is beside the thread.
        let now = self.story.run.artifacts.get(&found.id).unwrap_or(found);
        let message = now.message.and_then(|n| self.story.said.get(n as usize));
        let run = self.story.run.created.run;
        let value = artifact::artifact(run, now, message.map(|said| said.id));
        let data = json!({
            "artifact_id": value["id"],
            "step_id": value["workflow_run_step_id"],
            "step_key": now.step,
            "comment_id": value["workflow_comment_id"],
            "artifact": value,
        });
        self.tell(kind, data);
    }

    fn others(&mut self, event: &Event, access: &Access) {
        let story = self.story;
        let created = &story.run.created;
        match event {
            Event::AttemptStarted { key, attempt, .. }
            | Event::AttemptEnded { key, attempt, .. } => {
                let tried = story.attempts.get(key).into_iter().flatten();
                if let Some(tried) = tried.rev().find(|tried| tried.id == *attempt) {
                    let data = json!({
                        "step_id": StepId::of(created.run, key).to_string(),
                        "step_key": key,
                        "attempt": step::Attempt::of(tried),
                    });
                    self.tell("workflow.step.attempt", data);
                }
            }
            Event::CheckpointTaken {
                number,
                after,
                partial,
                commit,
            } => {
                let data = json!({
                    "number": number, "step_key": after, "partial": partial, "commit": commit,
                });
                self.tell("workflow.checkpoint.created", data);
            }
            Event::SessionKnown { key, .. }
            | Event::SessionUsed { key, .. }
            | Event::QuestionAsked { key, .. }
            | Event::QuestionAnswered { key, .. }
            | Event::QuestionClosed { key, .. } => {
                let step = story.run.find(key);
                let step =
                    step.and_then(|at| Some(StepRow::of(&story.run, at, story.run.step(at)?)));
                if let Some(step) = step
                    && let Some(session) = step.session.as_deref()
                {
                    let data = json!({
                        "step_id": step.id.to_string(),
                        "step_key": key,
                        "session": step::session(&step, session),
                    });
                    self.tell("workflow.step.session", data);
                }
            }
            Event::MessagePosted(_) => {
                let Some(said) = &story.newest else {
                    return;
                };
                let step = said.step.map(|step| step.to_string());
                let data = json!({"comment_id": said.id.to_string(), "step_id": step});
                self.tell("workflow.comment.created", data);
                let data = json!({"workflowId": created.number, "message": message::message(said, access)});
                self.tell("message:new", data);
            }
            Event::ArtifactAdded(artifact) => self.artifact("workflow.artifact.created", artifact),
            Event::ArtifactsKept { files, .. } => {
                for file in files {
                    self.artifact("workflow.artifact.created", file);
                }
            }
            Event::ArtifactAttached { artifact, .. } => {
                if let Some(artifact) = story.run.artifacts.get(artifact) {
                    self.artifact("workflow.artifact.attached", artifact);
                }
            }
            Event::ArtifactDetached { artifact } => {
                if let Some(artifact) = story.run.artifacts.get(artifact) {
                    self.artifact("workflow.artifact.detached", artifact);
                }
            }
            Event::MessageStatus { message, status } => {
                let said = story.said.get(*message as usize);
                if let Some(said) = said.filter(|said| said.status == *status) {
                    let data = json!({
                        "workflowId": created.number,
                        "messageId": said.id,
                        "action_status": word(status),
                    });
                    self.tell("message:updated", data);
                }
            }
            _ => {}
        }
    }
}

/// The wire position of the n-th thing that a commit tells, of so many; the last one carries it
/// for all that are more than a commit has positions for.
#[must_use]
pub fn position(commit: Position, n: usize, of: usize) -> (u64, bool) {
    let last = Position::STRIDE as usize - 1;
    (commit.of_event(n.min(last)), n < last || n + 1 == of)
}

/// An event as it is sent.
#[must_use]
pub fn sent(kind: &str, data: &Value, pos: Option<u64>, at: baton_core::time::Timestamp) -> Value {
    let mut value = json!({"type": kind, "data": data, "ts": time(at)});
    if let Some(pos) = pos {
        value["pos"] = pos.into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_of_a_commit_has_a_position_of_its_own() {
        let commit = Position(7);
        let told = |of: usize| -> Vec<u64> {
            let all = (0..of).map(|n| position(commit, n, of));
            all.filter(|(_, carries)| *carries)
                .map(|(pos, _)| pos)
                .collect()
        };
        assert_eq!(
            told(3),
            [commit.of_event(0), commit.of_event(1), commit.of_event(2)]
        );
        // More than there are positions: who has the last one has them all.
        let many = told(5000);
        assert_eq!(many.len() as u64, Position::STRIDE);
        assert!(many.is_sorted_by(|a, b| a < b));
        assert!(many.last() < Some(&Position(8).of_event(0)));
    }
}
