//! Definitions.

use std::collections::BTreeMap;

use baton_core::definition::{Action, CatchUp, Definition, OutlineStep, Step, Triggers};
use baton_core::ids::DefinitionId;
use baton_core::run::event::SourceKind;
use baton_store::views::RunRow;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::super::host::definitions::Found;
use super::super::super::host::watching::Changed;
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
        "is_archived": false,
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
#[derive(Debug, Serialize)]
pub struct OfRun<'a> {
    id: DefinitionId,
    key: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    r#type: SourceKind,
    path: &'a str,
    hash: &'a str,
    phases: Vec<&'a str>,
    phase_labels: BTreeMap<&'a str, &'a str>,
}

impl<'a> OfRun<'a> {
    /// That of this one.
    #[must_use]
    pub fn of(run: &'a RunRow) -> Self {
        let phases = run.outline.phases.iter();
        let labels = phases.clone();
        let labels = labels.map(|phase| (phase.id.as_str(), phase.label.as_str()));
        Self {
            id: run.definition,
            key: &run.definition_key,
            name: &run.definition_name,
            description: run.outline.description.as_deref(),
            r#type: run.definition_kind,
            path: &run.definition_path,
            hash: &run.definition_hash,
            phases: phases.map(|phase| phase.id.as_str()).collect(),
            phase_labels: labels.collect(),
        }
    }
}

/// A definition that is another one than before.
#[must_use]
pub fn changed(changed: &Changed) -> Value {
    let now = changed.now.as_ref();
    json!({
        "project_id": changed.project.to_string(),
        "definition_id": changed.definition.to_string(),
        "key": changed.key,
        "change": changed.change.word(),
        "hash": now.map(|now| now.hash.as_str()),
        "is_valid": now.is_some_and(|now| now.is_valid),
    })
}

/// A definition whose file is gone, as the newest of its runs knew it.
#[must_use]
pub fn archived(run: &RunRow) -> Value {
    let mut value = word(&OfRun::of(run));
    let steps = run.outline.steps.iter().map(|step| {
        json!({
            "id": step.key,
            "name": step.name,
            "phase": step.phase,
            "type": step.kind,
            "needs": step.needs,
        })
    });
    value["steps"] = steps.collect();
    value["project_id"] = run.project.to_string().into();
    value["is_template"] = true.into();
    value["args_schema"] = Value::Null;
    value["is_valid"] = false.into();
    value["is_archived"] = true.into();
    value["diagnostics"] = json!([]);
    value["stats"] = Value::Null;
    value["created_at"] = Value::Null;
    value["updated_at"] = Value::Null;
    value
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
