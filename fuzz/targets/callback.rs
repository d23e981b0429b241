//! Any callback: without the key nothing proves it, with it everything does, and a trigger's condition
//! and args are worked out of any event or refused.
#![no_main]

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use baton_core::definition::template::Names;
use baton_core::definition::{Source, parse};
use baton_core::time::Timestamp;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/app/src/webhooks/signature.rs"]
#[allow(dead_code)]
mod signature;

const NOW: u64 = 1_700_000_000;

const NAMES: [&str; 5] = [
    "x-hub-signature-256",
    "x-github-delivery",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

fuzz_target!(|given: (&str, [&[u8]; 5], &[u8], &str)| {
    let (secret, values, body, template) = given;
    let now = Timestamp::from_millis(NOW * 1000);
    let mut headers = HeaderMap::new();
    for (name, value) in NAMES.into_iter().zip(values) {
        if let Ok(value) = HeaderValue::from_bytes(value)
            && !value.is_empty()
        {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let key = signature::Key::of(secret);
    // A key that nobody knows: whatever is sent does not fit it.
    let other = signature::Key::of(&format!("{secret}, and what nobody knows"));
    assert!(other.prove(&headers, body, now).is_err(), "proved without the key");
    let _said = key.prove(&headers, body, now);
    let id = String::from_utf8_lossy(values[2]).replace(|c: char| !c.is_ascii_graphic(), "");
    let mut signed = HeaderMap::new();
    let signature = format!("v1,x v2,y {}", key.sign(&id, NOW, body));
    for (name, value) in [
        ("webhook-id", id.clone()),
        ("webhook-timestamp", NOW.to_string()),
        ("webhook-signature", signature),
    ] {
        signed.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).expect("plain"));
    }
    assert_eq!(key.prove(&signed, body, now), Ok(Some(id)));
    // What is proved is worked out.
    let quoted = serde_json::to_string(template).expect("a text");
    let text = format!(
        "name: f\ntriggers: {{webhook: {{secret_env: S, if: {quoted}, args: {{a: {quoted}}}}}}}\n\
         steps:\n  - {{id: a, type: script, command: 'true'}}\n"
    );
    let parsed = parse(&Source {
        key: "fuzz",
        file: "fuzz.yaml",
        text: &text,
    });
    let (Some(definition), Ok(event)) = (parsed.definition, serde_json::from_slice(body)) else {
        return;
    };
    let Some(trigger) = definition.triggers.webhook.as_ref() else {
        return;
    };
    let names = Names::default().with_json("event", &event);
    let _is = trigger.condition.as_ref().map(|condition| condition.is_true(&names));
    for template in trigger.args.values() {
        if let Ok(value) = template.render(&names) {
            assert!(value.to_string().len() < 64 << 20);
        }
    }
});
