//! A line of the tree: pieces of text, each in one style; its width is known before it is coloured.

use crate::cli::text::{cut, safe, width};

/// How a piece of a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As the terminal has it.
    Plain,
    /// Headings.
    Bold,
    /// What matters less.
    Dim,
    /// What went well.
    Good,
    /// What went wrong.
    Bad,
    /// What is happening.
    Live,
    /// What needs a person.
    Asks,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\u{1b}[1m",
            Self::Dim => "\u{1b}[2m",
            Self::Good => "\u{1b}[32m",
            Self::Bad => "\u{1b}[31m",
            Self::Live => "\u{1b}[36m",
            Self::Asks => "\u{1b}[33m",
        }
    }
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(Vec<(Style, String)>);

impl Line {
    /// An empty line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this text at its end, made safe for the terminal.
    #[must_use]
    pub fn with(mut self, style: Style, text: &str) -> Self {
        if !text.is_empty() {
            self.0.push((style, safe(text)));
        }
        self
    }

    /// How many columns it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| width(text)).sum()
    }

    /// This line with another at the right edge, if both fit; else this one, cut.
    #[must_use]
    pub fn ending(self, right: Self, columns: usize) -> Self {
        let (left_width, right_width) = (self.width(), right.width());
        if right_width == 0 {
            return self.cut(columns);
        }
        if left_width + right_width < columns {
            let gap = " ".repeat(columns - left_width - right_width);
            let mut line = self.with(Style::Plain, &gap);
            line.0.extend(right.0);
            return line;
        }
        // On narrow terminals the time is the first to go, then the end of the name.
        if columns < right_width + 24 {
            return self.cut(columns);
        }
        let mut line = self.cut(columns - right_width - 1).with(Style::Plain, " ");
        line.0.extend(right.0);
        line
    }

    /// This line in at most so many columns.
    #[must_use]
    pub fn cut(self, columns: usize) -> Self {
        let mut left = columns;
        let mut out = Vec::new();
        let total = self.width();
        for (style, text) in self.0 {
            let w = width(&text);
            if w < left || (w == left && total <= columns) {
                left -= w;
                out.push((style, text));
                continue;
            }
            out.push((style, cut_marked(&text, left)));
            break;
        }
        Self(out)
    }

    /// For the terminal.
    #[must_use]
    pub fn paint(&self, color: bool) -> String {
        let mut out = String::new();
        for (style, text) in &self.0 {
            if color && *style != Style::Plain {
                out.push_str(style.code());
                out.push_str(text);
                out.push_str("\u{1b}[0m");
            } else {
                out.push_str(text);
            }
        }
        out.truncate(out.trim_end().len());
        out
    }
}

/// Cut, and marked as cut also when the text itself fits exactly but more follows it.
fn cut_marked(text: &str, columns: usize) -> String {
    if width(text) < columns {
        return text.to_owned();
    }
    cut(&format!("{text}…"), columns)
}
