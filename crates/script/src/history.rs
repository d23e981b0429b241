//! What a run's journal tells its program.

use std::collections::{HashMap, HashSet};

use baton_core::run::big::Big;
use baton_core::run::program::{CallKind, FunctionEnd, Program};
use baton_core::run::{Run, State, Step};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::isolate::{Opening, Outcome, function_outcome};

/// All that a program begins with.
pub(crate) fn opening(run: &Run, program: &Program) -> Opening {
    let created = &run.created;
    let (origin, first) = run.program_origin();
    let digest = Sha256::digest(origin.to_string());
    let word = |n: usize| {
        let bytes = digest.iter().skip(n * 4).take(4);
        bytes.fold(0, |word: u32, byte| (word << 8) | u32::from(*byte)) | 1
    };
    let calls = || program.calls.iter().enumerate();
    let last: HashMap<usize, usize> = calls()
        .filter_map(|(n, made)| Some((made.step?, n)))
        .collect();
    let functions = calls().filter_map(|(n, made)| {
        let (CallKind::Function | CallKind::Again, Some(index)) = (made.call.kind, made.step)
        else {
            return None;
        };
        let step = run.steps.get(index)?;
        let is_last = last.get(&index) == Some(&n);
        match function_end(step).filter(|_| is_last) {
            Some(end) => Some((n, Some(function_outcome(&end)))),
            // That try threw, and another one was to follow.
            None if !is_last || !step.failures.is_empty() => Some((n, None)),
            None => None,
        }
    });
    Opening {
        run: json!({
            "id": created.run.to_string(),
            "number": created.number,
            "name": created.name,
            "url": format!("/runs/{}", created.run),
            "branch": created.workspace.as_ref().map(|w| w.branch.as_str()),
            "path": created.directory,
            "instruction": created.instruction.as_deref().unwrap_or_default(),
            "project": {
                "id": created.project.id.to_string(),
                "name": created.project.name,
                "path": created.project.path,
            },
        }),
        args: run.args.clone(),
        at: first.millis(),
        seed: [word(0), word(1), word(2), word(3)],
        calls: program.calls.iter().map(|made| made.call.clone()).collect(),
        taken_over: created
            .program
            .as_ref()
            .map_or(0, |prefix| prefix.calls.len()),
        functions: functions.collect(),
        outcomes: outcomes(run, program, 0),
    }
}

/// The outcomes that a program has not heard, when it has heard this many.
pub(crate) fn outcomes(run: &Run, program: &Program, heard: usize) -> Vec<Outcome> {
    let new = program.outcomes.get(heard..).unwrap_or_default();
    let calls = last_calls(program, new);
    new.iter()
        .filter_map(|index| {
            let step = run.steps.get(*index)?;
            let call = *calls.get(index)?;
            if program.calls.get(call)?.call.kind == CallKind::Function {
                return Some(Outcome {
                    call,
                    again: true,
                    told: String::new(),
                    at: 0,
                });
            }
            Some(Outcome {
                call,
                again: false,
                told: told(step).to_string(),
                at: step.ended_at?.millis(),
            })
        })
        .collect()
}

/// The last call that asked for each of these steps: mostly one of the last.
fn last_calls(program: &Program, steps: &[usize]) -> HashMap<usize, usize> {
    let mut open: HashSet<usize> = steps.iter().copied().collect();
    let mut found = HashMap::new();
    for (n, made) in program.calls.iter().enumerate().rev() {
        if open.is_empty() {
            break;
        }
        let is_first = made.call.kind != CallKind::Again;
        if let Some(step) = made.step.filter(|step| is_first && open.remove(step)) {
            found.insert(step, n);
        }
    }
    found
}

fn function_end(step: &Step) -> Option<FunctionEnd> {
    match &step.state {
        State::Completed => Some(FunctionEnd::Returned(
            step.last_output.data.clone().unwrap_or(Big::new("null")),
        )),
        State::Failed(error) => Some(FunctionEnd::Threw(error.clone())),
        _ => None,
    }
}

/// A step's result as `ctx.step` gives it.
fn told(step: &Step) -> Value {
    let output = &step.last_output;
    let text = |big: &Option<Big>| big.as_ref().map(|text| text.as_str().to_owned());
    let value =
        |big: &Option<Big>| -> Option<Value> { serde_json::from_str(big.as_ref()?.as_str()).ok() };
    let data = value(&output.data);
    let mut told = json!({"status": step.state.word()});
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            told[name] = value;
        }
    };
    put("result", text(&output.result).map(Value::String));
    let approved = data.as_ref().and_then(|data| data.get("approved")).cloned();
    put("approved", approved);
    put("data", data);
    put("outputs", value(&output.outputs));
    put("exitCode", output.exit_code.map(Value::from));
    put("stderr", output.stderr.clone().map(Value::String));
    let session = step.session.as_deref().and_then(|s| s.native.clone());
    put("sessionId", session.map(Value::String));
    if let State::Failed(error) = &step.state {
        put("error", Some(Value::String(error.message.clone())));
        put("code", serde_json::to_value(error.code).ok());
    }
    told
}
