//! JSON as an inline TOML value, for `codex -c key=value`.

use serde_json::Value;

/// The value in TOML; `null`s are left out, as TOML has none.
pub fn inline(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".into(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => string(text),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().filter(|v| !v.is_null()).map(inline).collect();
            format!("[{}]", all.join(","))
        }
        Value::Object(all) => {
            let pair =
                |(key, value): (&String, &Value)| format!("{}={}", string(key), inline(value));
            let all: Vec<String> = all.iter().filter(|(_, v)| !v.is_null()).map(pair).collect();
            format!("{{{}}}", all.join(","))
        }
    }
}

/// JSON's escapes are TOML's too, but for DEL, which TOML wants escaped.
fn string(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_an_inline_table() {
        let json = serde_json::json!({"a": {"command": "x \"y\"\n", "args": ["1", null], "n": null, "t": 1.5}});
        assert_eq!(
            inline(&json),
            r#"{"a"={"command"="x \"y\"\n","args"=["1"],"t"=1.5}}"#
        );
    }
}
