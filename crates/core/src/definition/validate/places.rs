//! Where templates stand, what may be named there, and collecting the names they use.

use std::ops::Range;
use std::rc::Rc;

use crate::definition::command;
use crate::definition::draft::{Node, Span};
use crate::definition::template::syntax::Expr;
use crate::definition::template::walk::{Reference, references, references_of};
use crate::definition::template::{Command, Text};

use super::Check;

/// What may be named in a place.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) names: &'static [&'static str],
    /// The step it belongs to; `None` where every step has ended.
    pub(super) step: Option<usize>,
    /// The names of a matrix, which are all that `item` has.
    pub(super) axes: Option<Vec<String>>,
}

impl Place {
    /// What a definition says before any step: its `env`.
    pub(super) const ENV: &'static [&'static str] = &["args", "run", "project", "env", "secrets"];
    pub(super) const KEY: &'static [&'static str] = &["args", "project", "env"];
    pub(super) const EVENT: &'static [&'static str] = &["event"];
    pub(super) const AFTER: &'static [&'static str] = &["args", "steps", "run", "project", "env"];
    const ITEM: &'static [&'static str] =
        &["args", "steps", "run", "project", "env", "item", "index"];
    const STEP_ENV: &'static [&'static str] =
        &["args", "steps", "run", "project", "env", "secrets"];
    const ITEM_ENV: &'static [&'static str] = &[
        "args", "steps", "run", "project", "env", "item", "index", "secrets",
    ];
    const OUTPUTS: &'static [&'static str] = &[
        "args",
        "steps",
        "run",
        "project",
        "env",
        "stdout",
        "stderr",
        "exit_code",
    ];
    const ITEM_OUTPUTS: &'static [&'static str] = &[
        "args",
        "steps",
        "run",
        "project",
        "env",
        "item",
        "index",
        "stdout",
        "stderr",
        "exit_code",
    ];

    pub(super) fn outside(names: &'static [&'static str]) -> Self {
        Self {
            names,
            step: None,
            axes: None,
        }
    }

    /// In a step, before its items are known.
    pub(super) fn step(step: usize) -> Self {
        Self {
            names: Self::AFTER,
            step: Some(step),
            axes: None,
        }
    }

    /// In what each item of a step does.
    pub(super) fn item(step: usize, axes: Option<Vec<String>>) -> Self {
        Self {
            names: Self::ITEM,
            step: Some(step),
            axes,
        }
    }

    pub(super) fn env(&self) -> Self {
        let names = if self.has_item() {
            Self::ITEM_ENV
        } else {
            Self::STEP_ENV
        };
        Self {
            names,
            ..self.clone()
        }
    }

    pub(super) fn outputs(&self) -> Self {
        let names = if self.has_item() {
            Self::ITEM_OUTPUTS
        } else {
            Self::OUTPUTS
        };
        Self {
            names,
            ..self.clone()
        }
    }

    fn has_item(&self) -> bool {
        self.names.contains(&"item")
    }
}

/// A name used somewhere in the file.
pub(super) struct Use {
    pub(super) place: Place,
    pub(super) path: Vec<String>,
    /// The scalar it stands in.
    pub(super) scalar: Rc<Scalar>,
    /// The whole reference, in the scalar's value.
    pub(super) part: Range<usize>,
    /// The word after `steps.` with what follows it up to the next sign that no id has.
    pub(super) written_id: Option<Range<usize>>,
    pub(super) alone: bool,
}

/// A value with templates in it.
pub(super) struct Scalar {
    pub(super) span: Span,
    pub(super) value: String,
}

impl Check<'_> {
    /// A part of a scalar's value, as bytes of the file.
    pub(super) fn within(&self, node: Span, value: &str, part: &Range<usize>) -> Span {
        let Some(raw) = self.report.text().get(node.start..node.end) else {
            return node;
        };
        let Some(snippet) = value.get(part.clone()).filter(|s| !s.is_empty()) else {
            return node;
        };
        if self.report.is_full() {
            return node;
        }
        // The same words come in the same order in the source, whatever the quoting.
        let before = value
            .match_indices(snippet)
            .take_while(|(at, _)| *at < part.start);
        match raw.match_indices(snippet).nth(before.count()) {
            Some((at, _)) => Span {
                start: node.start + at,
                end: node.start + at + snippet.len(),
            },
            None => node,
        }
    }

    pub(super) fn span_of(&self, used: &Use) -> Span {
        self.within(used.scalar.span, &used.scalar.value, &used.part)
    }

    pub(super) fn used_text(&mut self, node: &Node, text: &Text, place: &Place) -> Option<()> {
        match text.pieces() {
            Ok(None) => Some(()),
            Ok(Some(pieces)) => {
                self.used(node, text.source(), references(pieces), place);
                Some(())
            }
            Err(fault) => {
                let fault = fault.clone();
                self.fault("bad_template", node, text.source(), &fault);
                None
            }
        }
    }

    pub(super) fn used_expression(
        &mut self,
        node: &Node,
        source: &str,
        expr: &Expr,
        place: &Place,
    ) {
        self.used(node, source, references_of(expr), place);
    }

    fn used(&mut self, node: &Node, source: &str, found: Vec<Reference>, place: &Place) {
        let scalar = Rc::new(Scalar {
            span: node.span,
            value: source.to_owned(),
        });
        for reference in found {
            self.uses.push(Use {
                place: place.clone(),
                written_id: written_id(source, &reference),
                path: reference.path,
                scalar: Rc::clone(&scalar),
                part: reference.span,
                alone: reference.alone,
            });
        }
    }

    /// The places in a command where no value is safe, and words another shell would read.
    pub(super) fn check_command(&mut self, node: &Node, command: &Command) {
        let Command::Shell(text) = command else {
            return;
        };
        let Ok(Some(pieces)) = text.pieces() else {
            return;
        };
        let source = text.source().to_owned();
        for fault in command::check(pieces) {
            self.fault("unsafe_in_command", node, &source, &fault);
        }
        if let Some(word) = command::second_shell(pieces) {
            self.report.warning(
                node.span,
                "second_shell",
                format!("`{word}` reads its words as shell text again, values included"),
                "give the value a name in the step's `env` and let the inner shell read that",
            );
        }
    }
}

/// Where the id after `steps.` is written, read as far as an id could go on.
fn written_id(source: &str, reference: &Reference) -> Option<Range<usize>> {
    if reference.path.first()? != "steps" {
        return None;
    }
    let text = source.get(reference.span.clone())?;
    let name = reference.path.get(1)?;
    let start = reference.span.start + text.find(name.as_str())?;
    let length = source
        .get(start..)?
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .unwrap_or(source.len() - start);
    Some(start..start + length)
}
