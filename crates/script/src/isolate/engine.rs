//! One engine: limits, the SDK, and errors that say where.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use baton_core::run::program::ProgramFault;
use rquickjs::convert::List;
use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Error, Function, Module, Object, Persistent,
    Runtime, Value,
};

use super::modules::{self, Files, Modules, Names};
use super::positions::Positions;
use super::{Fault, Limits};

/// Memory that an engine takes before it first looks for what is held by nothing but itself: most runs
/// end before.
const COLLECT: usize = 1 << 20;

/// An engine in which the SDK is evaluated, and nothing of a definition is yet.
pub(crate) struct Blank {
    // In the order in which they are dropped.
    host: Persistent<Object<'static>>,
    context: Context,
    runtime: Runtime,
    clock: Rc<Clock>,
    limits: Limits,
    rejections: Rejections,
}

/// Rejections that nobody has handled: what they say, and their stacks.
type Rejections = Rc<RefCell<Vec<(String, String)>>>;

/// An engine with a definition's modules to load.
pub(super) struct Engine {
    // In the order in which they are dropped.
    /// What the SDK and the host offer each other.
    pub(super) host: Persistent<Object<'static>>,
    pub(super) context: Context,
    pub(super) runtime: Runtime,
    pub(super) positions: Rc<Positions>,
    clock: Rc<Clock>,
    limits: Limits,
    rejections: Rejections,
}

/// The processor time that is left.
struct Clock {
    until: Cell<Duration>,
    over: Cell<bool>,
}

impl Clock {
    fn now() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }
}

impl Blank {
    /// A new engine.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(crate) fn new(limits: &Limits) -> Result<Self, Fault> {
        let failed = |error: Error| Fault::new(ProgramFault::Memory, error.to_string());
        let runtime = Runtime::new().map_err(failed)?;
        runtime.set_memory_limit(limits.memory);
        runtime.set_max_stack_size(limits.stack);
        runtime.set_gc_threshold(COLLECT);
        let clock = Rc::new(Clock {
            until: Cell::new(Duration::MAX),
            over: Cell::new(false),
        });
        let watch = Rc::clone(&clock);
        runtime.set_interrupt_handler(Some(Box::new(move || {
            let over = Clock::now() > watch.until.get();
            watch.over.set(watch.over.get() || over);
            over
        })));
        let rejections = Rejections::default();
        let kept = Rc::clone(&rejections);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            move |_ctx, _promise, reason, is_handled| {
                let told = words_of(reason);
                let mut kept = kept.borrow_mut();
                if !is_handled {
                    kept.push(told);
                } else if let Some(at) = kept.iter().position(|other| *other == told) {
                    kept.remove(at);
                }
            },
        )));
        let context = Context::full(&runtime).map_err(failed)?;
        let host = context.with(|ctx| {
            let host = begin_sdk(&ctx).catch(&ctx);
            host.map(|host| Persistent::save(&ctx, host))
                .map_err(|error| Fault::new(ProgramFault::Memory, error.to_string()))
        })?;
        Ok(Self {
            host,
            context,
            runtime,
            clock,
            limits: limits.clone(),
            rejections,
        })
    }
}

/// Evaluates the SDK over a host object, in which both put what they offer each other.
fn begin_sdk<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    let host = Object::new(ctx.clone())?;
    let zod = |ctx: Ctx<'js>| modules::zod(&ctx);
    host.set("zod", Function::new(ctx.clone(), zod)?)?;
    let sdk = Function::from_value(modules::sdk(ctx)?)?;
    sdk.call::<_, ()>((host.clone(),))?;
    ctx.globals().set("__baton", host.clone())?;
    Ok(host)
}

impl Engine {
    pub(super) fn new(blank: Blank, modules: &Rc<Modules>) -> Self {
        let Blank {
            host,
            context,
            runtime,
            clock,
            limits,
            rejections,
        } = blank;
        runtime.set_loader(Names(Rc::clone(modules)), Files(Rc::clone(modules)));
        Self {
            host,
            context,
            runtime,
            positions: Rc::clone(&modules.positions),
            clock,
            limits,
            rejections,
        }
    }

    /// What the SDK and the host offer each other.
    pub(super) fn host<'js>(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        self.host.clone().restore(ctx)
    }

    /// Begins to count processor time.
    pub(super) fn wind(&self) {
        let limit = Duration::from_millis(self.limits.cpu_ms);
        self.clock.until.set(Clock::now().saturating_add(limit));
        self.clock.over.set(false);
    }

    /// Loads the definition; gives its module's namespace.
    pub(super) fn load<'js>(&self, ctx: &Ctx<'js>, entry: &str) -> Result<Object<'js>, Fault> {
        let imported = Module::import(ctx, entry).catch(ctx);
        let promise = imported.map_err(|error| self.fault(error))?;
        let loaded = promise.finish::<Object<'js>>();
        match loaded {
            Err(Error::WouldBlock) if self.is_over() => Err(self.kind(String::new())),
            Err(Error::WouldBlock) => Err(Fault::new(
                ProgramFault::Stuck,
                "the top level of the definition waits for something that never comes",
            )),
            loaded => loaded.catch(ctx).map_err(|error| self.fault(error)),
        }
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        self.clock.over.get()
    }

    /// Runs what is due until nothing is.
    pub(super) fn jobs(&self) -> Result<(), Fault> {
        loop {
            match self.runtime.execute_pending_job() {
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
        let rejections = self.rejections.borrow();
        let (message, stack) = rejections.first()?;
        let message = format!("a rejection that nobody handled: {message}");
        Some(self.kind(message).at(self.positions.first(stack)))
    }

    /// What an exception says, and where it comes from.
    pub(super) fn fault(&self, error: CaughtError<'_>) -> Fault {
        let (message, stack) = match error {
            CaughtError::Exception(exception) => words_of(exception.into_value()),
            CaughtError::Value(value) => {
                let is_null = value.is_null();
                match words_of(value) {
                    // There was no memory left for an error.
                    (_, stack) if is_null && stack.is_empty() => (NO_MEMORY.into(), stack),
                    told => told,
                }
            }
            CaughtError::Error(error) => (error.to_string(), String::new()),
        };
        let place = self.positions.first(&stack);
        self.kind(message).at(place)
    }

    /// Which limit a message of the engine is about.
    pub(super) fn kind(&self, message: String) -> Fault {
        if self.clock.over.get() {
            let seconds = self.limits.cpu_ms as f64 / 1000.0;
            let message = format!("it computed for more than {seconds} s without waiting");
            return Fault::new(ProgramFault::Time, message);
        }
        if is_out_of_memory(&message) {
            let megabytes = self.limits.memory >> 20;
            let message = format!("it needs more than {megabytes} MB of memory");
            return Fault::new(ProgramFault::Memory, message);
        }
        if is_too_deep(&message) {
            return Fault::new(ProgramFault::Stack, "its calls are nested too deeply");
        }
        Fault::new(ProgramFault::Threw, message)
    }
}

/// What the engine says without memory.
const NO_MEMORY: &str = "InternalError: out of memory";

pub(super) fn is_out_of_memory(words: &str) -> bool {
    words == NO_MEMORY
}

pub(super) fn is_too_deep(words: &str) -> bool {
    // Of a call, and of what is compiled: a pattern, or text as JSON.
    words == "RangeError: Maximum call stack size exceeded"
        || words.ends_with("Error: stack overflow")
}

/// What is said of a thrown value, and its stack. The SDK knows more of it than the engine.
fn words_of(value: Value<'_>) -> (String, String) {
    let ctx = value.ctx().clone();
    let told = || -> rquickjs::Result<(String, String)> {
        let host: Object<'_> = ctx.globals().get("__baton")?;
        let told: Function<'_> = host.get("told")?;
        let List((words, stack)) = told.call::<_, List<(String, String)>>((value.clone(),))?;
        let words = words
            .strip_prefix("Error: ")
            .map(str::to_owned)
            .unwrap_or(words);
        Ok((words, stack))
    };
    told().unwrap_or_else(|_| {
        // There is no memory or no time left for it.
        drop(ctx.catch());
        described(value)
    })
}

/// The same, by the engine alone.
fn described(value: Value<'_>) -> (String, String) {
    let Some(exception) = value.as_exception() else {
        return (format!("it threw {}", value.type_name()), String::new());
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
