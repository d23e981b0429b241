//! The conversation with one agent: its lines to its driver, the driver's outputs to the shepherd,
//! the logs and the engine. After a restart of the host the same lines and orders are gone through
//! again, and the conversation goes on where it was.
//!
//! Owns what follows a turn's end (asking again, finishing), and the watchdogs. It decides nothing
//! about the run.

mod replay;
mod transcript;
mod verdict;
mod watchdog;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use baton_agents::{Capabilities, Driver, Failure, FailureKind, Order, Output, Turn};
use baton_core::activity::{Activity, Question, Record, Usage};
use baton_core::ids::AttemptId;
use baton_core::run::decide::News;
use baton_core::run::event::AttemptEnd;
use baton_core::time::Timestamp;
use baton_engine::ports::{Clock, Reports, Word};
use baton_runner::{Conversation, ExitRecord, Note, Shepherd};
use serde_json::Value;

use self::replay::name;
use super::activities::Activities;
use super::answer;
use super::commentary::Commentary;
use crate::host::questions::{ASKED_BY_TOOL, Questions};

/// How often an answer that does not fit its schema is asked for again.
const ASK_AGAIN: u32 = 2;

/// How long a turn's end waits for words that were said just before it.
const UNTAKEN: Duration = Duration::from_secs(10);

/// How often sums of tokens and money are told at most.
const USAGE_EVERY: Duration = Duration::from_secs(2);

/// The bounds of a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest it may work; waiting for people does not count.
    pub timeout: Option<Duration>,
    /// How long it has worked already.
    pub worked: Duration,
    /// The longest silence, people not being waited for.
    pub silence: Duration,
    /// The longest time in which its model's service only fails.
    pub retrying: Duration,
}

/// The conversation with one agent. Shared between the thread that waits for its process and those
/// that say something to it.
pub struct Talk {
    can: Capabilities,
    state: Mutex<State>,
    /// What is to be done as soon as nobody is at it: whoever asks never waits for a long log to be
    /// gone through.
    wishes: Mutex<VecDeque<Wish>>,
}

/// What is wanted of a conversation.
enum Wish {
    Say(Word),
    Park,
}

struct State {
    attempt: AttemptId,
    driver: Box<dyn Driver>,
    can: Capabilities,
    conversation: Conversation,
    shepherd: Option<Arc<Shepherd>>,
    log: Activities,
    commentary: Commentary,
    reports: Arc<dyn Reports>,
    clock: Arc<dyn Clock>,
    schema: Option<Value>,
    resumed: bool,
    /// Where the line being gone through begins.
    offset: u64,
    /// How much of `raw` is known to be there.
    heard: u64,
    /// And how much of that was gone through.
    gone_through: u64,
    /// The first words were given to the driver.
    begun: bool,
    /// Questions of the past, told once when all is gone through: only those that are open count.
    past: BTreeMap<String, Option<Question>>,
    /// What is there has been gone through once: decisions may be made.
    caught_up: bool,
    /// Orders given, by what makes each unique.
    given: HashSet<String>,
    /// Messages said and not confirmed.
    untaken: BTreeSet<u32>,
    /// Where the agent keeps its transcript, if it says.
    transcript: Option<String>,
    /// A turn has ended and nothing was decided about it yet.
    open: Option<(Turn, Instant)>,
    /// How the last turn ended.
    last: Option<Turn>,
    /// The checked value of the last answer.
    value: Option<Result<Value, String>>,
    asked_again: u32,
    finishing: Option<Instant>,
    parking: Option<Instant>,
    /// Why its process is being stopped.
    stopping: Option<Stopping>,
    /// What its agent asks through the MCP server.
    questions: Arc<Questions>,
    /// The file with what its agent set as its output, if it did.
    output: PathBuf,
    /// Questions that wait for a person.
    asking: HashSet<String>,
    model: Option<String>,
    usage: Option<Usage>,
    usage_told: Option<(Usage, Instant)>,
    limited: Option<Option<Timestamp>>,
    limits: Limits,
    worked: Duration,
    ticked: Instant,
    last_line: Instant,
    retrying_since: Option<Instant>,
}

#[derive(Debug, Clone)]
enum Stopping {
    Failed(Failure),
    TimedOut,
    Silent,
}

/// What a conversation is made of.
pub struct Begin {
    pub attempt: AttemptId,
    pub driver: Box<dyn Driver>,
    pub conversation: Conversation,
    pub log: Activities,
    pub commentary: Commentary,
    pub reports: Arc<dyn Reports>,
    pub clock: Arc<dyn Clock>,
    pub schema: Option<Value>,
    pub resumed: bool,
    pub limits: Limits,
    /// What its agent asks through the MCP server.
    pub questions: Arc<Questions>,
    /// Where its agent's output is, if it sets it.
    pub output: PathBuf,
    /// What is to be said to it first, once it is known what it has heard.
    pub words: Vec<Word>,
}

impl Talk {
    /// A conversation that has not begun.
    pub fn new(begin: Begin) -> Self {
        let now = Instant::now();
        let Begin {
            attempt,
            driver,
            conversation,
            log,
            commentary,
            reports,
            clock,
            schema,
            resumed,
            limits,
            words,
            questions,
            output,
        } = begin;
        let state = State {
            attempt,
            can: driver.capabilities(),
            driver,
            conversation,
            shepherd: None,
            log,
            commentary,
            reports,
            clock,
            schema,
            resumed,
            offset: 0,
            heard: 0,
            gone_through: 0,
            begun: false,
            past: BTreeMap::new(),
            caught_up: false,
            given: HashSet::new(),
            untaken: BTreeSet::new(),
            transcript: None,
            open: None,
            last: None,
            value: None,
            asked_again: 0,
            finishing: None,
            parking: None,
            stopping: None,
            questions,
            output,
            asking: HashSet::new(),
            model: None,
            usage: None,
            usage_told: None,
            limited: None,
            worked: limits.worked,
            limits,
            ticked: now,
            last_line: now,
            retrying_since: None,
        };
        Self {
            can: state.can,
            state: Mutex::new(state),
            wishes: Mutex::new(words.into_iter().map(Wish::Say).collect()),
        }
    }

    /// The agent's process is there, new or taken back: says the first words, unless they were said.
    pub fn begin(&self, shepherd: Arc<Shepherd>) {
        let mut state = self.lock();
        state.shepherd = Some(shepherd);
        state.begin();
    }

    /// So much of the agent's output is there.
    pub fn hear(&self, bytes: u64) {
        loop {
            let mut state = self.lock();
            state.heard = state.heard.max(bytes);
            if !state.go_through() {
                state.caught_up = true;
                state.tell_past();
                self.grant_all(&mut state);
                state.settle();
                break;
            }
        }
        self.grant();
    }

    /// Something was written to it; what was noted may be read now.
    pub fn said(&self) {
        self.hear(0);
    }

    /// Says something to it. What was said before is not said again; what it has no ear for yet is
    /// said when it has.
    pub fn say(&self, word: Word) {
        self.wish(Wish::Say(word));
    }

    /// Ends its turn and keeps its session. True when that is done by its own protocol, else its
    /// process is to be stopped.
    pub fn park(&self) -> bool {
        let can = self.can.interrupt;
        if can {
            self.wish(Wish::Park);
        }
        can
    }

    /// Looks at the time.
    pub fn tick(&self) {
        if let Ok(mut state) = self.state.try_lock() {
            state.tick();
            let held_back = state.commentary.tick();
            state.comment(held_back);
        }
        self.grant();
    }

    /// The process is gone: goes through what is left, and says what came of the attempt.
    pub fn end(&self, record: &ExitRecord, parked: bool) -> AttemptEnd {
        let mut state = self.lock();
        state.shepherd = None;
        state.conclude(record, parked)
    }

    /// The process is gone without a record: tells what is known of its session all the same.
    pub fn lose(&self) {
        let mut state = self.lock();
        state.shepherd = None;
        let _torn = state.go_to_the_end();
        state.look_into_transcript();
        let held_back = state.commentary.flush();
        state.comment(held_back);
        state.tell_past();
        state.tell_usage(true);
    }

    fn wish(&self, wish: Wish) {
        self.wishes().push_back(wish);
        self.grant();
    }

    /// Does what is wanted, unless somebody is at the conversation: who looks again when done.
    fn grant(&self) {
        while !self.wishes().is_empty() {
            let Ok(mut state) = self.state.try_lock() else {
                return;
            };
            if !state.caught_up || state.shepherd.is_none() {
                return;
            }
            self.grant_all(&mut state);
        }
    }

    fn grant_all(&self, state: &mut State) {
        loop {
            let Some(wish) = self.wishes().pop_front() else {
                return;
            };
            match wish {
                Wish::Say(Word::Tell { message, text, now }) => {
                    state.order(&Order::Tell { message, text, now });
                }
                // Whoever asked it waits for it elsewhere.
                Wish::Say(Word::Answer { question, .. }) if question.starts_with(ASKED_BY_TOOL) => {
                }
                Wish::Say(Word::Answer { question, answer }) => {
                    state.order(&Order::Answer { question, answer });
                }
                Wish::Park => state.park(),
            }
        }
    }

    fn wishes(&self) -> MutexGuard<'_, VecDeque<Wish>> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            let outputs = self.driver.begin();
            self.act(outputs, None);
        }
    }

    fn park(&mut self) {
        if self.parking.is_none() {
            self.parking = Some(Instant::now());
            self.order(&Order::Interrupt {});
        }
    }

    /// Gives an order that was not given before.
    fn order(&mut self, order: &Order) {
        let speaks = matches!(order, Order::Tell { .. } | Order::Ask { .. });
        if speaks && self.finishing.is_some() {
            // Its standard input is closed: at the head of the next prompt.
            return;
        }
        if !self.given.insert(name(order)) {
            return;
        }
        if matches!(order, Order::Tell { .. }) && !self.can.steer && self.open.is_none() {
            // At the head of its next prompt; nothing is pretended.
            return;
        }
        self.note_order(order);
        let outputs = self.driver.order(order);
        let writes = outputs.iter().any(|o| matches!(o, Output::Send { .. }));
        if !writes && let Some(shepherd) = &self.shepherd {
            let noted = shepherd.note(&name(order), self.place(order));
            self.check_said(noted);
        }
        self.act(outputs, Some(order));
    }

    fn note_order(&mut self, order: &Order) {
        match order {
            Order::Tell { message, .. } => {
                self.untaken.insert(*message);
            }
            Order::Ask { .. } => {
                self.asked_again += 1;
                self.open = None;
            }
            Order::Answer { .. } | Order::Interrupt {} | Order::Finish {} => {}
        }
    }

    fn act(&mut self, outputs: Vec<Output>, order: Option<&Order>) {
        let mut note = order.and_then(|order| self.place(order));
        for output in outputs {
            match output {
                Output::Send { id, text } => {
                    if let Some(shepherd) = &self.shepherd {
                        let said = shepherd.say(&id, &text, note.take());
                        self.check_said(said);
                    }
                }
                Output::CloseStdin => {
                    if let Some(shepherd) = &self.shepherd {
                        let _said_again = shepherd.close_stdin();
                    }
                }
                Output::Sigint => {
                    if let Some(shepherd) = &self.shepherd {
                        let _gone = shepherd.interrupt();
                    }
                }
                Output::Activity { parent, activity } => self.see(parent, activity),
                Output::Session { id, transcript } => {
                    if transcript.is_some() {
                        self.transcript.clone_from(&transcript);
                    }
                    self.reports.news(
                        self.attempt,
                        News::Session {
                            session: id,
                            model: self.model.clone(),
                            transcript,
                        },
                    );
                }
                Output::Ask(question) => {
                    self.asking.insert(question.id.clone());
                    self.record(None, Activity::Question(Box::new(question.clone())));
                    if self.caught_up {
                        self.reports.news(self.attempt, News::Asked(question));
                    } else {
                        self.past.insert(question.id.clone(), Some(question));
                    }
                }
                Output::Closed { question } => {
                    self.asking.remove(&question);
                    let id = question.clone();
                    self.record(None, Activity::QuestionClosed { id });
                    if self.caught_up {
                        self.reports.news(self.attempt, News::Closed { question });
                    } else {
                        self.past.insert(question, None);
                    }
                }
                Output::Taken { message } => {
                    self.untaken.remove(&message);
                    self.record(None, Activity::Steered { message });
                    self.reports.news(self.attempt, News::Taken { message });
                }
                Output::Usage(usage) => {
                    self.usage = Some(usage);
                    self.record(None, Activity::Usage(usage));
                    self.tell_usage(false);
                }
                Output::Turn(turn) => {
                    let held_back = self.commentary.flush();
                    self.comment(held_back);
                    self.tell_usage(true);
                    self.retrying_since = None;
                    self.last = Some(turn.clone());
                    self.open = Some((turn, Instant::now()));
                }
                Output::Busy => {
                    self.open = None;
                    self.finishing = None;
                }
                Output::Fatal(failure) => self.stop(Stopping::Failed(failure)),
                Output::Limited { resets_at } => self.limited = Some(resets_at),
            }
        }
    }

    /// What is noted of an order: its driver got it when it had read so far, and gets it there again
    /// in a replay, however much the agent has said that was not read yet.
    fn place(&self, order: &Order) -> Option<Note> {
        let order = serde_json::to_value(order).ok()?;
        let after = Some(self.conversation.read_to());
        Some(Note { order, after })
    }

    fn check_said(&mut self, said: std::io::Result<()>) {
        if let Err(error) = said {
            let message = format!("it could not be told: {error}");
            self.stop(Stopping::Failed(Failure::new(
                FailureKind::Protocol,
                message,
            )));
        }
    }

    /// An activity that the driver saw.
    fn see(&mut self, parent: Option<String>, activity: Activity) {
        match &activity {
            Activity::Session { session, model, .. } => {
                if model.is_some() {
                    self.model.clone_from(model);
                }
                self.reports.news(
                    self.attempt,
                    News::Session {
                        session: session.clone(),
                        model: self.model.clone(),
                        transcript: None,
                    },
                );
            }
            // Said once, when the protocol confirms it: see `Output::Taken`.
            Activity::Steered { .. } => return,
            Activity::ApiRetry { .. } => {
                self.retrying_since.get_or_insert_with(Instant::now);
            }
            Activity::Message { .. }
            | Activity::MessageDelta { .. }
            | Activity::Thinking { .. }
            | Activity::ToolUse(_) => self.retrying_since = None,
            _ => {}
        }
        self.record(parent, activity);
    }

    fn comment(&self, news: impl IntoIterator<Item = News>) {
        for news in news {
            self.reports.news(self.attempt, news);
        }
    }

    fn record(&mut self, parent: Option<String>, activity: Activity) {
        let record = Record {
            offset: self.offset,
            parent,
            activity,
        };
        let is_own = record.parent.is_none();
        let said = self.commentary.see(self.offset, is_own, &record.activity);
        let at = self.clock.now().to_string();
        self.log.write(&record, &at);
        self.comment(said);
    }

    fn tell_usage(&mut self, at_once: bool) {
        let Some(usage) = self.usage.filter(|_| self.caught_up) else {
            return;
        };
        let due = match &self.usage_told {
            None => true,
            Some((told, at)) => *told != usage && (at_once || at.elapsed() >= USAGE_EVERY),
        };
        if due {
            self.usage_told = Some((usage, Instant::now()));
            self.reports.news(self.attempt, News::Used(usage));
        }
    }

    /// Decides what follows a turn's end, once everything that is there was gone through.
    fn settle(&mut self) {
        if !self.caught_up || self.stopping.is_some() {
            return;
        }
        let Some((turn, since)) = self.open.take() else {
            return;
        };
        if !self.untaken.is_empty() && self.parking.is_none() && since.elapsed() < UNTAKEN {
            // It was told something just now: that may begin another turn.
            self.open = Some((turn, since));
            return;
        }
        if let (Turn::Done { text, structured }, Some(schema)) = (&turn, &self.schema) {
            let set = answer::set(&self.output);
            let checked = answer::check(schema, text, set.as_ref().or(structured.as_ref()));
            if let Err(problem) = &checked
                && self.asked_again < ASK_AGAIN
                && self.parking.is_none()
                && self.shepherd.is_some()
            {
                let order = Order::Ask {
                    id: format!("again-{}", self.asked_again + 1),
                    text: answer::again(problem),
                };
                return self.order(&order);
            }
            self.value = Some(checked);
        }
        if self.finishing.is_none() {
            self.finishing = Some(Instant::now());
            // Another turn may come after all; then it is finished again.
            self.given.remove(&name(&Order::Finish {}));
            self.order(&Order::Finish {});
        }
    }
}
