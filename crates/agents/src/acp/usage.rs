//! Tokens and money of a session: the sums of this attempt.

use baton_core::activity::Usage;
use serde_json::Value;

/// What was used so far.
#[derive(Debug, Default)]
pub(super) struct Spent {
    sums: Usage,
    /// What the session had cost before this attempt.
    before: f64,
    told: Usage,
}

impl Spent {
    /// A prompt's answer: `usage` (claude-agent-acp, codex-acp 2: of this prompt) or
    /// `_meta.quota.token_count` (Gemini CLI 0.61.0: of this prompt, the router's calls left out).
    pub(super) fn prompt_ended(&mut self, result: &Value) {
        let usage = &result["usage"];
        let quota = &result["_meta"]["quota"]["token_count"];
        let count = |names: [&Value; 2]| names.iter().find_map(|n| n.as_u64()).unwrap_or(0);
        let none = &Value::Null;
        let (usage, quota) = if usage.is_object() {
            (usage, none)
        } else {
            (none, quota)
        };
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        let sums = &mut self.sums;
        add(
            &mut sums.input,
            count([&usage["inputTokens"], &quota["input_tokens"]]),
        );
        add(
            &mut sums.output,
            count([&usage["outputTokens"], &quota["output_tokens"]]),
        );
        add(
            &mut sums.cache_read,
            count([&usage["cachedReadTokens"], none]),
        );
        add(
            &mut sums.cache_write,
            count([&usage["cachedWriteTokens"], none]),
        );
    }

    /// `usage_update`: the context's size, and what the session has cost.
    pub(super) fn update(&mut self, update: &Value, in_prompt: bool) {
        if let Some(used) = update["used"].as_u64() {
            self.sums.context_used = Some(used);
        }
        let cost = &update["cost"];
        let Some(amount) = cost["amount"]
            .as_f64()
            .filter(|_| cost["currency"] == "USD")
        else {
            return;
        };
        if in_prompt {
            self.sums.cost_usd = Some((amount - self.before).max(0.0));
        } else if self.sums.cost_usd.is_none() {
            self.before = amount;
        }
    }

    /// The sums, when they have changed since they were told.
    pub(super) fn news(&mut self) -> Option<Usage> {
        if self.told == self.sums {
            return None;
        }
        self.told = self.sums;
        Some(self.sums)
    }
}
