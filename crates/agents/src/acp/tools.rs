//! Uses of tools: `tool_call` and `tool_call_update`, merged as the protocol says (an update gives
//! what has changed), to [`ToolUse`]. What differs between agents stands where it is read.

use std::collections::{BTreeMap, BTreeSet};

use baton_core::activity::{ToolKind, ToolStatus, ToolUse};
use serde_json::Value;

use super::profile::list;
use crate::{bounded, diff};

/// Paths of one use, at most.
const PATHS: usize = 64;

/// The uses of a session.
#[derive(Debug, Default)]
pub(super) struct Tools {
    open: BTreeMap<String, ToolUse>,
    /// Said to be over; what comes later is not told (a refused call that is then said to fail).
    over: BTreeSet<String>,
}

impl Tools {
    /// Whether a call is known already.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.open.contains_key(id) || self.over.contains(id)
    }

    /// Takes a call or update in; gives the use when that changed it.
    pub(super) fn take(&mut self, update: &Value) -> Option<ToolUse> {
        let id = update["toolCallId"].as_str()?;
        if self.over.contains(id) {
            return None;
        }
        let fresh = || ToolUse {
            id: id.into(),
            ..ToolUse::default()
        };
        let told = self.open.get(id);
        let mut tool = told.cloned().unwrap_or_else(fresh);
        merge(&mut tool, update);
        if told == Some(&tool) {
            return None;
        }
        self.keep(&tool);
        Some(tool)
    }

    /// Sets where a use stands.
    pub(super) fn set(
        &mut self,
        id: &str,
        status: ToolStatus,
        why: Option<&str>,
    ) -> Option<ToolUse> {
        let mut tool = self.open.get(id)?.clone();
        tool.status = status;
        if let Some(why) = why {
            tool.output = Some(bounded::head(why, bounded::OUTPUT));
        }
        self.keep(&tool);
        Some(tool)
    }

    /// A use that is not over.
    pub(super) fn get(&self, id: &str) -> Option<&ToolUse> {
        self.open.get(id)
    }

    /// The ids of what is not over.
    pub(super) fn open(&self) -> Vec<String> {
        self.open.keys().cloned().collect()
    }

    fn keep(&mut self, tool: &ToolUse) {
        match tool.status {
            ToolStatus::Pending | ToolStatus::Running => {
                self.open.insert(tool.id.clone(), tool.clone());
            }
            ToolStatus::Success | ToolStatus::Failed | ToolStatus::Denied => {
                self.open.remove(&tool.id);
                self.over.insert(tool.id.clone());
            }
        }
    }
}

fn merge(tool: &mut ToolUse, update: &Value) {
    let meta = &update["_meta"];
    if let Some(status) = update["status"].as_str() {
        tool.status = status_of(status).unwrap_or(tool.status);
    }
    if let Some(title) = update["title"].as_str() {
        tool.title = bounded::head(title, bounded::LINE);
    }
    let name = update["name"]
        .as_str()
        .or(meta["claudeCode"]["toolName"].as_str());
    match name.or_else(|| name_in_id(&tool.id)) {
        Some(name) => tool.name = bounded::head(name, 200),
        None if tool.name.is_empty() => {
            tool.name = bounded::head(update["kind"].as_str().unwrap_or("tool"), 200);
        }
        None => {}
    }
    if let Some(kind) = update["kind"].as_str() {
        tool.tool = kind_of(kind);
    }
    // claude-agent-acp gives its sub-agents the kind `think`.
    if matches!(tool.name.as_str(), "Task" | "Agent" | "invoke_agent") {
        tool.tool = ToolKind::Subagent;
    }
    merge_input(tool, update);
    merge_content(tool, update);
    merge_result(tool, update);
}

/// `None` for what is not known.
fn status_of(status: &str) -> Option<ToolStatus> {
    match status {
        "pending" => Some(ToolStatus::Pending),
        "in_progress" => Some(ToolStatus::Running),
        "completed" => Some(ToolStatus::Success),
        "failed" => Some(ToolStatus::Failed),
        _ => None,
    }
}

pub(super) fn kind_of(kind: &str) -> ToolKind {
    match kind {
        "read" => ToolKind::Read,
        "edit" => ToolKind::Edit,
        "delete" => ToolKind::Delete,
        "move" => ToolKind::Move,
        "search" => ToolKind::Search,
        "execute" => ToolKind::Execute,
        "fetch" => ToolKind::Fetch,
        "think" => ToolKind::Think,
        _ => ToolKind::Other,
    }
}

/// Gemini CLI 0.61.0 names the tool only in the call's id: `read_file__fc_0b7e6f4014c600`, or
/// `read_file-1795209179682-1` where its model gave none *(source)*.
fn name_in_id(id: &str) -> Option<&str> {
    let name = match id.split_once("__") {
        Some((name, _)) => name,
        None => {
            let mut parts = id.rsplitn(3, '-');
            let (count, time) = (parts.next()?, parts.next()?);
            let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
            parts
                .next()
                .filter(|_| digits(count) && time.len() == 13 && digits(time))?
        }
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

fn merge_input(tool: &mut ToolUse, update: &Value) {
    let input = &update["rawInput"];
    let command = match &input["command"] {
        Value::String(command) => Some(command.clone()),
        Value::Array(words) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            Some(words.join(" "))
        }
        _ => None,
    };
    if let Some(command) = command {
        tool.command = Some(bounded::head(&command, bounded::OUTPUT));
    } else if tool.tool == ToolKind::Execute && tool.command.is_none() && input.is_null() {
        // Gemini CLI 0.61.0 gives no input; its title is the command.
        tool.command = name_in_id(&tool.id).map(|_| tool.title.clone());
    }
    for place in list(&update["locations"]) {
        add_path(tool, &place["path"]);
    }
}

fn merge_content(tool: &mut ToolUse, update: &Value) {
    let mut texts = Vec::new();
    let mut diffs = String::new();
    for part in list(&update["content"]) {
        match part["type"].as_str() {
            Some("content") => texts.extend(part["content"]["text"].as_str()),
            Some("diff") => {
                let path = part["path"].as_str().unwrap_or_default();
                let (old, new) = (part["oldText"].as_str(), part["newText"].as_str());
                // Gemini CLI 0.61.0 gives a new file the old text "".
                let old = old.filter(|_| part["_meta"]["kind"] != "add");
                let new = new.unwrap_or_default();
                add_path(tool, &part["path"]);
                if old.is_none() {
                    tool.bytes = Some(new.len() as u64);
                }
                if diffs.len() < bounded::DIFF {
                    diffs.push_str(&diff::unified(path, old, new));
                }
            }
            _ => {}
        }
    }
    if !diffs.is_empty() {
        tool.diff = Some(bounded::head(&diffs, bounded::DIFF));
    }
    // Before its end, a call's text is what it is about to do.
    let is_over = matches!(tool.status, ToolStatus::Success | ToolStatus::Failed);
    if is_over && !texts.is_empty() {
        tool.output = Some(bounded::head(unfenced(&texts.join("\n")), bounded::OUTPUT));
    }
    // Gemini CLI 0.61.0 says a cancelled command is completed.
    if tool.output.as_deref() == Some("Command cancelled by user.") {
        tool.status = ToolStatus::Failed;
    }
}

fn merge_result(tool: &mut ToolUse, update: &Value) {
    let (output, meta) = (&update["rawOutput"], &update["_meta"]);
    let delta = meta["terminal_output_delta"]["data"].as_str();
    if let Some(text) = output.as_str() {
        tool.output = Some(bounded::head(text, bounded::OUTPUT));
    } else if let Some(text) = ["formatted_output", "aggregated_output", "stdout"]
        .iter()
        .find_map(|name| output[*name].as_str())
    {
        tool.output = Some(bounded::head(text, bounded::OUTPUT));
    } else if let Some(delta) = delta {
        // codex-acp 2.6.0 streams a command's output beside the update.
        let mut all = tool.output.take().unwrap_or_default();
        if all.len() < bounded::OUTPUT {
            all.push_str(delta);
        }
        tool.output = Some(bounded::head(&all, bounded::OUTPUT));
    }
    let code = [
        &output["exit_code"],
        &output["exitCode"],
        &meta["terminal_exit"]["exit_code"],
    ];
    let code = code.iter().find_map(|code| code.as_i64());
    // Claude Code 2.1.329 says the exit code only in the text of a failed command.
    let in_text = || {
        let output = tool.output.as_deref()?;
        let line = output.strip_prefix("Exit code ")?.lines().next()?;
        line.trim().parse().ok()
    };
    let said = code.and_then(|code| i32::try_from(code).ok());
    let failed = tool.tool == ToolKind::Execute && tool.status == ToolStatus::Failed;
    if let Some(code) = said.or_else(|| if failed { in_text() } else { None }) {
        tool.exit_code = Some(code);
    }
}

fn add_path(tool: &mut ToolUse, path: &Value) {
    let Some(path) = path
        .as_str()
        .map(|path| bounded::head(path, bounded::OUTPUT))
    else {
        return;
    };
    if tool.paths.len() < PATHS && !tool.paths.contains(&path) {
        tool.paths.push(path);
    }
}

/// The text without the fence (```` ``` ````) that claude-agent-acp puts around outputs.
fn unfenced(text: &str) -> &str {
    let inner = || {
        let (_, inner) = text.strip_prefix("```")?.split_once('\n')?;
        inner.strip_suffix("\n```")
    };
    inner().unwrap_or(text)
}
