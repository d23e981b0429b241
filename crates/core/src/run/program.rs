//! A run whose definition is a program (TypeScript). What comes next is not known from a graph: the
//! program, in an isolate, makes *calls*, in the same order whenever it is replayed with the same
//! *outcomes*. A call that asks for a step declares it; from there on it is a step like any other.
//!
//! A replay needs three things, and they are all here: the calls in their order, the outcomes in
//! the order in which the program hears them (that of the ends of its steps), and for each call how
//! many outcomes it had heard when it made it. Functions run inside the isolate; their ends are no
//! outcomes, since they follow from what was heard before. One that threw and is to be tried again
//! is: that its backoff is over is an outcome, and the next try a call.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::big::Big;
use super::event::{Key, StepError};
use super::state::{At, Run, State};
use crate::definition;

/// The most calls of one run.
pub const MAX_CALLS: usize = 50_000;

/// How the program of a run stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// What it has called, in order.
    pub calls: Vec<Made>,
    /// The options of each step that was ever declared, by the step's index.
    pub declared: Vec<Declared>,
    /// The steps whose ends it hears, in that order.
    pub outcomes: Vec<usize>,
    /// How it ended.
    pub end: Option<ProgramEnd>,
    /// Raised whenever the past changes: an isolate of another epoch knows another past.
    pub epoch: u32,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The call.
    pub call: Call,
    /// The step it declared.
    pub step: Option<usize>,
}

/// A step as it was declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// Its key.
    pub key: Key,
    /// Its options, as JSON text.
    pub options: Big,
}

/// A call of a program, in its stored form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// What it asks for.
    pub kind: CallKind,
    /// The key of the step, of one that is asked for or spoken about; empty when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: Key,
    /// Of its options: 16 hex digits.
    pub hash: String,
    /// Where it stands: `file.ts:12:5`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub line: String,
    /// How many outcomes the program had heard.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub heard: u32,
    /// The program waited after it: nothing that it did since is missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rests: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What calls ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// A step that ends by itself, some time.
    Step,
    /// A step that has run in the isolate.
    Function,
    /// The same step once more, after its backoff.
    Again,
    /// Words for the thread.
    Comment,
    /// Words for the thread, from `ctx.log` and `console.log`.
    Log,
    /// An extra snapshot.
    Checkpoint,
}

impl CallKind {
    /// The kind as people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Function => "function step",
            Self::Again => "next try of function step",
            Self::Comment => "comment",
            Self::Log => "log",
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// A call that a program makes, with all that follows from it at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// The call.
    pub call: Call,
    /// Its options, as JSON text: of a step all that it says, of words `{"content": …}`.
    pub options: Big,
    /// How a function ended: its value as JSON text, or what it threw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<FunctionEnd>,
}

/// How a function step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionEnd {
    /// With this value, as JSON text.
    Returned(Big),
    /// It threw this.
    Threw(StepError),
    /// It threw this, and is to be tried again: it has not ended.
    Tried(StepError),
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramEnd {
    /// `execute` returned this, as JSON text.
    Returned(Big),
    /// It threw, or was stopped.
    Threw(ProgramError),
}

/// Why a program ended badly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramError {
    /// A stable word.
    pub code: ProgramFault,
    /// For people, with file, line and column.
    pub message: String,
    /// The step whose failure it did not catch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Key>,
}

/// Stable words for the ends of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramFault {
    /// It threw, or did not catch what a step threw.
    Threw,
    /// It computed for too long without giving way.
    Time,
    /// It needed more memory than it may have.
    Memory,
    /// It called too deeply.
    Stack,
    /// A value is too large, or there are too many calls.
    Size,
    /// It waits for something that never comes.
    Stuck,
    /// A replay asked for something else at the same place.
    Nondeterministic,
    /// Its workers died.
    Worker,
}

impl Program {
    /// Whether the program waits, having heard all there is.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.calls
            .last()
            .is_some_and(|last| last.call.rests && last.call.heard as usize == self.outcomes.len())
    }
}

impl Run {
    /// Whether the engine may have to let the run's program go on: it may not have heard all there
    /// is, or nothing it could wait for is open.
    #[must_use]
    pub fn program_may_go_on(&self) -> bool {
        let Some(program) = &self.program else {
            return false;
        };
        program.end.is_none() && (self.active.is_empty() || !program.rests())
    }

    /// Whether the program hears of the end of the step of this index.
    pub(super) fn program_hears(&self, step: usize) -> bool {
        self.program.is_some()
            && !matches!(
                self.plan.definition.steps[step].action,
                definition::Action::Function
            )
    }

    /// The steps that are as if they had not been asked for when the run goes back to before this
    /// one: it, and all that was asked for after it.
    pub(super) fn asked_from(&self, step: usize) -> Vec<usize> {
        let Some(program) = &self.program else {
            return self.plan.from_step(step);
        };
        let first = program
            .calls
            .iter()
            .position(|made| made.step == Some(step));
        let Some(first) = first else {
            return vec![step];
        };
        let mut after: Vec<usize> = program.calls[first..]
            .iter()
            .filter_map(|made| made.step)
            .collect();
        after.sort_unstable();
        after
    }

    /// The steps that were asked for after the program had heard of this one's end; of a function,
    /// after it was called.
    pub(super) fn asked_after_end_of(&self, step: usize) -> Vec<usize> {
        let Some(program) = &self.program else {
            return vec![];
        };
        let heard_at = program.outcomes.iter().position(|&other| other == step);
        let called = program
            .calls
            .iter()
            .position(|made| made.step == Some(step));
        let is_after = |index: usize, made: &Made| match (heard_at, called) {
            (Some(position), _) => made.call.heard as usize > position,
            (None, Some(called)) => index > called && !self.program_hears(step),
            (None, None) => false,
        };
        let calls = program.calls.iter().enumerate();
        calls
            .filter(|(index, made)| is_after(*index, made))
            .filter_map(|(_, made)| made.step)
            .collect()
    }

    /// Declares a step that the program asks for, anew or again.
    pub(super) fn declare(&mut self, key: &str, options: &Big) -> Result<usize, String> {
        let known = self.plan.index.get(key).copied();
        if known.is_some_and(|index| !matches!(self.steps[index].state, State::Pending)) {
            return Err("it was asked for before".into());
        }
        let index = Arc::make_mut(&mut self.plan).declare(key, options.as_str())?;
        if index == self.steps.len() {
            let step = super::state::Step::new(self.created.run, key.to_owned());
            self.steps.push(step);
            self.open_needs.push(0);
        }
        if let Some(program) = &mut self.program {
            let declared = Declared {
                key: key.to_owned(),
                options: options.clone(),
            };
            match program.declared.get_mut(index) {
                Some(before) => *before = declared,
                None => program.declared.push(declared),
            }
        }
        Ok(index)
    }

    /// Steps that were asked for and have not started: what could start now.
    pub(super) fn asked_and_pending(&self) -> Vec<At> {
        let calls = self.program.iter().flat_map(|program| &program.calls);
        let pending = |step: &usize| {
            self.program_hears(*step) && matches!(self.steps[*step].state, State::Pending)
        };
        calls
            .filter_map(|made| made.step)
            .filter(pending)
            .map(|step| At { step, item: None })
            .collect()
    }

    /// These steps, and those that the program asks for again when they are undone.
    pub(super) fn with_forgotten(&self, mut undone: BTreeSet<usize>) -> BTreeSet<usize> {
        while let Some(program) = &self.program {
            let stay = self.calls_that_stay(program, &undone);
            let gone = program.calls[stay..].iter().filter_map(|made| made.step);
            let begun = |step: &usize| self.steps[*step].state != State::Pending;
            let before = undone.len();
            undone.extend(gone.filter(begun));
            if undone.len() == before {
                break;
            }
        }
        undone
    }

    /// How many of the program's calls it makes alike when these steps are undone.
    pub(super) fn calls_that_stay(&self, program: &Program, undone: &BTreeSet<usize>) -> usize {
        let first = program
            .outcomes
            .iter()
            .position(|step| undone.contains(step));
        let first = first.unwrap_or(program.outcomes.len());
        let stays = |made: &&Made| {
            let runs_again = |step: usize| undone.contains(&step) && !self.program_hears(step);
            made.call.heard as usize <= first && !made.step.is_some_and(runs_again)
        };
        program.calls.iter().take_while(stays).count()
    }

    /// Forgets what the program did since these steps ended: they are undone.
    pub(super) fn forget_calls(&mut self, undone: &BTreeSet<usize>) {
        let Some(mut program) = self.program.take() else {
            return;
        };
        self.program = Some(Program::default());
        let stay = self.calls_that_stay(&program, undone);
        program.calls.truncate(stay);
        program.outcomes.retain(|step| !undone.contains(step));
        self.program = Some(program);
        self.let_program_go_on();
    }

    /// The program goes on from its calls: its end, and isolates that know another past, are void.
    pub(super) fn let_program_go_on(&mut self) {
        if let Some(program) = &mut self.program {
            program.end = None;
            program.epoch += 1;
        }
    }
}
