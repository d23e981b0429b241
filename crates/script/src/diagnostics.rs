//! Findings about TypeScript files, in the form that all definitions have.

use baton_core::definition::{Diagnostic, Severity};
use oxc_diagnostics::OxcDiagnostic;
use oxc_span::Span;

/// Longest excerpt, in characters.
const MAX_EXCERPT: usize = 160;

/// A finding about a part of a file.
pub(crate) fn at(
    file: &str,
    text: &str,
    span: Span,
    code: &'static str,
    message: impl Into<String>,
    help: Option<String>,
) -> Diagnostic {
    let (line, column) = place(text, span.start as usize);
    let (end_line, end_column) = place(text, span.end as usize);
    let mut finding = at_line(file, text, (line, column), code, message, help);
    (finding.end_line, finding.end_column) = (end_line, end_column);
    finding
}

/// A finding about a place in a file: line and column, from 1.
pub(crate) fn at_line(
    file: &str,
    text: &str,
    (line, column): (u32, u32),
    code: &'static str,
    message: impl Into<String>,
    help: Option<String>,
) -> Diagnostic {
    let whole = text
        .lines()
        .nth((line as usize).saturating_sub(1))
        .unwrap_or_default();
    let skip = if whole.chars().count() > MAX_EXCERPT {
        (column as usize).saturating_sub(MAX_EXCERPT / 2)
    } else {
        0
    };
    Diagnostic {
        severity: Severity::Error,
        code,
        message: message.into(),
        help,
        file: file.to_owned(),
        line,
        column,
        end_line: line,
        end_column: column,
        excerpt: whole.chars().skip(skip).take(MAX_EXCERPT).collect(),
        excerpt_column: u32::try_from(skip + 1).unwrap_or(u32::MAX),
        pointer: None,
    }
}

/// What the compiler found.
pub(crate) fn of_compiler(file: &str, text: &str, found: &OxcDiagnostic) -> Diagnostic {
    let span = found.labels.first().map_or(Span::new(0, 0), |label| {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let start = label.offset();
        Span::new(
            small(start as usize),
            small(start as usize + label.len() as usize),
        )
    });
    let help = found.help.as_ref().map(ToString::to_string);
    at(file, text, span, "syntax", found.message.to_string(), help)
}

/// Line and column of a byte, from 1.
pub(crate) fn place(text: &str, offset: usize) -> (u32, u32) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[start..].chars().count() + 1;
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (small(line), small(column))
}
