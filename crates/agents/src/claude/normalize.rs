//! Claude's lines, one by one: to activities, and to what the session must know. The kinds of lines
//! are those of the recordings and of `SDKMessage` in `@anthropic-ai/claude-agent-sdk` 0.3.329. Never
//! writes to Claude, but to answer requests nobody here can meet.

use baton_core::activity::{Activity, ToolStatus};
use serde_json::Value;

use super::limits::Limit;
use super::text::{self, ITEM};
use super::wire::{self, content_text, list, text as field};
use super::{ClaudeDriver, activity, ending, options, tool_use, unknown, within};
use crate::{Output, Turn};

impl ClaudeDriver {
    /// A line that is a JSON object.
    pub(super) fn read(&mut self, line: &Value, out: &mut Vec<Output>) {
        match field(line, "type") {
            "system" => self.system(line, out),
            "assistant" => self.assistant(line, out),
            "user" => self.user(line, out),
            "result" => self.result(line, out),
            "stream_event" => delta(line, out),
            "rate_limit_event" => self.limit(&line["rate_limit_info"], out),
            "control_request" => self.request(line, out),
            "control_cancel_request" => {
                let question = field(line, "request_id").to_owned();
                if self.questions.cancel(&question) {
                    out.push(Output::Closed { question });
                }
            }
            "control_response" => {
                // Ours come back, too (`--replay-user-messages`).
                let response = &line["response"];
                if response["subtype"] == "error" {
                    let message = text::head(field(response, "error"), ITEM);
                    out.push(activity(Activity::Error { message }));
                }
            }
            "command_lifecycle" => self.lifecycle(line, out),
            "auth_status" if !field(line, "error").is_empty() => {
                let message = text::head(field(line, "error"), ITEM);
                out.push(activity(Activity::Error { message }));
            }
            "auth_status" | "keep_alive" | "tool_progress" | "tool_use_summary"
            | "prompt_suggestion" | "conversation_reset" | "active_goal" => {}
            "" => out.push(unknown("no type".into())),
            other => out.push(unknown(other.to_owned())),
        }
    }

    fn system(&mut self, line: &Value, out: &mut Vec<Output>) {
        match field(line, "subtype") {
            "init" => self.init(line, out),
            "api_retry" => self.retry(line, out),
            "permission_denied" => self.tools.deny(field(line, "tool_use_id")),
            "compact_boundary" => out.push(activity(Activity::Compaction {})),
            "informational" | "model_refusal_fallback" | "model_refusal_no_fallback" => {
                let quiet = matches!(field(line, "level"), "info" | "suggestion");
                let message = text::head(field(line, "content"), ITEM);
                if !quiet && !message.is_empty() {
                    out.push(activity(Activity::Error { message }));
                }
            }
            "local_command_output" => {
                let text = field(line, "content").to_owned();
                out.push(activity(Activity::Message { text }));
            }
            "session_writes_lost" => {
                let code = field(line, "error_code");
                let message = format!("Claude Code could not save the session: {code}");
                let message = text::head(&message, ITEM);
                out.push(activity(Activity::Error { message }));
            }
            "background_tasks_changed" => self.tasks(line),
            "task_notification" => {
                let change = self.tools.notified(line);
                out.extend(change.map(tool_use));
                self.stopped(line, out);
            }
            "status"
            | "task_started"
            | "task_progress"
            | "task_updated"
            | "thinking_tokens"
            | "ui_invalidate"
            | "session_state_changed"
            | "commands_changed"
            | "notification"
            | "files_persisted"
            | "hook_started"
            | "hook_progress"
            | "hook_response"
            | "plugin_install"
            | "memory_recall"
            | "mirror_error"
            | "elicitation_complete"
            | "control_request_progress"
            | "worker_shutting_down" => {}
            other => out.push(unknown(format!("system/{other}"))),
        }
    }

    /// `system/init` stands at the begin of every turn, also of those that begin by themselves.
    fn init(&mut self, line: &Value, out: &mut Vec<Output>) {
        self.wake(out);
        self.is_running = true;
        self.messages.turn_began();
        let (session, model) = (field(line, "session_id"), field(line, "model"));
        if !session.is_empty() && session != self.session {
            self.session = text::head(session, ITEM);
            out.push(Output::Session {
                id: self.session.clone(),
                transcript: options::transcript(line, session),
            });
            self.model.clear();
        }
        if !model.is_empty() && model != self.model {
            self.model = text::head(model, ITEM);
            let version = field(line, "claude_code_version");
            out.push(activity(Activity::Session {
                session: self.session.clone(),
                model: Some(self.model.clone()),
                version: (!version.is_empty()).then(|| text::head(version, ITEM)),
            }));
        }
        self.has_key = !matches!(field(line, "apiKeySource"), "" | "none");
        self.clues = ending::Clues::default();
        out.push(activity(Activity::TurnStarted {}));
    }

    /// A refused key is tried for three minutes (2.1.329): it is said at once. A login may be renewed
    /// at its first refusal; the second comes half a second later.
    fn retry(&mut self, line: &Value, out: &mut Vec<Output>) {
        let number = |key: &str| line[key].as_u64();
        let status = number("error_status").and_then(|status| u16::try_from(status).ok());
        let attempt = number("attempt").and_then(|attempt| u32::try_from(attempt).ok());
        let attempt = attempt.unwrap_or(1);
        out.push(activity(Activity::ApiRetry {
            attempt,
            max: number("max_retries").and_then(|max| u32::try_from(max).ok()),
            status,
            message: text::head(&field(line, "error").replace('_', " "), ITEM),
        }));
        let refused = matches!(status, Some(401 | 403));
        if refused && (self.has_key || attempt > 1) && !self.is_fatal {
            self.is_fatal = true;
            out.push(Output::Fatal(ending::bad_key(status)));
        }
    }

    /// The sub-agents at work in the background. Commands that run there may run for ever (a server),
    /// and keep no turn from its end.
    fn tasks(&mut self, line: &Value) {
        let working = list(&line["tasks"])
            .iter()
            .filter(|task| task["task_type"] == "local_agent" && task["ambient"] != true);
        let ids = working.map(|task| field(task, "task_id").to_owned());
        self.agents = ids.collect();
    }

    /// A sub-agent that was stopped need not be followed by a turn.
    fn stopped(&mut self, line: &Value, out: &mut Vec<Output>) {
        if field(line, "status") == "stopped" {
            self.agents.remove(field(line, "task_id"));
            self.release(out);
        }
    }

    /// One block of a message of the model, or an error of the service in its place.
    fn assistant(&mut self, line: &Value, out: &mut Vec<Output>) {
        self.wake(out);
        let parent = parent(line);
        if line["is_api_error_message"] == true || !field(line, "error").is_empty() {
            let message = text::head(&content_text(&line["message"]["content"]), ITEM);
            out.push(within(parent.clone(), Activity::Error { message }));
            if parent.is_none() {
                self.clues.error = text::head(field(line, "error"), ITEM);
                let info = &line["api_error_params"]["rate_limit_info"];
                if info.is_object() && self.clues.limited.is_none() {
                    self.limit(info, out);
                }
            }
            return;
        }
        for block in list(&line["message"]["content"]) {
            self.block(block, parent.clone(), out);
        }
        out.extend(self.money.message(line).map(Output::Usage));
    }

    fn block(&mut self, block: &Value, parent: Option<String>, out: &mut Vec<Output>) {
        let done = match field(block, "type") {
            "text" => {
                let text = field(block, "text").to_owned();
                (!text.is_empty()).then_some(Activity::Message { text })
            }
            "thinking" => {
                let text = field(block, "thinking").to_owned();
                (!text.is_empty()).then_some(Activity::Thinking { text })
            }
            "tool_use" | "server_tool_use" | "mcp_tool_use" => {
                let shown = self.tools.begin(block, parent.clone());
                Some(Activity::ToolUse(Box::new(shown)))
            }
            "redacted_thinking" | "fallback" => None,
            kind if kind.ends_with("_tool_result") => {
                out.extend(
                    self.tools
                        .result(block, &Value::Null)
                        .map(|(change, _)| tool_use(change)),
                );
                None
            }
            other => Some(Activity::Unknown {
                what: text::head(&format!("block/{other}"), text::LINE),
            }),
        };
        out.extend(done.map(|activity| within(parent, activity)));
    }

    /// Results of tools, our own messages come back, and what Claude says to its model.
    fn user(&mut self, line: &Value, out: &mut Vec<Output>) {
        let content = &line["message"]["content"];
        if line["isReplay"] == true {
            self.taken(field(line, "uuid"), &content_text(content), out);
            return;
        }
        let results = list(content).iter();
        for block in results.filter(|block| block["type"] == "tool_result") {
            let Some((change, open)) = self.tools.result(block, line) else {
                continue;
            };
            let (parent, went_well) = (change.0.clone(), change.1.status == ToolStatus::Success);
            let name = change.1.name.clone();
            out.push(tool_use(change));
            if went_well {
                let structured = &line["tool_use_result"];
                let items = self.todos.result(&name, &open.input, block, structured);
                out.extend(items.map(|items| within(parent, Activity::Todos { items })));
            }
        }
    }

    fn taken(&mut self, uuid: &str, text: &str, out: &mut Vec<Output>) {
        if let Some(message) = self.messages.taken(uuid, text) {
            out.push(Output::Taken { message });
            out.push(activity(Activity::Steered { message }));
        }
    }

    /// What becomes of a message with a uuid (2.1.329): `queued`, `started`, then `completed`,
    /// `cancelled` or `discarded`.
    fn lifecycle(&mut self, line: &Value, out: &mut Vec<Output>) {
        let uuid = field(line, "command_uuid");
        match field(line, "state") {
            "started" | "completed" => self.taken(uuid, "", out),
            "queued" => self.messages.queued(uuid),
            _ => {
                self.messages.dropped(uuid);
                self.release(out);
            }
        }
    }

    fn limit(&mut self, info: &Value, out: &mut Vec<Output>) {
        let limit = Limit::read(info);
        out.push(activity(limit.activity()));
        if limit.rejected {
            self.clues.limited = Some(limit.resets_at);
            let resets_at = limit.resets_at;
            out.push(Output::Limited { resets_at });
        }
    }

    fn request(&mut self, line: &Value, out: &mut Vec<Output>) {
        let request = &line["request"];
        let id = field(line, "request_id");
        match field(request, "subtype") {
            "can_use_tool" => {
                let tool = field(request, "tool_use_id");
                let called = self
                    .tools
                    .get(tool)
                    .map_or(&Value::Null, |open| &open.input);
                let Some(question) = self.questions.ask(line, called) else {
                    return;
                };
                self.wake(out);
                out.extend(self.tools.pause(tool, ToolStatus::Pending).map(tool_use));
                out.push(Output::Ask(question));
            }
            // A host that cannot show a dialog must not answer it (`SDKControlRequestUserDialogRequest`).
            "request_user_dialog" => {}
            kind => {
                out.push(unknown(format!("control_request/{kind}")));
                let error = "Baton does not do this";
                let refusal = wire::respond_error(format!("refusal-{id}"), id, error);
                out.extend((!id.is_empty()).then_some(refusal));
            }
        }
    }

    /// The end of a turn. It is held back when another follows by itself: when it was displaced by a
    /// `now` message (`aborted…`, though nobody interrupted), and when it did not fail, but a message
    /// waits or sub-agents work.
    fn result(&mut self, line: &Value, out: &mut Vec<Output>) {
        self.wake(out);
        self.is_running = false;
        let usage = self.money.result(line);
        out.push(Output::Usage(usage));
        self.close_questions(out);
        out.extend(self.tools.end_turn().into_iter().map(tool_use));
        let reason = ending::reason(line);
        let turn = ending::turn(line, &self.clues);
        if let Turn::Failed(failure) = &turn
            && let crate::FailureKind::UsageLimit { resets_at } = failure.kind
            && self.clues.limited.is_none()
        {
            out.push(Output::Limited { resets_at });
        }
        out.push(activity(Activity::TurnEnded { reason }));
        self.clues = ending::Clues::default();
        let waiting = self.messages.are_waiting();
        let goes_on = match &turn {
            Turn::Done { .. } => waiting || !self.agents.is_empty(),
            Turn::Interrupted => waiting,
            Turn::Failed(_) => false,
        };
        if goes_on && !self.is_interrupting {
            self.held = Some(turn);
        } else {
            self.end_turn(turn, out);
        }
    }
}

/// The use of a tool within which a line was said: a sub-agent's.
fn parent(line: &Value) -> Option<String> {
    let parent = field(line, "parent_tool_use_id");
    (!parent.is_empty()).then(|| text::head(parent, ITEM))
}

/// A piece of a text (`--include-partial-messages`).
fn delta(line: &Value, out: &mut Vec<Output>) {
    let piece = &line["event"]["delta"];
    let text = field(piece, "text");
    if piece["type"] == "text_delta" && !text.is_empty() {
        let text = text.to_owned();
        out.push(within(parent(line), Activity::MessageDelta { text }));
    }
}
