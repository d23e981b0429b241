//! A redirect, from the wish to the word that it is done.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::event::{
    Action, ActionStatus, Actor, Event, Inherited, InheritedEnd, Key, MessagePosted, RunCreated,
    SkipReason,
};
use super::super::prefix::TakenOver;
use super::super::redirect::Successor;
use super::super::state::{Run, State, Status};
use super::{Context, Refusal};

/// What a redirect's metadata says.
struct Wish {
    instruction: String,
    skip_to: Option<String>,
}

impl Wish {
    fn read(content: &str, metadata: Option<&Value>) -> Result<Self, Refusal> {
        let word = |name: &str| match metadata.and_then(|metadata| metadata.get(name)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Refusal::Invalid(format!("`metadata.{name}` is a text"))),
        };
        let mut instruction = word("newTaskDescription")?.unwrap_or_else(|| content.to_owned());
        if let Some(more) = word("additionalContext")? {
            instruction = format!("{instruction}\n\n{more}");
        }
        Ok(Self {
            instruction,
            skip_to: word("skipToAgent")?,
        })
    }
}

impl Run {
    /// What a message that redirects leads to.
    pub(super) fn redirect(
        &self,
        content: &str,
        metadata: Option<&Value>,
        by: &Actor,
        context: &mut Context,
    ) -> Result<Vec<Event>, Refusal> {
        if let Actor::Attempt(_) = by {
            return Err(Refusal::Forbidden(
                "what runs inside a run may not redirect it".into(),
            ));
        }
        if self
            .created
            .parent
            .as_ref()
            .is_some_and(|p| p.step.is_some())
        {
            return Err(Refusal::Invalid(
                "this is a child run: redirect the run that it belongs to".into(),
            ));
        }
        let wish = Wish::read(content, metadata)?;
        let mut events = vec![self.says(
            0,
            None,
            "Creating new workflow with updated instructions...".into(),
        )];
        // Before the new run is decided on: it refuses what cannot be cancelled.
        let cancel = self.cancel(Some("redirected"), by)?;
        let (taken, base) = self.successor_begins_with(wish.skip_to.as_deref())?;
        events.extend(cancel);
        events.push(Event::RedirectRequested(Box::new(Successor {
            run: context.mint.run(),
            instruction: wish.instruction,
            inherited: taken.inherited,
            program: taken.program,
            base,
        })));
        Ok(events)
    }

    /// The ends that the new run takes over, and the commit its files begin from: those of the last
    /// whole checkpoint. With `skip_to` the steps before that one that have not ended are skipped.
    fn successor_begins_with(
        &self,
        skip_to: Option<&str>,
    ) -> Result<(TakenOver, Option<String>), Refusal> {
        if self.program.is_some() && skip_to.is_some() {
            return Err(Refusal::Invalid(
                "a TypeScript definition decides itself what comes next: leave `skipToAgent` out"
                    .into(),
            ));
        }
        let skip_to = skip_to.map(|name| self.find_any(name)).transpose()?;
        let last = self.checkpoints.values().rev().find(|c| !c.partial);
        let ends = last.map_or(0, |checkpoint| checkpoint.ends);
        let again: BTreeSet<usize> = match skip_to {
            Some(place) => self.plan.from_step(place.step).into_iter().collect(),
            None => BTreeSet::new(),
        };
        let of_created = self.created.inherited.iter().map(|taken| &taken.key);
        let of_created: BTreeSet<&Key> = of_created.collect();
        let mut inherited = Vec::new();
        let mut left: BTreeSet<usize> = BTreeSet::new();
        for (index, step) in self.steps.iter().enumerate() {
            let needs = &self.plan.definition.steps[index].needs;
            let before = skip_to
                .is_some_and(|place| !again.contains(&index) && self.leads_to(index, place.step));
            let holds = step.state.is_ended()
                && !again.contains(&index)
                && (step.order <= ends || of_created.contains(&step.key))
                && !needs.iter().any(|need| left.contains(need))
                && !self.fails_the_run(index);
            let end = match &step.state {
                State::Completed if holds => InheritedEnd::Completed(step.last_output.clone()),
                State::Failed(error) if holds => {
                    InheritedEnd::Failed(error.clone(), step.last_output.clone())
                }
                State::Skipped(reason) if holds => InheritedEnd::Skipped(*reason),
                _ if before => InheritedEnd::Skipped(SkipReason::Redirected),
                _ => {
                    left.insert(index);
                    continue;
                }
            };
            inherited.push(Inherited {
                key: step.key.clone(),
                end,
                at: step.ended_at.unwrap_or(self.updated_at),
            });
        }
        let base = self.created.workspace.as_ref().map(|workspace| {
            let newest = last.and_then(|checkpoint| checkpoint.commit.clone());
            newest.unwrap_or_else(|| workspace.base.clone())
        });
        let undone: BTreeSet<usize> = left.into_iter().collect();
        let taken = match self.prefix(undone) {
            Some(taken) => taken,
            None => TakenOver {
                inherited,
                program: None,
            },
        };
        Ok((taken, base))
    }

    /// Whether a step comes before another in the graph.
    fn leads_to(&self, from: usize, to: usize) -> bool {
        from != to && self.plan.from_step(from).contains(&to)
    }

    /// The new run exists, or cannot be.
    pub(super) fn redirected(&self, outcome: &Result<u64, String>) -> Vec<Event> {
        let Some(redirect) = self.redirect.filter(|redirect| redirect.number.is_none()) else {
            return vec![];
        };
        match outcome {
            Ok(number) => {
                let mut events = vec![Event::Redirected {
                    run: redirect.run,
                    number: Some(*number),
                }];
                if matches!(self.status, Status::Cancelled { .. }) {
                    self.say_redirected(*number, &mut events);
                }
                events
            }
            Err(why) => {
                let mut events = vec![Event::Redirected {
                    run: redirect.run,
                    number: None,
                }];
                let text = format!("The new workflow could not be created: {why}");
                events.push(self.says(0, None, text));
                events.extend(self.redirect_messages(ActionStatus::Ignored));
                events
            }
        }
    }

    /// This run is cancelled and the other one exists.
    pub(super) fn say_redirected(&self, number: u64, events: &mut Vec<Event>) {
        let text = format!("Original workflow cancelled, new workflow #{number} created");
        events.push(self.says(0, None, text));
        events.extend(self.redirect_messages(ActionStatus::Processed));
    }

    fn redirect_messages(&self, status: ActionStatus) -> Vec<Event> {
        let open = self.open_messages.iter();
        let open = open.filter(|(_, action)| **action == Action::Redirect);
        open.map(|(&message, _)| Event::MessageStatus { message, status })
            .collect()
    }

    /// Nothing of the run whose place this one takes runs any more.
    pub(super) fn predecessor_ended(&self) -> Vec<Event> {
        match self.held {
            true => vec![Event::PredecessorEnded {}],
            false => vec![],
        }
    }
}

/// What a new run's journal begins with.
#[must_use]
pub fn opening(created: &RunCreated) -> Vec<Event> {
    let mut events = vec![Event::RunCreated(Box::new(created.clone()))];
    if let (Some(before), Some(instruction)) = (created.follows, &created.instruction) {
        let text = format!("Redirected from workflow #{}: {instruction}", before.number);
        events.push(Event::MessagePosted(Box::new(MessagePosted {
            message: 0,
            by: Actor::System,
            content: text,
            action: Action::Comment,
            status: ActionStatus::Processed,
            step: None,
            metadata: None,
            place: None,
        })));
    }
    events
}
