//! How it stands with Codex's usage limits: `account/rateLimits/updated` (0.169.0), which comes after
//! each request, and right before the error of a limit that was reached (measured).

use baton_core::activity::Activity;
use baton_core::time::Timestamp;
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Window {
    used: f64,
    resets_at: Option<Timestamp>,
}

/// The last known state of both windows. Updates are sparse: what they leave out stays.
#[derive(Debug, Default)]
pub struct Limits {
    primary: Option<Window>,
    secondary: Option<Window>,
    credits_gone: bool,
}

impl Limits {
    /// Takes an update; gives what has changed.
    pub fn update(&mut self, params: &Value) -> Vec<Activity> {
        let Some(limits) = params.get("rateLimits") else {
            return Vec::new();
        };
        if let Some(reached) = super::wire::str(limits, "rateLimitReachedType") {
            self.credits_gone = reached.ends_with("credits_depleted");
        }
        let mut changed = Vec::new();
        for (name, known) in [
            ("primary", &mut self.primary),
            ("secondary", &mut self.secondary),
        ] {
            let Some(window) = limits.get(name).and_then(window) else {
                continue;
            };
            if known.replace(window) == Some(window) {
                continue;
            }
            changed.push(Activity::RateLimit {
                rejected: false,
                resets_at: window.resets_at,
                window: Some(name.into()),
                used: Some(window.used),
            });
        }
        changed
    }

    /// When a limit that was reached is reset: the latest reset of the windows that are used up, else
    /// of the one used most.
    pub fn resets_at(&self) -> Option<Timestamp> {
        let windows = || [self.primary, self.secondary].into_iter().flatten();
        let full = windows().filter(|window| window.used >= 1.0);
        let latest = full.filter_map(|window| window.resets_at).max();
        let most = || {
            windows()
                .max_by(|a, b| a.used.total_cmp(&b.used))?
                .resets_at
        };
        latest.or_else(most)
    }

    /// The workspace has no credits left: no reset helps.
    pub fn credits_gone(&self) -> bool {
        self.credits_gone
    }
}

/// `{usedPercent, windowDurationMins, resetsAt}`, the reset in seconds since 1970.
fn window(value: &Value) -> Option<Window> {
    let used = value.get("usedPercent").and_then(Value::as_f64)? / 100.0;
    let seconds = value.get("resetsAt").and_then(Value::as_u64);
    let resets_at = seconds.map(|s| Timestamp::from_millis(s.saturating_mul(1000)));
    Some(Window { used, resets_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_reset_is_that_of_the_window_that_is_used_up() {
        let mut limits = Limits::default();
        let window = |used: u32, at: u64| json!({"usedPercent": used, "windowDurationMins": 300, "resetsAt": at});
        let both = json!({"rateLimits": {"primary": window(100, 10), "secondary": window(40, 99)}});
        assert_eq!(limits.update(&both).len(), 2);
        assert_eq!(limits.update(&both).len(), 0);
        assert_eq!(limits.resets_at(), Some(Timestamp::from_millis(10_000)));
        limits.update(&json!({"rateLimits": {"primary": null, "secondary": window(100, 99)}}));
        assert_eq!(limits.resets_at(), Some(Timestamp::from_millis(99_000)));
        assert_eq!(Limits::default().resets_at(), None);
    }
}
