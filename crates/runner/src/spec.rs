//! What a shepherd is told to run. Owns the shape of the specification, sent over the shepherd's
//! stdin; it holds secrets and is never written to disk or shown by `Debug`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The version of the specification; changes are additions, so it stays 1.
pub(crate) const VERSION: u32 = 1;

/// Everything a shepherd needs to run one attempt.
#[derive(Clone, Serialize, Deserialize)]
pub struct AttemptSpec {
    /// Always 1.
    pub v: u32,
    /// The attempt's id; must equal the name of the attempt's directory.
    pub attempt: String,
    /// The generation of the host that starts the attempt; hosts with a lower one are refused.
    pub generation: u64,
    /// Absolute path of the binary that starts a host again when none is connected. Empty: no
    /// host is ever started.
    pub host_binary: PathBuf,
    /// The words after `host_binary`, such as `host --data-dir DIR`.
    pub host_args: Vec<String>,
    /// How long a shepherd without a host waits before it starts one; later ones back off. A
    /// random part of up to as much again is added, so that many shepherds do not do it at once.
    #[serde(default = "default_host_restart_ms")]
    pub host_restart_ms: u64,
    /// What to run.
    pub program: Program,
    /// The directory to run it in; must exist.
    pub cwd: PathBuf,
    /// The complete environment of the child; `BATON_ATTEMPT` and `BATON_OUTPUT` are added.
    pub env: BTreeMap<String, String>,
    /// Values shown as `***` in everything captured, see [`crate::mask::Masker`].
    pub secrets: Vec<String>,
    /// Where `output.log` and `events.jsonl` are written (appended to); made when missing.
    pub log_dir: PathBuf,
    /// `output.log` is cut after so many bytes of this attempt; the attempt goes on.
    pub log_max_bytes: u64,
    /// How long the attempt may run before it is stopped; none: for ever.
    pub timeout_ms: Option<u64>,
    /// How long the attempt may go on without a host before it is stopped.
    pub orphan_grace_ms: u64,
    /// The pauses of a stop.
    pub stop_grace_ms: StopGrace,
    /// The child's standard input.
    pub stdin: Stdin,
    /// The conversation to keep with the child; none: its standard output is output like any.
    #[serde(default)]
    pub session: Option<SessionSpec>,
}

/// A conversation with an agent: what it says on its standard output, and when it was told what.
/// Both files outlive the host, so that the next one reads them with [`crate::Conversation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSpec {
    /// Where the child's standard output goes, as it came and masked, instead of `output.log`.
    /// Appended to; made with mode 0600 when missing, and its directory too. On a full disk
    /// nothing is left out: the child waits.
    pub raw: PathBuf,
    /// Where it is noted which orders were given and when: `{"id", "after", "note", "at"}`, one a
    /// line, with `after` the length of `raw` at that moment. An order's text is never in it, as it
    /// may hold secrets; its note is written as it is, and must hold none.
    pub said: PathBuf,
    /// The attempt is stopped as `raw_limit` once it has written more to `raw`; 0: never.
    #[serde(default = "SessionSpec::default_raw_max_bytes")]
    pub raw_max_bytes: u64,
    /// The child's standard output is `raw` itself, for programs that lose output on a pipe. Then
    /// **nothing in it is masked**, it may exceed the limit by what is written in 50 ms, and
    /// growth is noticed that much later.
    #[serde(default)]
    pub stdout_to_file: bool,
}

impl SessionSpec {
    /// The usual [`SessionSpec::raw_max_bytes`]: 1 GiB.
    pub const RAW_MAX_BYTES: u64 = 1 << 30;

    fn default_raw_max_bytes() -> u64 {
        Self::RAW_MAX_BYTES
    }
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// A text for `/bin/sh -ec`.
    Shell(String),
    /// A program, looked up in the child's `PATH`, and its arguments. No shell is involved.
    Words(Vec<String>),
}

/// The pauses of a stop: SIGINT, pause, SIGTERM, pause, SIGKILL until nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopGrace {
    /// Milliseconds between SIGINT and SIGTERM; 0 skips SIGINT.
    pub int_to_term: u64,
    /// Milliseconds between SIGTERM and SIGKILL.
    pub term_to_kill: u64,
}

/// The child's standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdin {
    /// `/dev/null`.
    Null,
    /// A pipe held by the shepherd, open also while no host is there; written to by
    /// [`crate::Shepherd::say`] and [`crate::Shepherd::write_stdin`].
    Pipe,
}

fn default_host_restart_ms() -> u64 {
    1_000
}

impl fmt::Debug for AttemptSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptSpec")
            .field("attempt", &self.attempt)
            .field("generation", &self.generation)
            .field("cwd", &self.cwd)
            .field("log_dir", &self.log_dir)
            .finish_non_exhaustive()
    }
}
