//! Diffs from what Claude's file tools report (`structuredPatch`, or the whole text of a new file).
//! Never reads a file.

use serde_json::Value;

use super::text::{DIFF, ITEM, head};
use super::wire::{count, list, text};

/// The change of a `tool_use_result` of Edit, Write or NotebookEdit as a unified diff, at most 64 KB.
pub(super) fn of(result: &Value) -> Option<String> {
    let path = head(text(result, "filePath"), ITEM);
    if path.is_empty() {
        return None;
    }
    let hunks = list(&result["structuredPatch"]);
    let content = text(result, "content");
    let is_new = result["type"] == "create" && result["originalFile"].is_null();
    if hunks.is_empty() && (!is_new || content.is_empty()) {
        return None;
    }
    let from = if is_new { "/dev/null" } else { path.as_str() };
    let mut diff = format!("--- {from}\n+++ {path}\n");
    if hunks.is_empty() {
        let lines = content.lines().count();
        diff.push_str(&format!("@@ -0,0 +1,{lines} @@\n"));
        content.lines().for_each(|line| push(&mut diff, "+", line));
    }
    for hunk in hunks {
        let at = |key| count(hunk, key);
        let (old, old_lines) = (at("oldStart"), at("oldLines"));
        let (new, new_lines) = (at("newStart"), at("newLines"));
        push(
            &mut diff,
            "",
            &format!("@@ -{old},{old_lines} +{new},{new_lines} @@"),
        );
        for line in list(&hunk["lines"]) {
            push(&mut diff, "", line.as_str().unwrap_or_default());
        }
    }
    Some(head(&diff, DIFF))
}

/// A line, unless the diff is long enough.
fn push(diff: &mut String, sign: &str, line: &str) {
    if diff.len() <= DIFF {
        diff.push_str(sign);
        diff.push_str(line);
        diff.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_edit_has_its_hunks() {
        let hunk = json!({"oldStart": 1, "oldLines": 2, "newStart": 1, "newLines": 2,
            "lines": [" a", "-b", "+c"]});
        let edit = json!({"filePath": "/x", "structuredPatch": [hunk], "originalFile": "a\nb\n"});
        let expected = "--- /x\n+++ /x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n";
        assert_eq!(of(&edit).as_deref(), Some(expected));
    }

    #[test]
    fn a_new_file_is_all_new_and_a_long_one_is_cut() {
        let file = |content: &str| {
            json!({"type": "create", "filePath": "/x", "content": content,
                "structuredPatch": [], "originalFile": null})
        };
        let expected = "--- /dev/null\n+++ /x\n@@ -0,0 +1,2 @@\n+a\n+b\n";
        assert_eq!(of(&file("a\nb\n")).as_deref(), Some(expected));
        let long = of(&file(&"ü\n".repeat(100_000))).unwrap();
        assert!(long.len() <= DIFF);
        assert_eq!(of(&json!({"stdout": "x"})), None);
    }
}
