//! The documents' own examples are valid files, unchanged.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use baton_core::definition::{Parsed, Source, parse, render};

const LANGUAGE: &str = include_str!("fixtures/language.yaml");
const PIPELINE: &str = include_str!("fixtures/simple-pipeline.yaml");

fn read(key: &str, text: &str) -> Parsed {
    parse(&Source {
        key,
        file: &format!("{key}.yaml"),
        text,
    })
}

#[test]
fn the_language_pages_example_is_valid() {
    let parsed = read("implement-feature", LANGUAGE);
    assert!(
        parsed.diagnostics.is_empty(),
        "{}",
        render(&parsed.diagnostics, LANGUAGE, false)
    );
    let definition = parsed.definition.unwrap();
    assert_eq!(definition.steps.len(), 6);
    assert!(definition.is_graph);
}

#[test]
fn document_2s_example_is_valid() {
    let parsed = read("simple-pipeline", PIPELINE);
    assert!(
        parsed.diagnostics.is_empty(),
        "{}",
        render(&parsed.diagnostics, PIPELINE, false)
    );
    let definition = parsed.definition.unwrap();
    assert_eq!(definition.name, "Simple Build Pipeline");
    assert!(!definition.is_graph);
    let needs: Vec<_> = definition.steps.iter().map(|s| s.needs.clone()).collect();
    assert_eq!(needs, [vec![], vec![0], vec![1], vec![2]]);
    assert_eq!(definition.hash.len(), 64);
}
