//! What the text of a definition tells without being run: its steps, where its fields stand, and
//! values that would become shell text.

use std::collections::BTreeMap;

use baton_core::definition::{Diagnostic, OutlineStep, Severity, StepKind};
use oxc_ast::ast::{
    Argument, CallExpression, Expression, ObjectExpression, ObjectPropertyKind, Program,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};

use crate::diagnostics;

/// At most this many steps are listed.
const MOST: usize = 1000;

/// What was seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) outline: Vec<OutlineStep>,
    pub(super) keys: BTreeMap<String, Span>,
    /// The key of `argsSchema` and its value.
    pub(super) schema: Option<(Span, Span)>,
    pub(super) findings: Vec<Diagnostic>,
}

pub(super) fn see(program: &Program<'_>, file: &str, text: &str) -> Seen {
    let mut eyes = Eyes {
        file,
        text,
        seen: Seen::default(),
    };
    eyes.visit_program(program);
    eyes.seen
}

struct Eyes<'t> {
    file: &'t str,
    text: &'t str,
    seen: Seen,
}

impl<'a> Visit<'a> for Eyes<'_> {
    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        match &call.callee {
            Expression::Identifier(name) if name.name == "defineWorkflow" => {
                if let Some(Argument::ObjectExpression(object)) = call.arguments.first() {
                    self.definition(object);
                }
            }
            Expression::StaticMemberExpression(member) => {
                self.method(member.property.name.as_str(), call);
            }
            _ => {}
        }
        walk::walk_call_expression(self, call);
    }
}

impl Eyes<'_> {
    fn definition(&mut self, object: &ObjectExpression<'_>) {
        for property in &object.properties {
            let ObjectPropertyKind::ObjectProperty(property) = property else {
                continue;
            };
            let Some(name) = property.key.static_name() else {
                continue;
            };
            self.seen.keys.insert(name.to_string(), property.span);
            let is_schema = name == "argsSchema" || name == "args_schema";
            if is_schema && !property.shorthand && !property.method && !property.computed {
                self.seen.schema = Some((property.key.span(), property.value.span()));
            }
        }
    }

    fn method(&mut self, name: &str, call: &CallExpression<'_>) {
        let kind = match name {
            "step" => None,
            "approval" => Some(StepKind::Approval),
            "wait" => Some(StepKind::Wait),
            "remote" => Some(StepKind::Remote),
            "workflow" => Some(StepKind::Workflow),
            "exec" => {
                if let Some(Argument::TemplateLiteral(template)) = call.arguments.first()
                    && !template.expressions.is_empty()
                {
                    self.shell_text(template.span);
                }
                return;
            }
            _ => return,
        };
        let config = match call.arguments.get(1) {
            Some(Argument::ObjectExpression(object)) => Some(object),
            _ => None,
        };
        let said = |field: &str| config.and_then(|object| literal(object, field));
        if let Some(object) = config {
            self.command(object);
        }
        let Some(Argument::StringLiteral(id)) = call.arguments.first() else {
            return;
        };
        let id = id.value.to_string();
        // `ctx.wait("10m")` has no id of its own.
        let is_id = id.starts_with(|c: char| c.is_ascii_alphabetic());
        let known = self.seen.outline.iter().any(|step| step.id == id);
        if !is_id || known || self.seen.outline.len() >= MOST {
            return;
        }
        let word = said("type");
        let written = word.as_deref().and_then(|word| {
            serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
        });
        self.seen.outline.push(OutlineStep {
            id,
            kind: kind.or(written),
            name: said("name"),
            phase: said("phase"),
        });
    }

    /// A command with values in it that the shell would read as its own text.
    fn command(&mut self, object: &ObjectExpression<'_>) {
        for property in &object.properties {
            if let ObjectPropertyKind::ObjectProperty(property) = property
                && property
                    .key
                    .static_name()
                    .is_some_and(|name| name == "command")
                && let Expression::TemplateLiteral(template) = &property.value
                && !template.expressions.is_empty()
            {
                self.shell_text(template.span);
            }
        }
    }

    fn shell_text(&mut self, span: Span) {
        let mut finding = diagnostics::at(
            self.file,
            self.text,
            span,
            "value_in_command",
            "the values in this text become shell text",
            Some(
                "write sh`…` (from \"baton\"), which quotes them, or an array of words".to_owned(),
            ),
        );
        finding.severity = Severity::Warning;
        self.seen.findings.push(finding);
    }
}

/// A property that is a text.
fn literal(object: &ObjectExpression<'_>, field: &str) -> Option<String> {
    object
        .properties
        .iter()
        .find_map(|property| match property {
            ObjectPropertyKind::ObjectProperty(property)
                if property.key.static_name().is_some_and(|name| name == field) =>
            {
                match &property.value {
                    Expression::StringLiteral(text) => Some(text.value.to_string()),
                    _ => None,
                }
            }
            _ => None,
        })
}
