//! What a session did, read from its `events.jsonl` as far as is asked for: a page from a byte on,
//! and its last word on its todos. Never holds more than one line and the page in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use baton_core::run::event::Cause;
use baton_store::views::{AttemptRow, RunRow, StepRow};
use serde_json::{Map, Value};

use super::wire::activity::{self, Head};
use super::wire::run::Whole;
use crate::host::Host;

/// A longer line is not sent, in bytes.
pub const LONGEST: usize = 1024 * 1024;

/// So much of a file is gone through for one page, at most.
const GONE_THROUGH: u64 = 32 * 1024 * 1024;

/// A page is not longer, in bytes of the file.
const PAGE: u64 = 4 * 1024 * 1024;

/// So much of the end of a file is looked through for the last todos.
const END: u64 = 256 * 1024;

/// Attempts of one session that are looked through for its todos.
const ATTEMPTS: usize = 5;

/// Which lines are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Those behind the line that this byte belongs to.
    pub after: Option<u64>,
    /// Of these kinds; all when empty.
    pub kinds: Vec<String>,
    /// At most so many.
    pub limit: usize,
}

/// Some activities.
#[derive(Debug, Default, PartialEq)]
pub struct Page {
    /// In their order.
    pub rows: Vec<Value>,
    /// Behind which line there may be more.
    pub next: Option<u64>,
}

/// Where an attempt's file may be, in the order in which to look.
pub fn paths(host: &Host, run: &RunRow, step: &StepRow, number: u32) -> Vec<PathBuf> {
    let directories = host.log_directories(&run.project_path, run.id, &step.key);
    let place = |directory: PathBuf| match number == step.attempts {
        true => directory.join("events.jsonl"),
        false => directory
            .join(format!("attempt-{number}"))
            .join("events.jsonl"),
    };
    directories.into_iter().map(place).collect()
}

/// The first of these files that is there.
pub fn open(paths: &[PathBuf]) -> io::Result<Option<File>> {
    for path in paths {
        match File::open(path) {
            Ok(file) => return Ok(Some(file)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// A page of a file. A last line that is still being written is not there yet.
pub fn page(file: &File, attempt: &str, wanted: &Wanted) -> io::Result<Page> {
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut offset = wanted.after.unwrap_or(0);
    reader.seek(SeekFrom::Start(offset))?;
    let mut line = Vec::new();
    if wanted.after.is_some() {
        match next_line(&mut reader, &mut line)? {
            Some(length) => offset += length,
            None => return Ok(Page::default()),
        }
    }
    let from = offset;
    let mut page = Page::default();
    let mut taken = 0;
    while let Some(length) = next_line(&mut reader, &mut line)? {
        let is_long = line.is_empty();
        let kind = Head::of(&line).map(|head| head.kind.into_owned());
        let kind = kind.unwrap_or_else(|| activity::UNKNOWN.into());
        if wanted.kinds.is_empty() || wanted.kinds.contains(&kind) {
            let row = match is_long {
                true => Some(activity::too_long(attempt, offset)),
                false => activity::row(&line, attempt, offset),
            };
            page.rows.extend(row);
            taken += line.len() as u64;
        }
        let this = offset;
        offset += length;
        let is_full = page.rows.len() >= wanted.limit || taken >= PAGE;
        if is_full || offset - from >= GONE_THROUGH {
            let more = next_line(&mut reader, &mut line)?.is_some();
            page.next = more.then_some(this);
            return Ok(page);
        }
    }
    Ok(page)
}

/// The next whole line without its end, and its length with it; the line is empty when it is too
/// long. `None`: there is none, or its end is not there yet.
///
/// # Errors
/// What the disk says.
pub fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
    line.clear();
    let (mut length, mut is_long) = (0, false);
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            return Ok(None);
        }
        let end = piece.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(piece.len(), |end| end + 1);
        is_long |= line.len() + taken > LONGEST;
        if is_long {
            line.clear();
        } else {
            line.extend_from_slice(&piece[..end.unwrap_or(taken)]);
        }
        reader.consume(taken);
        length += taken as u64;
        if end.is_some() {
            return Ok(Some(length));
        }
    }
}

/// The kind of an activity; `None` for a line that is none.
#[must_use]
pub fn kind(line: &[u8]) -> Option<String> {
    Some(Head::of(line)?.kind.into_owned())
}

/// What an agent step is at: `todos` and `tool` in its `session`. Blocks on the disk.
pub fn fill(
    host: &Host,
    run: &RunRow,
    step: &StepRow,
    attempts: &[AttemptRow],
    session: &mut Option<Value>,
) {
    let Some(session) = session.as_mut().and_then(Value::as_object_mut) else {
        return;
    };
    let is_working = step.is_working();
    let newest = attempts.last().map(|tried| tried.number);
    for tried in attempts.iter().rev().take(ATTEMPTS) {
        let last = last_of(host, run, step, tried.number);
        if is_working && Some(tried.number) == newest {
            session.insert("tool".into(), last.tool.unwrap_or(Value::Null));
        }
        if let Some(todos) = last.todos {
            session.insert("todos".into(), todos);
            return;
        }
        if !goes_on(tried) {
            return;
        }
    }
}

/// Whether an attempt went on in the session of the one before.
fn goes_on(tried: &AttemptRow) -> bool {
    matches!(tried.cause, Cause::Lost | Cause::Parked | Cause::UsageLimit)
}

/// [`fill`] for a step of a run of which all is at hand.
pub fn fill_one(host: &Host, whole: &Whole, step: &StepRow, session: &mut Option<Value>) {
    if session.is_some() {
        let attempts: Vec<AttemptRow> = whole.attempts.of_step(step.id).cloned().collect();
        fill(host, &whole.run, step, &attempts, session);
    }
}

/// The newest of what a file says, as far as its end tells.
#[derive(Debug, Default, PartialEq)]
struct Last {
    todos: Option<Value>,
    /// What is being used, if anything.
    tool: Option<Value>,
}

fn last_of(host: &Host, run: &RunRow, step: &StepRow, number: u32) -> Last {
    let file = open(&paths(host, run, step, number));
    let read = file.and_then(|file| file.map_or(Ok(Vec::new()), |file| read_end(&file)));
    // One that cannot be read says nothing; its log's own address says why.
    read.map(|end| last(&end)).unwrap_or_default()
}

/// The whole lines of a file's end.
fn read_end(file: &File) -> io::Result<Vec<u8>> {
    let total = file.metadata()?.len();
    let from = total.saturating_sub(END);
    let mut bytes = vec![0; usize::try_from(total - from).unwrap_or(0)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], from + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    bytes.truncate(end.map_or(0, |end| end + 1));
    if from > 0 {
        let begin = bytes.iter().position(|byte| *byte == b'\n');
        bytes.drain(..begin.map_or(bytes.len(), |begin| begin + 1));
    }
    Ok(bytes)
}

fn is_running(tool: &Map<String, Value>) -> bool {
    tool.get("status").is_some_and(|status| status == "running")
}

fn last(lines: &[u8]) -> Last {
    let mut last = Last::default();
    let mut is_open = true;
    for line in lines.rsplit(|byte| *byte == b'\n') {
        let Some(head) = Head::of(line).filter(|head| head.parent.is_none()) else {
            continue;
        };
        let whole = || serde_json::from_slice::<Value>(line).unwrap_or_default();
        match &*head.kind {
            "todos" => {
                last.todos = Some(whole()["items"].take());
                return last;
            }
            "tool_use" if is_open => {
                is_open = false;
                let mut tool = whole();
                if let Some(members) = tool.as_object_mut().filter(|m| is_running(m)) {
                    for name in ["kind", "at", "offset", "parent", "diff", "output"] {
                        members.remove(name);
                    }
                    last.tool = Some(tool);
                }
            }
            "turn_ended" | "message" => is_open = false,
            _ => {}
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    fn file(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn wanted(after: Option<u64>, kinds: &[&str], limit: usize) -> Wanted {
        Wanted {
            after,
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            limit,
        }
    }

    fn offsets(page: &Page) -> Vec<u64> {
        let rows = page.rows.iter();
        rows.map(|row| row["offset"].as_u64().unwrap()).collect()
    }

    #[test]
    fn pages_follow_each_other_without_a_gap() {
        let line = |n: usize| format!("{{\"kind\":\"message\",\"text\":\"{n}\"}}\n");
        let all: String = (0..7).map(line).collect();
        // The last one is still being written.
        let file = file(&format!("{all}{{\"kind\":\"mess"));
        let length = line(0).len() as u64;
        let mut after = None;
        let mut seen = Vec::new();
        loop {
            let page = page(&file, "a", &wanted(after, &[], 3)).unwrap();
            seen.extend(offsets(&page));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..7).map(|n| n * length).collect::<Vec<_>>());
        let beyond = page(&file, "a", &wanted(Some(10_000), &[], 3)).unwrap();
        assert_eq!(beyond, Page::default());
    }

    #[test]
    fn other_kinds_are_passed_over() {
        let file = file("{\"kind\":\"usage\"}\n{\"kind\":\"todos\"}\n{\"kind\":\"usage\"}\n");
        let page = page(&file, "a", &wanted(None, &["todos"], 5)).unwrap();
        assert_eq!(offsets(&page), [17]);
        assert_eq!(page.next, None);
    }

    #[test]
    fn a_line_without_bounds_is_named_and_not_held() {
        let long = "x".repeat(LONGEST + 1);
        let file = file(&format!(
            "{{\"kind\":\"{long}\"}}\n{{\"kind\":\"usage\"}}\n"
        ));
        let page = page(&file, "a", &wanted(None, &[], 5)).unwrap();
        assert_eq!(page.rows.len(), 2);
        assert_eq!(page.rows[0]["activity"]["kind"], "unknown");
        assert_eq!(page.rows[1]["activity"]["kind"], "usage");
    }

    #[test]
    fn the_last_todos_and_the_tool_at_work_are_found() {
        let lines = [
            json!({"kind": "todos", "items": [1]}),
            json!({"kind": "todos", "items": [2]}),
            json!({"kind": "todos", "parent": "t", "items": [3]}),
            json!({"kind": "tool_use", "id": "b", "status": "running", "title": "npm test"}),
            json!({"kind": "usage"}),
        ];
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let found = last(text.as_bytes());
        assert_eq!(found.todos, Some(json!([2])));
        assert_eq!(found.tool.unwrap()["title"], "npm test");
        let over = format!("{text}{{\"kind\":\"turn_ended\"}}\n");
        assert_eq!(last(over.as_bytes()).tool, None);
        assert_eq!(last(b""), Last::default());
    }
}
