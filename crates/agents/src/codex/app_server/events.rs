//! What the app-server tells without being asked (the notifications of 0.169.0).

use baton_core::activity::Activity;
use serde_json::Value;

use super::super::bounds::{TITLE, WORDS, cut};
use super::super::said::{say, unknown};
use super::super::wire::{list, str};
use super::super::{failure, normalize, questions};
use super::AppServer;
use super::turns::Turning;
use crate::driver::Output;

/// Told elsewhere, or of no use to anybody who watches: deltas of what comes whole, the machine's
/// configuration, other surfaces of Codex. Sorted.
const KNOWN: &[&str] = &[
    "account/login/completed",
    "account/updated",
    "app/list/updated",
    "configWarning",
    "deprecationNotice",
    "hook/completed",
    "hook/started",
    "item/autoApprovalReview/completed",
    "item/autoApprovalReview/started",
    "item/commandExecution/outputDelta",
    "item/commandExecution/terminalInteraction",
    "item/fileChange/outputDelta",
    "item/fileChange/patchUpdated",
    "item/mcpToolCall/progress",
    "item/plan/delta",
    "item/reasoning/summaryPartAdded",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
    "remoteControl/status/changed",
    "skills/changed",
    "thread/compacted",
    "thread/environment/connected",
    "thread/environment/disconnected",
    "thread/goal/cleared",
    "thread/goal/updated",
    "thread/name/updated",
    "thread/readState/changed",
    "thread/settings/updated",
    "thread/started",
    "thread/status/changed",
    "turn/diff/updated",
    "turn/moderationMetadata",
];

/// Whether nothing is read of notifications of this method.
pub(super) fn says_nothing(method: &str) -> bool {
    KNOWN.binary_search(&method).is_ok()
}

impl AppServer {
    /// A notification.
    pub fn told(&mut self, method: &str, params: &Value, out: &mut Vec<Output>) {
        let thread = str(params, "threadId");
        // Threads of sub-agents tell on the same connection.
        let child =
            thread.filter(|thread| self.thread.as_deref().is_some_and(|own| own != *thread));
        let parent = child.map(|thread| {
            let parent = self.children.get(thread);
            parent.map_or_else(|| cut(thread, TITLE), Clone::clone)
        });
        let activity = |activity: Activity, out: &mut Vec<Output>| {
            out.push(Output::Activity {
                parent: parent.clone(),
                activity,
            });
        };
        match method {
            "item/started" | "item/completed" => {
                let item = params.get("item").unwrap_or(&Value::Null);
                let done = method == "item/completed";
                self.item(item, done, child.is_none(), out);
                if let Some(said) = normalize::item(item, done) {
                    activity(said, out);
                }
            }
            "item/agentMessage/delta" => {
                let text = str(params, "delta").unwrap_or("").to_owned();
                activity(Activity::MessageDelta { text }, out);
            }
            "turn/plan/updated" => activity(normalize::plan(params), out),
            "turn/started" | "turn/completed" if child.is_some() => {}
            "turn/started" => {
                let turn = params
                    .get("turn")
                    .and_then(|turn| str(turn, "id"))
                    .unwrap_or("");
                self.turn_started(turn, out);
            }
            "turn/completed" => {
                let turn = params.get("turn").unwrap_or(&Value::Null);
                self.completed(turn, out);
            }
            "thread/tokenUsage/updated" => self.tokens(params, thread, child.is_none(), out),
            "account/rateLimits/updated" => {
                for said in self.limits.update(params) {
                    say(said, out);
                }
            }
            "error" => activity(error(params), out),
            "serverRequest/resolved" => {
                let request = params.get("requestId").unwrap_or(&Value::Null);
                let question = questions::id(request);
                if self.questions.remove(&question).is_some() {
                    out.push(Output::Closed { question });
                }
            }
            "model/rerouted" => {
                if let (Some(model), Some(id)) = (str(params, "toModel"), self.thread.clone()) {
                    self.meter.model = Some(cut(model, TITLE));
                    say(self.session(&id), out);
                }
            }
            "warning" | "guardianWarning" => {
                let message = cut(
                    str(params, "message").unwrap_or("a warning without words"),
                    WORDS,
                );
                activity(Activity::Error { message }, out);
            }
            "mcpServer/startupStatus/updated" => {
                if str(params, "status") == Some("failed") {
                    let field = |key| cut(str(params, key).unwrap_or("?"), WORDS);
                    let message = format!(
                        "MCP server {} did not start: {}",
                        field("name"),
                        field("error")
                    );
                    activity(Activity::Error { message }, out);
                }
            }
            _ if says_nothing(method) => {}
            _ => unknown(method, out),
        }
    }

    /// What an item means to the session itself.
    fn item(&mut self, item: &Value, done: bool, own: bool, out: &mut Vec<Output>) {
        let id = str(item, "id").unwrap_or("");
        match str(item, "type").unwrap_or("") {
            "agentMessage" if done && own => {
                let last = str(item, "phase") == Some("final_answer");
                let text = str(item, "text").unwrap_or("");
                let better = last || !matches!(self.text, Some((_, true)));
                if better && !text.is_empty() {
                    self.text = Some((text.to_owned(), last));
                }
            }
            "userMessage" if done && own => self.taken(item, out),
            "fileChange" if done => drop(self.changes.remove(id)),
            "fileChange" => drop(self.changes.insert(id.to_owned(), item.clone())),
            "collabAgentToolCall" => {
                for thread in list(item, "receiverThreadIds")
                    .iter()
                    .filter_map(Value::as_str)
                {
                    self.children
                        .entry(thread.to_owned())
                        .or_insert_with(|| id.to_owned());
                }
            }
            "subAgentActivity" => {
                if let Some(thread) = str(item, "agentThreadId") {
                    self.children
                        .entry(thread.to_owned())
                        .or_insert_with(|| id.to_owned());
                }
            }
            _ => {}
        }
    }

    /// The model was given a person's words.
    fn taken(&mut self, item: &Value, out: &mut Vec<Output>) {
        let message = str(item, "clientId").and_then(|id| self.sent.remove(id));
        if let Some(message) = message {
            out.push(Output::Taken { message });
        }
    }

    fn turn_started(&mut self, turn: &str, out: &mut Vec<Output>) {
        if self.turning == Turning::Idle && self.said && !self.turns.contains(turn) {
            self.said = false;
            self.text = None;
            out.push(Output::Busy);
        }
        say(Activity::TurnStarted {}, out);
        self.began(turn, out);
    }

    fn tokens(&mut self, params: &Value, thread: Option<&str>, own: bool, out: &mut Vec<Output>) {
        let usage = params.get("tokenUsage").unwrap_or(&Value::Null);
        let turn = str(params, "turnId").unwrap_or("");
        let ours = !own || self.turns.contains(turn);
        if let Some(usage) = self.meter.update(thread.unwrap_or(""), own, ours, usage) {
            out.push(Output::Usage(usage));
        }
    }
}

/// `error {error, willRetry}`: what is not tried again ends the turn, which says so itself.
fn error(params: &Value) -> Activity {
    let error = params.get("error").unwrap_or(&Value::Null);
    let message = str(error, "message").unwrap_or("an error without words");
    let retried = params.get("willRetry").and_then(Value::as_bool) == Some(true);
    let tries = failure::reconnecting(message);
    if !retried && tries.is_none() {
        return Activity::Error {
            message: cut(message, WORDS),
        };
    }
    let (attempt, max, why) = tries.unwrap_or((1, None, None));
    let why = str(error, "additionalDetails").or(why).unwrap_or(message);
    let info = error.get("codexErrorInfo").unwrap_or(&Value::Null);
    Activity::ApiRetry {
        attempt,
        max,
        status: failure::status(info).or_else(|| failure::status_in(why)),
        message: cut(why, WORDS),
    }
}
