//! From files to a bundle: what is read, what is known without running `execute`, and what is refused.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod sim;

use std::path::Path;

use baton_core::definition::{Diagnostic, parse_bundle};
use baton_script::{Compiled, Limits, Source, compile_here};
use serde_json::{Value, json};
use sim::World;

const DEFINITIONS: &str = "flows";

/// Compiles `flows/flow.ts` of a project with these files.
fn compiled(dir: &Path, files: &[(&str, &str)]) -> Compiled {
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let source = Source {
        project: dir.to_owned(),
        key: "flow".into(),
        path: format!("{DEFINITIONS}/flow.ts"),
        text: None,
    };
    compile_here(&source, &Limits::default())
}

fn found(compiled: Compiled) -> Vec<Diagnostic> {
    compiled.diagnostics.into_iter().map(Into::into).collect()
}

fn in_project(files: &[(&str, &str)]) -> Compiled {
    compiled(tempfile::tempdir().unwrap().path(), files)
}

fn flow(imports: &str, body: &str) -> String {
    format!(
        "import {{ defineWorkflow }} from \"baton\";\n{imports}\nexport default defineWorkflow({{\n  name: \"Flow\",\n  async execute(ctx) {{\n    {body}\n  }},\n}});\n"
    )
}

/// How a run of it ends.
fn lived(bundle: &str) -> String {
    let mut world = World::new(bundle, &json!({}));
    world.live(100);
    sim::story(&world.run, &world.journal)
}

#[test]
fn files_and_packages_of_es_modules_are_imported() {
    let flow = flow(
        "import { twice } from './lib/twice.js';\nimport { three } from 'three';\nimport words from './words.json';\nconst late = () => import('./late');",
        "return [twice(2), three, words.hello, (await late()).default];",
    );
    let compiled = in_project(&[
        ("flows/flow.ts", &flow),
        (
            "flows/lib/twice.ts",
            "import type { N } from './types';\nexport const twice = (n: N): N => n * 2;",
        ),
        ("flows/lib/types.ts", "export type N = number;"),
        ("flows/words.json", "{\"hello\": \"world\"}"),
        ("flows/late.ts", "export default 'late' as const;"),
        (
            "node_modules/three/package.json",
            "{\"name\": \"three\", \"type\": \"module\", \"exports\": {\".\": {\"import\": \"./index.js\"}}}",
        ),
        ("node_modules/three/index.js", "export const three = 3;"),
    ]);
    let story = lived(&compiled.bundle.unwrap());
    assert!(
        story.starts_with("completed [4,3,\"world\",\"late\"]"),
        "{story}"
    );
}

#[test]
fn nothing_outside_the_project_is_imported() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.ts"), "export default 1;").unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("flows")).unwrap();
    std::os::unix::fs::symlink(
        outside.path().join("secret.ts"),
        dir.path().join("flows/link.ts"),
    )
    .unwrap();
    let there = outside.path().file_name().unwrap().to_str().unwrap();
    for (import, said) in [
        ("./link", "outside the project"),
        (&*format!("../../{there}/secret"), "outside the project"),
        ("/etc/passwd", "is an absolute path"),
        ("file:///etc/passwd", "is an absolute path"),
        ("node:fs", "is not there in a workflow"),
        ("child_process", "is not there in a workflow"),
        (
            "missing-package",
            "the project has no package `missing-package`",
        ),
        ("../../..", "there is no file"),
        ("old", "has no ES module"),
    ] {
        let text = flow(&format!("import x from '{import}';\nvoid x;"), "");
        let compiled = compiled(
            dir.path(),
            &[
                ("flows/flow.ts", &text),
                ("node_modules/old/package.json", "{\"main\": \"index.js\"}"),
                ("node_modules/old/index.js", "module.exports = 1;"),
            ],
        );
        assert!(compiled.bundle.is_none(), "{import}");
        let found = found(compiled);
        let first = &found[0];
        assert_eq!((first.code, first.line), ("import", 2), "{first:?}");
        assert!(first.message.contains(said), "{import}: {}", first.message);
    }
}

#[test]
fn a_definition_is_known_without_running_it() {
    let text = "import { defineWorkflow } from \"baton\";
import { z } from \"zod\";
export default defineWorkflow({
  name: \"Known\",
  description: \"What it does\",
  phases: [\"one\", { id: \"two\", label: \"Two\" }],
  argsSchema: z.object({ n: z.number().min(1), tags: z.array(z.string()).default([]) }),
  async execute(ctx) {
    while (true) {}
    await ctx.step(\"build\", { type: \"script\", phase: \"one\", name: \"Build it\", command: \"make\" });
    await ctx.approval(\"ok\", \"Go on?\");
  },
});
";
    let bundle = in_project(&[("flows/flow.ts", text)]).bundle.unwrap();
    let definition = parse_bundle("flow", "flows/flow.ts", &bundle).unwrap();
    let definition = definition.definition.unwrap();
    assert_eq!(definition.name, "Known");
    assert_eq!(definition.phases.len(), 2);
    let head: Value = serde_json::from_str::<Value>(&bundle).unwrap()["head"].take();
    let schema = &head["argsSchema"];
    assert_eq!(schema["properties"]["n"]["minimum"], 1);
    assert_eq!(schema["required"], json!(["n"]));
    let outline = definition.program.unwrap().outline;
    let outline: Vec<_> = outline
        .iter()
        .map(|step| {
            (
                step.id.as_str(),
                step.name.as_deref(),
                step.phase.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        outline,
        [("build", Some("Build it"), Some("one")), ("ok", None, None)]
    );
}

#[test]
fn an_error_in_a_file_that_is_imported_has_its_place_there() {
    let text = flow("import { fails } from './fails';", "return fails();");
    let helper = "interface Unused { a: string }\n\nexport function fails(): never {\n  const why: string = 'no luck';\n  throw new Error(why);\n}\n";
    let files = [("flows/flow.ts", text.as_str()), ("flows/fails.ts", helper)];
    let story = lived(&in_project(&files).bundle.unwrap());
    assert!(
        story.starts_with("failed Error: no luck (fails.ts:5:"),
        "{story}"
    );
    let broken = [files[0], ("flows/fails.ts", "export const a = ;\n")];
    let found = found(in_project(&broken));
    let first = &found[0];
    assert_eq!((first.file.as_str(), first.line), ("flows/fails.ts", 1));
}

#[test]
fn values_in_shell_text_are_warned_of() {
    let text = flow(
        "",
        "await ctx.step('a', { type: 'script', command: `echo ${ctx.args.x}` });",
    );
    let compiled = in_project(&[("flows/flow.ts", &text)]);
    assert!(compiled.bundle.is_some());
    let found = found(compiled);
    assert_eq!((found[0].code, found[0].line), ("value_in_command", 6));
    assert!(found[0].help.as_deref().unwrap().contains("sh`…`"));
}

#[test]
fn deep_nesting_and_large_files_are_refused_with_words() {
    for text in [
        format!("// {}", "x".repeat(5 << 20)),
        flow("const = 1;", ""),
        "export default 7;".to_owned(),
        String::new(),
    ] {
        let compiled = in_project(&[("flows/flow.ts", &text)]);
        assert!(compiled.bundle.is_none() && !compiled.diagnostics.is_empty());
    }
}
