//! How the command line ends: its exit codes and its errors.

use std::fmt::Display;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::client;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or detached from a run that goes on.
    Done,
    /// The run failed.
    RunFailed,
    /// Wrong use, or an invalid definition.
    Usage,
    /// The run was cancelled.
    Cancelled,
    /// The run is paused.
    Paused,
    /// No such thing, or not in this state.
    WrongState,
    /// The host or the disk.
    Host,
    /// A second Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::RunFailed => 1,
            Self::Usage => 2,
            Self::Cancelled => 3,
            Self::Paused => 4,
            Self::WrongState => 5,
            Self::Host => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a verb was not carried out.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    problem: Value,
    hint: Option<String>,
}

impl Failure {
    fn new(exit: Exit, code: &str, title: &str, detail: impl Display) -> Self {
        Self {
            exit,
            problem: json!({"type": "about:blank", "title": title, "code": code, "detail": detail.to_string()}),
            hint: None,
        }
    }

    /// Wrong use of the command line.
    pub fn usage(detail: impl Display) -> Self {
        Self::new(Exit::Usage, "usage", "Usage", detail)
    }

    /// Something named does not exist.
    pub fn not_found(detail: impl Display) -> Self {
        Self::new(Exit::WrongState, "not_found", "Not found", detail)
    }

    /// Something is not in the state this needs.
    pub fn wrong_state(detail: impl Display) -> Self {
        Self::new(Exit::WrongState, "invalid_state", "Wrong state", detail)
    }

    /// A file or terminal that cannot be read or written.
    pub fn disk(detail: impl Display) -> Self {
        Self::new(Exit::Host, "disk", "Disk error", detail)
    }

    /// With a next step for people.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With all that is wrong, each with where.
    #[must_use]
    pub fn errors<'e>(mut self, errors: impl Iterator<Item = (&'e str, &'e str)>) -> Self {
        let errors = errors.map(|(pointer, detail)| json!({"pointer": pointer, "detail": detail}));
        self.problem["errors"] = errors.collect();
        self
    }

    /// What is wrong, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.problem["detail"].as_str().unwrap_or_default()
    }

    /// Says it on stderr and gives the exit code.
    pub fn report(&self, as_json: bool) -> ExitCode {
        if as_json {
            eprintln!("{}", self.problem);
        } else {
            eprintln!("error: {}", self.detail());
            for error in self.problem["errors"].as_array().into_iter().flatten() {
                let pointer = error["pointer"].as_str().unwrap_or_default();
                let detail = error["detail"].as_str().unwrap_or_default();
                if pointer.is_empty() {
                    eprintln!("  {detail}");
                } else {
                    eprintln!("  {pointer}: {detail}");
                }
            }
            if let Some(hint) = &self.hint {
                eprintln!("hint: {hint}");
            }
        }
        self.exit.into()
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        let exit = match error.status() {
            Some(400 | 413 | 415 | 422) => Exit::Usage,
            Some(401 | 403 | 404 | 409) => Exit::WrongState,
            Some(_) | None => Exit::Host,
        };
        Self {
            exit,
            problem: error.to_json(),
            hint: None,
        }
    }
}
