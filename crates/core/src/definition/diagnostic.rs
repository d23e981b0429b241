//! What is wrong with a definition, where, and what would be right.

use std::fmt::Write as _;

use serde::Serialize;

use super::draft::Span;

/// More than this is noise: fixing the first ones comes first.
const MAX_ERRORS: usize = 100;
const MAX_WARNINGS: usize = 50;
/// The longest excerpt, in characters.
const MAX_EXCERPT: usize = 240;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The definition cannot run.
    Error,
    /// It can run, but probably not as meant.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable, snake_case: for programs.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The file as the caller named it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// The line in which it ends.
    pub end_line: u32,
    /// The column after its last character.
    pub end_column: u32,
    /// The line it starts in (of a very long line, the part around it).
    pub excerpt: String,
    /// The column of the excerpt's first character; 1 but for very long lines.
    pub excerpt_column: u32,
    /// A JSON pointer to the value meant, where there is one.
    pub pointer: Option<String>,
}

/// Collects findings, with places as byte spans of the source.
pub(crate) struct Report<'a> {
    file: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    found: Vec<(Span, Diagnostic)>,
    errors: usize,
    warnings: usize,
}

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file,
            text,
            line_starts: std::iter::once(0).chain(breaks).collect(),
            found: Vec::new(),
            errors: 0,
            warnings: 0,
        }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn error(&mut self, span: Span, code: &'static str, message: impl Into<String>) {
        self.add(Severity::Error, span, code, message.into(), None);
    }

    pub(crate) fn error_with(
        &mut self,
        span: Span,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(
            Severity::Error,
            span,
            code,
            message.into(),
            Some(help.into()),
        );
    }

    pub(crate) fn warning(
        &mut self,
        span: Span,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(
            Severity::Warning,
            span,
            code,
            message.into(),
            Some(help.into()),
        );
    }

    /// Whether further errors are left out, so that it does not matter where exactly they are.
    pub(crate) fn is_full(&self) -> bool {
        self.errors >= MAX_ERRORS
    }

    pub(crate) fn has(&self, code: &str) -> bool {
        self.found.iter().any(|(_, d)| d.code == code)
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    fn add(
        &mut self,
        severity: Severity,
        span: Span,
        code: &'static str,
        message: String,
        help: Option<String>,
    ) {
        let (count, most) = match severity {
            Severity::Error => (&mut self.errors, MAX_ERRORS),
            Severity::Warning => (&mut self.warnings, MAX_WARNINGS),
        };
        *count += 1;
        if *count > most {
            return;
        }
        let (line, column) = self.place(span.start);
        let (end_line, end_column) = self.place(span.end.max(span.start));
        let whole = self.line(line);
        let skip = if whole.chars().count() > MAX_EXCERPT {
            (column as usize).saturating_sub(MAX_EXCERPT / 2)
        } else {
            0
        };
        let diagnostic = Diagnostic {
            severity,
            code,
            message,
            help,
            file: self.file.to_owned(),
            line,
            column,
            end_line,
            end_column,
            excerpt: whole.chars().skip(skip).take(MAX_EXCERPT).collect(),
            excerpt_column: u32::try_from(skip + 1).unwrap_or(u32::MAX),
            pointer: None,
        };
        self.found.push((span, diagnostic));
    }

    fn line(&self, number: u32) -> &'a str {
        let at = number as usize;
        let start = self.line_starts.get(at - 1).copied().unwrap_or_default();
        let end = self.line_starts.get(at).copied().unwrap_or(self.text.len());
        self.text
            .get(start..end)
            .unwrap_or_default()
            .trim_end_matches(['\n', '\r'])
    }

    fn place(&self, offset: usize) -> (u32, u32) {
        let offset = floor_boundary(self.text, offset);
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let column = self
            .text
            .get(start..offset)
            .map_or(0, |t| t.chars().count())
            + 1;
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (small(line), small(column))
    }

    /// The findings in file order; `pointer` is told whether the mapping that starts there is meant,
    /// not its first field. Each with the pointer to the value it is about.
    pub(crate) fn finish(self, pointer: impl Fn(Span, bool) -> Option<String>) -> Vec<Diagnostic> {
        let mut found = self.found;
        found.sort_by_key(|(span, d)| (span.start, d.severity));
        found.dedup_by(|(_, a), (_, b)| a == b);
        found
            .into_iter()
            .map(|(span, mut diagnostic)| {
                diagnostic.pointer = pointer(span, diagnostic.code == "missing_field");
                diagnostic
            })
            .collect()
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The findings for a terminal: place, excerpt with a caret, help. `source` gives the lines; where
/// it is shorter than a place says, the finding's own excerpt is shown.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], source: &str, color: bool) -> String {
    let lines: Vec<&str> = source.lines().collect();
    let mut out = String::new();
    for diagnostic in diagnostics {
        // Writing to a String does not fail.
        let _ = render_one(&mut out, diagnostic, &lines, color);
    }
    out
}

fn render_one(
    out: &mut String,
    diagnostic: &Diagnostic,
    lines: &[&str],
    color: bool,
) -> std::fmt::Result {
    let paint = |code: &str, text: &str| {
        if color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    };
    let (word, tint) = match diagnostic.severity {
        Severity::Error => ("error", "1;31"),
        Severity::Warning => ("warning", "1;33"),
    };
    let title = format!("{word}[{}]", diagnostic.code);
    writeln!(
        out,
        "{}: {}",
        paint(tint, &title),
        paint("1", &printable(&diagnostic.message))
    )?;
    let number = diagnostic.line.to_string();
    let margin = " ".repeat(number.len());
    let file = printable(&diagnostic.file);
    writeln!(
        out,
        "{margin}{} {file}:{}:{}",
        paint("1;34", "-->"),
        diagnostic.line,
        diagnostic.column
    )?;
    let line = lines
        .get(diagnostic.line as usize - 1)
        .filter(|line| line.chars().count() <= MAX_EXCERPT);
    let (excerpt, first) = match line {
        Some(line) => (*line, 1),
        None => (diagnostic.excerpt.as_str(), diagnostic.excerpt_column),
    };
    let bar = paint("1;34", "|");
    writeln!(out, "{margin} {bar}")?;
    writeln!(
        out,
        "{} {bar} {}",
        paint("1;34", &number),
        printable(excerpt)
    )?;
    let before = diagnostic.column.saturating_sub(first) as usize;
    let shown = excerpt.chars().count();
    let length = if diagnostic.end_line == diagnostic.line {
        diagnostic.end_column.saturating_sub(diagnostic.column) as usize
    } else {
        shown.saturating_sub(before)
    };
    let carets = "^".repeat(length.min(shown.saturating_sub(before)).max(1));
    writeln!(
        out,
        "{margin} {bar} {}{}",
        " ".repeat(before),
        paint(tint, &carets)
    )?;
    if let Some(help) = &diagnostic.help {
        writeln!(
            out,
            "{margin} {} help: {}",
            paint("1;34", "="),
            printable(help)
        )?;
    }
    writeln!(out)
}

/// Text that cannot steer a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c => c,
        })
        .collect()
}
