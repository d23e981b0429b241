//! Bounds for what is copied from an agent's lines: texts and values, cut so that one line of an
//! agent cannot fill a journal. Never decides what is worth keeping.

use serde_json::Value;

/// What a tool gave, at most ([`baton_core::activity::ToolUse::output`]).
pub(crate) const OUTPUT: usize = 4 << 10;
/// A diff, at most ([`baton_core::activity::ToolUse::diff`]).
pub(crate) const DIFF: usize = 64 << 10;
/// A tool's input in a question, at most ([`baton_core::activity::Asks::Permission`]).
pub(crate) const INPUT: usize = 16 << 10;
/// A line for people, at most.
pub(crate) const LINE: usize = 1 << 10;

/// The beginning of a text, at most `most` bytes, whole characters.
pub(crate) fn head(text: &str, most: usize) -> String {
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

/// The end of a text, at most `most` bytes, whole characters.
pub(crate) fn tail(text: &str, most: usize) -> &str {
    let mut start = text.len().saturating_sub(most);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// A value of at most about `most` bytes of JSON: long texts in it are cut first; what is then
/// still too long becomes a text.
pub(crate) fn value(value: &Value, most: usize) -> Value {
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

/// The last lines of a text that say something, for a failure's message.
pub(crate) fn last_lines(text: &str, most: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let kept = lines.iter().skip(lines.len().saturating_sub(most));
    let kept: Vec<String> = kept.map(|line| head(line.trim(), 300)).collect();
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_whole_characters() {
        assert_eq!(head("äöü", 6), "äöü");
        assert_eq!(head("äöüä", 6), "ä…");
        assert_eq!(head("äöü", 2), "…");
        assert_eq!(tail("äöü", 3), "ü");
        assert_eq!(tail("abc", 9), "abc");
    }

    #[test]
    fn a_long_value_stays_within_its_bound() {
        let long = serde_json::json!({"path": "a", "text": "ü".repeat(40_000)});
        let cut = value(&long, INPUT);
        assert!(cut.to_string().len() <= INPUT, "{}", cut.to_string().len());
        assert_eq!(cut["path"], "a");
        let many: Value = (0..9_000).collect();
        assert!(matches!(value(&many, INPUT), Value::String(text) if text.len() <= INPUT));
    }
}
