//! Changes of files, as one use of a tool with one unified diff.

use baton_core::activity::{ToolKind, ToolUse};
use serde_json::Value;

use super::bounds::{DIFF, OUTPUT, TITLE, cut};
use super::wire::{list, str};

/// A `fileChange` item.
pub fn edit(base: ToolUse, item: &Value) -> ToolUse {
    let changes = list(item, "changes");
    let kinds: Vec<&str> = changes.iter().map(change_kind).collect();
    let moved = |change: &Value| {
        change
            .get("kind")
            .is_some_and(|k| str(k, "move_path").is_some())
    };
    let tool = if !kinds.is_empty() && kinds.iter().all(|kind| *kind == "delete") {
        ToolKind::Delete
    } else if !changes.is_empty() && changes.iter().all(moved) {
        ToolKind::Move
    } else {
        ToolKind::Edit
    };
    let paths: Vec<String> = changes
        .iter()
        .filter_map(|change| str(change, "path"))
        .map(|path| cut(path, OUTPUT))
        .collect();
    let diff = diff(changes);
    ToolUse {
        name: "apply_patch".into(),
        tool,
        title: cut(&paths.join(", "), TITLE),
        paths,
        diff: (!diff.is_empty()).then_some(diff),
        ..base
    }
}

fn change_kind(change: &Value) -> &str {
    match change.get("kind") {
        Some(Value::String(kind)) => kind,
        Some(kind) => str(kind, "type").unwrap_or(""),
        None => "",
    }
}

/// One unified diff of all changes. Codex gives hunks without file names for an update, and the whole
/// text for an added or deleted file.
pub fn diff(changes: &[Value]) -> String {
    let mut all = String::new();
    for change in changes {
        let Some(text) = str(change, "diff").filter(|_| all.len() < DIFF) else {
            continue;
        };
        let text = cut(text, DIFF);
        let path = cut(str(change, "path").unwrap_or(""), OUTPUT);
        let lines = text.lines().count();
        let whole =
            |sign: char| -> String { text.lines().map(|line| format!("{sign}{line}\n")).collect() };
        all.push_str(&match change_kind(change) {
            "add" => format!(
                "--- /dev/null\n+++ {path}\n@@ -0,0 +1,{lines} @@\n{}",
                whole('+')
            ),
            "delete" => format!(
                "--- {path}\n+++ /dev/null\n@@ -1,{lines} +0,0 @@\n{}",
                whole('-')
            ),
            _ => {
                let moved = change.get("kind").and_then(|kind| str(kind, "move_path"));
                format!(
                    "--- {path}\n+++ {}\n{text}",
                    cut(moved.unwrap_or(&path), OUTPUT)
                )
            }
        });
        if !all.ends_with('\n') {
            all.push('\n');
        }
    }
    cut(&all, DIFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_one_unified_diff() {
        let changes = [
            json!({"path": "a", "kind": {"type": "add"}, "diff": "x\ny\n"}),
            json!({"path": "b", "kind": {"type": "delete"}, "diff": "z"}),
            json!({"path": "c", "kind": {"type": "update", "move_path": "d"}, "diff": "@@ -1 +1 @@\n-1\n+2\n"}),
        ];
        assert_eq!(
            diff(&changes),
            "--- /dev/null\n+++ a\n@@ -0,0 +1,2 @@\n+x\n+y\n--- b\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-z\n--- c\n+++ d\n@@ -1 +1 @@\n-1\n+2\n"
        );
        let big = [json!({"path": "a", "kind": {"type": "add"}, "diff": "é\n".repeat(100_000)})];
        assert!(diff(&big).len() <= DIFF);
    }
}
