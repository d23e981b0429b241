//! What a fake Codex does in a turn: the directives of what it was told, one after another, as the
//! items and requests of the real one.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Server, Stop};
use crate::flood::Flood;
use crate::{Act, acts, told};

/// How often it looks whether what it waits for is there.
pub const LOOK: Duration = Duration::from_millis(10);

/// Todos, as the plan's steps.
#[derive(Debug, Default)]
struct Plan(Vec<(String, &'static str)>);

impl Server {
    /// Does what the text says, and what is added meanwhile.
    pub fn act_out(&mut self, text: &str) -> Result<(), Stop> {
        let mut plan = Plan::default();
        let mut said = false;
        let mut answer = None;
        let mut todo: VecDeque<Act> = told(&self.session.said, text).into();
        loop {
            self.listen(Duration::from_millis(1))?;
            todo.extend(self.steered.drain(..).flat_map(|words| acts(&words)));
            let Some(act) = todo.pop_front() else { break };
            match act {
                Act::Answer(text) => answer = Some(text),
                act => {
                    said |= matches!(
                        act,
                        Act::Say(_) | Act::Big(_) | Act::Flood(..) | Act::Choose(..)
                    );
                    self.act(act, &mut plan)?;
                }
            }
        }
        match answer {
            Some(text) => self.message(&text, Some("final_answer")),
            None if !said => self.message("Done.", None),
            None => {}
        }
        Ok(())
    }

    fn act(&mut self, act: Act, plan: &mut Plan) -> Result<(), Stop> {
        match act {
            Act::Say(text) | Act::Answer(text) => self.message(&text, None),
            Act::Big(bytes) => self.message(&"big text ".repeat(bytes / 9 + 1)[..bytes], None),
            Act::Think(text) => {
                let id = self.id("rs");
                self.item(json!({"type": "reasoning", "id": id, "summary": [text], "content": []}));
            }
            Act::Todo(items) => {
                plan.0 = items.into_iter().map(|item| (item, "pending")).collect();
                self.plan(plan);
            }
            Act::Doing(n) => self.step(plan, n, "inProgress"),
            Act::Done(n) => self.step(plan, n, "completed"),
            Act::Read(path) => self.read(&path),
            Act::Write(path, text) => self.write_file(&path, &text)?,
            Act::Run(command) => self.run(&command)?,
            Act::Choose(question, options) => self.choose(&question, &options)?,
            // Codex puts a plan forward as an item; it asks for no approval.
            Act::Plan(text) => {
                let id = self.id("plan");
                self.item(json!({"type": "plan", "id": id, "text": text}));
            }
            Act::Wait(path) => {
                while !Path::new(&path).exists() {
                    self.listen(LOOK)?;
                }
            }
            Act::Limit(seconds) => self.limit(seconds)?,
            Act::Retry(status) => self.retry(status)?,
            Act::Fail(kind) => return Err(Stop::Failed(failure(&kind))),
            Act::Crash => return Err(Stop::End),
            Act::Once(path, act) => {
                if !Path::new(&path).exists() {
                    let _ = std::fs::write(&path, "");
                    self.act(*act, plan)?;
                }
            }
            Act::Garble => {
                print!("{{\"method\":\"item/agentMessage/delta\",\"params\":{{\"del");
                let _ = std::io::Write::flush(&mut std::io::stdout());
                return Err(Stop::End);
            }
            Act::Flood(lines, per_second) => {
                let mut flood = Flood::new(lines, per_second);
                while let Some(wait) = flood.due() {
                    self.listen(wait)?;
                    self.message(&flood.line(), None);
                }
            }
            Act::Spend(input, output, _) => self.spend(input, output),
            Act::Subagent(text) => self.subagent(&text),
            Act::Mcp(..) | Act::Again => {}
        }
        Ok(())
    }

    pub fn tell_item(&mut self, method: &str, item: &Value) {
        let params = json!({"item": item, "threadId": self.thread, "turnId": self.turn});
        self.tell(method, params);
    }

    fn item(&mut self, item: Value) {
        self.tell_item("item/started", &item);
        self.tell_item("item/completed", &item);
    }

    pub fn message(&mut self, text: &str, phase: Option<&str>) {
        let id = self.id("msg");
        let message =
            |text: &str| json!({"type": "agentMessage", "id": id, "text": text, "phase": phase});
        self.tell_item("item/started", &message(""));
        let delta =
            json!({"threadId": self.thread, "turnId": self.turn, "itemId": id, "delta": text});
        self.tell("item/agentMessage/delta", delta);
        self.tell_item("item/completed", &message(text));
    }

    /// Without `tools.update_plan={enabled=true}` the real one has no plans.
    fn plan(&mut self, plan: &Plan) {
        if self.plans {
            let steps: Vec<Value> = plan
                .0
                .iter()
                .map(|(step, status)| json!({"step": step, "status": status}))
                .collect();
            let params = json!({"threadId": self.thread, "turnId": self.turn, "explanation": null, "plan": steps});
            self.tell("turn/plan/updated", params);
        }
    }

    fn step(&mut self, plan: &mut Plan, n: usize, status: &'static str) {
        if let Some(step) = n.checked_sub(1).and_then(|at| plan.0.get_mut(at)) {
            step.1 = status;
        }
        self.plan(plan);
    }

    fn limit(&mut self, seconds: u64) -> Result<(), Stop> {
        let name = format!("limit {seconds}");
        if self.session.met.contains(&name) {
            return Ok(());
        }
        self.session.met.push(name);
        let window =
            json!({"usedPercent": 100, "windowDurationMins": 300, "resetsAt": now() + seconds});
        self.tell("account/rateLimits/updated", json!({"rateLimits": {"limitId": "codex", "primary": window, "secondary": null, "rateLimitReachedType": null}}));
        Err(Stop::Failed(failure("limit")))
    }

    /// The real one gives up after the fifth try; this one stays at it.
    fn retry(&mut self, status: u16) -> Result<(), Stop> {
        for attempt in 1_u32.. {
            let error = json!({"message": format!("Reconnecting... {}/5", attempt.min(5)), "codexErrorInfo": {"responseStreamDisconnected": {"httpStatusCode": status}},
                "additionalDetails": format!("unexpected status {status}: fake"), "misalignment": null});
            self.tell("error", json!({"error": error, "willRetry": true, "threadId": self.thread, "turnId": self.turn}));
            for _ in 0..20 {
                self.listen(LOOK)?;
            }
        }
        Ok(())
    }

    fn spend(&mut self, input: u64, output: u64) {
        self.session.tokens.0 += input;
        self.session.tokens.1 += output;
        let counts = |input: u64, output: u64| {
            json!({"totalTokens": input + output, "inputTokens": input, "cachedInputTokens": 0,
            "cacheWriteInputTokens": 0, "outputTokens": output, "reasoningOutputTokens": 0})
        };
        let usage = json!({"total": counts(self.session.tokens.0, self.session.tokens.1), "last": counts(input, output), "modelContextWindow": 258_400});
        self.tell(
            "thread/tokenUsage/updated",
            json!({"threadId": self.thread, "turnId": self.turn, "tokenUsage": usage}),
        );
    }

    fn subagent(&mut self, text: &str) {
        let id = self.id("call");
        let child = self.id("child");
        let item = |status: &str| {
            json!({"type": "collabAgentToolCall", "id": id, "tool": "spawnAgent", "status": status,
            "senderThreadId": self.thread, "receiverThreadIds": [child], "prompt": text, "agentsStates": {}})
        };
        let (begun, done) = (item("inProgress"), item("completed"));
        self.tell_item("item/started", &begun);
        let message =
            json!({"type": "agentMessage", "id": self.id("msg"), "text": text, "phase": null});
        self.tell(
            "item/completed",
            json!({"item": message, "threadId": child, "turnId": "child-turn"}),
        );
        self.tell_item("item/completed", &done);
    }
}

/// The real one's words and names for its failures.
fn failure(kind: &str) -> Value {
    let (message, info) = match kind {
        "login" => (
            "Missing environment variable: `OPENAI_API_KEY`.",
            json!("other"),
        ),
        "key" => (
            "unexpected status 401 Unauthorized: Incorrect API key provided: fake.",
            json!({"httpConnectionFailed": {"httpStatusCode": 401}}),
        ),
        "credit" => (
            "Quota exceeded. Check your plan and billing details.",
            json!("usageLimitExceeded"),
        ),
        "limit" => (
            "You’ve hit your usage limit. Upgrade to Pro or try again later.",
            json!("usageLimitExceeded"),
        ),
        "model" => (
            "The requested model does not exist.",
            json!("modelNotFound"),
        ),
        "context" => (
            "Codex ran out of room in the model's context window. Start a new thread or clear earlier history before retrying.",
            json!("contextWindowExceeded"),
        ),
        "refused" => (
            "Incomplete response returned, reason: content_filter",
            json!("other"),
        ),
        "api" => (
            "exceeded retry limit, last status: 500 Internal Server Error",
            json!({"responseTooManyFailedAttempts": {"httpStatusCode": 500}}),
        ),
        other => {
            return json!({"message": format!("failed as asked: {other}"), "codexErrorInfo": "other", "additionalDetails": null, "misalignment": null});
        }
    };
    json!({"message": message, "codexErrorInfo": info, "additionalDetails": null, "misalignment": null})
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a limit is reset at a time of day, and a fake has no host to ask"
)]
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
