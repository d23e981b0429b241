//! What a [`Setup`] becomes: Codex's command line, and the parameters of its thread. Facts are of
//! codex-cli 0.169.0.

use serde_json::{Map, Value, json};

use super::{schema, toml};
use crate::setup::{OWN_MCP, Permission, Refused, Setup, Start};

/// Without it `update_plan` is not offered to the model, and there are no todos (agents.md 3).
const TODOS: &str = "tools.update_plan={enabled=true}";

/// A prompt of this length or more goes through standard input: Linux takes at most 128 KB in one
/// word of a command line.
const LONG: usize = 100_000;

/// The process of `codex app-server`. Prompt, model, instructions and MCP servers (which may hold
/// secrets) go through its standard input, not onto the command line.
pub fn app_server(setup: &Setup) -> Result<Start, Refused> {
    let mut words = program(setup)?;
    words.extend(["-c", TODOS, "app-server"].map(String::from));
    Ok(Start {
        words,
        stdin: true,
        ..Start::default()
    })
}

/// How long a call of one of Baton's own tools may take, in seconds: as long as people take.
const LONGEST_CALL: u32 = 30 * 24 * 3600;

/// The process of `codex exec --json`, and what is to be written to its standard input, if anything.
pub fn exec(setup: &Setup) -> Result<(Start, Option<String>), Refused> {
    if setup.fork {
        return Err(Refused(
            "`codex exec` cannot fork a session: use `codex app-server`".into(),
        ));
    }
    let mut words = program(setup)?;
    words.push("exec".into());
    if setup.resume.is_some() {
        words.push("resume".into());
    }
    words.extend(["--json", "--skip-git-repo-check", "-c", TODOS].map(String::from));
    let mut config = |key: &str, value: &Value| {
        words.extend(["-c".into(), format!("{key}={}", toml::inline(value))]);
    };
    // `exec resume` knows no `-s`; it never asks.
    let (_, sandbox) = policy(setup.permission);
    config("approval_policy", &json!("never"));
    config("sandbox_mode", &json!(sandbox));
    if let Some(text) = &setup.system_prompt {
        config("developer_instructions", &json!(text));
    }
    if let Some(servers) = mcp(setup) {
        config("mcp_servers", &servers);
    }
    if let Some(server) = own(setup) {
        config(&format!("mcp_servers.{OWN_MCP}"), &server);
    }
    if let Some(model) = &setup.model {
        words.extend(["-m".into(), model.clone()]);
    }
    let mut files = Vec::new();
    if let Some(schema) = setup.output.as_ref().and_then(schema::strict) {
        let path = setup.scratch.join("codex-output-schema.json");
        words.extend([
            "--output-schema".into(),
            path.to_string_lossy().into_owned(),
        ]);
        files.push((path, schema.to_string()));
    }
    words.push("--".into());
    words.extend(setup.resume.clone());
    let prompt = prompt(setup);
    let through_stdin = prompt.len() >= LONG;
    words.push(if through_stdin {
        "-".into()
    } else {
        prompt.clone()
    });
    let start = Start {
        words,
        files,
        stdin: through_stdin,
        ..Start::default()
    };
    Ok((start, through_stdin.then_some(prompt)))
}

/// `thread/start`, `thread/resume` or `thread/fork`, with its parameters.
pub fn thread(setup: &Setup) -> (&'static str, Value) {
    let (approvals, sandbox) = policy(setup.permission);
    let mut params = json!({
        "cwd": setup.cwd.to_string_lossy(),
        "approvalPolicy": approvals,
        "sandbox": sandbox,
    });
    if let Some(model) = &setup.model {
        params["model"] = json!(model);
    }
    if let Some(text) = &setup.system_prompt {
        params["developerInstructions"] = json!(text);
    }
    if let Some(servers) = mcp(setup) {
        params["config"] = json!({"mcp_servers": servers});
    }
    if let Some(server) = own(setup) {
        // By its own key it stands beside the servers of the user's settings; what the step names
        // stands in their place.
        match params["config"]["mcp_servers"].as_object_mut() {
            Some(servers) => drop(servers.insert(OWN_MCP.into(), server)),
            None => params["config"] = json!({format!("mcp_servers.{OWN_MCP}"): server}),
        }
    }
    let Some(session) = &setup.resume else {
        return ("thread/start", params);
    };
    params["threadId"] = json!(session);
    params["excludeTurns"] = json!(true);
    if setup.fork {
        ("thread/fork", params)
    } else {
        ("thread/resume", params)
    }
}

/// The first prompt, with the schema in words when the service would refuse it.
pub fn prompt(setup: &Setup) -> String {
    match &setup.output {
        Some(output) if schema::strict(output).is_none() => {
            format!("{}\n\n{}", setup.prompt, schema::in_words(output))
        }
        _ => setup.prompt.clone(),
    }
}

/// What was asked for and Codex cannot do, for people.
pub fn notes(setup: &Setup) -> Vec<String> {
    let turns = setup
        .max_turns
        .map(|turns| format!("codex has no limit of turns: max_turns ({turns}) is not enforced"));
    turns.into_iter().collect()
}

/// The approval policy and sandbox of a permission, as measured:
/// `on-request` + `read-only` reads freely, asks before every edit and when a command wants out of
/// its sandbox (`untrusted` would ask before every `cat`); `workspace-write` edits, and runs commands
/// in a sandbox that can write below the directory, without asking; `never` refuses instead of asking,
/// MCP tools included, but for `danger-full-access`, where all is allowed.
fn policy(permission: Permission) -> (&'static str, &'static str) {
    match permission {
        Permission::Default => ("on-request", "read-only"),
        Permission::Plan => ("never", "read-only"),
        Permission::AcceptEdits => ("on-request", "workspace-write"),
        Permission::BypassPermissions => ("never", "danger-full-access"),
    }
}

/// Baton's `{command, args, env}` is Codex's own form; `{type: "http", url, headers}` is
/// `{url, http_headers}`. Other keys go through (`startup_timeout_sec`,
/// `default_tools_approval_mode`).
fn mcp(setup: &Setup) -> Option<Value> {
    let server = |value: &Value| {
        let Value::Object(fields) = value else {
            return value.clone();
        };
        let mut server = Map::new();
        for (key, value) in fields {
            match key.as_str() {
                "type" => {}
                "headers" => drop(server.insert("http_headers".into(), value.clone())),
                _ => drop(server.insert(key.clone(), value.clone())),
            }
        }
        Value::Object(server)
    };
    let servers: Map<String, Value> = setup
        .mcp
        .iter()
        .map(|(name, value)| (name.clone(), server(value)))
        .collect();
    (!servers.is_empty()).then_some(Value::Object(servers))
}

/// Baton's own server, if it is to be named. Its tools do nothing that has to be asked for, and one of
/// them waits for people.
fn own(setup: &Setup) -> Option<Value> {
    let mut server = setup.own_mcp.clone().filter(|_| setup.has_own_mcp())?;
    server["default_tools_approval_mode"] = json!("approve");
    server["tool_timeout_sec"] = json!(LONGEST_CALL);
    Some(server)
}

fn program(setup: &Setup) -> Result<Vec<String>, Refused> {
    if setup.program.is_empty() {
        return Err(Refused("no program is given for codex".into()));
    }
    if !setup.allow_tools.is_empty() || !setup.deny_tools.is_empty() {
        return Err(Refused(
            "codex has no list of allowed or denied tools: use `permission`, or another agent"
                .into(),
        ));
    }
    Ok(setup.program.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> Setup {
        Setup {
            program: vec!["codex".into()],
            prompt: "-do it".into(),
            cwd: "/workspace/project".into(),
            scratch: "/workspace/scratch".into(),
            ..Setup::default()
        }
    }

    #[test]
    fn the_command_line_of_exec_takes_what_is_set() {
        let mut setup = setup();
        setup.model = Some("gpt-5.5".into());
        setup.resume = Some("abc".into());
        setup.permission = Permission::AcceptEdits;
        setup.system_prompt = Some("be \"brief\"".into());
        setup.output =
            Some(json!({"type": "object", "properties": {}, "additionalProperties": false}));
        setup.mcp.insert(
            "x.y".into(),
            json!({"type": "http", "url": "http://h", "headers": {"A": "b"}}),
        );
        let (start, first) = exec(&setup).expect("start");
        let words = [
            "codex",
            "exec",
            "resume",
            "--json",
            "--skip-git-repo-check",
            "-c",
            TODOS,
            "-c",
            "approval_policy=\"never\"",
            "-c",
            "sandbox_mode=\"workspace-write\"",
            "-c",
            "developer_instructions=\"be \\\"brief\\\"\"",
            "-c",
            "mcp_servers={\"x.y\"={\"url\"=\"http://h\",\"http_headers\"={\"A\"=\"b\"}}}",
            "-m",
            "gpt-5.5",
            "--output-schema",
            "/workspace/scratch/codex-output-schema.json",
            "--",
            "abc",
            "-do it",
        ];
        assert_eq!(start.words, words);
        assert!(!start.stdin && first.is_none() && start.files.len() == 1);
        setup.prompt = "x".repeat(LONG);
        let (start, first) = exec(&setup).expect("start");
        assert!(start.stdin && first.is_some());
        assert_eq!(start.words.last().map(String::as_str), Some("-"));
    }

    #[test]
    fn a_thread_gets_the_permission_and_everything_secret() {
        let mut setup = setup();
        setup
            .mcp
            .insert("m".into(), json!({"command": "x", "env": {"K": "v"}}));
        let (method, params) = thread(&setup);
        assert_eq!(method, "thread/start");
        assert_eq!(
            (&params["approvalPolicy"], &params["sandbox"]),
            (&json!("on-request"), &json!("read-only"))
        );
        assert_eq!(params["config"]["mcp_servers"]["m"]["env"]["K"], "v");
        setup.resume = Some("abc".into());
        assert_eq!(thread(&setup).0, "thread/resume");
        setup.fork = true;
        assert_eq!(
            (thread(&setup).0, &thread(&setup).1["threadId"]),
            ("thread/fork", &json!("abc"))
        );
        assert!(exec(&setup).is_err());
    }

    #[test]
    fn lists_of_tools_are_refused_and_open_schemas_put_in_words() {
        let mut setup = setup();
        setup.output = Some(json!({"type": "object"}));
        assert!(prompt(&setup).contains("JSON Schema"));
        setup.deny_tools = vec!["Write".into()];
        assert!(app_server(&setup).is_err());
    }
}
