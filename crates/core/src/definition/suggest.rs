//! "Did you mean …": the nearest of the words that would be right.

/// Among more words than this no suggestion is worth the time.
const MAX_WORDS: usize = 500;

/// The nearest word, when it is near enough to have been meant.
pub(crate) fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if word.len() > 64 {
        return None;
    }
    let wanted = normal(word);
    let limit = 1 + wanted.chars().count() / 4;
    words
        .into_iter()
        .take(MAX_WORDS)
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= limit + 4)
        .map(|candidate| (distance(&wanted, &normal(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Case and word separators do not make words different.
fn normal(word: &str) -> String {
    word.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Edits from one word to the other; two letters changing places are one.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if swapped {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_seen_through() {
        assert_eq!(nearest("promt", ["prompt", "permission"]), Some("prompt"));
        assert_eq!(nearest("tiemout", ["timeout", "retry"]), Some("timeout"));
        assert_eq!(
            nearest("maxparallel", ["max_parallel"]),
            Some("max_parallel")
        );
        assert_eq!(nearest("banana", ["prompt", "permission"]), None);
    }
}
