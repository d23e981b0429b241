//! Generated files: each names in its first lines the test that keeps it fresh, and that test
//! exists. The test itself belongs to the crate that generates, and is never run from here.

use crate::tree::{File, Tree};

/// What such a line holds before the test's name and a closing backquote. Split, so that this file
/// does not carry it itself.
const MARKER: &str = concat!("@gener", "ated by the test `");

/// The name of the test that keeps `file` fresh, when the file says it is generated.
pub fn marker(file: &File) -> Option<&str> {
    let line = file
        .text
        .lines()
        .take(5)
        .find(|line| line.contains(MARKER))?;
    line.split_once(MARKER)?.1.split('`').next()
}

/// Complains of a generated file that names no test, or one that does not exist.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in tree.files.iter().filter(|file| !is_lock(file)) {
        let says = file
            .text
            .lines()
            .take(5)
            .any(|line| line.contains(concat!("@gener", "ated")));
        let complaint = match marker(file) {
            None if says && file.extension() != "md" && !file.path.starts_with("crates/tidy/") => {
                format!("say which test keeps it fresh: {MARKER}name`")
            }
            Some(test) if !exists(tree, test) => format!("there is no test `{test}`"),
            _ => continue,
        };
        complaints.push(format!("{}: {complaint}", file.path));
    }
    complaints
}

/// Lock files are kept fresh by `--locked` and `npm ci`.
fn is_lock(file: &File) -> bool {
    matches!(file.name(), "Cargo.lock" | "package-lock.json")
}

fn exists(tree: &Tree, test: &str) -> bool {
    let (rust, script) = (format!("fn {test}()"), format!("it(\"{test}\""));
    tree.files.iter().any(|file| match file.extension() {
        "rs" => file.text.contains(&rust),
        "ts" => file.text.contains(&script),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_file_names_a_test_that_exists() {
        let by = |test: &str| format!("// {MARKER}{test}`\n");
        let test = (
            "crates/app/tests/wire.rs",
            "#[test]\nfn types_are_fresh() {}",
        );
        let good = by("types_are_fresh");
        assert_eq!(
            check(&Tree::of(&[test, ("web/src/api/types.ts", &good)])),
            Vec::<String>::new()
        );
        for bad in [by("nothing"), concat!("// @gener", "ated\n").to_owned()] {
            assert_eq!(
                check(&Tree::of(&[test, ("web/src/api/types.ts", &bad)])).len(),
                1,
                "{bad}"
            );
        }
    }
}
