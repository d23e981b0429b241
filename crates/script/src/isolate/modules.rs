//! The modules of a definition and ours, found and declared. What was compiled once is not parsed again:
//! a definition's modules by all isolates of a worker that run it, ours by all of the process.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::OnceLock;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module, Value};

use super::code::Code;
use super::positions::Positions;
use crate::bundle::{Bundle, SDK_MODULE, ZOD_MODULE};

const SDK_SOURCE: &str = include_str!("../../sdk/sdk.js");
const ZOD_SOURCE: &str = include_str!("../../zod/zod.js");
const ZOD_EXPORTS: &str = include_str!("../../zod/exports.json");

/// What definitions import the SDK by.
const SDK_EXPORTS: &str = "\
const { defineWorkflow, sh, secret, StepError } = globalThis.__baton.exports;
export { defineWorkflow, sh, secret, StepError };
";

/// A module of ours, compiled when it is first needed.
struct Ours {
    /// No file of a definition has such a name.
    name: &'static str,
    source: fn() -> String,
    code: OnceLock<Code>,
}

static SDK: Ours = Ours {
    name: "baton:sdk",
    source: || SDK_SOURCE.to_owned(),
    code: OnceLock::new(),
};
static SDK_NAMES: Ours = Ours {
    name: SDK_MODULE,
    source: || SDK_EXPORTS.to_owned(),
    code: OnceLock::new(),
};
static ZOD: Ours = Ours {
    name: "baton:zod.js",
    source: || format!("{ZOD_SOURCE}\nexport default __zod;\n"),
    code: OnceLock::new(),
};
static ZOD_NAMES: Ours = Ours {
    name: ZOD_MODULE,
    source: zod_names,
    code: OnceLock::new(),
};

impl Ours {
    fn declare<'js>(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Module<'js, Declared>> {
        if let Some(code) = self.code.get() {
            return code.load(ctx);
        }
        let module = Module::declare(ctx.clone(), self.name, (self.source)())?;
        let code = Code::of_ours(&module)?;
        // Another thread may have been faster, with the same.
        let _set = self.code.set(code);
        Ok(module)
    }

    /// What the module exports as its default.
    fn evaluate<'js>(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        let (module, promise) = self.declare(ctx)?.eval()?;
        promise.finish::<()>()?;
        module.get("default")
    }
}

/// The SDK: a function over what the host offers.
pub(super) fn sdk<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
    SDK.evaluate(ctx)
}

/// The namespace of zod.
pub(super) fn zod<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
    ZOD.evaluate(ctx)
}

/// The modules of a definition. Shared by its isolates.
pub(crate) struct Modules {
    pub(super) bundle: Rc<Bundle>,
    pub(super) positions: Rc<Positions>,
    compiled: RefCell<HashMap<String, Code>>,
}

impl Modules {
    pub(super) fn new(bundle: Bundle) -> Self {
        let bundle = Rc::new(bundle);
        Self {
            positions: Rc::new(Positions::new(&bundle)),
            bundle,
            compiled: RefCell::default(),
        }
    }

    fn declare<'js>(&self, ctx: &Ctx<'js>, name: &str) -> rquickjs::Result<Module<'js, Declared>> {
        if let Some(code) = self.compiled.borrow().get(name) {
            return code.load(ctx);
        }
        let Some(module) = self.bundle.modules.get(name) else {
            return Err(Error::new_loading(name));
        };
        let module = Module::declare(ctx.clone(), name, module.code.as_str())?;
        let code = Code::of(&module)?;
        self.compiled.borrow_mut().insert(name.to_owned(), code);
        Ok(module)
    }
}

/// Where an engine finds the modules of the definition that it runs, if it runs one.
#[derive(Clone, Default)]
pub(super) struct Shelf(Rc<RefCell<Option<Rc<Modules>>>>);

impl Shelf {
    pub(super) fn put(&self, modules: &Rc<Modules>) {
        *self.0.borrow_mut() = Some(Rc::clone(modules));
    }

    pub(super) fn clear(&self) {
        *self.0.borrow_mut() = None;
    }

    fn get(&self) -> Option<Rc<Modules>> {
        self.0.borrow().clone()
    }
}

/// Imports as the compiler resolved them.
pub(super) struct Names(pub(super) Shelf);

impl Resolver for Names {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        let modules = self.0.get();
        let module = modules
            .as_ref()
            .and_then(|modules| modules.bundle.modules.get(base));
        if let Some(module) = module {
            return match module.imports.get(name) {
                Some(found) => Ok(found.clone()),
                None => Err(Error::new_resolving(base, name)),
            };
        }
        Ok(name.to_owned())
    }
}

pub(super) struct Files(pub(super) Shelf);

impl Loader for Files {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        match name {
            SDK_MODULE => SDK_NAMES.declare(ctx),
            ZOD_MODULE => ZOD_NAMES.declare(ctx),
            _ => match self.0.get() {
                Some(modules) => modules.declare(ctx, name),
                None => Err(Error::new_loading(name)),
            },
        }
    }
}

/// zod, loaded when it is first used: a run whose args are read pays nothing for it.
fn zod_names() -> String {
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
