//! The JSON of each thing, made by hand from what the host knows. Nothing here decides anything.

pub mod activity;
pub mod artifact;
pub mod definition;
pub mod event;
pub mod message;
pub mod run;
pub mod step;

use baton_core::time::Timestamp;
use baton_store::Project;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// A time that is written as [`time`] has it.
#[derive(Debug, Clone, Copy)]
pub struct At(pub Timestamp);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.written(&mut [0; 24]))
    }
}

/// A time: RFC 3339, UTC, milliseconds.
#[must_use]
pub fn time(at: Timestamp) -> Value {
    at.to_string().into()
}

/// A time, or null.
#[must_use]
pub fn maybe_time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, time)
}

/// A word that the stored form spells as the wire does.
#[must_use]
pub fn word<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// A project.
#[must_use]
pub fn project(project: &Project) -> Value {
    json!({
        "id": project.id.to_string(),
        "name": project.name,
        "path": project.path,
        "created_at": time(project.created_at),
        "updated_at": time(project.created_at),
    })
}
