//! List prices of models, to estimate the cost of agents that name none. Estimates only: they know
//! nothing of subscriptions, discounts, long-context or priority tiers, and a price can change
//! tomorrow. A model that is not here has no cost.

use baton_core::activity::Usage;

/// US dollars per million tokens.
struct Price {
    /// Models whose name begins with this; the longest beginning counts.
    prefix: &'static str,
    input: f64,
    cached: f64,
    output: f64,
}

const fn price(prefix: &'static str, input: f64, cached: f64, output: f64) -> Price {
    Price {
        prefix,
        input,
        cached,
        output,
    }
}

/// Standard list prices as published by the vendors, collected 2026-11-21 from stored copies of
/// mid-2026 price pages (OpenAI: gpt-5.2 and later confirmed there, older ones and Gemini from the
/// vendors' earlier lists). `gpt-6` is in no list we could read, and is left out.
const PRICES: &[Price] = &[
    price("gpt-5", 1.25, 0.125, 10.0),
    price("gpt-5-mini", 0.25, 0.025, 2.0),
    price("gpt-5-nano", 0.05, 0.005, 0.4),
    price("gpt-5.1-codex-mini", 0.25, 0.025, 2.0),
    price("gpt-5.2", 1.75, 0.175, 14.0),
    price("gpt-5.3", 1.75, 0.175, 14.0),
    price("gpt-5.4", 2.5, 0.25, 15.0),
    price("gpt-5.4-mini", 0.75, 0.075, 4.5),
    price("gpt-5.4-nano", 0.2, 0.02, 1.25),
    price("gpt-5.5", 5.0, 0.5, 30.0),
    price("gpt-5.6-sol", 5.0, 0.5, 30.0),
    price("gpt-5.6-terra", 2.5, 0.25, 15.0),
    price("gpt-5.6-luna", 1.0, 0.1, 6.0),
    price("gemini-2.5-pro", 1.25, 0.125, 10.0),
    price("gemini-2.5-flash", 0.3, 0.03, 2.5),
    price("gemini-2.5-flash-lite", 0.1, 0.01, 0.4),
    price("gemini-3-pro", 2.0, 0.2, 12.0),
    price("gemini-3.1-pro", 2.0, 0.2, 12.0),
    price("gemini-3-flash", 0.5, 0.05, 3.0),
];

/// Beginnings of models that cost something else than the shorter beginning above says.
const UNKNOWN: &[&str] = &[
    "gpt-5-pro",
    "gpt-5.2-pro",
    "gpt-5.3-codex-spark",
    "gpt-5.4-pro",
    "gpt-5.5-pro",
    "gpt-5.6",
    "gpt-5.7",
    "gpt-5.8",
    "gpt-5.9",
];

/// What these tokens cost by list price, in US dollars: an estimate. Cache writes are counted as
/// input. `None` for a model without a known price.
#[must_use]
pub fn estimate(model: &str, usage: &Usage) -> Option<f64> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let known = PRICES
        .iter()
        .filter(|price| name.starts_with(price.prefix))
        .max_by_key(|price| price.prefix.len())?;
    let better = |other: &&&str| name.starts_with(**other) && other.len() > known.prefix.len();
    if UNKNOWN.iter().any(|other| better(&other)) {
        return None;
    }
    #[allow(clippy::cast_precision_loss)]
    let cost = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
    let input = usage.input.saturating_add(usage.cache_write);
    Some(
        cost(input, known.input)
            + cost(usage.cache_read, known.cached)
            + cost(usage.output, known.output),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn million(model: &str) -> Option<f64> {
        let usage = Usage {
            input: 1_000_000,
            cache_read: 1_000_000,
            output: 1_000_000,
            ..Usage::default()
        };
        estimate(model, &usage)
    }

    #[test]
    fn the_longest_beginning_of_a_model_names_its_price() {
        assert_eq!(million("gpt-5.5"), Some(35.5));
        assert_eq!(million("gpt-5.4-mini-2026-03-17"), Some(5.325));
        assert_eq!(million("openai/gpt-5.1-codex-max"), Some(11.375));
        assert_eq!(million("gemini-2.5-flash-lite"), Some(0.51));
    }

    #[test]
    fn a_model_without_a_known_price_costs_nothing_known() {
        for model in ["gpt-6.1-sol", "gpt-5.5-pro", "gpt-5.6-nova", "mock", ""] {
            assert_eq!(million(model), None, "{model}");
        }
    }
}
