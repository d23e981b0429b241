//! Which agent a step names: one that is built in, a command, or a name from baton.toml. What a name
//! meant when its attempt began is kept beside the attempt: whoever takes it back speaks the same
//! protocol, whatever the settings say by then.

use std::collections::BTreeMap;
use std::path::Path;

use baton_agents::AgentKind;
use baton_core::run::event::{ErrorCode, StepError};
use baton_engine::ports::Launch;

use super::super::environment::Vendor;
use crate::config::{self, BUILT_IN, Kind, NamedAgent, suggest::nearest};
use crate::host::files;

/// The file in an attempt's directory.
const KEPT: &str = "agent.json";

/// An agent, ready to be looked for.
pub struct Who {
    /// What it speaks.
    pub kind: AgentKind,
    /// Its program and first words.
    pub words: Vec<String>,
    /// The model of a step that names none.
    pub model: Option<String>,
    /// Variables of its own.
    pub env: BTreeMap<String, String>,
}

impl Who {
    /// The agent that a step names; `scratch` is its attempt's directory.
    ///
    /// # Errors
    /// There is no such agent, or what it is cannot be read or kept.
    pub fn of(
        launch: &Launch,
        agent: &str,
        scratch: &Path,
        taken_back: bool,
    ) -> Result<Self, StepError> {
        if BUILT_IN.contains(&agent) || agent.contains(':') {
            let (kind, words) = AgentKind::parse(agent).map_err(|r| setup(r.to_string()))?;
            let words = match words.is_empty() {
                true => vec![agent.to_owned()],
                false => words,
            };
            let (model, env) = (None, BTreeMap::new());
            return Ok(Self {
                kind,
                words,
                model,
                env,
            });
        }
        let kept = scratch.join(KEPT);
        let known = std::fs::read(&kept)
            .ok()
            .filter(|_| taken_back)
            .and_then(|bytes| serde_json::from_slice::<NamedAgent>(&bytes).ok());
        let named = match known {
            Some(named) => named,
            None => look_up(Path::new(&launch.project.path), agent)?,
        };
        if !taken_back {
            let bytes = serde_json::to_vec(&named).map_err(|error| setup(error.to_string()))?;
            files::write_private(&kept, &bytes).map_err(|error| StepError {
                code: ErrorCode::Disk,
                message: format!("{}: {error}", kept.display()),
            })?;
        }
        Ok(Self {
            kind: match named.kind {
                Kind::Claude => AgentKind::Claude,
                Kind::Codex => AgentKind::Codex,
                Kind::Gemini => AgentKind::Gemini,
                Kind::Acp => AgentKind::Acp,
                Kind::Command => AgentKind::Command,
            },
            words: named.words().map_err(setup)?,
            model: named.model,
            env: named.env,
        })
    }

    /// Whose keys it gets.
    #[must_use]
    pub fn vendor(&self) -> Vendor {
        match self.kind {
            AgentKind::Claude => Vendor::Anthropic,
            AgentKind::Codex => Vendor::OpenAi,
            AgentKind::Gemini => Vendor::Google,
            AgentKind::Acp | AgentKind::Command => Vendor::Nobody,
        }
    }
}

fn look_up(project: &Path, name: &str) -> Result<NamedAgent, StepError> {
    let mut config = config::load(Some(project)).map_err(|error| setup(error.to_string()))?;
    if let Some(named) = config.agents.remove(name) {
        return Ok(named);
    }
    let known = config.agents.keys().map(String::as_str).chain(BUILT_IN);
    Err(setup(match nearest(name, known) {
        Some(near) => format!("there is no agent `{name}`: did you mean `{near}`?"),
        None => format!("there is no agent `{name}`: name it in baton.toml, `[agents.{name}]`"),
    }))
}

fn setup(message: String) -> StepError {
    StepError {
        code: ErrorCode::AgentSetup,
        message,
    }
}
