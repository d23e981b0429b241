//! What an agent is started with, the same for all of them, and what each makes of it: a command
//! line, an environment and files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

/// What an attempt of an agent step asks for.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The agent's program: the CLI's path, or the words of `acp:<command>` and `command:<command>`.
    pub program: Vec<String>,
    /// What it is asked first. When a session is resumed: how it is told to go on.
    pub prompt: String,
    /// Added to the agent's system prompt.
    pub system_prompt: Option<String>,
    /// The model, as the agent names it.
    pub model: Option<String>,
    /// What it may do without asking.
    pub permission: Permission,
    /// At most this many turns of the model.
    pub max_turns: Option<u32>,
    /// Only these tools, when not empty.
    pub allow_tools: Vec<String>,
    /// Never these.
    pub deny_tools: Vec<String>,
    /// MCP servers by name: `{command, args, env}` or `{type: "http", url, headers}`.
    pub mcp: BTreeMap<String, Value>,
    /// Baton's own server (`{command, args}`, no secrets), beside whatever servers the user's own
    /// settings name. Agents that take none go without.
    pub own_mcp: Option<Value>,
    /// The JSON Schema of its final answer. Asked of agents that take one; checked by the caller.
    pub output: Option<Value>,
    /// Go on in this session, by its native id.
    pub resume: Option<String>,
    /// A UUID for a new session, for agents that let it be chosen. Also the id of the new session
    /// when `fork` is set.
    pub new_session: String,
    /// Resume into a new session and leave the old one as it is.
    pub fork: bool,
    /// Where it works: absolute.
    pub cwd: PathBuf,
    /// A directory of this attempt for files the command line names (schemas, settings).
    pub scratch: PathBuf,
    /// What may still be spent, as a second fence for agents that take one.
    pub budget_usd: Option<f64>,
    /// It runs as root: some agents then refuse to skip permissions.
    pub root: bool,
    /// The user says that it runs where nothing can be lost (`IS_SANDBOX=1` in the run's environment).
    pub sandboxed: bool,
}

/// What Baton's own MCP server is called.
pub const OWN_MCP: &str = "baton";

impl Setup {
    /// All MCP servers. A server of the step that is called like Baton's own counts instead of it.
    #[must_use]
    pub fn servers(&self) -> BTreeMap<String, Value> {
        let mut servers = self.mcp.clone();
        if let Some(own) = &self.own_mcp {
            servers.entry(OWN_MCP.into()).or_insert_with(|| own.clone());
        }
        servers
    }

    /// Whether Baton's own server is among them.
    #[must_use]
    pub fn has_own_mcp(&self) -> bool {
        self.own_mcp.is_some() && !self.mcp.contains_key(OWN_MCP)
    }
}

/// What an agent may do without asking (document 2's names).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Permission {
    /// It asks; questions go to the thread.
    #[default]
    Default,
    /// It reads and plans, and changes nothing.
    Plan,
    /// It edits files in its directory; for the rest it asks.
    AcceptEdits,
    /// Everything.
    BypassPermissions,
}

/// How an agent's process is started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Start {
    /// The program and its words.
    pub words: Vec<String>,
    /// Variables over the run's environment.
    pub env: BTreeMap<String, String>,
    /// Variables it must not see.
    pub env_remove: Vec<String>,
    /// Files to write before (absolute path, content), within [`Setup::scratch`].
    pub files: Vec<(PathBuf, String)>,
    /// It is spoken to on its standard input; otherwise that is `/dev/null`.
    pub stdin: bool,
    /// Its standard output must be the file `raw.jsonl` itself: into a pipe it loses its last lines
    /// (Gemini CLI 0.61.0, after about 200 KB).
    pub stdout_to_file: bool,
}

/// Why an agent cannot be started as asked: what is asked of it that it cannot do, and what would be
/// right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);
