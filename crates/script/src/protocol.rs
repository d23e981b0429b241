//! What hosts and workers say to each other over pipes: frames of JSON, each after its length. The
//! host asks, the worker answers; nothing else is under way meanwhile, so that whoever dies has died
//! of what it was asked.

use std::io::{self, Read, Write};
use std::sync::Arc;

use baton_core::definition::schema::ArgError;
use baton_core::definition::{Diagnostic, Severity};
use baton_core::ids::RunId;
use baton_core::run::program::{ProgramEnd, ProgramFault};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::compile::Source;
use crate::isolate::{Limits, Opening, Outcome, Turned};

/// The longest frame, in bytes.
pub(crate) const LONGEST: usize = 256 << 20;

/// Room that is made before anything of a frame is there.
pub(crate) const PIECE: usize = 64 << 10;

/// What a host asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Keep to these from now on; comes first.
    Limits(Limits),
    /// Know this bundle by its hash.
    Know { hash: String, bundle: Arc<str> },
    /// Compile a definition.
    Compile(Source),
    /// Read args by a definition's schema.
    Args { bundle: String, args: Value },
    /// Let the program of a run begin, or begin again.
    Open {
        run: RunId,
        epoch: u32,
        bundle: String,
        opening: Box<Opening>,
    },
    /// A program hears of outcomes.
    Hear {
        run: RunId,
        epoch: u32,
        outcomes: Vec<Outcome>,
    },
    /// Forget a program.
    Drop { run: RunId },
}

/// What a worker answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// Done.
    Done,
    /// What compiling gave.
    Compiled(Compiled),
    /// What the schema made of the args.
    Args(Result<Value, Unread>),
    /// What a program did; `more`: another answer follows.
    Turned { turned: Turned, more: bool },
    /// It has no such program, or none of that epoch.
    Gone,
    /// It does not know the bundle.
    Unknown,
    /// It computed for too long, after it had been at this place, and ends.
    Overdue { place: Option<String> },
}

impl Answer {
    /// Whether the memory of an isolate ran out. Its engine may then have lost track of something, which ends
    /// the process as soon as the engine goes: nothing more is to be asked of it.
    pub(crate) fn tells_of_memory(&self) -> bool {
        let Self::Turned { turned, .. } = self else {
            return false;
        };
        matches!(&turned.end, Some(ProgramEnd::Threw(error)) if error.code == ProgramFault::Memory)
    }
}

/// Why args were not read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unread {
    Unfit(Vec<Wrong>),
    Failed(String),
}

/// An [`ArgError`] on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wrong {
    pointer: String,
    detail: String,
}

impl From<ArgError> for Wrong {
    fn from(error: ArgError) -> Self {
        Self {
            pointer: error.pointer,
            detail: error.detail,
        }
    }
}

impl From<Wrong> for ArgError {
    fn from(wrong: Wrong) -> Self {
        Self {
            pointer: wrong.pointer,
            detail: wrong.detail,
        }
    }
}

/// What compiling a definition gave.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Compiled {
    /// The bundle, as JSON text; `None` when there are errors.
    pub bundle: Option<String>,
    /// What was found.
    pub diagnostics: Vec<Finding>,
    /// The files that were read, relative to the project.
    pub files: Vec<String>,
}

/// A [`Diagnostic`] on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    is_warning: bool,
    code: String,
    message: String,
    help: Option<String>,
    file: String,
    place: [u32; 4],
    excerpt: String,
    excerpt_column: u32,
    pointer: Option<String>,
}

impl From<Diagnostic> for Finding {
    fn from(found: Diagnostic) -> Self {
        Self {
            is_warning: found.severity == Severity::Warning,
            code: found.code.to_owned(),
            message: found.message,
            help: found.help,
            file: found.file,
            place: [found.line, found.column, found.end_line, found.end_column],
            excerpt: found.excerpt,
            excerpt_column: found.excerpt_column,
            pointer: found.pointer,
        }
    }
}

/// Codes that only TypeScript definitions have, and that keep their names on the way.
const CODES: &[&str] = &[
    "syntax",
    "import",
    "definition",
    "unreadable",
    "value_in_command",
    "missing_field",
    "unknown_field",
    "wrong_type",
    "bad_value",
    "bad_schema",
    "duplicate_phase",
    "unknown_phase",
    "out_of_range",
    "bad_duration",
];

impl From<Finding> for Diagnostic {
    fn from(finding: Finding) -> Self {
        let [line, column, end_line, end_column] = finding.place;
        let known = CODES.iter().find(|code| **code == finding.code);
        Self {
            severity: match finding.is_warning {
                true => Severity::Warning,
                false => Severity::Error,
            },
            code: known.copied().unwrap_or("definition"),
            message: finding.message,
            help: finding.help,
            file: finding.file,
            line,
            column,
            end_line,
            end_column,
            excerpt: finding.excerpt,
            excerpt_column: finding.excerpt_column,
            pointer: finding.pointer,
        }
    }
}

/// Writes one frame.
pub(crate) fn write<T: Serialize>(to: &mut impl Write, frame: &T) -> io::Result<()> {
    let mut whole = vec![0; 4];
    serde_json::to_writer(&mut whole, frame)?;
    let length = u32::try_from(whole.len() - 4)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the frame is too long"))?;
    whole[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&whole)?;
    to.flush()
}

/// Reads one frame; `None` at the end.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        let message = "the frame is too long";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut bytes = Vec::with_capacity(length.min(PIECE));
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(serde_json::from_slice(&bytes)?))
}
