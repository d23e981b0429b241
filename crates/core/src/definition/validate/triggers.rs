//! `triggers`: schedules and webhooks.

use serde_json::{Map, Value};

use crate::definition::cron::Cron;
use crate::definition::draft::{Kind, Node};
use crate::definition::schema;
use crate::definition::{CatchUp, Schedule, Triggers, Webhook};

use super::places::Place;
use super::{Check, fields};

const CATCH_UP: &[(&str, CatchUp)] = &[
    ("none", CatchUp::None),
    ("one", CatchUp::One),
    ("all", CatchUp::All),
];

impl Check<'_> {
    pub(super) fn triggers(&mut self, node: Option<&Node>, args: Option<&Value>) -> Triggers {
        let Some(node) = node else {
            return Triggers::default();
        };
        let fields = self.fields(node, fields::TRIGGERS, "`triggers`");
        Triggers {
            schedule: fields
                .get("schedule")
                .and_then(|node| self.schedule(node, args)),
            webhook: fields
                .get("webhook")
                .and_then(|node| self.webhook(node, args)),
        }
    }

    fn schedule(&mut self, node: &Node, schema: Option<&Value>) -> Option<Schedule> {
        let fields = self.fields(node, fields::SCHEDULE, "`schedule`");
        let tz = self.time_zone(fields.get("tz"));
        let catch_up = self
            .choice(&fields, "catch_up", CATCH_UP)
            .unwrap_or(CatchUp::One);
        let args = self.schedule_args(fields.get("args"), node, schema);
        let Some(node) = fields.get("cron") else {
            self.missing(&fields, "cron", "write `cron: \"0 6 * * 1-5\"`");
            return None;
        };
        let cron = self.literal(node, "`cron`")?;
        if let Err((reason, help)) = Cron::parse(&cron) {
            self.report.error_with(node.span, "bad_cron", reason, help);
            return None;
        }
        Some(Schedule {
            cron,
            tz: tz?,
            catch_up,
            args: args?,
        })
    }

    fn schedule_args(
        &mut self,
        node: Option<&Node>,
        schedule: &Node,
        schema: Option<&Value>,
    ) -> Option<std::collections::BTreeMap<String, Value>> {
        let given = match node {
            Some(node) => {
                self.map(node, "`args`");
                match self.plain_json(node, "`args`")? {
                    Value::Object(given) => given,
                    _ => return None,
                }
            }
            None => Map::new(),
        };
        let place = node.unwrap_or(schedule);
        if let Err(errors) = schema::args_check(schema, Value::Object(given.clone())) {
            for error in errors {
                let span = place
                    .at(if node.is_some() { &error.pointer } else { "" })
                    .span;
                let message = format!("these args do not fit `argsSchema`: {}", error.detail);
                self.report.error(span, "bad_args", message);
            }
            return None;
        }
        Some(given.into_iter().collect())
    }

    fn time_zone(&mut self, node: Option<&Node>) -> Option<String> {
        let Some(node) = node else {
            return Some("UTC".to_owned());
        };
        let zone = self.literal(node, "`tz`")?;
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c))
        };
        let fits = zone.len() <= 64
            && zone.split('/').all(part)
            && (zone.contains('/') || zone == "UTC" || zone == "GMT");
        if fits {
            return Some(zone);
        }
        let shown: String = zone.chars().take(64).collect();
        let message = format!("`{shown}` is not the name of a time zone");
        self.report.error_with(
            node.span,
            "bad_time_zone",
            message,
            "write `Europe/Berlin` or `UTC`",
        );
        None
    }

    fn webhook(&mut self, node: &Node, schema: Option<&Value>) -> Option<Webhook> {
        let fields = self.fields(node, fields::WEBHOOK, "`webhook`");
        let place = Place::outside(Place::EVENT);
        let condition = fields
            .get("if")
            .map(|node| self.expression(node, "`if`", &place));
        let args = self.value_templates(fields.get("args"), "`args`", &place);
        if let (Some(names), Some(Kind::Map(entries))) = (
            super::schemas::arg_names(schema),
            fields.get("args").map(|n| &n.kind),
        ) {
            for entry in entries.iter().filter(|e| !names.contains(&e.key.as_str())) {
                let message = format!("there is no arg `{}`", entry.key);
                let help = "declare it in `argsSchema`";
                self.report
                    .error_with(entry.key_span, "unknown_arg", message, help);
            }
        }
        let secret_env = self.required_text(&fields, "secret_env")?;
        Some(Webhook {
            secret_env,
            condition: condition.flatten(),
            args,
        })
    }
}
