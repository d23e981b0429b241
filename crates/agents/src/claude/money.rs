//! Tokens and dollars of this attempt. Claude's `total_cost_usd` and `modelUsage` go on over the turns
//! of a process, and over `--resume` after a clean end; `usage` is the main agent's alone. So the sums
//! are made of `model_usage_since_last_result` (2.1.329, sub-agents included), and of differences where
//! it is missing (2.1.197). Between results, what the lines of the model's messages say is an estimate:
//! they come when a message begins, with its input complete and its output not. Never knows prices.

use std::collections::HashSet;

use baton_core::activity::Usage;
use serde_json::Value;

use super::wire::{count, list, text};

/// The sums so far.
#[derive(Debug, Default)]
pub(super) struct Money {
    /// What results have confirmed.
    sure: Usage,
    /// The messages since the last result, by their id.
    seen: HashSet<String>,
    /// What they have come to: a turn can have thousands, so they are not added up each time.
    live: Usage,
    /// `total_cost_usd` of the last result.
    last_total: Option<f64>,
    /// The session is older than this process: its first total holds older turns.
    resumed: bool,
}

impl Money {
    pub(super) fn new(resumed: bool) -> Self {
        Self {
            resumed,
            ..Self::default()
        }
    }

    /// A line of a message of the model: new sums when the message is new.
    pub(super) fn message(&mut self, line: &Value) -> Option<Usage> {
        let message = &line["message"];
        let id = text(message, "id");
        let usage = &message["usage"];
        if id.is_empty() || text(message, "model") == "<synthetic>" || !usage.is_object() {
            return None;
        }
        // Some four bytes a token, as the mock servers count.
        let blocks = list(&message["content"]);
        let length: usize = blocks.iter().map(length).sum();
        let output = u64::try_from(length / 4).unwrap_or(u64::MAX);
        if self.seen.contains(id) {
            self.live.output = self.live.output.saturating_add(output);
            return None;
        }
        let opening = tokens(usage);
        if line["parent_tool_use_id"].is_null() {
            let context = [opening.input, opening.cache_read, opening.cache_write];
            self.sure.context_used = Some(context.iter().fold(0, |sum, n| sum.saturating_add(*n)));
        }
        let usage = Usage {
            output: opening.output.max(output),
            ..opening
        };
        add(&mut self.live, &usage);
        self.seen.insert(id.to_owned());
        Some(self.sums())
    }

    /// A `result` line: the sums as they are now.
    pub(super) fn result(&mut self, line: &Value) -> Usage {
        let total = line["total_cost_usd"]
            .as_f64()
            .filter(|usd| usd.is_finite());
        let (turn, cost, guessed) = match line["model_usage_since_last_result"].as_object() {
            Some(models) => {
                let cost = models
                    .values()
                    .filter_map(|model| model["costUSD"].as_f64());
                (of_models(models.values()), Some(cost.sum()), false)
            }
            None => {
                let turn = tokens(&line["usage"]);
                let (cost, guessed) = self.difference(line, &turn, total);
                (turn, cost, guessed)
            }
        };
        self.last_total = total.or(self.last_total);
        self.seen.clear();
        self.live = Usage::default();
        add(&mut self.sure, &turn);
        if let Some(cost) = cost.filter(|cost: &f64| cost.is_finite()) {
            self.sure.cost_usd = Some(self.sure.cost_usd.unwrap_or_default() + cost.max(0.0));
        }
        self.sure.estimate |= guessed;
        self.sure
    }

    /// What a turn cost by the totals. Of a resumed session's first total its share by tokens, when
    /// older turns are in it.
    fn difference(&self, line: &Value, turn: &Usage, total: Option<f64>) -> (Option<f64>, bool) {
        let Some(total) = total else {
            return (None, false);
        };
        if let Some(last) = self.last_total {
            // It begins anew after `/clear`.
            let cost = if total < last { total } else { total - last };
            return (Some(cost), false);
        }
        let models = line["modelUsage"].as_object();
        let all = models.map(|models| of_models(models.values()).tokens());
        match all {
            Some(all) if self.resumed && all > turn.tokens() => {
                let share = turn.tokens() as f64 / all as f64;
                (Some(total * share), true)
            }
            _ => (Some(total), false),
        }
    }

    fn sums(&self) -> Usage {
        let mut sums = self.sure;
        add(&mut sums, &self.live);
        sums.estimate |= !self.seen.is_empty();
        sums
    }
}

fn length(block: &Value) -> usize {
    let texts = ["text", "thinking"].map(|key| text(block, key).len());
    let input = block
        .get("input")
        .map_or(0, |input| input.to_string().len());
    texts.iter().sum::<usize>() + input
}

fn add(sums: &mut Usage, more: &Usage) {
    sums.input = sums.input.saturating_add(more.input);
    sums.output = sums.output.saturating_add(more.output);
    sums.cache_read = sums.cache_read.saturating_add(more.cache_read);
    sums.cache_write = sums.cache_write.saturating_add(more.cache_write);
}

fn tokens(usage: &Value) -> Usage {
    Usage {
        input: count(usage, "input_tokens"),
        output: count(usage, "output_tokens"),
        cache_read: count(usage, "cache_read_input_tokens"),
        cache_write: count(usage, "cache_creation_input_tokens"),
        ..Usage::default()
    }
}

fn of_models<'a>(models: impl Iterator<Item = &'a Value>) -> Usage {
    let mut sums = Usage::default();
    for model in models {
        let usage = Usage {
            input: count(model, "inputTokens"),
            output: count(model, "outputTokens"),
            cache_read: count(model, "cacheReadInputTokens"),
            cache_write: count(model, "cacheCreationInputTokens"),
            ..Usage::default()
        };
        add(&mut sums, &usage);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn result(total: f64, input: u64, all: u64) -> Value {
        json!({"total_cost_usd": total, "usage": {"input_tokens": input},
            "modelUsage": {"m": {"inputTokens": all, "costUSD": total}}})
    }

    #[test]
    fn totals_of_older_versions_become_differences() {
        let mut money = Money::new(false);
        assert_eq!(money.result(&result(0.5, 100, 100)).cost_usd, Some(0.5));
        let second = money.result(&result(0.75, 50, 150));
        assert_eq!((second.input, second.cost_usd), (150, Some(0.75)));
        assert!(!second.estimate);
        let mut money = Money::new(true);
        let resumed = money.result(&result(1.0, 25, 100));
        assert_eq!(resumed.cost_usd, Some(0.25));
        assert!(resumed.estimate);
    }

    #[test]
    fn a_message_of_many_lines_is_counted_once() {
        let mut money = Money::new(false);
        let line = json!({"parent_tool_use_id": null, "message": {"id": "m", "model": "x",
            "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1},
            "content": [{"type": "text", "text": "x".repeat(40)}]}});
        let first = money.message(&line).unwrap();
        assert_eq!((first.input, first.output, first.estimate), (10, 10, true));
        assert_eq!(first.context_used, Some(15));
        assert_eq!(money.message(&line), None);
        let sure = json!({"usage": {"input_tokens": 12}, "total_cost_usd": 0.1});
        let sure = money.result(&sure);
        assert_eq!((sure.input, sure.output, sure.estimate), (12, 0, false));
    }
}
