//! `session/request_permission`: what is asked of a person, what is answered without one, and the
//! answers in the agent's terms.
//!
//! The protocol carries a choice and no words: a reason given with a no does not reach the agent.

use std::path::{Component, Path};

use baton_core::activity::{Answer, Asks, Question, ToolKind, ToolUse};
use serde_json::{Value, json};

use super::profile::list;
use super::tools::kind_of;
use crate::bounded;
use crate::setup::Permission;

/// An open request of the agent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Its JSON-RPC id.
    pub(super) rpc: Value,
    /// The tool use it is about.
    pub(super) tool: String,
    /// Option ids and their kinds, as offered.
    options: Vec<(String, String)>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ask,
    Allow,
    Reject,
}

impl Request {
    pub(super) fn read(rpc: Value, params: &Value) -> Self {
        let option = |option: &Value| {
            let (id, kind) = (option["optionId"].as_str()?, option["kind"].as_str()?);
            Some((id.to_owned(), kind.to_owned()))
        };
        let tool = params["toolCall"]["toolCallId"]
            .as_str()
            .unwrap_or_default();
        Self {
            rpc,
            tool: tool.into(),
            options: list(&params["options"])
                .filter_map(option)
                .take(50)
                .collect(),
        }
    }

    fn option(&self, kinds: &[&str]) -> Option<&str> {
        kinds.iter().find_map(|kind| {
            let found = self.options.iter().find(|(_, offered)| offered == kind);
            found.map(|(id, _)| id.as_str())
        })
    }

    /// The outcome that says yes or no; `cancelled` where the agent offers no such option.
    pub(super) fn outcome(&self, allow: bool, remember: bool) -> Value {
        let kinds: &[&str] = match (allow, remember) {
            (true, true) => &["allow_always", "allow_once"],
            (true, false) => &["allow_once", "allow_always"],
            (false, _) => &["reject_once", "reject_always"],
        };
        match self.option(kinds) {
            Some(id) => json!({"outcome": {"outcome": "selected", "optionId": id}}),
            None => cancelled(),
        }
    }

    /// The outcome of a person's answer, and whether it is a yes; `None` for an answer to something
    /// else.
    pub(super) fn answered(&self, answer: &Answer) -> Option<(Value, bool)> {
        match answer {
            Answer::Approve { remember, .. } => Some((self.outcome(true, *remember), true)),
            Answer::Reject { .. } => Some((self.outcome(false, false), false)),
            Answer::Choices { .. } => None,
        }
    }

    /// What a person is asked.
    pub(super) fn question(&self, id: String, params: &Value, tool: Option<&ToolUse>) -> Question {
        let call = &params["toolCall"];
        // claude-agent-acp asks with a mode switch whether its plan is approved.
        let plan = call["rawInput"]["plan"].as_str();
        if let Some(plan) = plan.filter(|_| call["kind"] == "switch_mode") {
            let asks = Asks::Plan { plan: plan.into() };
            return Question {
                id,
                asks,
                text: "Is this plan approved?".into(),
            };
        }
        let title = call["title"]
            .as_str()
            .or(tool.map(|tool| tool.title.as_str()));
        let title = bounded::head(title.unwrap_or("a tool"), bounded::LINE);
        let name = tool.map_or("tool", |tool| tool.name.as_str());
        let asks = Asks::Permission {
            tool: name.into(),
            input: bounded::value(&input(call, tool), bounded::INPUT),
            can_remember: self.option(&["allow_always"]).is_some(),
        };
        Question {
            id,
            asks,
            text: format!("May it use {name}: {title}"),
        }
    }
}

/// The outcome of a request whose turn was cancelled.
pub(super) fn cancelled() -> Value {
    json!({"outcome": {"outcome": "cancelled"}})
}

/// The tool's input: as given, else (Gemini CLI 0.61.0) what is known of the call.
fn input(call: &Value, tool: Option<&ToolUse>) -> Value {
    if !call["rawInput"].is_null() {
        return call["rawInput"].clone();
    }
    let mut input = serde_json::Map::new();
    if let Some(tool) = tool {
        if let Some(command) = &tool.command {
            input.insert("command".into(), json!(command));
        }
        if !tool.paths.is_empty() {
            input.insert("paths".into(), json!(tool.paths));
        }
        if let Some(diff) = &tool.diff {
            input.insert("diff".into(), json!(diff));
        }
    }
    if input.is_empty() {
        input.insert("title".into(), call["title"].clone());
    }
    Value::Object(input)
}

/// What the step's permission says of a request. `has_mode`: the agent itself is in the mode for the
/// permission, and asks only for what that mode leaves open.
pub(super) fn verdict(
    permission: Permission,
    mode: Option<&str>,
    params: &Value,
    tool: Option<&ToolUse>,
    cwd: &Path,
) -> Verdict {
    let call = &params["toolCall"];
    let kind = call["kind"].as_str().map(kind_of);
    let kind = kind.or(tool.map(|tool| tool.tool)).unwrap_or_default();
    match permission {
        Permission::BypassPermissions => Verdict::Allow,
        Permission::AcceptEdits if kind == ToolKind::Edit && mode.is_none() => {
            let inside = |path: &String| is_inside(Path::new(path), cwd);
            match tool {
                Some(tool) if !tool.paths.is_empty() && tool.paths.iter().all(inside) => {
                    Verdict::Allow
                }
                _ => Verdict::Ask,
            }
        }
        // Where planning is a mode that asks before it changes something (codex-acp's read-only).
        Permission::Plan if mode == Some("read-only") => match kind {
            ToolKind::Edit | ToolKind::Delete | ToolKind::Move | ToolKind::Execute => {
                Verdict::Reject
            }
            _ => Verdict::Ask,
        },
        Permission::Default | Permission::Plan | Permission::AcceptEdits => Verdict::Ask,
    }
}

/// By its words alone: nothing here looks at the disk.
fn is_inside(path: &Path, cwd: &Path) -> bool {
    let plain = |path: &Path| {
        path.components()
            .all(|part| !matches!(part, Component::ParentDir))
    };
    plain(path) && (path.is_relative() || path.starts_with(cwd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_outside_the_directory_are_asked_for() {
        let params = json!({"toolCall": {"kind": "edit"}});
        let verdict = |path: &str, mode| {
            let tool = ToolUse {
                paths: vec![path.into()],
                ..ToolUse::default()
            };
            let edits = Permission::AcceptEdits;
            verdict(
                edits,
                mode,
                &params,
                Some(&tool),
                Path::new("/workspace/project"),
            )
        };
        assert_eq!(verdict("/workspace/project/a", None), Verdict::Allow);
        assert_eq!(verdict("src/a", None), Verdict::Allow);
        assert_eq!(verdict("/workspace/project/../x", None), Verdict::Ask);
        assert_eq!(verdict("/etc/passwd", None), Verdict::Ask);
        assert_eq!(verdict("src/a", Some("acceptEdits")), Verdict::Ask);
    }

    #[test]
    fn a_yes_is_remembered_only_when_asked_for() {
        let params = json!({"options": [
            {"optionId": "always", "kind": "allow_always"},
            {"optionId": "once", "kind": "allow_once"},
        ]});
        let request = Request::read(json!(0), &params);
        assert_eq!(request.outcome(true, false)["outcome"]["optionId"], "once");
        assert_eq!(request.outcome(true, true)["outcome"]["optionId"], "always");
        assert_eq!(request.outcome(false, false), cancelled());
    }
}
