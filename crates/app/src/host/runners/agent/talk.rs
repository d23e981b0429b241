//! The conversation with one agent: its lines to its driver, the driver's outputs to the shepherd,
//! the logs and the engine. After a restart of the host the same lines and orders are gone through
//! again, and the conversation goes on where it was.
//!
//! Owns what follows a turn's end (asking again, finishing), and the watchdogs. It decides nothing
//! about the run.

mod verdict;
mod watchdog;

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use baton_agents::{Capabilities, Driver, Failure, FailureKind, Order, Output, Turn};
use baton_core::activity::{Activity, Record, Usage};
use baton_core::ids::AttemptId;
use baton_core::run::decide::News;
use baton_core::run::event::AttemptEnd;
use baton_core::time::Timestamp;
use baton_engine::ports::{Clock, Reports, Word};
use baton_runner::{Conversation, Entry, ExitRecord, Shepherd};
use serde_json::Value;

use super::activities::Activities;
use super::answer;

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
    state: Mutex<State>,
}

struct State {
    attempt: AttemptId,
    driver: Box<dyn Driver>,
    can: Capabilities,
    conversation: Conversation,
    shepherd: Option<Arc<Shepherd>>,
    log: Activities,
    reports: Arc<dyn Reports>,
    clock: Arc<dyn Clock>,
    schema: Option<Value>,
    resumed: bool,
    /// Its first words are said, or known to have been.
    begun: bool,
    /// Where the line being gone through begins.
    offset: u64,
    /// How much of `raw` is known to be there.
    heard: u64,
    /// What is there has been gone through once: decisions may be made.
    caught_up: bool,
    /// Orders given, by what makes each unique.
    given: HashSet<String>,
    /// To be said once what is there has been gone through.
    to_say: Vec<Word>,
    /// Messages said and not confirmed.
    untaken: BTreeSet<u32>,
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
    pub reports: Arc<dyn Reports>,
    pub clock: Arc<dyn Clock>,
    pub schema: Option<Value>,
    pub resumed: bool,
    pub limits: Limits,
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
            reports,
            clock,
            schema,
            resumed,
            limits,
        } = begin;
        let state = State {
            attempt,
            can: driver.capabilities(),
            driver,
            conversation,
            shepherd: None,
            log,
            reports,
            clock,
            schema,
            resumed,
            begun: false,
            offset: 0,
            heard: 0,
            caught_up: false,
            given: HashSet::new(),
            to_say: Vec::new(),
            untaken: BTreeSet::new(),
            open: None,
            last: None,
            value: None,
            asked_again: 0,
            finishing: None,
            parking: None,
            stopping: None,
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
            state: Mutex::new(state),
        }
    }

    /// The agent's process is there, new or taken back: says the first words, unless they were said.
    pub fn begin(&self, shepherd: Arc<Shepherd>) {
        let mut state = self.lock();
        state.shepherd = Some(shepherd);
        state.begin();
    }

    /// So much of the agent's output is there. Then it is told these words, before anything is
    /// decided about the end of its turn.
    pub fn hear(&self, bytes: u64, words: impl IntoIterator<Item = Word>) {
        let mut state = self.lock();
        state.heard = state.heard.max(bytes);
        state.to_say.extend(words);
        if state.go_through() {
            for word in std::mem::take(&mut state.to_say) {
                state.order(&order_of(word));
            }
            state.catch_up();
        }
    }

    /// Something was written to it; what was noted may be read now.
    pub fn said(&self) {
        let mut state = self.lock();
        // Before the first words were heard there is nothing to decide.
        if state.go_through() && state.caught_up {
            state.settle();
        }
    }

    /// Says something to it. What was said before is not said again.
    pub fn say(&self, word: Word) {
        self.lock().order(&order_of(word));
    }

    /// Ends its turn and keeps its session. True when that is under way by its own protocol, else
    /// its process is to be stopped.
    pub fn park(&self) -> bool {
        let mut state = self.lock();
        if state.parking.is_none() {
            state.parking = Some(Instant::now());
            if state.can.interrupt && state.shepherd.is_some() {
                state.order(&Order::Interrupt {});
            }
        }
        state.can.interrupt
    }

    /// Looks at the time.
    pub fn tick(&self) {
        self.lock().tick();
    }

    /// The process is gone: goes through what is left, and says what came of the attempt.
    pub fn end(&self, record: &ExitRecord, parked: bool) -> AttemptEnd {
        let mut state = self.lock();
        state.shepherd = None;
        if !state.begun {
            // It ended while no host was there. The lines answer what was said first.
            state.begin();
        }
        state.conclude(record, parked)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self) {
        self.begun = true;
        let outputs = self.driver.begin();
        self.act(outputs, None);
    }

    /// Goes through what is there; false when it cannot be read now.
    fn go_through(&mut self) -> bool {
        loop {
            match self.conversation.read(self.heard) {
                Ok(entries) if entries.is_empty() => break,
                Ok(entries) => {
                    for entry in entries {
                        self.enter(entry);
                    }
                }
                Err(error) => {
                    let attempt = self.attempt;
                    tracing::warn!(%attempt, %error, "a session's log cannot be read now");
                    return false;
                }
            }
        }
        true
    }

    /// All that was there is known: from now on it is decided what follows.
    fn catch_up(&mut self) {
        if !std::mem::replace(&mut self.caught_up, true) {
            self.tell_usage(true);
        }
        self.settle();
    }

    fn enter(&mut self, entry: Entry) {
        match entry {
            Entry::Line { offset, text } => {
                self.offset = offset;
                self.last_line = Instant::now();
                let outputs = self.driver.line(&text);
                self.act(outputs, None);
            }
            Entry::Said { id: _, note } => {
                let order = note.and_then(|note| serde_json::from_value::<Order>(note).ok());
                if let Some(order) = order
                    && self.given.insert(name(&order))
                {
                    self.note_order(&order);
                    let outputs = self.driver.order(&order);
                    self.act(outputs, Some(&order));
                }
            }
            Entry::TooLong { offset, bytes } => {
                self.offset = offset;
                let message = format!("a line of {bytes} bytes was left out");
                self.record(None, Activity::Error { message });
            }
        }
    }

    /// Gives an order that was not given before.
    fn order(&mut self, order: &Order) {
        if !self.given.insert(name(order)) {
            return;
        }
        let is_deaf = !self.can.steer && self.open.is_none();
        if matches!(order, Order::Tell { .. }) && (is_deaf || self.finishing.is_some()) {
            // At the head of its next prompt; nothing is pretended.
            return;
        }
        self.note_order(order);
        let outputs = self.driver.order(order);
        let writes = outputs.iter().any(|o| matches!(o, Output::Send { .. }));
        if !writes && let Some(shepherd) = &self.shepherd {
            let noted = shepherd.note(&name(order), serde_json::to_value(order).ok());
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
            Order::Finish {} => {
                self.finishing.get_or_insert_with(Instant::now);
            }
            Order::Answer { .. } | Order::Interrupt {} => {}
        }
    }

    fn act(&mut self, outputs: Vec<Output>, order: Option<&Order>) {
        let mut note = order.and_then(|order| serde_json::to_value(order).ok());
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
                    self.reports.news(self.attempt, News::Asked(question));
                }
                Output::Closed { question } => {
                    self.asking.remove(&question);
                    let id = question.clone();
                    self.record(None, Activity::QuestionClosed { id });
                    self.reports.news(self.attempt, News::Closed { question });
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

    fn record(&mut self, parent: Option<String>, activity: Activity) {
        let record = Record {
            offset: self.offset,
            parent,
            activity,
        };
        let at = self.clock.now().to_string();
        self.log.write(&record, &at);
    }

    fn tell_usage(&mut self, at_once: bool) {
        // What is gone through once more was told before; its sums are those of long ago.
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
            let checked = answer::check(schema, text, structured.as_ref());
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

    fn stop(&mut self, why: Stopping) {
        self.stopping.get_or_insert(why);
        if let Some(shepherd) = &self.shepherd {
            shepherd.stop();
        }
    }
}

fn order_of(word: Word) -> Order {
    match word {
        Word::Tell { message, text, now } => Order::Tell { message, text, now },
        Word::Answer { question, answer } => Order::Answer { question, answer },
    }
}

/// What makes an order unique within its attempt.
fn name(order: &Order) -> String {
    match order {
        Order::Tell { message, .. } => format!("tell-{message}"),
        Order::Ask { id, .. } => format!("ask-{id}"),
        Order::Answer { question, .. } => format!("answer-{question}"),
        Order::Interrupt {} => "interrupt".into(),
        Order::Finish {} => "finish".into(),
    }
}
