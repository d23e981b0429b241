//! Templates and expressions: text with `{{ … }}`, values that keep their type, bare expressions,
//! and commands into which no value can inject.
//!
//! The syntax is minijinja's, reduced to what the language page lists; evaluation is Baton's own,
//! because fuel does not bound memory and a template must never cost more than a few megabytes.

mod convert;
mod eval;
mod filters;
mod meter;
mod operators;
mod render;
pub(crate) mod syntax;
mod value;
pub(crate) mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use eval::{Scope, at};
use meter::Output;
use syntax::{Expr, Fault, Piece};

pub use super::command::{Command, Program, RenderedCommand};
pub(crate) use eval::Scope as EvalScope;
pub(crate) use eval::at as at_span;
pub(crate) use meter::{MAX_TEXT, Output as BoundedText, Reason};
pub(crate) use render::{Sink, render as render_into};
pub use value::from_json;

/// Text with `{{ … }}` in it, checked when the definition was.
#[derive(Clone)]
pub struct Text {
    source: Arc<str>,
    /// `None` for text without any template: it is only ever cloned.
    parsed: Option<Arc<Result<Vec<Piece>, Fault>>>,
}

/// A bare expression (`if`, `outputs` of a step).
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    parsed: Arc<Result<Expr, Fault>>,
}

/// A JSON value whose strings are templates. A string that is exactly one `{{ … }}` keeps the type
/// of its value.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueTemplate {
    source: Value,
    parsed: Tree,
}

#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Plain(Value),
    Text(Text),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// One piece of an environment value: text, or a secret that is put in at launch and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvPart {
    /// As it is.
    Text(String),
    /// The value of the secret of this name.
    Secret(String),
}

/// The names an expression may use. A missing name is an error when used.
#[derive(Debug, Clone, Default)]
pub struct Names {
    values: BTreeMap<&'static str, minijinja::Value>,
}

impl Names {
    /// These names and one more (replacing one of that name).
    #[must_use]
    pub fn with(mut self, name: &'static str, value: minijinja::Value) -> Self {
        self.values.insert(name, value);
        self
    }

    fn get(&self, name: &str) -> Option<&minijinja::Value> {
        self.values.get(name)
    }
}

impl Names {
    /// These names and one more, from JSON.
    #[must_use]
    pub fn with_json(self, name: &'static str, value: &Value) -> Self {
        self.with(name, value::from_json(value))
    }
}

/// Why a template gave no value: the expression and the reason, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} in `{expression}`")]
pub struct TemplateError {
    /// The expression as written.
    pub expression: String,
    /// What is wrong with it here.
    pub reason: String,
}

impl TemplateError {
    /// At most this much of an expression is shown.
    const SHOWN: usize = 200;

    pub(crate) fn new(source: &str, fault: &Fault) -> Self {
        let part = source.get(fault.span.clone()).unwrap_or_default().trim();
        let part = if part.is_empty() { source } else { part };
        Self {
            expression: part.chars().take(Self::SHOWN).collect(),
            reason: fault.reason.clone(),
        }
    }
}

/// Whether a text has anything to render in it.
fn is_template(source: &str) -> bool {
    source.contains("{{") || source.contains("{%")
}

impl Text {
    /// A text; a mistake in it is the error of every render.
    #[must_use]
    pub fn new(source: impl AsRef<str>) -> Self {
        let source = source.as_ref();
        Self {
            source: source.into(),
            parsed: is_template(source).then(|| Arc::new(syntax::parse_text(source))),
        }
    }

    /// A text that is no template, whatever stands in it.
    #[must_use]
    pub fn plain(source: impl AsRef<str>) -> Self {
        Self {
            source: source.as_ref().into(),
            parsed: None,
        }
    }

    /// The text as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it has no `{{ … }}`.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.parsed.is_none()
    }

    pub(crate) fn pieces(&self) -> Result<Option<&[Piece]>, &Fault> {
        match self.parsed.as_deref() {
            None => Ok(None),
            Some(Ok(pieces)) => Ok(Some(pieces)),
            Some(Err(fault)) => Err(fault),
        }
    }

    pub(crate) fn error(&self, fault: &Fault) -> TemplateError {
        TemplateError::new(&self.source, fault)
    }

    /// The one expression, when the text is exactly one `{{ … }}`.
    pub(crate) fn only_expression(&self) -> Option<&Expr> {
        match self.pieces() {
            Ok(Some([Piece::Emit(expr)])) => Some(expr),
            _ => None,
        }
    }

    /// The text with its values in it, at most 1 MiB.
    ///
    /// # Errors
    /// [`TemplateError`] for a name that does not exist, or too much output.
    pub fn render(&self, names: &Names) -> Result<String, TemplateError> {
        let mut output = Output::default();
        self.render_to(names, &mut output)?;
        Ok(output.into_text())
    }

    fn render_to(&self, names: &Names, sink: &mut dyn Sink) -> Result<(), TemplateError> {
        let rendered = match self.pieces() {
            Ok(None) => at(&(0..0), sink.raw(&self.source)),
            Ok(Some(pieces)) => render_into(pieces, &mut Scope::new(&self.source, names), sink),
            Err(fault) => Err(fault.clone()),
        };
        rendered.map_err(|fault| self.error(&fault))
    }

    /// As an environment value: secrets stay references.
    ///
    /// # Errors
    /// As [`Text::render`]; also a secret that is changed by a filter or an operator.
    pub fn render_env(&self, names: &Names) -> Result<Vec<EnvPart>, TemplateError> {
        let mut parts = EnvParts::default();
        self.render_to(names, &mut parts)?;
        if parts.0.is_empty() {
            parts.0.push(EnvPart::Text(String::new()));
        }
        Ok(parts.0)
    }

    /// With its type kept when it is exactly one `{{ … }}`.
    fn render_value(&self, names: &Names) -> Result<Value, TemplateError> {
        let Some(expr) = self.only_expression() else {
            return self.render(names).map(Value::String);
        };
        let mut scope = Scope::new(&self.source, names);
        json_of(expr, &mut scope).map_err(|fault| self.error(&fault))
    }
}

fn json_of(expr: &Expr, scope: &mut Scope<'_>) -> Result<Value, Fault> {
    let value = scope.value(expr)?;
    let json = value::to_json(&value, &mut scope.meter);
    at(&expr.span, json)
}

#[derive(Default)]
struct EnvParts(Vec<EnvPart>);

impl Sink for EnvParts {
    fn raw(&mut self, text: &str) -> Result<(), Reason> {
        if text.contains('\0') {
            return Err("has a NUL byte, which no environment can hold".to_owned());
        }
        match self.0.last_mut() {
            Some(EnvPart::Text(last)) if last.len() + text.len() > MAX_TEXT => {
                Err("gives more than 1 MiB".to_owned())
            }
            Some(EnvPart::Text(last)) => {
                last.push_str(text);
                Ok(())
            }
            _ => {
                self.0.push(EnvPart::Text(text.to_owned()));
                Ok(())
            }
        }
    }

    fn emit(&mut self, expr: &Expr, scope: &mut Scope<'_>) -> Result<(), Fault> {
        if let Some(name) = render::secret(expr) {
            self.0.push(EnvPart::Secret(name.to_owned()));
            return Ok(());
        }
        if let Some(used) = walk::references_of(expr)
            .iter()
            .find(|r| r.path[0] == "secrets")
        {
            return Err(Fault::new(&used.span, "a secret can only be used as it is"));
        }
        let text = scope.text(expr)?;
        at(&expr.span, self.raw(&text))
    }
}

impl Expression {
    /// An expression; a mistake in it is the error of every evaluation.
    #[must_use]
    pub fn new(source: impl AsRef<str>) -> Self {
        let source = source.as_ref();
        Self {
            source: source.into(),
            parsed: Arc::new(syntax::parse_expression(source)),
        }
    }

    /// The expression as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn parsed(&self) -> Result<&Expr, &Fault> {
        self.parsed.as_ref().as_ref()
    }

    fn with<T>(
        &self,
        names: &Names,
        then: impl FnOnce(&Expr, &mut Scope<'_>) -> Result<T, Fault>,
    ) -> Result<T, TemplateError> {
        let result = match self.parsed() {
            Ok(expr) => then(expr, &mut Scope::new(&self.source, names)),
            Err(fault) => Err(fault.clone()),
        };
        result.map_err(|fault| TemplateError::new(&self.source, &fault))
    }

    /// The expression's value.
    ///
    /// # Errors
    /// As [`Text::render`].
    pub fn evaluate(&self, names: &Names) -> Result<Value, TemplateError> {
        self.with(names, json_of)
    }

    /// Whether the expression is true (as Python reads truth).
    ///
    /// # Errors
    /// As [`Text::render`].
    pub fn is_true(&self, names: &Names) -> Result<bool, TemplateError> {
        self.with(names, |expr, scope| Ok(scope.value(expr)?.is_true()))
    }
}

impl ValueTemplate {
    /// A value whose strings are templates; mistakes in them are errors of every render.
    #[must_use]
    pub fn new(source: Value) -> Self {
        let parsed = Tree::new(&source);
        Self { source, parsed }
    }

    /// A value whose strings are no templates, whatever stands in them.
    #[must_use]
    pub fn plain(source: Value) -> Self {
        let parsed = Tree::Plain(source.clone());
        Self { source, parsed }
    }

    /// The value as written.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// The value with its templates evaluated.
    ///
    /// # Errors
    /// As [`Text::render`].
    pub fn render(&self, names: &Names) -> Result<Value, TemplateError> {
        self.parsed.render(names)
    }
}

impl Tree {
    fn new(value: &Value) -> Self {
        match value {
            Value::String(text) if is_template(text) => Self::Text(Text::new(text)),
            Value::Array(items) if holds_template(value) => {
                Self::List(items.iter().map(Self::new).collect())
            }
            Value::Object(members) if holds_template(value) => Self::Object(
                members
                    .iter()
                    .map(|(key, item)| (key.clone(), Self::new(item)))
                    .collect(),
            ),
            plain => Self::Plain(plain.clone()),
        }
    }

    fn render(&self, names: &Names) -> Result<Value, TemplateError> {
        match self {
            Self::Plain(value) => Ok(value.clone()),
            Self::Text(text) => text.render_value(names),
            Self::List(items) => items.iter().map(|item| item.render(names)).collect(),
            Self::Object(members) => members
                .iter()
                .map(|(key, item)| Ok((key.clone(), item.render(names)?)))
                .collect::<Result<serde_json::Map<_, _>, _>>()
                .map(Value::Object),
        }
    }
}

fn holds_template(value: &Value) -> bool {
    match value {
        Value::String(text) => is_template(text),
        Value::Array(items) => items.iter().any(holds_template),
        Value::Object(members) => members.values().any(holds_template),
        _ => false,
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Text").field(&self.source).finish()
    }
}

impl From<&str> for Text {
    fn from(source: &str) -> Self {
        Self::new(source)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}
