//! Values in shell commands: whatever they hold, they stay one argument.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::process::Command as Process;

use baton_core::definition::template::{Command, Names, Program, Text, from_json};
use proptest::prelude::*;
use serde_json::{Value, json};

fn shell(source: &str, x: &Value) -> Result<(String, BTreeMap<String, String>), String> {
    let names = Names::default().with(
        "args",
        from_json(&json!({"x": x, "flag": true, "list": [x, x]})),
    );
    let rendered = Command::Shell(Text::new(source))
        .render(&names)
        .map_err(|e| e.to_string())?;
    match rendered.program {
        Program::Shell(text) => Ok((text, rendered.env)),
        Program::Words(_) => Err("words".to_owned()),
    }
}

fn run(source: &str, x: &str) -> String {
    let (text, env) = shell(source, &json!(x)).unwrap();
    let output = Process::new("/bin/sh")
        .arg("-ec")
        .arg(&text)
        .envs(env)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{text}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_value_becomes_a_reference_that_fits_its_place() {
    let (text, env) = shell(
        "echo {{ args.x }} \"a {{ args.x }}\" 'b {{ args.x }}'",
        &json!("v"),
    )
    .unwrap();
    assert_eq!(
        text,
        "echo \"${BATON_V1}\" \"a ${BATON_V2}\" 'b '\"${BATON_V3}\"''"
    );
    assert_eq!(env["BATON_V1"], "v");
    assert_eq!(env.len(), 3);
}

#[test]
fn what_the_author_marks_raw_is_text() {
    let (text, env) = shell("echo {{ args.x | raw }} {{ args.x }}", &json!("a b; c")).unwrap();
    assert_eq!(text, "echo a b; c \"${BATON_V1}\"");
    assert_eq!(env.len(), 1);
}

#[test]
fn values_that_are_not_text_travel_as_their_text() {
    let (_, env) = shell("echo {{ args.x }}", &json!({"a": [1, null]})).unwrap();
    assert_eq!(env["BATON_V1"], r#"{"a":[1,null]}"#);
    let (_, env) = shell("echo {{ args.x }}", &json!(7)).unwrap();
    assert_eq!(env["BATON_V1"], "7");
}

#[test]
fn a_value_no_argument_can_hold_is_an_error() {
    assert!(
        shell("echo {{ args.x }}", &json!("a\0b"))
            .unwrap_err()
            .contains("NUL")
    );
    assert!(
        shell("echo {{ args.x }}", &json!("a".repeat(100 * 1024 + 1)))
            .unwrap_err()
            .contains("100 KB")
    );
    let names = Names::default().with("x", from_json(&json!("a\0b")));
    let words = Command::Words(vec![Text::new("echo"), Text::new("{{ x }}")]);
    assert!(words.render(&names).unwrap_err().reason.contains("NUL"));
}

#[test]
fn words_run_without_a_shell() {
    let names = Names::default().with("x", from_json(&json!("$(touch y)")));
    let rendered = Command::Words(vec![Text::new("echo"), Text::new("a {{ x }}")])
        .render(&names)
        .unwrap();
    assert_eq!(
        rendered.program,
        Program::Words(vec!["echo".into(), "a $(touch y)".into()])
    );
    assert!(rendered.env.is_empty());
}

#[test]
fn where_no_reference_is_safe_a_value_is_refused() {
    for (source, place) in [
        ("cat <<EOF\n{{ args.x }}\nEOF", "here-document"),
        ("cat <<-'EOF'\n\t{{ args.x }}\n\tEOF", "here-document"),
        ("cat <<A <<B\na\nA\n{{ args.x }}\nB", "here-document"),
        ("cat <<{{ args.x }}\na\n", "end word"),
        ("cat <<EO{{ args.x }}\na\n", "end word"),
        ("cat <<EOF\na\\\nEOF\n{{ args.x }}", "here-document"),
        ("echo `echo {{ args.x }}`", "backticks"),
        ("echo \"`echo {{ args.x }}`\"", "backticks"),
        ("echo $(echo $(echo {{ args.x }}))", "nested"),
        ("echo $(case a in a) echo {{ args.x }};; esac)", "`case`"),
        ("echo $((1 + {{ args.x }}))", "$(("),
        ("echo ${Y:-{{ args.x }}}", "${ … }"),
        ("echo ${Y:-'a'} {{ args.x }}", "${ … }"),
        ("echo $'a' {{ args.x }}", "$'"),
        ("echo a # {{ args.x }}", "comment"),
        ("echo \\{{ args.x }}", "backslash"),
        ("echo \"\\{{ args.x }}\"", "backslash"),
        ("echo ${{ args.x }}", "after a `$`"),
        ("echo \"${{ args.x }}\"", "after a `$`"),
    ] {
        let error = shell(source, &json!("v")).unwrap_err();
        assert!(error.contains(place), "{source}: {error}");
    }
}

/// Shell texts that print `[` value `]` with `{{ args.x }}` in many places.
const PLACES: &[&str] = &[
    "printf '[%s]' {{ args.x }}",
    "printf '[%s]' \"{{ args.x }}\"",
    "printf '[%s]' '{{ args.x }}'",
    "printf '[%s]' \"\"{{ args.x }}''",
    "X={{ args.x }}; printf '[%s]' \"$X\"",
    "X='{{ args.x }}'\nprintf '[%s]' \"$X\"",
    "# it's \"a` comment\nprintf '[%s]' {{ args.x }}",
    "echo it\\'s >/dev/null; printf '[%s]' {{ args.x }}",
    "echo a#'b' >/dev/null; printf '[%s]' \"{{ args.x }}\"",
    "printf '[%s]' \"$(printf '%sE' {{ args.x }})\" | sed '$s/E]$/]/'",
    "printf '[%s]' \"$(printf '%sE' \"{{ args.x }}\")\" | sed '$s/E]$/]/'",
    "X=$(printf '%sE' '{{ args.x }}'); printf '[%s]' \"${X%E}\"",
    "cat <<EOF >/dev/null\n' \"\n$(echo ) ${HOME}\nEOF\nprintf '[%s]' {{ args.x }}",
    "cat <<'E F' >/dev/null; echo \" '\" >/dev/null\n' \" `\nE F\nprintf '[%s]' '{{ args.x }}'",
    "cat <<-EOF >/dev/null\n\t'\n\tEOF\nprintf '[%s]' \"{{ args.x }}\"",
    "echo $((1 + 2)) ${#HOME} \"$#\" $$ >/dev/null; printf '[%s]' {{ args.x }}",
    "echo `echo \\`echo \"a b\"\\`` >/dev/null; printf '[%s]' {{ args.x }}",
    "f() { printf '[%s]' \"$1\"; }; f {{ args.x }}",
    "(case a in a) printf '[%s]' {{ args.x }};; esac)",
    "{% if args.flag %}printf '[%s]' {{ args.x }}{% else %}false{% endif %}",
    "if true; then printf '[%s]' \\\n {{ args.x }}; fi",
    "printf '[%s' \"\\\"\\\\\" >/dev/null; printf '[%s]' {{ args.x }}",
    ": foo\\\n#bar' '; printf '[%s]' {{ args.x }}",
];

#[test]
fn every_place_prints_a_plain_value() {
    for place in PLACES {
        assert_eq!(run(place, "plain value"), "[plain value]", "{place}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_arrives_as_one_argument(
        place in 0..PLACES.len(),
        value in prop_oneof![
            "[ -~\n\t]{0,40}",
            "['\"`$\\\\(){}#;&|<>*?~! \nabc-]{0,24}",
            "\\PC{0,20}",
            Just("$(touch /tmp/baton-injected)".to_owned()),
            Just("'; exit 3; '".to_owned()),
            Just("\"; exit 3; \"".to_owned()),
            Just("`exit 3`".to_owned()),
        ],
    ) {
        prop_assert_eq!(run(PLACES[place], &value), format!("[{value}]"), "{}", PLACES[place]);
    }

    /// Random shell text around a value: it is refused, or it reaches the shell only as itself.
    #[test]
    fn no_text_around_it_lets_a_value_run(
        before in "(['\"`$\\\\(){}#;&|<\nae -]|EOF|<<EOF|case | esac|\\$\\(|\\$\\(\\(|\\$\\{a){0,12}",
        after in "(['\"`$\\\\(){}#;&|\nae -]|EOF|<<EOF){0,8}",
    ) {
        let directory = std::env::temp_dir().join(format!("baton-inject-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let source = format!("{before}{{{{ args.x }}}}{after}");
        let value = "'\";echo >hit;\"`echo >hit`$(echo >hit)\necho >hit\n";
        if let Ok((text, env)) = shell(&source, &json!(value)) {
            let _ = Process::new("/bin/sh").args(["-ec", &text]).envs(env).current_dir(&directory)
                .stdin(std::process::Stdio::null()).output().unwrap();
            prop_assert!(!directory.join("hit").exists(), "{}", text);
        }
        for entry in std::fs::read_dir(&directory).unwrap().flatten() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
