//! Claude Code's command line and environment. Never its messages.
//!
//! Flags as in 2.1.329's `--help`, and measured; 2.1.197 has them too. Values stand after `=` where
//! a flag takes one, so that none is taken for a flag; the flags that take several come before
//! another flag, so that they swallow nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{OWN_MCP, Permission, Refused, Setup, Start};

/// Linux refuses a single word of a command line of 128 KB (`MAX_ARG_STRLEN`).
const LONGEST_WORD: usize = 100 << 10;

/// The tools that keep the books and ask: they stay when a setup names the tools it wants.
const HOUSEKEEPING: &[&str] = &[
    "AskUserQuestion",
    "ExitPlanMode",
    "TodoWrite",
    "TaskCreate",
    "TaskUpdate",
    "TaskList",
    "TaskGet",
];

/// What Claude Code says of itself to the processes it starts: a Baton that was started by one must
/// not hand it on.
const NOT_OURS: &[&str] = &[
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_SSE_PORT",
];

/// How Claude Code is started for this setup.
pub(super) fn start(setup: &Setup) -> Result<Start, Refused> {
    check(setup)?;
    let mut words = match setup.program.as_slice() {
        [] => vec!["claude".to_owned()],
        program => program.to_vec(),
    };
    let mut files = Vec::new();
    let mut add = |word: &str| words.push(word.to_owned());
    add("-p");
    add("--input-format=stream-json");
    add("--output-format=stream-json");
    add("--replay-user-messages");
    add("--permission-prompt-tool=stdio");
    add(&format!("--permission-mode={}", mode(setup.permission)));
    match &setup.resume {
        Some(session) => add(&format!("--resume={session}")),
        None if setup.new_session.is_empty() => {}
        None => add(&format!("--session-id={}", setup.new_session)),
    }
    if setup.resume.is_some() && setup.fork {
        add("--fork-session");
        if !setup.new_session.is_empty() {
            add(&format!("--session-id={}", setup.new_session));
        }
    }
    if let Some(model) = &setup.model {
        add(&format!("--model={model}"));
    }
    if let Some(turns) = setup.max_turns {
        add(&format!("--max-turns={turns}"));
    }
    if let Some(usd) = setup.budget_usd {
        add(&format!("--max-budget-usd={usd}"));
    }
    if let Some(prompt) = &setup.system_prompt {
        add(&format!("--append-system-prompt={prompt}"));
    }
    if let Some(schema) = &setup.output {
        add(&format!("--json-schema={schema}"));
    }
    let servers = setup.servers();
    if !servers.is_empty() {
        // In a file: a command line can be read by everybody, and servers' variables are secrets.
        let path = setup.scratch.join("mcp.json");
        add("--mcp-config");
        add(&path.display().to_string());
        if !setup.mcp.is_empty() {
            add("--strict-mcp-config");
        }
        files.push((path, json!({"mcpServers": servers}).to_string()));
    }
    tools(setup, &mut words);
    words.push("--verbose".to_owned());
    if words.iter().any(|word| word.len() > LONGEST_WORD) {
        return Err(Refused(
            "the system prompt and the schema of the answer must each be shorter than 100 KB: \
             put long instructions into the prompt or into a file"
                .into(),
        ));
    }
    Ok(Start {
        stdout_to_file: false,
        words,
        env: environment(),
        env_remove: NOT_OURS.iter().map(ToString::to_string).collect(),
        files,
        stdin: true,
    })
}

fn check(setup: &Setup) -> Result<(), Refused> {
    if setup.root && setup.permission == Permission::BypassPermissions && !setup.sandboxed {
        return Err(Refused(
            "Claude Code refuses `permission: bypassPermissions` as root: run Baton as another \
             user, choose another permission, or, in a container that may be broken, set \
             IS_SANDBOX=1 in the environment"
                .into(),
        ));
    }
    let tools = setup.allow_tools.iter().chain(&setup.deny_tools);
    if let Some(bad) = tools.into_iter().find(|tool| !is_tool(tool)) {
        return Err(Refused(format!(
            "`{bad}` is not a tool of Claude Code: write `Bash`, `Bash(git *)` or `mcp__server__tool`"
        )));
    }
    match setup.budget_usd {
        Some(usd) if !usd.is_finite() || usd <= 0.0 => Err(Refused(format!(
            "nothing may be spent any more (${usd}): raise the budget"
        ))),
        _ => Ok(()),
    }
}

/// Begins like a name, so that it can be taken neither for a flag nor for nothing.
fn is_tool(tool: &str) -> bool {
    tool.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

fn mode(permission: Permission) -> &'static str {
    match permission {
        Permission::Default => "default",
        Permission::Plan => "plan",
        Permission::AcceptEdits => "acceptEdits",
        Permission::BypassPermissions => "bypassPermissions",
    }
}

/// `--allowedTools` lets tools through without asking; `--tools` takes the other built-in ones away.
/// A tool of an MCP server that is not named stays, and is asked for.
fn tools(setup: &Setup, words: &mut Vec<String>) {
    if !setup.allow_tools.is_empty() {
        let name = |tool: &String| tool.split('(').next().unwrap_or_default().to_owned();
        let mut names: Vec<String> = setup.allow_tools.iter().map(name).collect();
        names.retain(|name| !name.starts_with("mcp__"));
        names.extend(HOUSEKEEPING.iter().map(ToString::to_string));
        words.push(format!("--tools={}", names.join(",")));
    }
    // Baton's own tools do nothing that has to be asked for.
    let own = setup.has_own_mcp().then(|| format!("mcp__{OWN_MCP}"));
    let allowed: Vec<String> = setup.allow_tools.iter().cloned().chain(own).collect();
    if !allowed.is_empty() {
        words.push("--allowedTools".to_owned());
        words.extend(allowed);
    }
    if !setup.deny_tools.is_empty() {
        words.push("--disallowedTools".to_owned());
        words.extend(setup.deny_tools.iter().cloned());
    }
}

fn environment() -> BTreeMap<String, String> {
    let variables = [
        // Without it newer models have no list of todos (2.1.329).
        ("CLAUDE_CODE_ENABLE_TODO_TOOLS", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        // A start that fails says why in a `result` line, too (2.1.329).
        ("CLAUDE_CODE_STARTUP_FAILURE_RESULTS", "1"),
    ];
    variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// Where a session keeps its transcript: `$CLAUDE_CONFIG_DIR/projects/<directory>/<session>.jsonl`.
/// `system/init` names the first part in the path of its memory (which may be another project's: that
/// of the repository), and the directory, whose characters but letters and digits become `-`
/// (2.1.329; very long ones are made shorter in a way we do not know). A session that goes on in another directory
/// keeps its old one; Baton goes on in the same.
pub(super) fn transcript(init: &Value, session: &str) -> Option<String> {
    let (config, _) = init["memory_paths"]["auto"]
        .as_str()?
        .split_once("/projects/")?;
    let units = |c: char| {
        if c.is_ascii_alphanumeric() {
            1
        } else {
            c.len_utf16()
        }
    };
    let name = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let directory = init["cwd"].as_str()?;
    let directory: String = directory
        .chars()
        .flat_map(|c| std::iter::repeat_n(name(c), units(c)))
        .collect();
    let known = directory.len() <= 200 && !session.contains('/');
    known.then(|| format!("{config}/projects/{directory}/{session}.jsonl"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn words(setup: &Setup) -> String {
        start(setup).unwrap().words.join(" ")
    }

    #[test]
    fn the_plain_command_line() {
        let setup = Setup {
            new_session: "6aa640d2-4b08-4d7b-93c6-aa9433fa324c".into(),
            ..Setup::default()
        };
        assert_eq!(
            words(&setup),
            "claude -p --input-format=stream-json --output-format=stream-json \
             --replay-user-messages --permission-prompt-tool=stdio --permission-mode=default \
             --session-id=6aa640d2-4b08-4d7b-93c6-aa9433fa324c --verbose"
        );
    }

    #[test]
    fn everything_that_can_be_asked_for() {
        let setup = Setup {
            program: vec!["/opt/agents/claude".into()],
            system_prompt: Some("- be kind".into()),
            model: Some("opus".into()),
            permission: Permission::AcceptEdits,
            max_turns: Some(3),
            allow_tools: vec!["Bash(git *)".into(), "mcp__engine__report".into()],
            deny_tools: vec!["Write".into()],
            mcp: BTreeMap::from([("engine".into(), json!({"command": "x"}))]),
            output: Some(json!({"type": "object"})),
            resume: Some("old".into()),
            fork: true,
            new_session: "new".into(),
            scratch: "/scratch".into(),
            budget_usd: Some(2.5),
            ..Setup::default()
        };
        let start = start(&setup).unwrap();
        insta::assert_snapshot!(start.words[5..].join("\n"), @r#"
        --permission-prompt-tool=stdio
        --permission-mode=acceptEdits
        --resume=old
        --fork-session
        --session-id=new
        --model=opus
        --max-turns=3
        --max-budget-usd=2.5
        --append-system-prompt=- be kind
        --json-schema={"type":"object"}
        --mcp-config
        /scratch/mcp.json
        --strict-mcp-config
        --tools=Bash,AskUserQuestion,ExitPlanMode,TodoWrite,TaskCreate,TaskUpdate,TaskList,TaskGet
        --allowedTools
        Bash(git *)
        mcp__engine__report
        --disallowedTools
        Write
        --verbose
        "#);
        let servers = r#"{"mcpServers":{"engine":{"command":"x"}}}"#;
        let file = (PathBuf::from("/scratch/mcp.json"), servers.to_owned());
        assert_eq!(start.files, [file]);
    }

    #[test]
    fn a_transcript_is_named_by_its_directory() {
        let init =
            json!({"cwd": "/work.d/ä_b", "memory_paths": {"auto": "/c/projects/-work/memory/"}});
        let path = transcript(&init, "s");
        assert_eq!(path.as_deref(), Some("/c/projects/-work-d---b/s.jsonl"));
        assert_eq!(transcript(&json!({}), "s"), None);
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_would_be_right() {
        let root = Setup {
            root: true,
            permission: Permission::BypassPermissions,
            ..Setup::default()
        };
        assert!(start(&root).unwrap_err().0.contains("IS_SANDBOX=1"));
        let sandboxed = Setup {
            sandboxed: true,
            ..root
        };
        assert!(start(&sandboxed).is_ok());
        for bad in ["", "--dangerously-skip-permissions", " Bash"] {
            let setup = Setup {
                allow_tools: vec![bad.into()],
                ..Setup::default()
            };
            assert!(start(&setup).is_err(), "{bad}");
        }
        for usd in [0.0, -1.0, f64::NAN] {
            let setup = Setup {
                budget_usd: Some(usd),
                ..Setup::default()
            };
            assert!(start(&setup).is_err(), "{usd}");
        }
        let long = Setup {
            system_prompt: Some("x".repeat(LONGEST_WORD)),
            ..Setup::default()
        };
        assert!(start(&long).is_err());
    }
}
