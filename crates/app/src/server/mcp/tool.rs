//! What a tool is: its name, what it is for, and its input as a JSON Schema.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::error::Problem;

/// Why a call gave nothing.
pub enum Wrong {
    /// In words for the agent.
    Refused(String),
    /// There is no such tool.
    NoTool,
    /// The host leaves.
    Leaving,
}

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Self {
        match problem.is_stopping() {
            true => Self::Leaving,
            false => Self::Refused(problem.detail().to_owned()),
        }
    }
}

/// A tool that takes this input, as `tools/list` names it.
pub fn tool<Input: JsonSchema>(name: &str, what: &str) -> Value {
    let mut schema = schemars::schema_for!(Input).to_value();
    if let Some(schema) = schema.as_object_mut() {
        for member in ["$schema", "title", "description"] {
            schema.remove(member);
        }
    }
    json!({"name": name, "description": what, "inputSchema": schema})
}

/// The input of a call.
pub fn read<Input: DeserializeOwned>(given: Value) -> Result<Input, Wrong> {
    serde_json::from_value(given).map_err(|error| Wrong::Refused(format!("the input: {error}")))
}
