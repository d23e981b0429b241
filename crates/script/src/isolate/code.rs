//! Modules in the form that the engine compiles them to, so that a process parses them once and not for
//! each isolate. Unsafe code: see ARCHITECTURE.md.

use rquickjs::module::{Declared, WriteOptions};
use rquickjs::{Ctx, Module};

/// A compiled module. It holds what the engine of this process wrote, and never anything else: it is
/// neither read from anywhere nor sent anywhere, and nothing can change it.
pub(super) struct Code(Box<[u8]>);

impl Code {
    /// What the engine made of a module of the definition: with its source, which is what
    /// `String(function)` gives, and its lines.
    pub(super) fn of(module: &Module<'_, Declared>) -> rquickjs::Result<Self> {
        let written = module.write(WriteOptions::default())?;
        Ok(Self(written.into()))
    }

    /// The same of a module of ours, in whose insides nobody is interested.
    pub(super) fn of_ours(module: &Module<'_, Declared>) -> rquickjs::Result<Self> {
        let options = WriteOptions {
            strip_source: true,
            strip_debug: true,
            ..WriteOptions::default()
        };
        Ok(Self(module.write(options)?.into()))
    }

    /// Declares the module in another isolate.
    #[expect(
        unsafe_code,
        reason = "the engine takes what it wrote itself, see below"
    )]
    pub(super) fn load<'js>(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Module<'js, Declared>> {
        // SAFETY: the bytes have to be valid bytecode. They are what `Module::write` gave in this
        // process, for a module that the same build of the engine had compiled: the two functions
        // above are all that makes a `Code`, its bytes are private, and nothing changes them. The
        // engine copies what it keeps of them, so they need not outlive the isolate.
        unsafe { Module::load(ctx.clone(), &self.0) }
    }
}
