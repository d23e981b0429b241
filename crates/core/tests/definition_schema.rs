//! Promises about args and about the schema for editors.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use baton_core::definition::schema::{args_check, coerce_arg, editor_schema};
use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value, json};

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "zeta": {"type": "string"},
            "environment": {"type": "string", "enum": ["dev", "prod"], "default": "dev"},
            "count": {"type": "integer", "default": 3},
            "options": {"type": "object", "properties": {"fast": {"type": "boolean", "default": true}, "deep": {"type": "object", "properties": {"x": {"default": 1}}}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}, "m": {"default": "d"}}, "required": ["n"]}},
            "anything": {"type": "object"},
            "open": {"type": "object", "properties": {"a": {}}, "additionalProperties": true},
            "either": {"type": ["integer", "string"]},
            "flag": {"type": "boolean"},
            "word": {"enum": ["1", 2]},
        },
        "required": ["zeta"],
    })
}

#[test]
fn defaults_are_put_in_at_every_level() {
    let args = args_check(
        Some(&schema()),
        json!({"zeta": "z", "list": [{"n": 1}], "options": {}}),
    )
    .unwrap();
    assert_eq!(args["environment"], "dev");
    assert_eq!(args["count"], 3);
    assert_eq!(args["options"], json!({"fast": true, "deep": {"x": 1}}));
    assert_eq!(args["list"], json!([{"n": 1, "m": "d"}]));
    let args = args_check(Some(&schema()), json!({"zeta": "z"})).unwrap();
    assert_eq!(args["options"], json!({"fast": true, "deep": {"x": 1}}));
}

#[test]
fn everything_wrong_with_args_is_told_at_once() {
    let errors = args_check(
        Some(&schema()),
        json!({"environment": "live", "count": "3", "enviroment": 1, "options": {"fats": 1}, "list": [{"n": 1, "k": 1}]}),
    )
    .unwrap_err();
    let told: Vec<(&str, &str)> = errors
        .iter()
        .map(|e| (e.pointer.as_str(), e.detail.as_str()))
        .collect();
    for (pointer, part) in [
        ("/enviroment", "did you mean `environment`"),
        ("/options/fats", "did you mean `fast`"),
        ("/list/0/k", "there is no `k`"),
        ("/environment", "\"live\" is not one of"),
        ("/count", "not of type \"integer\""),
        ("", "\"zeta\" is a required property"),
    ] {
        assert!(
            told.iter().any(|(p, d)| *p == pointer && d.contains(part)),
            "{pointer} {part}: {told:?}"
        );
    }
}

#[test]
fn names_that_are_not_listed_are_refused_unless_the_schema_is_open() {
    let ok = |args: Value| args_check(Some(&schema()), args);
    assert!(ok(json!({"zeta": "z", "extra": 1})).is_err());
    assert!(ok(json!({"zeta": "z", "anything": {"free": 1}})).is_ok());
    assert!(ok(json!({"zeta": "z", "open": {"free": 1}})).is_ok());
    let open = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    assert!(args_check(Some(&open), json!({"a": 1})).is_ok());
    assert!(args_check(Some(&open), json!({"a": "x"})).is_err());
    let closed = json!({"type": "object", "properties": {}, "additionalProperties": false});
    assert_eq!(
        args_check(Some(&closed), json!({"a": 1}))
            .unwrap_err()
            .len(),
        1
    );
}

#[test]
fn without_a_schema_there_are_no_args() {
    assert_eq!(args_check(None, json!({})), Ok(json!({})));
    assert_eq!(
        args_check(None, json!({"a": 1})).unwrap_err()[0].pointer,
        "/a"
    );
    assert!(args_check(None, json!([])).is_err());
}

#[test]
fn an_arg_from_the_command_line_has_the_schemas_type() {
    let schema = schema();
    let arg = |name: &str, text: &str| coerce_arg(Some(&schema), name, text);
    assert_eq!(arg("zeta", "7"), Ok(json!("7")));
    assert_eq!(arg("zeta", "true"), Ok(json!("true")));
    assert_eq!(arg("count", "7"), Ok(json!(7)));
    assert_eq!(arg("flag", "false"), Ok(json!(false)));
    assert_eq!(arg("list", "[{\"n\":1}]"), Ok(json!([{"n": 1}])));
    assert_eq!(arg("either", "7"), Ok(json!(7)));
    assert_eq!(arg("either", "x"), Ok(json!("x")));
    assert_eq!(arg("word", "1"), Ok(json!("1")));
    assert_eq!(arg("word", "2"), Ok(json!(2)));
    assert!(arg("count", "many").unwrap_err().contains("--arg count=3"));
    assert!(arg("flag", "yes").unwrap_err().contains("--arg flag=true"));
    assert!(arg("options", "x").unwrap_err().contains("write JSON"));
    assert!(
        arg("zetta", "x")
            .unwrap_err()
            .contains("did you mean `zeta`")
    );
}

/// The simplest YAML reader that serves fixtures: no anchors, no tags.
fn yaml(text: &str) -> Value {
    let mut events = Parser::new_from_str(text).map(|e| e.unwrap().0);
    let mut next = || loop {
        match events.next().unwrap() {
            Event::StreamStart | Event::DocumentStart(..) => {}
            event => break event,
        }
    };
    fn node<'a>(event: Event<'a>, next: &mut dyn FnMut() -> Event<'a>) -> Value {
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => {
                serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned()))
            }
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match next() {
                        Event::SequenceEnd => return Value::Array(items),
                        event => items.push(node(event, next)),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut map = Map::new();
                loop {
                    match next() {
                        Event::MappingEnd => return Value::Object(map),
                        event => {
                            let key = node(event, next);
                            let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                            let event = next();
                            map.insert(key, node(event, next));
                        }
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    }
    let first = next();
    node(first, &mut next)
}

#[test]
fn the_example_files_fit_the_editors_schema() {
    let schema = editor_schema();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for file in [
        include_str!("fixtures/language.yaml"),
        include_str!("fixtures/simple-pipeline.yaml"),
    ] {
        let value = yaml(file);
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    let mut wrong = yaml(include_str!("fixtures/simple-pipeline.yaml"));
    wrong["steps"][0]["comand"] = json!("x");
    assert!(!validator.is_valid(&wrong));
}
