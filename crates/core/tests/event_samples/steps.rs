//! Samples of attempts, and of what becomes of steps.

use super::*;

pub fn attempts() -> Vec<Event> {
    let key = || "build.2".to_owned();
    let ended = |end| Event::AttemptEnded {
        key: key(),
        attempt: ATTEMPT,
        end,
    };
    vec![
        Event::AttemptStarted {
            key: key(),
            attempt: ATTEMPT,
            number: 2,
            cause: Cause::Retry,
            heads: vec![],
            isolated: None,
        },
        Event::AttemptStarted {
            key: key(),
            attempt: ATTEMPT,
            number: 3,
            cause: Cause::UsageLimit,
            heads: vec![4, 7],
            isolated: None,
        },
        Event::AttemptStarted {
            key: key(),
            attempt: ATTEMPT,
            number: 4,
            cause: Cause::First,
            heads: vec![],
            isolated: Some("90".repeat(20)),
        },
        ended(AttemptEnd::Succeeded { output: output() }),
        ended(AttemptEnd::Succeeded {
            output: StepOutput::default(),
        }),
        ended(AttemptEnd::Failed {
            error: error(ErrorCode::ExitCode, "exit code 3"),
            output: output(),
        }),
        ended(AttemptEnd::Lost {
            detail: "no record".into(),
            never_started: false,
        }),
        ended(AttemptEnd::Lost {
            detail: "it had not begun".into(),
            never_started: true,
        }),
        ended(AttemptEnd::Stopped {}),
        ended(AttemptEnd::Parked {}),
        ended(AttemptEnd::UsageLimit {
            resets_at: Some(at("2026-01-02T08:00:00Z")),
            detail: "5-hour limit".into(),
        }),
        ended(AttemptEnd::UsageLimit {
            resets_at: None,
            detail: "limit".into(),
        }),
        ended(AttemptEnd::SessionLost {
            detail: "no conversation found".into(),
        }),
        Event::StepRequeued {
            key: key(),
            cause: Cause::Lost,
        },
        Event::RetryScheduled {
            key: key(),
            until: at("2026-01-02T03:04:15Z"),
            failure: error(ErrorCode::Signal, "ended by signal 9 (KILL)"),
        },
        Event::LostAsked { key: key() },
    ]
}

pub fn steps() -> Vec<Event> {
    let key = || "ok".to_owned();
    let soon = || at("2026-01-02T03:04:15Z");
    let ended = |outcome| Event::ChildEnded {
        key: key(),
        child: OTHER,
        outcome,
    };
    vec![
        Event::StepSkipped {
            key: key(),
            reason: SkipReason::NeedsSkipped,
        },
        Event::ApprovalRequested {
            key: key(),
            message: Big::new("Go on?"),
            expires: Some(soon()),
        },
        Event::ApprovalRequested {
            key: key(),
            message: Big::new("Go on?"),
            expires: None,
        },
        Event::ApprovalAnswered {
            key: key(),
            approved: true,
            by: user(),
            message: Some("sure".into()),
        },
        Event::WaitStarted {
            key: key(),
            until: soon(),
        },
        Event::ChildStarted {
            key: key(),
            child: OTHER,
            workflow: "review".into(),
            args: Big::new("{}"),
            expires: Some(soon()),
            isolated: None,
        },
        Event::ChildStarted {
            key: key(),
            child: OTHER,
            workflow: "review".into(),
            args: Big::new("{}"),
            expires: None,
            isolated: Some("90".repeat(20)),
        },
        ended(ChildOutcome::Completed {
            outputs: Big::new(r#"{"said":"yes"}"#),
            commit: None,
        }),
        ended(ChildOutcome::Failed {
            message: "step `a` failed".into(),
            code: None,
            commit: None,
        }),
        ended(ChildOutcome::Failed {
            message: "merge_conflict: it would conflict".into(),
            code: Some(ErrorCode::MergeConflict),
            commit: None,
        }),
        ended(ChildOutcome::Cancelled {}),
        Event::ChildAbandoned {
            key: key(),
            child: OTHER,
        },
        Event::ItemsListed {
            key: key(),
            items: Big::new(r#"["a","b"]"#),
            count: 2,
        },
        Event::StepCompleted {
            key: key(),
            output: output(),
        },
        Event::StepCompleted {
            key: key(),
            output: StepOutput::default(),
        },
        Event::StepFailed {
            key: key(),
            error: error(ErrorCode::Rejected, "no"),
            output: StepOutput::default(),
        },
        Event::CheckpointTaken {
            number: 4,
            after: key(),
            partial: true,
            commit: None,
        },
        Event::CheckpointTaken {
            number: 5,
            after: key(),
            partial: false,
            commit: Some("34".repeat(20)),
        },
    ]
}
