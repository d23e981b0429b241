//! What an agent's errors mean: a code or HTTP status and words, to a named failure.

use crate::outcome::{Failure, FailureKind};

/// A failure of the model's service, from what is known of it. The words are those of Gemini CLI
/// 0.61.0, Claude Code 2.1.329 and Codex 0.169.0, which put the service's own words into theirs.
pub(crate) fn of_service(status: Option<u16>, words: &str) -> Failure {
    let status = status.or_else(|| status_in(words));
    let text = words.to_lowercase();
    let says = |any: &[&str]| any.iter().any(|part| text.contains(part));
    let kind = if says(BAD_KEY) {
        FailureKind::BadKey
    } else if says(NO_CREDIT) {
        FailureKind::NoCredit
    } else if says(USAGE_LIMIT) {
        FailureKind::UsageLimit { resets_at: None }
    } else if says(CONTEXT_FULL) {
        FailureKind::ContextFull
    } else if text.contains("model") && says(UNKNOWN) {
        FailureKind::UnknownModel
    } else {
        match status {
            Some(401 | 403) => FailureKind::BadKey,
            Some(402) => FailureKind::NoCredit,
            Some(404) => FailureKind::UnknownModel,
            status => FailureKind::Api { status },
        }
    };
    Failure::new(kind, words)
}

const BAD_KEY: &[&str] = &[
    "api key not valid",
    "api_key_invalid",
    "invalid api key",
    "invalid x-api-key",
    "incorrect api key",
    "authentication_error",
];
const NO_CREDIT: &[&str] = &["credit balance", "insufficient_quota", "billing_error"];
/// `perday` is part of the quota ids of Google's services (`GenerateRequestsPerDay…`).
const USAGE_LIMIT: &[&str] = &[
    "daily quota",
    "perday",
    "usage limit",
    "usagelimitexceeded",
    "quota will reset",
    "exhausted your capacity",
];
const CONTEXT_FULL: &[&str] = &[
    "prompt is too long",
    "context window",
    "context_length_exceeded",
    "input token count",
];
const UNKNOWN: &[&str] = &[
    "not found",
    "not_found",
    "does not exist",
    "is not supported",
];

/// The HTTP status in an error's words: `"code":403`, `API Error: 500`, `status 429`.
fn status_in(words: &str) -> Option<u16> {
    ["\"code\":", "API Error: ", "status code ", "status "]
        .iter()
        .flat_map(|before| words.split(before).skip(1))
        .filter_map(|after| {
            let digits = after.trim_start();
            let end = digits.find(|c: char| !c.is_ascii_digit());
            digits[..end.unwrap_or(digits.len())].parse().ok()
        })
        .find(|status| (400..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_statuses_have_names() {
        let kind = |status, words| of_service(status, words).kind;
        let gemini = r#"[API Error: {"error":{"code":403,"message":"Permission denied"}}]"#;
        assert_eq!(kind(None, gemini), FailureKind::BadKey);
        assert_eq!(kind(Some(429), "x"), FailureKind::Api { status: Some(429) });
        assert_eq!(
            kind(
                Some(429),
                "You have exhausted your daily quota on this model."
            ),
            FailureKind::UsageLimit { resets_at: None }
        );
        assert_eq!(kind(None, "API key not valid."), FailureKind::BadKey);
        assert_eq!(
            kind(None, "API Error: 529 {}"),
            FailureKind::Api { status: Some(529) }
        );
        assert_eq!(kind(None, "lost"), FailureKind::Api { status: None });
        assert_eq!(
            kind(None, "models/x is not found"),
            FailureKind::UnknownModel
        );
    }
}
