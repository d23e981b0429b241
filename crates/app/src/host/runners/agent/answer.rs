//! An agent's final answer against the schema its step asks for.

use std::io::Read;
use std::path::Path;

use baton_core::definition::schema;
use serde_json::Value;

/// The largest output that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// What stands at the end of the prompt of a step with `output`.
pub fn request(schema: &Value) -> String {
    format!(
        "\n\nYour final answer must be one JSON value, and nothing else beside it, that fits this \
         JSON Schema:\n{schema}"
    )
}

/// What is asked when an answer does not fit.
pub fn again(problem: &str) -> String {
    format!(
        "Your final answer does not fit the JSON Schema that was asked for: {problem}\nAnswer \
         again with the corrected JSON value only."
    )
}

/// What the agent set as its output through the MCP server, if it did.
pub fn set(file: &Path) -> Option<Value> {
    let mut text = Vec::new();
    let file = std::fs::File::open(file).ok()?;
    file.take(LARGEST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// The JSON value of an answer, checked.
///
/// # Errors
/// What does not fit, for the agent to read.
pub fn check(schema: &Value, text: &str, structured: Option<&Value>) -> Result<Value, String> {
    let value = match structured {
        Some(value) => value.clone(),
        None => read(text)?,
    };
    schema::check(schema, &value)?;
    Ok(value)
}

/// The value in the text: all of it, or what stands in its last fenced block, or between its first
/// and last brackets.
fn read(text: &str) -> Result<Value, String> {
    let whole = text.trim();
    let first_error = match serde_json::from_str(whole) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let fenced = whole.rmatch_indices("```").nth(1).and_then(|(at, _)| {
        let inside = &whole[at + 3..];
        let inside = inside.split_once('\n').map_or(inside, |(_, rest)| rest);
        inside.split("```").next()
    });
    let between = |open: char, close: char| {
        let (from, to) = (whole.find(open)?, whole.rfind(close)?);
        (from < to).then(|| &whole[from..to + close.len_utf8()])
    };
    let candidates = [fenced, between('{', '}'), between('[', ']')];
    candidates
        .into_iter()
        .flatten()
        .find_map(|text| serde_json::from_str(text.trim()).ok())
        .ok_or_else(|| format!("it is not JSON: {first_error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_found_where_agents_put_it() {
        let value = json!({"a": [1, {"b": "}"}]});
        for text in [
            value.to_string(),
            format!("Here it is:\n```json\n{value}\n```\nDone."),
            format!("Sure: {value} – that is all"),
        ] {
            assert_eq!(read(&text), Ok(value.clone()), "{text}");
        }
        assert!(read("no value").is_err());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let schema =
            json!({"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]});
        assert_eq!(check(&schema, "{\"n\": 1}", None), Ok(json!({"n": 1})));
        let problem = check(&schema, "{\"n\": \"1\"}", None).unwrap_err();
        assert!(problem.contains("/n"), "{problem}");
    }
}
