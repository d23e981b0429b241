//! A bundle, read: what the isolates of all its runs share.

use std::rc::Rc;

use baton_core::definition::{Definition, parse_bundle};
use baton_core::run::program::ProgramFault;

use super::Fault;
use super::modules::Modules;
use crate::bundle::Bundle;

/// See the module.
pub(crate) struct Known {
    pub(super) modules: Rc<Modules>,
    definition: Result<Rc<Definition>, String>,
}

impl Known {
    /// Reads a bundle.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn read(text: &str) -> serde_json::Result<Self> {
        let bundle: Bundle = serde_json::from_str(text)?;
        let parsed = parse_bundle("", &bundle.entry, text);
        let definition = parsed.and_then(|parsed| {
            let definition = parsed.definition.map(Rc::new);
            definition.ok_or_else(|| "its definition has errors".into())
        });
        Ok(Self {
            modules: Rc::new(Modules::new(bundle)),
            definition,
        })
    }

    pub(super) fn definition(&self) -> Result<Rc<Definition>, Fault> {
        let bad = |why: String| Fault::new(ProgramFault::Threw, why);
        self.definition.clone().map_err(bad)
    }
}
