//! What Codex asks through the app-server, as questions, and people's answers as it wants them
//! (0.169.0). What it asks that no person can answer is refused, so that it does not wait.

use std::collections::BTreeMap;

use baton_core::activity::{Answer, Asks, Choice, ChoiceOption, Question};
use serde_json::{Map, Value, json};

use super::bounds::{INPUT, WORDS, cut};
use super::wire::{Id, list, str};
use super::{changes, shell};

/// A request of the server that waits for a person.
#[derive(Debug)]
pub struct Pending {
    /// The JSON-RPC id to answer.
    pub request: Id,
    /// An answer was sent; the server has not said yet that it has it.
    pub answered: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// `item/{commandExecution,fileChange}/requestApproval`.
    Approval,
    /// `item/permissions/requestApproval`: what it wants.
    Permissions(Value),
    /// `item/tool/requestUserInput`: the ids of its questions, by their text.
    Input(BTreeMap<String, String>),
    /// `mcpServer/elicitation/request`: the schemas of what it wants, by the text of the question.
    Elicitation(BTreeMap<String, (String, Value)>),
}

/// The question that a request of the server is; `None`: nobody can answer it. `change` is the
/// `fileChange` item it is about, when it is about one.
pub fn ask(
    request: Id,
    method: &str,
    params: &Value,
    change: Option<&Value>,
) -> Option<(Question, Pending)> {
    let reason = str(params, "reason").map(|reason| cut(reason, WORDS));
    let reason = || {
        reason
            .clone()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default()
    };
    let (kind, asks, text) = match method {
        "item/commandExecution/requestApproval" => {
            let command = shell::inner(str(params, "command").unwrap_or(""));
            let input = command_input(params, &command);
            let text = format!("Codex wants to run `{}`{}", cut(&command, WORDS), reason());
            (Kind::Approval, permission("exec_command", input), text)
        }
        "item/fileChange/requestApproval" => {
            let changed = change.map(|item| list(item, "changes")).unwrap_or_default();
            let paths: Vec<&str> = changed
                .iter()
                .filter_map(|change| str(change, "path"))
                .collect();
            let mut input =
                json!({"paths": paths, "diff": cut(&changes::diff(changed), INPUT / 2)});
            if let Some(root) = str(params, "grantRoot") {
                input["grantRoot"] = json!(root);
            }
            let text = format!(
                "Codex wants to change {}{}",
                cut(&paths.join(", "), WORDS),
                reason()
            );
            (Kind::Approval, permission("apply_patch", input), text)
        }
        "item/permissions/requestApproval" => {
            let wanted = params.get("permissions").cloned().unwrap_or(json!({}));
            let text = format!("Codex wants more permissions{}", reason());
            (
                Kind::Permissions(wanted.clone()),
                permission("request_permissions", wanted),
                text,
            )
        }
        "item/tool/requestUserInput" => input(params)?,
        "mcpServer/elicitation/request" => elicitation(params),
        _ => return None,
    };
    let id = id(&request);
    Some((
        Question { id, asks, text },
        Pending {
            request,
            answered: false,
            kind,
        },
    ))
}

/// A question's id out of that of its JSON-RPC request.
pub fn id(request: &Id) -> String {
    match request {
        Value::String(text) => format!("codex-{}", cut(text, 100)),
        other => format!("codex-{}", cut(&other.to_string(), 100)),
    }
}

/// The answer as the server wants it, and words to the agent beside it, for which the answer has no
/// place.
pub fn answer(pending: &Pending, answer: &Answer) -> (Value, Option<String>) {
    let (yes, remember, message) = match answer {
        Answer::Approve { remember, message } => (true, *remember, message.as_deref()),
        Answer::Reject { message } => (false, false, message.as_deref()),
        Answer::Choices { .. } => (true, false, None),
    };
    let result = match (&pending.kind, answer) {
        // Measured: both are taken, though `availableDecisions` names them only at times.
        (Kind::Approval, _) => json!({"decision": match (yes, remember) {
            (true, true) => "acceptForSession",
            (true, false) => "accept",
            (false, _) => "decline",
        }}),
        (Kind::Permissions(wanted), _) => {
            let granted = if yes { granted(wanted) } else { json!({}) };
            json!({"permissions": granted, "scope": if remember { "session" } else { "turn" }})
        }
        (Kind::Input(ids), Answer::Choices { answers }) => {
            let of = |(text, id): (&String, &String)| {
                let chosen = answers.get(text).cloned().unwrap_or_default();
                (id.clone(), json!({"answers": chosen}))
            };
            json!({"answers": ids.iter().map(of).collect::<Map<_, _>>()})
        }
        (Kind::Input(_), _) => json!({"answers": {}}),
        (Kind::Elicitation(fields), Answer::Choices { answers }) => {
            json!({"action": "accept", "content": content(fields, answers), "_meta": null})
        }
        (Kind::Elicitation(_), _) if yes => {
            let meta = if remember {
                json!({"persist": "session"})
            } else {
                Value::Null
            };
            json!({"action": "accept", "content": {}, "_meta": meta})
        }
        (Kind::Elicitation(_), _) => json!({"action": "decline", "content": null, "_meta": null}),
    };
    let message = message.filter(|text| !text.trim().is_empty());
    let about = if yes { "allowed" } else { "did not allow" };
    (
        result,
        message.map(|text| format!("About what I just {about}: {text}")),
    )
}

fn permission(tool: &str, input: Value) -> Asks {
    Asks::Permission {
        tool: cut(tool, WORDS),
        input: bounded(input),
        can_remember: true,
    }
}

/// The input itself, or its text cut when it is too long.
fn bounded(input: Value) -> Value {
    let text = input.to_string();
    if text.len() <= INPUT {
        input
    } else {
        json!(cut(&text, INPUT))
    }
}

fn command_input(params: &Value, command: &str) -> Value {
    let mut input = json!({"command": cut(command, INPUT / 2)});
    for key in [
        "cwd",
        "reason",
        "networkApprovalContext",
        "additionalPermissions",
    ] {
        match params.get(key) {
            None | Some(Value::Null) => {}
            Some(value) => input[key] = value.clone(),
        }
    }
    input
}

/// What is wanted, without the `null`s that the answer may not have.
fn granted(wanted: &Value) -> Value {
    let fields = wanted.as_object().into_iter().flatten();
    let some = fields.filter(|(_, value)| !value.is_null());
    Value::Object(
        some.map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}

fn input(params: &Value) -> Option<(Kind, Asks, String)> {
    let mut ids = BTreeMap::new();
    let mut items = Vec::new();
    for question in list(params, "questions") {
        let text = cut(str(question, "question")?, WORDS);
        ids.insert(text.clone(), str(question, "id")?.to_owned());
        let option = |option: &Value| ChoiceOption {
            label: cut(str(option, "label").unwrap_or(""), WORDS),
            description: cut(str(option, "description").unwrap_or(""), WORDS),
        };
        items.push(Choice {
            question: text,
            header: str(question, "header").map(|header| cut(header, WORDS)),
            options: list(question, "options").iter().map(option).collect(),
            multiple: false,
        });
    }
    let text = items.first()?.question.clone();
    Some((Kind::Input(ids), Asks::Choices { items }, text))
}

/// A call of an MCP tool that wants a yes (0.169.0 asks that way), a form, or a page to visit.
fn elicitation(params: &Value) -> (Kind, Asks, String) {
    let server = str(params, "serverName").unwrap_or("mcp");
    let message = cut(
        str(params, "message").unwrap_or("An MCP server asks"),
        WORDS,
    );
    let meta = params.get("_meta").unwrap_or(&Value::Null);
    let schema = params.get("requestedSchema").unwrap_or(&Value::Null);
    let properties = schema.get("properties").and_then(Value::as_object);
    if let Some(properties) = properties.filter(|all| !all.is_empty()) {
        let mut fields = BTreeMap::new();
        let mut items = Vec::new();
        for (key, schema) in properties {
            let choice = field(key, schema);
            fields.insert(choice.question.clone(), (key.clone(), schema.clone()));
            items.push(choice);
        }
        return (Kind::Elicitation(fields), Asks::Choices { items }, message);
    }
    let tool = str(meta, "tool_name").unwrap_or("elicitation");
    let input = match meta.get("tool_params") {
        Some(input) => input.clone(),
        None => json!({"url": params.get("url")}),
    };
    let asks = permission(&format!("{server}.{tool}"), input);
    (Kind::Elicitation(BTreeMap::new()), asks, message)
}

fn field(key: &str, schema: &Value) -> Choice {
    let item = schema.get("items").unwrap_or(schema);
    let mut labels: Vec<&str> = list(item, "enum")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let titled = ["oneOf", "anyOf"].iter().flat_map(|key| list(item, key));
    labels.extend(titled.filter_map(|option| str(option, "const")));
    if str(schema, "type") == Some("boolean") {
        labels = vec!["true", "false"];
    }
    let option = |label: &str| ChoiceOption {
        label: cut(label, WORDS),
        description: String::new(),
    };
    Choice {
        question: cut(str(schema, "title").unwrap_or(key), WORDS),
        header: str(schema, "description").map(|text| cut(text, WORDS)),
        options: labels.into_iter().map(option).collect(),
        multiple: str(schema, "type") == Some("array"),
    }
}

fn content(
    fields: &BTreeMap<String, (String, Value)>,
    answers: &BTreeMap<String, Vec<String>>,
) -> Value {
    let mut content = Map::new();
    for (text, (key, schema)) in fields {
        let Some(chosen) = answers.get(text).filter(|chosen| !chosen.is_empty()) else {
            continue;
        };
        let one = chosen.join(", ");
        let value = match str(schema, "type") {
            Some("boolean") => json!(matches!(one.as_str(), "true" | "yes")),
            Some("integer") => one.parse::<i64>().map_or(json!(one), Value::from),
            Some("number") => one.parse::<f64>().map_or(json!(one), Value::from),
            Some("array") => json!(chosen),
            _ => json!(one),
        };
        content.insert(key.clone(), value);
    }
    Value::Object(content)
}
