//! Reads what holds templates: texts, expressions, values, environment variables.

use std::collections::BTreeMap;

use crate::definition::draft::{Kind, Node};
use crate::definition::template::syntax::Fault;
use crate::definition::template::{Expression, Text, ValueTemplate};

use super::Check;
use super::places::Place;

impl Check<'_> {
    pub(super) fn fault(&mut self, code: &'static str, node: &Node, source: &str, fault: &Fault) {
        let span = self.within(node.span, source, &fault.span);
        match &fault.help {
            Some(help) => self.report.error_with(span, code, &fault.reason, help),
            None => self.report.error(span, code, &fault.reason),
        }
    }

    /// A text with templates. Numbers and booleans are taken as written where `loose`.
    pub(super) fn template(
        &mut self,
        node: &Node,
        what: &str,
        place: &Place,
        loose: bool,
    ) -> Option<Text> {
        let source = match &node.kind {
            Kind::Text(text) => text.clone(),
            Kind::Map(entries) if self.plain && entries.len() == 1 => {
                if let Some(secret) = secret(&entries[0].key, &entries[0].value) {
                    return Some(secret);
                }
                self.wrong_type(node, what, "a text");
                return None;
            }
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) if loose => self.written(node.span),
            _ => {
                self.wrong_type(node, what, "a text");
                return None;
            }
        };
        if self.plain {
            return Some(Text::plain(&source));
        }
        let text = Text::new(&source);
        self.used_text(node, &text, place)?;
        Some(text)
    }

    pub(super) fn expression(
        &mut self,
        node: &Node,
        what: &str,
        place: &Place,
    ) -> Option<Expression> {
        let source = match &node.kind {
            Kind::Text(text) => text.clone(),
            Kind::Bool(yes) => yes.to_string(),
            _ => {
                self.wrong_type(node, what, "an expression");
                return None;
            }
        };
        if source.contains("{{") {
            let inner = source
                .trim()
                .trim_start_matches("{{")
                .trim_end_matches("}}")
                .trim();
            let message = format!("{what} is an expression already: no `{{{{ … }}}}` in it");
            let help = format!("write `{inner}`");
            self.report
                .error_with(node.span, "template_in_expression", message, help);
            return None;
        }
        let expression = Expression::new(&source);
        match expression.parsed() {
            Ok(parsed) => self.used_expression(node, &source, parsed, place),
            Err(fault) => {
                let fault = fault.clone();
                self.fault("bad_expression", node, &source, &fault);
                return None;
            }
        }
        Some(expression)
    }

    /// A value whose strings are templates.
    pub(super) fn value_template(&mut self, node: &Node, place: &Place) -> Option<ValueTemplate> {
        if self.plain {
            return Some(ValueTemplate::plain(node.to_json()));
        }
        self.use_strings(node, place)?;
        Some(ValueTemplate::new(node.to_json()))
    }

    fn use_strings(&mut self, node: &Node, place: &Place) -> Option<()> {
        match &node.kind {
            Kind::Text(text) => {
                let text = Text::new(text);
                self.used_text(node, &text, place)
            }
            Kind::List(items) => items
                .iter()
                .map(|item| self.use_strings(item, place))
                .collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|e| self.use_strings(&e.value, place))
                .collect(),
            Kind::Broken => None,
            _ => Some(()),
        }
    }

    /// `name: template` pairs.
    pub(super) fn value_templates(
        &mut self,
        node: Option<&Node>,
        what: &str,
        place: &Place,
    ) -> BTreeMap<String, ValueTemplate> {
        let Some(node) = node else {
            return BTreeMap::new();
        };
        let mut values = BTreeMap::new();
        for entry in self.map(node, what) {
            if let Some(value) = self.value_template(&entry.value, place) {
                values.insert(entry.key.clone(), value);
            }
        }
        values
    }

    /// Environment variables.
    pub(super) fn env(&mut self, node: Option<&Node>, place: &Place) -> BTreeMap<String, Text> {
        let Some(node) = node else {
            return BTreeMap::new();
        };
        let mut env = BTreeMap::new();
        for entry in self.map(node, "`env`") {
            let name = &entry.key;
            let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !fits || name.starts_with("BATON_") {
                let shown: String = name.chars().take(64).collect();
                let message = format!("`{shown}` cannot be a variable of `env`");
                let help = "letters, digits and `_`, not beginning with a digit or with `BATON_`";
                self.report
                    .error_with(entry.key_span, "bad_env_name", message, help);
                continue;
            }
            if let Some(text) = self.template(&entry.value, &format!("`env.{name}`"), place, true) {
                env.insert(name.clone(), text);
            }
        }
        env
    }
}

/// What `secret("NAME")` of a program gives: a reference, resolved at launch.
fn secret(key: &str, name: &Node) -> Option<Text> {
    let name = name.text().filter(|_| key == "$secret")?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (fits && name.chars().all(word)).then(|| Text::new(format!("{{{{ secrets.{name} }}}}")))
}
