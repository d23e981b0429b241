//! Commands into which no value can inject: a value travels as an environment variable of the
//! child, and its `{{ … }}` becomes a reference that fits where it stands in the shell text.

pub(crate) mod shell;

use std::collections::BTreeMap;

use super::template::syntax::{Expr, Fault, Kind, Piece};
use super::template::{
    BoundedText, EvalScope, Names, Reason, Sink, TemplateError, Text, at_span, render_into,
};
use shell::{Lexer, Place};

/// The longest value a command takes, in bytes: systems refuse longer ones.
const MAX_VALUE: usize = 100 * 1024;
/// All values of a command together.
const MAX_VALUES: usize = 1 << 20;

/// A script's command.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Run by `/bin/sh -ec`.
    Shell(Text),
    /// Program and arguments, without a shell; each a template.
    Words(Vec<Text>),
}

/// A command ready to run: no value has become shell text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedCommand {
    /// What is run.
    pub program: Program,
    /// The variables the shell text refers to (`BATON_V1` …).
    pub env: BTreeMap<String, String>,
}

/// See [`RenderedCommand`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// A text for `/bin/sh -ec`.
    Shell(String),
    /// Program and arguments.
    Words(Vec<String>),
}

impl Command {
    /// Its text as it is written.
    #[must_use]
    pub fn source(&self) -> String {
        match self {
            Self::Shell(text) => text.source().to_owned(),
            Self::Words(words) => {
                let words: Vec<&str> = words.iter().map(Text::source).collect();
                words.join(" ")
            }
        }
    }

    /// The command ready to run.
    ///
    /// # Errors
    /// As [`Text::render`]; also a value over 100 KB, one with a NUL byte, and a place in the shell
    /// text where no reference is safe.
    pub fn render(&self, names: &Names) -> Result<RenderedCommand, TemplateError> {
        match self {
            Self::Shell(text) => render_shell(text, names),
            Self::Words(words) => {
                let words = words
                    .iter()
                    .map(|word| {
                        let value = word.render(names)?;
                        fits(&value).map_err(|reason| TemplateError {
                            expression: word.source().chars().take(200).collect(),
                            reason,
                        })?;
                        Ok(value)
                    })
                    .collect::<Result<_, _>>()?;
                Ok(RenderedCommand {
                    program: Program::Words(words),
                    env: BTreeMap::new(),
                })
            }
        }
    }
}

fn fits(value: &str) -> Result<(), Reason> {
    if value.contains('\0') {
        return Err("has a NUL byte, which no argument can hold".to_owned());
    }
    if value.len() > MAX_VALUE {
        return Err("is over 100 KB: write it to a file and pass the file's name".to_owned());
    }
    Ok(())
}

fn render_shell(text: &Text, names: &Names) -> Result<RenderedCommand, TemplateError> {
    let pieces = text.pieces().map_err(|fault| text.error(fault))?;
    let Some(pieces) = pieces else {
        return Ok(RenderedCommand {
            program: Program::Shell(text.source().to_owned()),
            env: BTreeMap::new(),
        });
    };
    let mut script = Script::default();
    render_into(
        pieces,
        &mut EvalScope::new(text.source(), names),
        &mut script,
    )
    .map_err(|fault| text.error(&fault))?;
    Ok(RenderedCommand {
        program: Program::Shell(script.text.into_text()),
        env: script.env,
    })
}

#[derive(Default)]
struct Script {
    text: BoundedText,
    lexer: Lexer,
    env: BTreeMap<String, String>,
    bytes: usize,
}

impl Sink for Script {
    fn raw(&mut self, text: &str) -> Result<(), Reason> {
        self.lexer.feed(text);
        self.text.push(text)
    }

    fn emit(&mut self, expr: &Expr, scope: &mut EvalScope<'_>) -> Result<(), Fault> {
        if let Some(inner) = raw_value(expr) {
            let text = scope.text(inner)?;
            let fed = fits(&text).and_then(|()| self.raw(&text));
            return at_span(&expr.span, fed);
        }
        let place = self
            .lexer
            .place()
            .map_err(|refusal| refusal.fault(&expr.span))?;
        let value = scope.text(expr)?;
        at_span(&expr.span, fits(&value))?;
        self.bytes += value.len();
        if self.bytes > MAX_VALUES {
            return Err(Fault::new(
                &expr.span,
                "the command's values are over 1 MiB together",
            ));
        }
        let variable = format!("BATON_V{}", self.env.len() + 1);
        let reference = place.reference(&variable);
        self.env.insert(variable, value);
        self.lexer.value();
        at_span(&expr.span, self.text.push(&reference))
    }
}

/// What is before `| raw`, the author's own risk.
fn raw_value(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        Kind::Filter(inner, call) if call.name == "raw" => Some(inner),
        _ => None,
    }
}

impl Place {
    fn reference(self, variable: &str) -> String {
        match self {
            Self::Open => format!("\"${{{variable}}}\""),
            Self::DoubleQuoted => format!("${{{variable}}}"),
            Self::SingleQuoted => format!("'\"${{{variable}}}\"'"),
        }
    }
}

/// Every `{{ … }}` in a shell text that stands where no reference is safe.
pub(crate) fn check(pieces: &[Piece]) -> Vec<Fault> {
    let mut faults = Vec::new();
    walk(pieces, Lexer::default(), &mut faults);
    faults
}

fn walk(pieces: &[Piece], mut lexer: Lexer, faults: &mut Vec<Fault>) -> Lexer {
    for piece in pieces {
        match piece {
            Piece::Raw(text) => lexer.feed(text),
            Piece::Emit(expr) => {
                if raw_value(expr).is_none()
                    && let Err(refusal) = lexer.place()
                {
                    faults.push(refusal.fault(&expr.span));
                }
                lexer.value();
            }
            Piece::If {
                condition,
                then,
                otherwise,
            } => {
                let one = walk(then, lexer.clone(), faults);
                let other = walk(otherwise, lexer, faults);
                if !one.same_quoting(&other) {
                    faults.push(uneven(condition));
                }
                lexer = one;
            }
            Piece::For(each) => {
                let once = walk(&each.body, lexer.clone(), faults);
                let never = walk(&each.otherwise, lexer.clone(), faults);
                // What stands after the loop must not depend on how often it went round.
                if !once.same_quoting(&lexer) || !never.same_quoting(&lexer) {
                    faults.push(uneven(&each.items));
                }
                lexer = once;
            }
        }
    }
    lexer
}

fn uneven(expr: &Expr) -> Fault {
    Fault::new(
        &expr.span,
        "a quote, comment or bracket opened here is not closed on every way",
    )
    .help("close each quote inside the `{% if %}` or `{% for %}` that opens it")
}

/// The word that makes a shell text be read a second time, when values stand in it.
pub(crate) fn second_shell(pieces: &[Piece]) -> Option<&'static str> {
    let mut raw = String::new();
    let mut values = false;
    gather(pieces, &mut raw, &mut values);
    if !values {
        return None;
    }
    let words: Vec<&str> = raw
        .split(|c: char| c.is_whitespace() || ";&|()`\"'".contains(c))
        .filter(|word| !word.is_empty())
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .collect();
    for (n, word) in words.iter().enumerate() {
        let next = words.get(n + 1).copied().unwrap_or_default();
        let runs_text = next.starts_with('-') && !next.starts_with("--") && next.ends_with('c');
        match *word {
            "eval" => return Some("eval"),
            "ssh" => return Some("ssh"),
            "sh" | "bash" | "dash" | "zsh" | "ksh" | "su" if runs_text => return Some("sh -c"),
            _ => {}
        }
    }
    None
}

fn gather(pieces: &[Piece], raw: &mut String, values: &mut bool) {
    for piece in pieces {
        match piece {
            Piece::Raw(text) => raw.push_str(text),
            Piece::Emit(_) => {
                *values = true;
                raw.push('?');
            }
            Piece::If {
                then, otherwise, ..
            } => {
                gather(then, raw, values);
                gather(otherwise, raw, values);
            }
            Piece::For(each) => {
                gather(&each.body, raw, values);
                gather(&each.otherwise, raw, values);
            }
        }
    }
}
