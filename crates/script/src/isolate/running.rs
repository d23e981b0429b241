//! The isolate of a run: begun, told outcomes one at a time, asked what it called meanwhile.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use baton_core::run::program::{Ask, Call, CallKind, ProgramEnd, ProgramFault};
use rquickjs::{CatchResultExt, Function, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::blank::{Blank, Word};
use super::calls::{Calls, Due};
use super::engine::Engine;
use super::turned::Turned;
use super::{Fault, Known, LastPlace, Limits};

/// New calls that are told before the program waits for anything.
const BATCH: usize = 64;

/// What a run's program begins with, and all that is recorded of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Opening {
    /// `ctx.run`: id, number, name, path, url, branch, instruction; and `project`.
    pub(crate) run: Value,
    /// The args, read.
    pub(crate) args: Value,
    /// When the run began, in milliseconds: the first time that `Date` gives.
    pub(crate) at: u64,
    /// What `Math.random` begins from.
    pub(crate) seed: [u32; 4],
    /// The recorded calls.
    pub(crate) calls: Vec<Call>,
    /// So many of the first ones were made by the run that this one was forked from: its directory
    /// and args are others, so their options may be.
    #[serde(default)]
    pub(crate) taken_over: usize,
    /// The ends of recorded functions, by the number of the call: outcomes as JSON text; `None`: it
    /// threw, and another try was to follow.
    pub(crate) functions: Vec<(usize, Option<String>)>,
    /// The outcomes so far, in order.
    pub(crate) outcomes: Vec<Outcome>,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The number of the call that asked for it.
    pub(crate) call: usize,
    /// It was a function that threw: it is tried again now.
    #[serde(default)]
    pub(crate) again: bool,
    /// JSON text: status, data and so on.
    pub(crate) told: String,
    /// When it ended, in milliseconds.
    pub(crate) at: u64,
}

/// The isolate of a run.
pub(crate) struct Running {
    engine: Engine,
    calls: Rc<RefCell<Calls>>,
    inbox: VecDeque<Outcome>,
    entry: String,
}

impl Running {
    /// An isolate for this run; nothing of it runs yet.
    pub(crate) fn new(
        blank: Blank,
        known: &Known,
        opening: &Opening,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let definition = known.definition()?;
        let engine = Engine::new(blank, &known.modules);
        let positions = Rc::clone(&known.modules.positions);
        let mut calls = Calls::new(definition, positions, limits.clone());
        calls.recorded.clone_from(&opening.calls);
        calls.taken_over = opening.taken_over;
        calls.told = opening.calls.len();
        calls.ends = opening.functions.iter().cloned().collect();
        let shared = Rc::clone(&engine.calls);
        shared.replace(calls);
        Ok(Self {
            engine,
            calls: shared,
            inbox: opening.outcomes.iter().cloned().collect(),
            entry: known.modules.bundle.entry.clone(),
        })
    }

    /// Lets the program begin; [`Self::go_on`] follows.
    pub(crate) fn begin(&mut self, opening: &Opening) -> Result<(), Fault> {
        self.engine.wind();
        let words = json!({
            "run": opening.run, "args": opening.args, "seed": opening.seed, "at": opening.at,
        });
        self.engine.context().with(|ctx| {
            let seeded = || -> rquickjs::Result<Object<'_>> {
                let host = self.engine.host(&ctx)?;
                let seed: Function<'_> = host.get("seed")?;
                seed.call::<_, ()>((opening.at,))?;
                Ok(host)
            };
            let host = seeded()
                .catch(&ctx)
                .map_err(|error| self.engine.fault(error))?;
            let module = self.engine.load(&ctx, &self.entry)?;
            let begin = || -> rquickjs::Result<()> {
                let begin: Function<'_> = host.get("begin")?;
                begin.call((module, words.to_string()))
            };
            begin()
                .catch(&ctx)
                .map_err(|error| self.engine.fault(error))
        })
    }

    /// Where it is last known to have been.
    pub(crate) fn place(&self) -> LastPlace {
        self.calls.borrow().last.clone()
    }

    /// Its engine as it was before, when the program has come to its end without a wait and without having
    /// met a limit.
    pub(crate) fn again(self) -> Option<Blank> {
        let is_sound = match &self.calls.borrow().end {
            Some(ProgramEnd::Returned(_)) => true,
            Some(ProgramEnd::Threw(error)) => error.code == ProgramFault::Threw,
            None => false,
        };
        let engine = self.engine;
        if is_sound { engine.again() } else { None }
    }

    /// Adds outcomes that it has not heard.
    pub(crate) fn hear(&mut self, outcomes: Vec<Outcome>) {
        self.inbox.extend(outcomes);
        self.engine.wind();
    }

    /// Goes on until the program waits, ends, or there is much to tell; `true`: there is more.
    pub(crate) fn go_on(&mut self) -> (Turned, bool) {
        let (fault, more) = match self.turn() {
            Ok(more) => (None, more),
            Err(fault) => (Some(fault), false),
        };
        let mut calls = self.calls.borrow_mut();
        let fault = calls.fault.take().or(fault);
        // A call whose function has not ended is told when it has.
        let is_function = |ask: &Ask| matches!(ask.call.kind, CallKind::Function | CallKind::Again);
        let unended = |ask: &Ask| is_function(ask) && ask.end.is_none();
        let whole = calls.fresh.iter().position(unended);
        let whole = whole.unwrap_or(calls.fresh.len());
        let mut asks: Vec<Ask> = calls.fresh.drain(..whole).collect();
        let end = match fault {
            Some(fault) => {
                let last = match fault.code {
                    ProgramFault::Nondeterministic | ProgramFault::Size => None,
                    _ => calls.last.get(),
                };
                Some(ProgramEnd::Threw(fault.error_at(last)))
            }
            None => calls.end.clone(),
        };
        if let (false, Some(last)) = (more, asks.last_mut()) {
            last.call.rests = true;
        }
        let turned = Turned {
            from: calls.told,
            asks,
            end,
        };
        calls.told += turned.asks.len();
        drop(calls);
        if turned.end.is_none() && !more {
            self.engine.only_once();
        }
        (turned, more)
    }

    fn turn(&mut self) -> Result<bool, Fault> {
        loop {
            self.engine.jobs()?;
            if self.engine.is_over() {
                return Err(self.engine.overdue());
            }
            let next = {
                let mut calls = self.calls.borrow_mut();
                if calls.fault.is_some() {
                    return Ok(false);
                }
                if let Some(end) = &calls.end {
                    let returned = matches!(end, ProgramEnd::Returned(_));
                    let not_made = calls.not_made();
                    drop(calls);
                    let unhandled = || self.engine.unhandled().filter(|_| returned);
                    return not_made.or_else(unhandled).map_or(Ok(false), Err);
                }
                match calls.due.pop_first() {
                    Some((call, Due::Run)) => {
                        calls.running = Some(call);
                        let current = calls.try_of(call);
                        drop(calls);
                        match self.run_function(call, current)? {
                            Some(due) => (call, due, 0),
                            None => continue,
                        }
                    }
                    Some((call, due)) => (call, due, 0),
                    None => match self.inbox.pop_front() {
                        Some(outcome) => {
                            calls.heard += 1;
                            if outcome.again {
                                calls.again(outcome.call)?;
                                continue;
                            }
                            if !calls.open.remove(&outcome.call) {
                                let message = "Nondeterministic: the recorded run heard of a step that the replay has not asked for";
                                return Err(Fault::new(ProgramFault::Nondeterministic, message));
                            }
                            (outcome.call, Due::Told(outcome.told), outcome.at)
                        }
                        None => {
                            drop(calls);
                            return self.rest();
                        }
                    },
                }
            };
            let (call, due, at) = next;
            match due {
                Due::Told(told) => self.tell(Word::Settle, call, &told, at)?,
                Due::Returned(value) => self.tell(Word::Returned, call, value.as_str(), at)?,
                Due::Run => {}
            }
            if self.calls.borrow().fresh.len() >= BATCH {
                self.engine.jobs()?;
                let calls = self.calls.borrow();
                return Ok(calls.end.is_none() && calls.fault.is_none());
            }
        }
    }

    /// The program waits for something outside; or for nothing.
    fn rest(&self) -> Result<bool, Fault> {
        let (not_made, waits) = {
            let calls = self.calls.borrow();
            let waits = !calls.open.is_empty() || calls.tries_again();
            (calls.not_made(), waits)
        };
        if let Some(fault) = not_made {
            return Err(fault);
        }
        if !waits {
            if let Some(fault) = self.engine.unhandled() {
                return Err(fault);
            }
            let message = "it waits for a promise that nothing will settle";
            return Err(Fault::new(ProgramFault::Stuck, message));
        }
        Ok(false)
    }

    /// Runs a function, of which this is the current call, to its end while the program itself waits: nothing
    /// else runs meanwhile, so that a replay, which does not run it, differs in nothing. Gives what the program
    /// is to be told at once.
    fn run_function(&self, call: usize, current: usize) -> Result<Option<Due>, Fault> {
        self.tell(Word::Run, call, "", current as u64)?;
        // What it has begun and not waited for still belongs to it.
        if self.engine.has_jobs() {
            self.engine.jobs()?;
        }
        if self.engine.is_over() {
            return Err(self.engine.overdue());
        }
        let due = self.calls.borrow_mut().due.remove(&call);
        if due.is_none() {
            self.tell(Word::Ran, call, "", 0)?;
            let waits = self.calls.borrow().waiting_function();
            return waits.map_or(Ok(None), Err);
        }
        Ok(due)
    }

    fn tell(&self, word: Word, call: usize, text: &str, at: u64) -> Result<(), Fault> {
        self.engine.context().with(|ctx| {
            let told = || -> rquickjs::Result<()> {
                let word = self.engine.word(&ctx, word)?;
                word.call((call, text, at))
            };
            told().catch(&ctx).map_err(|error| self.engine.fault(error))
        })
    }
}
