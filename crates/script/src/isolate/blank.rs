//! An engine before it runs a definition: limits and the SDK. It can be had again after a run, as if it
//! were new.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use baton_core::run::program::ProgramFault;
use rquickjs::{CatchResultExt, Context, Ctx, Error, Function, Object, Persistent, Runtime, Value};

use super::arena::{Arena, Image};
use super::calls::{self, Calls};
use super::engine::described;
use super::modules::{self, Files, Modules, Names, Shelf};
use super::{Fault, Limits};

/// Memory that an engine takes before it first looks for what is held by nothing but itself: most runs
/// end before. With 256 KB, this and 16 MB a replay of 1,000 function steps took 15.2, 13.6 and 15.1 ms of
/// processor time, the least of 35 on a busy machine (load 9 to 14), and an isolate that waits 300 KB.
const COLLECT: usize = 1 << 20;

/// An engine in which the SDK is evaluated, and nothing of a definition is yet.
pub(crate) struct Blank(Parts);

/// What is said of a rejection that the SDK could not keep, for lack of memory or time.
type Lost = Rc<RefCell<Option<(String, String)>>>;

/// An engine. All that it knows of this process is here before it meets a definition, and stays: functions of
/// ours, where modules are found, who is told of rejections and asked for the time. What they speak to
/// changes with the run.
pub(super) struct Parts {
    // In the order in which they are dropped.
    /// What the SDK and the host offer each other.
    pub(super) host: Persistent<Object<'static>>,
    pub(super) words: Rc<Words>,
    /// Functions of ours, so that none is let go of whatever a program deletes.
    _ours: Vec<Persistent<Value<'static>>>,
    pub(super) context: Context,
    pub(super) runtime: Runtime,
    pub(super) calls: Rc<RefCell<Calls>>,
    modules: Shelf,
    pub(super) clock: Rc<Clock>,
    pub(super) limits: Limits,
    pub(super) lost: Lost,
    pub(super) arena: Arena,
    /// What its memory held when it was new.
    new: Option<Image>,
}

/// Functions of the SDK: what is said for each step, and of what was thrown.
pub(super) struct Words {
    pub(super) settle: Persistent<Function<'static>>,
    pub(super) returned: Persistent<Function<'static>>,
    pub(super) run: Persistent<Function<'static>>,
    pub(super) ran: Persistent<Function<'static>>,
    pub(super) told: Persistent<Function<'static>>,
    pub(super) rejected: Persistent<Function<'static>>,
    pub(super) lost: Persistent<Function<'static>>,
}

impl Words {
    fn of<'js>(ctx: &Ctx<'js>, host: &Object<'js>) -> rquickjs::Result<Self> {
        let word = |name: &str| -> rquickjs::Result<_> {
            Ok(Persistent::save(ctx, host.get::<_, Function<'js>>(name)?))
        };
        Ok(Self {
            settle: word("settle")?,
            returned: word("returned")?,
            run: word("run")?,
            ran: word("ran")?,
            told: word("told")?,
            rejected: word("rejected")?,
            lost: word("lost")?,
        })
    }
}

/// One of [`Words`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    /// A step has come to this.
    Settle,
    /// A function has returned this.
    Returned,
    /// A function is to run.
    Run,
    /// It has run, and the program is not told of its end at once.
    Ran,
}

/// Lets the SDK keep each rejection until somebody handles it: only it can ask where it happened.
fn follow_rejections(runtime: &Runtime, words: &Rc<Words>, lost: &Lost) {
    // The engine drops this after all that it holds, and a value must be gone before.
    let (words, lost) = (Rc::downgrade(words), Rc::clone(lost));
    runtime.set_host_promise_rejection_tracker(Some(Box::new(
        move |ctx, promise, reason, is_handled| {
            let Some(words) = words.upgrade() else {
                return;
            };
            let rejected = words.rejected.clone().restore(&ctx);
            let said = (promise, reason.clone(), is_handled);
            let kept = rejected.and_then(|rejected| rejected.call::<_, ()>(said));
            if kept.is_err() {
                drop(ctx.catch());
                if !is_handled {
                    let told = described(&reason);
                    lost.borrow_mut().get_or_insert(told);
                }
            }
        },
    )));
}

/// The processor time that is left.
pub(super) struct Clock {
    pub(super) until: Cell<Duration>,
    pub(super) over: Cell<bool>,
}

impl Clock {
    pub(super) fn now() -> Duration {
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
        let none = |why: String| Fault::new(ProgramFault::Memory, why);
        let failed = |error: Error| none(error.to_string());
        let arena = Arena::new().ok_or_else(|| none("there is no memory".into()))?;
        let runtime = Runtime::new_with_alloc(arena.clone()).map_err(failed)?;
        arena.limit(limits.memory);
        runtime.set_max_stack_size(limits.stack);
        runtime.set_gc_threshold(COLLECT);
        let modules = Shelf::default();
        runtime.set_loader(Names(modules.clone()), Files(modules.clone()));
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
        let calls = Rc::new(RefCell::new(Calls::of_nobody(limits.clone())));
        let context = Context::full(&runtime).map_err(failed)?;
        let (host, ours, words) = context.with(|ctx| {
            let begun = begin_sdk(&ctx, &calls, &arena).catch(&ctx);
            begun.map_err(|error| none(error.to_string()))
        })?;
        let lost = Lost::default();
        let words = Rc::new(words);
        follow_rejections(&runtime, &words, &lost);
        Ok(Self(Parts {
            host,
            words,
            _ours: ours,
            context,
            runtime,
            calls,
            modules,
            clock,
            limits: limits.clone(),
            lost,
            arena,
            new: None,
        }))
    }

    /// It meets its definition.
    pub(super) fn begin(self, modules: &Rc<Modules>) -> Parts {
        self.0.modules.put(modules);
        self.0
    }

    /// Lets it be had again after a run: its memory is kept a second time.
    pub(crate) fn for_many(mut self) -> Self {
        if self.0.new.is_none() {
            self.0.new = self.0.arena.image();
        }
        self
    }
}

/// What [`begin_sdk`] gives: the host object, what we have put into it, and what the SDK has.
type Begun = (
    Persistent<Object<'static>>,
    Vec<Persistent<Value<'static>>>,
    Words,
);

/// Evaluates the SDK over a host object, in which both put what they offer each other.
fn begin_sdk(ctx: &Ctx<'_>, calls: &Rc<RefCell<Calls>>, arena: &Arena) -> rquickjs::Result<Begun> {
    let host = Object::new(ctx.clone())?;
    host.set("zod", Function::new(ctx.clone(), load_zod)?)?;
    calls::offer(ctx, &host, calls, arena)?;
    let ours = host.values::<Value<'_>>();
    let ours = ours.map(|one| Ok(Persistent::save(ctx, one?)));
    let ours = ours.collect::<rquickjs::Result<_>>()?;
    let sdk = Function::from_value(modules::sdk(ctx)?)?;
    sdk.call::<_, ()>((host.clone(),))?;
    let words = Words::of(ctx, &host)?;
    Ok((Persistent::save(ctx, host), ours, words))
}

fn load_zod(ctx: Ctx<'_>) -> rquickjs::Result<Value<'_>> {
    modules::zod(&ctx)
}

impl Parts {
    /// The engine as it was before it met the definition, if its memory was kept and what the run needed lies
    /// where it can be put back.
    #[expect(unsafe_code, reason = "nobody outside knows of what the run has made")]
    pub(super) fn again(mut self) -> Option<Blank> {
        let new = self.new.take()?;
        // SAFETY: the image was made of this arena, and the engine, which is no longer in use, holds no value
        // that it did not hold then: what a run has told is texts and numbers in `Calls` and `lost`. What
        // it held then it holds still: the host object, the context, and each function of ours, so that none
        // of these was dropped whatever the program has deleted.
        if !unsafe { self.arena.put_back(&new) } {
            return None;
        }
        self.calls.replace(Calls::of_nobody(self.limits.clone()));
        self.modules.clear();
        self.lost.take();
        self.clock.until.set(Duration::MAX);
        self.clock.over.set(false);
        self.new = Some(new);
        Some(Blank(self))
    }

    /// It is not to be had again: what is kept for that is let go of.
    pub(super) fn only_once(&mut self) {
        self.new = None;
    }
}
