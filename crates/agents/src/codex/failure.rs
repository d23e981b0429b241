//! Codex's errors as named failures. The app-server says `codexErrorInfo` and often the HTTP status;
//! `exec` says words only, so the words are read as a last resort (0.169.0; each sample in the tests
//! was seen in a recording, unless marked).

use serde_json::Value;

use super::bounds::{WORDS, cut};
use super::limits::Limits;
use super::wire::str;
use crate::outcome::{Failure, FailureKind};

/// A `TurnError {message, codexErrorInfo, additionalDetails}` of the app-server.
pub fn of_turn(error: &Value, limits: &Limits) -> Failure {
    let message = words(str(error, "message").unwrap_or("Codex failed and did not say why"));
    let info = error.get("codexErrorInfo").unwrap_or(&Value::Null);
    let kind = match name(info) {
        "contextWindowExceeded" => FailureKind::ContextFull,
        // "Quota exceeded" of an API key comes under the same name as a limit that is reset.
        "usageLimitExceeded" if limits.credits_gone() => FailureKind::NoCredit,
        "usageLimitExceeded" => match of_words(&message, limits) {
            FailureKind::NoCredit => FailureKind::NoCredit,
            _ => FailureKind::UsageLimit {
                resets_at: limits.resets_at(),
            },
        },
        "sessionBudgetExceeded" => FailureKind::Budget,
        "rateLimitExceeded" => FailureKind::Api { status: Some(429) },
        "modelNotFound" => FailureKind::UnknownModel,
        "unauthorized" => match of_words(&message, limits) {
            FailureKind::NotLoggedIn => FailureKind::NotLoggedIn,
            _ => FailureKind::BadKey,
        },
        "cyberPolicy" | "misalignmentPolicyViolation" | "inferenceHookDenied" => {
            FailureKind::Refused
        }
        "serverOverloaded"
        | "internalServerError"
        | "flexUnavailable"
        | "policyCapacityUnavailable" => FailureKind::Api { status: None },
        _ => match (status(info), of_words(&message, limits)) {
            (Some(status), FailureKind::Other | FailureKind::Api { .. }) => of_status(status),
            (_, kind) => kind,
        },
    };
    named(kind, message)
}

/// The failure, with what would be right where the words do not say it.
pub fn named(kind: FailureKind, message: String) -> Failure {
    let right = match kind {
        FailureKind::NotLoggedIn => "run `codex login`, or set the key of its model provider",
        FailureKind::BadKey => {
            "the key or login was refused: run `codex login`, or set another key"
        }
        FailureKind::NoCredit => "the account has no credit left",
        FailureKind::SessionLost => "its session is gone: start a new one",
        FailureKind::SessionInUse => "another Codex works in this session: end it first",
        _ => return Failure::new(kind, message),
    };
    Failure::new(kind, format!("{message} ({right})"))
}

/// A JSON-RPC error on opening a thread or beginning a turn, or the words of `exec`.
pub fn of_text(message: &str, limits: &Limits) -> Failure {
    let message = words(message);
    named(of_words(&message, limits), message)
}

/// The HTTP status within a `codexErrorInfo`.
pub fn status(info: &Value) -> Option<u16> {
    let inner = info.as_object()?.values().next()?;
    let status = inner.get("httpStatusCode").and_then(Value::as_u64)?;
    u16::try_from(status).ok()
}

/// The HTTP status in an error's words.
pub fn status_in(text: &str) -> Option<u16> {
    let after = ["unexpected status ", "last status: "]
        .iter()
        .find_map(|start| text.split(start).nth(1))?;
    after
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// `Reconnecting... 2/5 (why)`: the try, how many there are, and why when it says so.
pub fn reconnecting(text: &str) -> Option<(u32, Option<u32>, Option<&str>)> {
    let rest = text.strip_prefix("Reconnecting... ")?;
    let (tries, why) = rest.split_once(' ').unwrap_or((rest, ""));
    let (attempt, max) = tries.split_once('/').unwrap_or((tries, ""));
    let why = why
        .trim()
        .strip_prefix('(')
        .map(|why| why.strip_suffix(')').unwrap_or(why));
    Some((attempt.parse().ok()?, max.parse().ok(), why))
}

/// An enum of Codex: its name, or the one key of its object.
fn name(info: &Value) -> &str {
    match info {
        Value::String(name) => name,
        Value::Object(map) => map.keys().next().map_or("", String::as_str),
        _ => "",
    }
}

fn of_status(status: u16) -> FailureKind {
    match status {
        401 | 403 => FailureKind::BadKey,
        402 => FailureKind::NoCredit,
        _ => FailureKind::Api {
            status: Some(status),
        },
    }
}

fn of_words(text: &str, limits: &Limits) -> FailureKind {
    let lower = text.to_lowercase();
    let any = |all: &[&str]| all.iter().any(|part| lower.contains(part));
    if any(&["no rollout found", "invalid session id", "thread not found"]) {
        FailureKind::SessionLost
    } else if any(&["already has an active writer"]) {
        FailureKind::SessionInUse
    } else if any(&["not inside a trusted directory"]) {
        FailureKind::Directory
    } else if any(&[
        "missing environment variable",
        "missing bearer",
        "not logged in",
        "log in again",
        "sign in again",
    ]) {
        FailureKind::NotLoggedIn
    } else if any(&["context window", "context_length_exceeded"]) {
        FailureKind::ContextFull
    } else if any(&["quota exceeded", "out of credits", "insufficient_quota"]) {
        FailureKind::NoCredit
    } else if any(&["usage limit"]) {
        FailureKind::UsageLimit {
            resets_at: limits.resets_at(),
        }
    } else if any(&[
        "model_not_found",
        "model is not supported",
        "model does not exist",
        "requested model",
    ]) {
        FailureKind::UnknownModel
    } else if any(&["incomplete response returned", "content_filter"]) {
        FailureKind::Refused
    } else if let Some(status) = status_in(text) {
        of_status(status)
    } else if any(&[
        "stream disconnected",
        "high demand",
        "error sending request",
        "overloaded",
    ]) {
        FailureKind::Api { status: None }
    } else {
        FailureKind::Other
    }
}

/// The words within `{"error": {"message": …}}`, which is how a 400 comes, else the text; bounded.
fn words(message: &str) -> String {
    let json: Option<Value> = serde_json::from_str(message).ok();
    let inner = json
        .as_ref()
        .and_then(|json| str(json.get("error")?, "message"));
    cut(inner.unwrap_or(message), WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_name_the_failure() {
        let kind = |text: &str| of_text(text, &Limits::default()).kind;
        let status = |status| FailureKind::Api { status };
        assert_eq!(
            kind("unexpected status 401 Unauthorized: Incorrect API key provided: dummy., url: x"),
            FailureKind::BadKey
        );
        assert_eq!(
            kind("exceeded retry limit, last status: 429 Too Many Requests"),
            status(Some(429))
        );
        assert_eq!(
            kind("Missing environment variable: `MOCK_KEY`."),
            FailureKind::NotLoggedIn
        );
        assert_eq!(
            kind("Codex ran out of room in the model's context window. Start a new thread"),
            FailureKind::ContextFull
        );
        assert_eq!(
            kind("Quota exceeded. Check your plan and billing details."),
            FailureKind::NoCredit
        );
        assert_eq!(
            kind("You’ve hit your usage limit. Upgrade to Pro"),
            FailureKind::UsageLimit { resets_at: None }
        );
        assert_eq!(
            kind("Incomplete response returned, reason: max_output_tokens"),
            FailureKind::Refused
        );
        assert_eq!(
            kind("stream disconnected before completion: stream closed"),
            status(None)
        );
        assert_eq!(
            kind("no rollout found for thread id x"),
            FailureKind::SessionLost
        );
        assert_eq!(
            kind("thread x already has an active writer"),
            FailureKind::SessionInUse
        );
        assert_eq!(kind("?"), FailureKind::Other);
    }

    #[test]
    fn a_named_error_counts_before_its_words() {
        let of = |info: Value, message: &str| {
            of_turn(
                &json!({"message": message, "codexErrorInfo": info}),
                &Limits::default(),
            )
        };
        assert_eq!(
            of(json!("usageLimitExceeded"), "x").kind,
            FailureKind::UsageLimit { resets_at: None }
        );
        assert_eq!(
            of(json!("usageLimitExceeded"), "Quota exceeded. Check").kind,
            FailureKind::NoCredit
        );
        assert_eq!(
            of(
                json!({"httpConnectionFailed": {"httpStatusCode": 401}}),
                "x"
            )
            .kind,
            FailureKind::BadKey
        );
        assert_eq!(
            of(
                json!({"responseTooManyFailedAttempts": {"httpStatusCode": 500}}),
                "x"
            )
            .kind,
            FailureKind::Api { status: Some(500) }
        );
        assert_eq!(
            of(json!("modelNotFound"), "x").kind,
            FailureKind::UnknownModel
        );
        assert_eq!(
            of(
                json!("other"),
                r#"{"error": {"message": "Unsupported value"}}"#
            ),
            Failure::new(FailureKind::Other, "Unsupported value")
        );
        assert_eq!(
            of_turn(&Value::Null, &Limits::default()).kind,
            FailureKind::Other
        );
    }

    #[test]
    fn tries_are_read() {
        assert_eq!(
            reconnecting("Reconnecting... 2/5 (why (so))"),
            Some((2, Some(5), Some("why (so)")))
        );
        assert_eq!(
            reconnecting("Reconnecting... 3/5"),
            Some((3, Some(5), None))
        );
        assert_eq!(reconnecting("Reconnecting... x"), None);
    }
}
