//! The fields of the language, and reading them: camelCase or snake_case, none twice, none unknown.

use crate::definition::draft::{Entry, Kind, Node, Span};
use crate::definition::suggest::nearest;

use super::Check;

/// The fields one kind of mapping may have, in snake_case.
pub(crate) type Table = &'static [&'static str];

pub(crate) const DEFINITION: Table = &[
    "name",
    "description",
    "phases",
    "args_schema",
    "env",
    "worktree",
    "outputs",
    "concurrency",
    "budget",
    "triggers",
    "defaults",
    "steps",
];
/// What `defineWorkflow` takes beside `execute`.
pub(crate) const PROGRAM: Table = &[
    "name",
    "description",
    "phases",
    "args_schema",
    "env",
    "worktree",
    "concurrency",
    "budget",
    "triggers",
    "defaults",
];
pub(crate) const PHASE: Table = &["id", "label"];
pub(crate) const WORKTREE: Table = &["mode", "copy", "setup", "finish"];
pub(crate) const CONCURRENCY: Table = &["key", "limit", "on_full"];
pub(crate) const BUDGET: Table = &["usd", "tokens", "minutes"];
pub(crate) const TRIGGERS: Table = &["schedule", "webhook"];
pub(crate) const SCHEDULE: Table = &["cron", "tz", "catch_up", "args"];
pub(crate) const WEBHOOK: Table = &["secret_env", "if", "args"];
pub(crate) const DEFAULTS: Table = &[
    "agent",
    "model",
    "permission",
    "timeout",
    "retry",
    "on_usage_limit",
    "on_lost",
    "env",
    "cwd",
];
pub(crate) const RETRY: Table = &["attempts", "backoff", "factor", "max", "jitter"];
pub(crate) const TOOLS: Table = &["allow", "deny"];

/// The fields of every step.
pub(crate) const STEP: Table = &[
    "id",
    "name",
    "needs",
    "phase",
    "type",
    "if",
    "continue_on_error",
    "foreach",
    "matrix",
    "max_parallel",
    "isolate",
];
pub(crate) const AGENT: Table = &[
    "agent",
    "prompt",
    "permission",
    "model",
    "max_turns",
    "system_prompt",
    "mcp",
    "tools",
    "session",
    "output",
    "cwd",
    "env",
    "timeout",
    "retry",
    "on_usage_limit",
    "artifacts",
];
pub(crate) const SCRIPT: Table = &[
    "command",
    "cwd",
    "env",
    "timeout",
    "retry",
    "on_lost",
    "outputs",
    "artifacts",
];
pub(crate) const REMOTE: Table = &["provider", "workflow_id", "vars", "timeout", "retry"];
pub(crate) const APPROVAL: Table = &["message", "timeout", "on_timeout", "on_reject"];
pub(crate) const WAIT: Table = &["for", "until"];
pub(crate) const WORKFLOW: Table = &["workflow", "args", "timeout", "retry"];

/// The fields of every step that a program asks for.
pub(crate) const ASKED: Table = &["id", "name", "phase", "type", "continue_on_error"];
pub(crate) const FUNCTION: Table = &["retry"];
pub(crate) const ASKED_WORKFLOW: Table = &["workflow", "args", "timeout", "retry", "isolate"];

/// The fields that programs may give, by the type in the types for editors that declares them; after
/// a `.` that of an object in one of its fields.
#[must_use]
pub fn program_fields() -> Vec<(&'static str, Vec<String>)> {
    let own = |table: Table| table.iter().map(|&name| name.to_owned()).collect();
    let asked = ASKED.iter().filter(|name| **name != "type");
    // The one name of a document, in its spelling.
    let program = PROGRAM.iter().map(|&name| match name {
        "args_schema" => camel(name),
        name => name.to_owned(),
    });
    vec![
        ("WorkflowConfig", program.collect()),
        ("WorkflowConfig.worktree", own(WORKTREE)),
        ("WorkflowConfig.concurrency", own(CONCURRENCY)),
        ("WorkflowConfig.budget", own(BUDGET)),
        ("WorkflowConfig.triggers", own(TRIGGERS)),
        ("WorkflowConfig.triggers.schedule", own(SCHEDULE)),
        ("WorkflowConfig.triggers.webhook", own(WEBHOOK)),
        ("WorkflowConfig.defaults", own(DEFAULTS)),
        ("StepBase", asked.map(|&name| name.to_owned()).collect()),
        ("AgentStepConfig", own(AGENT)),
        ("AgentStepConfig.tools", own(TOOLS)),
        ("ScriptStepConfig", own(SCRIPT)),
        ("FunctionStepConfig", own(FUNCTION)),
        ("ApprovalConfig", own(APPROVAL)),
        ("WaitConfig", own(WAIT)),
        ("RemoteConfig", own(REMOTE)),
        ("ChildConfig", own(ASKED_WORKFLOW)),
        ("Retry", own(RETRY)),
    ]
}

/// Step types and their own fields.
pub(crate) const TYPES: &[(&str, Table)] = &[
    ("agent", AGENT),
    ("script", SCRIPT),
    ("remote", REMOTE),
    ("approval", APPROVAL),
    ("wait", WAIT),
    ("workflow", WORKFLOW),
];

/// The fields of one mapping, by their snake_case names.
pub(super) struct Fields<'n> {
    /// The mapping itself.
    pub(super) span: Span,
    what: &'static str,
    known: Vec<(&'static str, &'n Entry)>,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&'n Entry> {
        let found = self.known.iter().find(|(known, _)| *known == name);
        found.map(|(_, entry)| *entry)
    }

    /// What the mapping is, for messages.
    pub(super) fn what(&self) -> &'static str {
        self.what
    }
}

/// `argsSchema` as `args_schema`.
pub(crate) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// `args_schema` as `argsSchema`.
pub(crate) fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut raise = false;
    for c in name.chars() {
        if c == '_' {
            raise = true;
        } else if std::mem::take(&mut raise) {
            camel.push(c.to_ascii_uppercase());
        } else {
            camel.push(c);
        }
    }
    camel
}

impl Check<'_> {
    /// The fields of a mapping; everything unknown is complained about.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        table: Table,
        what: &'static str,
    ) -> Fields<'n> {
        self.fields_of(node, &[table], what, |_| None)
    }

    /// As [`Check::fields`], of several tables, with something better to say about some fields
    /// (with an empty code: nothing).
    pub(super) fn fields_of<'n>(
        &mut self,
        node: &'n Node,
        tables: &[Table],
        what: &'static str,
        explain: impl Fn(&str) -> Option<(&'static str, String, String)>,
    ) -> Fields<'n> {
        let mut known: Vec<(&'static str, &'n Entry)> = Vec::new();
        let entries: &[Entry] = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Broken => &[],
            _ => {
                self.wrong_type(node, what, "a mapping");
                &[]
            }
        };
        for entry in entries {
            let name = snake(&entry.key);
            let field = tables.iter().flat_map(|t| t.iter()).find(|f| **f == name);
            let Some(field) = field else {
                self.unknown_field(entry, &name, tables, what, &explain);
                continue;
            };
            if known.iter().any(|(other, _)| other == field) {
                let message = format!("`{}` is given a second time", entry.key);
                let help = "`snake_case` and `camelCase` are the same field";
                self.report
                    .error_with(entry.key_span, "duplicate_key", message, help);
                continue;
            }
            if entry.value.kind == Kind::Null {
                self.report.error_with(
                    entry.key_span,
                    "missing_value",
                    format!("`{}` has no value", entry.key),
                    "write one, or leave the field out",
                );
                known.push((field, &BROKEN));
                continue;
            }
            known.push((field, entry));
        }
        Fields {
            span: node.span,
            what,
            known,
        }
    }

    fn unknown_field(
        &mut self,
        entry: &Entry,
        name: &str,
        tables: &[Table],
        what: &str,
        explain: &impl Fn(&str) -> Option<(&'static str, String, String)>,
    ) {
        if let Some((code, message, help)) = explain(name) {
            if code.is_empty() {
                return;
            }
            self.report.error_with(entry.key_span, code, message, help);
            return;
        }
        let all: Vec<&str> = tables.iter().flat_map(|t| t.iter().copied()).collect();
        let shown: String = entry.key.chars().take(64).collect();
        let message = format!("{what} has no field `{shown}`");
        if self.report.is_full() {
            self.report.error(entry.key_span, "unknown_field", message);
            return;
        }
        let help = match nearest(&entry.key, all.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has: {}", all.join(", ")),
        };
        self.report
            .error_with(entry.key_span, "unknown_field", message, help);
    }
}

/// Stands for a value that was complained about.
static BROKEN: Entry = Entry {
    key: String::new(),
    key_span: Span { start: 0, end: 0 },
    value: Node {
        kind: Kind::Broken,
        span: Span { start: 0, end: 0 },
    },
};

#[cfg(test)]
mod tests {
    use super::{camel, snake};

    #[test]
    fn both_spellings_are_one_field() {
        for name in ["args_schema", "max_parallel", "continue_on_error", "name"] {
            assert_eq!(snake(&camel(name)), name);
        }
    }
}
