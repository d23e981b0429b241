//! Steps and their attempts.

use baton_core::activity::Usage;
use baton_core::ids::{AttemptId, RunId, StepId};
use baton_core::run::event::{AttemptEnd, Cause, StepError};
use baton_core::run::{Session, WaitReason};
use baton_store::views::{ArtifactRow, AttemptRow, RunRow, StepRow};
use serde::Serialize;
use serde_json::{Value, json};

use super::{At, artifact, maybe_time, time, word};

/// One step as lists show it. There may be a thousand of them in one answer, so they are written
/// from the rows as they are.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    id: StepId,
    workflow_run_id: RunId,
    step_id: &'a str,
    name: &'a str,
    phase: Option<&'a str>,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    status: &'a str,
    needs: &'a [String],
    log_directory_path: String,
    agent_session_id: Option<&'a str>,
    /// An agent's session; what its files know is filled in by who reads them.
    pub session: Option<Value>,
    error_message: Option<&'a str>,
    attempt: u32,
    max_attempts: u32,
    started_at: Option<At>,
    completed_at: Option<At>,
    created_at: At,
    updated_at: At,
    waiting: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_step_id: Option<StepId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    child_run_id: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_reason: Option<Value>,
}

impl<'a> Row<'a> {
    /// A step of this run.
    #[must_use]
    pub fn of(run: &RunRow, step: &'a StepRow) -> Self {
        let session = step.session.as_deref();
        let declared = &step.declared;
        let last = step.completed_at.or(step.started_at);
        let of_item = step.item.map(|_| {
            let parent = step.key.rsplit_once('.').map_or("", |(parent, _)| parent);
            StepId::of(run.id, parent)
        });
        Self {
            id: step.id,
            workflow_run_id: run.id,
            step_id: &step.key,
            name: &declared.name,
            phase: declared.phase.as_deref(),
            r#type: declared.kind.word(),
            agent: declared.agent.as_deref(),
            status: &step.status,
            needs: &declared.needs,
            log_directory_path: step.log_directory(),
            agent_session_id: session.and_then(|session| session.native.as_deref()),
            session: session.map(|it| with_files(self::session(step, it))),
            error_message: step.error.as_ref().map(|error| error.message.as_str()),
            attempt: step.attempts,
            max_attempts: declared.attempts,
            started_at: step.started_at.map(At),
            completed_at: step.completed_at.map(At),
            created_at: At(run.created_at),
            updated_at: At(last.unwrap_or(run.created_at)),
            waiting: waiting(step),
            parent_step_id: of_item,
            item: step.item,
            child_run_id: step.child,
            workflow: step.child.map(|_| step.workflow.as_deref()),
            skip_reason: step.skipped.as_ref().map(word),
        }
    }
}

/// One step with its results, attempts and artifacts.
#[derive(Debug, Serialize)]
pub struct Whole<'a> {
    /// As lists show it.
    #[serde(flatten)]
    pub row: Row<'a>,
    error: Option<Value>,
    result: Option<&'a str>,
    data: Option<&'a Value>,
    outputs: Option<&'a Value>,
    exit_code: Option<i32>,
    stderr: Option<&'a str>,
    warnings: &'a [String],
    attempts: Vec<Attempt<'a>>,
    artifacts: Vec<Value>,
}

impl<'a> Whole<'a> {
    /// A step of this run.
    #[must_use]
    pub fn of(
        run: &RunRow,
        step: &'a StepRow,
        attempts: impl IntoIterator<Item = &'a AttemptRow>,
        artifacts: Vec<ArtifactRow>,
    ) -> Self {
        Self {
            row: Row::of(run, step),
            error: step.error.as_ref().map(failure),
            result: step.result.as_deref(),
            data: step.data.as_ref(),
            outputs: step.outputs.as_ref(),
            exit_code: step.exit_code,
            stderr: step.stderr.as_deref(),
            warnings: &step.warnings,
            attempts: attempts.into_iter().map(Attempt::of).collect(),
            artifacts: artifact::list(artifacts),
        }
    }
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
    if let (Some(then), true) = (&step.declared.on_timeout, waiting.until.is_some()) {
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
#[derive(Debug, Serialize)]
pub struct Tokens {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

/// The tokens of this.
#[must_use]
pub fn tokens(usage: &Usage) -> Tokens {
    Tokens {
        input: usage.input,
        output: usage.output,
        cache_read: usage.cache_read,
        cache_write: usage.cache_write,
    }
}

/// Why something failed.
#[must_use]
pub fn failure(error: &StepError) -> Value {
    json!({"code": word(&error.code), "message": error.message})
}

/// An attempt.
#[derive(Debug, Serialize)]
pub struct Attempt<'a> {
    id: AttemptId,
    number: u32,
    cause: &'a Cause,
    status: &'a str,
    error: Option<Value>,
    exit_code: Option<i32>,
    started_at: At,
    ended_at: Option<At>,
}

impl<'a> Attempt<'a> {
    /// One that was tried.
    #[must_use]
    pub fn of(tried: &'a AttemptRow) -> Self {
        let status = match tried.how.as_deref() {
            None => "running",
            Some("succeeded") => "completed",
            Some(how) => how,
        };
        let error = match (&tried.error, &tried.detail) {
            (Some(error), _) => Some(failure(error)),
            (None, Some(detail)) => Some(json!({"code": status, "message": detail})),
            (None, None) => None,
        };
        Self {
            id: tried.id,
            number: tried.number,
            cause: &tried.cause,
            status,
            error,
            exit_code: tried.exit_code,
            started_at: At(tried.started_at),
            ended_at: tried.ended_at.map(At),
        }
    }
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
