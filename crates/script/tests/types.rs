//! What `baton types` writes is what the real compiler needs: it takes the examples, and refuses
//! what the engine would refuse.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use baton_core::definition::{parse_head, parse_step};
use serde_json::{Value, json};

/// The compiler that `.ci/deps` installs.
fn tsc() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let tsc = target.join("tools/tsc/node_modules/.bin/tsc");
    assert!(tsc.exists(), "install it: .ci/deps");
    tsc
}

/// What the compiler says of these files beside the types.
fn check(files: &[(String, &str)]) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in baton_script::editor_files() {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let output = Command::new(tsc())
        .arg("-p")
        .arg(dir.path())
        .arg("--pretty")
        .arg("false")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), said)
}

#[test]
fn the_examples_check() {
    let (ok, said) = check(&[
        (
            "implement-feature.ts".into(),
            include_str!("examples/implement-feature.ts"),
        ),
        (
            "hello.ts".into(),
            include_str!("../../app/src/examples/hello.ts"),
        ),
    ]);
    assert!(ok, "{said}");
}

const BEGIN: &str =
    "import { defineWorkflow, secret, sh, StepError } from \"@repo/workflow-engine\";
import { z } from \"zod\";
void secret; void sh; void StepError; void z;
";

/// Bodies of `execute` that are wrong.
const WRONG: [&str; 14] = [
    "await ctx.step(\"a\", { type: \"script\", comand: \"x\" });",
    "await ctx.step(\"a\", { type: \"script\" });",
    "await ctx.step(\"a\", { type: \"agent\", agent: \"claude\" });",
    "await ctx.step(\"a\", { type: \"agent\", prompt: \"x\", permission: \"all\" });",
    "await ctx.step(\"a\", { type: \"shell\", command: \"x\" });",
    "await ctx.step(\"a\", { type: \"script\", command: \"x\", timeout: 10 });",
    "await ctx.step(\"a\", { type: \"script\", command: \"x\", retry: 3 });",
    "await ctx.step(12, { type: \"script\", command: \"x\" });",
    "await ctx.step(\"a\", { type: \"function\", fn: \"x\" });",
    "await ctx.step(\"a\", { type: \"script\", command: \"x\", env: { A: 1 } });",
    "await ctx.approval(\"ok\", { timeout: \"1d\" });",
    "await ctx.workflow(\"child\", { args: {} });",
    "const n: number = ctx.args.name; void n;",
    "await ctx.wait(10);",
];

/// Definitions that are wrong.
const WRONG_HEADS: [&str; 6] = [
    "export default defineWorkflow({ async execute() {} });",
    "export default defineWorkflow({ name: \"x\" });",
    "export default defineWorkflow({ name: 1, async execute() {} });",
    "export default defineWorkflow({ name: \"x\", phases: \"one\", async execute() {} });",
    "export default defineWorkflow({ name: \"x\", worktree: \"elsewhere\", async execute() {} });",
    "export default defineWorkflow({ name: \"x\", steps: [], async execute() {} });",
];

#[test]
fn twenty_wrong_ones_are_refused() {
    let bodies = WRONG.iter().map(|body| {
        format!(
            "{BEGIN}export default defineWorkflow({{\n  name: \"Wrong\",\n  argsSchema: z.object({{ name: z.string() }}),\n  async execute(ctx) {{\n    {body}\n  }},\n}});\n"
        )
    });
    let heads = WRONG_HEADS.iter().map(|head| format!("{BEGIN}{head}\n"));
    let texts: Vec<String> = bodies.chain(heads).collect();
    assert_eq!(texts.len(), 20);
    let files: Vec<(String, &str)> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| (format!("wrong-{n}.ts"), text.as_str()))
        .collect();
    let (ok, said) = check(&files);
    assert!(!ok);
    for (name, text) in files {
        assert!(
            said.contains(&format!("{name}(")),
            "{name} was taken:\n{text}\n{said}"
        );
    }
}

/// What stands between the braces that open first in this text.
fn braced(text: &str) -> &str {
    let begin = text.find('{').unwrap() + 1;
    let mut depth = 1;
    let end = text[begin..].find(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    &text[begin..begin + end.unwrap()]
}

/// The fields of an object type, those inside its fields left out.
fn fields(body: &str) -> BTreeSet<String> {
    let (mut depth, mut names, mut word) = (0, BTreeSet::new(), String::new());
    let mut fresh = true;
    let mut comment = false;
    let mut before = ' ';
    for c in body.chars() {
        match (before, c) {
            ('/', '*') => comment = true,
            ('*', '/') => comment = false,
            _ if comment => {}
            (_, '{' | '(' | '[') => depth += 1,
            (_, '}' | ')' | ']') => depth -= 1,
            (_, ';') if depth == 0 => (fresh, word) = (true, String::new()),
            (_, ':') if depth == 0 && fresh => {
                names.insert(word.trim().trim_end_matches('?').to_owned());
                fresh = false;
            }
            (_, c) if depth == 0 && fresh && (c.is_alphanumeric() || "_?".contains(c)) => {
                word.push(c);
            }
            _ => {}
        }
        before = c;
    }
    names
}

/// The fields of an interface of the types, or, after a `.`, of the object that one of its fields is.
fn declared(types: &str, name: &str) -> BTreeSet<String> {
    let mut path = name.split('.');
    let interface = format!("interface {}", path.next().unwrap());
    let at = types
        .match_indices(&interface)
        .find(|(at, _)| {
            let next = types[at + interface.len()..].chars().next();
            next.is_some_and(|c| !c.is_alphanumeric())
        })
        .unwrap_or_else(|| panic!("there is no {interface}"))
        .0;
    let mut body = braced(&types[at..]);
    for field in path {
        let at = body.find(&format!("{field}?:")).unwrap();
        body = braced(&body[at..]);
    }
    fields(body)
}

#[test]
fn the_types_have_the_fields_that_the_engine_takes() {
    let files = baton_script::editor_files();
    let (_, types) = files
        .iter()
        .find(|(name, _)| name.ends_with("baton.d.ts"))
        .unwrap();
    for (interface, table) in baton_core::definition::program_fields() {
        let more: &[&str] = match interface {
            "FunctionStepConfig" => &["fn", "type"],
            "AgentStepConfig" | "ScriptStepConfig" => &["type"],
            "WorkflowConfig" => &["execute"],
            _ => &[],
        };
        let expected: BTreeSet<String> = table
            .into_iter()
            .chain(more.iter().map(|&name| name.to_owned()))
            .collect();
        assert_eq!(declared(types, interface), expected, "{interface}");
    }
}

/// The fields of this interface, and of the objects in it, that take one of some words.
fn choices(types: &str, interface: &str) -> BTreeMap<String, BTreeSet<String>> {
    let at = types.find(&format!("interface {interface}")).unwrap();
    let body = braced(&types[at..]);
    let pieces = body.split([';', '{', '}', '\n']).map(str::trim);
    let fields = pieces.filter_map(|piece| piece.split_once(": "));
    fields
        .filter_map(|(name, kind)| {
            let alias = types.split_once(&format!("export type {kind} = "));
            let kind = alias.map_or(kind, |(_, after)| after.split(';').next().unwrap());
            let word = |word: &str| Some(word.strip_prefix('"')?.strip_suffix('"')?.to_owned());
            let words: Option<BTreeSet<String>> = kind.split(" | ").map(word).collect();
            let name = name.trim_end_matches('?').to_owned();
            words
                .filter(|words| words.len() > 1)
                .map(|words| (name, words))
        })
        .collect()
}

/// What the engine says that a field may be.
fn takes(said: &str) -> BTreeSet<String> {
    let (_, list) = said
        .rsplit_once("it is one of ")
        .unwrap_or_else(|| panic!("{said}"));
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_types_have_the_words_that_the_engine_takes() {
    let files = baton_script::editor_files();
    let types = files.iter().find(|(name, _)| name.ends_with("baton.d.ts"));
    let (_, types) = types.unwrap();
    let head = |head: &Value| parse_head("x", "x.ts", head);
    let definition = head(&json!({"name": "x"})).definition.unwrap();
    let mut compared = 0;
    for (interface, options) in [
        ("AgentStepConfig", json!({"type": "agent", "prompt": "x"})),
        (
            "ScriptStepConfig",
            json!({"type": "script", "command": ["x"]}),
        ),
        (
            "ApprovalConfig",
            json!({"type": "approval", "message": "x"}),
        ),
    ] {
        for (field, words) in choices(types, interface) {
            let mut options = options.clone();
            options["id"] = "a".into();
            options[&field] = "§".into();
            let said = parse_step(&definition, "a", &options).unwrap_err();
            assert_eq!(takes(&said), words, "{interface}.{field}");
            compared += 1;
        }
    }
    for (field, words) in choices(types, "WorkflowConfig") {
        let value = match field.as_str() {
            "mode" | "finish" => json!({"worktree": {&field: "§"}}),
            "on_full" => json!({"concurrency": {"key": "k", &field: "§"}}),
            "catch_up" => json!({"triggers": {"schedule": {"cron": "0 6 * * *", &field: "§"}}}),
            _ => json!({"defaults": {&field: "§"}}),
        };
        let mut value = value;
        value["name"] = "x".into();
        let found = head(&value).diagnostics;
        let said = found.iter().find_map(|found| found.help.clone());
        assert_eq!(takes(&said.unwrap()), words, "{field}");
        compared += 1;
    }
    assert!(compared >= 12, "{compared}");
}
