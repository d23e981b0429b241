//! Args against a definition's JSON Schema, and the schema of the language itself.

mod editor;

use serde_json::{Map, Value};

use super::suggest::nearest;

pub use editor::editor_schema;

/// Values within values that defaults and checks look into.
const MAX_DEPTH: usize = 64;
/// The most errors told at once.
const MAX_ERRORS: usize = 20;

/// One thing wrong with args.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ArgError {
    /// A JSON pointer into the args; empty for the args as a whole.
    pub pointer: String,
    /// What is wrong there and what would be right.
    pub detail: String,
}

impl ArgError {
    fn new(pointer: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            detail: detail.into(),
        }
    }
}

/// A schema ready to check values; it never leaves the process to resolve a reference.
pub(crate) fn compile(
    schema: &Value,
) -> Result<jsonschema::Validator, jsonschema::ValidationError<'static>> {
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(schema)
}

/// Checks a value.
///
/// # Errors
/// What does not fit, each with its JSON pointer, in one sentence; or that the schema is none.
pub fn check(schema: &Value, value: &Value) -> Result<(), String> {
    let validator = compile(schema).map_err(|error| format!("bad schema: {error}"))?;
    let problems: Vec<String> = validator
        .iter_errors(value)
        .take(MAX_ERRORS)
        .map(|error| {
            let pointer = error.instance_path().to_string();
            let place = if pointer.is_empty() { "/" } else { &pointer };
            format!("{place}: {error}")
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("; "))
    }
}

/// Checks args and puts the schema's defaults in, nested ones too. Names that the schema does not
/// list are refused, at every level that lists `properties`, unless `additionalProperties` is
/// written there. Without a schema only `{}` is accepted.
///
/// # Errors
/// Everything that is wrong, each with a pointer into the args.
pub fn args_check(schema: Option<&Value>, args: Value) -> Result<Value, Vec<ArgError>> {
    let Value::Object(given) = &args else {
        return Err(vec![ArgError::new("", "args are an object")]);
    };
    let Some(schema) = schema else {
        return match given.keys().next() {
            None => Ok(args),
            Some(name) => Err(vec![ArgError::new(
                &format!("/{}", escape(name)),
                "this definition takes no args (it has no `argsSchema`)",
            )]),
        };
    };
    let mut args = args;
    apply_defaults(schema, &mut args, 0);
    let mut errors = Vec::new();
    refuse_unknown(schema, &args, "", 0, &mut errors);
    let validator = match compile(schema) {
        Ok(validator) => validator,
        Err(error) => {
            return Err(vec![ArgError::new(
                "",
                format!("the schema cannot be used: {error}"),
            )]);
        }
    };
    for error in validator.iter_errors(&args).take(MAX_ERRORS) {
        let pointer = error.instance_path().as_str().to_owned();
        let detail: String = error.to_string().chars().take(300).collect();
        if !errors
            .iter()
            .any(|e| e.pointer.starts_with(&pointer) && is_unknown(&detail))
        {
            errors.push(ArgError { pointer, detail });
        }
    }
    if errors.is_empty() {
        return Ok(args);
    }
    errors.truncate(MAX_ERRORS);
    Err(errors)
}

/// The validator's own words for a name that `additionalProperties: false` refuses.
fn is_unknown(detail: &str) -> bool {
    detail.contains("Additional properties are not allowed")
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn apply_defaults(schema: &Value, value: &mut Value, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(members) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            for (name, property) in properties.into_iter().flatten() {
                if let (false, Some(default)) =
                    (members.contains_key(name), property.get("default"))
                {
                    members.insert(name.clone(), default.clone());
                }
                if let Some(member) = members.get_mut(name) {
                    apply_defaults(property, member, depth + 1);
                } else if let Some(nested) = nested_default(property, depth + 1) {
                    members.insert(name.clone(), nested);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    apply_defaults(schema, item, depth + 1);
                }
            }
        }
        _ => {}
    }
}

/// An object that is not given but all of whose required members have defaults, and any at all.
fn nested_default(schema: &Value, depth: usize) -> Option<Value> {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return None;
    }
    let mut value = Value::Object(Map::new());
    apply_defaults(schema, &mut value, depth);
    let members = value.as_object()?;
    let required = schema.get("required").and_then(Value::as_array);
    let complete = required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .all(|name| members.contains_key(name));
    (complete && !members.is_empty()).then_some(value)
}

fn refuse_unknown(
    schema: &Value,
    value: &Value,
    pointer: &str,
    depth: usize,
    errors: &mut Vec<ArgError>,
) {
    if depth > MAX_DEPTH || errors.len() >= MAX_ERRORS {
        return;
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    match value {
        Value::Object(members) => {
            let closed = closes(schema, depth);
            for (name, member) in members {
                let at = format!("{pointer}/{}", escape(name));
                match properties.and_then(|p| p.get(name)) {
                    Some(property) => refuse_unknown(property, member, &at, depth + 1, errors),
                    None if closed => {
                        let names = properties
                            .into_iter()
                            .flatten()
                            .map(|(name, _)| name.as_str());
                        let detail = match nearest(name, names) {
                            Some(near) => format!("there is no `{name}`: did you mean `{near}`?"),
                            None => format!("there is no `{name}`"),
                        };
                        errors.push(ArgError {
                            pointer: at,
                            detail,
                        });
                    }
                    None => {}
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (n, item) in items.iter().enumerate() {
                    refuse_unknown(schema, item, &format!("{pointer}/{n}"), depth + 1, errors);
                }
            }
        }
        _ => {}
    }
}

/// Whether a schema means its list of properties to be all there are.
fn closes(schema: &Value, depth: usize) -> bool {
    let says_more = [
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
        "propertyNames",
        "$ref",
        "$dynamicRef",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "dependentSchemas",
    ]
    .iter()
    .any(|keyword| schema.get(keyword).is_some());
    let lists = schema.get("properties").is_some();
    // The args themselves are always closed; an object inside only when it says what it has.
    !says_more && (lists || depth == 0)
}

/// The value of a `--arg name=text`: the text itself where the schema says string, else JSON.
///
/// # Errors
/// What would be right, for people.
pub fn coerce_arg(schema: Option<&Value>, name: &str, text: &str) -> Result<Value, String> {
    let properties = schema
        .and_then(|s| s.get("properties"))
        .and_then(Value::as_object);
    let property = properties.and_then(|p| p.get(name));
    let Some(property) = property else {
        let names = properties
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str());
        if let Some(near) = nearest(name, names) {
            return Err(format!("there is no arg `{name}`: did you mean `{near}`?"));
        }
        // The check of all args says whether the name may be.
        return Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())));
    };
    let types = types(property);
    let json = serde_json::from_str::<Value>(text);
    if types.is_empty() {
        // Of an enum the value that reads like the text, else JSON, else the text.
        let listed = property
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for value in listed.chain(property.get("const")) {
            if value.as_str() == Some(text) {
                return Ok(value.clone());
            }
        }
        return Ok(json.unwrap_or_else(|_| Value::String(text.to_owned())));
    }
    if let Ok(json) = &json
        && !json.is_string()
        && types.iter().any(|kind| is_of(json, kind))
    {
        // `string` alone never comes here: its texts stay texts, `7` included.
        return Ok(json.clone());
    }
    if types.contains(&"string") {
        return Ok(Value::String(text.to_owned()));
    }
    let shown: String = text.chars().take(64).collect();
    Err(format!(
        "`{name}` is {}, `{shown}` is not: {}",
        types.join(" or "),
        example(&types, name)
    ))
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|f| f.fract() == 0.0)
        }
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn example(types: &[&str], name: &str) -> String {
    match types.first() {
        Some(&"boolean") => format!("write `--arg {name}=true`"),
        Some(&("integer" | "number")) => format!("write `--arg {name}=3`"),
        Some(&"array") => format!("write JSON: `--arg {name}='[\"a\", \"b\"]'`"),
        Some(&"object") => format!("write JSON: `--arg {name}='{{\"a\": 1}}'`"),
        _ => format!("write JSON: `--arg {name}=null`"),
    }
}
