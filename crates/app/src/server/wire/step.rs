//! Steps and their attempts.

use baton_core::activity::Usage;
use baton_core::run::event::{AttemptEnd, StepError, StepOutput};
use baton_core::run::{At, Run, Session, State, Step};
use serde_json::{Map, Value, json};

use super::super::story::{Story, Tried};
use super::{artifact, maybe_time, stored, time, word};

/// All steps of a run and the items of each `foreach`, in file order, with all of each.
#[must_use]
pub fn all(story: &Story) -> Vec<Value> {
    let steps = story.run.all();
    steps.map(|(at, step)| whole(story, at, step)).collect()
}

/// As [`all`], as lists show them.
#[must_use]
pub fn rows(run: &Run) -> Vec<Value> {
    run.all().map(|(at, step)| row(run, at, step)).collect()
}

/// One step with its results and attempts.
#[must_use]
pub fn whole(story: &Story, at: At, step: &Step) -> Value {
    let mut value = row(&story.run, at, step);
    if let Some(members) = value.as_object_mut() {
        members.insert("error".into(), problem(step).map_or(Value::Null, failure));
        outcome(members, &step.last_output);
        let attempts = story.attempts.get(&step.key).into_iter().flatten();
        members.insert("attempts".into(), attempts.map(attempt).collect());
        members.insert("artifacts".into(), artifacts(story, &step.key).into());
    }
    value
}

/// The files that belong to a step.
#[must_use]
pub fn artifacts(story: &Story, key: &str) -> Vec<Value> {
    artifact::list(story, |artifact| artifact.step == key)
}

/// What a step failed with, or last failed with.
fn problem(step: &Step) -> Option<&StepError> {
    match &step.state {
        State::Failed(error) => Some(error),
        State::Backoff { .. } => step.failures.last(),
        _ => None,
    }
}

/// One step as lists show it.
#[must_use]
pub fn row(run: &Run, at: At, step: &Step) -> Value {
    let declared = run.declared(at);
    let id = run.created.run;
    let error = problem(step);
    let needs = declared.needs.iter().map(|&need| &run.steps[need].key);
    let mut value = json!({
        "id": step.id.to_string(),
        "workflow_run_id": id.to_string(),
        "step_id": step.key,
        "name": declared.name,
        "phase": declared.phase,
        "type": word(&declared.action.kind()),
        "status": step.state.word(),
        "needs": needs.collect::<Vec<_>>(),
        "log_directory_path": format!(".agent/workflows/executions/{id}/logs/{}", step.key),
        "agent_session_id": step.session.as_deref().and_then(|s| s.native.as_deref()),
        "session": step.session.as_deref().map(|s| with_files(session(step, s))),
        "error_message": error.map(|error| &error.message),
        "attempt": step.tries,
        "max_attempts": declared.retry.attempts,
        "started_at": maybe_time(step.started_at),
        "completed_at": maybe_time(step.ended_at),
        "created_at": time(run.created_at),
        "updated_at": time(step.ended_at.or(step.started_at).unwrap_or(run.created_at)),
    });
    let Some(members) = value.as_object_mut() else {
        return value;
    };
    if let Some(item) = at.item {
        members.insert(
            "parent_step_id".into(),
            run.steps[at.step].id.to_string().into(),
        );
        members.insert("item".into(), item.into());
    }
    members.insert("waiting".into(), waiting(step));
    if let State::Child {
        run: child,
        workflow,
        ..
    } = &step.state
    {
        members.insert("child_run_id".into(), child.to_string().into());
        members.insert("workflow".into(), workflow.as_str().into());
    }
    if let State::Skipped(reason) = &step.state {
        members.insert("skip_reason".into(), word(reason));
    }
    value
}

/// Why a step that is running does not advance.
fn waiting(step: &Step) -> Value {
    match &step.state {
        State::Approval {
            message,
            expires,
            since,
        } => json!({
            "reason": "approval", "since": time(*since), "until": maybe_time(*expires),
            "detail": message,
        }),
        State::AskLost { since } => json!({
            "reason": "approval", "since": time(*since), "until": null,
            "detail": "its attempt was lost; run it again?",
        }),
        State::Timer { until, since } => json!({
            "reason": "timer", "since": time(*since), "until": time(*until),
            "detail": format!("until {until}"),
        }),
        State::Backoff { until, since } => json!({
            "reason": "retry", "since": time(*since), "until": time(*until),
            "detail": step.failures.last().map(|error| &error.message),
        }),
        State::UsageLimit {
            until,
            since,
            detail,
        } => json!({
            "reason": "usage_limit", "since": time(*since), "until": time(*until),
            "detail": detail,
        }),
        State::Child {
            run,
            expires,
            since,
            ..
        } => json!({
            "reason": "child", "since": time(*since), "until": maybe_time(*expires),
            "detail": format!("its child run {run}"),
        }),
        State::Working { .. } => match step.session.as_deref().and_then(|s| s.unanswered()) {
            Some(asked) => json!({
                "reason": "question", "since": time(asked.since), "until": null,
                "detail": asked.question.text,
            }),
            None => Value::Null,
        },
        State::Pending
        | State::Settling
        | State::Items { .. }
        | State::Completed
        | State::Failed(_)
        | State::Skipped(_)
        | State::Cancelled => Value::Null,
    }
}

/// With what only its files know, where those were not read.
fn with_files(mut session: Value) -> Value {
    session["todos"] = Value::Null;
    session["tool"] = Value::Null;
    session
}

/// An agent's session (api.md, "Runs"), but for its todos and the tool it uses: they are in its
/// activities.
#[must_use]
pub fn session(step: &Step, session: &Session) -> Value {
    let usage = session.usage();
    let questions = session.asked.iter().map(|asked| {
        json!({
            "id": asked.question.id,
            "text": asked.question.text,
            "ask": asked.question.asks,
            "since": time(asked.since),
            "answered": asked.answer.is_some(),
        })
    });
    json!({
        "id": step.id.to_string(),
        "agent": session.agent,
        "native_session_id": session.native,
        "model": session.model,
        "status": match &step.state {
            State::Working { .. } if session.unanswered().is_some() => "waiting",
            State::Working { .. } => "running",
            state if state.is_ended() => state.word(),
            _ => "idle",
        },
        "usage": tokens(&usage),
        "cost_usd": usage.cost_usd,
        "cost_is_estimate": usage.estimate,
        "context_used": usage.context_used,
        "transcript_path": session.transcript,
        "questions": questions.collect::<Vec<_>>(),
    })
}

/// Tokens, in and out.
#[must_use]
pub fn tokens(usage: &Usage) -> Value {
    json!({
        "input": usage.input,
        "output": usage.output,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
    })
}

fn outcome(members: &mut Map<String, Value>, output: &StepOutput) {
    let result = output.result.as_ref().map(|text| text.as_str());
    members.insert("result".into(), result.into());
    members.insert("data".into(), stored(output.data.as_ref()));
    members.insert("outputs".into(), stored(output.outputs.as_ref()));
    members.insert("exit_code".into(), output.exit_code.into());
    members.insert("stderr".into(), output.stderr.as_deref().into());
    members.insert("warnings".into(), output.warnings.clone().into());
}

/// Why something failed.
#[must_use]
pub fn failure(error: &StepError) -> Value {
    json!({"code": word(&error.code), "message": error.message})
}

/// An attempt.
#[must_use]
pub fn attempt(tried: &Tried) -> Value {
    let (status, error, exit_code, ended_at) = match &tried.end {
        None => ("running", Value::Null, None, None),
        Some((end, at)) => {
            let (status, error, code) = ended(end);
            (status, error, code, Some(*at))
        }
    };
    json!({
        "id": tried.id.to_string(),
        "number": tried.number,
        "cause": word(&tried.cause),
        "status": status,
        "error": error,
        "exit_code": exit_code,
        "started_at": time(tried.started_at),
        "ended_at": maybe_time(ended_at),
    })
}

/// An attempt's status, error and exit code.
#[must_use]
pub fn ended(end: &AttemptEnd) -> (&'static str, Value, Option<i32>) {
    match end {
        AttemptEnd::Succeeded { output } => ("completed", Value::Null, output.exit_code),
        AttemptEnd::Failed { error, output } => ("failed", failure(error), output.exit_code),
        AttemptEnd::Lost { detail, .. } => {
            let error = json!({"code": "lost", "message": detail});
            ("lost", error, None)
        }
        AttemptEnd::Stopped {} => ("stopped", Value::Null, None),
        AttemptEnd::Parked {} => ("parked", Value::Null, None),
        AttemptEnd::UsageLimit { detail, .. } => {
            let error = json!({"code": "usage_limit", "message": detail});
            ("usage_limit", error, None)
        }
        AttemptEnd::SessionLost { detail } => {
            let error = json!({"code": "session_lost", "message": detail});
            ("session_lost", error, None)
        }
    }
}
