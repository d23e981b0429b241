//! What a run can be told.

use serde_json::Value;

use super::super::event::{
    Action, Actor, Artifact, AttemptEnd, ChildOutcome, Finished, Key, PauseReason, Place,
    RunCreated,
};
use super::super::program::{Ask, ProgramEnd};
use crate::activity::{Answer, Question, Usage};
use crate::ids::{ArtifactId, AttemptId, RunId};

/// What a run can be told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Begin to exist. Its facts were checked with [`super::unavailable`] and [`super::unfit`].
    Start(Box<RunCreated>),
    /// An attempt and its whole tree are gone.
    AttemptEnded {
        /// Which.
        attempt: AttemptId,
        /// How.
        end: AttemptEnd,
    },
    /// An attempt in flight says something of itself.
    Hear {
        /// Which.
        attempt: AttemptId,
        /// What.
        news: News,
    },
    /// An isolated item's work was merged into the run's files, or does not fit them.
    Merged {
        /// The item.
        key: Key,
        /// The number of its worktree ([`super::super::Apart::number`]).
        number: u32,
        /// What became of it.
        outcome: Finished,
    },
    /// An ended run's branch was finished.
    FilesFinished {
        /// What became of it.
        outcome: Finished,
    },
    /// A person's answer to a session's question.
    Reply {
        /// The step's key or id; `None` when only one asks.
        step: Option<String>,
        /// The question's id; `None` when only one is open.
        question: Option<String>,
        /// The answer.
        answer: Answer,
        /// Who.
        by: Actor,
    },
    /// Look at the time.
    Tick,
    /// Start nothing new; be paused when no process runs.
    Pause {
        /// In words.
        detail: Option<String>,
        /// Why.
        reason: PauseReason,
        /// Agents are interrupted; else their steps end first.
        immediate: bool,
        /// Who.
        by: Actor,
    },
    /// Go on, or go back and go on from there.
    Resume {
        /// Where to go back to; `None`: nowhere.
        from: Option<ResumeFrom>,
        /// An instruction to go with it.
        text: Option<String>,
        /// Who.
        by: Actor,
    },
    /// End all processes, then be cancelled.
    Cancel {
        /// In words.
        reason: Option<String>,
        /// Who.
        by: Actor,
    },
    /// Yes or no to a step that waits for it.
    Answer {
        /// The step's key or id; `None` when only one waits.
        step: Option<String>,
        /// Yes.
        approved: bool,
        /// In words.
        message: Option<String>,
        /// Who.
        by: Actor,
    },
    /// End a step's wait (timer or backoff) now.
    SkipWait {
        /// The step's key or id.
        step: String,
        /// Who.
        by: Actor,
    },
    /// Say something in the thread.
    Post {
        /// What.
        content: String,
        /// What it does.
        action: Action,
        /// The step it is about: key or id.
        step: Option<String>,
        /// As the client gave it.
        metadata: Option<Value>,
        /// Who.
        by: Actor,
    },
    /// The concurrency key has a place for it.
    SlotGranted {
        /// The request that it answers, if that was noted.
        request: Option<u32>,
    },
    /// The concurrency key has none and the definition says to reject.
    SlotRefused {
        /// The request that it answers, if that was noted.
        request: Option<u32>,
        /// For people.
        detail: String,
    },
    /// A newer run takes its place in the concurrency key.
    SlotTaken {
        /// The request that gave it the place, if that was noted.
        request: Option<u32>,
    },
    /// A child run ended, or never began.
    ChildEnded {
        /// The step.
        key: Key,
        /// The child.
        child: RunId,
        /// How.
        outcome: ChildOutcome,
    },
    /// The run's program made calls, and may have ended.
    Asked {
        /// Of the past it knows.
        epoch: u32,
        /// The number of the first call.
        from: usize,
        /// The calls, in order.
        asks: Vec<Ask>,
        /// Its end.
        end: Option<ProgramEnd>,
    },
    /// The run that takes this one's place exists, by this number, or cannot.
    Redirected {
        /// Its number, or why not.
        outcome: Result<u64, String>,
    },
    /// Nothing of the run whose place this one takes runs any more.
    PredecessorEnded,
    /// A file was brought for a step.
    AddArtifact(Box<Artifact>),
    /// A file belongs to a message, by its number in the run.
    Attach {
        /// The file.
        artifact: ArtifactId,
        /// The message.
        message: u32,
    },
    /// A file belongs to no message any more.
    Detach {
        /// The file.
        artifact: ArtifactId,
    },
    /// A message of the outbox arrived.
    Delivered {
        /// Its number.
        message: u32,
    },
}

/// What an attempt in flight says of itself. Repeats change nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Its agent's own session is known.
    Session {
        /// The native id.
        session: String,
        /// The model, as the agent names it.
        model: Option<String>,
        /// Where the agent keeps its transcript.
        transcript: Option<String>,
    },
    /// The session asks a person and waits.
    Asked(Question),
    /// A question needs no answer any more.
    Closed {
        /// Its id.
        question: String,
    },
    /// The sums of what this attempt used so far.
    Used(Usage),
    /// The session confirmed that this message arrived.
    Taken {
        /// The message's number.
        message: u32,
    },
    /// Something that people should know, for the thread.
    Note {
        /// What.
        content: String,
    },
    /// What an agent did, for the thread; said once for each place.
    Comment {
        /// Where in its conversation.
        place: Place,
        /// In words.
        content: String,
        /// Facts beside them.
        metadata: Value,
    },
    /// The files that the step's `artifacts` name.
    Artifacts {
        /// In their order; their ids are made for each attempt and name.
        files: Vec<Artifact>,
    },
    /// The run's files as the attempt left them: a git commit.
    Files {
        /// Its id.
        commit: String,
    },
}

/// Where a rewind goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResumeFrom {
    /// Before this step (key or id).
    Step(String),
    /// This checkpoint.
    Checkpoint(u32),
}
