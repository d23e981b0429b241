//! Definitions.

use baton_core::definition::{Action, CatchUp, Definition, OutlineStep, Step, Triggers};
use baton_core::run::Run;
use serde_json::{Value, json};

use super::super::super::host::definitions::Found;
use super::{maybe_time, word};
use crate::triggers::next_time;

/// A definition file as it is now; `whole` with its text.
#[must_use]
pub fn file(found: &Found, whole: bool) -> Value {
    let definition = found.definition.as_ref();
    let mut value = json!({
        "id": found.id.to_string(),
        "project_id": found.project.to_string(),
        "key": found.key,
        "name": definition.map_or(found.key.as_str(), |definition| definition.name.as_str()),
        "description": definition.and_then(|definition| definition.description.as_deref()),
        "type": if found.is_code { "code" } else { "yaml" },
        "path": found.path,
        "is_template": true,
        "phases": definition.map_or_else(Vec::new, phases),
        "phase_labels": definition.map(phase_labels),
        "args_schema": definition.and_then(|definition| definition.args_schema.as_ref()),
        "steps": definition.map_or_else(Vec::new, steps),
        "hash": definition.map(|definition| definition.hash.as_str()),
        "is_valid": definition.is_some(),
        "diagnostics": word(&found.diagnostics),
        "triggers": definition.map(|definition| triggers(found, &definition.triggers)),
        "stats": null,
        "created_at": maybe_time(found.changed_at),
        "updated_at": maybe_time(found.changed_at),
    });
    if whole {
        value["source"] = found.text.as_deref().into();
    }
    value
}

/// What starts runs of it without a person.
fn triggers(found: &Found, triggers: &Triggers) -> Value {
    let schedule = triggers.schedule.as_ref().map(|schedule| {
        json!({
            "cron": schedule.cron,
            "tz": schedule.tz,
            "catch_up": match schedule.catch_up {
                CatchUp::None => "none",
                CatchUp::One => "one",
                CatchUp::All => "all",
            },
            "next_at": maybe_time(next_time(schedule)),
        })
    });
    let webhook = triggers.webhook.as_ref().map(|webhook| {
        json!({
            "path": format!("/api/hooks/{}/{}", found.project, found.key),
            "secret_env": webhook.secret_env,
            "has_condition": webhook.condition.is_some(),
        })
    });
    json!({"schedule": schedule, "webhook": webhook})
}

/// The definition that a run has recorded.
#[must_use]
pub fn of_run(run: &Run) -> Value {
    let definition = &run.plan.definition;
    let recorded = &run.created.definition;
    json!({
        "id": recorded.id.to_string(),
        "key": recorded.key,
        "name": recorded.name,
        "description": definition.description,
        "type": word(&recorded.kind),
        "path": recorded.path,
        "hash": recorded.hash,
        "phases": phases(definition),
        "phase_labels": phase_labels(definition),
    })
}

/// The phases in board order, as document 2 has them: their names.
fn phases(definition: &Definition) -> Vec<&str> {
    definition
        .phases
        .iter()
        .map(|phase| phase.id.as_str())
        .collect()
}

/// What people read in place of a phase's name.
fn phase_labels(definition: &Definition) -> Value {
    let phases = definition.phases.iter();
    phases
        .map(|phase| (phase.id.clone(), Value::from(phase.label.as_str())))
        .collect()
}

/// What a definition's steps are, without their texts.
#[must_use]
pub fn steps(definition: &Definition) -> Vec<Value> {
    let one = |step: &Step| {
        let needs = step.needs.iter().map(|&need| &definition.steps[need].id);
        let mut value = json!({
            "id": step.id,
            "name": step.name,
            "phase": step.phase,
            "type": word(&step.action.kind()),
            "needs": needs.collect::<Vec<_>>(),
        });
        match &step.action {
            Action::Agent(agent) => value["agent"] = agent.agent.as_str().into(),
            Action::Workflow(child) => value["workflow"] = child.workflow.as_str().into(),
            Action::Remote(remote) => value["provider"] = remote.provider.as_str().into(),
            Action::Script(_) | Action::Approval(_) | Action::Wait(_) | Action::Function => {}
        }
        value
    };
    if let Some(program) = &definition.program {
        return program.outline.iter().map(outline).collect();
    }
    definition.steps.iter().map(one).collect()
}

/// A step as far as the text of a TypeScript definition tells.
fn outline(step: &OutlineStep) -> Value {
    json!({
        "id": step.id,
        "name": step.name.as_deref().unwrap_or(&step.id),
        "phase": step.phase,
        "type": step.kind.as_ref().map(word),
        "needs": [],
    })
}
