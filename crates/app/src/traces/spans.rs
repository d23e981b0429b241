//! Spans of what has ended: their ids, names, times and attributes.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use baton_core::ids::{AttemptId, RunId};
use baton_core::run::{Run, Session, Status};
use baton_core::time::Timestamp;
use baton_store::views::{AttemptRow, StepRow};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status as Ending, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use sha2::{Digest, Sha256};

use super::tale::{Place, Tale};
use super::tools::{Call, Calls};

/// The longest text in a span, in characters.
const LONGEST: usize = 256;

/// The id of a run's span in one of its lives, which count from 1.
pub fn of_run(run: RunId, life: u32) -> u64 {
    id("run", &[&run.to_string(), &life.to_string()])
}

/// The id of a step's span. One that runs again later has begun at another time.
pub fn of_step(run: RunId, key: &str, began: Timestamp) -> u64 {
    let began = began.millis().to_string();
    id("step", &[&run.to_string(), key, &began])
}

fn of_attempt(attempt: AttemptId) -> u64 {
    id("attempt", &[&attempt.to_string()])
}

fn of_call(attempt: AttemptId, call: &str) -> u64 {
    id("tool", &[&attempt.to_string(), call])
}

/// 64 bits that are never 0: that is no id.
fn id(kind: &str, words: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    hash.update(kind);
    for word in words {
        hash.update([0]);
        hash.update(word);
    }
    let bytes = hash.finalize();
    let bits = bytes
        .iter()
        .take(8)
        .fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    bits.max(1)
}

/// Makes the spans of one run.
pub struct Maker<'a> {
    /// The run.
    pub run: &'a Run,
    /// Where its spans belong.
    pub place: Place,
    /// Its life, from 1.
    pub life: u32,
    /// When that began.
    pub since: Timestamp,
    /// Agents and their tools have the attributes of the conventions for generative AI.
    pub gen_ai: bool,
}

impl<'a> Maker<'a> {
    /// For this run; `None` before its first event.
    pub fn new(tale: &'a Tale, place: Place, gen_ai: bool) -> Option<Self> {
        Some(Self {
            run: tale.run()?,
            place,
            life: tale.life,
            since: tale.since,
            gen_ai,
        })
    }

    /// The span of the run's life that has ended at this time.
    #[must_use]
    pub fn run(&self, ended: Timestamp) -> SpanData {
        let created = &self.run.created;
        let mut more = vec![
            text("baton.run.id", created.run.to_string()),
            number("baton.run.number", created.number),
            text("baton.run.status", self.run.status.word()),
            text("baton.definition", created.definition.key.clone()),
            text("baton.definition.hash", created.definition.hash.clone()),
            text("baton.project.id", created.project.id.to_string()),
            text("baton.project.name", created.project.name.clone()),
        ];
        if let Some(parent) = &created.parent {
            more.push(text("baton.parent_run.id", parent.run.to_string()));
        }
        let status = match &self.run.status {
            Status::Failed { error, .. } => {
                more.push(text("error.type", "run_failed"));
                Ending::error(cut(&error.message))
            }
            _ => Ending::Unset,
        };
        // A later life hangs below the first, so that the trace has one root.
        let (parent, since) = match self.life {
            1 => (self.place.above, self.run.created_at),
            life => {
                more.push(number("baton.run.life", u64::from(life)));
                (Some(of_run(created.run, 1)), self.since)
            }
        };
        let own = of_run(created.run, self.life);
        let name = format!("run {}", created.definition.key);
        self.span(own, parent, name, (since, ended), more, status)
    }

    /// The span of a step; `each` is when the `foreach` began that it is an item of.
    #[must_use]
    pub fn step(&self, step: &StepRow, each: Option<Timestamp>, at: Timestamp) -> SpanData {
        let ended = step.completed_at.unwrap_or(at);
        let began = step.started_at.unwrap_or(ended);
        let mut more = vec![
            text("baton.run.id", step.run.to_string()),
            text("baton.step.id", step.id.to_string()),
            text("baton.step.key", step.key.clone()),
            text("baton.step.type", step.declared.kind.word()),
            text("baton.step.status", step.status.clone()),
            number("baton.step.attempts", u64::from(step.attempts)),
        ];
        if let Some(phase) = &step.declared.phase {
            more.push(text("baton.phase", phase.clone()));
        }
        let status = match &step.error {
            Some(error) if step.status == "failed" => {
                more.push(text("error.type", word(&error.code)));
                Ending::error(cut(&error.message))
            }
            _ => Ending::Unset,
        };
        let above = match (each, step.key.rsplit_once('.')) {
            (Some(each), Some((of, _))) => of_step(step.run, of, each),
            _ => of_run(step.run, self.life),
        };
        let own = of_step(step.run, &step.key, began);
        let name = format!("step {}", step.key);
        self.span(own, Some(above), name, (began, ended), more, status)
    }

    /// The spans of a try of a step, and of the tools that its agent used.
    #[must_use]
    pub fn attempt(&self, step: &StepRow, tried: &AttemptRow, calls: &Calls) -> Vec<SpanData> {
        let ended = tried.ended_at.unwrap_or(tried.started_at);
        let how = tried.how.clone().unwrap_or_default();
        let mut more = vec![
            text("baton.run.id", step.run.to_string()),
            text("baton.step.key", step.key.clone()),
            text("baton.attempt.id", tried.id.to_string()),
            number("baton.attempt.number", u64::from(tried.number)),
            text("baton.attempt.cause", word(&tried.cause)),
            text("baton.attempt.end", how.clone()),
        ];
        if let Some(code) = tried.exit_code {
            more.push(KeyValue::new("process.exit.code", i64::from(code)));
        }
        let mut name = format!("attempt {}", tried.number);
        if let Some(session) = &step.session {
            self.agent(session, &mut name, &mut more);
        }
        if calls.dropped > 0 {
            more.push(number("baton.tool_calls.dropped", calls.dropped));
        }
        let status = match (&tried.error, how.as_str()) {
            (Some(error), _) => {
                more.push(text("error.type", word(&error.code)));
                Ending::error(cut(&error.message))
            }
            (None, "lost" | "session_lost") => {
                more.push(text("error.type", how));
                Ending::error(cut(tried.detail.as_deref().unwrap_or_default()))
            }
            _ => Ending::Unset,
        };
        let above = of_step(
            step.run,
            &step.key,
            step.started_at.unwrap_or(tried.started_at),
        );
        let own = of_attempt(tried.id);
        let times = (tried.started_at, ended);
        let mut all = vec![self.span(own, Some(above), name, times, more, status)];
        all.extend(calls.all.iter().map(|call| self.call(tried, call, ended)));
        all
    }

    /// What is known of an agent's session. Its tokens and money are those of its last attempt.
    fn agent(&self, session: &Session, name: &mut String, more: &mut Vec<KeyValue>) {
        let (agent, used) = (&session.agent, &session.now);
        more.push(text("baton.agent", agent.clone()));
        if let Some(cost) = used.cost_usd {
            more.push(KeyValue::new("baton.cost_usd", cost));
        }
        if !self.gen_ai {
            more.push(number("baton.tokens", used.tokens()));
            return;
        }
        *name = format!("invoke_agent {agent}");
        more.push(text("gen_ai.operation.name", "invoke_agent"));
        more.push(text("gen_ai.agent.name", agent.clone()));
        if let Some(provider) = provider(agent) {
            more.push(text("gen_ai.provider.name", provider));
        }
        if let Some(native) = &session.native {
            more.push(text("gen_ai.conversation.id", native.clone()));
        }
        if let Some(model) = &session.model {
            more.push(text("gen_ai.request.model", model.clone()));
        }
        // There the tokens in include those of the cache.
        let cached = used.cache_read.saturating_add(used.cache_write);
        for (name, tokens) in [
            (
                "gen_ai.usage.input_tokens",
                used.input.saturating_add(cached),
            ),
            ("gen_ai.usage.output_tokens", used.output),
            ("gen_ai.usage.cache_read.input_tokens", used.cache_read),
            ("gen_ai.usage.cache_creation.input_tokens", used.cache_write),
        ] {
            more.push(number(name, tokens));
        }
    }

    fn call(&self, tried: &AttemptRow, call: &Call, until: Timestamp) -> SpanData {
        let tool = cut(&call.name);
        let mut more = vec![
            text("baton.attempt.id", tried.id.to_string()),
            text("baton.tool.kind", call.kind.clone()),
            text("baton.tool.status", call.status.clone()),
        ];
        let mut name = format!("tool {tool}");
        if self.gen_ai {
            name = format!("execute_tool {tool}");
            more.push(text("gen_ai.operation.name", "execute_tool"));
            more.push(text("gen_ai.tool.name", tool));
            more.push(text("gen_ai.tool.call.id", cut(&call.id)));
        } else {
            more.push(text("baton.tool.name", tool));
        }
        let status = match call.status.as_str() {
            "failed" | "denied" => {
                more.push(text("error.type", call.status.clone()));
                Ending::error(call.status.clone())
            }
            _ => Ending::Unset,
        };
        let above = match &call.parent {
            Some(parent) => of_call(tried.id, parent),
            None => of_attempt(tried.id),
        };
        let times = (call.began, call.ended.unwrap_or(until));
        self.span(
            of_call(tried.id, &call.id),
            Some(above),
            name,
            times,
            more,
            status,
        )
    }

    fn span(
        &self,
        own: u64,
        parent: Option<u64>,
        name: impl Into<Cow<'static, str>>,
        (from, to): (Timestamp, Timestamp),
        attributes: Vec<KeyValue>,
        status: Ending,
    ) -> SpanData {
        let trace = TraceId::from_bytes(self.place.root.bits().to_be_bytes());
        let span = |bits: u64| SpanId::from_bytes(bits.to_be_bytes());
        SpanData {
            span_context: SpanContext::new(
                trace,
                span(own),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: parent.map_or(SpanId::INVALID, span),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: time(from),
            // A clock that jumped back makes no span that ends before it begins.
            end_time: time(to.max(from)),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: InstrumentationScope::builder("baton")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}

/// Who serves an agent's model, as the conventions call them.
fn provider(agent: &str) -> Option<&'static str> {
    match agent {
        "claude" => Some("anthropic"),
        "codex" => Some("openai"),
        "gemini" => Some("gcp.gemini"),
        _ => None,
    }
}

fn time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.millis())
}

fn text(name: &'static str, value: impl Into<Value>) -> KeyValue {
    KeyValue::new(name, value.into())
}

fn number(name: &'static str, value: u64) -> KeyValue {
    KeyValue::new(name, i64::try_from(value).unwrap_or(i64::MAX))
}

fn cut(words: &str) -> String {
    words.chars().take(LONGEST).collect()
}

/// The stable word of an enum.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
