//! What an attempt is asked to do, evaluated from the run's state: never stored, made again at
//! recovery.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::definition::template::{EnvPart, Program};

/// The work of one attempt. Agents come with part 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A command in a child process.
    Script(ScriptWork),
}

/// A command in a child process, ready but for its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptWork {
    /// What is run.
    pub program: Program,
    /// Relative to the run's directory; checked not to leave it.
    pub cwd: Option<String>,
    /// The environment over that of the run; later entries win. Secrets are put in at launch.
    pub env: BTreeMap<String, Vec<EnvPart>>,
    /// The longest it may run.
    pub timeout: Option<Duration>,
    /// Named outputs over `stdout`, `stderr`, `exit_code`.
    pub outputs: BTreeMap<String, String>,
    /// Globs of files to keep.
    pub artifacts: Vec<String>,
}
