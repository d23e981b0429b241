//! `defaults`, and `retry` merged over it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::definition::draft::{Kind, Node};
use crate::definition::suggest::nearest;
use crate::definition::template::Text;
use crate::definition::{OnLost, OnUsageLimit, Retry};

use super::Check;
use super::fields::{self, Fields};
use super::places::Place;

/// Agents that need no settings.
const BUILT_IN: [&str; 3] = ["claude", "codex", "gemini"];

pub(super) const ON_LOST: &[(&str, OnLost)] = &[
    ("rerun", OnLost::Rerun),
    ("fail", OnLost::Fail),
    ("ask", OnLost::Ask),
];
pub(super) const ON_USAGE_LIMIT: &[(&str, OnUsageLimit)] =
    &[("wait", OnUsageLimit::Wait), ("fail", OnUsageLimit::Fail)];
pub(super) const PERMISSIONS: &[(&str, &str)] = &[
    ("default", "default"),
    ("plan", "plan"),
    ("acceptEdits", "acceptEdits"),
    ("bypassPermissions", "bypassPermissions"),
];

/// What steps have that do not say otherwise.
pub(super) struct Defaults {
    pub(super) agent: Option<String>,
    pub(super) model: Option<Text>,
    pub(super) permission: Option<String>,
    pub(super) timeout: Option<Duration>,
    pub(super) retry: Retry,
    pub(super) on_usage_limit: OnUsageLimit,
    pub(super) on_lost: OnLost,
    pub(super) env: BTreeMap<String, Text>,
    pub(super) cwd: Option<Text>,
}

impl Check<'_> {
    pub(super) fn defaults(&mut self, node: Option<&Node>) -> Defaults {
        let mut defaults = Defaults {
            agent: None,
            model: None,
            permission: None,
            timeout: None,
            retry: Retry::NONE,
            on_usage_limit: OnUsageLimit::Wait,
            on_lost: OnLost::Rerun,
            env: BTreeMap::new(),
            cwd: None,
        };
        let Some(node) = node else { return defaults };
        let fields = self.fields(node, fields::DEFAULTS, "`defaults`");
        // Every step may use them, so only what exists before the first.
        let place = Place::outside(&["args", "run", "project", "env"]);
        defaults.agent = self.agent_name(&fields);
        defaults.model = self.optional_template(&fields, "model", &place);
        defaults.permission = self
            .choice(&fields, "permission", PERMISSIONS)
            .map(str::to_owned);
        defaults.timeout = self.timeout(&fields);
        defaults.retry = self.retry(&fields, Retry::NONE);
        if let Some(choice) = self.choice(&fields, "on_usage_limit", ON_USAGE_LIMIT) {
            defaults.on_usage_limit = choice;
        }
        if let Some(choice) = self.choice(&fields, "on_lost", ON_LOST) {
            defaults.on_lost = choice;
        }
        defaults.env = self.env(fields.get("env"), &Place::outside(Place::ENV));
        defaults.cwd = self.cwd(&fields, &place);
        defaults
    }

    pub(super) fn optional_template(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        place: &Place,
    ) -> Option<Text> {
        let node = fields.get(name)?;
        self.template(node, &format!("`{name}`"), place, false)
    }

    pub(super) fn cwd(&mut self, fields: &Fields<'_>, place: &Place) -> Option<Text> {
        let cwd = self.optional_template(fields, "cwd", place)?;
        if let (true, Some(node)) = (cwd.is_plain(), fields.get("cwd")) {
            self.inside(cwd.source(), node.span, "the directory");
        }
        Some(cwd)
    }

    /// `0` is no timeout.
    pub(super) fn timeout(&mut self, fields: &Fields<'_>) -> Option<Duration> {
        self.duration(fields, "timeout")
            .filter(|length| !length.is_zero())
    }

    /// A step's `retry` over the default.
    pub(super) fn retry(&mut self, fields: &Fields<'_>, base: Retry) -> Retry {
        let Some(node) = fields.get("retry") else {
            return base;
        };
        if let Kind::Int(attempts) = node.kind {
            let help = format!("write `retry: {{attempts: {attempts}}}`; the first try counts");
            self.report.error_with(
                node.span,
                "wrong_type",
                "`retry` is a mapping, this is a number",
                help,
            );
            return base;
        }
        let fields = self.fields(node, fields::RETRY, "`retry`");
        Retry {
            attempts: self
                .small(&fields, "attempts", 1, 1000)
                .unwrap_or(base.attempts),
            backoff: self.duration(&fields, "backoff").unwrap_or(base.backoff),
            factor: self
                .number(&fields, "factor", 1.0, false)
                .unwrap_or(base.factor),
            max: self.duration(&fields, "max").unwrap_or(base.max),
            jitter: self.boolean(&fields, "jitter").unwrap_or(base.jitter),
        }
    }

    fn knows(&self, agent: &str) -> bool {
        let named = self
            .agents
            .is_none_or(|all| all.iter().any(|name| name == agent));
        named || agent.contains(':') || BUILT_IN.contains(&agent)
    }

    /// `claude`, `codex`, `gemini`, `acp:<command>`, `command:<command>` or a name from the settings.
    pub(super) fn agent_name(&mut self, fields: &Fields<'_>) -> Option<String> {
        let node = fields.get("agent")?;
        let agent = self.literal(node, "`agent`")?;
        let fits = match agent.split_once(':') {
            Some(("acp" | "command", command)) => !command.trim().is_empty(),
            Some(_) => false,
            None => {
                agent.len() <= 64
                    && agent.starts_with(|c: char| c.is_ascii_alphabetic())
                    && agent
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
            }
        };
        if fits && !self.knows(&agent) {
            let named = self.agents.unwrap_or_default().iter().map(String::as_str);
            let known = BUILT_IN.into_iter().chain(named);
            let message = format!("there is no agent `{agent}`");
            let help = match nearest(&agent, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "there are {}; others are named in baton.toml: `[agents.{agent}]`",
                    known
                        .map(|name| format!("`{name}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            };
            self.report
                .error_with(node.span, "unknown_agent", message, &help);
            return None;
        }
        if fits {
            return Some(agent);
        }
        let shown: String = agent.chars().take(64).collect();
        let message = format!("`{shown}` names no agent");
        let help = "it is `claude`, `codex`, `gemini`, `acp:<command>`, `command:<command>` or a name from baton.toml";
        self.report
            .error_with(node.span, "bad_agent", message, help);
        None
    }
}
