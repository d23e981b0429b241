//! Samples of what agents' sessions bring.

use super::*;

pub fn sessions() -> Vec<Event> {
    let key = || "build.2".to_owned();
    let asked = |asks| Event::QuestionAsked {
        key: key(),
        attempt: ATTEMPT,
        question: Box::new(Question {
            id: "7f6f".into(),
            asks,
            text: "May Write be used on NEW.md?".into(),
        }),
    };
    let answered = |answer| Event::QuestionAnswered {
        key: key(),
        question: "7f6f".into(),
        answer,
        by: user(),
    };
    vec![
        Event::UsageLimitReached {
            key: key(),
            until: at("2026-01-02T08:00:07Z"),
            detail: "5-hour limit".into(),
        },
        Event::SessionKnown {
            key: key(),
            attempt: ATTEMPT,
            session: "0ba65878".into(),
            model: Some("opus".into()),
            transcript: None,
        },
        Event::SessionUsed {
            key: key(),
            attempt: ATTEMPT,
            usage: Usage {
                input: 10,
                output: 20,
                cache_read: 30,
                cache_write: 40,
                cost_usd: Some(0.25),
                estimate: true,
                context_used: Some(50),
            },
        },
        asked(Asks::Permission {
            tool: "Write".into(),
            input: json!({"file_path": "NEW.md"}),
            can_remember: true,
        }),
        asked(Asks::Plan {
            plan: "1. Read".into(),
        }),
        asked(Asks::Choices {
            items: vec![Choice {
                question: "Which?".into(),
                header: Some("Way".into()),
                options: vec![ChoiceOption {
                    label: "A".into(),
                    description: "the first".into(),
                }],
                multiple: false,
            }],
        }),
        answered(Answer::Approve {
            remember: true,
            message: None,
        }),
        answered(Answer::Reject {
            message: Some("no".into()),
        }),
        answered(Answer::Choices {
            answers: [("Which?".to_owned(), vec!["A".to_owned()])].into(),
        }),
        Event::QuestionClosed {
            key: key(),
            question: "7f6f".into(),
        },
        Event::FilesKept {
            key: key(),
            attempt: ATTEMPT,
            commit: "56".repeat(20),
        },
        Event::MergeAwaited { key: key() },
        Event::MergeStarted { key: key() },
        Event::WorkMerged {
            key: key(),
            outcome: Finished {
                branch: "baton/implement-00000001-each-0-1".into(),
                commit: Some("78".repeat(20)),
                merged_into: Some("baton/implement-00000001".into()),
                conflicts: vec![],
                checkpoint: Some("9a".repeat(20)),
                detail: "Its work (2 files) was merged.".into(),
            },
        },
        Event::FilesFinished {
            outcome: Finished {
                branch: "baton/implement-00000001".into(),
                commit: Some("78".repeat(20)),
                merged_into: None,
                conflicts: vec!["src/app.py".into()],
                checkpoint: None,
                detail: "It would conflict.".into(),
            },
        },
        Event::BudgetWarned {
            detail: "80 % of the budget are used".into(),
        },
    ]
}
