//! The live tree: a run as lines for a terminal of this size, at this time. Pure.

use std::time::Duration;

use baton_core::activity::Asks;
use baton_core::time::Timestamp;

use super::agent::{AgentView, Asked, tool_line};
use super::line::{Line, Style};
use super::view::{RunView, StepView, Waiting};
use crate::cli::text::{count, duration};

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// How far items of a `foreach` are shown one by one.
const ITEMS_SHOWN: usize = 4;

/// Lines of a question that are shown.
const QUESTION: usize = 12;

/// What the tree is drawn for.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Columns of the terminal.
    pub columns: usize,
    /// Rows of the terminal.
    pub rows: usize,
}

/// The run as lines, none wider and all together no taller than the terminal.
#[must_use]
pub fn render(run: &RunView, size: Size, now: Timestamp) -> Vec<Line> {
    let tree = Tree {
        run,
        now,
        columns: size.columns.saturating_sub(1).max(8),
    };
    let head = tree.header();
    let foot = tree.footer();
    let room = size.rows.saturating_sub(head.len() + foot.len() + 1).max(1);
    let mut body = tree.body(false);
    if body.len() > room {
        body = tree.body(true);
    }
    if body.len() > room {
        body = tree.crop(body, room);
    }
    let mut lines = head;
    lines.extend(body.into_iter().map(|row| row.line));
    lines.extend(foot);
    lines
}

struct Tree<'r> {
    run: &'r RunView,
    now: Timestamp,
    columns: usize,
}

/// A line, and how much it is wanted when there is no room for all.
struct Row {
    line: Line,
    rank: Rank,
}

/// What stays longest when there is no room: the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It is over, or has not begun.
    Quiet,
    /// It is happening, or went wrong.
    Live,
    /// It waits for a person.
    Asks,
}

impl Tree<'_> {
    fn header(&self) -> Vec<Line> {
        let (style, word) = run_status(self.run);
        let mut line = Line::new().with(Style::Bold, &self.run.name);
        line = line.with(Style::Dim, &format!("  #{}", self.run.number));
        line = line.with(Style::Plain, "  ").with(style, word);
        let right = Line::new().with(Style::Dim, &self.elapsed(self.run.started, self.run.ended));
        vec![line.ending(right, self.columns)]
    }

    /// Phases as headings with their steps; `folded` makes one line of phases that are over.
    fn body(&self, folded: bool) -> Vec<Row> {
        let mut rows = Vec::new();
        let steps = || {
            self.run
                .steps
                .iter()
                .filter(|s| self.run.parent_of(s).is_none())
        };
        if self.run.phases.is_empty() {
            steps().for_each(|step| self.step(step, "  ", &mut rows));
            return rows;
        }
        for (id, label) in &self.run.phases {
            let of_phase: Vec<&StepView> = steps().filter(|step| step.phase == *id).collect();
            if of_phase.is_empty() {
                continue;
            }
            self.phase(label, &of_phase, folded, &mut rows);
        }
        let is_listed = |step: &StepView| self.run.phases.iter().any(|(id, _)| *id == step.phase);
        let rest = steps().filter(|step| !is_listed(step));
        rest.for_each(|step| self.step(step, "  ", &mut rows));
        rows
    }

    fn phase(&self, label: &str, steps: &[&StepView], folded: bool, rows: &mut Vec<Row>) {
        let ended = steps.iter().filter(|step| step.is_ended()).count();
        let failed = steps.iter().any(|step| step.status == "failed");
        let over = ended == steps.len();
        let idle = steps.iter().all(|step| step.status == "pending");
        let style = match (over, idle) {
            (true, _) | (_, true) => Style::Dim,
            (false, false) => Style::Bold,
        };
        let mut line = Line::new().with(Style::Plain, " ").with(style, label);
        if folded && (idle || over && !failed) {
            let mark = if over { "✓" } else { "·" };
            line = Line::new()
                .with(
                    if over { Style::Good } else { Style::Dim },
                    &format!(" {mark} "),
                )
                .with(style, label)
                .with(Style::Dim, &format!("  {}", count(steps.len(), "step")));
            rows.push(Row {
                line: line.cut(self.columns),
                rank: Rank::Quiet,
            });
            return;
        }
        line = line.with(Style::Dim, &format!("  {ended}/{}", steps.len()));
        rows.push(Row {
            line: line.cut(self.columns),
            rank: if over || idle {
                Rank::Quiet
            } else {
                Rank::Live
            },
        });
        for step in steps {
            self.step(step, "   ", rows);
        }
    }

    fn step(&self, step: &StepView, indent: &str, rows: &mut Vec<Row>) {
        let (style, mark) = self.mark(step);
        let name_style = match step.status.as_str() {
            "pending" | "skipped" => Style::Dim,
            _ => Style::Plain,
        };
        let mut line = Line::new()
            .with(Style::Plain, indent)
            .with(style, mark)
            .with(Style::Plain, " ")
            .with(name_style, &step.name)
            .with(Style::Dim, &format!("  {}", step.kind));
        if step.attempt > 1 {
            let of = step.attempts.max(step.attempt);
            line = line.with(Style::Asks, &format!("  attempt {}/{of}", step.attempt));
        }
        let usage = step.agent.as_ref().and_then(AgentView::usage);
        if let Some(usage) = usage.filter(|_| step.status != "running") {
            line = line.with(Style::Dim, &format!("  {usage}"));
        }
        let items: Vec<&StepView> = self.items(step).collect();
        if !items.is_empty() {
            line = line.with(Style::Dim, &format!("  {}", item_counts(&items)));
        }
        let over = step.is_ended() && step.ended.is_none();
        let started = step.started.filter(|_| !over);
        let time = Line::new().with(Style::Dim, &self.elapsed(started, step.ended));
        let live = step.status == "running" || step.status == "failed" || step.waiting.is_some();
        let rank = match (step.wants_answer() || step.wants_choice(), live) {
            (true, _) => Rank::Asks,
            (false, true) => Rank::Live,
            (false, false) => Rank::Quiet,
        };
        rows.push(Row {
            line: line.ending(time, self.columns),
            rank,
        });
        let below = format!("{indent}  ");
        self.below(step, &below, rank, rows);
        self.shown_items(&items, &below, rows);
    }

    /// What is said beneath a step: what it waits for, what it asks, its error, its last line.
    fn below(&self, step: &StepView, indent: &str, rank: Rank, rows: &mut Vec<Row>) {
        let mut say = |style, text: &str| {
            let line = Line::new().with(Style::Plain, indent).with(style, text);
            rows.push(Row {
                line: line.cut(self.columns),
                rank,
            });
        };
        if let Some(asked) = step.question() {
            say(Style::Asks, asking(asked));
            let lines = asked.lines();
            lines
                .iter()
                .take(QUESTION)
                .for_each(|text| say(Style::Plain, text));
            if lines.len() > QUESTION {
                say(Style::Dim, "…");
            }
        } else if let Some(waiting) = step.waiting.as_ref().filter(|_| !step.is_ended()) {
            say(Style::Asks, &self.waiting(waiting));
        } else if step.wants_answer() {
            say(Style::Asks, "waits for approval");
        }
        if let Some(message) = step.message.as_ref().filter(|_| step.wants_answer()) {
            message
                .lines()
                .take(6)
                .for_each(|text| say(Style::Plain, text));
        }
        if let Some(error) = step.error.as_ref().filter(|_| step.status == "failed") {
            error.lines().take(3).for_each(|text| say(Style::Bad, text));
        }
        let agent = step.agent.as_ref().filter(|agent| !agent.only_prints());
        if let Some(agent) = agent.filter(|_| step.status == "running") {
            if let Some(todo) = agent.todo() {
                say(Style::Live, &todo);
            }
            let tool = agent.tool.as_ref().filter(|_| step.question().is_none());
            if let Some(tool) = tool {
                say(Style::Plain, &tool_line(tool, &self.run.path));
            }
        }
        let usage = step.agent.as_ref().and_then(AgentView::usage);
        if let Some(usage) = usage.filter(|_| step.status == "running") {
            say(Style::Dim, &usage);
        }
        if step.status == "running"
            && agent.is_none()
            && let Some(text) = &step.last_line
        {
            say(Style::Dim, text);
        }
    }

    fn items(&self, step: &StepView) -> impl Iterator<Item = &StepView> {
        let prefix = format!("{}.", step.key);
        let steps = self.run.steps.iter();
        steps
            .filter(move |item| item.key.starts_with(&prefix) && self.run.parent_of(item).is_some())
    }

    /// Items that run or failed, one by one; the others are in the counts.
    fn shown_items(&self, items: &[&StepView], indent: &str, rows: &mut Vec<Row>) {
        let live = |step: &StepView| matches!(step.status.as_str(), "running" | "failed");
        let shown = items.iter().filter(|item| live(item));
        for item in shown.clone().take(ITEMS_SHOWN) {
            self.step(item, indent, rows);
        }
        let more = shown.count().saturating_sub(ITEMS_SHOWN);
        if more > 0 {
            let text = format!("… and {}", count(more, "item"));
            let line = Line::new()
                .with(Style::Plain, indent)
                .with(Style::Dim, &text);
            rows.push(Row {
                line: line.cut(self.columns),
                rank: Rank::Quiet,
            });
        }
    }

    fn mark(&self, step: &StepView) -> (Style, &'static str) {
        match step.status.as_str() {
            "completed" => (Style::Good, "✓"),
            "failed" => (Style::Bad, "✗"),
            "skipped" => (Style::Dim, "–"),
            "cancelled" => (Style::Dim, "⊘"),
            "running" if step.wants_answer() || step.wants_choice() => (Style::Asks, "?"),
            "running" if step.waiting.is_some() => (Style::Asks, "◷"),
            "running" => {
                let frame = self.now.millis() / 100 % SPINNER.len() as u64;
                (Style::Live, SPINNER[frame as usize])
            }
            _ if step.waiting.is_some() => (Style::Asks, "◷"),
            _ => (Style::Dim, "·"),
        }
    }

    fn waiting(&self, waiting: &Waiting) -> String {
        let mut text = match waiting.reason.as_str() {
            "approval" => "waits for approval".to_owned(),
            "question" => "waits for an answer".to_owned(),
            "retry" => "waits before it is tried again".to_owned(),
            "timer" => "waits for its time".to_owned(),
            "usage_limit" => "waits for the usage limit".to_owned(),
            "concurrency" => "waits for its turn".to_owned(),
            "child" => "waits for a child run".to_owned(),
            "cancelling" => "waits until its processes are gone".to_owned(),
            other => format!("waits: {other}"),
        };
        if let Some(until) = waiting.until {
            let left = duration(until.since(self.now));
            text = format!("{text}, {left} left");
        }
        if !waiting.detail.is_empty() {
            text = format!("{text} ({})", waiting.detail);
        }
        text
    }

    /// Progress and estimate, and why the run as a whole is not advancing.
    fn footer(&self) -> Vec<Line> {
        let (done, all) = self.run.progress();
        let mut lines = Vec::new();
        let at_a_step =
            |w: &Waiting| w.step.is_some() || self.run.steps.iter().any(|s| s.waiting.is_some());
        if let Some(waiting) = self.run.waiting.as_ref().filter(|w| !at_a_step(w)) {
            let line = Line::new().with(Style::Plain, " ");
            lines.push(
                line.with(Style::Asks, &self.waiting(waiting))
                    .cut(self.columns),
            );
        }
        if let Some(error) = self
            .run
            .error
            .as_ref()
            .filter(|_| self.run.status == "failed")
        {
            let first = error.lines().next().unwrap_or_default();
            let line = Line::new().with(Style::Plain, " ");
            lines.push(line.with(Style::Bad, first).cut(self.columns));
        }
        let cells = (self.columns / 4).clamp(4, 24);
        let full = (cells * done).checked_div(all).unwrap_or(0);
        let mut line = Line::new()
            .with(Style::Plain, " ")
            .with(Style::Good, &"━".repeat(full))
            .with(Style::Dim, &"─".repeat(cells - full))
            .with(Style::Plain, &format!(" {done}/{all}"));
        if let Some(left) = self.run.remaining_ms.filter(|_| !self.run.is_finished()) {
            let left = duration(Duration::from_millis(left));
            line = line.with(Style::Dim, &format!("  about {left} left"));
        }
        if let Some(usage) = &self.run.usage {
            line = line.with(Style::Dim, &format!("  {usage}"));
        }
        lines.push(line.cut(self.columns));
        lines
    }

    fn elapsed(&self, started: Option<Timestamp>, ended: Option<Timestamp>) -> String {
        match (started, ended) {
            (None, _) => String::new(),
            (Some(from), to) => duration(to.unwrap_or(self.now).since(from)),
        }
    }

    /// As many lines as there is room for, those of the highest rank first, in their order.
    fn crop(&self, rows: Vec<Row>, room: usize) -> Vec<Row> {
        let total = rows.len();
        let mut room = room.saturating_sub(1);
        let mut keep = vec![false; total];
        for rank in [Rank::Asks, Rank::Live, Rank::Quiet] {
            let of_rank = rows
                .iter()
                .zip(&mut keep)
                .filter(|(row, _)| row.rank == rank);
            for (_, keep) in of_rank.take(room) {
                *keep = true;
            }
            room = room.saturating_sub(rows.iter().filter(|row| row.rank == rank).count());
        }
        let kept = rows.into_iter().zip(&keep).filter(|(_, keep)| **keep);
        let mut kept: Vec<Row> = kept.map(|(row, _)| row).collect();
        let hidden = total - kept.len();
        let line = Line::new().with(Style::Dim, &format!(" … {hidden} more"));
        kept.push(Row {
            line: line.cut(self.columns),
            rank: Rank::Quiet,
        });
        kept
    }
}

/// What kind of answer a question wants.
fn asking(asked: &Asked) -> &'static str {
    match &asked.asks {
        Asks::Permission { .. } => "asks for permission",
        Asks::Plan { .. } => "asks about its plan",
        Asks::Choices { .. } => "asks",
    }
}

fn item_counts(items: &[&StepView]) -> String {
    let of = |status: &str| items.iter().filter(|item| item.status == status).count();
    let ended = items.iter().filter(|item| item.is_ended()).count();
    let mut text = format!("{ended}/{}", items.len());
    for (mark, status) in [("✗", "failed"), ("–", "skipped"), ("⊘", "cancelled")] {
        if of(status) > 0 {
            text = format!("{text} {mark} {}", of(status));
        }
    }
    text
}

/// A run's status as people read it.
#[must_use]
pub fn run_status(run: &RunView) -> (Style, &str) {
    match run.status.as_str() {
        "completed" => (Style::Good, "completed"),
        "failed" => (Style::Bad, "failed"),
        "cancelled" => (Style::Dim, "cancelled"),
        _ if run.cancelling => (Style::Asks, "cancelling"),
        "running" if run.pausing => (Style::Asks, "pausing"),
        "paused" => (Style::Asks, "paused"),
        "running" => (Style::Live, "running"),
        other => (Style::Dim, other),
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
