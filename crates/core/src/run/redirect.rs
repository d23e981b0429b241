//! A redirect: this run is cancelled, and a new one of the same definition and args takes its place
//! with new instructions. The new one exists at once and begins when nothing of this one runs any
//! more.

use serde::{Deserialize, Serialize};

use super::big::Big;
use super::event::Inherited;
use super::prefix::Prefix;
use crate::ids::RunId;

/// The run that takes this one's place, as its event fixes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Successor {
    /// Its id.
    pub run: RunId,
    /// Its standing instruction.
    pub instruction: String,
    /// Ends of steps that it takes over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<Inherited>,
    /// The beginning of the program that it takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Box<Prefix>>,
    /// The commit that its files begin from, when it has files of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

impl Successor {
    /// Every text of it that may be stored by hash.
    pub fn bigs(&mut self) -> Vec<&mut Big> {
        let inherited = self.inherited.iter_mut().flat_map(Inherited::bigs);
        let program = self.program.iter_mut().flat_map(|prefix| prefix.bigs());
        inherited.chain(program).collect()
    }
}

/// How far a redirect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// The new run.
    pub run: RunId,
    /// Its number, once it exists.
    pub number: Option<u64>,
}

/// The run whose place this one takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predecessor {
    /// Its id.
    pub run: RunId,
    /// Its number.
    pub number: u64,
}
