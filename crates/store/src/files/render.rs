//! What the files of a run say (document 2, "Filesystem Structure" and "Checkpoint Format").

use std::fmt::Write as _;

use baton_core::definition::template::Command;
use baton_core::definition::{Action, StepKind};
use baton_core::ids::AttemptId;
use baton_core::run::big::{Big, INLINE_LIMIT};
use baton_core::run::event::{AttemptEnd, Cause, RunCreated, SourceKind, StepOutput};
use baton_core::run::{Run, State, Step};
use baton_core::time::Timestamp;
use serde_json::{Map, Value, json};

/// At most this much of a stream stands in `output.json` (definitions.md, "On disk").
const STREAM_LIMIT: usize = 64 * 1024;

pub(super) fn definition(created: &RunCreated) -> Value {
    let definition = &created.definition;
    json!({
        "id": definition.id,
        "key": definition.key,
        "name": definition.name,
        "hash": definition.hash,
        "type": match definition.kind {
            SourceKind::Yaml => "yaml",
            SourceKind::Code => "code",
        },
        "path": definition.path,
        "source": created.source.as_str(),
    })
}

pub(super) fn input(
    run: &Run,
    step: &Step,
    action: &Action,
    (attempt, number, cause): (AttemptId, u32, Cause),
    at: Timestamp,
) -> Value {
    let mut value = json!({
        "step_id": step.id,
        "key": step.key,
        "type": action.kind(),
        "attempt": attempt,
        "attempt_number": number,
        "cause": cause,
        "started_at": at.to_string(),
        "args": run.args,
    });
    if let Some(item) = &step.item {
        value["item"] = item.clone();
    }
    match action {
        Action::Script(script) => {
            value["command"] = match &script.command {
                Command::Shell(text) => json!(text.source()),
                Command::Words(words) => words.iter().map(|word| json!(word.source())).collect(),
            };
        }
        Action::Agent(agent) => {
            value["agent"] = json!(agent.agent);
            value["prompt"] = json!(agent.prompt.source());
        }
        Action::Remote(remote) => value["provider"] = json!(remote.provider),
        Action::Approval(_) | Action::Wait(_) | Action::Workflow(_) | Action::Function => {}
    }
    value
}

pub(super) fn output(attempt: AttemptId, end: &AttemptEnd, at: Timestamp) -> Value {
    let (status, error, output) = match end {
        AttemptEnd::Succeeded { output } => ("succeeded", None, Some(output)),
        AttemptEnd::Failed { error, output } => ("failed", Some(json!(error)), Some(output)),
        AttemptEnd::Lost { detail, .. } => ("lost", Some(json!({"message": detail})), None),
        AttemptEnd::Stopped {} => ("stopped", None, None),
        AttemptEnd::Parked {} => ("parked", None, None),
        AttemptEnd::UsageLimit { detail, .. } => {
            ("usage_limit", Some(json!({"message": detail})), None)
        }
        AttemptEnd::SessionLost { detail } => {
            ("session_lost", Some(json!({"message": detail})), None)
        }
    };
    let mut value = json!({
        "attempt": attempt,
        "status": status,
        "ended_at": at.to_string(),
        "error": error,
    });
    if let Some(output) = output {
        value["exit_code"] = json!(output.exit_code);
        value["result"] = json!(output.result.as_ref().map(|text| last(text.as_str())));
        value["stderr"] = json!(output.stderr.as_deref().map(last));
        value["data"] = by_value(output.data.as_ref());
        value["outputs"] = by_value(output.outputs.as_ref());
    }
    value
}

pub(super) fn summary(run: &Run, step: &Step, name: &str) -> String {
    let mut text = format!(
        "# {name}\n\n- Run: #{} {}\n",
        run.created.number, run.created.name
    );
    let _ = writeln!(text, "- Status: {}", step.state.word());
    let _ = writeln!(text, "- Attempts: {}", step.tries);
    if let (Some(start), Some(end)) = (step.started_at, step.ended_at) {
        let seconds = end.since(start).as_secs_f64();
        let _ = writeln!(text, "- Started: {start}\n- Ended: {end} ({seconds:.1} s)");
    }
    if let State::Failed(error) = &step.state {
        let _ = write!(text, "\n## Error\n\n{}\n", error.message);
    }
    let warnings = &step.last_output.warnings;
    if !warnings.is_empty() {
        let _ = write!(text, "\n## Warnings\n\n- {}\n", warnings.join("\n- "));
    }
    if let Some(result) = step.last_output.result.as_ref().map(|r| r.as_str().trim())
        && !result.is_empty()
    {
        let _ = write!(text, "\n## Result\n\n{}\n", last(result));
    }
    text
}

/// A checkpoint as document 2 has it, with our own members beside.
pub(super) fn checkpoint(run: &Run, number: u32, partial: bool, at: Timestamp) -> Value {
    let mut completed: Vec<&Step> = run
        .steps
        .iter()
        .filter(|step| step.state == State::Completed)
        .collect();
    completed.sort_by_key(|step| step.order);
    let ids: Vec<&str> = completed.iter().map(|step| step.key.as_str()).collect();
    let results: Map<String, Value> = run
        .steps
        .iter()
        .filter(|step| step.state.is_ended())
        .map(|step| (step.key.clone(), result(step)))
        .collect();
    json!({
        "execution_id": run.created.run,
        "number": number,
        "partial": partial,
        "commit": run.checkpoints.get(&number).and_then(|c| c.commit.as_deref()),
        "timestamp": at.to_string(),
        "current_phase": run.current_phase(),
        "current_step_index": run.current_step_index(),
        "completed_step_ids": ids,
        "step_results": results,
    })
}

fn result(step: &Step) -> Value {
    let StepOutput {
        result,
        data,
        outputs,
        exit_code,
        stderr: _,
        warnings: _,
    } = &step.last_output;
    let mut value = json!({"stepId": step.key, "status": step.state.word()});
    if let Some(text) = result {
        let whole = (text.as_str().len() <= INLINE_LIMIT).then(|| json!(text.as_str()));
        value["result"] = whole.unwrap_or_else(|| by_reference(text));
    }
    if data.is_some() {
        value["data"] = by_value(data.as_ref());
    }
    if outputs.is_some() {
        value["outputs"] = by_value(outputs.as_ref());
    }
    if let Some(code) = exit_code {
        value["exit_code"] = json!(code);
    }
    if let State::Failed(error) = &step.state {
        value["error"] = json!(error.message);
    }
    if let Some(native) = step.session.as_deref().and_then(|s| s.native.as_deref()) {
        value["sessionId"] = json!(native);
    }
    value
}

/// JSON text as its value, or by reference when it is long.
fn by_value(text: Option<&Big>) -> Value {
    match text {
        Some(text) if text.as_str().len() > INLINE_LIMIT => by_reference(text),
        Some(text) => serde_json::from_str(text.as_str()).unwrap_or(Value::Null),
        None => Value::Null,
    }
}

fn by_reference(text: &Big) -> Value {
    let text = text.as_str();
    json!({"$ref": {"sha256": baton_core::run::big::hash(text), "bytes": text.len()}})
}

/// The end of a stream.
fn last(text: &str) -> &str {
    let mut from = text.len().saturating_sub(STREAM_LIMIT);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// Whether steps of this kind have a log directory.
pub(super) fn has_logs(kind: StepKind) -> bool {
    match kind {
        StepKind::Agent | StepKind::Script | StepKind::Remote | StepKind::Workflow => true,
        StepKind::Function | StepKind::Approval | StepKind::Wait => false,
    }
}
