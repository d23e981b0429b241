//! What a session does, in one vocabulary for all agents, and the questions it asks. Owns the stored
//! form of activities (`events.jsonl`); never how an agent says them on its wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Timestamp;

/// One activity of a session, with the agent's line it was read from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Byte offset of the agent's line in `raw.jsonl`: with the attempt it names the activity.
    pub offset: u64,
    /// The tool use (a sub-agent) within which it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub activity: Activity,
}

/// What a session does. Unknown lines are kept: [`Activity::Unknown`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Activity {
    /// The agent's own session is known.
    Session {
        /// Its native id.
        session: String,
        /// The model, as the agent names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// The agent's version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// A turn began.
    TurnStarted {},
    /// Text of the agent, whole.
    Message {
        /// Its text.
        text: String,
    },
    /// A piece of a text that is still coming; the whole follows as [`Activity::Message`].
    MessageDelta {
        /// The piece.
        text: String,
    },
    /// What it thought.
    Thinking {
        /// Its text.
        text: String,
    },
    /// A use of a tool: said again, with the same id, whenever its status changes.
    ToolUse(Box<ToolUse>),
    /// The whole list of todos as it is now.
    Todos {
        /// In their order.
        items: Vec<Todo>,
    },
    /// A plan in prose, put forward for approval or information.
    Plan {
        /// Its text (Markdown).
        text: String,
    },
    /// It asks; the answer is awaited durably.
    Question(Box<Question>),
    /// A question needs no answer any more.
    QuestionClosed {
        /// Its id.
        id: String,
    },
    /// Tokens and money used.
    Usage(Usage),
    /// How it stands with a usage limit.
    RateLimit {
        /// `true`: nothing is answered until the reset.
        rejected: bool,
        /// When it is reset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resets_at: Option<Timestamp>,
        /// Which limit, as the vendor names it (`five_hour`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<String>,
        /// The used share, 0 to 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used: Option<f64>,
    },
    /// The model's service failed and is asked again.
    ApiRetry {
        /// Which try, from 1.
        attempt: u32,
        /// How many there are at most, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<u32>,
        /// The HTTP status, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// In words.
        message: String,
    },
    /// The conversation was shortened to fit the model.
    Compaction {},
    /// A person's words reached the session.
    Steered {
        /// The message's number in the thread.
        message: u32,
    },
    /// A turn ended.
    TurnEnded {
        /// In the agent's words: `completed`, `max_turns`, `interrupted` …
        reason: String,
    },
    /// Something went wrong; the session may go on.
    Error {
        /// In words.
        message: String,
    },
    /// A line of a kind that is not known: kept raw in `raw.jsonl`.
    Unknown {
        /// Its kind, if it says one.
        what: String,
    },
}

/// A use of a tool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ToolUse {
    /// The agent's id of the call.
    pub id: String,
    /// The tool as the agent names it.
    pub name: String,
    /// What it does.
    pub tool: ToolKind,
    /// Where it stands.
    pub status: ToolStatus,
    /// A line for people: the command, the file, the query.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Files it is about, as the agent gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Bytes read or written, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The command it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The command's exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// A unified diff of what it changed (at most 64 KB).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// What it gave, cut to 4 KB; why it failed or was denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// What a tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ToolKind {
    Read,
    Edit,
    Delete,
    Move,
    Search,
    Execute,
    Fetch,
    Think,
    Subagent,
    #[default]
    Other,
}

/// Where a use of a tool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// Asked for, not begun.
    #[default]
    Pending,
    /// At work.
    Running,
    /// Done.
    Success,
    /// Gone wrong.
    Failed,
    /// Not allowed.
    Denied,
}

/// An item of a session's list of todos.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Todo {
    /// What is to be done.
    pub content: String,
    /// Where it stands.
    pub status: TodoStatus,
    /// The same in words for while it is being done ("Reading the code").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_form: Option<String>,
}

/// Where a todo stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum TodoStatus {
    Pending,
    InProgress,
    Completed,
}

/// Tokens and money. Each record holds the sums of this attempt so far: never of the session before
/// it, also where the agent's own numbers are cumulative.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens in, without what came from the cache.
    pub input: u64,
    /// Tokens out.
    pub output: u64,
    /// Tokens read from the cache.
    #[serde(default)]
    pub cache_read: u64,
    /// Tokens written to the cache.
    #[serde(default)]
    pub cache_write: u64,
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// The cost is from list prices, or the tokens from lengths of texts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimate: bool,
    /// Tokens in the model's context now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_used: Option<u64>,
}

impl Usage {
    /// All tokens, in and out.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        let cached = self.cache_read.saturating_add(self.cache_write);
        self.input
            .saturating_add(self.output)
            .saturating_add(cached)
    }
}

/// What a session asks a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The agent's id of it: unique within the attempt.
    pub id: String,
    /// What kind of answer it wants.
    pub asks: Asks,
    /// For people.
    pub text: String,
}

/// What kind of answer a question wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "asks", rename_all = "snake_case")]
pub enum Asks {
    /// May it use this tool? Yes or no, with a reason.
    Permission {
        /// The tool, as the agent names it.
        tool: String,
        /// Its input, cut to 16 KB when shown.
        input: Value,
        /// The agent offers to remember a yes for the session.
        can_remember: bool,
    },
    /// Is this plan approved? Yes or no, with a reason.
    Plan {
        /// Its text (Markdown).
        plan: String,
    },
    /// Choices, or free text, per item.
    Choices {
        /// The questions.
        items: Vec<Choice>,
    },
}

/// One question with its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The question; also the key of its answer.
    pub question: String,
    /// A short title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What can be chosen; empty: free text.
    pub options: Vec<ChoiceOption>,
    /// More than one may be chosen.
    pub multiple: bool,
}

/// See [`Choice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceOption {
    /// What is chosen.
    pub label: String,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// A person's answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Yes, to a permission or plan.
    Approve {
        /// And do not ask again in this session, where the agent offers it.
        #[serde(default)]
        remember: bool,
        /// Words to the agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// No.
    Reject {
        /// Why, to the agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// To choices: the question's text to what was chosen or written.
    Choices {
        /// By question.
        answers: std::collections::BTreeMap<String, Vec<String>>,
    },
}
