//! From a file's text to a checked [`Definition`], or everything that is wrong with it.

mod actions;
mod defaults;
pub(crate) mod fields;
mod graph;
mod head;
mod items;
mod places;
mod program;
mod read;
mod references;
mod schemas;
mod steps;
mod templates;
mod triggers;

use sha2::{Digest, Sha256};

use super::Definition;
use super::diagnostic::{Diagnostic, Report};
use super::draft::{Draft, Kind, Node, Span};
use places::Use;

pub use fields::program_fields;
pub use program::{parse_bundle, parse_head, parse_step, read_step};

/// The most steps a definition may have.
const MAX_STEPS: usize = 10_000;

/// A definition's file.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The definition's key: the file stem.
    pub key: &'a str,
    /// The file as messages name it.
    pub file: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// What a file says.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The definition; `None` when there is any error.
    pub definition: Option<Definition>,
    /// All that was found, in file order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and checks a definition. References to other definitions, providers, agents and secrets
/// are not checked: that needs a project.
#[must_use]
pub fn parse(source: &Source<'_>) -> Parsed {
    read(source, None)
}

/// The same, and an agent must be built in or one of these.
#[must_use]
pub fn parse_with_agents<'a>(source: &Source<'a>, agents: &'a [String]) -> Parsed {
    read(source, Some(agents))
}

fn read<'a>(source: &Source<'a>, agents: Option<&'a [String]>) -> Parsed {
    // Editors on Windows put a byte order mark first.
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let mut report = Report::new(source.file, text);
    let Some(draft) = Draft::read(&mut report) else {
        return Parsed {
            definition: None,
            diagnostics: report.finish(|_, _| None),
        };
    };
    let mut check = Check {
        report,
        uses: Vec::new(),
        agents,
        plain: false,
    };
    let definition = check.definition(source.key, &draft.root);
    let definition = definition.filter(|_| !check.report.has_errors());
    Parsed {
        definition,
        diagnostics: check
            .report
            .finish(|span, of_mapping| draft.pointer(span, of_mapping)),
    }
}

/// One check of one file.
struct Check<'a> {
    report: Report<'a>,
    /// The templates read so far; their names are checked when all steps are known.
    uses: Vec<Use>,
    /// The names of agents beside those that are built in; `None`: any may be.
    agents: Option<&'a [String]>,
    /// Strings come from a program: none is a template.
    plain: bool,
}

impl Check<'_> {
    fn definition(&mut self, key: &str, root: &Node) -> Option<Definition> {
        if !matches!(root.kind, Kind::Map(_)) {
            let span = Span {
                start: root.span.start,
                end: root.span.start + 1,
            };
            let message = format!("a definition is a mapping, this is {}", root.what());
            let help = "begin with `name:` and `steps:`";
            self.report.error_with(span, "wrong_type", message, help);
            return None;
        }
        let top = self.fields(root, fields::DEFINITION, "a definition");
        let name = self.required_text(&top, "name");
        let description = self.optional_literal(&top, "description");
        let phases = self.phases(top.get("phases"));
        let args_schema = self.args_schema(top.get("args_schema"));
        let env = self.definition_env(top.get("env"));
        let worktree = self.worktree(top.get("worktree"));
        let outputs = self.definition_outputs(top.get("outputs"));
        let concurrency = self.concurrency(top.get("concurrency"));
        let budget = self.budget(top.get("budget"));
        let triggers = self.triggers(top.get("triggers"), args_schema.as_ref());
        let defaults = self.defaults(top.get("defaults"));
        let drafts = self.steps(&top, &phases, &defaults);
        let is_graph = drafts.iter().any(|step| step.needs.is_some());
        let order = self.graph(&drafts, is_graph);
        self.check_sessions(&drafts, &order);
        // Nothing is known of the args when their schema is wrong.
        if args_schema.is_some() || top.get("args_schema").is_none() {
            self.check_uses(&drafts, &order, args_schema.as_ref());
        } else {
            self.check_uses(
                &drafts,
                &order,
                Some(&serde_json::json!({"additionalProperties": true})),
            );
        }
        let steps = graph::wire(drafts, is_graph)?;
        Some(Definition {
            key: key.to_owned(),
            name: name?,
            description,
            phases,
            args_schema,
            env,
            worktree,
            outputs,
            concurrency,
            budget,
            triggers,
            steps,
            is_graph,
            program: None,
            hash: hash(self.report.text()),
        })
    }
}

fn hash(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    hex
}
