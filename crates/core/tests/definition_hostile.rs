//! No file makes the reader panic, hang or find without end.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;

use baton_core::definition::{MAX_SOURCE, Parsed, Source, parse, render};
use proptest::prelude::*;

const LANGUAGE: &str = include_str!("fixtures/language.yaml");
const PIPELINE: &str = include_str!("fixtures/simple-pipeline.yaml");

fn read(text: &str) -> Parsed {
    // How long it takes is no matter of a test; one that does not come to its end is ended by whoever
    // runs the tests.
    let parsed = parse(&Source {
        key: "t",
        file: "t.yaml",
        text,
    });
    assert!(parsed.diagnostics.len() <= 150);
    let shown = render(&parsed.diagnostics, text, true);
    assert!(shown.len() < 1 << 20);
    parsed
}

fn code(text: &str) -> &'static str {
    let parsed = read(text);
    assert!(parsed.definition.is_none());
    parsed.diagnostics[0].code
}

#[test]
fn an_alias_bomb_is_stopped() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..20 {
        let before = format!("*a{}", n - 1);
        writeln!(bomb, "a{n}: &a{n} [{}]", [before.as_str(); 10].join(", ")).unwrap();
    }
    assert_eq!(code(&bomb), "too_many_values");
    let long = format!(
        "a: &a \"{}\"\nb: [{}]\n",
        "x".repeat(500_000),
        "*a, ".repeat(1000)
    );
    assert_eq!(code(&long), "too_many_values");
    let mut tower = "a0: &a0 [x]\n".to_owned();
    for n in 1..2000 {
        writeln!(tower, "a{n}: &a{n} {{k: {{k: {{k: {{k: *a{}}}}}}}}}", n - 1).unwrap();
    }
    assert_eq!(code(&tower), "too_deep");
    assert_eq!(code("a: &a [*a]\n"), "unknown_field");
    let mut merges = "a0: &a0 {x: 1, y: 2}\n".to_owned();
    for n in 1..60 {
        writeln!(merges, "a{n}: &a{n} {{<<: [{}]}}", ["*a0"; 50].join(", ")).unwrap();
    }
    read(&merges);
}

#[test]
fn deep_nesting_is_stopped() {
    assert_eq!(code(&format!("a: {}", "[".repeat(100_000))), "too_deep");
    assert_eq!(code(&format!("a: {}", "{a: ".repeat(100_000))), "too_deep");
    assert_eq!(code(&"- ".repeat(100_000)), "too_deep");
    let mut indented = String::new();
    for n in 0..1000 {
        writeln!(indented, "{}a:", " ".repeat(n)).unwrap();
    }
    assert_eq!(code(&indented), "too_deep");
}

#[test]
fn a_large_file_is_refused() {
    assert_eq!(code(&"#".repeat(MAX_SOURCE + 1)), "source_too_large");
    assert_eq!(code(&"\u{0}".repeat(10)), "yaml_syntax");
}

/// As many steps as may be, each of which needs the one before it.
fn chain() -> String {
    let mut steps =
        "name: t\nsteps:\n- {id: s0, type: script, command: ls, needs: []}\n".to_owned();
    for n in 1..10_000 {
        let before = n - 1;
        writeln!(steps, "- {{id: s{n}, type: script, command: 'echo {{{{ steps.s{before}.result }}}}', needs: [s{before}]}}").unwrap();
    }
    steps
}

#[test]
fn ten_thousand_steps_in_a_chain_are_read() {
    let steps = chain();
    let parsed = read(&steps);
    assert!(
        parsed.definition.is_some(),
        "{}",
        render(&parsed.diagnostics[..1], &steps, false)
    );
}

#[test]
fn a_circle_of_ten_thousand_steps_is_found() {
    let circle = chain().replacen("command: ls, needs: []", "command: ls, needs: [s9999]", 1);
    assert_eq!(code(&circle), "needs_cycle");
}

#[test]
fn one_step_too_many_is_refused() {
    let mut more = "name: t\nsteps:\n".to_owned();
    for n in 0..10_001 {
        writeln!(more, "- {{id: s{n}, type: wait, for: 0}}").unwrap();
    }
    assert_eq!(code(&more), "too_many_steps");
}

#[test]
fn findings_of_a_kind_without_end_are_bounded() {
    let mut keys = String::new();
    for n in 0..60_000 {
        writeln!(keys, "k{n}: 1").unwrap();
    }
    assert_eq!(code(&keys), "unknown_field");
    let needs = format!(
        "name: t\nsteps:\n{}- {{id: z, type: wait, for: 0, needs: [{}]}}\n",
        (0..5000)
            .map(|n| format!(
                "- {{id: a_long_step_id_with_many_letters_{n}, type: wait, for: 0}}\n"
            ))
            .collect::<String>(),
        "a_long_step_id_with_many_lettres_x, ".repeat(15_000)
    );
    assert_eq!(code(&needs), "step_without_needs");
    let command = format!(
        "name: t\nsteps: [{{id: a, type: script, command: \"{}\"}}]\n",
        "{{ x }}".repeat(100_000)
    );
    let prompt = format!(
        "name: t\nsteps:\n- id: a\n  type: agent\n  agent: claude\n  prompt: \"{}\"\n",
        "{{ xx }} ".repeat(100_000)
    );
    for text in [&"a: 1\n".repeat(100_000), &command, &prompt] {
        let parsed = read(text);
        assert!(parsed.definition.is_none() && !parsed.diagnostics.is_empty());
    }
}

#[test]
fn huge_templates_are_checked_without_being_run() {
    let parsed = read(
        "name: t\nsteps: [{id: a, type: script, command: \"echo {{ 'x' * 999999999 }} {{ range(10 ** 9) }}\"}]\n",
    );
    assert!(parsed.definition.is_some());
    for bomb in [
        "(".repeat(100_000),
        "1 + ".repeat(100_000) + "1",
        "-".repeat(100_000),
        "a.".repeat(100_000) + "a",
    ] {
        let text =
            format!("name: t\nsteps: [{{id: a, type: script, command: ls, if: \"{bomb}\"}}]\n");
        assert_eq!(code(&text), "bad_expression");
        let text =
            format!("name: t\nsteps: [{{id: a, type: script, command: \"{{{{ {bomb} }}}}\"}}]\n");
        assert_eq!(code(&text), "bad_template");
    }
}

#[test]
fn hostile_schemas_are_refused_or_read() {
    let wrap = |schema: &str| {
        format!("name: t\nargsSchema: {schema}\nsteps: [{{id: a, type: wait, for: 0}}]\n")
    };
    for schema in [
        "{$ref: '#'}",
        "{$ref: 'file:///etc/passwd'}",
        "{properties: {a: {$ref: '#/properties/a'}}}",
        "{properties: {a: {pattern: '(a+)+$'}}}",
        "{properties: {a: {pattern: '(((((a{1000}){1000}){1000}){1000}){1000})'}}}",
        "{$schema: 'http://json-schema.org/draft-04/schema#', type: object}",
        "{$schema: 'http://nowhere.example/', type: object}",
        "{$id: 'http://nowhere.example/', type: object}",
        "{type: object, minProperties: -1}",
        "{type: object, properties: {a: {multipleOf: 0}}}",
    ] {
        read(&wrap(schema));
    }
}

#[test]
fn a_terminal_is_not_steered_by_a_file() {
    let text = "name: t\n\"\\e[31m\\u202e\": 1\nx\u{1b}]0;y: 1\nsteps: []\n";
    let parsed = read(text);
    let shown = render(&parsed.diagnostics, text, false);
    assert!(
        !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
        "{shown:?}"
    );
}

#[test]
fn findings_are_drawn_with_a_caret() {
    let text = "name: t\nsteps:\n  - id: a\n    type: script\n    comand: äé\n";
    let parsed = read(text);
    assert_eq!(
        render(&parsed.diagnostics[1..], text, false),
        "error[unknown_field]: a script step has no field `comand`\n --> t.yaml:5:5\n  |\n5 |     comand: äé\n  |     ^^^^^^\n  = help: did you mean `command`?\n\n"
    );
    let json = serde_json::to_value(&parsed.diagnostics[1]).unwrap();
    assert_eq!(json["severity"], "error");
    assert_eq!(json["line"], 5);
    assert_eq!(json["end_column"], 11);
    assert_eq!(json["pointer"], "/steps/0/comand");
}

fn mutate(source: &str, edits: &[(usize, u8, String)]) -> String {
    let mut chars: Vec<char> = source.chars().collect();
    for (at, kind, text) in edits {
        let at = at % (chars.len() + 1);
        match kind % 4 {
            0 => drop(chars.splice(at..at, text.chars())),
            1 => drop(chars.drain(at..(at + text.len()).min(chars.len()))),
            2 => {
                let end = (at + 40).min(chars.len());
                let piece: Vec<char> = chars[at..end].to_vec();
                chars.splice(at..at, piece);
            }
            _ => chars.truncate(at.max(chars.len() / 2)),
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_file_makes_the_reader_panic(
        which in any::<bool>(),
        edits in prop::collection::vec(
            (any::<usize>(), any::<u8>(), prop_oneof![
                "\\PC{0,6}", "[\\[\\]{}:,'\"|>&*!%#\n\t -]{1,6}", "\\{\\{ [a-z.|+ ]{0,12} \\}\\}",
                Just("{% for x in args %}".to_owned()), Just("{% if ".to_owned()), Just("日本".to_owned()),
                Just("<<: *a".to_owned()), Just("&a ".to_owned()), Just("*a".to_owned()), Just("\r\n".to_owned()),
            ]),
            1..8,
        ),
    ) {
        read(&mutate(if which { LANGUAGE } else { PIPELINE }, &edits));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|\n| |\t|:|-|\\{|\\}|\"){0,200}") {
        read(&text);
    }
}
