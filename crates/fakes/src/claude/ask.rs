//! What the fake asks for: leave to use a tool, a choice, the approval of a plan; over the control
//! channel, as recorded.

use serde_json::{Value, json};

use super::Fake;
use super::turn::Stop;
use crate::input::{Heard, LOOK};

/// Whether it may.
#[derive(Debug)]
pub(super) enum Leave {
    Yes {
        /// The input, as the host gave it back.
        input: Value,
    },
    No(String),
}

impl Fake {
    /// Leave to use a tool: by rule, by mode, or from the host.
    pub(super) fn leave(&mut self, tool: &str, input: &Value, id: &str) -> Result<Leave, Stop> {
        let yes = Leave::Yes {
            input: input.clone(),
        };
        let named = |rules: &[String]| {
            let name = |rule: &String| rule.split('(').next() == Some(tool);
            rules.iter().any(name)
        };
        if named(&self.args.forbidden) {
            let error = format!(
                "<tool_use_error>Error: No such tool available: {tool}. {tool} is disabled for this \
                 session, in subagents as well as here.</tool_use_error>"
            );
            return Ok(Leave::No(error));
        }
        let use_of = format!("{tool} {input}");
        let by_mode = match self.args.mode.as_str() {
            "bypassPermissions" => true,
            "acceptEdits" => tool == "Write",
            _ => false,
        };
        if by_mode || named(&self.args.allowed) || self.granted.contains(&use_of) {
            return Ok(yes);
        }
        if self.args.mode == "plan" {
            return Ok(Leave::No(format!("Cannot use {tool} while in plan mode.")));
        }
        let suggestions = if tool == "Write" {
            json!([{"type": "setMode", "mode": "acceptEdits", "destination": "session"}])
        } else {
            json!([{"type": "addRules", "behavior": "allow", "destination": "localSettings",
                "rules": [{"toolName": tool, "ruleContent": input["command"]}]}])
        };
        let answer = self.ask(tool, input, id, Some(suggestions))?;
        if let (Leave::Yes { .. }, remembers) = &answer
            && !remembers.is_empty()
        {
            self.remember(remembers, use_of);
        }
        Ok(answer.0)
    }

    fn remember(&mut self, updates: &[Value], use_of: String) {
        for update in updates {
            match update["mode"].as_str() {
                Some(mode) => {
                    self.args.mode = mode.to_owned();
                    self.wire.print(
                        json!({"type": "system", "subtype": "status", "status": null,
                        "permissionMode": mode}),
                    );
                }
                None => self.granted.push(use_of.clone()),
            }
        }
    }

    pub(super) fn choose(&mut self, question: &str, options: &[String]) -> Result<String, Stop> {
        let options: Vec<Value> = options
            .iter()
            .map(|label| json!({"label": label, "description": label}))
            .collect();
        let input = json!({"questions": [{"question": question, "header": "Choice",
            "multiSelect": false, "options": options}]});
        let id = self.wire.tool_use("AskUserQuestion", &input, None);
        match self.ask("AskUserQuestion", &input, &id, None)?.0 {
            Leave::Yes { input } => {
                let chosen = input["answers"][question].as_str().unwrap_or_default();
                let said =
                    format!("Your questions have been answered: \"{question}\"=\"{chosen}\".");
                self.wire
                    .tool_result(&id, &Ok(said), input.clone(), "accept");
                Ok(chosen.to_owned())
            }
            Leave::No(why) => {
                self.wire
                    .tool_result(&id, &Err(why.clone()), Value::Null, "reject");
                Ok(why)
            }
        }
    }

    /// The request does not hold the plan, as the real one's does not.
    pub(super) fn plan(&mut self, plan: &str) -> Result<(), Stop> {
        let id = self
            .wire
            .tool_use("ExitPlanMode", &json!({"plan": plan}), None);
        match self.ask("ExitPlanMode", &json!({}), &id, None)?.0 {
            Leave::Yes { .. } => {
                if self.args.mode == "plan" {
                    self.args.mode = "default".into();
                }
                let said = "User has approved exiting plan mode. You can now proceed.".to_owned();
                self.wire
                    .tool_result(&id, &Ok(said), json!({"plan": null}), "accept");
            }
            Leave::No(why) => self.wire.tool_result(&id, &Err(why), Value::Null, "reject"),
        }
        Ok(())
    }

    /// Asks the host and waits; with the changes of permissions it answers with.
    fn ask(
        &mut self,
        tool: &str,
        input: &Value,
        tool_use: &str,
        suggestions: Option<Value>,
    ) -> Result<(Leave, Vec<Value>), Stop> {
        if !self.args.asks_host {
            let why = format!(
                "Claude requested permissions to use {tool}, but you haven't granted it yet."
            );
            self.wire
                .print(json!({"type": "system", "subtype": "permission_denied",
                "tool_name": tool, "tool_use_id": tool_use, "message": why}));
            return Ok((Leave::No(why), Vec::new()));
        }
        let id = self.wire.id("a5c00000");
        let mut request = json!({"subtype": "can_use_tool", "tool_name": tool, "display_name": tool,
            "input": input, "tool_use_id": tool_use});
        match suggestions {
            Some(suggestions) => request["permission_suggestions"] = suggestions,
            None => request["requires_user_interaction"] = true.into(),
        }
        self.wire
            .print(json!({"type": "control_request", "request_id": id, "request": request}));
        loop {
            let heard = self.input.hear(LOOK);
            if let Some(Heard::Line(line)) = &heard
                && line["type"] == "control_response"
                && line["response"]["request_id"] == id.as_str()
            {
                if self.args.replay {
                    self.wire.print(line.clone());
                }
                return Ok(answer(&line["response"]));
            }
            if let Some(heard) = heard {
                self.take(heard);
            }
            if self.interrupted {
                self.wire
                    .print(json!({"type": "control_cancel_request", "request_id": id}));
                let stopped = Err(super::files::STOPPED.to_owned());
                self.wire.tool_result(tool_use, &stopped, Value::Null, "");
                return Err(Stop::Interrupted);
            }
            if self.input.has_ended() {
                let why = "Tool permission request failed: AbortError: Tool permission stream \
                           closed before response received";
                return Ok((Leave::No(why.into()), Vec::new()));
            }
        }
    }
}

fn answer(response: &Value) -> (Leave, Vec<Value>) {
    let decision = &response["response"];
    if decision["behavior"] != "allow" {
        let said = decision["message"]
            .as_str()
            .or_else(|| response["error"].as_str());
        return (Leave::No(said.unwrap_or("denied").to_owned()), Vec::new());
    }
    let updates = decision["updatedPermissions"].as_array().cloned();
    let input = decision["updatedInput"].clone();
    (Leave::Yes { input }, updates.unwrap_or_default())
}
