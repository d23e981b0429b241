//! The stored form of events is a promise: what a journal holds stays readable. A sample of every
//! variant is pinned in `fixtures/run-events.jsonl` and `fixtures/slot-events.jsonl`.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "event_samples/later.rs"]
mod later;
#[path = "event_samples/sessions.rs"]
mod sessions;
#[path = "event_samples/steps.rs"]
mod steps;
mod stored;

use baton_core::activity::{Answer, Asks, Choice, ChoiceOption, Question, Usage};
use baton_core::definition::{Budget, Finish, OnFull, WorktreeMode};
use baton_core::ids::{AttemptId, DefinitionId, ProjectId, RunId, UserId};
use baton_core::run::big::Big;
use baton_core::run::event::*;
use baton_core::slot;
use baton_core::time::Timestamp;
use serde_json::{Value, json};

variants!(run_event, RUN_EVENTS, Event {
    Event::RunCreated(_) => "run_created",
    Event::SlotGranted {} => "slot_granted",
    Event::RunStarted {} => "run_started",
    Event::StepSkipped { .. } => "step_skipped",
    Event::AttemptStarted { .. } => "attempt_started",
    Event::AttemptEnded { .. } => "attempt_ended",
    Event::StepRequeued { .. } => "step_requeued",
    Event::RetryScheduled { .. } => "retry_scheduled",
    Event::UsageLimitReached { .. } => "usage_limit_reached",
    Event::SessionKnown { .. } => "session_known",
    Event::SessionUsed { .. } => "session_used",
    Event::QuestionAsked { .. } => "question_asked",
    Event::QuestionAnswered { .. } => "question_answered",
    Event::QuestionClosed { .. } => "question_closed",
    Event::FilesKept { .. } => "files_kept",
    Event::MergeAwaited { .. } => "merge_awaited",
    Event::MergeStarted { .. } => "merge_started",
    Event::WorkMerged { .. } => "work_merged",
    Event::FilesFinished { .. } => "files_finished",
    Event::BudgetWarned { .. } => "budget_warned",
    Event::ApprovalRequested { .. } => "approval_requested",
    Event::ApprovalAnswered { .. } => "approval_answered",
    Event::WaitStarted { .. } => "wait_started",
    Event::ChildStarted { .. } => "child_started",
    Event::ChildEnded { .. } => "child_ended",
    Event::ChildAbandoned { .. } => "child_abandoned",
    Event::ItemsListed { .. } => "items_listed",
    Event::LostAsked { .. } => "lost_asked",
    Event::StepCompleted { .. } => "step_completed",
    Event::StepFailed { .. } => "step_failed",
    Event::CheckpointTaken { .. } => "checkpoint_taken",
    Event::PauseRequested { .. } => "pause_requested",
    Event::PauseWithdrawn { .. } => "pause_withdrawn",
    Event::RunPaused {} => "run_paused",
    Event::PauseTimedOut { .. } => "pause_timed_out",
    Event::RunResumed { .. } => "run_resumed",
    Event::CancelRequested { .. } => "cancel_requested",
    Event::RunCancelled {} => "run_cancelled",
    Event::RunCompleted { .. } => "run_completed",
    Event::RunFailed { .. } => "run_failed",
    Event::StepsReset { .. } => "steps_reset",
    Event::MessagePosted(_) => "message_posted",
    Event::MessageStatus { .. } => "message_status",
    Event::RedirectRequested(_) => "redirect_requested",
    Event::Redirected { .. } => "redirected",
    Event::PredecessorEnded {} => "predecessor_ended",
    Event::ArtifactAdded(_) => "artifact_added",
    Event::ArtifactsKept { .. } => "artifacts_kept",
    Event::ArtifactAttached { .. } => "artifact_attached",
    Event::ArtifactDetached { .. } => "artifact_detached",
    Event::Delivered { .. } => "delivered",
    Event::Called { .. } => "called",
    Event::ProgramEnded { .. } => "program_ended",
});

variants!(attempt_end, ATTEMPT_ENDS, AttemptEnd {
    AttemptEnd::Succeeded { .. } => "succeeded",
    AttemptEnd::Failed { .. } => "failed",
    AttemptEnd::Lost { .. } => "lost",
    AttemptEnd::Stopped {} => "stopped",
    AttemptEnd::Parked {} => "parked",
    AttemptEnd::UsageLimit { .. } => "usage_limit",
    AttemptEnd::SessionLost { .. } => "session_lost",
});

variants!(child_outcome, CHILD_OUTCOMES, ChildOutcome {
    ChildOutcome::Completed { .. } => "completed",
    ChildOutcome::Failed { .. } => "failed",
    ChildOutcome::Cancelled {} => "cancelled",
});

variants!(actor, ACTORS, Actor {
    Actor::User(_) => "user",
    Actor::System => "system",
    Actor::Attempt(_) => "attempt",
    Actor::Parent(_) => "parent",
});

variants!(reset_reason, RESET_REASONS, ResetReason {
    ResetReason::Retry => "retry",
    ResetReason::Step(_) => "step",
    ResetReason::Checkpoint(_) => "checkpoint",
});

variants!(inherited_end, INHERITED_ENDS, InheritedEnd {
    InheritedEnd::Completed(_) => "completed",
    InheritedEnd::Failed(..) => "failed",
    InheritedEnd::Skipped(_) => "skipped",
});

variants!(slot_event, SLOT_EVENTS, slot::Event {
    slot::Event::Requested { .. } => "requested",
    slot::Event::Granted { .. } => "granted",
    slot::Event::Refused { .. } => "refused",
    slot::Event::HolderCancelled { .. } => "holder_cancelled",
    slot::Event::Released { .. } => "released",
    slot::Event::Delivered { .. } => "delivered",
});

/// The words of an enum without contents: an exhaustive match, and what each is stored as.
macro_rules! words {
    ($test:ident, $type:ident { $($variant:ident = $word:literal,)+ }) => {
        #[test]
        fn $test() {
            let all = [$($type::$variant),+];
            for value in all {
                let word = match value {
                    $($type::$variant => $word,)+
                };
                assert_eq!(serde_json::to_value(value).unwrap(), json!(word));
                let read: $type = serde_json::from_value(json!(word)).unwrap();
                assert_eq!(read, value);
            }
        }
    };
}

words!(causes_keep_their_words, Cause {
    First = "first", Retry = "retry", Lost = "lost", Parked = "parked",
    UsageLimit = "usage_limit", SessionLost = "session_lost",
});
words!(error_codes_keep_their_words, ErrorCode {
    ExitCode = "exit_code", Signal = "signal", SpawnFailed = "spawn_failed", Timeout = "timeout",
    Lost = "lost", Template = "template", Output = "output", Rejected = "rejected",
    ChildFailed = "child_failed", ItemFailed = "item_failed", Value = "value", Disk = "disk",
    Secret = "secret", AgentMissing = "agent_missing", AgentLogin = "agent_login",
    AgentSetup = "agent_setup", AgentService = "agent_service", AgentLimit = "agent_limit",
    UsageLimit = "usage_limit", AgentNoResult = "agent_no_result", AgentSilent = "agent_silent",
    Workspace = "workspace", MergeConflict = "merge_conflict", Function = "function",
});
words!(skip_reasons_keep_their_words, SkipReason {
    Condition = "condition", NeedsSkipped = "needs_skipped", Redirected = "redirected",
});
words!(pause_reasons_keep_their_words, PauseReason {
    Request = "request", Budget = "budget", Parent = "parent",
});
words!(pause_policies_keep_their_words, PauseThen {
    Stay = "stay", Resume = "resume", Cancel = "cancel",
});
words!(actions_keep_their_words, Action {
    Comment = "comment", Instruction = "instruction", Pause = "pause", Resume = "resume",
    Cancel = "cancel", Redirect = "redirect",
});
words!(action_statuses_keep_their_words, ActionStatus {
    Pending = "pending", Acknowledged = "acknowledged", Processed = "processed",
    Ignored = "ignored",
});
words!(kinds_of_source_keep_their_words, SourceKind { Yaml = "yaml", Code = "code", });
words!(what_a_full_slot_does_keeps_its_words, OnFull {
    Queue = "queue", Reject = "reject", CancelOldest = "cancel_oldest",
});

const RUN: RunId = RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0001);
const OTHER: RunId = RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0002);
const ATTEMPT: AttemptId = AttemptId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0003);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn user() -> Actor {
    Actor::User(UserId::LOCAL)
}

fn error(code: ErrorCode, message: &str) -> StepError {
    StepError {
        code,
        message: message.into(),
    }
}

fn output() -> StepOutput {
    StepOutput {
        result: Some(Big::new("built\n")),
        data: Some(Big::new(r#"{"files":["a"]}"#)),
        outputs: Some(Big::Elsewhere("ab".repeat(32))),
        exit_code: Some(3),
        stderr: Some("warning: \u{fc}\n".into()),
        warnings: vec![],
    }
}

fn created() -> RunCreated {
    let inherited = |key: &str, end| Inherited {
        key: key.into(),
        end,
        at: at("2026-01-02T03:04:05.678Z"),
    };
    RunCreated {
        run: RUN,
        number: 7,
        name: "Implement \"login\"".into(),
        project: ProjectRef {
            id: ProjectId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0004),
            name: "shop".into(),
            path: "/srv/shop".into(),
        },
        definition: DefinitionRef {
            id: DefinitionId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0005),
            key: "implement".into(),
            name: "Implement".into(),
            hash: "cd".repeat(32),
            kind: SourceKind::Yaml,
            path: ".agent/workflows/definitions/implement.yaml".into(),
        },
        source: Big::new("name: Implement\n"),
        args: Big::new(r#"{"x":1}"#),
        by: user(),
        parent: Some(Parent {
            run: OTHER,
            step: Some("review.0".into()),
        }),
        budget: Budget {
            usd: Some(5.0),
            tokens: Some(2_000_000),
            minutes: Some(1.5),
        },
        slot: Some(SlotClaim {
            slot: "prj_x/deploy".into(),
            limit: 1,
            on_full: OnFull::CancelOldest,
        }),
        inherited: vec![
            inherited("a", InheritedEnd::Completed(output())),
            inherited(
                "b",
                InheritedEnd::Failed(error(ErrorCode::Timeout, "late"), output()),
            ),
            inherited("c", InheritedEnd::Skipped(SkipReason::Condition)),
        ],
        program: None,
        instruction: Some("Use the new API".into()),
        pause_policy: PausePolicy {
            timeout_ms: 1000,
            then: PauseThen::Cancel,
        },
        directory: "/srv/shop".into(),
        workspace: None,
        follows: None,
    }
}

/// With a worktree of its own.
fn created_with_a_worktree() -> RunCreated {
    RunCreated {
        workspace: Some(Workspace {
            mode: WorktreeMode::Worktree,
            repository: "/srv/shop".into(),
            inside: "app".into(),
            root: "/data/worktrees/prj_x/run_y".into(),
            branch: "baton/implement-00000001".into(),
            base: "12".repeat(20),
            base_branch: Some("main".into()),
            copy: vec![".env*".into()],
            setup: Some("pnpm install".into()),
            finish: Finish::Merge,
            shared: false,
            generation: 0,
            newest: None,
            parent: None,
        }),
        ..plainly_created()
    }
}

/// As the first version wrote it when there was nothing to say.
fn plainly_created() -> RunCreated {
    RunCreated {
        parent: None,
        budget: Budget::default(),
        slot: None,
        inherited: vec![],
        program: None,
        instruction: None,
        pause_policy: PausePolicy::default(),
        by: Actor::Parent(OTHER),
        ..created()
    }
}

fn posted() -> MessagePosted {
    MessagePosted {
        message: 3,
        by: Actor::Attempt(ATTEMPT),
        content: "Found it".into(),
        action: Action::Instruction,
        status: ActionStatus::Pending,
        step: Some("build".into()),
        metadata: Some(json!({"from": {"user": 1}})),
        place: None,
    }
}

fn lifecycle() -> Vec<Event> {
    let reset = |because| Event::StepsReset {
        keys: vec!["a".into(), "b".into()],
        because,
        by: user(),
        kept: vec![],
    };
    vec![
        Event::StepsReset {
            keys: vec!["each".into()],
            because: ResetReason::Checkpoint(2),
            by: user(),
            kept: vec!["each.0".into()],
        },
        Event::RunCreated(Box::new(created())),
        Event::RunCreated(Box::new(plainly_created())),
        Event::RunCreated(Box::new(created_with_a_worktree())),
        Event::SlotGranted {},
        Event::RunStarted {},
        Event::PauseRequested {
            reason: PauseReason::Budget,
            detail: Some("5 USD".into()),
            by: Actor::System,
            immediate: false,
        },
        Event::PauseRequested {
            reason: PauseReason::Request,
            detail: None,
            by: user(),
            immediate: true,
        },
        Event::PauseWithdrawn { by: user() },
        Event::RunPaused {},
        Event::PauseTimedOut {
            then: PauseThen::Resume,
        },
        Event::RunResumed { by: user() },
        Event::CancelRequested {
            reason: Some("enough".into()),
            by: user(),
        },
        Event::RunCancelled {},
        Event::RunCompleted {
            outputs: Big::new(r#"{"said":"hello"}"#),
        },
        Event::RunFailed {
            error: RunError {
                step: Some("b".into()),
                message: "step `b` failed".into(),
            },
        },
        reset(ResetReason::Retry),
        reset(ResetReason::Step("a".into())),
        reset(ResetReason::Checkpoint(2)),
        Event::MessagePosted(Box::new(posted())),
        Event::MessageStatus {
            message: 3,
            status: ActionStatus::Acknowledged,
        },
        Event::Delivered { message: 1 },
    ]
}

fn run_events() -> Vec<Event> {
    let later = later::redirects_and_files(&created(), &posted());
    let programs = later::programs();
    [
        lifecycle(),
        steps::steps(),
        steps::attempts(),
        sessions::sessions(),
        later,
        programs,
        later::forks_of_programs(&created()),
    ]
    .concat()
}

fn slot_events() -> Vec<slot::Event> {
    use slot::Event::*;
    vec![
        Requested {
            run: RUN,
            limit: 2,
            on_full: OnFull::Queue,
            request: None,
        },
        Requested {
            run: RUN,
            limit: 2,
            on_full: OnFull::Queue,
            request: Some(3),
        },
        Granted { run: RUN },
        Refused { run: RUN },
        HolderCancelled { run: OTHER },
        Released { run: OTHER },
        Delivered { message: 9 },
    ]
}

#[test]
fn events_of_a_run_keep_their_stored_form() {
    let samples = run_events();
    stored::check(include_str!("fixtures/run-events.jsonl"), &samples);
    stored::all_sampled(RUN_EVENTS, samples.iter().map(run_event));
    for sample in &samples {
        let tag = serde_json::to_value(sample).unwrap()["type"].take();
        assert_eq!(tag, run_event(sample));
    }
}

#[test]
fn events_of_a_slot_keep_their_stored_form() {
    let samples = slot_events();
    stored::check(include_str!("fixtures/slot-events.jsonl"), &samples);
    stored::all_sampled(SLOT_EVENTS, samples.iter().map(slot_event));
    for sample in &samples {
        let tag = serde_json::to_value(sample).unwrap()["type"].take();
        assert_eq!(tag, slot_event(sample));
    }
}

#[test]
fn what_events_hold_is_sampled_too() {
    let events = run_events();
    stored::all_sampled(
        ATTEMPT_ENDS,
        events.iter().filter_map(|event| match event {
            Event::AttemptEnded { end, .. } => Some(attempt_end(end)),
            _ => None,
        }),
    );
    stored::all_sampled(
        CHILD_OUTCOMES,
        events.iter().filter_map(|event| match event {
            Event::ChildEnded { outcome, .. } => Some(child_outcome(outcome)),
            _ => None,
        }),
    );
    stored::all_sampled(
        RESET_REASONS,
        events.iter().filter_map(|event| match event {
            Event::StepsReset { because, .. } => Some(reset_reason(because)),
            _ => None,
        }),
    );
    stored::all_sampled(
        INHERITED_ENDS,
        created().inherited.iter().map(|i| inherited_end(&i.end)),
    );
    stored::all_sampled(
        ACTORS,
        events.iter().filter_map(|event| match event {
            Event::RunCreated(created) => Some(actor(&created.by)),
            Event::PauseRequested { by, .. } => Some(actor(by)),
            Event::MessagePosted(posted) => Some(actor(&posted.by)),
            _ => None,
        }),
    );
}

/// Fields that the first version left out when they were empty, and may leave out for good.
#[test]
fn a_run_created_without_its_optional_fields_is_read() {
    let mut line = serde_json::to_value(Event::RunCreated(Box::new(plainly_created()))).unwrap();
    for optional in [
        "parent",
        "budget",
        "slot",
        "inherited",
        "instruction",
        "pause_policy",
    ] {
        line.as_object_mut().unwrap().remove(optional);
    }
    let read: Event = serde_json::from_value(line).unwrap();
    assert_eq!(read, Event::RunCreated(Box::new(plainly_created())));
}

#[test]
fn an_unknown_event_is_an_error_and_not_a_guess() {
    let unknown = json!({"type": "run_teleported"});
    assert!(serde_json::from_value::<Event>(unknown.clone()).is_err());
    assert!(serde_json::from_value::<slot::Event>(unknown).is_err());
}

#[test]
fn a_long_text_is_stored_by_its_hash_alone() {
    let text = "x".repeat(baton_core::run::big::INLINE_LIMIT + 1);
    let mut event = Event::RunCompleted {
        outputs: Big::new(text.as_str()),
    };
    let stored: Value = serde_json::to_value(&event).unwrap();
    let hash = baton_core::run::big::hash(&text);
    assert_eq!(
        stored,
        json!({"type": "run_completed", "outputs": {"blob": hash}})
    );
    assert_eq!(event.bigs()[0].blob().unwrap().0, hash);
}
