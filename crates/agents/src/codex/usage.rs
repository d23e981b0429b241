//! An attempt's own tokens out of Codex's counts, which are those of a whole thread, over all its
//! processes (measured for `thread/tokenUsage/updated` and for `exec`'s `turn.completed`).

use std::collections::BTreeMap;

use baton_core::activity::Usage;
use serde_json::Value;

use super::wire::count;
use crate::prices;

/// Tokens as Codex counts them: `input` holds the cached ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    input: u64,
    cached: u64,
    written: u64,
    output: u64,
    all: u64,
}

impl Tokens {
    /// A `TokenUsageBreakdown` of the app-server.
    pub fn of_app_server(value: &Value) -> Self {
        Self {
            input: count(value, "inputTokens"),
            cached: count(value, "cachedInputTokens"),
            written: count(value, "cacheWriteInputTokens"),
            output: count(value, "outputTokens"),
            all: count(value, "totalTokens"),
        }
    }

    /// The `usage` of `exec --json`.
    pub fn of_exec(value: &Value) -> Self {
        let input = count(value, "input_tokens");
        let output = count(value, "output_tokens");
        Self {
            input,
            cached: count(value, "cached_input_tokens"),
            written: count(value, "cache_write_input_tokens"),
            output,
            all: input.saturating_add(output),
        }
    }

    fn minus(self, before: Self) -> Self {
        Self {
            input: self.input.saturating_sub(before.input),
            cached: self.cached.saturating_sub(before.cached),
            written: self.written.saturating_sub(before.written),
            output: self.output.saturating_sub(before.output),
            all: self.all.saturating_sub(before.all),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            written: self.written.saturating_add(other.written),
            output: self.output.saturating_add(other.output),
            all: self.all.saturating_add(other.all),
        }
    }

    fn usage(self) -> Usage {
        let cached = self.cached.saturating_add(self.written);
        Usage {
            input: self.input.saturating_sub(cached),
            output: self.output,
            cache_read: self.cached,
            cache_write: self.written,
            ..Usage::default()
        }
    }
}

/// Sums an attempt's tokens over its thread and the threads of its sub-agents.
#[derive(Debug, Default)]
pub struct Meter {
    /// The model that prices are looked up for.
    pub model: Option<String>,
    threads: BTreeMap<String, (Tokens, Tokens)>,
    context: Option<u64>,
    said: Option<Usage>,
}

impl Meter {
    /// Nothing used yet.
    pub fn of(model: Option<String>) -> Self {
        Self {
            model,
            ..Self::default()
        }
    }

    /// A count of a thread. What was there before this attempt is what its first count has over its
    /// `last` request; a count of a turn that is not this attempt's (`ours`) is all from before.
    /// Gives the sums when they have changed.
    pub fn update(&mut self, thread: &str, main: bool, ours: bool, usage: &Value) -> Option<Usage> {
        let total = Tokens::of_app_server(usage.get("total").unwrap_or(&Value::Null));
        let last = Tokens::of_app_server(usage.get("last").unwrap_or(&Value::Null));
        if main {
            self.context = Some(last.all);
        }
        let before = if ours { total.minus(last) } else { total };
        let entry = self.threads.entry(thread.to_owned());
        let known = entry.or_insert((before, total));
        if !ours {
            known.0 = total;
        }
        known.1 = total;
        let sums = self.threads.values();
        let sum = sums.fold(Tokens::default(), |sum, (before, now)| {
            sum.plus(now.minus(*before))
        });
        let mut usage = priced(sum.usage(), self.model.as_deref());
        usage.context_used = self.context;
        if self.said.replace(usage) == Some(usage) {
            return None;
        }
        (usage.tokens() > 0).then_some(usage)
    }
}

/// The usage of one `exec` process, `before` being that of its thread's earlier attempts.
pub fn of_exec(usage: &Value, before: Option<Usage>, resumed: bool, model: Option<&str>) -> Usage {
    let mut now = Tokens::of_exec(usage).usage();
    if let Some(before) = before {
        now.input = now.input.saturating_sub(before.input);
        now.output = now.output.saturating_sub(before.output);
        now.cache_read = now.cache_read.saturating_sub(before.cache_read);
        now.cache_write = now.cache_write.saturating_sub(before.cache_write);
    }
    now.estimate = resumed && before.is_none();
    priced(now, model)
}

fn priced(mut usage: Usage, model: Option<&str>) -> Usage {
    usage.cost_usd = model.and_then(|model| prices::estimate(model, &usage));
    usage.estimate |= usage.cost_usd.is_some();
    usage
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn counts(total: (u64, u64), last: (u64, u64)) -> Value {
        let counts = |(input, output): (u64, u64)| json!({"inputTokens": input, "outputTokens": output, "cachedInputTokens": input / 2, "totalTokens": input + output});
        json!({"total": counts(total), "last": counts(last)})
    }

    #[test]
    fn what_a_resumed_thread_had_used_before_is_not_this_attempts() {
        let mut meter = Meter::default();
        assert_eq!(
            meter.update("t", true, false, &counts((900, 90), (100, 10))),
            None
        );
        let first = meter
            .update("t", true, true, &counts((1000, 100), (100, 10)))
            .expect("usage");
        assert_eq!((first.input, first.cache_read, first.output), (50, 50, 10));
        let second = meter
            .update("t", true, true, &counts((1200, 150), (200, 50)))
            .expect("usage");
        assert_eq!((second.tokens(), second.context_used), (360, Some(250)));
        assert_eq!(
            meter.update("t", true, true, &counts((1200, 150), (200, 50))),
            None
        );
    }

    #[test]
    fn sub_agents_are_part_of_the_sum() {
        let mut meter = Meter {
            model: Some("gpt-5.5".into()),
            ..Meter::default()
        };
        meter.update("t", true, true, &counts((100, 10), (100, 10)));
        let both = meter
            .update("child", false, true, &counts((40, 4), (40, 4)))
            .expect("usage");
        assert_eq!(
            (both.tokens(), both.context_used, both.estimate),
            (154, Some(110), true)
        );
        assert!(both.cost_usd.is_some_and(|cost| cost > 0.0));
    }

    #[test]
    fn exec_counts_on_after_a_resume() {
        let usage = json!({"input_tokens": 19201, "cached_input_tokens": 0, "output_tokens": 97});
        let before = Usage {
            input: 9558,
            output: 50,
            ..Usage::default()
        };
        let own = of_exec(&usage, Some(before), true, None);
        assert_eq!((own.input, own.output, own.estimate), (9643, 47, false));
        assert!(of_exec(&usage, None, true, None).estimate);
    }
}
