//! What an agent does, in words for the thread: files read and written, commands, calls of the
//! model, results of builds and tests.
//!
//! Each comment has a place in the conversation, so a replay says nothing twice. An agent that does
//! hundreds of things says the first of them one by one, and of the rest how many there were.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use baton_core::activity::{Activity, ToolKind, ToolStatus, ToolUse};
use baton_core::run::decide::{News, check};
use baton_core::run::event::Place;
use serde_json::{Value, json};

/// So many comments come one by one,
const BURST: u32 = 20;

/// and then one more in each of these.
const PACE: Duration = Duration::from_secs(3);

/// The longest command or path shown, in characters.
const LONGEST: usize = 200;

/// See the module.
#[derive(Debug)]
pub struct Commentary {
    /// What was commented on before this host came.
    said: Option<Place>,
    here: Place,
    /// The run's directory: paths are shown below it.
    root: String,
    model: Option<String>,
    /// Uses of tools whose beginning was seen.
    begun: HashSet<String>,
    /// Comments that may still come one by one.
    left: u32,
    since: Instant,
    rest: Rest,
}

/// What was not said one by one.
#[derive(Debug, Default)]
struct Rest {
    place: Option<Place>,
    read: u64,
    written: u64,
    bytes: u64,
    commands: u64,
    others: u64,
}

impl Commentary {
    /// On an attempt that works in this directory; what is up to `said` was commented on.
    pub fn new(root: &str, said: Option<Place>) -> Self {
        Self {
            said,
            here: Place { offset: 0, nth: 0 },
            root: root.to_owned(),
            model: None,
            begun: HashSet::new(),
            left: BURST,
            since: Instant::now(),
            rest: Rest::default(),
        }
    }

    /// Something was done; what there is to say.
    pub fn see(&mut self, offset: u64, is_own: bool, activity: &Activity) -> Vec<News> {
        let (kind, text, always) = match activity {
            Activity::Session { model, .. } => {
                self.model = model.clone().or_else(|| self.model.take());
                return Vec::new();
            }
            Activity::TurnStarted {} if is_own => {
                let text = match &self.model {
                    Some(model) => format!("Calling AI model {model}"),
                    None => "Calling AI model".to_owned(),
                };
                ("model", text, false)
            }
            Activity::ToolUse(tool) => match self.tool(tool) {
                Some(said) => said,
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        let place = self.place(offset);
        if self.said.is_some_and(|said| place <= said) {
            return Vec::new();
        }
        self.refill();
        if !always && (self.left == 0 || !is_own) {
            self.rest.add(place, kind, activity);
            return Vec::new();
        }
        let mut news: Vec<News> = self.flush().into_iter().collect();
        self.left = self.left.saturating_sub(1);
        news.push(comment(place, text, json!({"kind": kind})));
        news
    }

    /// The place of the next thing that is read from this line.
    fn place(&mut self, offset: u64) -> Place {
        self.here = match self.here.offset == offset {
            true => Place {
                offset,
                nth: self.here.nth + 1,
            },
            false => Place { offset, nth: 0 },
        };
        self.here
    }

    fn refill(&mut self) {
        let more = self.since.elapsed().as_secs() / PACE.as_secs();
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(BURST);
            self.left = self.left.saturating_add(more).min(BURST);
            self.since = Instant::now();
        }
    }

    /// Time has passed: what was held back is said, if it may be.
    pub fn tick(&mut self) -> Option<News> {
        self.refill();
        if self.left == 0 || self.rest.place.is_none() {
            return None;
        }
        self.left -= 1;
        self.flush()
    }

    /// What was held back, in one comment.
    pub fn flush(&mut self) -> Option<News> {
        let rest = std::mem::take(&mut self.rest);
        let place = rest.place?;
        let facts = json!({
            "kind": "summary", "read": rest.read, "written": rest.written,
            "bytes": rest.bytes, "commands": rest.commands, "others": rest.others,
        });
        Some(comment(place, rest.text(), facts))
    }

    /// The kind of a use of a tool, in words, and whether it is always said.
    fn tool(&mut self, tool: &ToolUse) -> Option<(&'static str, String, bool)> {
        let is_over = matches!(
            tool.status,
            ToolStatus::Success | ToolStatus::Failed | ToolStatus::Denied
        );
        if tool.status == ToolStatus::Denied {
            let text = format!("Not allowed: {}", short(&tool.title));
            return Some(("denied", text, false));
        }
        if tool.tool == ToolKind::Execute {
            return self.command(tool, is_over);
        }
        if tool.status != ToolStatus::Success {
            return None;
        }
        let path = tool.paths.first().map_or(tool.title.as_str(), |path| {
            let below = path.strip_prefix(&self.root);
            below.map_or(path.as_str(), |path| path.trim_start_matches('/'))
        });
        let size = tool.bytes.map(|bytes| format!(" ({bytes} bytes)"));
        let file = format!("{}{}", short(path), size.unwrap_or_default());
        Some(match tool.tool {
            ToolKind::Read => ("reading", format!("Reading file: {file}"), false),
            ToolKind::Edit => ("writing", format!("Writing file: {file}"), false),
            ToolKind::Delete => ("writing", format!("Deleting file: {file}"), false),
            ToolKind::Move => ("writing", format!("Moving file: {file}"), false),
            ToolKind::Subagent => {
                let text = format!("Sub-agent: {}", short(&tool.title));
                ("subagent", text, false)
            }
            ToolKind::Search | ToolKind::Fetch => {
                let text = format!("{}: {}", tool.name, short(&tool.title));
                ("looking", text, false)
            }
            ToolKind::Execute | ToolKind::Think | ToolKind::Other => return None,
        })
    }

    fn command(&mut self, tool: &ToolUse, is_over: bool) -> Option<(&'static str, String, bool)> {
        let command = tool.command.as_deref().unwrap_or(&tool.title);
        let shown = short(command);
        if !is_over {
            let is_new = self.begun.insert(tool.id.clone());
            return is_new.then(|| ("command", format!("Running: {shown}"), false));
        }
        let is_known = self.begun.contains(&tool.id);
        let passed = tool.status == ToolStatus::Success && tool.exit_code.unwrap_or(0) == 0;
        let code = tool.exit_code.filter(|_| !passed);
        let code = code.map(|code| format!(" (exit code {code})"));
        let code = code.unwrap_or_default();
        match (check(command), passed) {
            (Some(what), true) => Some(("result", format!("{what}: PASSED ({shown})"), true)),
            (Some(what), false) => {
                Some(("result", format!("{what}: FAILED{code} ({shown})"), true))
            }
            // One that was interrupted has not failed.
            (None, false) if tool.exit_code.is_none() => None,
            (None, false) => Some(("failed", format!("Command failed{code}: {shown}"), false)),
            (None, true) if !is_known => Some(("command", format!("Ran: {shown}"), false)),
            (None, true) => None,
        }
    }
}

impl Rest {
    fn add(&mut self, place: Place, kind: &str, activity: &Activity) {
        self.place = Some(place);
        if let Activity::ToolUse(tool) = activity {
            self.bytes += tool.bytes.filter(|_| kind == "writing").unwrap_or(0);
        }
        *match kind {
            "reading" => &mut self.read,
            "writing" => &mut self.written,
            "command" => &mut self.commands,
            _ => &mut self.others,
        } += 1;
    }

    fn text(&self) -> String {
        let files = |count: u64| if count == 1 { "file" } else { "files" };
        let mut parts = Vec::new();
        if self.read > 0 {
            parts.push(format!("read {} {}", self.read, files(self.read)));
        }
        if self.written > 0 {
            let (count, bytes) = (self.written, self.bytes);
            parts.push(format!("wrote {count} {} ({bytes} bytes)", files(count)));
        }
        if self.commands > 0 {
            let word = if self.commands == 1 {
                "command"
            } else {
                "commands"
            };
            parts.push(format!("ran {} {word}", self.commands));
        }
        if self.others > 0 {
            parts.push(format!("did {} other things", self.others));
        }
        let mut text = parts.join(", ");
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text
    }
}

fn comment(place: Place, content: String, metadata: Value) -> News {
    News::Comment {
        place,
        content,
        metadata,
    }
}

fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(LONGEST).collect();
    if short.len() < text.trim_end().len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(id: usize, kind: ToolKind, status: ToolStatus, path: &str) -> Activity {
        Activity::ToolUse(Box::new(ToolUse {
            id: id.to_string(),
            tool: kind,
            status,
            paths: vec![path.into()],
            bytes: Some(10),
            ..ToolUse::default()
        }))
    }

    fn texts(news: &[News]) -> Vec<(Place, &str)> {
        let texts = news.iter().filter_map(|news| match news {
            News::Comment { place, content, .. } => Some((*place, content.as_str())),
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn hundreds_of_reads_are_a_few_comments_and_none_is_lost() {
        let mut commentary = Commentary::new("/run", None);
        let mut news = Vec::new();
        for n in 0..300 {
            let read = tool(n, ToolKind::Read, ToolStatus::Success, "/run/src/a.rs");
            news.extend(commentary.see(n as u64 * 100, true, &read));
        }
        news.extend(commentary.flush());
        let said = texts(&news);
        assert!(said.len() <= BURST as usize + 2, "{}", said.len());
        assert_eq!(said[0].1, "Reading file: src/a.rs (10 bytes)");
        let (place, last) = said[said.len() - 1];
        assert_eq!(place.offset, 29_900);
        let count = 300 - (said.len() - 1);
        assert_eq!(last, format!("Read {count} files"));
    }

    #[test]
    fn what_was_said_before_a_restart_is_not_said_again() {
        let script = |commentary: &mut Commentary| {
            let mut news = Vec::new();
            // Two in one line.
            for (offset, id) in [(0, 1), (0, 2), (50, 3)] {
                let write = tool(id, ToolKind::Edit, ToolStatus::Success, "b.rs");
                news.extend(commentary.see(offset, true, &write));
            }
            news
        };
        let all = script(&mut Commentary::new("/run", None));
        let all = texts(&all);
        assert_eq!(all.len(), 3);
        for (n, (place, _)) in all.iter().enumerate() {
            let again = script(&mut Commentary::new("/run", Some(*place)));
            assert_eq!(texts(&again), all[n + 1..]);
        }
    }

    #[test]
    fn a_check_says_how_it_ended_also_among_many() {
        let mut commentary = Commentary::new("/run", None);
        commentary.left = 0;
        let run = |status, exit_code| {
            Activity::ToolUse(Box::new(ToolUse {
                id: "t".into(),
                tool: ToolKind::Execute,
                status,
                command: Some("npm test".into()),
                exit_code,
                ..ToolUse::default()
            }))
        };
        let begun = commentary.see(0, true, &run(ToolStatus::Running, None));
        assert!(begun.is_empty());
        let news = commentary.see(10, true, &run(ToolStatus::Failed, Some(1)));
        let said: Vec<&str> = texts(&news).into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            said,
            ["Ran 1 command", "Tests: FAILED (exit code 1) (npm test)"]
        );
    }
}
