//! What a definition says of itself, and args read by its schema: its top level runs, `execute`
//! does not.

use std::rc::Rc;

use baton_core::definition::schema::ArgError;
use baton_core::run::program::ProgramFault;
use rquickjs::{CatchResultExt, Function};
use serde::Deserialize;
use serde_json::Value;

use super::blank::Blank;
use super::engine::Engine;
use super::modules::Modules;
use super::{Fault, Known};
use crate::bundle::Bundle;

/// An isolate for what is known without a run.
pub(crate) struct Metadata {
    engine: Engine,
    entry: String,
}

/// See [`Metadata::head`].
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) head: Value,
    pub(crate) reads_args: bool,
}

#[derive(Deserialize)]
struct Told {
    head: Value,
    reads: bool,
}

#[derive(Deserialize)]
struct Read {
    args: Option<Value>,
    #[serde(default)]
    errors: Vec<Wrong>,
}

#[derive(Deserialize)]
struct Wrong {
    pointer: String,
    detail: String,
}

impl Metadata {
    /// Of a definition that is being compiled.
    pub(crate) fn new(blank: Blank, bundle: &Bundle) -> Self {
        Self::over(blank, &Rc::new(Modules::new(bundle.clone())))
    }

    pub(crate) fn of(blank: Blank, known: &Known) -> Self {
        Self::over(blank, &known.modules)
    }

    fn over(blank: Blank, modules: &Rc<Modules>) -> Self {
        Self {
            entry: modules.bundle.entry.clone(),
            engine: Engine::new(blank, modules),
        }
    }

    /// Its engine as it was before.
    pub(crate) fn again(self) -> Option<Blank> {
        self.engine.again()
    }

    /// What `defineWorkflow` was given, but for `execute`; a zod schema as JSON Schema.
    pub(crate) fn head(&self) -> Result<Head, Fault> {
        let text = self.ask("head", None)?;
        let told: Told = serde_json::from_str(&text)
            .map_err(|error| Fault::new(ProgramFault::Threw, error.to_string()))?;
        Ok(Head {
            head: told.head,
            reads_args: told.reads,
        })
    }

    /// Args as the definition's schema reads them: defaults and transforms included.
    pub(crate) fn args(&self, args: &Value) -> Result<Result<Value, Vec<ArgError>>, Fault> {
        let text = self.ask("args", Some(&args.to_string()))?;
        let read: Read = serde_json::from_str(&text)
            .map_err(|error| Fault::new(ProgramFault::Threw, error.to_string()))?;
        Ok(match read.args {
            Some(args) => Ok(args),
            None => Err(read
                .errors
                .into_iter()
                .map(|wrong| ArgError {
                    pointer: wrong.pointer,
                    detail: wrong.detail,
                })
                .collect()),
        })
    }

    fn ask(&self, what: &str, text: Option<&str>) -> Result<String, Fault> {
        self.engine.wind();
        self.engine.context().with(|ctx| {
            let module = self.engine.load(&ctx, &self.entry)?;
            let asked = || -> rquickjs::Result<String> {
                let ask: Function<'_> = self.engine.host(&ctx)?.get(what)?;
                match text {
                    Some(text) => ask.call((module, text)),
                    None => ask.call((module,)),
                }
            };
            let answer = asked().catch(&ctx);
            answer.map_err(|error| self.engine.fault(error))
        })
    }
}
