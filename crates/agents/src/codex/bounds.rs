//! How much text goes into an activity; cuts are at characters.

/// Bytes of a tool's output in an activity.
pub const OUTPUT: usize = 4 << 10;
/// Bytes of a diff in an activity.
pub const DIFF: usize = 64 << 10;
/// Bytes of a question's input.
pub const INPUT: usize = 16 << 10;
/// Bytes of a line for people.
pub const TITLE: usize = 200;
/// Bytes of an error's words.
pub const WORDS: usize = 4 << 10;

const MARK: &str = "…";

/// The text, or as much of its begin as fits, with a mark that it was cut.
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

/// The text's last bytes, at most so many.
pub fn tail(text: &str, most: usize) -> &str {
    let mut start = text.len().saturating_sub(most);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// The first line with something in it, as a title.
pub fn title(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    cut(line.unwrap_or(""), TITLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_at_characters() {
        let text = "aé".repeat(10);
        for most in 3..30 {
            assert!(cut(&text, most).len() <= most.max(3));
            assert!(tail(&text, most).len() <= most);
        }
        assert_eq!(cut("short", 5), "short");
        assert_eq!(title("\n  first \nsecond"), "first");
    }
}
