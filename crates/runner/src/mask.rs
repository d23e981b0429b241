//! Masking of secret values in a stream. Owns the guarantee that no value passes, wherever the
//! stream is cut into chunks. It never guesses: only the values given are hidden.

use memchr::memmem::Finder;

/// What stands in the place of a value.
pub const MASK: &str = "***";

/// Values shorter than this many bytes are not masked: they would hit ordinary text.
pub const MIN_LEN: usize = 4;

/// Lines of a value of several lines are masked by themselves from this many bytes on.
const MIN_LINE: usize = 8;

/// Replaces secret values by `***` in a stream that arrives in chunks.
///
/// Besides each value, its form inside a JSON string is masked, and each of its lines when it has
/// several. Values that overlap in the text become one mask. What could be the start of a value is
/// held back until it is known not to be: fewer bytes than the longest value has.
#[derive(Debug, Clone, Default)]
pub struct Masker {
    values: Vec<Finder<'static>>,
    longest: usize,
    held: Vec<u8>,
    /// How many of the held bytes belong to a value whose mask is out already.
    covered: usize,
}

impl Masker {
    /// A masker for `secrets`. Those of fewer than [`MIN_LEN`] bytes are left out.
    pub fn new(secrets: &[String]) -> Self {
        let mut values: Vec<Vec<u8>> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        values.sort_unstable();
        values.dedup();
        let longest = values.iter().map(Vec::len).max().unwrap_or(0);
        let values = values
            .iter()
            .map(|value| Finder::new(value).into_owned())
            .collect();
        Self {
            values,
            longest,
            held: Vec::new(),
            covered: 0,
        }
    }

    /// There is nothing to mask: every chunk passes as it is.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Takes the next chunk and appends to `out` what can be shown.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if self.is_empty() {
            return out.extend_from_slice(chunk);
        }
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(chunk);
        let open = self.open_from(&text);
        self.emit(text, open, out);
    }

    /// Appends to `out` what was held back. The masker can then begin another stream.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.held);
        let end = text.len();
        self.emit(text, end, out);
        self.covered = 0;
    }

    /// `text`, masked, as a whole.
    pub fn mask(&self, text: &str) -> String {
        let mut masker = Self {
            held: Vec::new(),
            covered: 0,
            ..self.clone()
        };
        let mut out = Vec::with_capacity(text.len());
        masker.push(text.as_bytes(), &mut out);
        masker.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Where the end of `text` could be the beginning of a value.
    fn open_from(&self, text: &[u8]) -> usize {
        let begins = |rest: &[u8]| {
            let longer = |value: &&Finder<'static>| value.needle().len() > rest.len();
            self.values
                .iter()
                .filter(longer)
                .any(|value| value.needle().starts_with(rest))
        };
        let first = text.len().saturating_sub(self.longest.saturating_sub(1));
        (first..text.len())
            .find(|from| begins(&text[*from..]))
            .unwrap_or(text.len())
    }

    /// Shows `text` up to `open` and holds back the rest.
    fn emit(&mut self, mut text: Vec<u8>, open: usize, out: &mut Vec<u8>) {
        let mut shown = self.covered;
        for (from, to) in self.matches(&text) {
            if from >= open {
                break;
            }
            if from >= shown {
                out.extend_from_slice(&text[shown..from]);
                out.extend_from_slice(MASK.as_bytes());
            }
            shown = shown.max(to);
        }
        if shown < open {
            out.extend_from_slice(&text[shown..open]);
        }
        self.covered = shown.saturating_sub(open);
        text.drain(..open);
        self.held = text;
    }

    /// Every place of every value, overlapping ones too, by where they begin.
    fn matches(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let mut places = Vec::new();
        for value in &self.values {
            let mut from = 0;
            while let Some(at) = text.get(from..).and_then(|rest| value.find(rest)) {
                let start = from + at;
                places.push((start, start + value.needle().len()));
                from = start + 1;
            }
        }
        places.sort_unstable();
        places
    }
}

/// The texts a secret may appear as.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    // Around a value they come from the file it was kept in, and a shell leaves them out. At its
    // beginning they would also hold back the end of every line, for which someone may wait.
    let secret = secret.trim_matches(['\n', '\r']);
    if secret.len() < MIN_LEN {
        return Vec::new();
    }
    let mut forms = vec![secret.as_bytes().to_vec()];
    if let Ok(quoted) = serde_json::to_string(secret) {
        forms.push(quoted.as_bytes()[1..quoted.len() - 1].to_vec());
    }
    if secret.contains('\n') {
        let lines = secret
            .lines()
            .map(str::trim)
            .filter(|line| line.len() >= MIN_LINE);
        forms.extend(lines.map(|line| line.as_bytes().to_vec()));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secrets: &[&str], text: &str, chunk: usize) -> String {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let mut masker = Masker::new(&secrets);
        let mut out = Vec::new();
        for part in text.as_bytes().chunks(chunk) {
            masker.push(part, &mut out);
            assert!(
                masker.held.len() < masker.longest.max(1),
                "held back too much"
            );
        }
        masker.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_value_is_masked_however_the_stream_is_cut() {
        let text = "a hunter2 b hunter hunter2hunter2 hunte";
        for chunk in 1..=text.len() {
            let shown = masked(&["hunter2"], text, chunk);
            assert_eq!(shown, "a *** b hunter ****** hunte", "chunks of {chunk}");
        }
    }

    #[test]
    fn nothing_is_left_of_values_that_overlap_or_contain_each_other() {
        for chunk in 1..=20 {
            assert_eq!(masked(&["abcd", "abcdef"], "xabcdefy", chunk), "x***y");
            assert_eq!(masked(&["abcd", "abcdef"], "xabcdey", chunk), "x***ey");
            assert_eq!(masked(&["abcd", "cdef"], "xabcdefy", chunk), "x***y");
            assert_eq!(masked(&["aaaa"], "baaaaaaaaab", chunk), "b***b");
            assert_eq!(masked(&["abab", "babx"], "abababx", chunk), "***");
        }
    }

    #[test]
    fn short_values_pass_and_text_without_values_is_unchanged() {
        assert_eq!(masked(&["", "abc"], "abc abc", 2), "abc abc");
        assert_eq!(masked(&["secret"], "nothing here", 3), "nothing here");
    }

    #[test]
    fn quoted_forms_and_single_lines_of_a_value_are_masked() {
        let key = "line one is long\nline two \"is\" long";
        for chunk in [1, 7, 100] {
            assert_eq!(
                masked(
                    &[key],
                    r#"{"k":"line one is long\nline two \"is\" long"}"#,
                    chunk
                ),
                r#"{"k":"***"}"#
            );
            assert_eq!(masked(&[key], "> line one is long <", chunk), "> *** <");
        }
    }
}
