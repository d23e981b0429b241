//! What each type of step does.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::definition::draft::{Kind, Node};
use crate::definition::template::{Command, Text};
use crate::definition::{
    Action, Agent, Approval, OnLost, OnReject, OnTimeout, OnUsageLimit, Remote, Retry, Script,
    StepKind, Tools, Wait, Workflow,
};
use crate::time::Timestamp;

use super::Check;
use super::defaults::{Defaults, ON_LOST, ON_USAGE_LIMIT, PERMISSIONS};
use super::fields::{self, Fields};
use super::places::Place;

/// What several types share.
pub(super) struct Common {
    pub(super) timeout: Option<Duration>,
    pub(super) retry: Retry,
    pub(super) on_lost: OnLost,
    pub(super) on_usage_limit: OnUsageLimit,
    pub(super) env: BTreeMap<String, Text>,
    pub(super) artifacts: Vec<String>,
}

impl Check<'_> {
    pub(super) fn common(
        &mut self,
        fields: &Fields<'_>,
        kind: StepKind,
        place: &Place,
        defaults: &Defaults,
    ) -> Common {
        // Only what runs here has the defaults: a person or a service has all the time they need.
        let local = matches!(
            kind,
            StepKind::Agent | StepKind::Script | StepKind::Function
        );
        let timeout = match fields.get("timeout") {
            Some(_) => self.timeout(fields),
            None if local => defaults.timeout,
            None => None,
        };
        let base = if local { defaults.retry } else { Retry::NONE };
        let retry = self.retry(fields, base);
        let mut env = if local {
            defaults.env.clone()
        } else {
            BTreeMap::new()
        };
        env.extend(self.env(fields.get("env"), &place.env()));
        let mut artifacts = Vec::new();
        for (path, span) in self.literals(fields, "artifacts") {
            self.inside(&path, span, "the path");
            artifacts.push(path);
        }
        Common {
            timeout,
            retry,
            on_lost: self
                .choice(fields, "on_lost", ON_LOST)
                .unwrap_or(defaults.on_lost),
            on_usage_limit: self
                .choice(fields, "on_usage_limit", ON_USAGE_LIMIT)
                .unwrap_or(defaults.on_usage_limit),
            env,
            artifacts,
        }
    }

    pub(super) fn action(
        &mut self,
        fields: &Fields<'_>,
        kind: StepKind,
        place: &Place,
        defaults: &Defaults,
    ) -> Option<Action> {
        match kind {
            StepKind::Script => self.script(fields, place, defaults).map(Action::Script),
            StepKind::Agent => self
                .agent(fields, place, defaults)
                .map(Box::new)
                .map(Action::Agent),
            StepKind::Remote => self.remote(fields, place).map(Action::Remote),
            StepKind::Approval => self.approval(fields, place).map(Action::Approval),
            StepKind::Wait => self.wait(fields, place).map(Action::Wait),
            StepKind::Workflow => self.child(fields, place).map(Action::Workflow),
            StepKind::Function => Some(Action::Function),
        }
    }

    fn script(
        &mut self,
        fields: &Fields<'_>,
        place: &Place,
        defaults: &Defaults,
    ) -> Option<Script> {
        let cwd = self.cwd(fields, place).or_else(|| defaults.cwd.clone());
        let Some(node) = fields.get("command") else {
            self.missing(fields, "command", "write `command: …`");
            return None;
        };
        let command = match &node.kind {
            Kind::List(words) => {
                if words.is_empty() {
                    self.report
                        .error(node.span, "empty_list", "`command` has no words");
                    return None;
                }
                let words = words
                    .iter()
                    .map(|word| self.template(word, "a word of `command`", place, true))
                    .collect::<Option<Vec<_>>>()?;
                Command::Words(words)
            }
            _ => {
                let text = self.template(node, "`command`", place, true)?;
                if text.source().trim().is_empty() {
                    self.report
                        .error(node.span, "empty_text", "`command` is empty");
                    return None;
                }
                Command::Shell(text)
            }
        };
        self.check_command(node, &command);
        Some(Script { command, cwd })
    }

    fn agent(&mut self, fields: &Fields<'_>, place: &Place, defaults: &Defaults) -> Option<Agent> {
        let agent = self.agent_name(fields);
        if fields.get("agent").is_none() && defaults.agent.is_none() {
            self.missing(
                fields,
                "agent",
                "write `agent: claude`, here or in `defaults`",
            );
        }
        let permission = self
            .choice(fields, "permission", PERMISSIONS)
            .map(str::to_owned)
            .or_else(|| defaults.permission.clone());
        let model = self
            .optional_template(fields, "model", place)
            .or_else(|| defaults.model.clone());
        let max_turns = self.small(fields, "max_turns", 1, 100_000);
        let system_prompt = self.optional_template(fields, "system_prompt", place);
        let mcp = fields.get("mcp").and_then(|node| {
            if matches!(node.kind, Kind::Map(_) | Kind::List(_)) {
                return self.plain_json(node, "`mcp`");
            }
            self.wrong_type(node, "`mcp`", "a mapping");
            None
        });
        let tools = fields.get("tools").map(|node| self.tools(node));
        let session = fields
            .get("session")
            .and_then(Node::text)
            .map(str::to_owned);
        let output = fields
            .get("output")
            .and_then(|node| self.schema(node, "`output`"));
        let cwd = self.cwd(fields, place).or_else(|| defaults.cwd.clone());
        let Some(node) = fields.get("prompt") else {
            self.missing(fields, "prompt", "write `prompt: …`");
            return None;
        };
        let prompt = self.template(node, "`prompt`", place, false)?;
        if prompt.source().trim().is_empty() {
            self.report
                .error(node.span, "empty_text", "`prompt` is empty");
        }
        Some(Agent {
            agent: agent.or_else(|| defaults.agent.clone())?,
            prompt,
            permission,
            model,
            max_turns,
            system_prompt,
            mcp,
            tools,
            session,
            output,
            cwd,
        })
    }

    fn tools(&mut self, node: &Node) -> Tools {
        let fields = self.fields(node, fields::TOOLS, "`tools`");
        let names = |list: Vec<(String, _)>| list.into_iter().map(|(name, _)| name).collect();
        Tools {
            allow: names(self.literals(&fields, "allow")),
            deny: names(self.literals(&fields, "deny")),
        }
    }

    fn remote(&mut self, fields: &Fields<'_>, place: &Place) -> Option<Remote> {
        let provider = self.required_text(fields, "provider");
        let vars = self.value_templates(fields.get("vars"), "`vars`", place);
        let workflow_id = match fields.get("workflow_id") {
            Some(node) if matches!(node.kind, Kind::Int(_) | Kind::Text(_)) => {
                self.plain_json(node, "`workflow_id`")
            }
            Some(node) => {
                self.wrong_type(node, "`workflow_id`", "a number or a text");
                None
            }
            None => {
                self.missing(
                    fields,
                    "workflow_id",
                    "write the service's own id of the workflow",
                );
                None
            }
        };
        Some(Remote {
            provider: provider?,
            workflow_id: workflow_id?,
            vars,
        })
    }

    fn approval(&mut self, fields: &Fields<'_>, place: &Place) -> Option<Approval> {
        const ON_TIMEOUT: &[(&str, OnTimeout)] = &[
            ("fail", OnTimeout::Fail),
            ("approve", OnTimeout::Approve),
            ("reject", OnTimeout::Reject),
        ];
        const ON_REJECT: &[(&str, OnReject)] =
            &[("fail", OnReject::Fail), ("continue", OnReject::Continue)];
        let on_timeout = self.choice(fields, "on_timeout", ON_TIMEOUT);
        let on_reject = self
            .choice(fields, "on_reject", ON_REJECT)
            .unwrap_or(OnReject::Fail);
        if let (Some(entry), None) = (fields.entry("on_timeout"), fields.get("timeout")) {
            self.report.warning(
                entry.key_span,
                "on_timeout_without_timeout",
                "`on_timeout` does nothing without `timeout`",
                "write `timeout: 3d`, or leave it out",
            );
        }
        let Some(node) = fields.get("message") else {
            self.missing(fields, "message", "write the question: `message: …`");
            return None;
        };
        Some(Approval {
            message: self.template(node, "`message`", place, false)?,
            on_timeout: on_timeout.unwrap_or(OnTimeout::Fail),
            on_reject,
        })
    }

    fn wait(&mut self, fields: &Fields<'_>, place: &Place) -> Option<Wait> {
        match (fields.get("for"), fields.entry("until")) {
            (Some(_), Some(until)) => {
                let message = "a wait has `for` or `until`, not both";
                self.report.error(until.key_span, "for_and_until", message);
                None
            }
            (Some(_), None) => self.duration(fields, "for").map(Wait::For),
            (None, Some(until)) => {
                let node = &until.value;
                let text = self.template(node, "`until`", place, false)?;
                if text.is_plain() && Timestamp::parse(text.source()).is_none() {
                    let shown = self.written(node.span);
                    let message = format!("`{shown}` is not a point in time");
                    let help = "write `2026-01-31T09:00:00Z`, or a `{{ … }}` that gives one";
                    self.report.error_with(node.span, "bad_time", message, help);
                    return None;
                }
                Some(Wait::Until(text))
            }
            (None, None) => {
                self.missing(fields, "for", "write `for: 10m`, or `until: …`");
                None
            }
        }
    }

    fn child(&mut self, fields: &Fields<'_>, place: &Place) -> Option<Workflow> {
        let args = self.value_templates(fields.get("args"), "`args`", place);
        let isolate = matches!(
            fields.get("isolate").map(|n| &n.kind),
            Some(Kind::Bool(true))
        );
        Some(Workflow {
            workflow: self.required_text(fields, "workflow")?,
            args,
            isolate,
        })
    }
}
