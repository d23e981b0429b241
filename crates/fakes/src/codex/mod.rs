//! A fake Codex: `codex app-server` (0.169.0) as recorded, and `codex exec --json` as what that says,
//! translated. `server` speaks JSON-RPC, `acting` does what the prompt says, `exec` translates.
//! Sessions are kept as the real ones are: one process after another can go on in them.

mod acting;
mod exec;
mod server;
mod shells;
mod tools;

use std::io::Read;
use std::process::ExitCode;
use std::sync::mpsc::channel;

use serde_json::Value;

use self::server::{Policy, Server, Voice};

/// What `codex --version` says.
pub const VERSION: &str = "codex-cli 0.169.0";

/// The command line, as far as a fake heeds it.
#[derive(Debug, Default)]
struct Line {
    /// `-c key=value`.
    config: Vec<String>,
    /// Everything that is not an option.
    words: Vec<String>,
    version: bool,
    bypass: bool,
}

impl Line {
    fn read(arguments: impl Iterator<Item = String>) -> Self {
        let mut line = Self::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "-c" | "--config" => line.config.extend(arguments.next()),
                "-m" | "-s" | "-C" | "-o" | "--output-schema" => drop(arguments.next()),
                "--version" | "-V" => line.version = true,
                "--dangerously-bypass-approvals-and-sandbox" => line.bypass = true,
                "--" => line.words.extend(arguments.by_ref()),
                "-" => line.words.push(argument),
                option if option.starts_with('-') => {}
                _ => line.words.push(argument),
            }
        }
        line
    }

    fn has(&self, config: &str) -> bool {
        self.config.iter().any(|set| set == config)
    }
}

/// Does what the command line says, and gives its exit code.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let line = Line::read(arguments);
    if line.version {
        println!("{VERSION}");
        return ExitCode::SUCCESS;
    }
    let todos = line.has("tools.update_plan={enabled=true}");
    match line.words.first().map(String::as_str) {
        Some("app-server") => Server::new(Voice::AppServer, server::stdin(), todos).serve(),
        Some("exec") => exec(&line, todos),
        _ => {
            eprintln!("error: the fake codex knows app-server and exec only");
            ExitCode::from(2)
        }
    }
}

fn exec(line: &Line, todos: bool) -> ExitCode {
    let mut words = line.words[1..].iter();
    let mut word = words.next();
    let resume = word
        .filter(|word| *word == "resume")
        .and_then(|_| words.next());
    if resume.is_some() {
        word = words.next();
    }
    let mut prompt = word.cloned().unwrap_or_default();
    if prompt == "-" {
        prompt.clear();
        if let Err(error) = std::io::stdin().read_to_string(&mut prompt) {
            eprintln!("Error: {error}");
            return ExitCode::FAILURE;
        }
    }
    // Nobody speaks to it: the channel stays silent.
    let (_silent, inbox) = channel::<Option<Value>>();
    let mut server = Server::new(Voice::Exec(exec::Exec::default()), inbox, todos);
    let free = line.bypass || line.has("sandbox_mode=\"danger-full-access\"");
    let writes = line.has("sandbox_mode=\"workspace-write\"");
    server.policy = Policy {
        asks: false,
        edits: free || writes,
        runs: free || writes,
        always: false,
    };
    server.exec(resume.map(String::as_str), &prompt)
}
