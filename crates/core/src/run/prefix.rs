//! The beginning of a program that a fork takes over: it makes these calls again, is told what they
//! came to there, and goes on by itself. It has the other run's randomness and first time, so that
//! it comes the same way.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::big::Big;
use super::event::{Inherited, InheritedEnd, Key};
use super::program::{Call, Declared};
use super::state::{Run, State, Step};
use crate::ids::RunId;
use crate::time::Timestamp;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prefix {
    /// The run whose randomness it has.
    pub of: RunId,
    /// The first time that its program was told.
    pub at: Timestamp,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// The options of the steps that they declared.
    pub declared: Vec<Declared>,
    /// The steps of the outcomes that were heard, in that order.
    pub outcomes: Vec<Key>,
}

/// What a run begins with that takes another one's place, or goes another way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TakenOver {
    /// Ends of steps.
    pub inherited: Vec<Inherited>,
    /// The beginning of its program.
    pub program: Option<Box<Prefix>>,
}

impl Prefix {
    /// Every text of it that may be stored by hash.
    pub fn bigs(&mut self) -> Vec<&mut Big> {
        let declared = self.declared.iter_mut();
        declared.map(|step| &mut step.options).collect()
    }
}

impl Run {
    /// The run that this one's program has its randomness from, and the first time it was told.
    #[must_use]
    pub fn program_origin(&self) -> (RunId, Timestamp) {
        match &self.created.program {
            Some(prefix) => (prefix.of, prefix.at),
            None => (self.created.run, self.created_at),
        }
    }

    /// What another run takes over of a program when these steps are undone. `None`: it has none.
    pub(super) fn prefix(&self, undone: BTreeSet<usize>) -> Option<TakenOver> {
        let program = self.program.as_ref()?;
        // A function that is to be tried again begins anew.
        let mut undone = undone;
        let is_open =
            |step: &usize| !self.program_hears(*step) && !self.steps[*step].state.is_ended();
        let called = program.calls.iter().filter_map(|made| made.step);
        undone.extend(called.filter(is_open));
        let undone = self.with_forgotten(undone);
        let calls = &program.calls[..self.calls_that_stay(program, &undone)];
        let steps: BTreeSet<usize> = calls.iter().filter_map(|made| made.step).collect();
        let heard = program.outcomes.iter();
        let heard = heard.filter(|step| steps.contains(step) && !undone.contains(step));
        let declared = steps.iter().filter_map(|&step| program.declared.get(step));
        let (of, at) = self.program_origin();
        let prefix = Prefix {
            of,
            at,
            calls: calls.iter().map(|made| made.call.clone()).collect(),
            declared: declared.cloned().collect(),
            outcomes: heard.map(|&step| self.steps[step].key.clone()).collect(),
        };
        // In the order in which they came: that is the order in which the program hears of them.
        let kept = steps.iter().filter(|step| !undone.contains(step));
        let mut kept: Vec<&Step> = kept.map(|&step| &self.steps[step]).collect();
        kept.sort_by_key(|step| step.order);
        Some(TakenOver {
            inherited: kept.into_iter().filter_map(inherited_of).collect(),
            program: Some(Box::new(prefix)),
        })
    }
}

/// The end of a step as another run takes it over.
pub(super) fn inherited_of(step: &Step) -> Option<Inherited> {
    let end = match &step.state {
        State::Completed => InheritedEnd::Completed(step.last_output.clone()),
        State::Failed(error) => InheritedEnd::Failed(error.clone(), step.last_output.clone()),
        State::Skipped(reason) => InheritedEnd::Skipped(*reason),
        _ => return None,
    };
    Some(Inherited {
        key: step.key.clone(),
        end,
        at: step.ended_at?,
    })
}
