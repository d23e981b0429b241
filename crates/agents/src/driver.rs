//! The one trait all agents are driven by.

use baton_core::activity::{Activity, Answer, Question, Usage};
use baton_core::time::Timestamp;

use crate::outcome::{Failure, Turn};

/// What an agent can do; what it cannot is said to people, not faked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// A message reaches it while it works.
    pub steer: bool,
    /// A turn can be ended and the session kept.
    pub interrupt: bool,
    /// It asks before it acts, and waits for the answer.
    pub approve: bool,
    /// A session can go on under a new id.
    pub fork: bool,
    /// A session can go on in a new process.
    pub resume: bool,
    /// It says what it cost.
    pub cost: bool,
    /// It says its todos.
    pub todos: bool,
    /// It says when a usage limit is reset.
    pub limits: bool,
    /// It takes a JSON Schema for its answer.
    pub schema: bool,
}

/// One session of one agent: lines in, outputs out. Never blocks, never fails: what it does not
/// understand is [`Activity::Unknown`].
pub trait Driver: Send {
    /// What the agent can do.
    fn capabilities(&self) -> Capabilities;

    /// What is to be said when the process has started.
    fn begin(&mut self) -> Vec<Output>;

    /// A whole line of the agent's standard output, without its end.
    fn line(&mut self, line: &str) -> Vec<Output>;

    /// A wish of the host. What the agent cannot do gives no output; ask [`Driver::capabilities`]
    /// first.
    fn order(&mut self, order: &Order) -> Vec<Output>;

    /// The process is gone and all its lines were given. The last word on its last turn, when
    /// [`Output::Turn`] was not said since it began.
    fn ended(&mut self, exit: &Exit) -> Vec<Output>;
}

/// A wish of the host to a session.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Words of a person (a message of the thread) to the session while it works, or, between
    /// turns, the begin of a new one.
    Tell {
        /// The message's number; it is part of the text as `[message 12]`.
        message: u32,
        /// What to say.
        text: String,
        /// Before the agent does anything more, where it can tell the difference.
        now: bool,
    },
    /// Words of Baton itself: begins a new turn (an answer that does not fit its schema).
    Ask {
        /// Makes it unique within the attempt.
        id: String,
        /// What to say.
        text: String,
    },
    /// The answer to a question.
    Answer {
        /// The question's id.
        question: String,
        /// What the person said.
        answer: Answer,
    },
    /// End the turn; the session is kept.
    Interrupt {},
    /// Nothing more will be said: let the agent end by itself.
    Finish {},
}

/// What a driver wants done or known.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Write this to the agent's standard input, unless this id was written before in this attempt:
    /// after a crash the same outputs come again.
    Send {
        /// Unique within the attempt, the same in every replay.
        id: String,
        /// With its line end.
        text: String,
    },
    /// End the agent's standard input.
    CloseStdin,
    /// Send the process SIGINT: its only way to be interrupted.
    Sigint,
    /// Something to show; `parent` is the tool use of the sub-agent that did it.
    Activity {
        /// Within which sub-agent.
        parent: Option<String>,
        /// What happened.
        activity: Activity,
    },
    /// The native session is known. Comes again when it changes.
    Session {
        /// Its id.
        id: String,
        /// Where the agent keeps its transcript, if it says.
        transcript: Option<String>,
    },
    /// A person must answer; the agent waits. [`Activity::Question`] is not said beside it.
    Ask(Question),
    /// A question needs no answer any more (answered, or its turn ended).
    Closed {
        /// Its id.
        question: String,
    },
    /// The agent's protocol confirmed that this message arrived.
    Taken {
        /// Its number.
        message: u32,
    },
    /// The sums of this attempt so far. [`Activity::Usage`] is not said beside it.
    Usage(Usage),
    /// The turn has ended. Between turns the agent waits for [`Order::Ask`], [`Order::Tell`] or
    /// [`Order::Finish`]. More turns may begin by themselves (Claude's background agents).
    Turn(Turn),
    /// The session cannot go on, whatever its process does: it should be stopped (a wrong key that
    /// would be tried for three minutes).
    Fatal(Failure),
    /// The agent has become busy by itself after a turn's end: the last [`Output::Turn`] was not the
    /// last.
    Busy,
    /// A usage limit was reached: nothing will be answered until then.
    Limited {
        /// When it is reset, if known.
        resets_at: Option<Timestamp>,
    },
}

/// How an agent's process ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exit {
    /// Its exit code, when it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The last 64 KB of its standard error.
    pub stderr: String,
    /// What was left of a last line without an end.
    pub rest: String,
}
