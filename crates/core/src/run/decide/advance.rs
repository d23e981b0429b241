//! What comes next when no command is at hand: a walk of the graph.

use std::time::Duration;

use super::super::big::Big;
use super::super::event::{
    Action as MessageAction, ActionStatus, Actor, Cause, ErrorCode, Event, PauseReason, RunError,
    SkipReason, StepError, StepOutput,
};
use super::super::program::ProgramEnd;
use super::super::state::{At, Pause, Run, Running, Slot, State, Status};
use super::{Context, template_failure};
use crate::definition::template::TemplateError;
use crate::definition::{Action, Foreach, Items, Wait, Workflow};
use crate::time::Timestamp;

/// Starts per commit: keeps a commit, and what is launched after it, of bounded size.
const STARTS: usize = 256;

/// The most items of one `foreach`.
pub const MAX_ITEMS: usize = 10_000;

impl Run {
    /// What comes next; empty when the run waits for something outside. `may_end` is false when
    /// this commit has already ended a step: each end by the engine itself is a commit of its own.
    pub fn advance(&self, context: &mut Context, may_end: bool) -> Vec<Event> {
        self.counted(self.advance_on(context, may_end))
    }

    fn advance_on(&self, context: &mut Context, may_end: bool) -> Vec<Event> {
        match &self.status {
            Status::Pending { pause: Some(pause) } => self.is_paused(pause),
            Status::Pending { pause: None } if self.held => vec![],
            Status::Pending { pause: None } => match self.slot {
                Slot::Waiting { .. } => vec![],
                Slot::None | Slot::Held => vec![Event::RunStarted {}],
            },
            Status::Running(running) => self.advance_running(running, context, may_end),
            Status::Cancelling(cancelling) => {
                if let Some(merge) = self.start_merge() {
                    return vec![merge];
                }
                let child = |at: &At| {
                    let open = |state: &State| {
                        matches!(
                            state,
                            State::Child { .. } | State::AwaitsMerge { .. } | State::Merging { .. }
                        )
                    };
                    self.step(*at).is_some_and(|s| open(&s.state))
                };
                let open = self.active.iter().any(child) || !self.leaving.is_empty();
                if cancelling.in_flight.is_empty() && !open {
                    let mut events = vec![Event::RunCancelled {}];
                    self.close_messages(&mut events, MessageAction::Cancel);
                    match self.redirect {
                        None => events.push(self.says(0, None, "Workflow cancelled".into())),
                        Some(redirect) => {
                            if let Some(number) = redirect.number {
                                self.say_redirected(number, &mut events);
                            }
                        }
                    }
                    events
                } else {
                    vec![]
                }
            }
            Status::Paused(_)
            | Status::Completed { .. }
            | Status::Failed { .. }
            | Status::Cancelled { .. } => vec![],
        }
    }

    fn advance_running(
        &self,
        running: &Running,
        context: &mut Context,
        may_end: bool,
    ) -> Vec<Event> {
        if running.pause.is_none()
            && let Some(merge) = self.start_merge()
        {
            return vec![merge];
        }
        if let Some(place) = running.failing {
            let open = self.active.iter().any(|at| self.keeps_going(*at));
            if open || !self.leaving.is_empty() {
                return self.pause_if_idle(running);
            }
            return self.fail(place);
        }
        if running.pause.is_some() {
            return self.pause_if_idle(running);
        }
        let mut events = Vec::new();
        let program_end = self
            .program
            .as_ref()
            .and_then(|program| program.end.as_ref());
        if let Some(end @ ProgramEnd::Threw(_)) = program_end {
            // Nothing new starts.
            return self.end_with_program(end);
        }
        let mut ended = !may_end;
        for &place in &self.ready {
            // Its old child may still work.
            if self.leaving.values().any(|old| old.step == place.step) {
                continue;
            }
            let start = self.start(place, context);
            let ends = start.iter().any(super::super::ends_a_step);
            if ends && ended {
                continue;
            }
            let fails = start
                .iter()
                .any(|event| matches!(event, Event::StepFailed { .. }));
            ended |= ends;
            events.extend(start);
            if events.len() >= STARTS || fails {
                break;
            }
        }
        if let Some(program) = &self.program {
            return match &program.end {
                Some(end) if events.is_empty() => self.end_with_program(end),
                _ => events,
            };
        }
        let is_done = self.ready.is_empty() && self.active.is_empty() && self.leaving.is_empty();
        if events.is_empty() && is_done {
            return self.complete(context);
        }
        events
    }

    /// Whether a failing run still waits for this step to end.
    pub(super) fn keeps_going(&self, at: At) -> bool {
        self.step(at).is_some_and(|step| match &step.state {
            State::Working { .. }
            | State::Settling
            | State::Backoff { .. }
            | State::UsageLimit { .. }
            | State::Child { .. }
            | State::AwaitsMerge { .. }
            | State::Merging { .. } => true,
            State::Items { .. }
            | State::Approval { .. }
            | State::AskLost { .. }
            | State::Timer { .. }
            | State::Pending
            | State::Completed
            | State::Failed(_)
            | State::Skipped(_)
            | State::Cancelled => false,
        })
    }

    /// The end of a run whose program has ended: what works ends first, what only waits does not
    /// hold it up.
    fn end_with_program(&self, end: &ProgramEnd) -> Vec<Event> {
        let open = self.active.iter().any(|at| self.keeps_going(*at));
        if open || !self.leaving.is_empty() {
            return vec![];
        }
        let mut events = vec![match end {
            ProgramEnd::Returned(outputs) => Event::RunCompleted {
                outputs: outputs.clone(),
            },
            ProgramEnd::Threw(error) => Event::RunFailed {
                error: RunError {
                    step: error.step.clone(),
                    message: error.message.clone(),
                },
            },
        }];
        self.close_messages(&mut events, MessageAction::Comment);
        events
    }

    fn pause_if_idle(&self, running: &Running) -> Vec<Event> {
        let works = !running.in_flight.is_empty() || !self.leaving.is_empty() || self.is_merging();
        match &running.pause {
            Some(pause) if !works => self.is_paused(pause),
            _ => vec![],
        }
    }

    /// It is paused, and says so.
    fn is_paused(&self, pause: &Pause) -> Vec<Event> {
        let text = match (pause.reason, &pause.detail) {
            (PauseReason::Request, _) => "Workflow paused at user request".to_owned(),
            (PauseReason::Parent, _) => "Workflow paused with the one it belongs to".to_owned(),
            (PauseReason::Budget, Some(detail)) => format!("Workflow paused: {detail}"),
            (PauseReason::Budget, None) => "Workflow paused: its budget is used up".to_owned(),
        };
        let mut events = vec![Event::RunPaused {}];
        events.extend(self.pause_messages(ActionStatus::Processed));
        events.push(self.says(0, None, text));
        events
    }

    /// What becomes of the messages that asked for a pause.
    pub(super) fn pause_messages(&self, status: ActionStatus) -> Vec<Event> {
        let open = self.open_messages.iter();
        let open = open.filter(|(_, action)| **action == MessageAction::Pause);
        open.map(|(&message, _)| Event::MessageStatus { message, status })
            .collect()
    }

    fn fail(&self, place: At) -> Vec<Event> {
        let (key, message) = match self.step(place) {
            Some(step) => match &step.state {
                State::Failed(error) => (step.key.clone(), error.message.clone()),
                _ => (step.key.clone(), "it failed".to_owned()),
            },
            None => (String::new(), "it failed".to_owned()),
        };
        let message = format!("step `{key}` failed: {message}");
        let mut events = vec![Event::RunFailed {
            error: RunError {
                step: Some(key),
                message,
            },
        }];
        self.close_messages(&mut events, MessageAction::Comment);
        events
    }

    fn complete(&self, context: &mut Context) -> Vec<Event> {
        let names = self.names(None, context.env);
        let mut outputs = serde_json::Map::new();
        for (name, template) in &self.plan.definition.outputs {
            match template.render(&names) {
                Ok(value) => {
                    outputs.insert(name.clone(), value);
                }
                Err(error) => {
                    let message = format!("output `{name}`: {error}");
                    let mut events = vec![Event::RunFailed {
                        error: RunError {
                            step: None,
                            message,
                        },
                    }];
                    self.close_messages(&mut events, MessageAction::Comment);
                    return events;
                }
            }
        }
        let outputs = Big::new(serde_json::Value::Object(outputs).to_string());
        let mut events = vec![Event::RunCompleted { outputs }];
        self.close_messages(&mut events, MessageAction::Comment);
        events
    }

    /// At a run's end: `done` messages are processed, others ignored.
    pub(super) fn close_messages(&self, events: &mut Vec<Event>, done: MessageAction) {
        for (&message, &action) in &self.open_messages {
            if action == MessageAction::Redirect && self.redirect.is_some() {
                // Done when the other run exists.
                continue;
            }
            let status = if action == done {
                ActionStatus::Processed
            } else {
                ActionStatus::Ignored
            };
            events.push(Event::MessageStatus { message, status });
        }
    }

    /// The events that start a step that is ready, or settle a `foreach`.
    pub(super) fn start(&self, place: At, context: &mut Context) -> Vec<Event> {
        let Some(step) = self.step(place) else {
            return vec![];
        };
        let declared = self.declared(place);
        let key = step.key.clone();
        if let State::Items { .. } = step.state {
            return vec![self.settle_items(place)];
        }
        let fails = |error: StepError| {
            vec![Event::StepFailed {
                key: key.clone(),
                error,
                output: StepOutput::default(),
            }]
        };
        if place.item.is_none() && step.started_at.is_none() {
            if self.needs_skipped(place) {
                return vec![Event::StepSkipped {
                    key,
                    reason: SkipReason::NeedsSkipped,
                }];
            }
            if let Some(condition) = &declared.condition {
                match condition.is_true(&self.names(Some(place), context.env)) {
                    Ok(true) => {}
                    Ok(false) => {
                        return vec![Event::StepSkipped {
                            key,
                            reason: SkipReason::Condition,
                        }];
                    }
                    Err(error) => return fails(template_failure(&error)),
                }
            }
        }
        if let (Some(foreach), None) = (&declared.foreach, place.item) {
            return match self.list_items(place, foreach, context) {
                Ok(items) => {
                    let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
                    let items = Big::new(serde_json::Value::Array(items).to_string());
                    vec![Event::ItemsListed { key, items, count }]
                }
                Err(error) => fails(error),
            };
        }
        match &declared.action {
            Action::Script(_) | Action::Agent(_) | Action::Workflow(_)
                if self.isolates(place) && self.own_files().is_none() =>
            {
                fails(StepError {
                    code: ErrorCode::Workspace,
                    message: "`isolate` needs a worktree of this run's own".into(),
                })
            }
            Action::Script(_) | Action::Agent(_) => match self.work(place, context.env) {
                Ok(_) => {
                    let attempt = context.mint.attempt();
                    let started = Event::AttemptStarted {
                        key,
                        attempt,
                        number: step.tries + 1,
                        cause: step.next_cause,
                        heads: match declared.action {
                            Action::Agent(_) => self.next_heads(place, step),
                            _ => vec![],
                        },
                        isolated: match step.apart {
                            None if self.isolates(place) => self.own_files(),
                            _ => None,
                        },
                    };
                    let says = self.says_starting(place, step, attempt);
                    std::iter::once(started).chain(says).collect()
                }
                Err(error) => fails(error),
            },
            Action::Approval(approval) => {
                match approval
                    .message
                    .render(&self.names(Some(place), context.env))
                {
                    Ok(message) => vec![Event::ApprovalRequested {
                        key,
                        message: Big::new(message),
                        expires: declared.timeout.map(|timeout| context.now.plus(timeout)),
                    }],
                    Err(error) => fails(template_failure(&error)),
                }
            }
            Action::Wait(wait) => match self.wait_until(place, wait, context) {
                Ok(Some(until)) => vec![Event::WaitStarted { key, until }],
                Ok(None) => vec![Event::StepCompleted {
                    key,
                    output: StepOutput::default(),
                }],
                Err(error) => fails(error),
            },
            Action::Workflow(workflow) => match self.child_args(place, workflow, context) {
                Ok(args) => vec![Event::ChildStarted {
                    key,
                    child: context.mint.run(),
                    workflow: workflow.workflow.clone(),
                    args: Big::new(args),
                    expires: declared.timeout.map(|timeout| context.now.plus(timeout)),
                    isolated: self.own_files().filter(|_| self.isolates(place)),
                }],
                Err(error) => fails(template_failure(&error)),
            },
            Action::Remote(_) => fails(StepError {
                code: ErrorCode::Value,
                message: "this kind of step is not available yet".into(),
            }),
            // It has run when it is asked for; its backoff is over.
            Action::Function if matches!(step.state, State::Backoff { .. }) => {
                vec![Event::StepRequeued {
                    key,
                    cause: Cause::Retry,
                }]
            }
            Action::Function => vec![],
        }
    }

    fn needs_skipped(&self, place: At) -> bool {
        let needs = &self.declared(place).needs;
        self.plan.definition.is_graph
            && !needs.is_empty()
            && needs.iter().all(|&need| match self.steps[need].state {
                // As if it had ended well: the redirect begins here.
                State::Skipped(reason) => reason != SkipReason::Redirected,
                _ => false,
            })
    }

    fn child_args(
        &self,
        place: At,
        workflow: &Workflow,
        context: &Context,
    ) -> Result<String, TemplateError> {
        let names = self.names(Some(place), context.env);
        let mut args = serde_json::Map::new();
        for (name, template) in &workflow.args {
            args.insert(name.clone(), template.render(&names)?);
        }
        Ok(serde_json::Value::Object(args).to_string())
    }

    /// `None` when there is nothing left to wait for.
    fn wait_until(
        &self,
        place: At,
        wait: &Wait,
        context: &Context,
    ) -> Result<Option<Timestamp>, StepError> {
        let until = match wait {
            Wait::For(Duration::ZERO) => return Ok(None),
            Wait::For(length) => context.now.plus(*length),
            Wait::Until(text) => {
                let text = text
                    .render(&self.names(Some(place), context.env))
                    .map_err(|error| template_failure(&error))?;
                Timestamp::parse(text.trim()).ok_or_else(|| StepError {
                    code: ErrorCode::Value,
                    message: format!(
                        "`until` is `{}`: a point in time is written as in `2026-01-31T18:00:00Z`",
                        text.chars().take(80).collect::<String>()
                    ),
                })?
            }
        };
        Ok((until > context.now).then_some(until))
    }

    fn list_items(
        &self,
        place: At,
        foreach: &Foreach,
        context: &Context,
    ) -> Result<Vec<serde_json::Value>, StepError> {
        let wrong = |message: String| StepError {
            code: ErrorCode::Value,
            message,
        };
        let items = match &foreach.items {
            Items::List(template) => {
                let names = self.names(Some(place), context.env);
                match template
                    .render(&names)
                    .map_err(|error| template_failure(&error))?
                {
                    serde_json::Value::Array(items) => items,
                    other => {
                        let found: String = other.to_string().chars().take(80).collect();
                        return Err(wrong(format!("`foreach` needs a list, found `{found}`")));
                    }
                }
            }
            Items::Matrix(axes) => {
                let mut rows = vec![serde_json::Map::new()];
                for (name, values) in axes {
                    if rows.len().saturating_mul(values.len()) > MAX_ITEMS {
                        return Err(wrong(format!("`matrix` makes more than {MAX_ITEMS} items")));
                    }
                    let with = |row: &serde_json::Map<_, _>, value: &serde_json::Value| {
                        let mut row = row.clone();
                        row.insert(name.clone(), value.clone());
                        row
                    };
                    rows = rows
                        .iter()
                        .flat_map(|row| values.iter().map(move |value| with(row, value)))
                        .collect();
                }
                rows.into_iter().map(serde_json::Value::Object).collect()
            }
        };
        if items.len() > MAX_ITEMS {
            return Err(wrong(format!(
                "`foreach` has {} items: at most {MAX_ITEMS} are allowed",
                items.len()
            )));
        }
        Ok(items)
    }

    fn settle_items(&self, place: At) -> Event {
        let step = &self.steps[place.step];
        let failed: Vec<&str> = step
            .items
            .iter()
            .filter(|item| matches!(item.state, State::Failed(_)))
            .map(|item| item.key.as_str())
            .collect();
        let data: Vec<serde_json::Value> = step
            .items
            .iter()
            .map(|item| {
                let json = |text: &Option<Big>| -> serde_json::Value {
                    let text = text.as_ref().map(Big::as_str);
                    text.and_then(|text| serde_json::from_str(text).ok())
                        .unwrap_or_default()
                };
                let output = &item.last_output;
                serde_json::json!({
                    "item": item.item,
                    "status": item.state.word(),
                    "result": output.result.as_ref().map(Big::as_str),
                    "data": json(&output.data),
                    "outputs": json(&output.outputs),
                })
            })
            .collect();
        let data = Big::new(serde_json::Value::Array(data).to_string());
        let output = StepOutput {
            data: Some(data),
            ..StepOutput::default()
        };
        let key = step.key.clone();
        if failed.is_empty() {
            return Event::StepCompleted { key, output };
        }
        let message = format!(
            "{} of {} items failed: {}",
            failed.len(),
            step.items.len(),
            failed
                .iter()
                .take(5)
                .copied()
                .collect::<Vec<_>>()
                .join(", ")
        );
        let error = StepError {
            code: ErrorCode::ItemFailed,
            message,
        };
        Event::StepFailed { key, error, output }
    }
}

/// The engine itself.
pub(super) const SYSTEM: Actor = Actor::System;
