//! Reads single values: texts, numbers, durations, choices, lists.

use std::time::Duration;

use serde_json::Value;

use crate::definition::draft::{Entry, Kind, Node, Span};
use crate::definition::suggest::nearest;
use crate::time::parse_duration;

use super::Check;
use super::fields::Fields;

impl Check<'_> {
    pub(super) fn wrong_type(&mut self, node: &Node, what: &str, expected: &str) {
        if node.kind == Kind::Broken {
            return;
        }
        let message = format!("{what} is {expected}, this is {}", node.what());
        match (&node.kind, expected) {
            (Kind::Bool(_) | Kind::Int(_) | Kind::Float(_), "a text") => {
                let raw = self.written(node.span);
                self.report.error_with(
                    node.span,
                    "wrong_type",
                    message,
                    format!("put it in quotes: \"{raw}\""),
                );
            }
            (Kind::Text(text), "true or false")
                if matches!(text.to_lowercase().as_str(), "yes" | "on" | "y") =>
            {
                self.report
                    .error_with(node.span, "wrong_type", message, "write `true`");
            }
            (Kind::Text(text), "true or false")
                if matches!(text.to_lowercase().as_str(), "no" | "off" | "n") =>
            {
                self.report
                    .error_with(node.span, "wrong_type", message, "write `false`");
            }
            (Kind::Text(_), "a list") => {
                let raw = self.written(node.span);
                self.report.error_with(
                    node.span,
                    "wrong_type",
                    message,
                    format!("write `[{raw}]`"),
                );
            }
            _ => self.report.error(node.span, "wrong_type", message),
        }
    }

    /// A value as the author wrote it, shortened.
    pub(super) fn written(&self, span: Span) -> String {
        let raw = self
            .report
            .text()
            .get(span.start..span.end)
            .unwrap_or_default();
        raw.lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(80)
            .collect()
    }

    pub(super) fn missing(&mut self, fields: &Fields<'_>, name: &str, help: &str) {
        let span = Span {
            start: fields.span.start,
            end: fields.span.start + 1,
        };
        let message = format!("{} needs `{name}`", fields.what());
        self.report.error_with(span, "missing_field", message, help);
    }

    /// A text without templates.
    pub(super) fn literal(&mut self, node: &Node, what: &str) -> Option<String> {
        let Some(text) = node.text() else {
            self.wrong_type(node, what, "a text");
            return None;
        };
        if text.contains("{{") {
            let message = format!("{what} cannot hold `{{{{ … }}}}`");
            let help = "it is needed before anything can be put into it: write it out";
            self.report
                .error_with(node.span, "template_not_allowed", message, help);
            return None;
        }
        if text.trim().is_empty() {
            self.report
                .error(node.span, "empty_text", format!("{what} is empty"));
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn optional_literal(&mut self, fields: &Fields<'_>, name: &str) -> Option<String> {
        let node = fields.get(name)?;
        self.literal(node, &format!("`{name}`"))
    }

    pub(super) fn required_text(&mut self, fields: &Fields<'_>, name: &str) -> Option<String> {
        match fields.get(name) {
            Some(node) => self.literal(node, &format!("`{name}`")),
            None => {
                self.missing(fields, name, &format!("write `{name}: …`"));
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, fields: &Fields<'_>, name: &str) -> Option<bool> {
        let node = fields.get(name)?;
        match node.kind {
            Kind::Bool(yes) => Some(yes),
            _ => {
                self.wrong_type(node, &format!("`{name}`"), "true or false");
                None
            }
        }
    }

    /// A whole number from `least` on.
    pub(super) fn whole(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        least: u64,
        most: u64,
    ) -> Option<u64> {
        let node = fields.get(name)?;
        let Kind::Int(number) = node.kind else {
            self.wrong_type(node, &format!("`{name}`"), "a whole number");
            return None;
        };
        match u64::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let message = format!("`{name}` is {number}, it can be from {least} to {most}");
                self.report.error(node.span, "out_of_range", message);
                None
            }
        }
    }

    pub(super) fn small(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        least: u32,
        most: u32,
    ) -> Option<u32> {
        let number = self.whole(fields, name, least.into(), most.into())?;
        u32::try_from(number).ok()
    }

    /// A number of at least `least`; above it when `exclusive`.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn number(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        least: f64,
        exclusive: bool,
    ) -> Option<f64> {
        let node = fields.get(name)?;
        let number = match node.kind {
            Kind::Int(whole) => whole as f64,
            Kind::Float(float) => float,
            _ => {
                self.wrong_type(node, &format!("`{name}`"), "a number");
                return None;
            }
        };
        if number < least || (exclusive && number <= least) || number > 1e12 {
            let bound = if exclusive { "more than" } else { "at least" };
            let message = format!("`{name}` is {number}, it must be {bound} {least}");
            self.report.error(node.span, "out_of_range", message);
            return None;
        }
        Some(number)
    }

    pub(super) fn duration(&mut self, fields: &Fields<'_>, name: &str) -> Option<Duration> {
        let node = fields.get(name)?;
        let written = match &node.kind {
            Kind::Text(text) => text.clone(),
            Kind::Int(number) => number.to_string(),
            Kind::Float(number) => number.to_string(),
            _ => {
                self.wrong_type(node, &format!("`{name}`"), "a duration");
                return None;
            }
        };
        if written.contains("{{") {
            let message = format!("`{name}` cannot hold `{{{{ … }}}}`");
            self.report.error_with(
                node.span,
                "template_not_allowed",
                message,
                "write a length such as `10m`",
            );
            return None;
        }
        match parse_duration(&written) {
            Ok(duration) => Some(duration),
            Err(_) => {
                let shown: String = written.chars().take(64).collect();
                let help = match node.kind {
                    Kind::Int(number) => {
                        format!("say which unit: `{number}s`, `{number}m` or `{number}h`")
                    }
                    _ => "write `500ms`, `10s`, `30m`, `1h30m`, `3d` or `0`".to_owned(),
                };
                let message = format!("`{shown}` is not a duration");
                self.report
                    .error_with(node.span, "bad_duration", message, help);
                None
            }
        }
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let node = fields.get(name)?;
        self.choose(node, &format!("`{name}`"), choices)
    }

    pub(super) fn choose<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let Some(text) = node.text() else {
            let list = words.join(", ");
            if node.kind != Kind::Broken {
                let message = format!("{what} is one of {list}; this is {}", node.what());
                self.report.error(node.span, "bad_value", message);
            }
            return None;
        };
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let shown: String = text.chars().take(64).collect();
        let message = format!("{what} cannot be `{shown}`");
        let help = match nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it is one of {}", words.join(", ")),
        };
        self.report
            .error_with(node.span, "bad_value", message, help);
        None
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            _ => {
                self.wrong_type(node, what, "a list");
                None
            }
        }
    }

    pub(super) fn literals(&mut self, fields: &Fields<'_>, name: &str) -> Vec<(String, Span)> {
        let Some(node) = fields.get(name) else {
            return Vec::new();
        };
        let items = self.list(node, &format!("`{name}`")).unwrap_or_default();
        let what = format!("an item of `{name}`");
        items
            .iter()
            .filter_map(|item| self.literal(item, &what).map(|text| (text, item.span)))
            .collect()
    }

    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        match &node.kind {
            Kind::Map(entries) => entries,
            _ => {
                self.wrong_type(node, what, "a mapping");
                &[]
            }
        }
    }

    /// A relative path or glob that does not leave the run's directory.
    pub(super) fn inside(&mut self, path: &str, span: Span, what: &str) {
        // A program knows the run's directory; its paths are checked when they are used.
        if self.plain && path.starts_with('/') {
            return;
        }
        let leaves = path.starts_with(['/', '~']) || path.split('/').any(|part| part == "..");
        if leaves {
            let shown: String = path.chars().take(64).collect();
            let message = format!("{what} `{shown}` leaves the run's directory");
            let help = "write a path below it, such as `app/dist`";
            self.report.error_with(span, "path_outside", message, help);
        }
    }

    /// Plain JSON: a template in it would never be rendered.
    pub(super) fn plain_json(&mut self, node: &Node, what: &str) -> Option<Value> {
        if let Some(at) = find_template(node).filter(|_| !self.plain) {
            let message = format!("{what} cannot hold `{{{{ … }}}}`");
            self.report
                .error_with(at, "template_not_allowed", message, "write the value out");
            return None;
        }
        Some(node.to_json())
    }
}

fn find_template(node: &Node) -> Option<Span> {
    match &node.kind {
        Kind::Text(text) if text.contains("{{") => Some(node.span),
        Kind::List(items) => items.iter().find_map(find_template),
        Kind::Map(entries) => entries.iter().find_map(|e| find_template(&e.value)),
        _ => None,
    }
}
