//! Here-documents: their end words and their texts.

use super::{Context, HereDoc, Last, Lexer};

impl Lexer {
    /// Reads the end word of a here-document; true while it does.
    pub(super) fn here_word(&mut self, c: char, last: Last) -> bool {
        if let Last::HereWord { strip_tabs } = last {
            match c {
                '-' if !strip_tabs => self.last = Last::HereWord { strip_tabs: true },
                ' ' | '\t' => {}
                '<' | '\n' | '$' | '`' | '(' | ')' | ';' | '&' | '|' | '>' => {
                    self.lost = Some("after a `<<` without a plain end word");
                }
                _ => {
                    self.pending.push(HereDoc {
                        end: String::new(),
                        strip_tabs,
                        verbatim: false,
                    });
                    self.here_word = Some((String::new(), None));
                    self.last = Last::Word;
                    self.here_word_char(c);
                }
            }
            return true;
        }
        if self.here_word.is_none() {
            return false;
        }
        self.here_word_char(c)
    }

    fn here_word_char(&mut self, c: char) -> bool {
        let Some((end, quote)) = &mut self.here_word else {
            return false;
        };
        match (*quote, c) {
            (Some('\\'), '\n') => self.lost = Some("after a `<<` without a plain end word"),
            (Some('\\'), _) => {
                end.push(c);
                *quote = None;
            }
            (Some(open), _) if c == open => *quote = None,
            (Some(_), '\\' | '$' | '`') | (None, '$' | '`') => {
                self.lost = Some("after a `<<` without a plain end word");
            }
            (Some(_), _) => end.push(c),
            (None, '\'' | '"' | '\\') => {
                *quote = Some(c);
                if let Some(doc) = self.pending.last_mut() {
                    doc.verbatim = true;
                }
            }
            (None, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')') => {
                let end = std::mem::take(end);
                if let Some(doc) = self.pending.last_mut() {
                    doc.end = end;
                }
                self.here_word = None;
                self.last = Last::Start;
                return false;
            }
            (None, _) => end.push(c),
        }
        true
    }

    pub(super) fn here(&mut self, c: char) {
        let Some(Context::Here { line }) = self.stack.last_mut() else {
            return;
        };
        if c != '\n' {
            line.push(c);
            return;
        }
        let line = std::mem::take(line);
        let Some(doc) = self.pending.first() else {
            return;
        };
        if !doc.verbatim && !ends_with_its_line(&line) {
            self.lost = Some("after a here-document with expansions over several lines");
        }
        let text = if doc.strip_tabs {
            line.trim_start_matches('\t')
        } else {
            line.as_str()
        };
        if text == doc.end {
            self.pending.remove(0);
            if self.pending.is_empty() {
                self.close(Last::Start);
            }
        }
    }
}

/// Whether nothing in a line of a here-document goes on in the next one.
fn ends_with_its_line(line: &str) -> bool {
    let count = |c: char| line.matches(c).count();
    if line.ends_with('\\') || count('`') % 2 != 0 {
        return false;
    }
    let expands = line.contains("$(") || line.contains("${");
    !expands
        || (count('(') == count(')')
            && count('{') == count('}')
            && !line.contains(['\'', '"', '\\', '`']))
}
