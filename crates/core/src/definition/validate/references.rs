//! The names that templates use: whether they can exist where they stand.

use std::ops::Range;
use std::rc::Rc;

use indexmap::IndexSet;
use serde_json::Value;

use crate::definition::StepKind;
use crate::definition::draft::Span;
use crate::definition::suggest::nearest;

use super::Check;
use super::graph::Order;
use super::places::{Scalar, Use};
use super::steps::StepDraft;

const RUN: &[&str] = &[
    "id",
    "number",
    "name",
    "url",
    "branch",
    "path",
    "instruction",
];
const PROJECT: &[&str] = &["id", "name", "path"];
const STEP: &[&str] = &[
    "status",
    "result",
    "data",
    "outputs",
    "error",
    "approved",
    "artifacts",
    "session_id",
];

impl Check<'_> {
    pub(super) fn check_uses(&mut self, steps: &[StepDraft], order: &Order, args: Option<&Value>) {
        let uses = std::mem::take(&mut self.uses);
        let names: Option<IndexSet<&str>> =
            super::schemas::arg_names(args).map(|names| names.into_iter().collect());
        // The `app` of `steps.build-app` is no name of its own.
        let mut dashed: Option<(Rc<Scalar>, Range<usize>)> = None;
        for used in &uses {
            let inside = |(scalar, range): &(Rc<Scalar>, Range<usize>)| {
                Rc::ptr_eq(scalar, &used.scalar) && range.contains(&used.part.start)
            };
            if dashed.as_ref().is_some_and(inside) {
                continue;
            }
            if self.report.is_full() {
                break;
            }
            let Some(top) = used.path.first() else {
                continue;
            };
            if !used.place.names.contains(&top.as_str()) {
                self.unknown_name(used, top);
                continue;
            }
            match top.as_str() {
                "steps" => self.check_step_use(used, steps, order, &mut dashed),
                "args" => self.check_arg_use(used, names.as_ref()),
                "run" => self.check_member(used, "run", RUN),
                "project" => self.check_member(used, "project", PROJECT),
                "secrets" if used.path.len() != 2 || !used.alone => self.report.error_with(
                    self.span_of(used),
                    "secret_changed",
                    "a secret can only be used as it is",
                    "write exactly `{{ secrets.NAME }}`; text may stand around it",
                ),
                "item" => {
                    let axes = used.place.axes.clone();
                    if let (Some(axes), Some(member)) = (axes, used.path.get(1))
                        && !axes.contains(member)
                    {
                        let names: Vec<&str> = axes.iter().map(String::as_str).collect();
                        self.unknown_member(self.span_of(used), "item", member, &names);
                    }
                }
                _ => {}
            }
        }
    }

    fn unknown_name(&mut self, used: &Use, name: &str) {
        let names = used.place.names;
        let all = [
            "args", "steps", "run", "project", "env", "secrets", "item", "index", "event",
        ];
        let (code, message, help) = match name {
            "secrets" => (
                "secret_outside_env",
                "secrets can only be used in `env`".to_owned(),
                "put it into the step's `env` and use that variable".to_owned(),
            ),
            "item" | "index" => (
                "item_without_foreach",
                format!("`{name}` exists only in what a `foreach` or `matrix` step does"),
                "`if`, `foreach` and `matrix` themselves are read once, before there are items"
                    .to_owned(),
            ),
            "event" => (
                "unknown_name",
                "`event` exists only in `triggers.webhook`".to_owned(),
                "hand it over: `args: {x: \"{{ event.x }}\"}` in the trigger, `args.x` here"
                    .to_owned(),
            ),
            "stdout" | "stderr" | "exit_code" => (
                "unknown_name",
                format!("`{name}` exists only in a script step's `outputs`"),
                "name it there, and use `steps.<id>.outputs.<name>`".to_owned(),
            ),
            _ if all.contains(&name) => (
                "unknown_name",
                format!("`{name}` does not exist here"),
                format!("there is: {}", names.join(", ")),
            ),
            _ => (
                "unknown_name",
                format!("`{name}` does not exist"),
                match nearest(name, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "there is: {}; texts stand in quotes: '{name}'",
                        names.join(", ")
                    ),
                },
            ),
        };
        self.report
            .error_with(self.span_of(used), code, message, help);
    }

    fn unknown_member(&mut self, span: Span, of: &str, member: &str, members: &[&str]) {
        let message = format!("`{of}` has no `{member}`");
        let help = match nearest(member, members.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if members.is_empty() => "it has no members".to_owned(),
            None => format!("it has: {}", members.join(", ")),
        };
        self.report
            .error_with(span, "unknown_member", message, help);
    }

    fn check_member(&mut self, used: &Use, of: &str, members: &[&str]) {
        if let Some(member) = used.path.get(1)
            && !members.contains(&member.as_str())
        {
            self.unknown_member(self.span_of(used), of, member, members);
        }
    }

    fn check_arg_use(&mut self, used: &Use, names: Option<&IndexSet<&str>>) {
        let (Some(name), Some(names)) = (used.path.get(1), names) else {
            return;
        };
        if names.contains(name.as_str()) {
            return;
        }
        let message = format!("there is no arg `{name}`");
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `args.{near}`?"),
            None => format!(
                "declare it: `argsSchema: {{type: object, properties: {{{name}: {{type: string}}}}}}`"
            ),
        };
        self.report
            .error_with(self.span_of(used), "unknown_arg", message, help);
    }

    fn check_step_use(
        &mut self,
        used: &Use,
        steps: &[StepDraft],
        order: &Order,
        dashed: &mut Option<(Rc<Scalar>, Range<usize>)>,
    ) {
        if let Some(range) = &used.written_id {
            let written = used.scalar.value.get(range.clone()).unwrap_or_default();
            if written.contains('-') && order.by_id(written).is_some() {
                let right = written.replace('-', "_");
                let message = format!("`steps.{written}` reads as a subtraction");
                let help = format!("in expressions `-` is written `_`: `steps.{right}`");
                let span = self.within(used.scalar.span, &used.scalar.value, range);
                self.report
                    .error_with(span, "dash_in_reference", message, help);
                *dashed = Some((Rc::clone(&used.scalar), range.clone()));
                return;
            }
        }
        let Some(name) = used.path.get(1) else {
            let help = "write the step's id: `steps.<id>.result`";
            self.report.error_with(
                self.span_of(used),
                "unnamed_step",
                "`steps` needs a step's id",
                help,
            );
            return;
        };
        let Some(index) = order.by_name(name) else {
            let message = format!("there is no step `{name}`");
            let ids: Vec<String> = steps.iter().map(|s| s.id.replace('-', "_")).collect();
            let help = match nearest(name, ids.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `steps.{near}`?"),
                None => "name a step by its `id`, with `_` for `-`".to_owned(),
            };
            self.report
                .error_with(self.span_of(used), "unknown_step", message, help);
            return;
        };
        if let Some(from) = used.place.step
            && !order.ends_before(index, from)
        {
            self.cannot_have_run(self.span_of(used), &steps[index].id, &steps[from].id, order);
        }
        if let Some(member) = used.path.get(2) {
            self.check_step_member(used, &steps[index], member);
        }
    }

    pub(super) fn cannot_have_run(&mut self, span: Span, id: &str, from: &str, order: &Order) {
        let help = match (id == from, order.is_graph) {
            (true, _) => "a step cannot use its own result".to_owned(),
            (false, true) => format!("add `{id}` to the `needs` of `{from}`"),
            (false, false) => format!("put `{id}` before `{from}`"),
        };
        let message = format!("step `{id}` cannot have run when `{from}` starts");
        self.report
            .error_with(span, "step_not_before", message, help);
    }

    fn check_step_member(&mut self, used: &Use, step: &StepDraft, member: &str) {
        let of = format!("steps.{}", step.id.replace('-', "_"));
        if !STEP.contains(&member) {
            self.unknown_member(self.span_of(used), &of, member, STEP);
            return;
        }
        let only = match member {
            "approved" if step.kind != StepKind::Approval => "approval",
            "session_id" if step.kind != StepKind::Agent => "agent",
            "outputs" if !matches!(step.kind, StepKind::Script | StepKind::Workflow) => {
                "script and workflow"
            }
            _ => "",
        };
        if !only.is_empty() {
            let message = format!("only {only} steps have `{member}`, `{}` is none", step.id);
            let help = "use `result` (text) or `data` (JSON)";
            self.report
                .error_with(self.span_of(used), "unknown_member", message, help);
            return;
        }
        if let (StepKind::Script, "outputs", Some(output), false) =
            (step.kind, member, used.path.get(3), step.has_items)
            && !step.output_names.contains(output)
        {
            let names: Vec<&str> = step.output_names.iter().map(String::as_str).collect();
            self.unknown_member(self.span_of(used), &format!("{of}.outputs"), output, &names);
        }
    }
}
