//! How a module introduces itself: a name from the domain, a first line that says what it owns,
//! and a reason wherever it steps around a rule.

use crate::tree::{File, Tree};

/// Names that say nothing, so that anything ends up in them.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "managers",
];

/// Complains of empty names, modules without a first line, and exceptions without a reason.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in tree.files.iter().filter(|file| is_ours(file)) {
        if let Some(name) = empty_name(&file.path) {
            complaints.push(format!(
                "{}: `{name}` says nothing: name what it owns",
                file.path
            ));
        }
        if file.extension() == "rs" {
            rust_complaints(file, &mut complaints);
        }
    }
    complaints
}

fn is_ours(file: &File) -> bool {
    (file.path.starts_with("crates/") || file.path.starts_with("web/"))
        && matches!(file.extension(), "rs" | "ts" | "tsx")
}

fn empty_name(path: &str) -> Option<&'static str> {
    let stem = |part: &str| part.split('.').next().unwrap_or_default().replace('-', "_");
    let parts: Vec<String> = path.split('/').map(stem).collect();
    EMPTY_NAMES
        .iter()
        .copied()
        .find(|name| parts.iter().any(|part| part == name))
}

fn rust_complaints(file: &File, complaints: &mut Vec<String>) {
    if !file.text.starts_with("//!") {
        complaints.push(format!(
            "{}:1: begin with `//!`: what the file owns, and what it never does",
            file.path
        ));
    }
    let lines: Vec<&str> = file.text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        if code.starts_with("#[ignore]") {
            complaints.push(format!(
                "{}:{}: say why: #[ignore = \"…\"]",
                file.path,
                index + 1
            ));
        }
        let declared = code.trim_start_matches("pub ").strip_prefix("mod ");
        let declared = declared.map(|rest| rest.trim_end_matches([' ', '{', '}', ';']));
        if let Some(name) = declared.filter(|name| EMPTY_NAMES.contains(name)) {
            complaints.push(format!(
                "{}:{}: `mod {name}` says nothing",
                file.path,
                index + 1
            ));
        }
        // rustfmt may put the reason on one of the next lines.
        let steps_around = code.starts_with('#') && line.contains("disallowed_methods");
        let reasoned = lines
            .iter()
            .skip(index)
            .take(4)
            .any(|line| line.contains("reason"));
        if steps_around && !reasoned {
            complaints.push(format!(
                "{}:{}: give the reason: reason = \"…\"",
                file.path,
                index + 1
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_name_that_says_nothing_is_refused_wherever_it_stands() {
        for path in [
            "crates/core/src/utils.rs",
            "crates/app/src/common/mod.rs",
            "web/src/lib/misc.ts",
            "web/src/helpers/date.tsx",
        ] {
            assert_eq!(complaints(path, "//! Owns.\n"), 1, "{path}");
        }
        assert_eq!(
            complaints("crates/core/src/run.rs", "//! Owns.\nmod helpers {\n"),
            1
        );
        assert_eq!(
            complaints("crates/core/src/run.rs", "//! Owns.\nmod state;\n"),
            0
        );
    }

    #[test]
    fn a_module_says_first_what_it_owns() {
        assert_eq!(complaints("crates/core/src/run.rs", "use std::fmt;\n"), 1);
        assert_eq!(complaints("crates/core/src/run.rs", ""), 1);
    }

    #[test]
    fn an_exception_gives_its_reason() {
        let head = "//! Owns.\n";
        let bare = concat!("#[ignore]\n#[allow(clippy::disallowed_", "methods)]\n");
        assert_eq!(
            complaints("crates/core/src/run.rs", &format!("{head}{bare}")),
            2
        );
        let said = concat!(
            "#[expect(\n  clippy::disallowed_",
            "methods,\n  reason = \"x\"\n)]\n"
        );
        assert_eq!(
            complaints("crates/core/src/run.rs", &format!("{head}{said}")),
            0
        );
    }
}
