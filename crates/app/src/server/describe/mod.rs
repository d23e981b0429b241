//! The API's description: an OpenAPI 3.1 document made from the handlers' own.
//!
//! The handlers say what is theirs (`#[utoipa::path]`); here is added what holds for all: who may
//! ask, the parameters of paths, `Idempotency-Key`, and the refusals any request can meet.

mod shapes;

use std::sync::OnceLock;

use axum::http::Method;
use serde_json::{Map, Value, json};
pub use shapes::*;

use super::routes;

/// What no handler names, and every one can answer.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(Problem, Unfit, ActivityKind)))]
pub struct Common;

/// Refusals: status, when, and whether this operation can meet them.
type Refusal = (&'static str, &'static str, fn(&Operation<'_>) -> bool);

const REFUSALS: [Refusal; 13] = [
    (
        "400",
        "The request cannot be read: its query, JSON or headers.",
        |_| true,
    ),
    ("401", "No credentials, or ones that are not known.", |o| {
        !o.is_open
    }),
    ("403", "Not allowed to whoever asks.", |o| !o.is_open),
    ("404", "There is no such thing.", |o| {
        o.path.contains('{') || o.names_others
    }),
    ("408", "The body did not come in time.", |o| o.changes),
    (
        "409",
        "The state does not allow it (`code`, `current_status`), or the `Idempotency-Key` was used with another request.",
        |o| o.changes,
    ),
    ("413", "The body is too large.", |o| o.changes),
    ("415", "The body is not `application/json`.", |o| o.has_body),
    ("421", "The server has no such host name.", |_| true),
    (
        "422",
        "The request is read and does not fit (`errors` says where).",
        |o| o.changes,
    ),
    ("429", "Too fast: wait as `Retry-After` says.", |o| {
        !o.is_open
    }),
    ("500", "Something is wrong with this server itself.", |_| {
        true
    }),
    (
        "503",
        "Not now: it is starting or leaving, or its disk refuses.",
        |_| true,
    ),
];

struct Operation<'a> {
    path: &'a str,
    changes: bool,
    has_body: bool,
    /// Its query names something by its id.
    names_others: bool,
    is_open: bool,
}

/// The document, as JSON.
pub fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let described = routes::described().into_openapi();
        let mut document = serde_json::to_value(&described).unwrap_or_default();
        complete(&mut document);
        serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
    })
}

/// Whether there is such an operation; `path` as it is described.
pub fn has(method: &Method, path: &str) -> bool {
    static PATHS: OnceLock<Value> = OnceLock::new();
    let paths = PATHS.get_or_init(|| {
        let mut document: Value = serde_json::from_str(document()).unwrap_or_default();
        document["paths"].take()
    });
    paths[path][method.as_str().to_ascii_lowercase()].is_object()
}

fn complete(document: &mut Value) {
    document["info"] = json!({
        "title": "Baton",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Durable workflows of coding agents. Times are RFC 3339, UTC, with \
            milliseconds; ids are strings; a run's number is taken wherever its id is.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    document["security"] = json!([{"bearer": []}, {"key": []}, {"cookie": []}]);
    let schemes = json!({
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "baton_session"},
    });
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let mut asked = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(body) = operation["requestBody"].as_object() {
                references(&Value::Object(body.clone()), &mut asked);
            }
            complete_operation(path, method, operation);
        }
    }
    let components = &mut document["components"];
    components["securitySchemes"] = schemes;
    if let Some(schemas) = components["schemas"].as_object_mut() {
        require(schemas, asked);
    }
}

fn complete_operation(path: &str, method: &str, operation: &mut Value) {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut parameters = parameters.filter_map(|parameter| parameter["name"].as_str());
    let about = Operation {
        path,
        changes: !matches!(method, "get" | "head"),
        has_body: operation["requestBody"].is_object(),
        names_others: parameters.any(|name| name.ends_with("_id")),
        is_open: operation["security"].is_array(),
    };
    for (status, when, meets) in &REFUSALS {
        let responses = &mut operation["responses"];
        if meets(&about) && responses[*status].is_null() {
            responses[*status] = json!({"description": when});
        }
    }
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    for (status, response) in responses {
        if status.starts_with(['4', '5']) {
            let problem = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
            response["content"] = json!({"application/problem+json": problem});
        }
    }
    let mut given = match operation["parameters"].take() {
        Value::Array(given) => given,
        _ => Vec::new(),
    };
    for name in path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
    {
        if !given
            .iter()
            .any(|known| known["name"] == name && known["in"] == "path")
        {
            given.push(json!({
                "name": name, "in": "path", "required": true, "schema": {"type": "string"},
            }));
        }
    }
    if about.changes && !about.is_open {
        given.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "For 24 hours the same key with the same request is the same command.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 120,
                "pattern": "^[!-~]+$"},
        }));
    }
    operation["parameters"] = given.into();
}

/// The schemas that are named somewhere in this.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str) {
                found.extend(name.rsplit('/').next().map(str::to_owned));
            }
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// In what is answered, a member that can be null is there all the same; in what is asked, it can
/// be left out.
fn require(schemas: &mut Map<String, Value>, mut asked: Vec<String>) {
    let mut index = 0;
    while let Some(name) = asked.get(index).cloned() {
        let mut named = Vec::new();
        references(schemas.get(&name).unwrap_or(&Value::Null), &mut named);
        named.retain(|name| !asked.contains(name));
        asked.extend(named);
        index += 1;
    }
    for (name, schema) in schemas {
        if !asked.contains(name) {
            require_all(schema);
        }
    }
}

fn require_all(schema: &mut Value) {
    let parts = schema.get_mut("allOf").and_then(Value::as_array_mut);
    for part in parts.into_iter().flatten() {
        require_all(part);
    }
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let can_be_null = |schema: &Value| {
        let is_null = |kind: &Value| kind == "null" || kind["type"] == "null";
        let listed = |name: &str| {
            schema[name]
                .as_array()
                .is_some_and(|all| all.iter().any(is_null))
        };
        listed("type") || listed("oneOf") || listed("anyOf")
    };
    let always = properties.iter().filter(|(_, schema)| can_be_null(schema));
    let mut names: Vec<String> = always.map(|(name, _)| name.clone()).collect();
    let known = schema["required"].as_array().into_iter().flatten();
    names.extend(known.filter_map(|name| name.as_str().map(str::to_owned)));
    names.sort();
    names.dedup();
    schema["required"] = names.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `BATON_BLESS=1` writes it anew.
    #[test]
    fn the_committed_document_is_the_one_that_is_served() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        if std::env::var_os("BATON_BLESS").is_some() {
            std::fs::write(&path, document()).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == document(),
            "docs/openapi.json is stale: `BATON_BLESS=1 cargo nextest run -p baton openapi committed_document`"
        );
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let document: Value = serde_json::from_str(document()).unwrap();
        let mut named = Vec::new();
        references(&document, &mut named);
        for name in named {
            assert!(
                document["components"]["schemas"][&name].is_object(),
                "{name}"
            );
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document: Value = serde_json::from_str(document()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let operations = paths
            .values()
            .flat_map(|item| item.as_object().unwrap().values());
        let mut names: Vec<&str> = operations
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), count > 40), (count, true));
    }
}
