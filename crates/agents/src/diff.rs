//! Unified diffs from two texts. One hunk: what both begin and end with is left out but for three
//! lines around it, so that a diff of a text of any length takes one pass.

use crate::bounded;

/// Lines of both texts kept around a change.
const AROUND: usize = 3;

/// A unified diff of a file's text, at most 64 KB. `None` for `old`: the file is new. Line numbers
/// are those within the texts; an agent may give pieces of files.
pub(crate) fn unified(path: &str, old: Option<&str>, new: &str) -> String {
    let before: Vec<&str> = old.unwrap_or_default().lines().collect();
    let after: Vec<&str> = new.lines().collect();
    let shorter = before.len().min(after.len());
    let same = |(a, b): (&&str, &&str)| *a == *b;
    let head = before
        .iter()
        .zip(&after)
        .take_while(|&(a, b)| same((a, b)))
        .count();
    let backwards = before.iter().rev().zip(after.iter().rev());
    let tail = backwards
        .take(shorter - head)
        .take_while(|&(a, b)| same((a, b)))
        .count();

    let first = head.saturating_sub(AROUND);
    let trailing = tail.min(AROUND);
    let gone = &before[head..before.len() - tail];
    let come = &after[head..after.len() - tail];
    let lines = |changed: usize| (head - first) + changed + trailing;
    let start = |count: usize| if count == 0 { 0 } else { first + 1 };
    let (minus, plus) = (lines(gone.len()), lines(come.len()));

    let from = if old.is_some() { path } else { "/dev/null" };
    let mut diff = format!(
        "--- {from}\n+++ {path}\n@@ -{},{minus} +{},{plus} @@\n",
        start(minus),
        start(plus)
    );
    let mut push = |sign: char, lines: &[&str]| {
        for line in lines {
            if diff.len() <= bounded::DIFF {
                diff.push(sign);
                diff.push_str(line);
                diff.push('\n');
            }
        }
    };
    push(' ', &before[first..head]);
    push('-', gone);
    push('+', come);
    push(
        ' ',
        &before[before.len() - tail..before.len() - tail + trailing],
    );
    bounded::head(&diff, bounded::DIFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_three_lines_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        assert_eq!(
            unified("a", Some(old), "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            "--- a\n+++ a\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(
            unified("a", None, "x\n"),
            "--- /dev/null\n+++ a\n@@ -0,0 +1,1 @@\n+x\n"
        );
        assert_eq!(
            unified("a", Some("x\nx\n"), "x\n"),
            "--- a\n+++ a\n@@ -1,2 +1,1 @@\n x\n-x\n"
        );
    }

    #[test]
    fn a_long_diff_is_cut() {
        let long = "line\n".repeat(100_000);
        assert!(unified("a", None, &long).len() <= bounded::DIFF);
        assert!(unified("a", None, &"x".repeat(1 << 20)).len() <= bounded::DIFF);
    }
}
