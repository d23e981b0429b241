//! The head of a definition: its top level is run, without `execute`, and what `defineWorkflow`
//! was given is checked.

use std::collections::BTreeMap;

use baton_core::definition::{Diagnostic, parse_head};
use oxc_span::Span;

use super::Source;
use crate::bundle::Bundle;
use crate::diagnostics;
use crate::isolate::{Blank, Limits, Metadata};

/// Fills in the bundle's head; what is wrong with it is found.
pub(super) fn read(
    bundle: &mut Bundle,
    source: &Source,
    sources: &BTreeMap<String, String>,
    keys: &BTreeMap<String, Span>,
    limits: &Limits,
    findings: &mut Vec<Diagnostic>,
) {
    let read = Blank::new(limits).and_then(|blank| Metadata::new(blank, bundle).head());
    let head = match read {
        Ok(head) => head,
        Err(fault) => {
            let (file, place) = match &fault.place {
                Some(place) => (place.file.as_str(), (place.line, place.column)),
                None => (source.path.as_str(), (1, 1)),
            };
            let text = sources.get(file).map_or("", String::as_str);
            let finding =
                diagnostics::at_line(file, text, place, "definition", fault.message, None);
            findings.push(finding);
            return;
        }
    };
    let parsed = parse_head(&source.key, &source.path, &head.head);
    let text = sources.get(&source.path).map_or("", String::as_str);
    for finding in parsed.diagnostics {
        let span = span_of(finding.pointer.as_deref(), keys);
        let mut placed = diagnostics::at(
            &source.path,
            text,
            span,
            finding.code,
            finding.message,
            finding.help,
        );
        placed.severity = finding.severity;
        placed.pointer = finding.pointer;
        findings.push(placed);
    }
    bundle.head = head.head;
    bundle.reads_args = head.reads_args;
}

/// Where the field of a pointer stands; the beginning of the file when that is not known.
fn span_of(pointer: Option<&str>, keys: &BTreeMap<String, Span>) -> Span {
    let field = pointer.and_then(|pointer| pointer.split('/').nth(1));
    let found = field.and_then(|field| keys.get(field));
    let name = || {
        keys.get("name")
            .map(|span| Span::new(span.start, span.start))
    };
    found.copied().or_else(name).unwrap_or(Span::new(0, 0))
}
