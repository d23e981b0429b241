//! `foreach` and `matrix`: what a step does once for each of.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::definition::draft::{Kind, Node};
use crate::definition::template::Text;
use crate::definition::{Foreach, Items, StepKind};

use super::Check;
use super::fields::Fields;
use super::places::Place;

/// The most children one step may have.
const MAX_ITEMS: usize = 10_000;

impl Check<'_> {
    pub(super) fn foreach(
        &mut self,
        fields: &Fields<'_>,
        kind: Option<StepKind>,
        place: &Place,
    ) -> Option<Foreach> {
        let isolate = self.boolean(fields, "isolate").unwrap_or(false);
        let max = self.small(fields, "max_parallel", 1, 1000);
        let (foreach, matrix) = (fields.get("foreach"), fields.get("matrix"));
        let Some(node) = foreach.or(matrix) else {
            if let Some(entry) = fields.entry("max_parallel") {
                let message = "`max_parallel` counts the children of a `foreach` or `matrix`";
                self.report
                    .error(entry.key_span, "without_foreach", message);
            }
            if let (Some(entry), false) =
                (fields.entry("isolate"), kind == Some(StepKind::Workflow))
            {
                let message = "`isolate` is for child workflows, and for `foreach` or `matrix`";
                self.report
                    .error(entry.key_span, "without_foreach", message);
            }
            return None;
        };
        if let (Some(_), Some(_), Some(entry)) = (foreach, matrix, fields.entry("matrix")) {
            let message = "a step has `foreach` or `matrix`, not both";
            let help = "a list of objects in `foreach` gives any set of combinations";
            self.report
                .error_with(entry.key_span, "foreach_and_matrix", message, help);
        }
        let has_files = match kind {
            Some(StepKind::Approval | StepKind::Wait | StepKind::Remote) => false,
            Some(StepKind::Agent | StepKind::Script | StepKind::Workflow | StepKind::Function)
            | None => true,
        };
        if let (true, false, Some(entry)) = (isolate, has_files, fields.entry("isolate")) {
            let message = "`isolate` is for steps that work on files: agent, script and workflow";
            self.report
                .error(entry.key_span, "isolate_without_files", message);
        }
        let one_by_one = kind == Some(StepKind::Workflow) && !isolate;
        if let (true, Some(2..), Some(entry)) = (one_by_one, max, fields.entry("max_parallel")) {
            let message =
                "child workflows without `isolate` work in one directory, one after another";
            let help = "write `isolate: true`, or leave `max_parallel` out";
            self.report
                .error_with(entry.key_span, "parallel_without_isolate", message, help);
        }
        let items = if foreach.is_some() {
            self.list_items(node, place)
        } else {
            self.matrix(node)
        }?;
        Some(Foreach {
            items,
            max_parallel: max.unwrap_or(if one_by_one { 1 } else { 4 }),
            isolate,
        })
    }

    fn list_items(&mut self, node: &Node, place: &Place) -> Option<Items> {
        match &node.kind {
            Kind::List(items) if items.len() > MAX_ITEMS => {
                let message = format!("`foreach` has {} items; at most {MAX_ITEMS}", items.len());
                self.report.error(node.span, "out_of_range", message);
                return None;
            }
            Kind::List(_) => {}
            Kind::Text(text) => {
                let parsed = Text::new(text);
                if parsed.pieces().is_ok() && parsed.only_expression().is_none() {
                    let message = "`foreach` needs a list, this is text";
                    let help = if text.contains("{{") {
                        "write exactly one `{{ … }}`, with nothing around it".to_owned()
                    } else {
                        format!("write `\"{{{{ {} }}}}\"`, or a list", text.trim())
                    };
                    self.report
                        .error_with(node.span, "wrong_type", message, help);
                    return None;
                }
            }
            _ => {
                self.wrong_type(node, "`foreach`", "a list or a `{{ … }}` that gives one");
                return None;
            }
        }
        self.value_template(node, place).map(Items::List)
    }

    fn matrix(&mut self, node: &Node) -> Option<Items> {
        let mut axes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut product: usize = 1;
        for entry in self.map(node, "`matrix`") {
            let what = format!("`matrix.{}`", entry.key);
            let items = self.list(&entry.value, &what)?;
            if items.is_empty() {
                self.report.error(
                    entry.value.span,
                    "empty_list",
                    format!("{what} has no values"),
                );
                return None;
            }
            let Value::Array(values) = self.plain_json(&entry.value, &what)? else {
                return None;
            };
            product = product.saturating_mul(values.len());
            axes.insert(entry.key.clone(), values);
        }
        if axes.is_empty() {
            self.report
                .error(node.span, "empty_list", "`matrix` has no lists");
            return None;
        }
        if product > MAX_ITEMS {
            let message = format!("`matrix` gives {product} children; at most {MAX_ITEMS}");
            self.report.error(node.span, "out_of_range", message);
            return None;
        }
        Some(Items::Matrix(axes))
    }
}

/// The names of a matrix.
pub(super) fn axes(foreach: &Option<Foreach>) -> Option<Vec<String>> {
    match foreach {
        Some(Foreach {
            items: Items::Matrix(axes),
            ..
        }) => Some(axes.keys().cloned().collect()),
        _ => None,
    }
}
