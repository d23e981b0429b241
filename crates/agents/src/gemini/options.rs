//! The command lines and environment of Gemini CLI 0.61.0.

use crate::setup::{Permission, Refused, Setup, Start};

/// A word of a command line holds at most 128 KB on Linux; a longer prompt goes to standard input.
const WORD: usize = 100_000;

/// The words that start it.
pub(super) fn program(setup: &Setup) -> Vec<String> {
    if setup.program.is_empty() {
        return vec!["gemini".into()];
    }
    setup.program.clone()
}

/// Over the Agent Client Protocol. The permission is set there, as a mode; MCP servers are named
/// there too.
pub(super) fn acp(setup: &Setup) -> Result<Start, Refused> {
    let mut start = start(setup)?;
    start.words.push("--acp".into());
    start.stdin = true;
    Ok(start)
}

/// As a stream; and what goes to its standard input.
pub(super) fn stream(setup: &Setup) -> Result<(Start, Option<String>), Refused> {
    if !setup.mcp.is_empty() {
        return Err(Refused(
            "Gemini CLI's stream takes MCP servers only from its own settings: name them there, or \
             use it over its protocol"
                .into(),
        ));
    }
    let mut start = start(setup)?;
    let mode = match setup.permission {
        Permission::Default => "default",
        Permission::Plan => "plan",
        Permission::AcceptEdits => "auto_edit",
        Permission::BypassPermissions => "yolo",
    };
    let mut add = |words: &[&str]| start.words.extend(words.iter().map(|word| (*word).into()));
    add(&["--output-format", "stream-json", "--approval-mode", mode]);
    match &setup.resume {
        Some(_) if setup.fork => {
            return Err(Refused(
                "Gemini CLI cannot continue a session as a new one".into(),
            ));
        }
        Some(session) => add(&["--resume", session]),
        None if !setup.new_session.is_empty() => add(&["--session-id", &setup.new_session]),
        None => {}
    }
    let mut prompt = setup.prompt.clone();
    if let Some(system) = setup
        .system_prompt
        .as_ref()
        .filter(|_| setup.resume.is_none())
    {
        prompt = format!("{system}\n\n{prompt}");
    }
    // In one word: a prompt may begin with a dash.
    if prompt.len() < WORD {
        add(&[&format!("--prompt={prompt}")]);
        start.stdout_to_file = true;
        return Ok((start, None));
    }
    // What comes on standard input is put before the words of `--prompt`.
    add(&["--prompt=Do what is asked above."]);
    start.stdin = true;
    start.stdout_to_file = true;
    Ok((start, Some(prompt)))
}

fn start(setup: &Setup) -> Result<Start, Refused> {
    if !setup.allow_tools.is_empty() || !setup.deny_tools.is_empty() {
        return Err(Refused(
            "Gemini CLI takes lists of tools only as its own policy files: choose a permission, or \
             put a policy into its settings"
                .into(),
        ));
    }
    // A settings file named by `GEMINI_CLI_SYSTEM_SETTINGS_PATH` is read only where root owns it and
    // every directory above it: there is no way to give it settings of one attempt.
    if setup.max_turns.is_some() {
        return Err(Refused(
            "Gemini CLI takes a limit of turns only from its settings: `model.maxSessionTurns` there, \
             or limit the step's time"
                .into(),
        ));
    }
    let mut start = Start {
        words: program(setup),
        ..Start::default()
    };
    if let Some(model) = &setup.model {
        start.words.extend(["-m".into(), model.clone()]);
    }
    // Without it it starts itself again as a child, and a signal to the first is ignored.
    let env = [
        ("GEMINI_CLI_NO_RELAUNCH", "true"),
        ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
    ];
    start
        .env
        .extend(env.map(|(name, value)| (name.into(), value.into())));
    Ok(start)
}
