//! Which JSON Schemas Codex can hand to the model's service. It sends them as strict ones, and the
//! service refuses those that are not (Structured Outputs: every object closed, every property
//! required, few keywords); such a schema is put in words instead, and the answer checked by the host
//! as always.

use serde_json::{Map, Value};

/// Keywords that strict schemas may have.
const KEYWORDS: &[&str] = &[
    "$defs",
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "definitions",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "multipleOf",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
];

/// The schema as it can be sent, when it is strict.
pub fn strict(schema: &Value) -> Option<Value> {
    let mut schema = schema.clone();
    let root = schema.as_object_mut()?;
    root.remove("$schema");
    root.remove("$id");
    let is_object = root.get("type").and_then(Value::as_str) == Some("object");
    let fits = is_object && !root.contains_key("anyOf") && is_strict(root, 0);
    fits.then_some(schema)
}

/// Words that ask for an answer by this schema.
pub fn in_words(schema: &Value) -> String {
    format!(
        "Your final answer must be JSON alone, without a code fence or other words, that fits this JSON Schema:\n{schema}"
    )
}

fn is_strict(schema: &Map<String, Value>, depth: usize) -> bool {
    if depth > 10 || !schema.keys().all(|key| KEYWORDS.contains(&key.as_str())) {
        return false;
    }
    let object = |value: &Value| {
        value
            .as_object()
            .is_some_and(|map| is_strict(map, depth + 1))
    };
    let all = |key: &str| match schema.get(key) {
        None => true,
        Some(Value::Object(map)) => map.values().all(object),
        Some(Value::Array(list)) => list.iter().all(object),
        Some(_) => false,
    };
    let maps = ["properties", "$defs", "definitions"].into_iter().all(all);
    let items = schema.get("items").is_none_or(object);
    maps && items && all("anyOf") && is_closed(schema)
}

fn is_closed(schema: &Map<String, Value>) -> bool {
    let types = schema.get("type");
    let object = types.is_some_and(|t| {
        t == "object"
            || t.as_array()
                .is_some_and(|all| all.iter().any(|t| t == "object"))
    });
    let properties = schema.get("properties").and_then(Value::as_object);
    if !object && properties.is_none() {
        return true;
    }
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |key: &String| required.is_some_and(|all| all.iter().any(|r| r == key));
    schema.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.is_some_and(|all| all.keys().all(is_required))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_closed_schemas_are_sent() {
        let closed = json!({"$schema": "x", "type": "object", "properties": {"a": {"type": ["string", "null"]}},
            "required": ["a"], "additionalProperties": false});
        let sent = strict(&closed).expect("strict");
        assert!(sent.get("$schema").is_none() && sent.get("required").is_some());
        for open in [
            json!({"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}),
            json!({"type": "object", "properties": {"a": {}}, "required": [], "additionalProperties": false}),
            json!({"type": "array", "items": {"type": "string"}}),
            json!({"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"], "additionalProperties": false}),
            json!({"type": "object", "properties": {"a": {"oneOf": []}}, "required": ["a"], "additionalProperties": false}),
            json!(true),
        ] {
            assert_eq!(strict(&open), None, "{open}");
        }
    }
}
