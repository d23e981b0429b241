//! `session/update`: what the session does.

use baton_core::activity::{Activity, Todo, TodoStatus};
use serde_json::Value;

use super::profile::list;
use super::speech::Voice;
use super::{Acp, Phase, activity, unknown};
use crate::bounded;
use crate::driver::Output;

/// Todos of one list, at most.
const TODOS: usize = 500;

impl Acp {
    pub(super) fn updated(&mut self, update: &Value) -> Vec<Output> {
        let Some(kind) = update["sessionUpdate"].as_str() else {
            return vec![unknown("session/update")];
        };
        let in_prompt = matches!(self.phase, Phase::Prompted { .. });
        if kind == "usage_update" {
            self.spent.update(update, in_prompt);
            return self.spent.news().map(Output::Usage).into_iter().collect();
        }
        if !is_known(kind) {
            return vec![unknown(kind)];
        }
        // A session that is taken back says its history again; Gemini CLI 0.61.0 says a mode that
        // was set as a message.
        if matches!(self.phase, Phase::Opening { .. }) {
            return Vec::new();
        }
        let mut outputs: Vec<Output> = match kind.starts_with("agent_") || kind == "tool_call" {
            true => self.taken().into_iter().collect(),
            false => Vec::new(),
        };
        outputs.extend(match kind {
            "agent_message_chunk" => self.chunk(Voice::Message, update),
            "agent_thought_chunk" => self.chunk(Voice::Thought, update),
            "tool_call" | "tool_call_update" => self.tool(update),
            "plan" => self.plan(update),
            "compaction_update" if update["status"] == "completed" => {
                vec![activity(Activity::Compaction {})]
            }
            "notice" => notice(update),
            _ => Vec::new(),
        });
        outputs
    }

    fn chunk(&mut self, voice: Voice, update: &Value) -> Vec<Output> {
        let content = &update["content"];
        let Some(text) = content["text"].as_str() else {
            let kind = content["type"].as_str().unwrap_or("content");
            return vec![unknown(kind)];
        };
        // Gemini CLI 0.61.0, when its mode has changed.
        if self.gemini && text.starts_with("[MODE_UPDATE] ") {
            return Vec::new();
        }
        let message = update["messageId"].as_str().map(Into::into);
        self.speech.chunk(voice, parent(update), message, text)
    }

    /// A tool call or its update; an unknown one ends the text before it (Gemini CLI 0.61.0 says
    /// what needs a permission only with the request for it).
    pub(super) fn tool(&mut self, update: &Value) -> Vec<Output> {
        let Some(id) = update["toolCallId"].as_str() else {
            return vec![unknown("tool_call without an id")];
        };
        let mut outputs = match self.tools.knows(id) {
            true => Vec::new(),
            false => self.speech.flush(),
        };
        outputs.extend(self.tools.take(update).map(|tool| Output::Activity {
            parent: parent(update),
            activity: Activity::ToolUse(Box::new(tool)),
        }));
        outputs
    }

    fn plan(&mut self, update: &Value) -> Vec<Output> {
        let todo = |entry: &Value| {
            let status = match entry["status"].as_str() {
                Some("in_progress") => TodoStatus::InProgress,
                Some("completed") => TodoStatus::Completed,
                _ => TodoStatus::Pending,
            };
            let content = bounded::head(entry["content"].as_str()?, bounded::LINE);
            Some(Todo {
                content,
                status,
                active_form: None,
            })
        };
        let items: Vec<Todo> = list(&update["entries"])
            .filter_map(todo)
            .take(TODOS)
            .collect();
        if items == self.todos {
            return Vec::new();
        }
        self.todos.clone_from(&items);
        // It comes of a use of a tool that is not said otherwise.
        let mut outputs = self.speech.flush();
        outputs.push(activity(Activity::Todos { items }));
        outputs
    }
}

/// The updates of the protocol's version 1 that are understood, or have nothing to show.
fn is_known(kind: &str) -> bool {
    matches!(
        kind,
        "agent_message_chunk"
            | "agent_thought_chunk"
            | "user_message_chunk"
            | "tool_call"
            | "tool_call_update"
            | "plan"
            | "compaction_update"
            | "compaction_summary_chunk"
            | "notice"
            | "available_commands_update"
            | "current_mode_update"
            | "config_option_update"
            | "session_info_update"
    )
}

/// The tool use of the sub-agent it belongs to: claude-agent-acp 0.49.0 *(source)*.
fn parent(update: &Value) -> Option<String> {
    let parent = &update["_meta"]["claudeCode"]["parentToolUseId"];
    parent.as_str().map(Into::into)
}

fn notice(update: &Value) -> Vec<Output> {
    let title = update["title"].as_str().unwrap_or_default();
    let more = update["description"].as_str().unwrap_or_default();
    if !matches!(update["severity"].as_str(), Some("error" | "warning")) {
        return Vec::new();
    }
    let message = bounded::head(format!("{title} {more}").trim(), bounded::LINE);
    vec![activity(Activity::Error { message })]
}
