//! Any text as a TypeScript definition: it is refused with findings that can be shown, or it is one, and
//! what was compiled can be read.
#![no_main]

use std::path::PathBuf;

use baton_core::definition::{Diagnostic, parse_bundle, render};
use baton_script::{Limits, Source, compile_here};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Source {
        project: PathBuf::from("/nonexistent"),
        key: "fuzz".into(),
        path: "fuzz.ts".into(),
        text: Some(text.to_owned()),
    };
    let limits = Limits {
        cpu_ms: 200,
        memory: 32 << 20,
        ..Limits::default()
    };
    let compiled = compile_here(&source, &limits);
    let found: Vec<Diagnostic> = compiled.diagnostics.into_iter().map(Into::into).collect();
    assert!(compiled.bundle.is_some() || !found.is_empty(), "refused without a reason");
    assert!(render(&found, text, false).len() < 4 << 20);
    if let Some(bundle) = compiled.bundle {
        let parsed = parse_bundle("fuzz", "fuzz.ts", &bundle).expect("a bundle");
        assert!(parsed.definition.is_some(), "compiled, but no definition");
    }
});
