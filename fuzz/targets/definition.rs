//! Any text as a definition: it is refused with diagnostics that can be shown, or it is one.
#![no_main]

use baton_core::definition::{Source, parse, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parsed = parse(&Source {
        key: "fuzz",
        file: "fuzz.yaml",
        text,
    });
    assert!(
        parsed.definition.is_some() || !parsed.diagnostics.is_empty(),
        "refused without a reason"
    );
    let shown = render(&parsed.diagnostics, text, false);
    assert!(shown.len() < 4 << 20, "{} bytes of diagnostics", shown.len());
});
