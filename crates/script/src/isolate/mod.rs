//! Isolates: a JavaScript engine each, with nothing of the world in it but what the definition
//! brought. Runs on the thread that made it.

mod arena;
mod blank;
mod calls;
mod code;
mod engine;
mod known;
mod metadata;
mod modules;
mod positions;
mod running;
mod turned;

pub(crate) use blank::Blank;
pub(crate) use calls::function_outcome;
pub(crate) use known::Known;
pub(crate) use metadata::Metadata;
pub(crate) use running::{Opening, Outcome, Running};
pub(crate) use turned::Turned;

use std::sync::{Arc, Mutex, PoisonError};

use baton_core::run::program::{ProgramError, ProgramFault};
use serde::{Deserialize, Serialize};

/// What an isolate may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Processor time from being told something to waiting again, in milliseconds.
    pub cpu_ms: u64,
    /// Memory, in bytes.
    pub memory: usize,
    /// Stack, in bytes.
    pub stack: usize,
    /// The longest value that is journaled, in bytes of JSON.
    pub value: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu_ms: 5_000,
            memory: 128 << 20,
            stack: 1 << 20,
            value: 1 << 20,
        }
    }
}

/// A place in a file of the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.file.rsplit('/').next().unwrap_or(&self.file);
        write!(f, "{name}:{}:{}", self.line, self.column)
    }
}

/// Where a program is last known to have been: at its last call, or its beginning. Another thread
/// may ask, when the program's own never comes back.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastPlace(Arc<Mutex<String>>);

impl LastPlace {
    /// `file.ts:12:5`; `None` before it was anywhere.
    pub(crate) fn get(&self) -> Option<String> {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!place.is_empty()).then(|| place.clone())
    }

    fn set(&self, place: &str) {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.clone_into(&mut own);
    }
}

/// Why a program did not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: ProgramFault,
    pub(crate) message: String,
    pub(crate) place: Option<Place>,
}

impl Fault {
    pub(crate) fn new(code: ProgramFault, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            place: None,
        }
    }

    pub(crate) fn at(mut self, place: Option<Place>) -> Self {
        self.place = self.place.or(place);
        self
    }

    /// In the form that is journaled.
    pub(crate) fn error(self) -> ProgramError {
        self.error_at(None)
    }

    /// The same; `last` is where it was, when nothing better is known.
    fn error_at(self, last: Option<String>) -> ProgramError {
        let place = self.place.map(|place| place.to_string()).or(last);
        let message = match place {
            Some(place) => format!("{} ({place})", self.message),
            None => self.message,
        };
        ProgramError {
            code: self.code,
            message,
            step: None,
        }
    }
}
