//! The programs of a host's runs: which worker holds whose isolate, what it was told, and what
//! follows when it dies. A run whose isolate is gone is replayed when it is next to hear something.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::{Duration, Instant};

use baton_core::definition::schema::ArgError;
use baton_core::ids::RunId;
use baton_core::run::big::Big;
use baton_core::run::program::{Ask, Call, CallKind, ProgramEnd, ProgramError, ProgramFault};
use baton_core::run::{Run, Status};
use baton_engine::ports::{ArgsRefused, ArgsReply, Asked, Programs, Reports};
use serde_json::Value;

use crate::history;
use crate::isolate::Turned;
use crate::pool::{Pool, WorkerError};
use crate::protocol::{Answer, Order, Unread};

/// How long an isolate that waits stays in memory.
const IDLE: Duration = Duration::from_secs(5);

/// How often idle isolates are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// The most isolates of a host.
const MOST: usize = 1024;

/// Ends of functions in one commit. Nothing acts on them, and the program was ahead of the disk by as many
/// before they were told.
const TOGETHER: usize = 16;

/// Workers that may die of a run before it is given up.
const DEATHS: u32 = 3;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct ScriptPrograms {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    state: Mutex<State>,
    /// Dropped with it: then the thread that looks for idle isolates ends.
    _alive: Mutex<mpsc::Sender<()>>,
}

#[derive(Default)]
struct State {
    sessions: HashMap<RunId, Session>,
    /// Workers that died of a run.
    deaths: HashMap<RunId, u32>,
}

/// An isolate that a worker holds.
struct Session {
    slot: usize,
    epoch: u32,
    /// Outcomes it was told.
    told: usize,
    used: Instant,
    /// Orders under way.
    busy: usize,
    /// The last call that is known of it, for people.
    after: Option<String>,
}

impl ScriptPrograms {
    /// Programs that run in this pool.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        let (alive, gone) = mpsc::channel();
        let inner = Arc::new(Inner {
            pool,
            state: Mutex::default(),
            _alive: Mutex::new(alive),
        });
        let weak = Arc::downgrade(&inner);
        let thread = std::thread::Builder::new().name("script-idle".into());
        // Without it isolates stay until there are too many.
        let _thread = thread.spawn(move || forget_idle(&weak, &gone));
        Self { inner }
    }

    /// The runs whose isolates are in memory.
    #[must_use]
    pub fn held(&self) -> usize {
        self.inner.lock().sessions.len()
    }

    /// The workers.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.inner.pool
    }
}

/// Drops isolates that wait for long.
fn forget_idle(inner: &Weak<Inner>, gone: &mpsc::Receiver<()>) {
    while gone.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
        let Some(inner) = inner.upgrade() else { return };
        let idle: Vec<RunId> = {
            let state = inner.lock();
            let old = |session: &Session| session.busy == 0 && session.used.elapsed() > IDLE;
            let sessions = state.sessions.iter();
            sessions
                .filter(|(_, session)| old(session))
                .map(|(run, _)| *run)
                .collect()
        };
        for run in idle {
            inner.forget(run);
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops a run's isolate.
    fn forget(&self, run: RunId) {
        let session = self.lock().sessions.remove(&run);
        if let Some(session) = session {
            let nothing = Box::new(|_| {});
            self.pool
                .send(session.slot, Order::Drop { run }, None, nothing);
        }
    }

    /// What a worker said about a run's program.
    fn answered(
        &self,
        run: RunId,
        epoch: u32,
        answer: Result<Answer, WorkerError>,
        reports: &dyn Reports,
    ) {
        let over = !matches!(answer, Ok(Answer::Turned { more: true, .. }));
        if over {
            let mut state = self.lock();
            if let Some(session) = state.sessions.get_mut(&run) {
                session.busy = session.busy.saturating_sub(1);
                session.used = Instant::now();
            }
        }
        match answer {
            Ok(Answer::Turned { turned, more }) => {
                if !more {
                    self.lock().deaths.remove(&run);
                }
                {
                    let mut state = self.lock();
                    if turned.end.is_some() {
                        state.sessions.remove(&run);
                    } else if let Some(ask) = turned.asks.last()
                        && let Some(session) = state.sessions.get_mut(&run)
                    {
                        session.after = Some(named(&ask.call));
                    }
                }
                tell(run, epoch, turned, reports);
            }
            Ok(_) => {
                self.lock().sessions.remove(&run);
                reports.program_lost(run);
            }
            Err(error) => self.died(run, epoch, &error, reports),
        }
    }

    fn died(&self, run: RunId, epoch: u32, error: &WorkerError, reports: &dyn Reports) {
        let (deaths, after) = {
            let mut state = self.lock();
            let session = state.sessions.remove(&run);
            let deaths = state.deaths.entry(run).or_default();
            *deaths += 1;
            (*deaths, session.and_then(|session| session.after))
        };
        let after = after
            .map(|call| format!(" after {call}"))
            .unwrap_or_default();
        tracing::warn!(%run, %error, deaths, "a worker died");
        let code = match error {
            WorkerError::TimedOut(_) => ProgramFault::Time,
            _ if deaths < DEATHS => {
                reports.program_lost(run);
                return;
            }
            _ => ProgramFault::Worker,
        };
        self.lock().deaths.remove(&run);
        let message = match error {
            WorkerError::TimedOut(_) => error.to_string(),
            _ => format!("{deaths} workers died of it{after}: {error}"),
        };
        let error = ProgramError {
            code,
            message,
            step: None,
        };
        reports.asked(
            run,
            Asked {
                epoch,
                from: 0,
                asks: Vec::new(),
                end: Some(ProgramEnd::Threw(error)),
            },
        );
    }
}

/// A call for people: what it is, and where.
fn named(call: &Call) -> String {
    let (what, key, line) = (call.kind.word(), &call.key, &call.line);
    match key.is_empty() {
        true => format!("a {what} ({line})"),
        false => format!("{what} `{key}` ({line})"),
    }
}

/// Gives on what a program did.
fn tell(run: RunId, epoch: u32, turned: Turned, reports: &dyn Reports) {
    for asked in split(epoch, turned, TOGETHER) {
        reports.asked(run, asked);
    }
}

/// What a program did, in commands, each of them a commit with at most so many ends of functions.
pub(crate) fn split(epoch: u32, turned: Turned, most: usize) -> Vec<Asked> {
    let Turned {
        mut from,
        asks,
        end,
    } = turned;
    let mut all = Vec::new();
    let mut batch = Vec::new();
    let mut put = |asks: Vec<Ask>, end| {
        let first = from;
        from += asks.len();
        all.push(Asked {
            epoch,
            from: first,
            asks,
            end,
        });
    };
    let count = asks.len();
    let mut ends = 0;
    for (n, ask) in asks.into_iter().enumerate() {
        ends += usize::from(matches!(
            ask.call.kind,
            CallKind::Function | CallKind::Again
        ));
        batch.push(ask);
        if ends == most && n + 1 < count {
            ends = 0;
            put(std::mem::take(&mut batch), None);
        }
    }
    if !batch.is_empty() || end.is_some() {
        put(batch, end);
    }
    all
}

impl Programs for ScriptPrograms {
    fn go_on(&self, run: &Run, reports: Arc<dyn Reports>) {
        let Some(program) = &run.program else { return };
        let id = run.created.run;
        let goes_on = matches!(&run.status, Status::Running(running) if running.pause.is_none());
        if run.status.is_ended() || program.end.is_some() {
            self.inner.forget(id);
            return;
        }
        if !goes_on {
            return;
        }
        let mut state = self.inner.lock();
        let known = state.sessions.get_mut(&id);
        let (slot, order, bundle) = match known.filter(|session| session.epoch == program.epoch) {
            Some(session) => {
                let outcomes = history::outcomes(run, program, session.told);
                if outcomes.is_empty() {
                    return;
                }
                session.told = program.outcomes.len();
                session.busy += 1;
                let order = Order::Hear {
                    run: id,
                    epoch: program.epoch,
                    outcomes,
                };
                (session.slot, order, None)
            }
            None => {
                if !run.program_may_go_on() {
                    return;
                }
                let slot = match state.sessions.get(&id) {
                    Some(old) => old.slot,
                    None => self.inner.pool.free(),
                };
                let session = Session {
                    slot,
                    epoch: program.epoch,
                    told: program.outcomes.len(),
                    used: Instant::now(),
                    busy: 1,
                    after: program.calls.last().map(|made| named(&made.call)),
                };
                state.sessions.insert(id, session);
                let bundle = &run.created.definition.hash;
                let order = Order::Open {
                    run: id,
                    epoch: program.epoch,
                    bundle: bundle.clone(),
                    opening: Box::new(history::opening(run, program)),
                };
                let text: Arc<str> = match &run.created.source {
                    Big::Here(text) => Arc::clone(text),
                    Big::Elsewhere(_) => return,
                };
                (slot, order, Some((bundle.clone(), text)))
            }
        };
        let oldest = too_many(&state, id);
        drop(state);
        if let Some(oldest) = oldest {
            self.inner.forget(oldest);
        }
        let (inner, epoch) = (Arc::clone(&self.inner), program.epoch);
        // Whoever takes the report may have to start a task, which this thread could not.
        let runtime = tokio::runtime::Handle::try_current().ok();
        let reply = move |answer| {
            let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
            inner.answered(id, epoch, answer, reports.as_ref());
        };
        self.inner.pool.send(slot, order, bundle, Box::new(reply));
    }

    fn read_args(&self, bundle: &Arc<str>, args: Value, reply: ArgsReply) {
        let hash = baton_core::run::big::hash(bundle);
        let slot = self.inner.pool.free();
        let order = Order::Args {
            bundle: hash.clone(),
            args,
        };
        let bundle = Some((hash, Arc::clone(bundle)));
        let mut reply = Some(reply);
        let told = move |answer: Result<Answer, WorkerError>| {
            let read = match answer {
                Ok(Answer::Args(Ok(args))) => Ok(args),
                Ok(Answer::Args(Err(Unread::Unfit(wrong)))) => {
                    let wrong = wrong.into_iter().map(ArgError::from);
                    Err(ArgsRefused::Unfit(wrong.collect()))
                }
                Ok(Answer::Args(Err(Unread::Failed(why)))) => Err(ArgsRefused::Failed(why)),
                Ok(_) => Err(ArgsRefused::Failed("the worker has lost the bundle".into())),
                Err(error) => Err(ArgsRefused::Failed(error.to_string())),
            };
            if let Some(reply) = reply.take() {
                // Whoever asked may be gone.
                let _gone = reply.send(read);
            }
        };
        self.inner.pool.send(slot, order, bundle, Box::new(told));
    }
}

/// The isolate to make room with, when there are too many.
fn too_many(state: &State, but: RunId) -> Option<RunId> {
    if state.sessions.len() <= MOST {
        return None;
    }
    let sessions = state.sessions.iter();
    sessions
        .filter(|(run, session)| **run != but && session.busy == 0)
        .min_by_key(|(_, session)| session.used)
        .map(|(run, _)| *run)
}
