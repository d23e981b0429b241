//! Any text as a template: in prompts, as an expression and in a shell command, where no value may
//! become shell text.
#![no_main]

use baton_core::definition::template::{Expression, Names, Text};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

/// What no rendering may be longer than; the evaluator's own bound is lower.
const MOST: usize = 64 << 20;

fuzz_target!(|text: &str| {
    let names = Names::default()
        .with_json("args", &json!({"x": "$(touch y)", "n": 3, "list": [1, "b", null], "deep": {"a": {"b": true}}}))
        .with_json("steps", &json!({"build_app": {"status": "completed", "result": "ok", "data": {"files": ["a", "b"]}}}))
        .with_json("item", &json!("it"))
        .with_json("index", &json!(0));
    if let Ok(shown) = Text::new(text).render(&names) {
        assert!(shown.len() < MOST, "{} bytes", shown.len());
    }
    if let Ok(value) = Expression::new(text).evaluate(&names) {
        assert!(value.to_string().len() < MOST);
    }
});
