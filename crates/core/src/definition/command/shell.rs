//! A small lexer of POSIX shell text: knows at each point which quoting a value would meet.
//!
//! It is exact where it says a place is safe; what it cannot follow it refuses.

mod here;

use std::ops::Range;

use crate::definition::template::syntax::Fault;

/// Where a value stands, and so which reference to it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Outside quotes.
    Open,
    /// Between `"`.
    DoubleQuoted,
    /// Between `'`.
    SingleQuoted,
}

/// Why a value cannot stand here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal(&'static str);

impl Refusal {
    pub(crate) fn fault(self, span: &Range<usize>) -> Fault {
        Fault::new(span, format!("a value cannot stand {} of a shell command", self.0)).help(
            "give it a name in the step's `env` and use that: `env: {VALUE: \"{{ … }}\"}` and `\"$VALUE\"`",
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Context {
    /// Words and operators; in a `$( … )`, `parens` of its own are open.
    Open {
        parens: u32,
    },
    Double,
    Single,
    Comment,
    Backtick,
    /// `${ … }`
    Parameter,
    /// `$(( … ))`
    Arithmetic {
        parens: u32,
    },
    /// The text of a here-document.
    Here {
        line: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct HereDoc {
    end: String,
    strip_tabs: bool,
    /// The end word has quotes: its text is not expanded.
    verbatim: bool,
}

/// What was read just before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// The start of a word.
    Start,
    Word,
    /// `after_operator`: a line that is continued here would go on with what `$` or `<` began.
    Backslash {
        after_operator: bool,
    },
    Dollar,
    /// `$(`, of which a second `(` makes arithmetic.
    Substitution,
    /// `<`
    Less,
    /// `<<`: the word that ends a here-document comes.
    HereWord {
        strip_tabs: bool,
    },
}

/// Reads shell text piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lexer {
    stack: Vec<Context>,
    last: Last,
    /// The word being read outside quotes, for `case`.
    word: String,
    pending: Vec<HereDoc>,
    here_word: Option<(String, Option<char>)>,
    /// Something this lexer does not follow; nothing after it is safe.
    lost: Option<&'static str>,
}

impl Default for Lexer {
    fn default() -> Self {
        Self {
            stack: vec![Context::Open { parens: 0 }],
            last: Last::Start,
            word: String::new(),
            pending: Vec::new(),
            here_word: None,
            lost: None,
        }
    }
}

impl Lexer {
    /// Where a value would stand now.
    pub(crate) fn place(&self) -> Result<Place, Refusal> {
        if let Some(why) = self.lost {
            return Err(Refusal(why));
        }
        if self.here_word.is_some() || matches!(self.last, Last::HereWord { .. }) {
            return Err(Refusal("in the end word of a here-document"));
        }
        let substitutions = self
            .stack
            .iter()
            .skip(1)
            .filter(|c| matches!(c, Context::Open { .. }))
            .count();
        if substitutions > 1 {
            return Err(Refusal("in a nested `$( … )`"));
        }
        for context in &self.stack {
            match context {
                Context::Backtick => return Err(Refusal("between backticks")),
                Context::Parameter => return Err(Refusal("in a `${ … }`")),
                Context::Arithmetic { .. } => return Err(Refusal("in a `$(( … ))`")),
                Context::Here { .. } => return Err(Refusal("in a here-document")),
                Context::Comment => return Err(Refusal("in a comment")),
                Context::Open { .. } | Context::Double | Context::Single => {}
            }
        }
        let top = self.stack.last();
        if top != Some(&Context::Single) {
            match self.last {
                Last::Backslash { .. } => return Err(Refusal("after a backslash")),
                Last::Dollar => return Err(Refusal("after a `$`")),
                _ => {}
            }
        }
        Ok(match top {
            Some(Context::Double) => Place::DoubleQuoted,
            Some(Context::Single) => Place::SingleQuoted,
            _ => Place::Open,
        })
    }

    /// A value stood here: it is part of a word.
    pub(crate) fn value(&mut self) {
        self.last = Last::Word;
        self.word.push('?');
    }

    /// Whether text would be read alike after both.
    pub(crate) fn same_quoting(&self, other: &Self) -> bool {
        self.stack == other.stack
            && self.pending == other.pending
            && self.here_word == other.here_word
            && self.lost == other.lost
    }

    /// Reads text.
    pub(crate) fn feed(&mut self, text: &str) {
        for c in text.chars() {
            if self.lost.is_none() {
                self.read(c);
            }
        }
    }

    fn read(&mut self, c: char) {
        let last = self.last;
        if c == '\n'
            && last
                == (Last::Backslash {
                    after_operator: true,
                })
        {
            self.lost = Some("after a line continued within an operator");
            return;
        }
        match self.stack.last_mut() {
            Some(Context::Single) => {
                if c == '\'' {
                    self.close(Last::Word);
                }
            }
            Some(Context::Comment) => {
                if c == '\n' {
                    self.stack.pop();
                    self.newline();
                }
            }
            Some(Context::Here { .. }) => self.here(c),
            Some(Context::Backtick) => match (last, c) {
                (Last::Backslash { .. }, _) => self.last = Last::Word,
                (_, '\\') => self.backslash(),
                (_, '`') => self.close(Last::Word),
                _ => self.last = Last::Word,
            },
            Some(Context::Parameter) => self.parameter(c, last),
            Some(Context::Arithmetic { parens }) => match c {
                '(' => *parens += 1,
                ')' if *parens > 1 => *parens -= 1,
                ')' => self.close(Last::Word),
                '`' | '\'' | '"' | '\\' => self.lost = Some("after quotes in a `$(( … ))`"),
                _ => {}
            },
            Some(Context::Double) => self.double(c, last),
            Some(Context::Open { .. }) | None => self.open(c, last),
        }
    }

    fn backslash(&mut self) {
        let after_operator = matches!(self.last, Last::Dollar | Last::Substitution | Last::Less);
        self.last = Last::Backslash { after_operator };
    }

    fn close(&mut self, last: Last) {
        self.stack.pop();
        if last == Last::Word && self.word.is_empty() {
            self.word.push('?');
        }
        self.last = last;
    }

    fn push(&mut self, context: Context, last: Last) {
        if self.stack.len() > 64 {
            self.lost = Some("after so many nested quotes");
        }
        self.stack.push(context);
        self.last = last;
    }

    fn substitution(&mut self) {
        self.word.clear();
        self.push(Context::Open { parens: 0 }, Last::Substitution);
    }

    fn double(&mut self, c: char, last: Last) {
        match (last, c) {
            (Last::Backslash { .. }, _) => self.last = Last::Word,
            (Last::Dollar, '{') => self.push(Context::Parameter, Last::Word),
            (Last::Dollar, '(') => self.substitution(),
            (_, '\\') => self.backslash(),
            (_, '"') => self.close(Last::Word),
            (_, '`') => self.push(Context::Backtick, Last::Word),
            (Last::Dollar, '$') => self.last = Last::Word,
            (_, '$') => self.last = Last::Dollar,
            _ => self.last = Last::Word,
        }
    }

    /// Quotes in `${x:-'…'}` are read differently inside and outside `"`, and by different shells.
    fn parameter(&mut self, c: char, last: Last) {
        match (last, c) {
            (Last::Backslash { .. }, _) => self.last = Last::Word,
            (_, '\\') => self.backslash(),
            (_, '}') => self.close(Last::Word),
            (_, '\'' | '"' | '`' | '{') | (Last::Dollar, '(') => {
                self.lost = Some("after quotes in a `${ … }`");
            }
            (_, '$') => self.last = Last::Dollar,
            _ => self.last = Last::Word,
        }
    }

    fn open(&mut self, c: char, last: Last) {
        if last == Last::Substitution && c == '(' {
            self.stack.pop();
            self.push(Context::Arithmetic { parens: 2 }, Last::Word);
            return;
        }
        if self.here_word(c, last) {
            return;
        }
        match (last, c) {
            (Last::Backslash { .. }, '\n') if self.word.is_empty() => self.last = Last::Start,
            (Last::Backslash { .. }, '\n') => self.last = Last::Word,
            (Last::Backslash { .. }, _) => self.part('\\'),
            (Last::Dollar, '{') => self.push(Context::Parameter, Last::Word),
            (Last::Dollar, '(') => self.substitution(),
            (Last::Dollar, '\'') => {
                self.lost = Some("after `$'`, which shells read differently,");
            }
            (Last::Dollar, '$') => self.part('$'),
            (_, '\\') => self.backslash(),
            (_, '\'') => self.quote(Context::Single),
            (_, '"') => self.quote(Context::Double),
            (_, '`') => self.quote(Context::Backtick),
            (_, '$') => {
                self.word.push('$');
                self.last = Last::Dollar;
            }
            (Last::Start | Last::Substitution, '#') => self.push(Context::Comment, Last::Word),
            (_, '\n') => self.newline(),
            (Last::Less, '<') => {
                self.word.clear();
                self.last = Last::HereWord { strip_tabs: false };
            }
            (_, '<') => self.boundary(Last::Less),
            (_, '(') => {
                if let Some(Context::Open { parens }) = self.stack.last_mut() {
                    *parens += 1;
                }
                self.boundary(Last::Start);
            }
            (_, ')') => self.closing_paren(),
            (_, ' ' | '\t' | ';' | '&' | '|' | '>') => self.boundary(Last::Start),
            _ => self.part(c),
        }
    }

    fn quote(&mut self, context: Context) {
        self.word.push('?');
        self.push(context, Last::Word);
    }

    fn part(&mut self, c: char) {
        if self.word.len() < 8 {
            self.word.push(c);
        }
        self.last = Last::Word;
    }

    /// The end of a word. A `case` inside `$( … )` has brackets that close nothing.
    fn boundary(&mut self, last: Last) {
        if self.stack.len() > 1 && self.word == "case" {
            self.lost = Some("after a `case` in a `$( … )`");
        }
        self.word.clear();
        self.last = last;
    }

    fn closing_paren(&mut self) {
        self.boundary(Last::Start);
        let nested = self.stack.len() > 1;
        match self.stack.last_mut() {
            Some(Context::Open { parens }) if *parens > 0 => *parens -= 1,
            Some(Context::Open { .. }) if nested => self.close(Last::Word),
            _ => {}
        }
    }

    fn newline(&mut self) {
        self.boundary(Last::Start);
        if !self.pending.is_empty() {
            self.stack.push(Context::Here {
                line: String::new(),
            });
        }
    }
}
