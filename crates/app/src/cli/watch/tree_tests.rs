//! The tree as people see it, at several sizes.

use baton_core::time::Timestamp;
use serde_json::{Value, json};

use super::{Size, render};
use crate::cli::watch::view::RunView;

fn now() -> Timestamp {
    Timestamp::parse("2026-01-01T00:10:00Z").unwrap()
}

fn step(key: &str, phase: &str, kind: &str, status: &str) -> Value {
    let mut step = json!({
        "id": format!("step_{key}"), "step_id": key, "name": key, "phase": phase,
        "type": kind, "status": status
    });
    if status != "pending" {
        step["started_at"] = json!("2026-01-01T00:05:00.000Z");
    }
    if matches!(status, "completed" | "failed") {
        step["completed_at"] = json!("2026-01-01T00:05:12.300Z");
    }
    step
}

fn release() -> Value {
    let mut flaky = step("flaky", "test", "script", "running");
    flaky["attempt"] = json!(2);
    flaky["max_attempts"] = json!(3);
    let mut retry = step("smoke", "test", "script", "running");
    retry["waiting"] =
        json!({"reason": "retry", "until": "2026-01-01T00:10:08Z", "detail": "exit code 1"});
    let mut approve = step("ok", "ship", "approval", "running");
    approve["waiting"] = json!({
        "reason": "approval", "until": "2026-01-01T00:10:40Z",
        "detail": "Ship 1.2.0?\nAll tests passed."
    });
    let mut items: Vec<Value> = (0..7)
        .map(|i| {
            step(
                &format!("each.{i}"),
                "test",
                "script",
                if i < 3 { "completed" } else { "pending" },
            )
        })
        .collect();
    items[2]["status"] = json!("failed");
    items[2]["error_message"] = json!("exit code 2");
    items[3]["status"] = json!("running");
    let mut steps = vec![
        step("compile", "build", "script", "completed"),
        step("docs", "build", "script", "skipped"),
        flaky,
        retry,
        step("each", "test", "script", "running"),
    ];
    steps.extend(items);
    steps.extend([approve, step("publish", "ship", "script", "pending")]);
    json!({
        "id": "run_1", "number": 12, "name": "Release 1.2.0", "status": "running",
        "started_at": "2026-01-01T00:04:55Z",
        "workflow_definition": {"key": "release", "phases": ["build", "test", "ship"], "phase_labels": {"build": "build", "ship": "Ship it"}},
        "steps": steps, "progress": {"estimate": {"remaining_ms": 95_000}}
    })
}

fn lines(run: &Value, columns: usize, rows: usize) -> String {
    let mut view = RunView::from_json(run);
    let lines = [(
        "step_flaky".to_owned(),
        "compiling \u{1b}[31mred\u{1b}[0m\r".to_owned(),
    )];
    view.keep_lines(&lines.into_iter().collect());
    let lines = render(&view, Size { columns, rows }, now());
    assert!(lines.len() <= rows, "{} lines on {rows} rows", lines.len());
    for line in &lines {
        assert!(line.width() < columns.max(9), "{line:?}");
    }
    let lines: Vec<String> = lines.iter().map(|line| line.paint(false)).collect();
    lines.join("\n")
}

#[test]
fn a_run_under_way() {
    insta::assert_snapshot!(lines(&release(), 80, 50));
}

#[test]
fn a_narrow_terminal() {
    insta::assert_snapshot!(lines(&release(), 32, 50));
}

#[test]
fn a_low_terminal_keeps_what_is_live() {
    insta::assert_snapshot!(lines(&release(), 60, 14));
}

#[test]
fn a_failed_run_says_why() {
    let mut build = step("build", "", "script", "failed");
    build["error_message"] = json!("exit code 2\nmake: *** [all] Error 2");
    let run = json!({
        "id": "run_2", "number": 3, "name": "hello", "status": "failed",
        "error_message": "step build failed: exit code 2",
        "started_at": "2026-01-01T00:04:55Z", "completed_at": "2026-01-01T00:05:13Z",
        "steps": [build, step("after", "", "script", "pending")]
    });
    insta::assert_snapshot!(lines(&run, 60, 20));
}

#[test]
fn a_run_that_waits_for_its_turn_says_so() {
    let run = json!({
        "id": "run_2", "number": 3, "name": "deploy", "status": "pending",
        "waiting": {"reason": "concurrency", "since": "2026-01-01T00:00:00Z", "detail": "deploy-staging is held by run 2"},
        "steps": [step("after", "", "script", "pending")]
    });
    insta::assert_snapshot!(lines(&run, 80, 20));
}

fn thinking(session: &Value) -> Value {
    let mut think = step("think", "", "agent", "running");
    think["session"] = json!({
        "agent": "claude", "usage": {"input": 11_000, "output": 1_345}, "cost_usd": 0.42,
        "cost_is_estimate": true,
        "todos": [
            {"content": "Read the code", "status": "completed"},
            {"content": "Write it", "status": "in_progress", "active_form": "Writing it"},
            {"content": "Test it", "status": "pending"},
        ],
        "tool": {
            "id": "t", "name": "Bash", "tool": "execute", "status": "running",
            "command": "npm test", "title": "npm test",
        },
        "questions": [],
    });
    for (name, value) in session.as_object().unwrap() {
        think["session"][name] = value.clone();
    }
    json!({
        "id": "run_3", "number": 4, "name": "fix", "status": "running", "path": "/w",
        "started_at": "2026-01-01T00:04:55Z", "cost_usd": 0.42, "cost_is_estimate": true,
        "usage": {"input": 11_000, "output": 1_345},
        "steps": [think, step("after", "", "script", "pending")]
    })
}

fn choosing() -> Value {
    let options = json!([
        {"label": "main", "description": "what is released"}, {"label": "dev", "description": ""},
    ]);
    let items = json!([{"question": "Which branch?", "options": options, "multiple": false}]);
    let ask = json!({"asks": "choices", "items": items});
    let question = json!({"id": "q1", "text": "Which branch?", "ask": ask, "answered": false});
    thinking(&json!({"questions": [question]}))
}

#[test]
fn an_agent_at_work() {
    insta::assert_snapshot!(lines(&thinking(&json!({})), 60, 20));
}

#[test]
fn an_agent_that_asks_to_choose() {
    insta::assert_snapshot!(lines(&choosing(), 60, 20));
}

#[test]
fn an_agent_that_asks_for_permission() {
    let ask = json!({"asks": "permission", "tool": "Bash", "input": {}, "can_remember": true});
    let text = "May it use Bash: rm -rf \u{1b}[31mbuild";
    let question = json!({"id": "q1", "text": text, "ask": ask, "answered": false});
    let answered = json!({"id": "q0", "text": "old", "ask": ask, "answered": true});
    let questions = json!({"questions": [answered, question]});
    insta::assert_snapshot!(lines(&thinking(&questions), 60, 20));
}

#[test]
fn no_size_breaks_it() {
    for (columns, rows) in (0..60).flat_map(|c| (4..30).map(move |r| (c, r))) {
        lines(&choosing(), columns, rows);
    }
    for columns in 0..60 {
        for rows in 4..30 {
            let view = RunView::from_json(&release());
            let lines = render(&view, Size { columns, rows }, now());
            assert!(lines.len() <= rows, "{} lines on {rows} rows", lines.len());
            for line in lines {
                assert!(line.width() < columns.max(9), "{columns}: {line:?}");
            }
        }
    }
}
