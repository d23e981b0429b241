//! Uses of tools: from Claude's `tool_use` block to its `tool_result`, or, for what goes on in the
//! background, to its `task_notification`. Tools and their inputs as in `sdk-tools.d.ts` of
//! `@anthropic-ai/claude-agent-sdk` 0.3.329. Never decides what is allowed.

use std::collections::{BTreeMap, BTreeSet};

use baton_core::activity::{ToolKind, ToolStatus, ToolUse};
use serde_json::Value;

use super::patch;
use super::text::{self, ITEM, OUTPUT};
use super::wire::{content_text, list, text as field};

/// The uses that have not ended.
#[derive(Debug, Default)]
pub(super) struct Tools {
    open: BTreeMap<String, Open>,
    /// Uses that were refused, by us or by Claude's rules, before their result says so.
    denied: BTreeSet<String>,
    /// Tools the setup forbids.
    forbidden: BTreeSet<String>,
    /// Counts uses, so that they end in the order they began.
    begun: u64,
}

/// A use at work.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) shown: ToolUse,
    pub(super) input: Value,
    pub(super) parent: Option<String>,
    number: u64,
    in_background: bool,
}

/// A use that has changed, and within which sub-agent.
pub(super) type Change = (Option<String>, ToolUse);

impl Tools {
    pub(super) fn forbidding(tools: &[String]) -> Self {
        let name = |tool: &String| tool.split('(').next().unwrap_or_default().to_owned();
        Self {
            forbidden: tools.iter().map(name).collect(),
            ..Self::default()
        }
    }

    /// A `tool_use` block. Claude runs it at once, unless it asks: see [`Tools::pause`].
    pub(super) fn begin(&mut self, block: &Value, parent: Option<String>) -> ToolUse {
        let shown = begun(field(block, "id"), field(block, "name"), &block["input"]);
        self.begun += 1;
        let open = Open {
            shown: shown.clone(),
            input: block["input"].clone(),
            parent,
            number: self.begun,
            in_background: false,
        };
        self.open.insert(shown.id.clone(), open);
        shown
    }

    /// The use of this id, while it has not ended.
    pub(super) fn get(&self, id: &str) -> Option<&Open> {
        self.open.get(id)
    }

    /// It waits for a person (`pending`), or goes on (`running`).
    pub(super) fn pause(&mut self, id: &str, status: ToolStatus) -> Option<Change> {
        let open = self.open.get_mut(id)?;
        let changed = open.shown.status != status;
        open.shown.status = status;
        changed.then(|| (open.parent.clone(), open.shown.clone()))
    }

    /// It was refused; its result comes as an error.
    pub(super) fn deny(&mut self, id: &str) {
        if self.open.contains_key(id) {
            self.denied.insert(id.to_owned());
        }
    }

    /// A `tool_result` block, with its line's `tool_use_result` and `tool_result_meta`.
    pub(super) fn result(&mut self, block: &Value, line: &Value) -> Option<(Change, Open)> {
        let id = field(block, "tool_use_id");
        let mut open = self.open.remove(id)?;
        let denied = self.denied.remove(id);
        let only = list(&line["message"]["content"]).len() == 1;
        let structured = if only {
            &line["tool_use_result"]
        } else {
            &Value::Null
        };
        let said = content_text(&block["content"]);
        let is_error = block["is_error"].as_bool().unwrap_or_default();
        let metas = list(&line["tool_result_meta"]);
        let meta = metas.iter().find(|meta| field(meta, "id") == id);
        let rejected = meta.is_some_and(|meta| meta["permission_decision"]["decision"] == "reject");
        let forbidden = said.contains("is disabled for this session")
            && self.forbidden.contains(open.shown.name.as_str());

        let shown = &mut open.shown;
        shown.status = if is_error && (denied || rejected || forbidden) {
            ToolStatus::Denied
        } else if is_error {
            ToolStatus::Failed
        } else if goes_on(structured) {
            open.in_background = true;
            ToolStatus::Running
        } else {
            ToolStatus::Success
        };
        if !said.is_empty() {
            shown.output = Some(text::head(&said, OUTPUT));
        }
        if shown.tool == ToolKind::Execute && shown.status != ToolStatus::Denied {
            shown.exit_code = exit_code(&said, is_error, structured);
        }
        if shown.status == ToolStatus::Success {
            shown.bytes = bytes(shown.tool, &open.input, structured);
            shown.diff = patch::of(structured);
        }
        let change = (open.parent.clone(), open.shown.clone());
        if open.in_background {
            let kept = Open {
                shown: open.shown.clone(),
                input: Value::Null,
                parent: open.parent.clone(),
                ..open
            };
            self.open.insert(id.to_owned(), kept);
        }
        Some((change, open))
    }

    /// A `system/task_notification`: what went on in the background has ended. What runs in the
    /// foreground has its own result.
    pub(super) fn notified(&mut self, line: &Value) -> Option<Change> {
        let id = field(line, "tool_use_id");
        if !self.open.get(id)?.in_background {
            return None;
        }
        let open = self.open.remove(id)?;
        let mut shown = open.shown;
        shown.status = match field(line, "status") {
            "completed" => ToolStatus::Success,
            _ => ToolStatus::Failed,
        };
        let summary = field(line, "summary");
        if !summary.is_empty() {
            shown.output = Some(text::head(summary, OUTPUT));
        }
        Some((open.parent, shown))
    }

    /// A turn of the main agent has ended, and with it what it still waited for (a budget that was
    /// used up). Sub-agents and what runs in the background go on.
    pub(super) fn end_turn(&mut self) -> Vec<Change> {
        self.end_those(|open| open.parent.is_none() && !open.in_background)
    }

    /// The process is gone: nothing goes on.
    pub(super) fn end(&mut self) -> Vec<Change> {
        self.end_those(|_| true)
    }

    fn end_those(&mut self, ends: impl Fn(&Open) -> bool) -> Vec<Change> {
        let open = std::mem::take(&mut self.open);
        let (ended, rest): (BTreeMap<_, _>, _) = open.into_iter().partition(|(_, open)| ends(open));
        self.open = rest;
        let mut ended: Vec<Open> = ended.into_values().collect();
        ended.sort_by_key(|open| open.number);
        let ended = ended.into_iter().map(|open| {
            let mut shown = open.shown;
            shown.status = ToolStatus::Failed;
            (open.parent, shown)
        });
        ended.collect()
    }
}

/// A sub-agent that was sent into the background, or a command (`run_in_background`).
fn goes_on(structured: &Value) -> bool {
    structured["isAsync"] == true || !field(structured, "backgroundTaskId").is_empty()
}

/// "Exit code 3" heads the text of a failed command; there is no field for it. A command that did
/// not fail ended with 0, unless Claude gave its code a meaning of its own (`grep`, `diff`).
fn exit_code(said: &str, is_error: bool, structured: &Value) -> Option<i32> {
    if let Some(rest) = said.strip_prefix("Exit code ") {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        return digits?.parse().ok();
    }
    let plain = structured["interrupted"] == false && !goes_on(structured);
    let odd = !field(structured, "returnCodeInterpretation").is_empty();
    (!is_error && plain && !odd).then_some(0)
}

fn bytes(kind: ToolKind, input: &Value, structured: &Value) -> Option<u64> {
    let text = match kind {
        ToolKind::Read => structured["file"]["content"].as_str(),
        ToolKind::Edit => input["content"].as_str(),
        ToolKind::Fetch => return structured["bytes"].as_u64(),
        _ => None,
    };
    text.and_then(|text| u64::try_from(text.len()).ok())
}

/// A use as it begins.
pub(super) fn begun(id: &str, name: &str, input: &Value) -> ToolUse {
    let path = ["file_path", "notebook_path", "path"]
        .iter()
        .map(|key| field(input, key))
        .find(|path| !path.is_empty());
    let tool = kind(name);
    let command = field(input, "command");
    let of = |key: &str| text::line(field(input, key));
    let title = match tool {
        ToolKind::Execute => of("command"),
        ToolKind::Search => of(if name == "ToolSearch" {
            "query"
        } else {
            "pattern"
        }),
        ToolKind::Fetch if name == "WebSearch" => of("query"),
        ToolKind::Fetch => of("url"),
        ToolKind::Subagent => of("description"),
        ToolKind::Think if name == "TaskUpdate" => match field(input, "status") {
            "" => format!("#{}", of("taskId")),
            status => format!("#{} {status}", of("taskId")),
        },
        ToolKind::Think => of("subject"),
        _ => text::line(path.unwrap_or_default()),
    };
    ToolUse {
        id: text::head(id, ITEM),
        name: text::head(name, ITEM),
        tool,
        status: ToolStatus::Running,
        title: text::head(&title, text::LINE),
        paths: path
            .map(|path| text::head(path, ITEM))
            .into_iter()
            .collect(),
        command: (tool == ToolKind::Execute && !command.is_empty())
            .then(|| text::head(command, OUTPUT)),
        ..ToolUse::default()
    }
}

fn kind(name: &str) -> ToolKind {
    match name {
        "Read" | "NotebookRead" | "LSP" => ToolKind::Read,
        "Edit" | "MultiEdit" | "Write" | "NotebookEdit" => ToolKind::Edit,
        "Glob" | "Grep" | "LS" | "ToolSearch" => ToolKind::Search,
        "Bash" | "PowerShell" | "REPL" | "Monitor" => ToolKind::Execute,
        "WebFetch" | "WebSearch" | "web_search" | "web_fetch" => ToolKind::Fetch,
        "Agent" | "Task" | "Workflow" => ToolKind::Subagent,
        "TodoWrite" | "TaskCreate" | "TaskUpdate" | "TaskList" | "TaskGet" | "EnterPlanMode"
        | "ExitPlanMode" => ToolKind::Think,
        _ => ToolKind::Other,
    }
}
