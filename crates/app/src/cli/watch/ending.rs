//! The last words of a watch: how the run ended, or that it goes on. Pure.

use serde_json::Value;

use super::view::RunView;
use crate::cli::exit::Exit;
use crate::cli::text::{cut, duration, safe};

/// How the run ended, and what may be done next.
#[must_use]
pub fn of_run(run: &RunView, exit: Exit) -> String {
    let took = match (run.started, run.ended) {
        (Some(from), Some(to)) => format!(" in {}", duration(to.since(from))),
        _ => String::new(),
    };
    let number = run.number;
    let mut text = match exit {
        Exit::RunFailed => {
            let why = run.error.as_deref().unwrap_or("a step failed");
            let why = safe(why.lines().next().unwrap_or_default());
            format!(
                "✗ run {number} failed{took}: {why}\n  baton logs {number} · baton retry {number}"
            )
        }
        Exit::Cancelled => format!("⊘ run {number} cancelled{took}"),
        Exit::Paused => {
            let why = run.pause_reason.as_deref().map(|why| format!(" ({why})"));
            let why = safe(&why.unwrap_or_default());
            format!("‖ run {number} is paused{why}\n  baton resume {number}")
        }
        _ => format!("✓ run {number} completed{took}"),
    };
    if let Some(Value::Object(outputs)) = &run.outputs {
        for (name, value) in outputs {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let value = cut(&safe(&value.trim().replace('\n', " ")), 120);
            text = format!(
                "{text}
  {name}: {value}"
            );
        }
    }
    text
}

/// That nobody watches any more, and what the run does.
#[must_use]
pub fn of_watch(run: &RunView, exit: Exit, cancelling: bool) -> String {
    let number = run.number;
    let how = match exit {
        Exit::Interrupted if cancelling || run.cancelling => "is still being cancelled",
        _ => "goes on",
    };
    format!(
        "detached: run {number} {how}\n  baton show {number} · baton logs -f {number} · baton cancel {number}"
    )
}
