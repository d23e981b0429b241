//! The JSON Schema of the language, for editors: made from the same tables that the parser reads,
//! so that no field can be missing from it.

use serde_json::{Map, Value, json};

use crate::definition::validate::fields::{self, Table, camel};

/// The JSON Schema (2020-12) of definition files. It checks shapes; names, order and references
/// are checked by [`crate::definition::parse`].
#[must_use]
pub fn editor_schema() -> Value {
    let mut definitions = Map::new();
    for (kind, table) in fields::TYPES {
        definitions.insert(format!("{kind}_step"), step(kind, table));
    }
    definitions.insert("step".to_owned(), any_step());
    definitions.insert(
        "duration".to_owned(),
        json!({
            "description": "500ms, 10s, 30m, 1h30m, 3d or 0",
            "anyOf": [
                {"const": 0},
                {"type": "string", "pattern": r"^\s*(0|(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?)\s*$", "minLength": 1},
            ],
        }),
    );
    definitions.insert(
        "retry".to_owned(),
        object("retry", fields::RETRY, &[], "How failures are retried"),
    );
    let mut schema = object(
        "definition",
        fields::DEFINITION,
        &["name", "steps"],
        "A workflow of coding agents",
    );
    let members = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Baton workflow definition",
        "$defs": definitions,
    });
    if let (Value::Object(schema), Value::Object(members)) = (&mut schema, members) {
        schema.extend(members);
    }
    schema
}

/// A mapping with the fields of a table, each in both spellings.
fn object(owner: &str, table: Table, required: &[&str], about: &str) -> Value {
    let mut schema = json!({
        "type": "object",
        "description": about,
        "properties": properties(owner, table),
        "additionalProperties": false,
    });
    require(&mut schema, required);
    schema
}

fn properties(owner: &str, table: Table) -> Map<String, Value> {
    let mut properties = Map::new();
    for field in table {
        let schema = property(owner, field);
        let other = camel(field);
        if other != *field {
            properties.insert(other, schema.clone());
        }
        properties.insert((*field).to_owned(), schema);
    }
    properties
}

fn require(schema: &mut Value, required: &[&str]) {
    let (both, one): (Vec<&&str>, Vec<&&str>) = required.iter().partition(|f| f.contains('_'));
    schema["required"] = json!(one);
    if !both.is_empty() {
        let either =
            |field: &str| json!({"anyOf": [{"required": [field]}, {"required": [camel(field)]}]});
        schema["allOf"] = both.iter().map(|field| either(field)).collect();
    }
}

fn any_step() -> Value {
    let kinds: Vec<&str> = fields::TYPES.iter().map(|(kind, _)| *kind).collect();
    let each: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            json!({
                "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
                "then": {"$ref": format!("#/$defs/{kind}_step")},
            })
        })
        .collect();
    json!({
        "type": "object",
        "required": ["id", "type"],
        "properties": {"type": {"enum": kinds}},
        "allOf": each,
    })
}

fn step(kind: &str, table: Table) -> Value {
    let (about, required): (&str, &[&str]) = match kind {
        "agent" => ("A coding agent", &["id", "type", "prompt"]),
        "script" => ("A command in a child process", &["id", "type", "command"]),
        "remote" => (
            "An external workflow service",
            &["id", "type", "provider", "workflow_id"],
        ),
        "approval" => ("A person's yes or no", &["id", "type", "message"]),
        "wait" => ("A length of time, or a point in time", &["id", "type"]),
        _ => ("A child run", &["id", "type", "workflow"]),
    };
    let mut schema = object(kind, table, required, about);
    if let Some(own) = schema["properties"].as_object_mut() {
        own.extend(properties("step", fields::STEP));
        own.insert("type".to_owned(), json!({"const": kind}));
    }
    schema
}

fn words(about: &str, words: &[&str]) -> Value {
    json!({"description": about, "enum": words})
}

fn text(about: &str) -> Value {
    json!({"description": about, "type": "string"})
}

fn texts(about: &str) -> Value {
    json!({"description": about, "type": "array", "items": {"type": "string"}})
}

fn whole(about: &str, least: u32) -> Value {
    json!({"description": about, "type": "integer", "minimum": least})
}

fn yes_or_no(about: &str) -> Value {
    json!({"description": about, "type": "boolean"})
}

fn named(about: &str, of: Value) -> Value {
    json!({"description": about, "type": "object", "additionalProperties": of})
}

fn duration(about: &str) -> Value {
    json!({"description": about, "$ref": "#/$defs/duration"})
}

fn json_schema(about: &str) -> Value {
    json!({"description": about, "$ref": "https://json-schema.org/draft/2020-12/schema"})
}

/// The schema of one field. What is not told apart here takes any value.
fn property(owner: &str, field: &str) -> Value {
    let scalar = json!({"type": ["string", "number", "boolean"]});
    match (owner, field) {
        ("definition", "name") => text("The name for people"),
        (_, "name") => text("The name for people; the id when not given"),
        (_, "description") => text("What it does, for people"),
        (_, "phases") => json!({
            "description": "The columns of the board, in order",
            "type": "array",
            "items": {"anyOf": [{"type": "string"}, object("phase", fields::PHASE, &["id"], "A phase")]},
        }),
        ("phase", "id") => text("The id that steps name"),
        (_, "label") => text("The label for people"),
        (_, "args_schema") => json_schema("JSON Schema of the args; its defaults are applied"),
        (_, "env") => named(
            "Environment variables; secrets as {{ secrets.NAME }}",
            scalar,
        ),
        (_, "worktree") => json!({
            "description": "Where runs work",
            "anyOf": [
                words("Short for the mode", &["stay", "branch", "worktree"]),
                object("worktree", fields::WORKTREE, &[], "Where runs work and what becomes of their files"),
            ],
        }),
        (_, "mode") => words(
            "In your directory, on a branch of it, or in a worktree of its own",
            &["stay", "branch", "worktree"],
        ),
        (_, "copy") => texts("Globs of untracked files to copy into the worktree"),
        (_, "setup") => text("A command run once in a new worktree"),
        (_, "finish") => words("What becomes of the branch", &["keep", "merge", "review"]),
        ("definition", "outputs") => json!({"description": "The run's result", "type": "object"}),
        (_, "outputs") => named(
            "Expressions over stdout, stderr and exit_code",
            json!({"type": ["string", "boolean"]}),
        ),
        (_, "concurrency") => json!({
            "description": "How many runs with the same key may be active in a project",
            "anyOf": [
                {"type": "string"},
                object("concurrency", fields::CONCURRENCY, &["key"], "A key with a limit"),
            ],
        }),
        ("concurrency", "key") => text("A template over args"),
        (_, "limit") => whole("How many runs may hold the key", 1),
        (_, "on_full") => words(
            "What a run does that finds it full",
            &["queue", "reject", "cancel_oldest"],
        ),
        (_, "budget") => object("budget", fields::BUDGET, &[], "Reaching one parks the run"),
        (_, "usd" | "minutes") => json!({"type": "number", "exclusiveMinimum": 0}),
        (_, "tokens") => whole("Tokens, in and out", 1),
        (_, "triggers") => object(
            "triggers",
            fields::TRIGGERS,
            &[],
            "What starts runs by itself",
        ),
        (_, "schedule") => object("schedule", fields::SCHEDULE, &["cron"], "A cron schedule"),
        (_, "cron") => text("Five fields: minute, hour, day, month, weekday"),
        (_, "tz") => text("A time zone such as Europe/Berlin; UTC when not given"),
        (_, "catch_up") => words("What happens to times missed", &["none", "one", "all"]),
        (_, "webhook") => object(
            "webhook",
            fields::WEBHOOK,
            &["secret_env"],
            "An inbound webhook",
        ),
        (_, "secret_env") => text("The variable or secret that holds the signing secret"),
        (_, "if") => {
            json!({"description": "An expression, without {{ }}", "type": ["string", "boolean"]})
        }
        (_, "args") => json!({"description": "Args of the run", "type": "object"}),
        (_, "defaults") => object(
            "defaults",
            fields::DEFAULTS,
            &[],
            "What steps have that do not say otherwise",
        ),
        (_, "steps") => {
            json!({"type": "array", "minItems": 1, "maxItems": 10_000, "items": {"$ref": "#/$defs/step"}})
        }
        (_, "id") => {
            json!({"description": "Unique in the definition", "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,63}$"})
        }
        (_, "needs") => texts("Steps that must have ended first"),
        (_, "phase") => text("One of the declared phases"),
        (_, "continue_on_error") => yes_or_no("A failure does not fail the run"),
        (_, "foreach") => json!({"description": "One child per item", "type": ["string", "array"]}),
        (_, "matrix") => named(
            "One child per combination",
            json!({"type": "array", "minItems": 1}),
        ),
        (_, "max_parallel") => whole("Children at once", 1),
        (_, "isolate") => yes_or_no("Each child has a worktree of its own"),
        (_, "agent") => text(
            "claude, codex, gemini, acp:<command>, command:<command> or a name from baton.toml",
        ),
        (_, "prompt") => text("What the agent is asked"),
        (_, "permission") => words(
            "The permission mode",
            &["default", "plan", "acceptEdits", "bypassPermissions"],
        ),
        (_, "model") => text("The model"),
        (_, "max_turns") => whole("At most this many turns", 1),
        (_, "system_prompt") => text("Added to the agent's system prompt"),
        (_, "mcp") => json!({"description": "MCP servers", "type": ["object", "array"]}),
        (_, "tools") => object("tools", fields::TOOLS, &[], "Tools it may or may not use"),
        (_, "allow" | "deny") => texts("Names of tools"),
        (_, "session") => text("Go on in the session of this step"),
        (_, "output") => json_schema("JSON Schema of the agent's answer"),
        (_, "cwd") => text("Relative to the run's directory"),
        (_, "timeout") => duration("Per attempt; 0 is none"),
        (_, "retry") => json!({"$ref": "#/$defs/retry"}),
        (_, "attempts") => whole("Tries in all, the first included", 1),
        (_, "backoff") => duration("The wait before the second try"),
        (_, "factor") => {
            json!({"description": "What each further wait is multiplied by", "type": "number", "minimum": 1})
        }
        (_, "max") => duration("The longest wait"),
        (_, "jitter") => yes_or_no("Waits are of random length"),
        (_, "on_usage_limit") => words("When an agent's usage limit is reached", &["wait", "fail"]),
        (_, "on_lost") => words(
            "When a script's attempt was lost",
            &["rerun", "fail", "ask"],
        ),
        (_, "artifacts") => texts("Globs of files to keep"),
        (_, "command") => json!({
            "description": "A shell text, or words that run without a shell",
            "anyOf": [scalar, {"type": "array", "minItems": 1, "items": scalar}],
        }),
        (_, "provider") => text("The provider's name in the settings"),
        (_, "workflow_id") => {
            json!({"description": "The service's own id", "type": ["integer", "string"]})
        }
        (_, "vars") => json!({"description": "Variables handed over", "type": "object"}),
        (_, "message") => text("The question"),
        (_, "on_timeout") => words(
            "When nobody answered in time",
            &["fail", "approve", "reject"],
        ),
        (_, "on_reject") => words("What a no does", &["fail", "continue"]),
        (_, "for") => duration("This long"),
        (_, "until") => text("Until this point in time (RFC 3339)"),
        (_, "workflow") => text("The key of the definition to run"),
        _ => Value::Bool(true),
    }
}

#[cfg(test)]
mod tests {
    use super::{fields, property};

    #[test]
    fn every_field_the_parser_knows_is_described() {
        let tables = [
            ("definition", fields::DEFINITION),
            ("phase", fields::PHASE),
            ("worktree", fields::WORKTREE),
            ("concurrency", fields::CONCURRENCY),
            ("budget", fields::BUDGET),
            ("triggers", fields::TRIGGERS),
            ("schedule", fields::SCHEDULE),
            ("webhook", fields::WEBHOOK),
            ("defaults", fields::DEFAULTS),
            ("retry", fields::RETRY),
            ("tools", fields::TOOLS),
            ("step", fields::STEP),
        ];
        for (owner, table) in tables.iter().chain(fields::TYPES) {
            for field in table.iter().filter(|f| **f != "type") {
                assert!(property(owner, field).is_object(), "{owner}.{field}");
            }
        }
    }
}
