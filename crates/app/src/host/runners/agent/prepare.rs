//! From a step's work to an agent's command line: which program, with which keys, modes and files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baton_agents::{AgentKind, Driver, Permission, Setup, native_candidates};
use baton_core::run::event::{ErrorCode, StepError};
use baton_core::run::work::AgentWork;
use baton_engine::ports::Launch;
use baton_runner::SessionSpec;

use super::answer;
use super::who::Who;
use crate::host::files;

/// A session's log is no longer than this; then its agent is stopped.
const RAW_LIMIT: u64 = 2 << 30;

/// An agent's attempt, ready to be started.
pub struct Prepared {
    /// The program and its words.
    pub words: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
    /// It is spoken to on its standard input.
    pub stdin: bool,
    /// Where the conversation is kept.
    pub session: SessionSpec,
    /// Speaks its protocol.
    pub driver: Box<dyn Driver>,
}

/// Where an agent's attempt has its files.
pub struct Places {
    /// Its own directory.
    pub scratch: PathBuf,
    /// Its step's logs.
    pub log_dir: PathBuf,
    /// It runs, or has run: only how to speak with it is to be known.
    pub taken_back: bool,
    /// How Baton's own MCP server is started.
    pub own_mcp: serde_json::Value,
}

/// Makes an agent ready. With the same work it makes the same again, but for what was found on the
/// machine: a session is taken back by the driver that this makes.
///
/// # Errors
/// What is missing or cannot be asked of the agent, with what would be right.
pub fn prepare(
    launch: &Launch,
    work: &AgentWork,
    who: Who,
    mut env: BTreeMap<String, String>,
    places: &Places,
) -> Result<Prepared, StepError> {
    let Places {
        scratch, log_dir, ..
    } = places;
    let setup_error = |message: String| StepError {
        code: ErrorCode::AgentSetup,
        message,
    };
    let Who {
        kind,
        words,
        model,
        env: own,
    } = who;
    let own = own.into_iter();
    env.extend(own.filter(|(name, _)| !work.env.contains_key(name)));
    let program = match find(kind, words.clone(), &env, &launch.directory) {
        // It is running: only how to speak with it is asked for.
        Err(_) if places.taken_back => words,
        found => found?,
    };
    let cwd = match &work.cwd {
        Some(inside) => launch.directory.join(inside),
        None => launch.directory.clone(),
    };
    let mut prompt = work.prompt.clone();
    if let Some(schema) = &work.output {
        prompt.push_str(&answer::request(schema));
    }
    let tools = work.tools.clone().unwrap_or_default();
    let setup = Setup {
        program,
        prompt,
        system_prompt: work.system_prompt.clone(),
        model: work.model.clone().or(model),
        permission: permission(work.permission.as_deref()),
        max_turns: work.max_turns,
        allow_tools: tools.allow,
        deny_tools: tools.deny,
        mcp: mcp(work.mcp.as_ref()),
        own_mcp: Some(places.own_mcp.clone()),
        output: work.output.clone(),
        resume: work.resume.clone(),
        new_session: session_id(launch),
        fork: false,
        cwd,
        scratch: scratch.clone(),
        budget_usd: work.budget_usd,
        root: rustix::process::geteuid().is_root(),
        sandboxed: places.taken_back || env.get("IS_SANDBOX").is_some_and(|value| value == "1"),
    };
    let (start, driver) =
        baton_agents::driver(&kind, &setup).map_err(|refused| setup_error(refused.to_string()))?;
    for (path, content) in &start.files {
        files::write_private(path, content.as_bytes()).map_err(|error| StepError {
            code: ErrorCode::Disk,
            message: format!("{}: {error}", path.display()),
        })?;
    }
    for name in &start.env_remove {
        env.remove(name);
    }
    for (name, value) in start.env {
        env.entry(name).or_insert(value);
    }
    Ok(Prepared {
        words: start.words,
        env,
        stdin: start.stdin,
        session: SessionSpec {
            raw: log_dir.join("raw.jsonl"),
            said: scratch.join("said.jsonl"),
            raw_max_bytes: RAW_LIMIT,
            stdout_to_file: start.stdout_to_file,
        },
        driver,
    })
}

/// A UUID for a new session: the attempt's own.
fn session_id(launch: &Launch) -> String {
    let id = launch.attempt.to_string();
    let hex = id.rsplit('_').next().unwrap_or_default();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

fn permission(word: Option<&str>) -> Permission {
    match word {
        Some("plan") => Permission::Plan,
        Some("acceptEdits") => Permission::AcceptEdits,
        Some("bypassPermissions") => Permission::BypassPermissions,
        _ => Permission::Default,
    }
}

fn mcp(servers: Option<&serde_json::Value>) -> BTreeMap<String, serde_json::Value> {
    let servers = servers.and_then(serde_json::Value::as_object);
    servers
        .into_iter()
        .flatten()
        .map(|(name, server)| (name.clone(), server.clone()))
        .collect()
}

/// The program with its absolute path; of Codex the native binary, so that signals reach it.
fn find(
    kind: AgentKind,
    mut words: Vec<String>,
    env: &BTreeMap<String, String>,
    directory: &Path,
) -> Result<Vec<String>, StepError> {
    let name = words.first().cloned().unwrap_or_default();
    let Some(found) = on_path(&name, env.get("PATH").map(String::as_str), directory) else {
        let how = match kind {
            AgentKind::Claude => ": npm install -g @anthropic-ai/claude-code",
            AgentKind::Codex => ": npm install -g @openai/codex",
            AgentKind::Gemini => ": npm install -g @google/gemini-cli",
            AgentKind::Acp | AgentKind::Command => " and on the PATH of the run",
        };
        return Err(StepError {
            code: ErrorCode::AgentMissing,
            message: format!("`{name}` is not found; it must be installed{how}"),
        });
    };
    let native = match kind {
        AgentKind::Codex => {
            let real = std::fs::canonicalize(&found).unwrap_or_else(|_| found.clone());
            let mut candidates = native_candidates(&real).into_iter();
            candidates.find(|candidate| candidate.is_file())
        }
        _ => None,
    };
    if let Some(first) = words.first_mut() {
        *first = native.unwrap_or(found).to_string_lossy().into_owned();
    }
    Ok(words)
}

/// A program as a shell finds it.
pub fn on_path(name: &str, path: Option<&str>, directory: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let runs = |path: &PathBuf| {
        std::fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(directory.join(name)).filter(runs);
    }
    let path = path.unwrap_or("/usr/local/bin:/usr/bin:/bin");
    std::env::split_paths(path)
        .map(|dir| directory.join(dir).join(name))
        .find(runs)
}
