//! One engine and the definition it runs: time, modules, and errors that say where.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use baton_core::run::program::ProgramFault;
use rquickjs::convert::List;
use rquickjs::{CatchResultExt, CaughtError, Context, Ctx, Error, Function, Module, Object, Value};

use super::Fault;
use super::arena::Arena;
use super::blank::{Blank, Clock, Parts, Word};
use super::calls::Calls;
use super::modules::Modules;
use super::positions::Positions;

/// An engine with a definition's modules to load.
pub(super) struct Engine {
    parts: Parts,
    pub(super) calls: Rc<RefCell<Calls>>,
    pub(super) positions: Rc<Positions>,
}

impl Engine {
    pub(super) fn new(blank: Blank, modules: &Rc<Modules>) -> Self {
        let parts = blank.begin(modules);
        Self {
            calls: Rc::clone(&parts.calls),
            positions: Rc::clone(&modules.positions),
            parts,
        }
    }

    /// The engine as it was before it met the definition, if that can be had.
    pub(super) fn again(self) -> Option<Blank> {
        self.parts.again()
    }

    /// It is not to be had again: what is kept for that is let go of.
    pub(super) fn only_once(&mut self) {
        self.parts.only_once();
    }

    pub(super) fn context(&self) -> &Context {
        &self.parts.context
    }

    /// What the SDK and the host offer each other.
    pub(super) fn host<'js>(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        self.parts.host.clone().restore(ctx)
    }

    /// What is said to the SDK often.
    pub(super) fn word<'js>(&self, ctx: &Ctx<'js>, word: Word) -> rquickjs::Result<Function<'js>> {
        let words = &self.parts.words;
        let said = match word {
            Word::Settle => &words.settle,
            Word::Returned => &words.returned,
            Word::Run => &words.run,
            Word::Ran => &words.ran,
        };
        said.clone().restore(ctx)
    }

    /// Begins to count processor time.
    pub(super) fn wind(&self) {
        let limit = Duration::from_millis(self.parts.limits.cpu_ms);
        self.parts
            .clock
            .until
            .set(Clock::now().saturating_add(limit));
        self.parts.clock.over.set(false);
    }

    /// Loads the definition; gives its module's namespace.
    pub(super) fn load<'js>(&self, ctx: &Ctx<'js>, entry: &str) -> Result<Object<'js>, Fault> {
        let imported = Module::import(ctx, entry).catch(ctx);
        let promise = imported.map_err(|error| self.fault(error))?;
        let loaded = promise.finish::<Object<'js>>();
        match loaded {
            Err(Error::WouldBlock) if self.is_over() => Err(self.overdue()),
            Err(Error::WouldBlock) => Err(Fault::new(
                ProgramFault::Stuck,
                "the top level of the definition waits for something that never comes",
            )),
            loaded => loaded.catch(ctx).map_err(|error| self.fault(error)),
        }
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        self.parts.clock.over.get()
    }

    /// Whether anything is due.
    pub(super) fn has_jobs(&self) -> bool {
        self.parts.runtime.is_job_pending()
    }

    /// Runs what is due until nothing is.
    pub(super) fn jobs(&self) -> Result<(), Fault> {
        loop {
            match self.parts.runtime.execute_pending_job() {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(failed) => {
                    return Err(failed
                        .0
                        .with(|ctx| self.fault(CaughtError::from_error(&ctx, Error::Exception))));
                }
            }
        }
    }

    /// The first rejection that nobody has handled.
    pub(super) fn unhandled(&self) -> Option<Fault> {
        let kept = self.parts.context.with(|ctx| {
            let lost = self.parts.words.lost.clone().restore(&ctx);
            match lost.and_then(|lost| lost.call::<_, Option<List<(String, String)>>>(())) {
                Ok(kept) => Ok(kept.map(|List(told)| told)),
                Err(error) => Err(self.fault(CaughtError::from_error(&ctx, error))),
            }
        });
        let (message, stack) = match kept {
            Ok(kept) => kept.or_else(|| self.parts.lost.borrow().clone())?,
            Err(fault) => return Some(fault),
        };
        let mut fault = self.kind_of(message);
        if fault.code == ProgramFault::Threw {
            fault.message = format!("a rejection that nobody handled: {}", fault.message);
        }
        Some(fault.at(self.positions.first(&stack)))
    }

    /// What an exception says, and where it comes from.
    pub(super) fn fault(&self, error: CaughtError<'_>) -> Fault {
        let (message, stack) = match error {
            CaughtError::Exception(exception) => self.words_of(exception.into_value()),
            CaughtError::Value(value) => self.words_of(value),
            CaughtError::Error(error) => (error.to_string(), String::new()),
        };
        let place = self.positions.first(&stack);
        self.kind_of(message).at(place)
    }

    /// What is said of a thrown value, and its stack. The SDK knows more of it than the engine.
    fn words_of(&self, value: Value<'_>) -> (String, String) {
        let ctx = value.ctx().clone();
        let told = || -> rquickjs::Result<(String, String)> {
            let told = self.parts.words.told.clone().restore(&ctx)?;
            let List(told) = told.call::<_, List<(String, String)>>((value.clone(),))?;
            Ok(told)
        };
        told().unwrap_or_else(|_| {
            // There is no memory or no time left for it.
            drop(ctx.catch());
            described(&value)
        })
    }

    /// That the time is over.
    pub(super) fn overdue(&self) -> Fault {
        let seconds = self.parts.limits.cpu_ms as f64 / 1000.0;
        let message = format!("it computed for more than {seconds} s without waiting");
        Fault::new(ProgramFault::Time, message)
    }

    /// Which limit words of the engine are about.
    fn kind_of(&self, message: String) -> Fault {
        if self.is_over() {
            return self.overdue();
        }
        if is_out_of_memory(&message, &self.parts.arena) {
            let megabytes = self.parts.limits.memory >> 20;
            let message = format!("it needs more than {megabytes} MB of memory");
            return Fault::new(ProgramFault::Memory, message);
        }
        if is_too_deep(&message) {
            return Fault::new(ProgramFault::Stack, "its calls are nested too deeply");
        }
        let plain = message.strip_prefix("Error: ").map(str::to_owned);
        Fault::new(ProgramFault::Threw, plain.unwrap_or(message))
    }
}

/// What is said of a `null` of which no `throw` is known, and what the engine says instead of a text that it
/// had no memory for.
const SPEECHLESS: [&str; 3] = [
    "it threw or rejected with null",
    "it rejected a promise with null",
    "InternalError: Invalid error message",
];

/// Whether this is how the engine says that there is no memory. When there is none for an error either, it
/// throws `null`. A program may reject with that too, but seldom after it was refused memory.
pub(super) fn is_out_of_memory(words: &str, arena: &Arena) -> bool {
    words.starts_with("InternalError: out of memory")
        || (SPEECHLESS.contains(&words) && arena.has_refused())
}

pub(super) fn is_too_deep(words: &str) -> bool {
    // Of a call, and of what is compiled: a pattern, or text as JSON.
    words == "RangeError: Maximum call stack size exceeded"
        || words.ends_with("Error: stack overflow")
}

/// The same, by the engine alone.
pub(super) fn described(value: &Value<'_>) -> (String, String) {
    let Some(exception) = value.as_exception() else {
        let told = format!("it threw or rejected with {}", value.type_name());
        return (told, String::new());
    };
    let name = exception.as_object().get::<_, String>("name");
    let told = (
        format!(
            "{}: {}",
            name.unwrap_or_else(|_| "Error".into()),
            exception.message().unwrap_or_default()
        ),
        exception.stack().unwrap_or_default(),
    );
    // What could not be read may have thrown.
    drop(value.ctx().catch());
    told
}
