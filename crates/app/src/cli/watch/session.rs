//! One watched run: the feed, the keys and the signals in, frames or lines out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::agent::{self, Live};
use super::output::{self, Of, Tail, follow};
use super::plain::{self, Plain};
use super::prompt::{Act, Prompt, Target};
use super::screen::{self, Input, Screen};
use super::view::{RunView, StepView};
use super::{Show, changes_view, ending, is_last, line, now, tree};
use crate::cli::context::{Context, print_line};
use crate::cli::exit::{Exit, Failure};
use crate::cli::text::safe;
use crate::client::feed::{Feed, Said};
use crate::client::{Client, Error};

/// Between two frames, and between two readings of the run.
const FRAME: Duration = Duration::from_millis(100);

/// How long the last output of a finished run is waited for.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What comes in from tasks.
enum Came {
    Feed(Result<Said, Error>),
    Run(Result<Value, Error>),
    Acted(Result<(), Error>),
}

/// Watches a run until it ends, is paused, or the person goes. `after` is the position after which
/// events are wanted; without, only what comes from now on.
pub async fn watch(
    context: &Context,
    client: &Client,
    run: &Value,
    show: Show,
    after: Option<u64>,
) -> Result<Exit, Failure> {
    let (came, mut comes) = unbounded_channel();
    let (tail, mut tails) = unbounded_channel();
    let (screen, mut keys) = match show {
        Show::Tree => {
            let (screen, keys) = Screen::take(context.color).map_err(Failure::disk)?;
            (Some(screen), Some(keys))
        }
        Show::Lines | Show::Json => (None, None),
    };
    let mut session = Session {
        client: client.clone(),
        run: RunView::from_json(run),
        show,
        screen,
        prompt: Prompt::default(),
        plain: Plain::default(),
        lines: HashMap::new(),
        live: HashMap::new(),
        open: HashSet::new(),
        queue: VecDeque::new(),
        came: came.clone(),
        tail,
        notice: None,
        dirty: false,
        reading: false,
        cancelled_by_signal: false,
        last_event: false,
        tasks: JoinSet::new(),
        over: None,
    };
    let topic = format!("run:{}", session.run.id);
    let feed = Feed::new(client.clone(), topic, after);
    session.tasks.spawn(pump(feed, came));
    let mut signals = Signals::new().map_err(Failure::disk)?;
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    session.update();
    loop {
        if let Some(exit) = session.ended() {
            return Ok(session.leave(exit, &mut tails).await);
        }
        let left = tokio::select! {
            Some(came) = comes.recv() => session.take(came)?,
            Some(tail) = tails.recv() => { session.output(tail); None }
            Some(input) = next_key(keys.as_mut()) => session.input(input),
            kind = signals.next() => session.signal(kind),
            _ = frames.tick() => { session.frame(); None }
        };
        if let Some(exit) = left {
            session.screen = None;
            eprintln!(
                "{}",
                ending::of_watch(&session.run, exit, session.cancelled_by_signal)
            );
            return Ok(exit);
        }
    }
}

async fn next_key(keys: Option<&mut UnboundedReceiver<Input>>) -> Option<Input> {
    match keys {
        Some(keys) => keys.recv().await,
        None => std::future::pending().await,
    }
}

async fn pump(mut feed: Feed, to: UnboundedSender<Came>) {
    loop {
        let said = feed.next().await;
        let over = said.is_err();
        if to.send(Came::Feed(said)).is_err() || over {
            return;
        }
    }
}

/// The signals that end a watch.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hang_up.recv() => SignalKind::hangup(),
        }
    }
}

struct Session {
    client: Client,
    run: RunView,
    show: Show,
    screen: Option<Screen>,
    prompt: Prompt,
    plain: Plain,
    /// The last line of each step (id).
    lines: HashMap<String, String>,
    /// What each agent step (id) is at.
    live: HashMap<String, Live>,
    /// Steps whose output is not at its end.
    open: HashSet<String>,
    /// What is to be said when the output before it has been.
    queue: VecDeque<plain::Said>,
    came: UnboundedSender<Came>,
    tail: UnboundedSender<Tail>,
    notice: Option<(String, Instant)>,
    dirty: bool,
    reading: bool,
    cancelled_by_signal: bool,
    /// The event that says it is over was printed.
    last_event: bool,
    /// All that runs beside the loop; ends with the session.
    tasks: JoinSet<()>,
    /// Since when the run is known to be over.
    over: Option<Instant>,
}

impl Session {
    fn take(&mut self, came: Came) -> Result<Option<Exit>, Failure> {
        match came {
            Came::Feed(Ok(Said::Event(event))) => self.event(&event),
            Came::Feed(Ok(Said::Connected | Said::Resync)) => self.dirty = true,
            Came::Feed(Ok(Said::Reconnecting)) => self.note("the host is gone; starting another"),
            Came::Run(Ok(mut body)) => {
                self.reading = false;
                self.run = RunView::from_json(&body["data"].take());
                self.update();
            }
            Came::Run(Err(error)) if error.is_gone() => (self.reading, self.dirty) = (false, true),
            Came::Acted(Ok(())) => self.dirty = true,
            Came::Acted(Err(error)) => self.note(&error.to_string()),
            Came::Feed(Err(error)) | Came::Run(Err(error)) => {
                self.screen = None;
                return Err(error.into());
            }
        }
        Ok(None)
    }

    fn event(&mut self, event: &Value) {
        self.dirty |= changes_view(event);
        if self.show == Show::Json {
            print_line(&event.to_string());
            self.last_event |= is_last(event);
        }
        let data = &event["data"];
        if event["type"] == "workflow.step.activity" {
            agent::take(&mut self.live, data);
        }
        if let (Some(step), Some(output)) = (data["step_id"].as_str(), data["output"].as_str())
            && let Some(line) = output.lines().rev().find(|line| !line.trim().is_empty())
        {
            self.lines.insert(step.to_owned(), line.to_owned());
        }
    }

    /// The run was read anew.
    fn update(&mut self) {
        self.run.keep_lines(&self.lines);
        self.run.keep_live(&self.live);
        if self.show != Show::Lines {
            return;
        }
        self.queue.extend(self.plain.changes(&self.run, now()));
        self.say();
    }

    /// Prints what is queued, up to the end of a step whose output is still being read. A step's
    /// output is read from when its start is printed: so each is told in its order.
    fn say(&mut self) {
        while let Some(said) = self.queue.pop_front() {
            if said.after.as_ref().is_some_and(|id| self.open.contains(id)) {
                self.queue.push_front(said);
                return;
            }
            print_line(&said.text);
            if let Some(id) = said.before {
                self.open.insert(id.clone());
                let of = self.followed(&id);
                let (client, tail) = (self.client.clone(), self.tail.clone());
                self.tasks.spawn(follow(client, id, of, tail));
            }
        }
    }

    /// Of an agent what it does: what it prints says less.
    fn followed(&self, id: &str) -> Of {
        let step = self.run.steps.iter().find(|step| step.id == id);
        let prints = |step: &StepView| {
            step.kind != "agent" || step.agent.as_ref().is_some_and(|agent| agent.only_prints())
        };
        match step.is_none_or(prints) {
            true => Of::Output,
            false => Of::Session(output::Session::new(&self.run.path)),
        }
    }

    fn output(&mut self, tail: Tail) {
        match tail {
            Tail::Line(id, line) => {
                let step = self.run.steps.iter().find(|step| step.id == id);
                let key = step.map_or(id.as_str(), |step| step.key.as_str());
                print_line(&format!("{key} | {}", safe(&line)));
            }
            Tail::End(id) => {
                self.open.remove(&id);
                self.say();
            }
        }
    }

    fn frame(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        if self.dirty && !self.reading {
            (self.dirty, self.reading) = (false, true);
            let path = format!("/api/workflow-executions/{}", self.run.id);
            let (client, came) = (self.client.clone(), self.came.clone());
            self.tasks.spawn(async move {
                let _gone = came.send(Came::Run(client.get(&path).await));
            });
        }
        self.run.keep_lines(&self.lines);
        self.run.keep_live(&self.live);
        self.draw(true);
    }

    fn draw(&mut self, asking: bool) {
        let Some(screen) = &mut self.screen else {
            return;
        };
        let mut size = screen::size();
        let mut below = Vec::new();
        if asking {
            if let Some((text, _)) = self
                .notice
                .as_ref()
                .filter(|(_, until)| *until > Instant::now())
            {
                let line = line::Line::new().with(line::Style::Plain, " ");
                below.push(line.with(line::Style::Asks, text));
            }
            below.push(self.prompt.line(&self.run));
        }
        size.rows = size.rows.saturating_sub(below.len() + 1);
        let mut lines = tree::render(&self.run, size, now());
        let columns = size.columns.saturating_sub(1);
        lines.extend(below.into_iter().map(|line| line.cut(columns)));
        screen.draw(&lines);
    }

    fn note(&mut self, text: &str) {
        match self.show {
            Show::Tree => {
                self.notice = Some((text.to_owned(), Instant::now() + Duration::from_secs(5)))
            }
            Show::Lines => eprintln!("baton: {text}"),
            Show::Json => {}
        }
    }

    fn input(&mut self, input: Input) -> Option<Exit> {
        match input {
            Input::Resize => {
                if let Some(screen) = &mut self.screen {
                    screen.invalidate();
                }
                None
            }
            Input::Key(key) => {
                let act = self.prompt.key(key, &self.run);
                self.draw(true);
                self.act(act?)
            }
        }
    }

    /// With a terminal, Ctrl-C asks and the other signals detach; without, they cancel.
    fn signal(&mut self, kind: SignalKind) -> Option<Exit> {
        if self.show == Show::Tree {
            return match kind {
                kind if kind == SignalKind::interrupt() => {
                    let act = self.prompt.interrupt()?;
                    self.act(act)
                }
                _ => self.act(Act::Detach),
            };
        }
        if kind == SignalKind::hangup() {
            return Some(Exit::Done);
        }
        if self.cancelled_by_signal {
            return Some(Exit::Interrupted);
        }
        self.cancelled_by_signal = true;
        self.act(Act::Cancel)
    }

    fn act(&mut self, act: Act) -> Option<Exit> {
        let run = &self.run.id;
        let (path, body) = match act {
            Act::Detach => return Some(Exit::Done),
            Act::Interrupt => return Some(Exit::Interrupted),
            Act::Suspend => {
                if let Some(screen) = &mut self.screen {
                    screen.suspend();
                }
                return None;
            }
            Act::Pause => (format!("/api/workflow-executions/{run}/pause"), json!({})),
            Act::Cancel => (format!("/api/workflow-executions/{run}/cancel"), json!({})),
            Act::Approve(target) => of_step(&target, "approve", json!({})),
            Act::Reject(target, reason) if reason.is_empty() => {
                of_step(&target, "reject", json!({}))
            }
            Act::Reject(target, reason) => of_step(&target, "reject", json!({"message": reason})),
            Act::Answer(target, given) => of_step(&target, "answer", json!({"answers": given})),
        };
        let (client, came) = (self.client.clone(), self.came.clone());
        self.tasks.spawn(async move {
            let done = client.post(&path, &body).await.map(drop);
            let _gone = came.send(Came::Acted(done));
        });
        None
    }

    fn ended(&mut self) -> Option<Exit> {
        let exit = match self.run.status.as_str() {
            "completed" => Exit::Done,
            "failed" => Exit::RunFailed,
            "cancelled" => Exit::Cancelled,
            "paused" => Exit::Paused,
            _ => return None,
        };
        let since = *self.over.get_or_insert_with(Instant::now);
        let events_due = self.show == Show::Json && !self.last_event;
        (!events_due || since.elapsed() > LAST_WORDS).then_some(exit)
    }

    /// Prints what is still to come, and how it ended.
    async fn leave(mut self, exit: Exit, tails: &mut UnboundedReceiver<Tail>) -> Exit {
        self.draw(false);
        self.screen = None;
        let deadline = Instant::now() + LAST_WORDS;
        while !(self.open.is_empty() && self.queue.is_empty()) && exit != Exit::Paused {
            tokio::select! {
                Some(tail) = tails.recv() => self.output(tail),
                () = sleep_until(deadline) => break,
            }
        }
        self.queue.iter().for_each(|said| print_line(&said.text));
        if self.show != Show::Json {
            print_line(&ending::of_run(&self.run, exit));
        }
        exit
    }
}

/// Where and what is posted to answer a step; of an agent, only the question that was seen.
fn of_step(target: &Target, verb: &str, mut body: Value) -> (String, Value) {
    if let Some(question) = &target.question {
        body["question_id"] = json!(question);
    }
    (format!("/api/workflow-steps/{}/{verb}", target.step), body)
}
