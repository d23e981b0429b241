//! A run as the API shows it, read leniently: what is not there is not shown.

use std::collections::HashMap;

use baton_core::time::Timestamp;
use serde_json::Value;

use super::agent::{self, AgentView, Asked, Live};

/// A run.
#[derive(Debug, Clone, Default)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// Its definition's key.
    pub definition: String,
    /// `pending running paused completed failed cancelled`.
    pub status: String,
    /// The phases in order: id and label.
    pub phases: Vec<(String, String)>,
    /// The steps in file order.
    pub steps: Vec<StepView>,
    /// Why it is not advancing.
    pub waiting: Option<Waiting>,
    /// Time to the end, in milliseconds, when it can be told.
    pub remaining_ms: Option<u64>,
    /// A pause was asked for and is not reached.
    pub pausing: bool,
    /// A cancel was asked for and is not reached.
    pub cancelling: bool,
    /// Why it is paused.
    pub pause_reason: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Its result.
    pub outputs: Option<Value>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The directory it works in.
    pub path: String,
    /// What its agents used, in words.
    pub usage: Option<String>,
}

/// A step of a run.
#[derive(Debug, Clone, Default)]
pub struct StepView {
    /// Its id.
    pub id: String,
    /// Its id in the definition.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its phase.
    pub phase: String,
    /// `agent script function remote approval wait workflow`.
    pub kind: String,
    /// `pending running completed failed skipped cancelled`.
    pub status: String,
    /// Which attempt this is, from 1; 0 before the first.
    pub attempt: u32,
    /// How many there may be.
    pub attempts: u32,
    /// Why it is not advancing.
    pub waiting: Option<Waiting>,
    /// Why it failed.
    pub error: Option<String>,
    /// What an approval asks.
    pub message: Option<String>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The last line it wrote.
    pub last_line: Option<String>,
    /// Its session, when it is an agent's.
    pub agent: Option<AgentView>,
}

/// Why a run or step is not advancing.
#[derive(Debug, Clone, Default)]
pub struct Waiting {
    /// A word of the API.
    pub reason: String,
    /// Until when, when that is known.
    pub until: Option<Timestamp>,
    /// For people.
    pub detail: String,
    /// The step, when it is one step's.
    pub step: Option<String>,
}

impl RunView {
    /// From the body of `GET /api/workflow-executions/:id` (`data`).
    #[must_use]
    pub fn from_json(run: &Value) -> Self {
        let definition = &run["workflow_definition"];
        let phases = [&run["phases"], &definition["phases"]];
        let phases = phases.into_iter().find_map(Value::as_array);
        let mut view = Self {
            id: text(&run["id"]),
            number: run["number"].as_u64().unwrap_or_default(),
            name: text(&run["name"]),
            definition: text(&definition["key"]),
            status: text(&run["status"]),
            phases: phases.into_iter().flatten().map(phase).collect(),
            steps: array(&run["steps"]).map(StepView::from_json).collect(),
            waiting: Waiting::from_json(&run["waiting"]),
            remaining_ms: run["progress"]["estimate"]["remaining_ms"].as_u64(),
            pausing: !run["pause_requested_at"].is_null(),
            cancelling: !run["cancel_requested_at"].is_null(),
            pause_reason: some(&run["pause_reason"]),
            error: some(&run["error_message"]),
            outputs: Some(run["outputs"].clone()).filter(|o| !o.is_null()),
            started: time(&run["started_at"]).or(time(&run["created_at"])),
            ended: time(&run["completed_at"]).or(time(&run["cancelled_at"])),
            path: text(&run["path"]),
            usage: {
                let tokens = run["usage"].as_object();
                let tokens = tokens.map_or(0, |all| all.values().filter_map(Value::as_u64).sum());
                let is_estimate = run["cost_is_estimate"] == true;
                agent::usage(tokens, run["cost_usd"].as_f64(), is_estimate)
            },
        };
        for (id, label) in &mut view.phases {
            if let Some(given) = some(&definition["phase_labels"][id.as_str()]) {
                *label = given;
            }
        }
        for step in &mut view.steps {
            step.take_question();
        }
        view.pausing &= view.status == "running" || view.status == "pending";
        view.cancelling &= !view.is_finished();
        // A wait that names its step is shown at that step.
        if let Some(waiting) = &view.waiting
            && let Some(id) = &waiting.step
            && let Some(step) = view.steps.iter_mut().find(|s| s.id == *id || s.key == *id)
            && step.waiting.is_none()
        {
            step.waiting = Some(waiting.clone());
        }
        view
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }

    /// How many of its steps are over, and how many there are; items of a `foreach` do not count.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        let steps = || {
            self.steps
                .iter()
                .filter(|step| self.parent_of(step).is_none())
        };
        (
            steps().filter(|step| step.is_ended()).count(),
            steps().count(),
        )
    }

    /// The `foreach` step that this is an item of: `review.3` of `review`.
    #[must_use]
    pub fn parent_of(&self, step: &StepView) -> Option<&StepView> {
        let (base, index) = step.key.rsplit_once('.')?;
        if index.is_empty() || !index.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        self.steps.iter().find(|other| other.key == base)
    }

    /// Takes over what only live events tell.
    pub fn keep_lines(&mut self, lines: &HashMap<String, String>) {
        for step in &mut self.steps {
            if let Some(line) = lines.get(&step.id) {
                step.last_line = Some(line.clone());
            }
        }
    }

    /// The same of what agents do.
    pub fn keep_live(&mut self, live: &HashMap<String, Live>) {
        for step in &mut self.steps {
            if let (Some(agent), Some(live)) = (&mut step.agent, live.get(&step.id)) {
                live.over(agent);
            }
        }
    }
}

impl StepView {
    fn from_json(step: &Value) -> Self {
        let attempts = step["attempts"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let last = attempts
            .last()
            .map(|a| &a["number"])
            .and_then(Value::as_u64);
        let last = last.unwrap_or(attempts.len() as u64);
        Self {
            id: text(&step["id"]),
            key: text(&step["step_id"]),
            name: some(&step["name"]).unwrap_or_else(|| text(&step["step_id"])),
            phase: text(&step["phase"]),
            kind: text(&step["type"]),
            status: text(&step["status"]),
            attempt: step["attempt"].as_u64().unwrap_or(last) as u32,
            attempts: step["max_attempts"].as_u64().unwrap_or(1) as u32,
            waiting: Waiting::from_json(&step["waiting"]),
            error: some(&step["error_message"]),
            message: some(&step["message"]),
            started: time(&step["started_at"]),
            ended: time(&step["completed_at"]),
            last_line: None,
            agent: AgentView::from_json(&step["session"]),
        }
    }

    /// What an approval asks stands in the detail of its wait; it is shown by itself.
    fn take_question(&mut self) {
        if let Some(waiting) = self.waiting.as_mut().filter(|w| w.reason == "approval")
            && !waiting.detail.is_empty()
            && self.message.is_none()
        {
            self.message = Some(std::mem::take(&mut waiting.detail));
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(
            self.status.as_str(),
            "completed" | "failed" | "skipped" | "cancelled"
        )
    }

    /// The question of its agent that a person is to answer first.
    #[must_use]
    pub fn question(&self) -> Option<&Asked> {
        let agent = self.agent.as_ref().filter(|_| self.status == "running")?;
        agent.questions.first()
    }

    /// Whether it waits for a person's yes or no.
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        let asks = match self.question() {
            Some(asked) => asked.choices().is_none(),
            None => {
                let waiting = self.waiting.as_ref();
                self.kind == "approval" || waiting.is_some_and(|w| w.reason == "approval")
            }
        };
        self.status == "running" && asks
    }

    /// Whether it waits for a person to choose or to say something.
    #[must_use]
    pub fn wants_choice(&self) -> bool {
        self.question()
            .is_some_and(|asked| asked.choices().is_some())
    }
}

impl Waiting {
    fn from_json(waiting: &Value) -> Option<Self> {
        Some(Self {
            reason: some(&waiting["reason"])?,
            until: time(&waiting["until"]),
            detail: text(&waiting["detail"]),
            step: some(&waiting["step_id"]),
        })
    }
}

fn phase(value: &Value) -> (String, String) {
    match value {
        Value::String(id) => (id.clone(), id.clone()),
        other => {
            let id = text(&other["id"]);
            (id.clone(), some(&other["label"]).unwrap_or(id))
        }
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn some(value: &Value) -> Option<String> {
    value.as_str().filter(|s| !s.is_empty()).map(str::to_owned)
}

fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?)
}
