//! Spans to the collector: OTLP over HTTP, tried again while it is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use super::Counts;
use super::settings::Settings;
use crate::host::now;
use crate::webhooks;

/// How long after its end a span is still sent.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// Pauses between tries, in seconds; the last one from then on.
const PAUSES: [u64; 6] = [1, 2, 5, 10, 30, 60];

/// The largest answer, in bytes.
const LARGEST: usize = 4 * 1024 * 1024;

/// See the module.
pub struct Exporter {
    /// What is asked of the spans.
    pub settings: Settings,
    counts: Counts,
    otlp: SpanExporter,
    /// The last answer's status; 0 when there was none.
    status: Arc<AtomicU16>,
}

impl Exporter {
    /// To where the environment says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(settings: Settings, counts: Counts) -> Result<Self, String> {
        let status = Arc::new(AtomicU16::new(0));
        let http = Http {
            client: client(settings.patience),
            patience: settings.patience,
            status: status.clone(),
        };
        let otlp = SpanExporter::builder()
            .with_http()
            .with_http_client(http)
            // It would sleep on a thread of the runtime; `deliver` tries again itself.
            .with_retry_policy(RetryPolicy::disabled())
            .build();
        let mut otlp = otlp.map_err(|error| error.to_string())?;
        let mut resource = Resource::builder()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        if !settings.is_named {
            resource = resource.with_service_name("baton");
        }
        otlp.set_resource(&resource.build());
        Ok(Self {
            settings,
            counts,
            otlp,
            status,
        })
    }

    /// Sends these spans; returns when a collector has them, has refused them, or they are too old.
    pub async fn deliver(&self, mut spans: Vec<SpanData>) {
        let mut tries = 0;
        loop {
            let oldest = now().millis().saturating_sub(millis(KEPT));
            let oldest = std::time::UNIX_EPOCH + Duration::from_millis(oldest);
            let before = spans.len();
            spans.retain(|span| span.end_time >= oldest);
            self.drop(
                before - spans.len(),
                "no collector took them within an hour",
            );
            if spans.is_empty() {
                return;
            }
            self.status.store(0, Ordering::Relaxed);
            let Err(error) = self.otlp.export(spans.clone()).await else {
                self.counts.sent.inc_by(spans.len() as u64);
                return;
            };
            match self.status.load(Ordering::Relaxed) {
                // These may be better later (OTLP, "OTLP/HTTP Response").
                0 | 429 | 502..=504 => {}
                _ => return self.drop(spans.len(), &error.to_string()),
            }
            if tries == 0 {
                tracing::warn!(%error, "the collector of traces is away; it is tried again");
            }
            let pause = PAUSES.get(tries).or(PAUSES.last()).copied().unwrap_or(60);
            tries += 1;
            tokio::time::sleep(Duration::from_secs(pause)).await;
        }
    }

    fn drop(&self, count: usize, why: &str) {
        if count > 0 {
            self.counts.dropped.inc_by(count as u64);
            tracing::warn!(count, why, "spans are dropped");
        }
    }
}

fn millis(length: Duration) -> u64 {
    crate::host::millis(length)
}

type Connector = HttpsConnector<HttpConnector>;

#[derive(Debug)]
struct Http {
    /// For the connection, for the answer to begin, and for it to end.
    patience: Duration,
    client: Client<Connector, Full<Bytes>>,
    status: Arc<AtomicU16>,
}

fn client(patience: Duration) -> Client<Connector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(patience));
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(webhooks::tls())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Client::builder(TokioExecutor::new()).build(https)
}

#[async_trait::async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.request(request.map(Full::new));
        let answer = tokio::time::timeout(self.patience, answer).await??;
        self.status
            .store(answer.status().as_u16(), Ordering::Relaxed);
        let (head, body) = answer.into_parts();
        let body =
            tokio::time::timeout(self.patience, Limited::new(body, LARGEST).collect()).await??;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}
