//! Runs as the engine would journal them.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;

use baton_core::definition::Budget;
use baton_core::ids::{AttemptId, DefinitionId, ProjectId, UserId};
use baton_core::run::big::Big;
use baton_core::run::event::{
    Action, ActionStatus, Actor, AttemptEnd, Cause, DefinitionRef, Event, MessagePosted,
    PausePolicy, ProjectRef, RunCreated, SourceKind, StepOutput,
};
use baton_core::time::Timestamp;
use baton_engine::ports::{Append, Board, Journal};

use crate::made::{append, put, run};

pub const PIPELINE: &str = "name: Pipeline
phases: [build, test]
steps:
  - {id: build-app, name: Build, phase: build, type: script, command: make}
  - {id: cool, phase: test, type: wait, for: 1s}
";

pub fn project(path: &str) -> ProjectRef {
    ProjectRef {
        id: ProjectId::from_bits(9),
        name: "shop".into(),
        path: path.into(),
    }
}

pub fn created(number: u64, path: &str, source: &str) -> Event {
    let project = project(path);
    Event::RunCreated(Box::new(RunCreated {
        run: run(number),
        number,
        name: format!("Run {number}"),
        definition: DefinitionRef {
            id: DefinitionId::of(project.id, "pipeline"),
            key: "pipeline".into(),
            name: "Pipeline".into(),
            hash: baton_core::run::big::hash(source),
            kind: SourceKind::Yaml,
            path: ".agent/workflows/definitions/pipeline.yaml".into(),
        },
        directory: project.path.clone(),
        workspace: None,
        follows: None,
        project,
        source: Big::new(source),
        args: Big::new(r#"{"environment":"dev"}"#),
        by: Actor::User(UserId::LOCAL),
        parent: None,
        budget: Budget::default(),
        slot: None,
        inherited: Vec::new(),
        program: None,
        instruction: None,
        pause_policy: PausePolicy::default(),
    }))
}

pub fn attempt(number: u64) -> AttemptId {
    AttemptId::from_bits(0x700 + u128::from(number))
}

pub fn message(n: u32, content: &str) -> Event {
    Event::MessagePosted(Box::new(MessagePosted {
        message: n,
        by: Actor::User(UserId::LOCAL),
        content: content.into(),
        action: Action::Instruction,
        status: ActionStatus::Pending,
        step: Some("build-app".into()),
        metadata: None,
        place: None,
    }))
}

/// What a run of [`PIPELINE`] does, one commit each.
pub fn story(number: u64, path: &str, result: &str) -> Vec<Vec<Event>> {
    let build = || "build-app".to_owned();
    let output = StepOutput {
        result: Some(Big::new(result)),
        exit_code: Some(0),
        ..StepOutput::default()
    };
    vec![
        vec![created(number, path, PIPELINE), Event::RunStarted {}],
        vec![Event::AttemptStarted {
            key: build(),
            attempt: attempt(number),
            number: 1,
            cause: Cause::First,
            heads: vec![],
            isolated: None,
        }],
        vec![message(0, "be quick"), message(1, "please")],
        vec![
            Event::AttemptEnded {
                key: build(),
                attempt: attempt(number),
                end: AttemptEnd::Succeeded { output },
            },
            Event::StepCompleted {
                key: build(),
                output: StepOutput::default(),
            },
            Event::CheckpointTaken {
                number: 0,
                after: build(),
                partial: false,
                commit: None,
            },
        ],
        vec![Event::MessageStatus {
            message: 1,
            status: ActionStatus::Processed,
        }],
        vec![Event::WaitStarted {
            key: "cool".into(),
            until: Timestamp::from_millis(9_000),
        }],
        vec![Event::StepCompleted {
            key: "cool".into(),
            output: StepOutput::default(),
        }],
        vec![Event::RunCompleted {
            outputs: Big::new(r#"{"ok":true}"#),
        }],
    ]
}

pub fn commit(number: u64, seq: u64, events: &mut [Event]) -> Append {
    let blobs = events
        .iter_mut()
        .flat_map(Event::bigs)
        .filter_map(|big| big.blob())
        .collect();
    Append {
        events: serde_json::to_vec(events).unwrap(),
        decided: Some(Arc::new(events.to_vec())),
        blobs,
        board: Some(Board {
            number,
            project: ProjectId::from_bits(9),
            status: "running",
        }),
        ..append(number, seq)
    }
}

/// Appends these commits, the first with this sequence number.
pub fn tell(journal: &dyn Journal, number: u64, first: u64, story: &mut [Vec<Event>]) {
    for (seq, events) in (first..).zip(story) {
        put(journal, commit(number, seq, events)).unwrap();
    }
}
