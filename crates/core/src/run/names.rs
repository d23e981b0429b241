//! The names that expressions of a run may use, made from its state.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Serde, Value};

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

impl Object for Ended {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let json = |text: &Option<super::big::Big>| match text {
            Some(text) => serde_json::from_str::<serde_json::Value>(text.as_str())
                .map_or(Value::from(()), |value| Value::from(Serde(&value))),
            None => Value::from(()),
        };
        Some(match key.as_str()? {
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
            "artifacts" => Value::from(Vec::<Value>::new()),
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

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["status", "result", "data", "outputs", "error"])
    }
}

#[derive(Debug)]
struct Steps(Arc<HashMap<String, Arc<Ended>>>);

impl Object for Steps {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0
            .get(key.as_str()?)
            .map(|ended| Value::from_dyn_object(ended.clone()))
    }
}

/// A step's name in expressions: `-` is written `_`.
#[must_use]
pub fn expression_name(key: &str) -> String {
    key.replace('-', "_")
}

impl Run {
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
            .with("steps", Value::from_object(Steps(self.values.clone())))
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
