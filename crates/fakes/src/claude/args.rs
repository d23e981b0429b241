//! Claude Code's command line, as far as Baton uses it. Never guesses: what the real one refuses is
//! refused.

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Args {
    pub(super) version: bool,
    pub(super) stream_input: bool,
    pub(super) asks_host: bool,
    pub(super) replay: bool,
    pub(super) session: Option<String>,
    pub(super) resume: Option<String>,
    pub(super) fork: bool,
    pub(super) model: Option<String>,
    pub(super) mode: String,
    pub(super) max_turns: Option<u32>,
    pub(super) max_usd: Option<f64>,
    pub(super) schema: bool,
    pub(super) allowed: Vec<String>,
    pub(super) forbidden: Vec<String>,
    /// The MCP servers of the file that `--mcp-config` names, by name.
    pub(super) servers: serde_json::Value,
    pub(super) prompt: Option<String>,
}

impl Args {
    /// # Errors
    /// In the real one's words.
    pub(super) fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            mode: "default".into(),
            ..Self::default()
        };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                args.prompt = Some(word);
                continue;
            }
            let (flag, mut value) = match word.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (word.clone(), None),
            };
            let mut one = || value.take().or_else(|| words.next()).unwrap_or_default();
            match flag.as_str() {
                "--"
                | "-p"
                | "--print"
                | "--verbose"
                | "--strict-mcp-config"
                | "--include-partial-messages" => {}
                "--version" | "-v" => args.version = true,
                "--replay-user-messages" => args.replay = true,
                "--fork-session" => args.fork = true,
                "--input-format" => args.stream_input = one() == "stream-json",
                "--output-format" | "--append-system-prompt" => drop(one()),
                "--permission-prompt-tool" => args.asks_host = one() == "stdio",
                "--session-id" => args.session = Some(one()),
                "--resume" => args.resume = Some(one()),
                "--model" => args.model = Some(one()),
                "--permission-mode" => args.mode = one(),
                "--max-turns" => args.max_turns = one().parse().ok(),
                "--max-budget-usd" => args.max_usd = one().parse().ok(),
                "--json-schema" => args.schema = !one().is_empty(),
                "--allowedTools" | "--disallowedTools" | "--tools" | "--mcp-config" => {
                    let mut values: Vec<String> = value.take().into_iter().collect();
                    if values.is_empty() {
                        while let Some(more) = words.next_if(|word| !word.starts_with('-')) {
                            values.push(more);
                        }
                    }
                    match flag.as_str() {
                        "--allowedTools" => args.allowed.extend(values),
                        "--disallowedTools" => args.forbidden.extend(values),
                        "--mcp-config" => {
                            let file = values.first().map(std::fs::read).and_then(Result::ok);
                            let config = file.and_then(|file| serde_json::from_slice(&file).ok());
                            let mut config: serde_json::Value = config.unwrap_or_default();
                            args.servers = config["mcpServers"].take();
                        }
                        _ => {}
                    }
                }
                unknown => return Err(format!("error: unknown option '{unknown}'")),
            }
        }
        Ok(args)
    }
}
