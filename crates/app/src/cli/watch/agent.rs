//! An agent at work, as the API shows its session, and what its activities tell live. Pure.

use std::collections::HashMap;

use baton_core::activity::{Asks, Choice, Todo, TodoStatus, ToolKind, ToolStatus, ToolUse};
use serde_json::Value;

use crate::cli::text::safe;

/// An agent step's session, read leniently.
#[derive(Debug, Clone, Default)]
pub struct AgentView {
    /// The agent, as its step names it.
    pub agent: String,
    /// Its todos, as far as they are known.
    pub todos: Vec<Todo>,
    /// What it uses right now.
    pub tool: Option<ToolUse>,
    /// Tokens in and out.
    pub tokens: u64,
    /// US dollars.
    pub cost: Option<f64>,
    /// The cost is an estimate.
    pub is_estimate: bool,
    /// What it asks and nobody has answered.
    pub questions: Vec<Asked>,
}

/// A question that nobody has answered.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its id.
    pub id: String,
    /// For people.
    pub text: String,
    /// What kind of answer it wants.
    pub asks: Asks,
}

impl Asked {
    /// What can be chosen; `None`: it takes a yes or no.
    #[must_use]
    pub fn choices(&self) -> Option<&[Choice]> {
        match &self.asks {
            Asks::Choices { items } => Some(items),
            Asks::Permission { .. } | Asks::Plan { .. } => None,
        }
    }

    /// The question, its plan or its options, as lines; none is longer than people read.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        const PLAN: usize = 40;
        match &self.asks {
            Asks::Permission { .. } => vec![one_line(&self.text)],
            Asks::Plan { plan } => {
                let all = plan.lines().count();
                let mut lines = vec![one_line(&self.text)];
                lines.extend(plan.lines().take(PLAN).map(|line| format!("  {line}")));
                if all > PLAN {
                    lines.push(format!("  … and {} more lines", all - PLAN));
                }
                lines
            }
            Asks::Choices { items } => items.iter().flat_map(item_lines).collect(),
        }
    }
}

/// A question with its options, numbered.
#[must_use]
pub fn item_lines(item: &Choice) -> Vec<String> {
    let mut lines = vec![one_line(&item.question)];
    if item.multiple && !item.options.is_empty() {
        lines[0].push_str("  (one or more)");
    }
    for (n, option) in (1..).zip(&item.options) {
        let label = one_line(&option.label);
        lines.push(match option.description.trim() {
            "" => format!("  {n} {label}"),
            description => format!("  {n} {label} – {}", one_line(description)),
        });
    }
    lines
}

fn one_line(text: &str) -> String {
    safe(&text.trim().replace('\n', " "))
}

impl AgentView {
    /// From a step's `session`.
    #[must_use]
    pub fn from_json(session: &Value) -> Option<Self> {
        let agent = session["agent"].as_str()?.to_owned();
        let tokens = session["usage"].as_object();
        let tokens = tokens.map_or(0, |all| all.values().filter_map(Value::as_u64).sum());
        let questions = session["questions"].as_array().into_iter().flatten();
        let open = questions.filter(|question| question["answered"] != true);
        Some(Self {
            agent,
            todos: read(&session["todos"]).unwrap_or_default(),
            tool: read(&session["tool"]),
            tokens,
            cost: session["cost_usd"].as_f64(),
            is_estimate: session["cost_is_estimate"] == true,
            questions: open.filter_map(asked).collect(),
        })
    }

    /// Whether what it prints is all there is of it.
    #[must_use]
    pub fn only_prints(&self) -> bool {
        self.agent.starts_with("command:")
    }

    /// How far its todos are, and the one it is at: `2/5 Reading the code`.
    #[must_use]
    pub fn todo(&self) -> Option<String> {
        let all = self.todos.len();
        let is = |status| move |todo: &&Todo| todo.status == status;
        let done = self.todos.iter().filter(is(TodoStatus::Completed)).count();
        if all == 0 {
            return None;
        }
        let mut doing = self.todos.iter().filter(is(TodoStatus::InProgress));
        Some(match doing.next() {
            Some(todo) => {
                let words = todo.active_form.as_ref().unwrap_or(&todo.content);
                format!("{}/{all} {}", (done + 1).min(all), one_line(words))
            }
            None => format!("{done}/{all} done"),
        })
    }

    /// Tokens and money: `12.3k tokens · ~$0.42`.
    #[must_use]
    pub fn usage(&self) -> Option<String> {
        usage(self.tokens, self.cost, self.is_estimate)
    }
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

fn asked(question: &Value) -> Option<Asked> {
    Some(Asked {
        id: question["id"].as_str()?.to_owned(),
        text: question["text"].as_str().unwrap_or_default().to_owned(),
        asks: read(&question["ask"])?,
    })
}

/// See [`AgentView::usage`]; `None` when nothing was used.
#[must_use]
pub fn usage(tokens: u64, cost: Option<f64>, is_estimate: bool) -> Option<String> {
    let tokens = match tokens {
        0 => None,
        1..1_000 => Some(format!("{tokens} tokens")),
        1_000..1_000_000 => Some(format!("{:.1}k tokens", tokens as f64 / 1e3)),
        _ => Some(format!("{:.1}M tokens", tokens as f64 / 1e6)),
    };
    let mark = if is_estimate { "~" } else { "" };
    let cost = cost.filter(|cost| *cost > 0.0);
    let cost = cost.map(|cost| match cost < 0.01 {
        true => format!("{mark}<$0.01"),
        false => format!("{mark}${cost:.2}"),
    });
    let parts: Vec<String> = tokens.into_iter().chain(cost).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// What a use of a tool is, in a line: `$ npm test`, `edit src/app.rs`.
#[must_use]
pub fn tool_line(tool: &ToolUse, root: &str) -> String {
    let title = match tool.title.is_empty() {
        true => &tool.name,
        false => &tool.title,
    };
    let of_path = |verb: &str| match tool.paths.split_first() {
        Some((path, rest)) => {
            let below = path.strip_prefix(root).and_then(|p| p.strip_prefix('/'));
            let path = below.filter(|_| !root.is_empty()).unwrap_or(path);
            let more = match rest.len() {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            format!("{verb} {path}{more}")
        }
        None => format!("{verb} {title}"),
    };
    let line = match tool.tool {
        ToolKind::Execute => {
            let command = tool.command.as_ref().unwrap_or(title);
            let mut lines = command.lines();
            let first = lines.next().unwrap_or_default();
            let more = if lines.next().is_some() { " …" } else { "" };
            format!("$ {first}{more}")
        }
        ToolKind::Read => of_path("read"),
        ToolKind::Edit => of_path("edit"),
        ToolKind::Delete => of_path("delete"),
        ToolKind::Move => of_path("move"),
        ToolKind::Search => format!("search {title}"),
        ToolKind::Fetch => format!("fetch {title}"),
        ToolKind::Subagent => format!("subagent {title}"),
        ToolKind::Think | ToolKind::Other => title.clone(),
    };
    one_line(&line)
}

/// What the activities of one attempt have told live.
#[derive(Debug, Clone, Default)]
pub struct Live {
    attempt: String,
    todos: Option<Vec<Todo>>,
    tool: Option<Option<ToolUse>>,
}

/// Takes an event `workflow.step.activity` in.
pub fn take(live: &mut HashMap<String, Live>, data: &Value) {
    let (Some(step), Some(attempt)) = (data["step_id"].as_str(), data["attempt"].as_str()) else {
        return;
    };
    let of_step = live.entry(step.to_owned()).or_default();
    if of_step.attempt != attempt {
        *of_step = Live {
            attempt: attempt.to_owned(),
            ..Live::default()
        };
    }
    // What a sub-agent does is within the tool that it is.
    if !data["parent"].is_null() {
        return;
    }
    let activity = &data["activity"];
    match activity["kind"].as_str() {
        Some("todos") => {
            if let Some(todos) = read(&activity["items"]) {
                of_step.todos = Some(todos);
            }
        }
        Some("tool_use") => {
            let tool: Option<ToolUse> = read(activity);
            of_step.tool = Some(tool.filter(|tool| tool.status == ToolStatus::Running));
        }
        Some("turn_ended" | "message") => of_step.tool = Some(None),
        _ => {}
    }
}

impl Live {
    /// Goes over what was read of the session.
    pub fn over(&self, agent: &mut AgentView) {
        if let Some(todos) = &self.todos {
            agent.todos.clone_from(todos);
        }
        if let Some(tool) = &self.tool {
            agent.tool.clone_from(tool);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(value: &Value) -> ToolUse {
        let mut whole = json!({"id": "1", "name": "tool", "status": "running"});
        for (name, value) in value.as_object().unwrap() {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn a_tool_is_one_line() {
        let line = |value| tool_line(&tool(&value), "/w");
        let run = json!({"tool": "execute", "command": "npm test\nnpm run lint"});
        assert_eq!(line(run), "$ npm test …");
        let edit = json!({"tool": "edit", "title": "Writing", "paths": ["/w/src/app.rs"]});
        assert_eq!(line(edit), "edit src/app.rs");
        assert_eq!(line(json!({"tool": "read", "title": "a.md"})), "read a.md");
        assert_eq!(line(json!({"tool": "other", "name": "mcp__x"})), "mcp__x");
        let bad = json!({"tool": "execute", "command": "echo \u{1b}[2Jx"});
        assert_eq!(line(bad), "$ echo x");
    }

    #[test]
    fn usage_says_when_it_is_an_estimate() {
        assert_eq!(usage(0, None, false), None);
        assert_eq!(
            usage(950, Some(0.002), true).unwrap(),
            "950 tokens · ~<$0.01"
        );
        assert_eq!(
            usage(12_345, Some(0.42), true).unwrap(),
            "12.3k tokens · ~$0.42"
        );
        assert_eq!(usage(2_000_000, None, false).unwrap(), "2.0M tokens");
    }

    #[test]
    fn live_activities_go_over_what_was_read() {
        let mut live = HashMap::new();
        let event = |attempt: &str, activity: Value| json!({"step_id": "s", "attempt": attempt, "parent": null, "activity": activity});
        let todos = json!([
            {"content": "Read", "status": "completed"},
            {"content": "Write", "status": "in_progress", "active_form": "Writing"},
            {"content": "Test", "status": "pending"},
        ]);
        take(
            &mut live,
            &event("a", json!({"kind": "todos", "items": todos})),
        );
        let running = json!({
            "kind": "tool_use", "id": "t", "name": "sh", "tool": "execute", "status": "running",
            "command": "make",
        });
        take(&mut live, &event("a", running));
        let mut agent = AgentView::default();
        live["s"].over(&mut agent);
        assert_eq!(agent.todo().unwrap(), "2/3 Writing");
        assert_eq!(tool_line(&agent.tool.clone().unwrap(), ""), "$ make");
        // Another attempt has said nothing yet.
        take(
            &mut live,
            &event("b", json!({"kind": "turn_ended", "reason": "x"})),
        );
        let mut agent = AgentView::default();
        live["s"].over(&mut agent);
        assert_eq!((agent.todo(), agent.tool), (None, None));
    }
}
