//! How a session begins: `initialize`, then a new session or one taken back, its mode and model, and
//! the first prompt. One request at a time.

use std::collections::BTreeMap;

use baton_core::activity::Activity;
use serde_json::{Value, json};

use super::profile::{Offers, Profile};
use super::{Acp, Asked, Phase, activity, wire};
use crate::driver::Output;
use crate::outcome::{Failure, FailureKind, Turn};
use crate::setup::{Permission, Refused};

/// How the session was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    New,
    Resumed,
    Loaded,
    Forked,
}

impl Acp {
    pub(super) fn initialize(&mut self) -> Output {
        let params = json!({
            "protocolVersion": wire::VERSION,
            "clientCapabilities": {},
            "clientInfo": {
                "name": "baton",
                "title": "Baton",
                "version": env!("CARGO_PKG_VERSION"),
            },
        });
        self.request(Asked::Initialize, "initialize", &params)
    }

    pub(super) fn initialized(&mut self, result: Result<Value, wire::Error>) -> Vec<Output> {
        let result = match result {
            Ok(result) => result,
            Err(error) => return self.refused("initialize", &error),
        };
        let version = result["protocolVersion"].as_u64();
        if version != Some(wire::VERSION) {
            let said = version.map_or("none".into(), |version| version.to_string());
            return self.fatal(Failure::new(
                FailureKind::Protocol,
                format!("the agent speaks version {said} of the Agent Client Protocol, not 1"),
            ));
        }
        self.profile = Profile::read(&result);
        self.gemini |= self.profile.name == "gemini-cli";
        let servers = match self.servers() {
            Ok(servers) => servers,
            Err(failure) => return self.fatal(failure),
        };
        let mut params = json!({"cwd": self.setup.cwd, "mcpServers": servers});
        let Some(session) = self.setup.resume.clone() else {
            return vec![self.request(Asked::Open(Opened::New), "session/new", &params)];
        };
        params["sessionId"] = Value::String(session);
        let can = &self.profile;
        let (how, method) = match self.setup.fork {
            true if can.forks => (Opened::Forked, "session/fork"),
            true => return self.lost("it cannot continue a session as a new one"),
            false if can.resumes => (Opened::Resumed, "session/resume"),
            false if can.loads => (Opened::Loaded, "session/load"),
            false => return self.lost("it cannot take sessions back"),
        };
        vec![self.request(Asked::Open(how), method, &params)]
    }

    pub(super) fn opened(
        &mut self,
        how: Opened,
        result: Result<Value, wire::Error>,
    ) -> Vec<Output> {
        let result = match result {
            Ok(result) => result,
            Err(error) if how != Opened::New => {
                // Also where a login is asked for: a fresh session finds out whether it is needed
                // (Gemini CLI 0.61.0 opens one with a key alone, and loads one only with a choice
                // of login in its settings).
                return self.lost(&error.message);
            }
            Err(error) => return self.refused("session/new", &error),
        };
        let kept = self.setup.resume.clone().filter(|_| how != Opened::Forked);
        let Some(session) = result["sessionId"].as_str().map(Into::into).or(kept) else {
            let failure = Failure::new(FailureKind::Protocol, "the agent named no session");
            return self.fatal(failure);
        };
        self.offers = Offers::read(&result);
        self.session = Some(session.clone());
        let mut outputs = vec![
            Output::Session {
                id: session.clone(),
                transcript: None,
            },
            activity(Activity::Session {
                session,
                model: self
                    .setup
                    .model
                    .clone()
                    .or_else(|| self.offers.model.clone()),
                version: self.profile.version.clone(),
            }),
        ];
        outputs.extend(self.set_mode(how));
        outputs
    }

    fn set_mode(&mut self, how: Opened) -> Vec<Output> {
        let permission = self.setup.permission;
        let wanted = self.offers.mode_for(permission).map(str::to_owned);
        self.mode.clone_from(&wanted);
        if wanted.is_none() && permission == Permission::Plan {
            return self.no_plan_mode("");
        }
        // Gemini CLI 0.61.0 says a loaded session's history also after it has answered `session/load`
        // *(source)*: all of it is there when it has answered once more.
        let is_loaded = how == Opened::Loaded;
        let mode = match wanted {
            Some(mode) if is_loaded || self.offers.mode.as_ref() != Some(&mode) => mode,
            None if is_loaded && self.offers.mode.is_some() => {
                self.offers.mode.clone().unwrap_or_default()
            }
            Some(_) | None => return self.set_model(),
        };
        let params = json!({"sessionId": self.session, "modeId": mode});
        vec![self.request(Asked::Mode, "session/set_mode", &params)]
    }

    pub(super) fn mode_set(&mut self, error: Option<wire::Error>) -> Vec<Output> {
        if let Some(error) = error {
            if self.setup.permission == Permission::Plan {
                return self.no_plan_mode(&error.message);
            }
            // Then its questions are answered as the step's permission says.
            self.mode = None;
        }
        self.set_model()
    }

    fn no_plan_mode(&mut self, why: &str) -> Vec<Output> {
        let modes = self.offers.modes.join(", ");
        let message = format!(
            "the agent has no mode in which it only plans (its modes: {modes}) {why}: \
             choose another permission, or another agent"
        );
        self.fatal(Failure::new(FailureKind::Other, message))
    }

    fn set_model(&mut self) -> Vec<Output> {
        let Some(model) = self.model.clone() else {
            return self.ready();
        };
        if self.offers.model.as_ref() == Some(&model) {
            return self.ready();
        }
        let Some((method, mut params)) = self.offers.set_model(&model) else {
            let message = format!(
                "the agent offers no choice of models; leave out `{model}`, or choose it in the \
                 agent's command or settings"
            );
            return self.fatal(Failure::new(FailureKind::UnknownModel, message));
        };
        params["sessionId"] = json!(self.session);
        vec![self.request(Asked::Model, method, &params)]
    }

    pub(super) fn model_set(&mut self, error: Option<wire::Error>) -> Vec<Output> {
        let Some(error) = error else {
            return self.ready();
        };
        let model = self.model.as_deref().unwrap_or_default();
        let message = format!(
            "the agent does not take the model `{model}` ({}); it offers {}",
            error.message,
            self.offers.models()
        );
        self.fatal(Failure::new(FailureKind::UnknownModel, message))
    }

    /// The first prompt. The protocol has no place for an addition to the system prompt: it goes
    /// before the prompt of a new session.
    fn ready(&mut self) -> Vec<Output> {
        if self.phase == (Phase::Opening { stopped: true }) {
            self.phase = Phase::Idle;
            return vec![Output::Turn(Turn::Interrupted)];
        }
        let prompt = self.setup.prompt.clone();
        match self.setup.system_prompt.clone() {
            Some(system) if self.setup.resume.is_none() => self.prompt(&[&system, &prompt], None),
            _ => self.prompt(&[&prompt], None),
        }
    }

    fn lost(&mut self, why: &str) -> Vec<Output> {
        let session = self.setup.resume.as_deref().unwrap_or_default();
        let message = format!("the agent does not take session {session} back: {why}");
        self.fatal(Failure::new(FailureKind::SessionLost, message))
    }

    fn refused(&mut self, method: &str, error: &wire::Error) -> Vec<Output> {
        if error.code == wire::AUTH_REQUIRED {
            let mut message = format!("nobody is logged in: {}", error.message);
            if !self.profile.logins.is_empty() {
                let ways = self.profile.logins.join(", ");
                message = format!("{message}; ways to log in: {ways}");
            }
            return self.fatal(Failure::new(FailureKind::NotLoggedIn, message));
        }
        let status = u16::try_from(error.code)
            .ok()
            .filter(|s| (400..600).contains(s));
        let mut failure = super::of_service(status, &error.message);
        if failure.kind == (FailureKind::Api { status: None }) {
            failure.kind = FailureKind::Other;
        }
        failure.message = format!("{method} failed: {}", failure.message);
        self.fatal(failure)
    }

    /// The MCP servers in the protocol's form.
    fn servers(&self) -> Result<Vec<Value>, Failure> {
        let can = &self.profile;
        let mut servers = Vec::new();
        for (name, server) in &self.setup.servers() {
            let kind = server["type"].as_str();
            let taken = match kind {
                Some("http") => can.http,
                Some("sse") => can.sse,
                _ => true,
            };
            if !taken {
                let kind = kind.unwrap_or_default();
                let message = format!("the agent takes no MCP server of the type {kind}: {name}");
                return Err(Failure::new(FailureKind::Other, message));
            }
            servers.push(server_of(name, server));
        }
        Ok(servers)
    }
}

/// Refuses servers that cannot be passed on.
pub(super) fn check_servers(servers: &BTreeMap<String, Value>) -> Result<(), Refused> {
    for (name, server) in servers {
        let has = |field: &str| server[field].is_string();
        let whole = match server["type"].as_str() {
            None | Some("stdio") => has("command"),
            Some("http" | "sse") => has("url"),
            Some(_) => false,
        };
        if !whole {
            return Err(Refused(format!(
                "the MCP server {name} needs a `command`, or `type: http` and a `url`"
            )));
        }
    }
    Ok(())
}

fn server_of(name: &str, server: &Value) -> Value {
    let pairs = |fields: &Value| -> Vec<Value> {
        let fields = fields.as_object().into_iter().flatten();
        fields
            .map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), Into::into);
                json!({"name": name, "value": value})
            })
            .collect()
    };
    match server["type"].as_str() {
        Some(kind @ ("http" | "sse")) => json!({
            "type": kind,
            "name": name,
            "url": server["url"],
            "headers": pairs(&server["headers"]),
        }),
        _ => json!({
            "name": name,
            "command": server["command"],
            "args": server["args"].as_array().cloned().unwrap_or_default(),
            "env": pairs(&server["env"]),
        }),
    }
}
