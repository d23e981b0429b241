//! The end of a file of lines that grows: whole lines, each with the byte it begins at.

use std::io;

use super::tail::Tail;

/// See the module.
#[derive(Debug)]
pub struct Lines {
    tail: Tail,
    /// The beginning of a line whose end is not there yet.
    pending: String,
    /// Where it begins.
    offset: u64,
    /// Its beginning was passed over.
    is_torn: bool,
    longest: usize,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Without its end; `None` when it is longer than is wanted.
    pub text: Option<String>,
    /// Where it begins, in bytes.
    pub offset: u64,
}

impl Lines {
    /// The lines of this file, from its beginning or from now on.
    pub fn new(mut tail: Tail, from_now: bool, longest: usize) -> Self {
        // From the last byte there is: mostly the end of a line, else what follows it is torn.
        let is_torn = from_now && tail.skip(1);
        Self {
            tail,
            pending: String::new(),
            offset: 0,
            is_torn,
            longest,
        }
    }

    /// The lines that became whole since the last look: some of them; none when there are none.
    pub fn read(&mut self) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        while lines.is_empty() {
            let Some(piece) = self.tail.read(false)? else {
                break;
            };
            if piece.offset != self.offset + self.pending.len() as u64 {
                // Another file is in its place.
                self.is_torn &= piece.offset > 0;
                self.pending.clear();
                self.offset = piece.offset;
            }
            self.take(&piece.text, &mut lines);
        }
        Ok(lines)
    }

    fn take(&mut self, text: &str, lines: &mut Vec<Line>) {
        for part in text.split_inclusive('\n') {
            let length = (self.pending.len() + part.len()) as u64;
            let Some(end) = part.strip_suffix('\n') else {
                self.keep(part);
                continue;
            };
            let mut line = std::mem::take(&mut self.pending);
            line.push_str(end);
            let is_long = line.len() > self.longest;
            if !std::mem::take(&mut self.is_torn) {
                lines.push(Line {
                    text: (!is_long).then_some(line),
                    offset: self.offset,
                });
            }
            self.offset += length;
        }
    }

    fn keep(&mut self, part: &str) {
        self.pending.push_str(part);
        if self.pending.len() > 4 * self.longest {
            // Longer than anything that is written: it is not held, and not told.
            self.offset += self.pending.len() as u64;
            self.pending.clear();
            self.is_torn = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn texts(lines: &mut Lines) -> Vec<(u64, Option<String>)> {
        let mut all = Vec::new();
        loop {
            let read = lines.read().unwrap();
            if read.is_empty() {
                return all;
            }
            all.extend(read.into_iter().map(|line| (line.offset, line.text)));
        }
    }

    #[test]
    fn only_whole_lines_are_given_with_where_they_begin() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut file = std::fs::File::create(&path).unwrap();
        let text = |text: &str| Some(text.to_owned());
        file.write_all(b"one\ntw").unwrap();
        let mut all = Lines::new(Tail::new(vec![path.clone()], 0), false, 5);
        let mut torn = Lines::new(Tail::new(vec![path.clone()], 0), true, 5);
        assert_eq!(texts(&mut all), [(0, text("one"))]);
        file.write_all(b"o\nthree!\nfour\n").unwrap();
        let rest = [(4, text("two")), (8, None), (15, text("four"))];
        assert_eq!(texts(&mut all), rest);
        assert_eq!(texts(&mut torn), rest[1..]);
        let mut now = Lines::new(Tail::new(vec![path], 0), true, 5);
        file.write_all(b"five\n").unwrap();
        assert_eq!(texts(&mut now), [(20, text("five"))]);
    }

    #[test]
    fn a_new_attempts_file_is_read_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        std::fs::write(&path, "one\nhal").unwrap();
        let mut lines = Lines::new(Tail::new(vec![path.clone()], 0), false, 50);
        assert_eq!(texts(&mut lines).len(), 1);
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        std::fs::write(&path, "two\n").unwrap();
        // The first look sees that it is another file.
        assert_eq!(texts(&mut lines), []);
        assert_eq!(texts(&mut lines), [(0, Some("two".into()))]);
    }
}
