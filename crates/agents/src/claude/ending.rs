//! How a turn ended: from its `result` line, or, when there is none, from how the process ended.
//! `is_error` and `terminal_reason` decide, never the exit code or `subtype` alone: a refused key is
//! `subtype: success`, an interrupted process exits with 0 (2.1.329). Never decides to try again.

use baton_core::time::Timestamp;
use serde_json::Value;

use super::limits;
use super::text::{self, ITEM};
use super::wire::{list, text as field};
use crate::{Exit, Failure, FailureKind, Turn};

/// What the lines before a result told of it.
#[derive(Debug, Default)]
pub(super) struct Clues {
    /// `error` of the turn's last message that was an error of the service.
    pub(super) error: String,
    /// A usage limit was reached.
    pub(super) limited: Option<Option<Timestamp>>,
}

/// The turn of a `result` line.
pub(super) fn turn(line: &Value, clues: &Clues) -> Turn {
    let reason = field(line, "terminal_reason");
    // By `now` messages, SIGINT and the interrupt request; with `is_error` or without.
    if reason.starts_with("aborted") {
        return Turn::Interrupted;
    }
    if line["is_error"] == true {
        return Turn::Failed(failure(line, clues));
    }
    let answer = field(line, "result");
    match field(line, "stop_reason") {
        "refusal" => Turn::Failed(Failure::new(
            FailureKind::Refused,
            format!("the model refused to go on: {}", text::line(answer)),
        )),
        "max_tokens" => Turn::Failed(Failure::new(
            FailureKind::Refused,
            "the model's answer was cut off at its longest: ask for less at once",
        )),
        _ => Turn::Done {
            text: answer.to_owned(),
            structured: line.get("structured_output").cloned(),
        },
    }
}

/// In Claude's words, for people.
pub(super) fn reason(line: &Value) -> String {
    let words = ["terminal_reason", "subtype"].map(|key| field(line, key));
    let known = words.iter().find(|word| !word.is_empty());
    text::head(known.copied().unwrap_or("unknown"), ITEM)
}

fn failure(line: &Value, clues: &Clues) -> Failure {
    let errors: Vec<&str> = list(&line["errors"])
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let said = match field(line, "result") {
        "" => errors.join("\n"),
        result => result.to_owned(),
    };
    let status = line["api_error_status"].as_u64();
    let status = status.and_then(|status| u16::try_from(status).ok());
    let kind = kind(line, clues, status, &said);
    let said = text::head(&said, ITEM);
    let said = if said.is_empty() { reason(line) } else { said };
    Failure::new(kind.clone(), explained(&kind, &said))
}

fn kind(line: &Value, clues: &Clues, status: Option<u16>, said: &str) -> FailureKind {
    let by_reason = match field(line, "terminal_reason") {
        "max_turns" => Some(FailureKind::MaxTurns),
        "budget_exhausted" => Some(FailureKind::Budget),
        "prompt_too_long" | "blocking_limit" | "rapid_refill_breaker" => {
            Some(FailureKind::ContextFull)
        }
        _ => None,
    };
    let by_subtype = match field(line, "subtype") {
        "error_max_turns" => Some(FailureKind::MaxTurns),
        "error_max_budget_usd" => Some(FailureKind::Budget),
        _ => None,
    };
    let limited = clues
        .limited
        .filter(|_| status.is_none_or(|status| status == 429));
    let by_limit = match (limited, limits::in_words(said)) {
        (Some(resets_at), _) => Some(FailureKind::UsageLimit { resets_at }),
        (None, Some(resets_at)) => Some(FailureKind::UsageLimit { resets_at }),
        (None, None) if field(line, "api_error") == "usage_limit_reached" => {
            Some(FailureKind::UsageLimit { resets_at: None })
        }
        (None, None) => None,
    };
    by_reason
        .or(by_subtype)
        .or_else(|| startup(field(line, "startup_failure_reason")))
        .or(by_limit)
        .or_else(|| by_error(&clues.error, status, said))
        .or_else(|| in_words(said))
        .unwrap_or(match field(line, "terminal_reason") {
            "api_error" | "model_error" => FailureKind::Api { status },
            _ if status.is_some() => FailureKind::Api { status },
            _ => FailureKind::Other,
        })
}

/// `SDKAssistantMessageError` of 2.1.329, and the status.
fn by_error(error: &str, status: Option<u16>, said: &str) -> Option<FailureKind> {
    let kind = match (error, status) {
        ("billing_error", _) => FailureKind::NoCredit,
        ("model_not_found", _) => FailureKind::UnknownModel,
        ("authentication_failed", None) if said.contains("Not logged in") => {
            FailureKind::NotLoggedIn
        }
        (
            "authentication_failed"
            | "oauth_org_not_allowed"
            | "account_on_hold"
            | "verification_required"
            | "cloud_credential_error",
            _,
        )
        | (_, Some(401 | 403)) => FailureKind::BadKey,
        _ => return None,
    };
    Some(kind)
}

/// `SDKStartupFailureReason` of 2.1.329.
fn startup(reason: &str) -> Option<FailureKind> {
    let kind = match reason {
        "" => return None,
        "bypass_root" => FailureKind::Root,
        "session_held_by_background" => FailureKind::SessionInUse,
        "cwd_unavailable"
        | "temp_dir_unusable"
        | "worktree_resume_refused"
        | "worktree_unverified" => FailureKind::Directory,
        "gateway_signin_required" => FailureKind::NotLoggedIn,
        "org_verify_failed"
        | "org_pin_mismatch"
        | "org_config_refused"
        | "gateway_access_denied" => FailureKind::BadKey,
        _ => FailureKind::Other,
    };
    Some(kind)
}

/// What is only said in words, on standard error also.
fn in_words(said: &str) -> Option<FailureKind> {
    let has = |words: &str| said.contains(words);
    let kind = if has("No conversation found") {
        FailureKind::SessionLost
    } else if has("is already in use") {
        FailureKind::SessionInUse
    } else if has("root/sudo privileges") {
        FailureKind::Root
    } else if has("Not logged in") {
        FailureKind::NotLoggedIn
    } else if has("Invalid API key") || has("OAuth token has expired") || has("Please run /login") {
        FailureKind::BadKey
    } else if has("Credit balance is too low") {
        FailureKind::NoCredit
    } else if has("Prompt is too long") {
        FailureKind::ContextFull
    } else if has("issue with the selected model") {
        FailureKind::UnknownModel
    } else {
        return None;
    };
    Some(kind)
}

/// What happened, and what would be right.
fn explained(kind: &FailureKind, said: &str) -> String {
    let advice = match kind {
        FailureKind::NotLoggedIn => "run `claude` and `/login`, or set ANTHROPIC_API_KEY",
        FailureKind::BadKey => "log in again (`claude`, `/login`), or correct ANTHROPIC_API_KEY",
        FailureKind::NoCredit => "buy credit for the account of this key, or log in with another",
        FailureKind::UnknownModel => "name a model that this account has",
        FailureKind::ContextFull => "begin a new session, or ask for less at once",
        FailureKind::MaxTurns => "raise `max_turns`, or ask for less at once",
        FailureKind::Root => "run Baton as another user, or set IS_SANDBOX=1 in a container",
        FailureKind::SessionLost => "its directory or its transcript has changed: begin a new one",
        _ => return format!("Claude Code: {said}"),
    };
    format!("Claude Code: {said} ({advice})")
}

/// The failure of a key that is refused again and again (`system/api_retry`).
pub(super) fn bad_key(status: Option<u16>) -> Failure {
    let status = status.map_or("no".into(), |status| status.to_string());
    let said = format!("the service refuses the key or login (status {status})");
    Failure::new(FailureKind::BadKey, explained(&FailureKind::BadKey, &said))
}

/// The turn of a process that ended without a `result` line.
pub(super) fn without_result(exit: &Exit) -> Turn {
    let stderr = text::last_lines(&exit.stderr, 5);
    let known = in_words(&exit.stderr);
    if let Some(kind) = known {
        let message = explained(&kind, &stderr);
        return Turn::Failed(Failure::new(kind, message));
    }
    let how = match (exit.code, exit.signal) {
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        (Some(code), None) => format!("ended with exit code {code}"),
        (None, None) => "ended".to_owned(),
    };
    let mut message = format!("Claude Code {how} without a result");
    if !exit.rest.trim().is_empty() {
        message.push_str("; its last line breaks off");
    }
    if !stderr.is_empty() {
        message.push_str(&format!(": {stderr}"));
    }
    Turn::Failed(Failure::new(FailureKind::NoResult, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failed(line: &Value, clues: &Clues) -> FailureKind {
        match turn(line, clues) {
            Turn::Failed(failure) => failure.kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn failures_have_names() {
        let api = |status: u16, result: &str| {
            json!({"is_error": true, "subtype": "success", "terminal_reason": "api_error",
                "api_error_status": status, "result": result})
        };
        let none = Clues::default();
        let clue = |error: &str| Clues {
            error: error.into(),
            ..Clues::default()
        };
        let model = api(404, "There's an issue with the selected model (nope).");
        assert_eq!(
            failed(&model, &clue("model_not_found")),
            FailureKind::UnknownModel
        );
        assert_eq!(failed(&api(403, "x"), &none), FailureKind::BadKey);
        let overloaded = FailureKind::Api { status: Some(529) };
        assert_eq!(failed(&api(529, "Overloaded"), &none), overloaded);
        let limited = Clues {
            limited: Some(Some(Timestamp::from_millis(5))),
            ..Clues::default()
        };
        let resets_at = Some(Timestamp::from_millis(5));
        let limit = FailureKind::UsageLimit { resets_at };
        assert_eq!(failed(&api(429, "You've hit your limit"), &limited), limit);
        let root =
            json!({"is_error": true, "startup_failure_reason": "bypass_root", "errors": ["x"]});
        assert_eq!(failed(&root, &none), FailureKind::Root);
        let refused = json!({"is_error": false, "stop_reason": "refusal", "result": "no"});
        assert_eq!(failed(&refused, &none), FailureKind::Refused);
    }

    #[test]
    fn a_process_without_a_result_says_how_it_ended() {
        let exit = Exit {
            code: Some(0),
            rest: "{\"type\":".into(),
            stderr: "odd\n".into(),
            ..Exit::default()
        };
        let Turn::Failed(failure) = without_result(&exit) else {
            panic!("not failed");
        };
        assert_eq!(failure.kind, FailureKind::NoResult);
        assert_eq!(
            failure.message,
            "Claude Code ended with exit code 0 without a result; its last line breaks off: odd"
        );
        let in_use = Exit {
            code: Some(1),
            stderr: "Error: Session ID x is already in use.\n".into(),
            ..Exit::default()
        };
        assert!(
            matches!(without_result(&in_use), Turn::Failed(failure) if failure.kind == FailureKind::SessionInUse)
        );
    }
}
