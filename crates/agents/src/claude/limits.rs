//! Usage limits: `rate_limit_event` lines (`SDKRateLimitInfo`; measured with 2.1.329 and the headers
//! of a subscription), and, as a last resort, what a failed turn says. Never reads a clock.

use baton_core::activity::Activity;
use baton_core::time::Timestamp;
use serde_json::Value;

use super::text::{LINE, head};
use super::wire::text;

/// How it stands.
pub(super) struct Limit {
    pub(super) rejected: bool,
    pub(super) resets_at: Option<Timestamp>,
    window: String,
    used: Option<f64>,
}

impl Limit {
    /// From a `rate_limit_info`.
    pub(super) fn read(info: &Value) -> Self {
        let window = text(info, "rateLimitType");
        let known = &info["unifiedWindows"][window];
        let used = info["utilization"].as_f64();
        // Beyond its limit a session may go on at a price.
        let paid = info["isUsingOverage"] == true;
        Self {
            rejected: info["status"] == "rejected" && !paid,
            resets_at: seconds(&info["resetsAt"]).or_else(|| seconds(&known["resetsAt"])),
            window: head(window, LINE),
            used: used.or_else(|| known["utilization"].as_f64()),
        }
    }

    pub(super) fn activity(&self) -> Activity {
        Activity::RateLimit {
            rejected: self.rejected,
            resets_at: self.resets_at,
            window: (!self.window.is_empty()).then(|| self.window.clone()),
            used: self.used,
        }
    }
}

/// Seconds since 1970, as a number.
fn seconds(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_u64().or_else(|| {
        let seconds = value.as_f64().filter(|seconds| *seconds >= 1.0)?;
        Some(seconds as u64)
    })?;
    Some(Timestamp::from_millis(seconds.saturating_mul(1000)))
}

/// Whether these words mean a usage limit, and when it is reset if they say so: "You've hit your
/// 5-hour limit · resets 10:26pm (UTC)" (2.1.329), "Claude AI usage limit reached|1795300000" (older).
pub(super) fn in_words(words: &str) -> Option<Option<Timestamp>> {
    if let Some((_, after)) = words.split_once("usage limit reached|") {
        let digits = after.split(|c: char| !c.is_ascii_digit()).next();
        let at = digits.and_then(|digits| digits.parse().ok());
        return Some(at.map(|seconds: u64| Timestamp::from_millis(seconds.saturating_mul(1000))));
    }
    let hit = words.contains("You've hit your") && words.contains("limit");
    (hit || words.contains("usage limit reached")).then_some(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_limit_beyond_which_one_pays_is_none() {
        let info = json!({"status": "rejected", "resetsAt": 1_795_300_000, "rateLimitType": "five_hour",
            "isUsingOverage": true, "unifiedWindows": {"five_hour": {"utilization": 1}}});
        let limit = Limit::read(&info);
        assert!(!limit.rejected);
        assert_eq!(limit.used, Some(1.0));
        assert_eq!(
            limit.resets_at,
            Some(Timestamp::from_millis(1_795_300_000_000))
        );
        assert!(Limit::read(&json!({"status": "rejected"})).rejected);
    }

    #[test]
    fn limits_are_known_by_their_words() {
        let at = Timestamp::from_millis(1_795_300_000_000);
        assert_eq!(
            in_words("Claude AI usage limit reached|1795300000"),
            Some(Some(at))
        );
        assert_eq!(
            in_words("You've hit your 5-hour limit · resets 10pm"),
            Some(None)
        );
        assert_eq!(in_words("API Error: Request rejected (429)"), None);
    }
}
