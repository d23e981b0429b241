//! Bounds for what is copied from Claude's lines into activities. Never decides what is worth
//! keeping.

use serde_json::Value;

/// What a tool gave, at most ([`baton_core::activity::ToolUse::output`]); a command the same.
pub(super) const OUTPUT: usize = 4 << 10;
/// A diff, at most ([`baton_core::activity::ToolUse::diff`]).
pub(super) const DIFF: usize = 64 << 10;
/// A tool's input in a question, at most ([`baton_core::activity::Asks::Permission`]).
pub(super) const INPUT: usize = 16 << 10;
/// A line for people, at most.
pub(super) const LINE: usize = 300;
/// A todo, a path, an option of a question, at most.
pub(super) const ITEM: usize = 1 << 10;
/// Items of a list (todos, paths, options), at most.
pub(super) const ITEMS: usize = 200;

/// The beginning of a text, at most `most` bytes, whole characters.
pub(super) fn head(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mark = "…";
    let mut end = most.saturating_sub(mark.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", &text[..end])
}

/// The first line of a text that says something, for people.
pub(super) fn line(text: &str) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty());
    head(first.unwrap_or_default().trim(), LINE)
}

/// The last lines of a text that say something.
pub(super) fn last_lines(text: &str, most: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let kept = lines.iter().skip(lines.len().saturating_sub(most));
    let kept: Vec<String> = kept.map(|line| head(line.trim(), LINE)).collect();
    kept.join("\n")
}

/// A value of at most about `most` bytes of JSON: long texts in it are cut first; what is then
/// still too long becomes a text.
pub(super) fn value(value: &Value, most: usize) -> Value {
    let whole = value.to_string();
    if whole.len() <= most {
        return value.clone();
    }
    let shorter = shorten(value, most / 8);
    if shorter.to_string().len() <= most {
        return shorter;
    }
    Value::String(head(&whole, most))
}

fn shorten(value: &Value, longest: usize) -> Value {
    match value {
        Value::String(text) => Value::String(head(text, longest)),
        Value::Array(items) => items.iter().map(|item| shorten(item, longest)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), shorten(field, longest)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_whole_characters() {
        assert_eq!(head("äöü", 6), "äöü");
        assert_eq!(head("äöüä", 6), "ä…");
        assert_eq!(head("äöü", 2), "…");
        assert_eq!(line("\n  a b \nc"), "a b");
        assert_eq!(last_lines("a\n\nb\nc\n", 2), "b\nc");
    }

    #[test]
    fn a_long_value_stays_within_its_bound() {
        let long = serde_json::json!({"path": "a", "text": "ü".repeat(40_000)});
        let cut = value(&long, INPUT);
        assert!(cut.to_string().len() <= INPUT);
        assert_eq!(cut["path"], "a");
        let many: Value = (0..9_000).collect();
        assert!(matches!(value(&many, INPUT), Value::String(text) if text.len() <= INPUT));
    }
}
