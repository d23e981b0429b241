//! One engine: limits, modules, the SDK, and errors that say where.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use baton_core::run::program::ProgramFault;
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Error, Exception, Function, Module, Object, Runtime,
    Value,
};

use super::positions::Positions;
use super::{Fault, Limits};
use crate::bundle::{Bundle, SDK_MODULE, ZOD_MODULE};

const SDK_SOURCE: &str = include_str!("../../sdk/sdk.js");
const ZOD_SOURCE: &str = include_str!("../../zod/zod.js");
const ZOD_EXPORTS: &str = include_str!("../../zod/exports.json");

/// The file name of what is ours in stacks: no file of a definition has it.
const OURS: &str = "baton:sdk";

/// An engine with a definition's modules to load.
pub(super) struct Engine {
    pub(super) context: Context,
    pub(super) runtime: Runtime,
    pub(super) positions: Rc<Positions>,
    clock: Rc<Clock>,
    limits: Limits,
    /// Rejections that nobody has handled: what they say, and their stacks.
    rejections: Rc<RefCell<Vec<(String, String)>>>,
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

impl Engine {
    pub(super) fn new(positions: &Rc<Positions>, limits: &Limits) -> Result<Self, Fault> {
        let failed = |error: Error| Fault::new(ProgramFault::Memory, error.to_string());
        let runtime = Runtime::new().map_err(failed)?;
        runtime.set_memory_limit(limits.memory);
        runtime.set_max_stack_size(limits.stack);
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
        let rejections: Rc<RefCell<Vec<(String, String)>>> = Rc::default();
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
        let bundle = positions.bundle();
        runtime.set_loader(Names(Rc::clone(bundle)), Files(Rc::clone(bundle)));
        let context = Context::full(&runtime).map_err(failed)?;
        Ok(Self {
            context,
            runtime,
            positions: Rc::clone(positions),
            clock,
            limits: limits.clone(),
            rejections,
        })
    }

    /// Begins to count processor time.
    pub(super) fn wind(&self) {
        let limit = Duration::from_millis(self.limits.cpu_ms);
        self.clock.until.set(Clock::now().saturating_add(limit));
        self.clock.over.set(false);
    }

    /// Evaluates the SDK over what the host offers; it puts what it offers beside that.
    pub(super) fn sdk<'js>(&self, ctx: &Ctx<'js>, host: &Object<'js>) -> Result<(), Fault> {
        let made = || -> Result<(), Error> {
            let zod = Rc::new(RefCell::new(false));
            let load = move |ctx: Ctx<'js>| -> Result<Value<'js>, Error> {
                if !zod.replace(true) {
                    let options = ours("baton:zod.js");
                    ctx.eval_with_options::<(), _>(ZOD_SOURCE, options)?;
                }
                ctx.globals().get("__zod")
            };
            host.set("zod", Function::new(ctx.clone(), load)?)?;
            let sdk: Function<'js> = ctx.eval_with_options(SDK_SOURCE, ours(OURS))?;
            sdk.call::<_, ()>((host.clone(),))?;
            ctx.globals().set("__baton", host.clone())
        };
        made().catch(ctx).map_err(|error| self.fault(error))
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
            CaughtError::Exception(exception) => describe(&exception),
            // There was no memory left for an error.
            CaughtError::Value(value) if value.is_null() => ("out of memory".into(), String::new()),
            CaughtError::Value(value) => {
                let shown = value.as_string().and_then(|text| text.to_string().ok());
                let what = shown.unwrap_or_else(|| value.type_name().to_owned());
                (format!("it threw {what}"), String::new())
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
        if message.contains("out of memory") {
            let megabytes = self.limits.memory >> 20;
            let message = format!("it needs more than {megabytes} MB of memory");
            return Fault::new(ProgramFault::Memory, message);
        }
        if message.contains("stack overflow") || message.contains("call stack size") {
            return Fault::new(ProgramFault::Stack, "its calls are nested too deeply");
        }
        Fault::new(ProgramFault::Threw, message)
    }
}

fn ours(name: &str) -> rquickjs::context::EvalOptions {
    let mut options = rquickjs::context::EvalOptions::default();
    options.filename = Some(name.to_owned());
    options
}

/// What a reason says, and its stack.
fn words_of(reason: Value<'_>) -> (String, String) {
    match reason.clone().into_exception() {
        Some(exception) => describe(&exception),
        None => {
            let value = reason;
            let text = value.as_string().and_then(|text| text.to_string().ok());
            (
                text.unwrap_or_else(|| value.type_name().to_owned()),
                String::new(),
            )
        }
    }
}

/// An exception as `name: message`, and its stack.
fn describe(exception: &Exception<'_>) -> (String, String) {
    let name: Option<String> = exception.as_object().get("name").ok();
    let message = exception.message().unwrap_or_default();
    let message = match name.filter(|name| !name.is_empty() && name != "Error") {
        Some(name) => format!("{name}: {message}"),
        None => message,
    };
    (message, exception.stack().unwrap_or_default())
}

/// Imports as the compiler resolved them.
struct Names(Rc<Bundle>);

impl Resolver for Names {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        if let Some(module) = self.0.modules.get(base) {
            return match module.imports.get(name) {
                Some(found) => Ok(found.clone()),
                None => Err(Error::new_resolving(base, name)),
            };
        }
        Ok(name.to_owned())
    }
}

struct Files(Rc<Bundle>);

impl Loader for Files {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        match name {
            SDK_MODULE => Module::declare(ctx.clone(), name, SDK_EXPORTS),
            ZOD_MODULE => Module::declare(ctx.clone(), name, zod_module()),
            _ => match self.0.modules.get(name) {
                Some(module) => Module::declare(ctx.clone(), name, module.code.as_str()),
                None => Err(Error::new_loading(name)),
            },
        }
    }
}

const SDK_EXPORTS: &str = "\
const { defineWorkflow, sh, secret, StepError } = globalThis.__baton.exports;
export { defineWorkflow, sh, secret, StepError };
";

/// zod, loaded when it is first used: a run whose args are read pays nothing for it.
fn zod_module() -> String {
    #[derive(serde::Deserialize)]
    struct Exports {
        exports: Vec<String>,
    }
    let names = serde_json::from_str::<Exports>(ZOD_EXPORTS);
    let names = names.map(|all| all.exports).unwrap_or_default();
    let mut code = String::from(
        "const zod = globalThis.__baton.zod;
const handler = (own) => ({
  get: (_, name) => { const all = own(); const value = Reflect.get(all, name); return value; },
  has: (_, name) => Reflect.has(own(), name),
  apply: (_, __, given) => own()(...given),
  construct: (_, given) => new (own())(...given),
  ownKeys: () => Reflect.ownKeys(own()),
});
const lazy = (name) => new Proxy(function () {}, handler(() => zod()[name]));
export const z = new Proxy({}, { get: (_, name) => zod()[name], has: (_, name) => name in zod() });
export default z;
",
    );
    for name in names.iter().filter(|name| *name != "z") {
        code.push_str(&format!(
            "const _{name} = lazy(\"{name}\");\nexport {{ _{name} as {name} }};\n"
        ));
    }
    code
}
