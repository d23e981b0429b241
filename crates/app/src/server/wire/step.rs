//! Steps and their attempts.

use baton_core::activity::Usage;
use baton_core::ids::StepId;
use baton_core::run::event::{AttemptEnd, StepError};
use baton_core::run::{Session, WaitReason};
use baton_store::views::{ArtifactRow, AttemptRow, RunRow, StepRow};
use serde_json::{Map, Value, json};

use super::{artifact, maybe_time, time, word};

/// These steps, as lists show them.
#[must_use]
pub fn rows(run: &RunRow, steps: &[StepRow]) -> Vec<Value> {
    steps.iter().map(|step| row(run, step)).collect()
}

/// One step with its results, attempts and artifacts.
#[must_use]
pub fn whole(
    run: &RunRow,
    step: &StepRow,
    attempts: &[AttemptRow],
    artifacts: Vec<ArtifactRow>,
) -> Value {
    let mut value = row(run, step);
    if let Some(members) = value.as_object_mut() {
        let error = step.error.as_ref();
        members.insert("error".into(), error.map_or(Value::Null, failure));
        outcome(members, step);
        let attempts = attempts.iter().map(attempt);
        members.insert("attempts".into(), attempts.collect());
        members.insert("artifacts".into(), artifact::list(artifacts).into());
    }
    value
}

/// One step as lists show it.
#[must_use]
pub fn row(run: &RunRow, step: &StepRow) -> Value {
    let session = step.session.as_deref();
    let last = step.completed_at.or(step.started_at);
    let mut value = json!({
        "id": step.id.to_string(),
        "workflow_run_id": run.id.to_string(),
        "step_id": step.key,
        "name": step.name,
        "phase": step.phase,
        "type": step.kind,
        "status": step.status,
        "needs": step.needs,
        "log_directory_path": step.log_directory(),
        "agent_session_id": session.and_then(|s| s.native.as_deref()),
        "session": session.map(|s| with_files(self::session(step, s))),
        "error_message": step.error.as_ref().map(|error| &error.message),
        "attempt": step.attempts,
        "max_attempts": step.max_attempts,
        "started_at": maybe_time(step.started_at),
        "completed_at": maybe_time(step.completed_at),
        "created_at": time(run.created_at),
        "updated_at": time(last.unwrap_or(run.created_at)),
        "waiting": waiting(step),
    });
    let Some(members) = value.as_object_mut() else {
        return value;
    };
    if let Some(agent) = &step.agent {
        members.insert("agent".into(), agent.as_str().into());
    }
    if let Some(item) = step.item {
        let parent = step.key.rsplit_once('.').map_or("", |(parent, _)| parent);
        let parent = StepId::of(run.id, parent).to_string();
        members.insert("parent_step_id".into(), parent.into());
        members.insert("item".into(), item.into());
    }
    if let Some(child) = step.child {
        members.insert("child_run_id".into(), child.to_string().into());
        members.insert("workflow".into(), step.workflow.as_deref().into());
    }
    if let Some(reason) = &step.skipped {
        members.insert("skip_reason".into(), word(reason));
    }
    value
}

/// Why a step that is running does not advance.
fn waiting(step: &StepRow) -> Value {
    let Some(waiting) = &step.waiting else {
        return Value::Null;
    };
    // What is tried again says what it failed with, if that is known.
    let says = waiting.reason != WaitReason::Retry || step.error.is_some();
    let mut value = json!({
        "reason": waiting.reason.word(),
        "since": time(waiting.since),
        "until": maybe_time(waiting.until),
        "detail": says.then_some(&waiting.detail),
    });
    if let (Some(then), true) = (&step.on_timeout, waiting.until.is_some()) {
        value["then"] = then.as_str().into();
    }
    value
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
pub fn session(step: &StepRow, session: &Session) -> Value {
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
        "status": match step {
            step if step.is_working() && session.unanswered().is_some() => "waiting",
            step if step.is_working() => "running",
            step if step.is_ended() => step.status.as_str(),
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

fn outcome(members: &mut Map<String, Value>, step: &StepRow) {
    members.insert("result".into(), step.result.as_deref().into());
    members.insert("data".into(), step.data.clone().unwrap_or_default());
    members.insert("outputs".into(), step.outputs.clone().unwrap_or_default());
    members.insert("exit_code".into(), step.exit_code.into());
    members.insert("stderr".into(), step.stderr.as_deref().into());
    members.insert("warnings".into(), step.warnings.clone().into());
}

/// Why something failed.
#[must_use]
pub fn failure(error: &StepError) -> Value {
    json!({"code": word(&error.code), "message": error.message})
}

/// An attempt.
#[must_use]
pub fn attempt(tried: &AttemptRow) -> Value {
    let status = match tried.how.as_deref() {
        None => "running",
        Some("succeeded") => "completed",
        Some(how) => how,
    };
    let error = match (&tried.error, &tried.detail) {
        (Some(error), _) => failure(error),
        (None, Some(detail)) => json!({"code": status, "message": detail}),
        (None, None) => Value::Null,
    };
    json!({
        "id": tried.id.to_string(),
        "number": tried.number,
        "cause": word(&tried.cause),
        "status": status,
        "error": error,
        "exit_code": tried.exit_code,
        "started_at": time(tried.started_at),
        "ended_at": maybe_time(tried.ended_at),
    })
}

/// The word for how an attempt ended.
#[must_use]
pub fn ended(end: &AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Succeeded { .. } => "completed",
        AttemptEnd::Failed { .. } => "failed",
        AttemptEnd::Lost { .. } => "lost",
        AttemptEnd::Stopped {} => "stopped",
        AttemptEnd::Parked {} => "parked",
        AttemptEnd::UsageLimit { .. } => "usage_limit",
        AttemptEnd::SessionLost { .. } => "session_lost",
    }
}
