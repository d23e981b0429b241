//! A definition with all that it imports, compiled: what a run keeps in its first event.

use std::collections::BTreeMap;

use baton_core::definition::OutlineStep;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The version of the side of `ctx` in the isolate. Raised when a run that began with an older one
/// would be replayed differently.
pub const SDK: u32 = 1;

/// The version of the zod that is built in.
pub const ZOD: &str = "4.6.7";

/// See the module. `baton_core` reads `hash`, `head`, `outline` and `reads_args`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bundle {
    /// Of all sources: the definition's version.
    pub hash: String,
    /// [`SDK`] when it was made.
    pub sdk: u32,
    /// [`ZOD`] when it was made.
    pub zod: String,
    /// What `defineWorkflow` was given, but for `execute`.
    pub head: Value,
    /// The steps whose ids stand in the text.
    pub outline: Vec<OutlineStep>,
    /// Its args are read by zod.
    pub reads_args: bool,
    /// The module that is the definition.
    pub entry: String,
    /// All modules, by their path in the project.
    pub modules: BTreeMap<String, Module>,
}

/// One file of a bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Module {
    /// As JavaScript.
    pub code: String,
    /// What it imports, as written, and which module that is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<String, String>,
    /// Its source map, as JSON; empty when the code is the file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub map: String,
}

/// The module that `@repo/workflow-engine` and `baton` name.
pub const SDK_MODULE: &str = "baton:workflow";
/// The module that `zod` names.
pub const ZOD_MODULE: &str = "baton:zod";

/// The hash of a definition: of all its files, and what they were compiled for.
#[must_use]
pub fn hash(sources: &BTreeMap<String, String>) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{SDK} {ZOD}"));
    for (path, text) in sources {
        digest.update(format!("\0{path}\0{}\0", text.len()));
        digest.update(text);
    }
    hex(&digest.finalize())
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    let both = |byte: &u8| [digit(byte >> 4), digit(*byte)];
    bytes.iter().flat_map(both).collect()
}
