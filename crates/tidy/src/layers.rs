//! Which crate may know which: `core <- engine <- {store, runner, …} <- app`, siblings never each
//! other; and that `core` stays pure.

use toml::{Table, Value};

use crate::tree::{File, Tree};

/// A crate of the workspace and the members it may depend on.
struct Layer {
    package: &'static str,
    may_use: &'static [&'static str],
}

const CORE: &str = "baton-core";
const ENGINE: &str = "baton-engine";

/// Every member of the workspace. A new crate is entered here, with its place.
const LAYERS: &[Layer] = &[
    Layer {
        package: CORE,
        may_use: &[],
    },
    Layer {
        package: ENGINE,
        may_use: &[CORE],
    },
    Layer {
        package: "baton-store",
        may_use: &[CORE, ENGINE],
    },
    Layer {
        package: "baton-runner",
        may_use: &[CORE, ENGINE],
    },
    Layer {
        package: "baton-worktree",
        may_use: &[],
    },
    Layer {
        package: "baton-agents",
        may_use: &[CORE, ENGINE],
    },
    Layer {
        package: "baton-script",
        may_use: &[CORE, ENGINE],
    },
    Layer {
        package: "baton-remote",
        may_use: &[CORE, ENGINE],
    },
    Layer {
        package: "baton",
        may_use: &[
            CORE,
            ENGINE,
            "baton-store",
            "baton-runner",
            "baton-worktree",
            "baton-agents",
            "baton-script",
            "baton-remote",
        ],
    },
    Layer {
        package: TESTKIT,
        may_use: &[CORE, ENGINE],
    },
    // Its tests speak to the fakes through the real drivers.
    Layer {
        package: "baton-fakes",
        // Its tests talk to the fakes through the real drivers.
        may_use: &[CORE, "baton-agents"],
    },
    Layer {
        package: "baton-tidy",
        may_use: &[],
    },
];

/// Scripted agents, clocks and journals for tests: every crate may use it, none may ship it.
const TESTKIT: &str = "baton-testkit";

/// Crates that would bring a clock, files, threads, randomness or a database into `core`.
const IMPURE: &[&str] = &[
    "tokio",
    "rusqlite",
    "rustix",
    "libc",
    "uuid",
    "rand",
    "getrandom",
    "hyper",
    "axum",
    "tempfile",
];

/// What the same would look like in its source.
const IMPURE_PATHS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant",
];

/// The files with unsafe code: what the engine compiled is given back to it, its memory is put back to how it
/// was, and whoever does so knows why it may.
const UNSAFE: &[&str] = &[
    "crates/script/src/isolate/code.rs",
    "crates/script/src/isolate/arena.rs",
    "crates/script/src/isolate/blank.rs",
];

/// Complains of every dependency that points the wrong way, of a member without lints, and of unsafe
/// code where it has no place.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in tree.files.iter().filter(|file| is_member(&file.path)) {
        match file.text.parse::<Table>() {
            Ok(manifest) => manifest_complaints(&file.path, &manifest, &mut complaints),
            Err(error) => complaints.push(format!("{}: {error}", file.path)),
        }
    }
    let denies = tree
        .text("Cargo.toml")
        .is_some_and(|text| text.contains("unsafe_code = \"deny\""));
    if !denies {
        complaints.push("Cargo.toml: [workspace.lints.rust] must deny unsafe_code".into());
    }
    for file in &tree.files {
        let is_source = file.path.starts_with("crates/") && file.path.ends_with(".rs");
        let permits = ["expect(unsafe_code", "allow(unsafe_code"];
        if is_source
            && !UNSAFE.contains(&file.path.as_str())
            && file.path != "crates/tidy/src/layers.rs"
            && permits.iter().any(|permit| file.text.contains(permit))
        {
            complaints.push(format!(
                "{}: unsafe code has its place in {}",
                file.path,
                UNSAFE.join(", ")
            ));
        }
        if file.path.starts_with("crates/core/src/") && !file.is_test() {
            impure_lines(file, &mut complaints);
        }
    }
    complaints
}

fn is_member(path: &str) -> bool {
    path.starts_with("crates/") && path.ends_with("/Cargo.toml") && path.split('/').count() == 3
}

fn manifest_complaints(path: &str, manifest: &Table, complaints: &mut Vec<String>) {
    let name = manifest
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(Value::as_str);
    let name = name.unwrap_or_default();
    let Some(layer) = LAYERS.iter().find(|layer| layer.package == name) else {
        complaints.push(format!(
            "{path}: `{name}` has no place yet: enter it in tidy's layers.rs"
        ));
        return;
    };
    let inherits = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    if inherits.and_then(Value::as_bool) != Some(true) {
        complaints.push(format!("{path}: write `[lints]` with `workspace = true`"));
    }
    for (kind, used) in dependencies(manifest) {
        let member = used == "baton" || used.starts_with("baton-");
        let for_tests = kind == "dev-dependencies" && used == TESTKIT;
        // A crate may name itself for its own tests, to switch on a feature.
        let itself = kind == "dev-dependencies" && used == name;
        if member && !for_tests && !itself && !layer.may_use.contains(&used.as_str()) {
            complaints.push(format!("{path}: `{name}` must not know `{used}` ({kind})"));
        }
        if name == CORE && kind != "dev-dependencies" && IMPURE.contains(&used.as_str()) {
            complaints.push(format!("{path}: `core` is pure and must not use `{used}`"));
        }
    }
}

/// Kind and package name of every dependency, those of single targets included.
fn dependencies(manifest: &Table) -> Vec<(&'static str, String)> {
    let targets = manifest
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(Table::values);
    let tables = targets.filter_map(Value::as_table).chain([manifest]);
    let mut found = Vec::new();
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = table
                .get(kind)
                .and_then(Value::as_table)
                .into_iter()
                .flatten();
            found.extend(entries.map(|(key, entry)| {
                let renamed = entry.get("package").and_then(Value::as_str);
                (kind, renamed.unwrap_or(key).to_owned())
            }));
        }
    }
    found
}

fn impure_lines(file: &File, complaints: &mut Vec<String>) {
    // A file's own tests stand at its end, and may read what they like.
    let code = file
        .lines()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    for (number, line) in code.filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for path in IMPURE_PATHS.iter().filter(|path| mentions(line, path)) {
            complaints.push(format!(
                "{}:{number}: `{path}` does not belong in core: what a decision needs comes with its command",
                file.path
            ));
        }
    }
}

/// Whether `line` holds `path` as a whole, not as part of a longer name.
fn mentions(line: &str, path: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(path)
        .any(|(at, _)| !line[..at].ends_with(joins) && !line[at + path.len()..].starts_with(joins))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: (&str, &str) = ("Cargo.toml", "unsafe_code = \"deny\"");

    fn complaints(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[ROOT, (path, text)]))
    }

    #[test]
    fn a_sibling_is_refused_by_any_kind_of_dependency() {
        for table in [
            "dependencies",
            "dev-dependencies",
            "target.'cfg(unix)'.dependencies",
        ] {
            let manifest = format!(
                "[package]\nname = \"baton-store\"\n[lints]\nworkspace = true\n[{table}]\nr = {{ package = \"baton-runner\" }}"
            );
            assert_eq!(
                complaints("crates/store/Cargo.toml", &manifest).len(),
                1,
                "{table}"
            );
        }
    }

    #[test]
    fn the_engine_below_is_fine_and_the_testkit_only_for_tests() {
        let good = "[package]\nname = \"baton-store\"\n[lints]\nworkspace = true\n[dependencies]\nbaton-engine.workspace = true\n[dev-dependencies]\nbaton-testkit.workspace = true";
        assert_eq!(
            complaints("crates/store/Cargo.toml", good),
            Vec::<String>::new()
        );
        let bad = good.replace("[dev-dependencies]\n", "");
        assert_eq!(complaints("crates/store/Cargo.toml", &bad).len(), 1);
    }

    #[test]
    fn a_member_without_the_workspace_lints_is_named() {
        let manifest = "[package]\nname = \"baton-store\"";
        assert_eq!(complaints("crates/store/Cargo.toml", manifest).len(), 1);
    }

    #[test]
    fn unsafe_code_is_permitted_in_few_files_only() {
        let text = "#[expect(unsafe_code, reason = \"…\")]";
        for permitted in UNSAFE {
            assert_eq!(complaints(permitted, text), Vec::<String>::new());
        }
        assert_eq!(complaints("crates/store/src/lib.rs", text).len(), 1);
    }

    #[test]
    fn core_may_speak_of_a_clock_but_not_read_one() {
        let path = "crates/core/src/time.rs";
        assert_eq!(
            complaints(path, "//! No Instant here.\nstruct Instantly;\n"),
            Vec::<String>::new()
        );
        assert_eq!(complaints(path, "let now = Instant::now();").len(), 1);
        assert_eq!(complaints(path, "use std::fs::File;").len(), 1);
        assert_eq!(
            complaints(path, "#[cfg(test)]\nmod tests { use std::fs; }"),
            Vec::<String>::new()
        );
    }
}
