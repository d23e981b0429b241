//! The uses of tools of one attempt, read from its `events.jsonl`: which, when, and how they ended.
//! Never what was in them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;

use baton_core::time::Timestamp;
use baton_store::views::{AttemptRow, StepRow};
use serde::Deserialize;

use crate::host::Host;
use crate::server::activities;

/// So many calls of an attempt have spans.
const MOST: usize = 1000;

/// So much of a file is gone through, in bytes.
const GONE_THROUGH: u64 = 64 * 1024 * 1024;

/// A use of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The agent's id of it.
    pub id: String,
    /// The use of a tool (a sub-agent) within which it happened.
    pub parent: Option<String>,
    /// The tool as the agent names it.
    pub name: String,
    /// What the tool does.
    pub kind: String,
    /// The last word on where it stands.
    pub status: String,
    /// When it was first told of.
    pub began: Timestamp,
    /// When it ended, if it did.
    pub ended: Option<Timestamp>,
}

/// All of an attempt.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// The first of them.
    pub all: Vec<Call>,
    /// How many more there were, as far as was read.
    pub dropped: u64,
}

/// What is read of a line.
#[derive(Deserialize)]
struct Line {
    at: String,
    id: String,
    name: String,
    tool: String,
    status: String,
    #[serde(default)]
    parent: Option<String>,
}

/// The tools that an attempt used. What cannot be read has none. Blocks on the disk.
pub fn of(host: &Host, project: &str, step: &StepRow, tried: &AttemptRow) -> Calls {
    if step.session.is_none() {
        return Calls::default();
    }
    let directories = host.log_directories(project, step.run, &step.key);
    // A later attempt has moved its files aside.
    let aside = format!("attempt-{}", tried.number);
    let moved = directories.iter().map(|directory| directory.join(&aside));
    let paths: Vec<PathBuf> = moved.chain(directories.iter().cloned()).collect();
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.join("events.jsonl")).collect();
    let file = activities::open(&paths).ok().flatten();
    let read = file.map(|file| read(&file, tried));
    read.and_then(Result::ok).unwrap_or_default()
}

fn read(file: &File, tried: &AttemptRow) -> io::Result<Calls> {
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut calls = Calls::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    let (mut line, mut gone) = (Vec::new(), 0);
    while let Some(length) = activities::next_line(&mut reader, &mut line)? {
        gone += length;
        if gone > GONE_THROUGH {
            break;
        }
        let Some(said) = parse(&line) else { continue };
        let Some(at) = Timestamp::parse(&said.at).filter(|at| *at >= tried.started_at) else {
            continue;
        };
        let ended = matches!(said.status.as_str(), "success" | "failed" | "denied").then_some(at);
        if let Some(call) = places
            .get(&said.id)
            .and_then(|place| calls.all.get_mut(*place))
        {
            call.status = said.status;
            call.ended = call.ended.or(ended);
            continue;
        }
        if calls.all.len() >= MOST {
            calls.dropped += 1;
            continue;
        }
        places.insert(said.id.clone(), calls.all.len());
        calls.all.push(Call {
            // One whose sub-agent is not among them hangs below the attempt.
            parent: said.parent.filter(|parent| places.contains_key(parent)),
            id: said.id,
            name: said.name,
            kind: said.tool,
            status: said.status,
            began: at,
            ended,
        });
    }
    Ok(calls)
}

fn parse(line: &[u8]) -> Option<Line> {
    let is_call = activities::kind(line)? == "tool_use";
    is_call.then(|| serde_json::from_slice(line).ok())?
}
