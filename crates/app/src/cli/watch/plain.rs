//! A run as plain lines: what changed since the last look. Pure.

use std::collections::HashMap;

use baton_core::time::Timestamp;

use super::agent::{AgentView, Asked};
use super::view::{RunView, StepView};
use crate::cli::text::{duration, safe};

/// What was said already.
#[derive(Debug, Default)]
pub struct Plain {
    steps: HashMap<String, (String, u32, String)>,
    status: String,
}

/// A line to print, and the step whose output comes before it, or after it.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// The line.
    pub text: String,
    /// The id of the step that ended with it.
    pub after: Option<String>,
    /// The id of the step that began with it.
    pub before: Option<String>,
}

impl Plain {
    /// What is new in this view.
    pub fn changes(&mut self, run: &RunView, now: Timestamp) -> Vec<Said> {
        let mut out = Vec::new();
        for step in &run.steps {
            let reason = match (step.question(), &step.waiting) {
                (Some(asked), _) => format!("question {}", asked.id),
                (None, Some(waiting)) => waiting.reason.clone(),
                (None, None) => String::new(),
            };
            let is = (step.status.clone(), step.attempt, reason);
            let was = self.steps.insert(step.id.clone(), is.clone());
            if was.as_ref() != Some(&is) {
                let was = was.unwrap_or_default();
                out.extend(change(run.number, step, &was, now));
            }
        }
        let (_, word) = super::tree::run_status(run);
        if word != self.status {
            word.clone_into(&mut self.status);
            if matches!(word, "pausing" | "cancelling" | "paused") {
                out.push(line(format!("‖ run {} is {word}", run.number)));
            }
        }
        out
    }
}

fn line(text: String) -> Said {
    Said {
        text,
        after: None,
        before: None,
    }
}

/// A question, and how it is answered.
fn question(number: u64, step: &StepView, asked: &Asked) -> Vec<Said> {
    let key = &step.key;
    let mut lines = asked.lines().into_iter();
    let first = lines.next().unwrap_or_default();
    let mut out = vec![line(format!("◷ {key} asks: {first}"))];
    out.extend(lines.map(|text| line(format!("  {}", safe(&text)))));
    out.push(line(match asked.choices() {
        None => format!("  baton approve {number} {key} · baton reject {number} {key}"),
        Some([_]) => format!("  baton answer {number} {key} ANSWER"),
        Some(_) => format!("  baton answer {number} {key} --choose QUESTION=ANSWER …"),
    }));
    out
}

fn change(number: u64, step: &StepView, was: &(String, u32, String), now: Timestamp) -> Vec<Said> {
    let key = &step.key;
    let mut out = Vec::new();
    let begun = was.0 == "running" || was.1 > 0;
    if !begun && step.started.is_some() && step.status != "skipped" {
        let writes = matches!(step.kind.as_str(), "script" | "agent");
        out.push(Said {
            before: Some(step.id.clone()).filter(|_| writes),
            ..line(format!("▸ {key} started ({})", step.kind))
        });
    }
    if step.is_ended() {
        if was.0 != step.status {
            out.push(Said {
                after: Some(step.id.clone()),
                ..line(end(step))
            });
        }
        return out;
    }
    if step.attempt > was.1.max(1) {
        let of = step.attempts.max(step.attempt);
        out.push(line(format!("↻ {key} attempt {}/{of}", step.attempt)));
    }
    if let Some(asked) = step.question() {
        if was.2 != format!("question {}", asked.id) {
            out.extend(question(number, step, asked));
        }
        return out;
    }
    match &step.waiting {
        Some(waiting) if waiting.reason != was.2 => {
            let mut text = format!("◷ {key} waits: {}", waiting.reason.replace('_', " "));
            if let Some(until) = waiting.until {
                text = format!("{text}, {} left", duration(until.since(now)));
            }
            if !waiting.detail.is_empty() {
                text = format!("{text} ({})", safe(&waiting.detail));
            }
            if let Some(question) = &step.message {
                text = format!("{text}: {}", safe(&question.trim().replace('\n', " ")));
            }
            out.push(line(text));
        }
        None if step.wants_answer() && was.0 != "running" => {
            out.push(line(format!("◷ {key} waits: approval")));
        }
        Some(_) | None => {}
    }
    out
}

fn end(step: &StepView) -> String {
    let key = &step.key;
    let took = match (step.started, step.ended) {
        (Some(from), Some(to)) => format!(" in {}", duration(to.since(from))),
        _ => String::new(),
    };
    let used = step.agent.as_ref().and_then(AgentView::usage);
    let used = used.map(|used| format!(" · {used}")).unwrap_or_default();
    match step.status.as_str() {
        "completed" => format!("✓ {key} completed{took}{used}"),
        "failed" => {
            let error = step.error.as_deref().unwrap_or("no reason given");
            let error = safe(&error.replace('\n', " "));
            format!("✗ {key} failed{took}{used}: {error}")
        }
        "skipped" => format!("– {key} skipped"),
        other => format!("⊘ {key} {other}{used}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(plain: &mut Plain, steps: Value) -> Vec<String> {
        let run = json!({"number": 1, "status": "running", "steps": steps});
        let now = Timestamp::parse("2026-01-01T00:00:10Z").unwrap();
        let said = plain.changes(&RunView::from_json(&run), now);
        said.into_iter().map(|said| said.text).collect()
    }

    #[test]
    fn each_change_is_said_once() {
        let mut plain = Plain::default();
        let mut step = json!({"id": "s", "step_id": "build", "type": "script", "status": "pending", "max_attempts": 3});
        assert!(said(&mut plain, json!([step])).is_empty());
        step["status"] = json!("running");
        step["attempt"] = json!(1);
        step["started_at"] = json!("2026-01-01T00:00:09Z");
        assert_eq!(
            said(&mut plain, json!([step])),
            ["▸ build started (script)"]
        );
        assert!(said(&mut plain, json!([step])).is_empty());
        step["waiting"] =
            json!({"reason": "retry", "until": "2026-01-01T00:00:15Z", "detail": "exit code 1"});
        assert_eq!(
            said(&mut plain, json!([step])),
            ["◷ build waits: retry, 5.0s left (exit code 1)"]
        );
        step["waiting"] = Value::Null;
        step["attempt"] = json!(2);
        assert_eq!(said(&mut plain, json!([step])), ["↻ build attempt 2/3"]);
        step["status"] = json!("failed");
        step["error_message"] = json!("exit code 2\n\u{1b}[2J");
        step["completed_at"] = json!("2026-01-01T00:00:10Z");
        assert_eq!(
            said(&mut plain, json!([step])),
            ["✗ build failed in 1.0s: exit code 2 "]
        );
    }

    #[test]
    fn a_step_that_was_quick_is_said_to_have_started_and_ended() {
        let step = json!({"id": "s", "step_id": "b", "type": "script", "status": "completed",
            "started_at": "2026-01-01T00:00:00Z", "completed_at": "2026-01-01T00:00:01Z"});
        let mut plain = Plain::default();
        assert_eq!(
            said(&mut plain, json!([step])),
            ["▸ b started (script)", "✓ b completed in 1.0s"]
        );
    }

    #[test]
    fn a_question_is_said_with_how_to_answer_it() {
        let ask = |ask: Value, id: &str| {
            json!([{
                "id": "s", "step_id": "think", "type": "agent", "status": "running", "attempt": 1,
                "started_at": "2026-01-01T00:00:09Z",
                "waiting": {"reason": "question", "detail": "x"},
                "session": {"agent": "claude", "questions": [
                    {"id": id, "text": "May it use Bash: npm test", "ask": ask, "answered": false},
                ]},
            }])
        };
        let mut plain = Plain::default();
        let may = json!({"asks": "permission", "tool": "Bash", "input": {}, "can_remember": true});
        assert_eq!(
            said(&mut plain, ask(may.clone(), "q1")),
            [
                "▸ think started (agent)",
                "◷ think asks: May it use Bash: npm test",
                "  baton approve 1 think · baton reject 1 think",
            ]
        );
        assert!(said(&mut plain, ask(may.clone(), "q1")).is_empty());
        // The next one is said too, though the reason is the same.
        assert_eq!(said(&mut plain, ask(may, "q2")).len(), 2);
        let options = json!([{"label": "red", "description": "warm"}, {"label": "blue"}]);
        let items = json!([{"question": "Which colour?", "options": options, "multiple": false}]);
        assert_eq!(
            said(
                &mut plain,
                ask(json!({"asks": "choices", "items": items}), "q3")
            ),
            [
                "◷ think asks: Which colour?",
                "    1 red – warm",
                "    2 blue",
                "  baton answer 1 think ANSWER",
            ]
        );
    }

    #[test]
    fn an_agents_end_says_what_it_used() {
        let step = json!({"id": "s", "step_id": "b", "type": "agent", "status": "completed",
            "started_at": "2026-01-01T00:00:00Z", "completed_at": "2026-01-01T00:00:01Z",
            "session": {"agent": "codex", "usage": {"input": 12_000, "output": 345},
                "cost_usd": 0.42, "cost_is_estimate": true}});
        let last = said(&mut Plain::default(), json!([step])).pop();
        assert_eq!(
            last.as_deref(),
            Some("✓ b completed in 1.0s · 12.3k tokens · ~$0.42")
        );
    }
}
