//! Wrong files, each with all that is said about it. `UPDATE=1 cargo test` writes what is said now.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;

use baton_core::definition::{Severity, Source, parse};

const TABLE: &str = include_str!("fixtures/wrong.txt");

fn said(text: &str) -> String {
    let parsed = parse(&Source {
        key: "t",
        file: "t.yaml",
        text,
    });
    let errors = parsed
        .diagnostics
        .iter()
        .any(|d| d.severity == Severity::Error);
    assert_eq!(parsed.definition.is_none(), errors, "{text}");
    let mut out = String::new();
    for d in &parsed.diagnostics {
        let mark = if d.severity == Severity::Warning {
            "warning "
        } else {
            ""
        };
        let marked: String = d
            .excerpt
            .chars()
            .skip(d.column as usize - 1)
            .take(if d.end_line == d.line {
                (d.end_column - d.column) as usize
            } else {
                200
            })
            .collect();
        let pointer = d.pointer.as_deref().unwrap_or("-");
        writeln!(
            out,
            "{}:{} {mark}{} {pointer} ‹{marked}›",
            d.line, d.column, d.code
        )
        .unwrap();
        writeln!(out, "    {}", d.message).unwrap();
        if let Some(help) = &d.help {
            writeln!(out, "    help: {help}").unwrap();
        }
    }
    out
}

#[test]
fn every_wrong_file_is_told_what_is_wrong_and_where() {
    let mut now = String::new();
    let mut count = 0;
    for case in TABLE.split("=== ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (source, _) = rest.split_once("+++\n").unwrap();
        let said = said(source);
        assert!(!said.is_empty(), "{title}: nothing is said");
        write!(now, "=== {title}\n{source}+++\n{said}").unwrap();
        count += 1;
    }
    assert!(count >= 60);
    if std::env::var_os("UPDATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/wrong.txt");
        std::fs::write(path, &now).unwrap();
        return;
    }
    for (now, then) in now.split("=== ").zip(TABLE.split("=== ")) {
        assert_eq!(now, then);
    }
}
