//! What every step has: id, name, phase, needs, condition, items.

use std::collections::{BTreeMap, HashMap};

use crate::definition::draft::{Kind, Node, Span};
use crate::definition::suggest::nearest;
use crate::definition::{Phase, Step, StepKind};

use super::defaults::Defaults;
use super::fields::{self, Fields, Table};
use super::places::Place;
use super::{Check, MAX_STEPS};

/// A step as read, with what is checked when all are known.
pub(super) struct StepDraft {
    pub(super) id: String,
    pub(super) id_span: Span,
    pub(super) kind: StepKind,
    /// As written; `None` when nothing was.
    pub(super) needs: Option<Vec<(String, Span)>>,
    pub(super) session: Option<(String, Span)>,
    pub(super) output_names: Vec<String>,
    pub(super) has_items: bool,
    /// `None` when it has errors.
    pub(super) step: Option<Step>,
}

const KINDS: &[(&str, StepKind)] = &[
    ("agent", StepKind::Agent),
    ("script", StepKind::Script),
    ("remote", StepKind::Remote),
    ("approval", StepKind::Approval),
    ("wait", StepKind::Wait),
    ("workflow", StepKind::Workflow),
];

fn table(kind: StepKind) -> Table {
    match kind {
        StepKind::Agent => fields::AGENT,
        StepKind::Script => fields::SCRIPT,
        StepKind::Remote => fields::REMOTE,
        StepKind::Approval => fields::APPROVAL,
        StepKind::Wait => fields::WAIT,
        StepKind::Workflow => fields::WORKFLOW,
        StepKind::Function => fields::FUNCTION,
    }
}

impl Check<'_> {
    pub(super) fn steps(
        &mut self,
        top: &Fields<'_>,
        phases: &[Phase],
        defaults: &Defaults,
    ) -> Vec<StepDraft> {
        let Some(node) = top.get("steps") else {
            self.missing(top, "steps", "write `steps:` and a list");
            return Vec::new();
        };
        let items = self.list(node, "`steps`").unwrap_or_default();
        if items.is_empty() && matches!(node.kind, Kind::List(_)) {
            self.report.error(
                node.span,
                "no_steps",
                "a definition needs at least one step",
            );
        }
        if let Some(extra) = items.get(MAX_STEPS) {
            let message = format!("more than {MAX_STEPS} steps");
            self.report
                .error_with(extra.span, "too_many_steps", message, "use `foreach`");
        }
        let mut drafts = Vec::new();
        let mut phase = phases.first().map(|p| p.id.clone());
        for item in items.iter().take(MAX_STEPS) {
            let index = drafts.len();
            let draft = self.step(item, index, phases, &mut phase, defaults);
            drafts.push(draft);
        }
        self.unique_ids(&drafts);
        drafts
    }

    fn unique_ids(&mut self, drafts: &[StepDraft]) {
        let mut seen: HashMap<String, &StepDraft> = HashMap::new();
        for draft in drafts.iter().filter(|d| !d.id.is_empty()) {
            let Some(first) = seen.get(&draft.id.replace('-', "_")) else {
                seen.insert(draft.id.replace('-', "_"), draft);
                continue;
            };
            if first.id == draft.id {
                let message = format!("a second step has the id `{}`", draft.id);
                let help = "each id is unique in a definition";
                self.report
                    .error_with(draft.id_span, "duplicate_step", message, help);
            } else {
                let message = format!(
                    "`{}` and `{}` are the same name in expressions, where `-` is written `_`",
                    first.id, draft.id
                );
                self.report.error_with(
                    draft.id_span,
                    "duplicate_step",
                    message,
                    "change one of them",
                );
            }
        }
    }

    pub(super) fn step(
        &mut self,
        node: &Node,
        index: usize,
        phases: &[Phase],
        phase: &mut Option<String>,
        defaults: &Defaults,
    ) -> StepDraft {
        let kind = self.kind_of_step(node);
        let tables: Vec<Table> = match kind {
            Some(StepKind::Workflow) if self.plain => vec![fields::ASKED, fields::ASKED_WORKFLOW],
            Some(kind) if self.plain => vec![fields::ASKED, table(kind)],
            Some(kind) => vec![fields::STEP, table(kind)],
            // All fields, so that only the type itself is complained about.
            None => std::iter::once(fields::STEP)
                .chain(fields::TYPES.iter().map(|(_, table)| *table))
                .collect(),
        };
        let what = kind.map_or("a step", noun);
        let fields = self.fields_of(node, &tables, what, |name| of_other_type(name, kind));
        let (id, id_span) = self.step_id(&fields);
        let place = Place::step(index);
        let name = self.optional_literal(&fields, "name");
        let step_phase = self.step_phase(&fields, phases, phase);
        let needs = fields.get("needs").map(|_| self.literals(&fields, "needs"));
        let condition = fields
            .get("if")
            .map(|node| self.expression(node, "`if`", &place));
        let foreach = self.foreach(&fields, kind, &place);
        let has_items = fields.get("foreach").is_some() || fields.get("matrix").is_some();
        let inner = if has_items {
            Place::item(index, super::items::axes(&foreach))
        } else {
            place
        };
        let session = fields.get("session").and_then(|node| {
            let id = self.literal(node, "`session`")?;
            Some((id, node.span))
        });
        let mut draft = StepDraft {
            id: id.clone().unwrap_or_default(),
            id_span,
            kind: kind.unwrap_or(StepKind::Script),
            needs,
            session,
            output_names: Vec::new(),
            has_items,
            step: None,
        };
        let continue_on_error = self.boolean(&fields, "continue_on_error").unwrap_or(false);
        let Some(kind) = kind else { return draft };
        let outputs = self.step_outputs(&fields, &inner);
        draft.output_names = outputs.keys().cloned().collect();
        let common = self.common(&fields, kind, &inner, defaults);
        let action = self.action(&fields, kind, &inner, defaults);
        let (Some(id), Some(action)) = (id, action) else {
            return draft;
        };
        draft.step = Some(Step {
            name: name.unwrap_or_else(|| id.clone()),
            id,
            phase: step_phase,
            needs: Vec::new(),
            condition: condition.flatten(),
            timeout: common.timeout,
            retry: common.retry,
            on_lost: common.on_lost,
            on_usage_limit: common.on_usage_limit,
            continue_on_error,
            env: common.env,
            outputs,
            artifacts: common.artifacts,
            foreach,
            action,
        });
        draft
    }

    fn kind_of_step(&mut self, node: &Node) -> Option<StepKind> {
        let Kind::Map(entries) = &node.kind else {
            return None;
        };
        let start = Span {
            start: node.span.start,
            end: node.span.start + 1,
        };
        let Some(entry) = entries.iter().find(|e| e.key == "type") else {
            let has = |name: &str| entries.iter().any(|e| e.key == name);
            let guess = [
                ("command", "script"),
                ("prompt", "agent"),
                ("workflow", "workflow"),
                ("message", "approval"),
                ("provider", "remote"),
                ("for", "wait"),
                ("until", "wait"),
            ]
            .into_iter()
            .find(|(field, _)| has(field));
            let help = match guess {
                Some((_, kind)) => format!("write `type: {kind}`"),
                None => "it is one of agent, script, remote, approval, wait, workflow".to_owned(),
            };
            self.report
                .error_with(start, "missing_field", "a step needs `type`", help);
            return None;
        };
        if self.plain && entry.value.text() == Some("function") {
            return Some(StepKind::Function);
        }
        if entry.value.text() == Some("function") {
            let help = "use a `script` step, or write the workflow in TypeScript";
            let message = "function steps exist only in TypeScript";
            self.report
                .error_with(entry.value.span, "bad_value", message, help);
            return None;
        }
        self.choose(&entry.value, "`type`", KINDS)
    }

    fn step_id(&mut self, fields: &Fields<'_>) -> (Option<String>, Span) {
        let start = Span {
            start: fields.span.start,
            end: fields.span.start + 1,
        };
        let Some(node) = fields.get("id") else {
            self.missing(fields, "id", "write `id: …`: expressions and logs use it");
            return (None, start);
        };
        let Some(id) = self.literal(node, "`id`") else {
            return (None, node.span);
        };
        if is_step_id(&id) {
            return (Some(id), node.span);
        }
        let shown: String = id.chars().take(80).collect();
        let help = "a letter, then up to 63 letters, digits, `_` or `-`; `name` is for people";
        self.report.error_with(
            node.span,
            "bad_step_id",
            format!("`{shown}` is not a step id"),
            help,
        );
        (None, node.span)
    }

    fn step_phase(
        &mut self,
        fields: &Fields<'_>,
        phases: &[Phase],
        last: &mut Option<String>,
    ) -> Option<String> {
        if let Some(node) = fields.get("phase") {
            let id = self.literal(node, "`phase`")?;
            if phases.iter().any(|phase| phase.id == id) {
                *last = Some(id);
            } else {
                let near = nearest(&id, phases.iter().map(|p| p.id.as_str()));
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if phases.is_empty() => format!("declare it: `phases: [{id}]`"),
                    None => "add it to `phases`".to_owned(),
                };
                let message = format!("phase `{id}` is not declared");
                self.report
                    .error_with(node.span, "unknown_phase", message, help);
            }
        }
        last.clone()
    }

    fn step_outputs(
        &mut self,
        fields: &Fields<'_>,
        place: &Place,
    ) -> BTreeMap<String, crate::definition::template::Expression> {
        let Some(node) = fields.get("outputs") else {
            return BTreeMap::new();
        };
        let place = place.outputs();
        let mut outputs = BTreeMap::new();
        for entry in self.map(node, "`outputs`") {
            let what = format!("`outputs.{}`", entry.key);
            if let Some(expression) = self.expression(&entry.value, &what, &place) {
                outputs.insert(entry.key.clone(), expression);
            }
        }
        outputs
    }
}

fn noun(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Agent => "an agent step",
        StepKind::Script => "a script step",
        StepKind::Function => "a function step",
        StepKind::Remote => "a remote step",
        StepKind::Approval => "an approval step",
        StepKind::Wait => "a wait step",
        StepKind::Workflow => "a workflow step",
    }
}

/// Whether a step may have this id.
pub(super) fn is_step_id(id: &str) -> bool {
    id.len() <= 64
        && id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A field that other types have: `prompt` on a script step.
fn of_other_type(name: &str, kind: Option<StepKind>) -> Option<(&'static str, String, String)> {
    let Some(kind) = kind else {
        // The type is wrong: whatever its fields are, that comes first.
        return Some(("", String::new(), String::new()));
    };
    let owners: Vec<&str> = fields::TYPES
        .iter()
        .filter(|(_, table)| table.contains(&name))
        .map(|(owner, _)| *owner)
        .collect();
    if owners.is_empty() {
        return None;
    }
    let message = format!("{} has no `{name}`", noun(kind));
    let help = format!("it is a field of {} steps", owners.join(" and "));
    Some(("field_of_other_type", message, help))
}
