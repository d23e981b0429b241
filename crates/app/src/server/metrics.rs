//! What the server counts about itself, for `/metrics`. Counts of runs are asked of the views when
//! somebody looks; the rest is counted as commits and requests go by, from the host's start.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State as Given};
use axum::middleware::Next;
use axum::response::Response;
use baton_core::activity::Usage;
use baton_core::ids::AttemptId;
use baton_core::run::event::{AttemptEnd, Event};
use baton_engine::Commit;
use baton_store::Views;
use baton_store::views::{RunFilter, STATUSES, StepRow};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::error::{Answer, Problem};
use crate::host::{Host, now};
use crate::traces::Counts;

/// Running runs that are looked at for live agents, at most.
const MOST: usize = 200;

/// From a millisecond to some seconds.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Status {
    status: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    method: String,
    path: String,
    status: u16,
}

/// See the module.
pub struct Metrics {
    registry: Registry,
    runs: Family<Status, Gauge>,
    live_agents: Gauge,
    commits: Counter,
    commit_seconds: Histogram,
    steps: Family<Status, Counter>,
    attempts: Family<Status, Counter>,
    tokens: Family<Kind, Counter>,
    cost: Counter<f64, AtomicU64>,
    requests: Family<Asked, Counter>,
    request_seconds: Histogram,
    /// What became of spans.
    pub traces: Counts,
    /// What attempts that go on have used so far.
    used: Mutex<HashMap<AttemptId, Usage>>,
}

impl Metrics {
    fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("baton"),
            runs: Family::default(),
            live_agents: Gauge::default(),
            commits: Counter::default(),
            commit_seconds: Histogram::new(BUCKETS),
            steps: Family::default(),
            attempts: Family::default(),
            tokens: Family::default(),
            cost: Counter::default(),
            requests: Family::default(),
            request_seconds: Histogram::new(BUCKETS),
            traces: Counts::default(),
            used: Mutex::default(),
        };
        let all = &mut metrics.registry;
        all.register("runs", "Runs there are, by status", metrics.runs.clone());
        let text = "Agents at work or waiting for an answer, of the newest 200 running runs";
        all.register("live_agents", text, metrics.live_agents.clone());
        all.register("commits", "Commits of runs", metrics.commits.clone());
        let text = "From a decision to its commit being durable, the queue included";
        all.register("commit_seconds", text, metrics.commit_seconds.clone());
        let text = "Steps that have ended, by how";
        all.register("steps", text, metrics.steps.clone());
        let text = "Attempts started, and ended by how";
        all.register("attempts", text, metrics.attempts.clone());
        let text = "Tokens of agents, by kind";
        all.register("tokens", text, metrics.tokens.clone());
        let text = "What agents cost, in US dollars";
        all.register("cost_usd", text, metrics.cost.clone());
        let text = "Requests answered";
        all.register("http_requests", text, metrics.requests.clone());
        let text = "Until the answer's head";
        all.register(
            "http_request_seconds",
            text,
            metrics.request_seconds.clone(),
        );
        let text = "Spans that a collector of traces took";
        all.register("trace_spans_sent", text, metrics.traces.sent.clone());
        let text = "Spans that no collector took within an hour, or that it refused";
        all.register("trace_spans_dropped", text, metrics.traces.dropped.clone());
        metrics
    }

    /// Begins to count; ends with the host.
    pub fn start(host: &Arc<Host>) -> Arc<Self> {
        let metrics = Arc::new(Self::new());
        let counting = metrics.clone();
        let mut feed = host.engine.feed().subscribe();
        let mut leaving = host.leaving();
        let count = async move {
            loop {
                match feed.recv().await {
                    Ok(commit) => counting.count(&commit),
                    // Some went by uncounted: better than to hold up whoever commits.
                    Err(RecvError::Lagged(missed)) => {
                        counting.commits.inc_by(missed);
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "it lives as long as the host; each count stands by itself"
        )]
        tokio::spawn(async move {
            tokio::select! {
                () = count => {}
                _ = leaving.wait_for(|leaving| *leaving) => {}
            }
        });
        metrics
    }

    fn count(&self, commit: &Commit) {
        self.commits.inc();
        self.commit_seconds
            .observe(now().since(commit.at).as_secs_f64());
        for event in commit.events.iter() {
            match event {
                Event::StepCompleted { .. } => self.step("completed"),
                Event::StepFailed { .. } => self.step("failed"),
                Event::StepSkipped { .. } => self.step("skipped"),
                Event::AttemptStarted { .. } => self.attempt("started"),
                Event::AttemptEnded { attempt, end, .. } => {
                    self.attempt(word(end));
                    self.used().remove(attempt);
                }
                Event::SessionUsed { attempt, usage, .. } => self.spent(*attempt, usage),
                _ => {}
            }
        }
    }

    fn step(&self, status: &str) {
        let status = status.to_owned();
        self.steps.get_or_create(&Status { status }).inc();
    }

    fn attempt(&self, status: &str) {
        let status = status.to_owned();
        self.attempts.get_or_create(&Status { status }).inc();
    }

    fn used(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptId, Usage>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions say their sums.
    fn spent(&self, attempt: AttemptId, usage: &Usage) {
        let before = self.used().insert(attempt, *usage);
        let before = before.unwrap_or_default();
        let kinds = [
            ("input", usage.input, before.input),
            ("output", usage.output, before.output),
            ("cache_read", usage.cache_read, before.cache_read),
            ("cache_write", usage.cache_write, before.cache_write),
        ];
        for (kind, now, before) in kinds {
            let tokens = self.tokens.get_or_create(&Kind { kind });
            tokens.inc_by(now.saturating_sub(before));
        }
        let cost = usage.cost_usd.unwrap_or(0.0) - before.cost_usd.unwrap_or(0.0);
        self.cost.inc_by(cost.max(0.0));
    }

    fn answered(&self, asked: Asked, took: Duration) {
        self.requests.get_or_create(&asked).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    /// All of it as text (OpenMetrics). Blocks on the disk.
    pub fn text(&self, views: &Views) -> Answer<String> {
        let by_status = views.counts(None)?;
        for status in STATUSES {
            let count = by_status.get(status).copied().unwrap_or(0);
            let status = status.to_owned();
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.runs.get_or_create(&Status { status }).set(count);
        }
        let running = RunFilter {
            statuses: vec!["running".into()],
            ..RunFilter::default()
        };
        let mut live = 0;
        // What works is among the steps that lists show.
        for listed in views.listed(&running, None, MOST)?.rows {
            let is_live = |step: &&StepRow| step.session.is_some() && step.is_working();
            live += listed.steps.iter().filter(is_live).count();
        }
        self.live_agents
            .set(i64::try_from(live).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(|error| Problem::internal(&error))?;
        Ok(text)
    }
}

fn word(end: &AttemptEnd) -> &'static str {
    super::wire::step::ended(end)
}

/// Counts each request, by the path as the routes spell it.
pub async fn count(Given(metrics): Given<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let method = match request.method().as_str() {
        known @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => known,
        _ => "other",
    };
    let method = method.to_owned();
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let asked = Asked {
        method,
        path,
        status,
    };
    metrics.answered(asked, begun.elapsed());
    response
}
