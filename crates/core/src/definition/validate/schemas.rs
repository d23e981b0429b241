//! JSON Schemas inside a definition: checked against the 2020-12 meta-schema, with places.

use serde_json::Value;

use crate::definition::draft::{Kind, Node};

use super::Check;

/// The most findings shown for one schema.
const SHOWN: usize = 10;

impl Check<'_> {
    pub(super) fn args_schema(&mut self, node: Option<&Node>) -> Option<Value> {
        let node = node?;
        let schema = self.schema(node, "`argsSchema`")?;
        match schema.get("type") {
            None => {}
            Some(Value::String(kind)) if kind == "object" => {}
            Some(_) => {
                let at = node.at("/type").span;
                let help = "write `type: object` and name the args in `properties`";
                self.report
                    .error_with(at, "bad_schema", "args are an object", help);
            }
        }
        Some(schema)
    }

    pub(super) fn schema(&mut self, node: &Node, what: &str) -> Option<Value> {
        if !matches!(node.kind, Kind::Map(_)) {
            self.wrong_type(node, what, "a JSON Schema: a mapping");
            return None;
        }
        let schema = node.to_json();
        let mut sound = true;
        let meta = jsonschema::draft202012::meta::validator();
        for error in meta.iter_errors(&schema).take(SHOWN) {
            sound = false;
            let at = node.at(error.instance_path().as_str()).span;
            let message = format!("{what} is not a JSON Schema: {}", short(&error.to_string()));
            self.report.error(at, "bad_schema", message);
        }
        if !sound {
            return None;
        }
        // Patterns and references only show when the schema is compiled.
        if let Err(error) = crate::definition::schema::compile(&schema) {
            let mut pointer = error.instance_path().as_str().to_owned();
            if pointer.is_empty() {
                pointer = error.schema_path().as_str().to_owned();
            }
            let at = node.at(&pointer).span;
            let kind = error.kind();
            if matches!(kind, jsonschema::error::ValidationErrorKind::Referencing(_)) {
                let message = format!("{what} has a `$ref` that leads nowhere");
                let help = "references lead only into the schema itself: `$ref: \"#/$defs/…\"`";
                self.report.error_with(at, "bad_schema", message, help);
            } else {
                let message = format!("{what} cannot be used: {}", short(&error.to_string()));
                self.report.error(at, "bad_schema", message);
            }
            return None;
        }
        Some(schema)
    }
}

fn short(message: &str) -> String {
    message.chars().take(300).collect()
}

/// The names that args can have; `None` when any name can be.
pub(super) fn arg_names(schema: Option<&Value>) -> Option<Vec<&str>> {
    // Without a schema there are no args.
    let Some(schema) = schema else {
        return Some(Vec::new());
    };
    let open = [
        "$ref",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "dependentSchemas",
        "patternProperties",
        "$dynamicRef",
    ]
    .iter()
    .any(|keyword| schema.get(keyword).is_some());
    let more = !matches!(
        schema.get("additionalProperties"),
        None | Some(Value::Bool(false))
    );
    if open || more {
        return None;
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    Some(
        properties
            .map(|p| p.keys().map(String::as_str).collect())
            .unwrap_or_default(),
    )
}
