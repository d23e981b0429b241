//! What the YAML parser refuses, in words that help.

use granit_parser::{ErrorKind, ScanError};

use super::Span;
use super::build::Builder;

impl Builder<'_, '_> {
    pub(super) fn syntax(&mut self, error: &ScanError) {
        if self.report.has("unquoted_template") {
            // Whatever follows comes from that.
            return;
        }
        let marker = error.marker();
        let text = self.report.text();
        let start = marker.byte_offset().unwrap_or_else(|| {
            text.char_indices()
                .nth(marker.index())
                .map_or(text.len(), |(at, _)| at)
        });
        let start = start.min(text.trim_end().len());
        let span = Span {
            start,
            end: start + 1,
        };
        let line_start = text[..floor(text, start)]
            .rfind('\n')
            .map_or(0, |at| at + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        match error.kind() {
            ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => self.report.error_with(
                span,
                "tab_indentation",
                "YAML is not indented with tabs",
                "use spaces",
            ),
            ErrorKind::RecursionLimitExceeded => self.too_deep(span),
            ErrorKind::DirectiveDisallowed => self.report.error_with(
                span,
                "yaml_syntax",
                "a definition has no YAML directives",
                "leave the `%` line out",
            ),
            _ if line.contains(": {{") || line.contains("- {{") => self.report.error_with(
                span,
                "unquoted_template",
                "YAML reads `{{ … }}` without quotes as a mapping",
                "put the whole value in quotes: \"{{ … }} …\"",
            ),
            _ if line.trim_start().starts_with('\t') || line.starts_with('\t') => {
                let message = "YAML is not indented with tabs";
                self.report
                    .error_with(span, "tab_indentation", message, "use spaces");
            }
            kind => self
                .report
                .error(span, "yaml_syntax", format!("not YAML: {kind}")),
        }
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
