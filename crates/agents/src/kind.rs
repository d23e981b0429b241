//! Which agents there are, by the names a definition gives them.

use crate::driver::Driver;
use crate::setup::{Refused, Setup, Start};

/// An agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
    /// Claude Code: `claude`.
    Claude,
    /// Codex: `codex`.
    Codex,
    /// Gemini CLI: `gemini`.
    Gemini,
    /// Any agent of the Agent Client Protocol: `acp:<command>`.
    Acp,
    /// Any program that prints: `command:<command>`.
    Command,
}

impl AgentKind {
    /// Reads a name; of `acp:` and `command:` also the words of the command, split as a shell does
    /// but nothing expanded. They are [`Setup::program`]; for the others that is the CLI's path.
    ///
    /// # Errors
    /// The name is none of these, or its command is empty or has an open quote.
    pub fn parse(name: &str) -> Result<(Self, Vec<String>), Refused> {
        let plain = |kind| Ok((kind, Vec::new()));
        match name {
            "claude" => return plain(Self::Claude),
            "codex" => return plain(Self::Codex),
            "gemini" => return plain(Self::Gemini),
            _ => {}
        }
        let (kind, command) = match name.split_once(':') {
            Some(("acp", command)) => (Self::Acp, command),
            Some(("command", command)) => (Self::Command, command),
            _ => {
                return Err(Refused(format!(
                    "there is no agent `{}`: write `claude`, `codex`, `gemini`, `acp:<command>` or \
                     `command:<command>`",
                    crate::bounded::head(name, 100)
                )));
            }
        };
        match shlex::split(command) {
            Some(words) if !words.is_empty() => Ok((kind, words)),
            Some(_) => Err(Refused(format!("`{name}` names no command"))),
            None => Err(Refused(format!("`{name}` has a quote that is not closed"))),
        }
    }
}

/// How an agent is started, and its driver.
///
/// # Errors
/// What this agent cannot be asked for.
pub fn driver(kind: &AgentKind, setup: &Setup) -> Result<(Start, Box<dyn Driver>), Refused> {
    match kind {
        AgentKind::Claude => crate::claude(setup),
        AgentKind::Codex => crate::codex(setup),
        AgentKind::Gemini => crate::gemini(setup),
        AgentKind::Acp => crate::acp(setup),
        AgentKind::Command => crate::command(setup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_like_a_shell_and_not_expanded() {
        let read = |name| AgentKind::parse(name).unwrap();
        assert_eq!(read("gemini"), (AgentKind::Gemini, vec![]));
        assert_eq!(
            read("acp:npx 'an agent' --mode=\"a b\" $HOME *"),
            (
                AgentKind::Acp,
                ["npx", "an agent", "--mode=a b", "$HOME", "*"]
                    .map(str::to_owned)
                    .into()
            )
        );
        assert_eq!(read("command:sh -c 'a | b:c'").1, ["sh", "-c", "a | b:c"]);
        for bad in ["acp:", "acp: ", "command:'x", "gemeni", "acp", ""] {
            assert!(AgentKind::parse(bad).is_err(), "{bad}");
        }
    }
}
