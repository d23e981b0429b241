//! Options of steps that programs ask for: read as text they give what they give field by field.
#![allow(clippy::unwrap_used)]

use baton_core::definition::{Definition, parse_head, parse_step, read_step};
use serde_json::{Value, json};

fn definition(head: &Value) -> Definition {
    parse_head("p", "p.ts", head).definition.unwrap()
}

fn both(definition: &Definition, options: &Value) -> [Result<String, String>; 2] {
    let key = "add-1~2";
    let text = options.to_string();
    [
        read_step(definition, key, &text).map(|step| format!("{step:?}")),
        parse_step(definition, key, options).map(|step| format!("{step:?}")),
    ]
}

#[test]
fn options_as_text_give_what_they_give_field_by_field() {
    let plain = definition(&json!({"name": "P", "phases": ["plan", "build"]}));
    let slow = definition(&json!({"name": "P", "defaults": {"timeout": "5m"}}));
    let right = [
        json!({"type": "function", "id": "add-1"}),
        json!({"id": "add-1", "type": "function", "phase": "build"}),
        json!({"type": "function", "id": "f", "retry": {"attempts": 2}}),
        json!({"type": "function", "id": "f", "name": "A name"}),
        json!({"type": "script", "id": "f", "command": "true"}),
    ];
    for options in right {
        let [read, parsed] = both(&plain, &options);
        assert!(read.is_ok(), "{read:?}");
        assert_eq!(read, parsed);
    }
    let [read, parsed] = both(&slow, &json!({"type": "function", "id": "f"}));
    assert!(
        read.as_ref().is_ok_and(|step| step.contains("300s")),
        "{read:?}"
    );
    assert_eq!(read, parsed);
    let wrong = [
        json!({"type": "function", "id": "1"}),
        json!({"type": "function", "id": "f", "phase": "test"}),
        json!({"type": "function", "id": "f", "phase": null}),
        json!({"type": "function", "id": "f", "name": 5}),
        json!({"type": "function"}),
        json!(["function"]),
    ];
    for options in wrong {
        let [read, parsed] = both(&plain, &options);
        assert!(read.is_err(), "{read:?}");
        assert_eq!(read, parsed);
    }
}
