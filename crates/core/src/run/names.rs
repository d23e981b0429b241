//! The names that expressions of a run may use, made from its state.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Serde, Value};

use super::artifact::Artifact;
use super::event::{ErrorCode, StepError, StepOutput};
use super::state::{At, Run};
use crate::definition::template::Names;

/// An ended step as expressions see it.
#[derive(Debug)]
pub struct Ended {
    /// The status's word.
    pub status: &'static str,
    /// What it gave.
    pub output: StepOutput,
    /// Why it failed.
    pub error: Option<StepError>,
    /// The native id of its agent's session.
    pub session: Option<String>,
}

impl Ended {
    fn member(&self, key: &str) -> Option<Value> {
        let json = |text: &Option<super::big::Big>| match text {
            Some(text) => serde_json::from_str::<serde_json::Value>(text.as_str())
                .map_or(Value::from(()), |value| Value::from(Serde(&value))),
            None => Value::from(()),
        };
        Some(match key {
            "status" => Value::from(self.status),
            "result" => match &self.output.result {
                Some(text) => Value::from(text.as_str()),
                None => Value::from(()),
            },
            "data" => json(&self.output.data),
            "outputs" => json(&self.output.outputs),
            "error" => match &self.error {
                Some(error) => Value::from(error.message.as_str()),
                None => Value::from(()),
            },
            "approved" => match &self.output.data {
                Some(_) => json(&self.output.data)
                    .get_attr("approved")
                    .unwrap_or_else(|_| Value::from(())),
                None => Value::from(
                    self.error
                        .as_ref()
                        .is_none_or(|e| e.code != ErrorCode::Rejected),
                ),
            },
            "session_id" => match &self.session {
                Some(id) => Value::from(id.as_str()),
                None => Value::from(()),
            },
            "exit_code" => match self.output.exit_code {
                Some(code) => Value::from(code),
                None => Value::from(()),
            },
            _ => return None,
        })
    }
}

/// A step of [`Steps`].
#[derive(Debug)]
struct Seen {
    ended: Arc<Ended>,
    artifacts: Vec<Value>,
}

impl Object for Seen {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "artifacts" => Some(Value::from(self.artifacts.clone())),
            key => self.ended.member(key),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["status", "result", "data", "outputs", "error", "artifacts"])
    }
}

#[derive(Debug)]
struct Steps {
    ended: Arc<HashMap<String, Arc<Ended>>>,
    /// By step, by its name in expressions.
    artifacts: HashMap<String, Vec<Value>>,
}

impl Object for Steps {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        Some(Value::from_object(Seen {
            ended: self.ended.get(key)?.clone(),
            artifacts: self.artifacts.get(key).cloned().unwrap_or_default(),
        }))
    }
}

/// A step's name in expressions: `-` is written `_`.
#[must_use]
pub fn expression_name(key: &str) -> String {
    key.replace('-', "_")
}

impl Run {
    /// The ended steps, with the files that belong to them: of a `foreach` those of its items.
    fn seen(&self) -> Steps {
        let mut files: Vec<&Artifact> = self.artifacts.values().collect();
        files.sort_by(|a, b| (a.at, &a.step, &a.name).cmp(&(b.at, &b.step, &b.name)));
        let mut artifacts: HashMap<String, Vec<Value>> = HashMap::new();
        for file in files {
            let step = file.step.split('.').next().unwrap_or(&file.step);
            let facts = serde_json::json!({
                "name": file.name,
                "path": file.path,
                "file_type": file.file_type,
                "mime_type": file.mime,
                "size_bytes": file.bytes,
            });
            let of_step = artifacts.entry(expression_name(step)).or_default();
            of_step.push(Value::from(Serde(&facts)));
        }
        Steps {
            ended: self.values.clone(),
            artifacts,
        }
    }

    /// The names for the step at this place, or for the run as a whole.
    #[must_use]
    pub fn names(&self, at: Option<At>, env: &BTreeMap<String, String>) -> Names {
        let created = &self.created;
        let run = BTreeMap::from([
            ("id", Value::from(created.run.to_string())),
            ("number", Value::from(created.number)),
            ("name", Value::from(created.name.as_str())),
            ("url", Value::from(format!("/runs/{}", created.run))),
            (
                "branch",
                created
                    .workspace
                    .as_ref()
                    .map_or(Value::from(()), |w| Value::from(w.branch.as_str())),
            ),
            (
                "path",
                match at {
                    Some(at) => Value::from(self.directory_of(at)),
                    None => Value::from(created.directory.as_str()),
                },
            ),
            (
                "instruction",
                Value::from(created.instruction.as_deref().unwrap_or_default()),
            ),
        ]);
        let project = BTreeMap::from([
            ("id", created.project.id.to_string()),
            ("name", created.project.name.clone()),
            ("path", created.project.path.clone()),
        ]);
        let names = Names::default()
            .with("args", Value::from(Serde(&self.args)))
            .with("steps", Value::from_object(self.seen()))
            .with("run", Value::from(Serde(&run)))
            .with("project", Value::from(Serde(&project)))
            .with("env", Value::from(Serde(&env)));
        match at {
            Some(At {
                item: Some(index), ..
            }) => {
                let item = at
                    .and_then(|at| self.step(at))
                    .and_then(|step| step.item.as_ref());
                names
                    .with("item", Value::from(Serde(&item)))
                    .with("index", Value::from(index))
            }
            Some(At { item: None, .. }) | None => names,
        }
    }
}
