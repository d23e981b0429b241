//! The served document, and answers held against it: no member it does not name, none missing.

use serde_json::{Map, Value, json};

use crate::server_support::{Answer, World};

/// Shapes whose members depend on their kind.
const OPEN: [&str; 2] = ["ActivityBody", "Problem"];

pub struct Document(Value);

impl Document {
    pub fn of(world: &World) -> Self {
        let mut document = world.get("/api/openapi.json").json();
        let schemas = document["components"]["schemas"].as_object_mut().unwrap();
        let mut parts = Vec::new();
        for schema in schemas.values() {
            let all = schema["allOf"].as_array().into_iter().flatten();
            parts.extend(all.filter_map(|part| Some(part["$ref"].as_str()?.to_owned())));
        }
        for (name, schema) in schemas.iter_mut() {
            let is_part = parts.iter().any(|part| part.ends_with(&format!("/{name}")));
            let is_object = !schema["properties"].is_null() || !schema["allOf"].is_null();
            if is_object && !is_part && !OPEN.contains(&name.as_str()) {
                schema["unevaluatedProperties"] = json!(false);
            }
        }
        Self(document)
    }

    /// What this operation may answer with this status.
    fn promised(&self, method: &str, path: &str, status: u16) -> Value {
        let answer = &self.0["paths"][path][method]["responses"][status.to_string()];
        assert!(
            !answer.is_null(),
            "{method} {path} says nothing of {status}"
        );
        answer.clone()
    }

    /// The answer is what the document says of this operation (`GET /api/…/{id}`).
    pub fn check(&self, operation: &str, answer: &Answer) {
        let (method, path) = operation.split_once(' ').unwrap();
        let promised = self.promised(&method.to_lowercase(), path, answer.status);
        let kinds = promised["content"]
            .as_object()
            .cloned()
            .unwrap_or_else(Map::new);
        if kinds.is_empty() {
            assert!(answer.text.is_empty(), "{operation}: {answer:?}");
            return;
        }
        let kind = answer.kind.split(';').next().unwrap();
        let content = kinds.get(kind);
        let content = content.unwrap_or_else(|| panic!("{operation} answers `{kind}`"));
        if !kind.ends_with("json") {
            return;
        }
        let mut schema = content["schema"].clone();
        schema["components"] = self.0["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&answer.json())
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(
            errors.is_empty(),
            "{operation}: {errors:#?}\n{}",
            answer.text
        );
        forms("", &answer.json());
    }
}

/// The kinds of ids: what an id begins with.
const KINDS: [&str; 11] = [
    "run", "step", "att", "def", "prj", "ses", "art", "usr", "tok", "whk", "dlv",
];

/// Times are RFC 3339 in UTC with milliseconds; ids are their kind and 32 hex digits.
fn forms(name: &str, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| forms(name, item)),
        // What people and definitions name is theirs.
        Value::Object(_) if ["args", "outputs", "metadata", "payload"].contains(&name) => {}
        Value::Object(members) => members.iter().for_each(|(name, value)| forms(name, value)),
        Value::String(text)
            if name.ends_with("_at") || ["at", "since", "until"].contains(&name) =>
        {
            let shape: String = text
                .chars()
                .map(|c| if c.is_ascii_digit() { '0' } else { c })
                .collect();
            assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{name}");
        }
        Value::String(text) if name == "id" || name.ends_with("_id") => {
            let Some((kind, digits)) = text.split_once('_') else {
                return;
            };
            if KINDS.contains(&kind) {
                let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
                let fits = digits.len() == 32 && digits.chars().all(hex);
                assert!(fits, "{name}: {text}");
            }
        }
        _ => {}
    }
}
