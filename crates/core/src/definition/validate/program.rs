//! What TypeScript definitions say: the head that `defineWorkflow` was given, and the options of
//! each step that a run asks for. Both come as JSON, and none of their strings is a template.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::definition::diagnostic::Report;
use crate::definition::draft::{Entry, Kind, Node, Span};
use crate::definition::{
    Action, Definition, Diagnostic, OnLost, OnUsageLimit, OutlineStep, ProgramHead, Retry,
    Severity, Step,
};

use super::defaults::Defaults;
use super::steps::is_step_id;
use super::{Check, Parsed, fields};

/// What stands at the head of a bundle, the form in which a TypeScript definition is kept.
#[derive(Debug, Deserialize)]
struct Bundle {
    hash: String,
    head: Value,
    #[serde(default)]
    outline: Vec<OutlineStep>,
    #[serde(default)]
    reads_args: bool,
}

/// Reads a TypeScript definition from its bundle.
///
/// # Errors
/// A sentence: it is no bundle, or one of another version of Baton.
pub fn parse_bundle(key: &str, file: &str, bundle: &str) -> Result<Parsed, String> {
    let bundle: Bundle =
        serde_json::from_str(bundle).map_err(|error| format!("it is no bundle: {error}"))?;
    let mut parsed = parse_head(key, file, &bundle.head);
    if let Some(definition) = &mut parsed.definition {
        definition.hash = bundle.hash;
        if let Some(program) = &mut definition.program {
            program.outline = bundle.outline;
            program.reads_args = bundle.reads_args;
        }
    }
    Ok(parsed)
}

/// Checks what `defineWorkflow` was given, but for `execute`, as JSON. The findings' `pointer`s
/// lead into it; their lines mean nothing.
#[must_use]
pub fn parse_head(key: &str, file: &str, head: &Value) -> Parsed {
    let mut text = String::new();
    let root = node(head, &mut text);
    let mut check = Check::of_program(file, &text);
    let definition = check.program(key, &root, head);
    let definition = definition.filter(|_| !check.report.has_errors());
    let draft = crate::definition::draft::Draft { root };
    Parsed {
        definition,
        diagnostics: check
            .report
            .finish(|span, of_mapping| draft.pointer(span, of_mapping)),
    }
}

/// The options of most functions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainFunction<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: FunctionType,
    #[serde(default, deserialize_with = "said")]
    phase: Option<String>,
}

/// What is said is a text, and not `null`.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    String::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FunctionType {
    Function,
}

/// As [`parse_step`], of options as text. Functions are asked for often and say little: those are not gone
/// through field by field.
///
/// # Errors
/// As of [`parse_step`].
pub fn read_step(definition: &Definition, key: &str, options: &str) -> Result<Step, String> {
    if let Some(step) = plain_function(definition, key, options) {
        return Ok(step);
    }
    let options: Value = serde_json::from_str(options)
        .map_err(|error| format!("its options are not JSON: {error}"))?;
    parse_step(definition, key, &options)
}

/// `None`: it says more, or something is wrong with it.
fn plain_function(definition: &Definition, key: &str, options: &str) -> Option<Step> {
    if definition.program.as_ref()?.defaults.is_some() {
        return None;
    }
    let said: PlainFunction<'_> = serde_json::from_str(options).ok()?;
    let FunctionType::Function = said.kind;
    let is_declared = |id: &str| definition.phases.iter().any(|phase| phase.id == id);
    if !is_step_id(&said.id) || !said.phase.as_deref().is_none_or(is_declared) {
        return None;
    }
    Some(Step {
        id: key.to_owned(),
        name: said.id.into_owned(),
        phase: said.phase,
        needs: Vec::new(),
        condition: None,
        timeout: None,
        retry: Retry::NONE,
        on_lost: OnLost::Rerun,
        on_usage_limit: OnUsageLimit::Wait,
        continue_on_error: true,
        env: BTreeMap::new(),
        outputs: BTreeMap::new(),
        artifacts: Vec::new(),
        foreach: None,
        action: Action::Function,
    })
}

/// The step that a run of this program asks for by `key`. The options hold its `id`, of which the
/// key is a repetition (`id~2`) or the same.
///
/// # Errors
/// What is wrong, for people.
pub fn parse_step(definition: &Definition, key: &str, options: &Value) -> Result<Step, String> {
    let mut text = String::new();
    let root = node(options, &mut text);
    let mut check = Check::of_program("", &text);
    let defaults = match definition
        .program
        .as_ref()
        .and_then(|p| p.defaults.as_ref())
    {
        Some(defaults) => {
            let mut unused = String::new();
            let defaults = node(defaults, &mut unused);
            // What is wrong with them was said when the head was checked.
            Check::of_program("", &unused).defaults(Some(&defaults))
        }
        None => check.defaults(None),
    };
    let draft = check.step(&root, 0, &definition.phases, &mut None, &defaults);
    let wrong: Vec<Diagnostic> = check.report.finish(|_, _| None);
    let mut wrong: Vec<Diagnostic> = wrong
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    // A field of the wrong name is also one that is missing: the former says what to do.
    wrong.sort_by_key(|finding| finding.code == "missing_field");
    let first = wrong.into_iter().next();
    if let Some(first) = first {
        return Err(match first.help {
            Some(help) => format!("{}: {help}", first.message),
            None => first.message,
        });
    }
    let mut step = draft.step.ok_or("these options say no step")?;
    key.clone_into(&mut step.id);
    // Its failure is an exception in the program: that decides what it means.
    step.continue_on_error = true;
    Ok(step)
}

impl<'a> Check<'a> {
    fn of_program(file: &'a str, text: &'a str) -> Self {
        Self {
            report: Report::new(file, text),
            uses: Vec::new(),
            agents: None,
            plain: true,
        }
    }

    fn program(&mut self, key: &str, root: &Node, head: &Value) -> Option<Definition> {
        let top = self.fields(root, fields::PROGRAM, "a workflow");
        let name = self.required_text(&top, "name");
        let description = self.optional_literal(&top, "description");
        let phases = self.phases(top.get("phases"));
        let args_schema = self.args_schema(top.get("args_schema"));
        let env = self.definition_env(top.get("env"));
        let worktree = self.worktree(top.get("worktree"));
        let budget = self.budget(top.get("budget"));
        // What is said before a run exists can only speak of it in templates.
        self.plain = false;
        let concurrency = self.concurrency(top.get("concurrency"));
        let triggers = self.triggers(top.get("triggers"), args_schema.as_ref());
        self.plain = true;
        let _checked: Defaults = self.defaults(top.get("defaults"));
        Some(Definition {
            key: key.to_owned(),
            name: name?,
            description,
            phases,
            args_schema,
            env,
            worktree,
            outputs: BTreeMap::new(),
            concurrency,
            budget,
            triggers,
            steps: Vec::new(),
            is_graph: true,
            program: Some(ProgramHead {
                defaults: head.get("defaults").cloned(),
                ..ProgramHead::default()
            }),
            hash: String::new(),
        })
    }
}

/// JSON as a tree whose values stand somewhere: in a text that holds them one after another.
fn node(value: &Value, text: &mut String) -> Node {
    let start = text.len();
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(yes) => Kind::Bool(*yes),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => Kind::Int(whole.into()),
            (None, Some(whole), _) => Kind::Int(whole.into()),
            (None, None, float) => Kind::Float(float.unwrap_or(f64::NAN)),
        },
        Value::String(words) => Kind::Text(words.clone()),
        Value::Array(items) => Kind::List(items.iter().map(|item| node(item, text)).collect()),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| {
                let start = text.len();
                text.push_str(key);
                let key_span = Span {
                    start,
                    end: text.len(),
                };
                Entry {
                    key: key.clone(),
                    key_span,
                    value: node(value, text),
                }
            };
            Kind::Map(entries.iter().map(entry).collect())
        }
    };
    match value {
        Value::String(words) => text.push_str(words),
        Value::Array(_) | Value::Object(_) => {}
        other => text.push_str(&other.to_string()),
    }
    text.push(' ');
    let end = text.len();
    Node {
        kind,
        span: Span { start, end },
    }
}
