//! What a program has called: numbered, compared with the journal, and kept until it is told.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use baton_core::definition::{Definition, read_step};
use baton_core::run::big::Big;
use baton_core::run::event::{ErrorCode, StepError};
use baton_core::run::program::{
    Ask, Call, CallKind, FunctionEnd, ProgramEnd, ProgramError, ProgramFault,
};
use rquickjs::{Ctx, Exception, Function, IntoJs, Object};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::arena::Arena;
use super::positions::Positions;
use super::{Fault, Limits, Place};
use crate::bundle::hex;

/// See the module.
pub(super) struct Calls {
    /// Of whom these are: of nobody while the engine waits for a run.
    owner: Option<Owner>,
    limits: Limits,
    /// The calls that the journal has, to be made alike.
    pub(super) recorded: Vec<Call>,
    /// So many of them are compared without their options.
    pub(super) taken_over: usize,
    /// How the recorded functions ended: the outcome that the program is told; `None`: it threw, and
    /// another try was to follow.
    pub(super) ends: HashMap<usize, Option<String>>,
    /// Functions that have not ended, by their first calls.
    tries: HashMap<usize, Try>,
    /// Calls made so far.
    pub(super) made: usize,
    /// New ones that were not told yet.
    pub(super) fresh: Vec<Ask>,
    /// Calls that the host knows of: recorded, or told since.
    pub(super) told: usize,
    /// Outcomes heard.
    pub(super) heard: u32,
    /// Where the calls stand that the journal does not have, after those that it has.
    lines: Vec<String>,
    /// Ids used so far, and how often.
    ids: HashMap<String, u32>,
    /// The function that runs: alone, while the program itself waits.
    pub(super) running: Option<usize>,
    /// What ends inside, in the order of the calls.
    pub(super) due: BTreeMap<usize, Due>,
    /// Steps whose outcomes are not heard.
    pub(super) open: BTreeSet<usize>,
    /// What stops the program, whatever it makes of it.
    pub(super) fault: Option<Fault>,
    /// How it ended.
    pub(super) end: Option<ProgramEnd>,
    /// The last place that made a call.
    pub(super) last: super::LastPlace,
}

/// What is due of a call that ends inside.
pub(super) enum Due {
    /// A function that is still to run.
    Run,
    /// The program is told this outcome.
    Told(String),
    /// The program is told that the function has returned this.
    Returned(Big),
}

/// The definition whose run calls.
struct Owner {
    definition: Rc<Definition>,
    positions: Rc<Positions>,
}

/// What the SDK is told of a call: its number doubled, plus 1 when it is a function whose end is known.
enum Told {
    Number(usize),
    /// And the step's key, which is not its id.
    WithKey(String),
    /// The journal does not have it: it is to say where it stands.
    Where,
}

impl<'js> IntoJs<'js> for Told {
    fn into_js(self, ctx: &Ctx<'js>) -> rquickjs::Result<rquickjs::Value<'js>> {
        match self {
            Self::Number(number) => number.into_js(ctx),
            Self::WithKey(text) => text.into_js(ctx),
            Self::Where => (-1).into_js(ctx),
        }
    }
}

/// A function that has not ended.
struct Try {
    /// Its first call.
    call: Call,
    /// The number of the call for the current try.
    current: usize,
    /// Tries that may follow.
    left: u32,
}

impl Calls {
    /// Of a run of this definition.
    pub(super) fn new(
        definition: Rc<Definition>,
        positions: Rc<Positions>,
        limits: Limits,
    ) -> Self {
        Self {
            owner: Some(Owner {
                definition,
                positions,
            }),
            ..Self::of_nobody(limits)
        }
    }

    /// Of an engine that has no run.
    pub(super) fn of_nobody(limits: Limits) -> Self {
        Self {
            owner: None,
            limits,
            recorded: Vec::new(),
            taken_over: 0,
            ends: HashMap::new(),
            tries: HashMap::new(),
            made: 0,
            fresh: Vec::new(),
            told: 0,
            heard: 0,
            lines: Vec::new(),
            ids: HashMap::new(),
            running: None,
            due: BTreeMap::new(),
            open: BTreeSet::new(),
            fault: None,
            end: None,
            last: super::LastPlace::default(),
        }
    }

    /// The innermost place in a file of the definition that a stack names.
    fn first_place(&self, stack: &str) -> Option<Place> {
        self.owner.as_ref()?.positions.first(stack)
    }

    /// Where a call stands.
    fn line_of(&self, n: usize) -> String {
        let line = match n.checked_sub(self.recorded.len()) {
            None => self.recorded.get(n).map(|call| &call.line),
            Some(new) => self.lines.get(new),
        };
        line.cloned().unwrap_or_default()
    }

    /// A function that waits for something, which functions cannot.
    pub(super) fn waiting_function(&self) -> Option<Fault> {
        let n = self.running?;
        let call = self.tries.get(&n).map(|tried| &tried.call);
        let key = call.map_or("?", |call| call.key.as_str());
        let line = call.map_or("", |call| call.line.as_str());
        let message = format!(
            "the function of step `{key}` waits for something ({line}): a function computes and returns; what waits is a step of its own"
        );
        Some(Fault::new(ProgramFault::Stuck, message))
    }

    /// The recorded call that the program did not make.
    pub(super) fn not_made(&self) -> Option<Fault> {
        let next = self.recorded.get(self.made)?;
        let now = match &self.end {
            Some(_) => "has ended",
            None => "waits",
        };
        let message = format!(
            "Nondeterministic: the recorded run then asked for {}, the replay {now}",
            named(next)
        );
        Some(Fault::new(ProgramFault::Nondeterministic, message))
    }

    fn key(&mut self, kind: CallKind, id: &str) -> String {
        match kind {
            CallKind::Step | CallKind::Function => {
                let count = self.ids.entry(id.to_owned()).or_default();
                *count += 1;
                match *count {
                    1 => id.to_owned(),
                    n => format!("{id}~{n}"),
                }
            }
            CallKind::Again | CallKind::Comment | CallKind::Log | CallKind::Checkpoint => {
                id.to_owned()
            }
        }
    }

    /// Takes a call; gives what the SDK needs to know of it. An error is thrown. Without a stack only one that
    /// the journal has is taken: where it stands is known.
    fn call(&mut self, kind: &str, id: &str, options: &str, stack: &str) -> Result<Told, String> {
        if let Some(fault) = &self.fault {
            return Err(fault.message.clone());
        }
        let Some(owner) = &self.owner else {
            return Err("`ctx` and `console` are there when `execute` runs".into());
        };
        let kind = match kind {
            "step" => CallKind::Step,
            "function" => CallKind::Function,
            "comment" => CallKind::Comment,
            "log" => CallKind::Log,
            _ => CallKind::Checkpoint,
        };
        let hash = hash(options);
        let recorded = self.recorded.get(self.made);
        let is_alike = recorded.is_some_and(|call| call.kind == kind && call.hash == hash);
        let line = match (recorded, stack.is_empty()) {
            (Some(recorded), true) if is_alike => recorded.line.clone(),
            (_, true) => return Ok(Told::Where),
            (_, false) => {
                let place = owner.positions.first(stack);
                place.map(|place| place.to_string()).unwrap_or_default()
            }
        };
        if options.len() > self.limits.value {
            return Err(format!(
                "{} `{id}` says {} bytes: at most {} can be journaled; put them into a file",
                kind.word(),
                options.len(),
                self.limits.value
            ));
        }
        if !line.is_empty() {
            self.last.set(&line);
        }
        let mut attempts = 1;
        // What was taken before needs no second look; only of a function that is still to run the
        // tries matter.
        let is_known = is_alike
            && (kind == CallKind::Step || matches!(self.ends.get(&self.made), Some(Some(_))));
        if let (CallKind::Step | CallKind::Function, false) = (kind, is_known) {
            let step = read_step(&owner.definition, id, options)
                .map_err(|why| format!("step `{id}`: {why}"))?;
            attempts = step.retry.attempts;
        }
        let key = self.key(kind, id);
        let call = Call {
            kind,
            hash,
            key,
            line,
            heard: self.heard,
            rests: false,
        };
        let n = self.made;
        let (mut ended, mut tried) = (false, false);
        match self.recorded.get(n) {
            Some(recorded) => {
                let same_run = n >= self.taken_over;
                if let Some(fault) = differs(recorded, &call, same_run) {
                    let message = fault.message.clone();
                    self.fault = Some(fault);
                    return Err(message);
                }
                match self.ends.remove(&n) {
                    Some(Some(end)) => {
                        ended = true;
                        self.due.insert(n, Due::Told(end));
                    }
                    Some(None) => tried = true,
                    None => {}
                }
            }
            None => {
                self.lines.push(call.line.clone());
                self.fresh.push(Ask {
                    call: call.clone(),
                    options: Big::new(options),
                    end: None,
                });
            }
        }
        self.made += 1;
        match kind {
            CallKind::Step => {
                self.open.insert(n);
            }
            CallKind::Function if !ended => {
                let left = attempts.saturating_sub(1 + u32::from(tried));
                let call = call.clone();
                let current = n;
                self.tries.insert(
                    n,
                    Try {
                        call,
                        current,
                        left,
                    },
                );
                if !tried {
                    self.due.insert(n, Due::Run);
                }
            }
            CallKind::Function | CallKind::Again => {}
            CallKind::Comment | CallKind::Log | CallKind::Checkpoint => {
                self.due.insert(n, Due::Told("{}".to_owned()));
            }
        }
        let number = n * 2 + usize::from(ended);
        Ok(match call.key == id {
            true => Told::Number(number),
            false => Told::WithKey(format!("{number} {}", call.key)),
        })
    }

    /// The number of the call for the current try of a function.
    pub(super) fn try_of(&self, n: usize) -> usize {
        self.tries.get(&n).map_or(n, |tried| tried.current)
    }

    /// Whether a function waits for its next try.
    pub(super) fn tries_again(&self) -> bool {
        !self.tries.is_empty()
    }

    /// The backoff of a function is over: it is called once more.
    pub(super) fn again(&mut self, n: usize) -> Result<(), Fault> {
        let number = self.made;
        let Some(tried) = self.tries.get_mut(&n) else {
            let message = "Nondeterministic: the recorded run tried a function again that the replay has not called";
            return Err(Fault::new(ProgramFault::Nondeterministic, message));
        };
        let call = Call {
            kind: CallKind::Again,
            heard: self.heard,
            rests: false,
            ..tried.call.clone()
        };
        tried.current = number;
        let mut runs = true;
        match self.recorded.get(number) {
            Some(recorded) => {
                if let Some(fault) = differs(recorded, &call, number >= self.taken_over) {
                    return Err(fault);
                }
                match self.ends.remove(&number) {
                    Some(Some(end)) => {
                        self.tries.remove(&n);
                        self.due.insert(n, Due::Told(end));
                        runs = false;
                    }
                    Some(None) => {
                        tried.left = tried.left.saturating_sub(1);
                        runs = false;
                    }
                    None => {}
                }
            }
            None => {
                self.lines.push(call.line.clone());
                self.fresh.push(Ask {
                    call,
                    options: Big::new("{}"),
                    end: None,
                });
            }
        }
        self.made += 1;
        if runs {
            self.due.insert(n, Due::Run);
        }
        Ok(())
    }

    /// A function ended: with JSON, or with what it threw; `last`: it is not tried again.
    fn done(&mut self, n: usize, returned: bool, text: &str, stack: &str, last: bool) {
        if self.running != Some(n) {
            return;
        }
        self.running = None;
        let current = self.try_of(n);
        let goes_on = !returned
            && !last
            && self.tries.get_mut(&n).is_some_and(|tried| {
                let goes_on = tried.left > 0;
                tried.left = tried.left.saturating_sub(1);
                goes_on
            });
        let (end, due) = if returned && text.len() > self.limits.value {
            let size = text.len();
            let most = self.limits.value;
            threw(format!(
                "what it returned has {size} bytes of JSON: at most {most} can be journaled"
            ))
        } else if returned {
            let value = Big::new(text);
            (FunctionEnd::Returned(value.clone()), Due::Returned(value))
        } else {
            let place = self.first_place(stack);
            let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
            threw(format!("{text}{place}"))
        };
        let end = match end {
            FunctionEnd::Threw(error) if goes_on => FunctionEnd::Tried(error),
            end => end,
        };
        let fresh = current.checked_sub(self.told);
        if let Some(ask) = fresh.and_then(|index| self.fresh.get_mut(index)) {
            ask.end = Some(end);
        }
        if !goes_on {
            self.tries.remove(&n);
            self.due.insert(n, due);
        }
    }
}

fn threw(message: String) -> (FunctionEnd, Due) {
    let error = StepError {
        code: ErrorCode::Function,
        message,
    };
    let told = json!({"status": "failed", "error": error.message, "code": error.code});
    (FunctionEnd::Threw(error), Due::Told(told.to_string()))
}

/// What a step came to, as the program is told of functions that the journal has.
pub(crate) fn function_outcome(end: &FunctionEnd) -> String {
    match end {
        FunctionEnd::Returned(data) => {
            format!("{{\"status\":\"completed\",\"data\":{}}}", data.as_str())
        }
        FunctionEnd::Threw(error) | FunctionEnd::Tried(error) => {
            json!({"status": "failed", "error": error.message, "code": error.code}).to_string()
        }
    }
}

fn hash(options: &str) -> String {
    let digest = Sha256::digest(options.as_bytes());
    hex(digest.get(..8).unwrap_or(&digest))
}

fn named(call: &Call) -> String {
    let line = match call.line.is_empty() {
        true => String::new(),
        false => format!(" at {}", call.line),
    };
    match call.key.is_empty() {
        true => format!("a {}{line}", call.kind.word()),
        false => format!("{} `{}`{line}", call.kind.word(), call.key),
    }
}

/// How a call differs from the recorded one; with `options` also in these.
fn differs(recorded: &Call, now: &Call, options: bool) -> Option<Fault> {
    let other = recorded.kind != now.kind || recorded.key != now.key;
    let message = if other {
        format!(
            "Nondeterministic: the recorded run asked for {}, the replay asks for {}",
            named(recorded),
            named(now)
        )
    } else if options && recorded.hash != now.hash {
        format!(
            "Nondeterministic: the recorded run asked for {} with other options than the replay{}",
            named(recorded),
            match now.line.is_empty() {
                true => String::new(),
                false => format!(" at {}", now.line),
            }
        )
    } else {
        return None;
    };
    Some(Fault::new(ProgramFault::Nondeterministic, message))
}

/// Puts what the SDK calls into the host object. These functions serve one run after another.
pub(super) fn offer<'js>(
    ctx: &Ctx<'js>,
    host: &Object<'js>,
    calls: &Rc<RefCell<Calls>>,
    arena: &Arena,
) -> rquickjs::Result<()> {
    let own = Rc::clone(calls);
    let call = move |ctx: Ctx<'js>, kind: String, id: String, options: String, stack: String| {
        let taken = own.borrow_mut().call(&kind, &id, &options, &stack);
        taken.map_err(|why| Exception::throw_type(&ctx, &why))
    };
    host.set("call", Function::new(ctx.clone(), call)?)?;
    let own = Rc::clone(calls);
    let line = move |n: usize| own.borrow().line_of(n);
    host.set("line", Function::new(ctx.clone(), line)?)?;
    let (own, memory) = (Rc::clone(calls), arena.clone());
    let done = move |n: usize, returned: bool, text: String, stack: String, last: bool| {
        let mut calls = own.borrow_mut();
        let text = match returned {
            true => text,
            false => kind_of(&text, &memory, &calls.limits).message,
        };
        calls.done(n, returned, &text, &stack, last);
    };
    host.set("done", Function::new(ctx.clone(), done)?)?;
    let own = Rc::clone(calls);
    let begins = move |file: String, line: u32, column: u32| {
        let calls = own.borrow();
        let owner = calls.owner.as_ref();
        let place = owner.and_then(|owner| owner.positions.place(&file, line, column));
        if let Some(place) = place {
            calls.last.set(&place.to_string());
        }
    };
    host.set("begins", Function::new(ctx.clone(), begins)?)?;
    let own = Rc::clone(calls);
    let ended = move |text: String| {
        let mut calls = own.borrow_mut();
        let (size, most) = (text.len(), calls.limits.value);
        if size > most {
            let message = format!(
                "what `execute` returned has {size} bytes of JSON: at most {most} can be journaled"
            );
            calls.fault = Some(Fault::new(ProgramFault::Size, message));
            return;
        }
        calls.end = Some(ProgramEnd::Returned(Big::new(text)));
    };
    host.set("ended", Function::new(ctx.clone(), ended)?)?;
    let (own, arena) = (Rc::clone(calls), arena.clone());
    let threw = move |words: String, stack: String, step: String, line: String| {
        let mut calls = own.borrow_mut();
        let place = calls.first_place(&stack).map(|place| place.to_string());
        let error = if step.is_empty() {
            let mut fault = kind_of(&words, &arena, &calls.limits);
            // What has no stack is placed at the last call.
            let place = place.or_else(|| calls.last.get());
            if let Some(place) = place {
                fault.message = format!("{} ({place})", fault.message);
            }
            fault
        } else {
            let line = match line.is_empty() {
                true => String::new(),
                false => format!(" ({line})"),
            };
            ProgramError {
                code: ProgramFault::Threw,
                message: format!("step `{step}` failed: {words}{line}"),
                step: Some(step),
            }
        };
        calls.end = Some(ProgramEnd::Threw(error));
    };
    host.set("threw", Function::new(ctx.clone(), threw)?)
}

/// Which limit the words of an exception are about.
fn kind_of(words: &str, arena: &Arena, limits: &Limits) -> ProgramError {
    let megabytes = limits.memory >> 20;
    let (code, message) = if super::engine::is_out_of_memory(words, arena) {
        (
            ProgramFault::Memory,
            format!("it needs more than {megabytes} MB of memory"),
        )
    } else if super::engine::is_too_deep(words) {
        (
            ProgramFault::Stack,
            "its calls are nested too deeply".to_owned(),
        )
    } else {
        (ProgramFault::Threw, words.to_owned())
    };
    ProgramError {
        code,
        message,
        step: None,
    }
}
