//! How the fake's turns end: `result` lines as recorded, and the failures of `@fail`, `@limit` and
//! `@retry`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::Fake;
use super::turn::Stop;
use crate::input::LOOK;

/// A start that failed: the zeroed result.
pub(super) fn startup_failure(error: &str, reason: Option<&str>) -> Value {
    let mut line = json!({
        "type": "result", "subtype": "error_during_execution", "is_error": true, "num_turns": 0,
        "stop_reason": null, "total_cost_usd": 0, "usage": {"input_tokens": 0, "output_tokens": 0},
        "modelUsage": {}, "permission_denials": [], "errors": [error], "result_index": 0,
    });
    if let Some(reason) = reason {
        line["startup_failure_reason"] = reason.into();
    }
    line
}

/// A failed turn.
#[derive(Debug)]
pub(super) struct Failure {
    subtype: &'static str,
    reason: &'static str,
    status: Option<u16>,
    error: &'static str,
    text: String,
}

impl Failure {
    pub(super) fn turns(most: u32) -> Self {
        Self {
            subtype: "error_max_turns",
            reason: "max_turns",
            status: None,
            error: "",
            text: format!("Reached maximum number of turns ({most})"),
        }
    }

    pub(super) fn budget(most: f64) -> Self {
        Self {
            subtype: "error_max_budget_usd",
            reason: "budget_exhausted",
            status: None,
            error: "",
            text: format!("Reached maximum budget (${most})"),
        }
    }

    fn api(status: impl Into<Option<u16>>, error: &'static str, text: &str) -> Self {
        Self {
            subtype: "success",
            reason: "api_error",
            status: status.into(),
            error,
            text: text.into(),
        }
    }

    /// `@fail KIND`.
    pub(super) fn of(kind: &str) -> Self {
        match kind {
            "login" => Self::api(
                None,
                "authentication_failed",
                "Not logged in · Please run /login",
            ),
            "key" => Self::api(
                401,
                "authentication_failed",
                "Invalid API key · Fix external API key",
            ),
            "credit" => Self::api(400, "billing_error", "Credit balance is too low"),
            "model" => Self::api(
                404,
                "model_not_found",
                "There's an issue with the selected model (nope). It may not exist or you may not \
                 have access to it. Run --model to pick a different model.",
            ),
            "context" => Self {
                reason: "prompt_too_long",
                ..Self::api(400, "invalid_request", "Prompt is too long")
            },
            "turns" => Self::turns(3),
            "refused" => Self {
                reason: "completed",
                ..Self::api(None, "", "I cannot do this.")
            },
            _ => Self::api(
                500,
                "server_error",
                "API Error: 500 Internal server error (fake).",
            ),
        }
    }
}

impl Fake {
    /// The `result` of a turn that ended well, or was displaced by a message.
    pub(super) fn succeed(&mut self, text: &str, reason: &str) {
        let mut line = self.result("success", false, reason);
        line["result"] = text.into();
        line["api_error_status"] = Value::Null;
        let structured = self.args.schema && reason == "completed";
        if let Some(value) = structured.then(|| serde_json::from_str::<Value>(text).ok()) {
            line["structured_output"] = value.unwrap_or_default();
            if line["structured_output"].is_null() {
                line.as_object_mut()
                    .map(|line| line.remove("structured_output"));
            }
        }
        self.wire.print(line);
    }

    pub(super) fn interrupted(&mut self) {
        let text = json!([{"type": "text", "text": "[Request interrupted by user]"}]);
        self.wire
            .print(json!({"type": "user", "parent_tool_use_id": null,
            "message": {"role": "user", "content": text}}));
        let mut line = self.result("error_during_execution", true, "aborted_tools");
        line["errors"] = json!(["[ede_diagnostic] result_type=user last_content_type=n/a"]);
        self.wire.print(line);
    }

    pub(super) fn fail(&mut self, failure: &Failure) {
        if failure.reason == "completed" {
            let mut line = self.result("success", false, "completed");
            line["stop_reason"] = "refusal".into();
            line["result"] = failure.text.as_str().into();
            self.wire.print(line);
            return;
        }
        if !failure.error.is_empty() {
            self.wire
                .api_error(failure.error, failure.status, &failure.text);
        }
        let mut line = self.result(failure.subtype, true, failure.reason);
        if failure.subtype == "success" {
            line["result"] = failure.text.as_str().into();
            line["api_error_status"] = failure.status.into();
        } else {
            line["errors"] = json!([failure.text]);
        }
        self.wire.print(line);
    }

    fn result(&mut self, subtype: &str, is_error: bool, reason: &str) -> Value {
        let (told, spent) = (self.told, self.spent);
        let (input, output, usd) = (spent.0 - told.0, spent.1 - told.1, spent.2 - told.2);
        self.session.tokens.0 += input;
        self.session.tokens.1 += output;
        self.session.usd += usd;
        self.told = spent;
        self.last_failed = is_error;
        let models = |input: u64, output: u64, usd: f64| {
            let used = json!({"inputTokens": input, "outputTokens": output,
                "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0, "costUSD": usd});
            json!({&self.wire.model: used})
        };
        let line = json!({
            "type": "result", "subtype": subtype, "is_error": is_error, "stop_reason": "end_turn",
            "terminal_reason": reason, "num_turns": self.calls, "duration_ms": 1,
            "total_cost_usd": self.session.usd,
            "usage": {"input_tokens": input, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0, "output_tokens": output},
            "modelUsage": models(self.session.tokens.0, self.session.tokens.1, self.session.usd),
            "model_usage_since_last_result": models(input, output, usd),
            "permission_denials": [], "queued_turn_count": self.queue.len(),
            "result_index": self.results,
        });
        self.results += 1;
        line
    }

    /// `@limit`: a subscription's usage limit, once a session.
    pub(super) fn limit(&mut self, seconds: u64) -> Result<(), Stop> {
        if self.session.met.iter().any(|met| met == "limit") {
            return Ok(());
        }
        self.session.met.push("limit".into());
        #[expect(
            clippy::disallowed_methods,
            reason = "the service's clock: a limit is reset at a time of day"
        )]
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let resets_at = now.map_or(0, |now| now.as_secs()) + seconds;
        self.wire
            .print(json!({"type": "rate_limit_event", "rate_limit_info": {
            "status": "rejected", "resetsAt": resets_at, "rateLimitType": "five_hour",
            "isUsingOverage": false}}));
        let text = "You've hit your 5-hour limit · resets later";
        Err(Stop::Failed(Failure::api(429, "rate_limit", text)))
    }

    /// `@retry`: as the real one, ten times, each time waiting longer.
    pub(super) fn retry(&mut self, status: u16) -> Result<(), Stop> {
        let error = match status {
            401 | 403 => "authentication_failed",
            429 => "rate_limit",
            529 => "overloaded",
            _ => "server_error",
        };
        for attempt in 1..=10_u32 {
            let wait = Duration::from_millis(50 << attempt);
            self.wire.print(
                json!({"type": "system", "subtype": "api_retry", "attempt": attempt,
                "max_retries": 10, "retry_delay_ms": u64::try_from(wait.as_millis()).unwrap_or(0),
                "error_status": status, "error": error}),
            );
            let mut waited = Duration::ZERO;
            while waited < wait {
                self.pause(LOOK)?;
                waited += LOOK;
            }
        }
        let text = format!("API Error: {status} (fake)");
        Err(Stop::Failed(Failure::api(status, error, &text)))
    }
}
