//! Sends what is due, and says when to try again.

use std::collections::HashSet;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, StatusCode, header};
use baton_core::ids::{DeliveryId, WebhookId};
use baton_core::time::Timestamp;
use baton_engine::ports::ReadError;
use baton_store::webhooks::{Delivery, Endpoint, Outcome, State};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;

use super::address::{self, Resolver};
use super::follow::read;
use super::signature::Key;
use crate::host::{Host, now};

/// Deliveries under way at once.
const MOST: usize = 16;

/// How long an endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a delivery is tried.
const TRIED: Duration = Duration::from_secs(24 * 60 * 60);

/// How long what is over is kept to look at.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The longest rest when nothing is due.
const REST: Duration = Duration::from_secs(60 * 60);

/// Pauses between attempts, in seconds; the last one from then on.
const PAUSES: [u64; 9] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 10_800, 14_400];

type Http = Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// See the module.
pub async fn send(host: Arc<Host>) {
    let mut http = None;
    let mut under_way: HashSet<DeliveryId> = HashSet::new();
    let mut sending = JoinSet::new();
    loop {
        let rest = match begin(&host, &mut http, &mut under_way, &mut sending).await {
            Ok(rest) => rest,
            Err(error) => {
                tracing::warn!(%error, "webhooks cannot be read");
                PAUSES.map(Duration::from_secs)[0]
            }
        };
        tokio::select! {
            () = host.webhooks.due.notified() => {}
            () = tokio::time::sleep(rest) => {}
            Some(done) = sending.join_next() => match done {
                Ok(id) => { under_way.remove(&id); }
                Err(_) => under_way.clear(),
            },
        }
        if sending.is_empty() {
            under_way.clear();
        }
    }
}

/// Begins what is due; how long there is nothing more to do.
async fn begin(
    host: &Arc<Host>,
    http: &mut Option<Http>,
    under_way: &mut HashSet<DeliveryId>,
    sending: &mut JoinSet<DeliveryId>,
) -> Result<Duration, ReadError> {
    let at = now();
    let due = read(host, move |outgoing| outgoing.kept.due(at, 4 * MOST)).await?;
    let fresh: Vec<Delivery> = due
        .into_iter()
        .filter(|delivery| !under_way.contains(&delivery.id))
        .take(MOST.saturating_sub(sending.len()))
        .collect();
    if fresh.is_empty() {
        let next = read(host, |outgoing| outgoing.kept.next_due()).await?;
        if sending.len() >= MOST || next.is_none() {
            return Ok(REST);
        }
        // What is under way is due as well, until it is done.
        let left = next.map_or(REST, |next| next.since(now()));
        return Ok(match left.is_zero() {
            true => REST.min(PATIENCE),
            false => left.min(REST),
        });
    }
    let endpoints = read(host, |outgoing| outgoing.kept.endpoints()).await?;
    let http = match http {
        Some(http) => http.clone(),
        None => http.insert(client(host.webhooks_allow_private)).clone(),
    };
    for delivery in fresh {
        let Some(endpoint) = endpoints.iter().find(|e| e.id == delivery.endpoint) else {
            continue;
        };
        under_way.insert(delivery.id);
        let (host, http, endpoint) = (host.clone(), http.clone(), endpoint.clone());
        sending.spawn(async move {
            let id = delivery.id;
            let outcome = attempt(&host, &http, &endpoint, &delivery).await;
            let gone = outcome.status == Some(StatusCode::GONE.as_u16());
            let at = now();
            let noted = read(&host, move |outgoing| {
                outgoing.kept.tried(id, &outcome, at)?;
                outgoing.kept.forget(Timestamp::from_millis(
                    at.millis().saturating_sub(KEPT.as_secs() * 1000),
                ))
            });
            if let Err(error) = noted.await {
                tracing::warn!(%error, "a delivery could not be noted; it is sent again");
            }
            if gone && let Err(error) = disable(&host, endpoint.id).await {
                tracing::warn!(%error, "an endpoint that is gone could not be switched off");
            }
            id
        });
    }
    Ok(REST.min(PATIENCE))
}

/// An endpoint that answers 410 wants no more (Standard Webhooks).
async fn disable(host: &Arc<Host>, id: WebhookId) -> Result<(), ReadError> {
    read(host, move |outgoing| {
        if let Some(mut endpoint) = outgoing.kept.endpoint(id)? {
            endpoint.enabled = false;
            outgoing.kept.put(&endpoint)?;
        }
        Ok(())
    })
    .await?;
    host.webhooks.note_changed();
    Ok(())
}

fn client(allow_private: bool) -> Http {
    let mut connector = HttpConnector::new_with_resolver(Resolver::new(allow_private));
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(PATIENCE));
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(2)
        .build(https)
}

/// TLS as the machine's certificates say. Without any, no `https` address can be reached, and each
/// try says so.
pub fn tls() -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of the machine could not be read");
    }
    roots.add_parsable_certificates(found.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    #[expect(
        clippy::expect_used,
        reason = "the provider supports the versions it comes with"
    )]
    let builder = builder
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3");
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// One attempt.
async fn attempt(
    host: &Arc<Host>,
    http: &Http,
    endpoint: &Endpoint,
    delivery: &Delivery,
) -> Outcome {
    let sent = post(host, http, endpoint, delivery).await;
    let at = now();
    let (status, error) = match sent {
        Ok(status) if status.is_success() => {
            return Outcome {
                state: State::Delivered,
                due: None,
                status: Some(status.as_u16()),
                error: None,
            };
        }
        Ok(status) => (Some(status), format!("it answered {}", status.as_u16())),
        Err(error) => (None, error),
    };
    let due = due_again(delivery.attempts, delivery.begun, at);
    let due = due.filter(|_| status != Some(StatusCode::GONE));
    Outcome {
        state: match due {
            Some(_) => State::Waiting,
            None => State::Failed,
        },
        due,
        status: status.map(|status| status.as_u16()),
        error: Some(error),
    }
}

/// When a delivery is due again that was refused now, after so many attempts before; `None` when it
/// would come too late.
fn due_again(before: u32, begun: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let pause = PAUSES.get(before as usize).or(PAUSES.last());
    let due = now.plus(Duration::from_secs(pause.copied().unwrap_or(14_400)));
    (due.since(begun) <= TRIED).then_some(due)
}

async fn post(
    host: &Arc<Host>,
    http: &Http,
    endpoint: &Endpoint,
    delivery: &Delivery,
) -> Result<StatusCode, String> {
    // The settings may have changed since the endpoint was made.
    let uri = address::check(&endpoint.url, host.webhooks_allow_private)?;
    let key = Key::parse(&endpoint.secret).ok_or("the endpoint's secret cannot be read")?;
    let (id, seconds) = (delivery.id.to_string(), now().millis() / 1000);
    let signature = key.sign(&id, seconds, delivery.body.as_bytes());
    let request = Request::post(uri)
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("baton/", env!("CARGO_PKG_VERSION")),
        )
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .body(Full::new(Bytes::from(delivery.body.clone())))
        .map_err(|error| error.to_string())?;
    match tokio::time::timeout(PATIENCE, http.request(request)).await {
        Ok(Ok(answer)) => Ok(answer.status()),
        Ok(Err(error)) => Err(match error.source() {
            Some(source) => match source.source() {
                Some(deeper) => format!("{source}: {deeper}"),
                None => source.to_string(),
            },
            None => error.to_string(),
        }),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_delivery_is_tried_ever_more_rarely_for_a_day() {
        let begun = Timestamp::from_millis(1_000);
        let mut tries = vec![begun];
        let mut now = begun;
        while let Some(due) = due_again(tries.len() as u32 - 1, begun, now) {
            tries.push(due);
            now = due;
        }
        let pauses: Vec<u64> = tries
            .windows(2)
            .map(|two| two[1].since(two[0]).as_secs())
            .collect();
        assert_eq!(pauses[..4], [5, 30, 120, 600]);
        assert!(pauses.is_sorted(), "{pauses:?}");
        let hours = now.since(begun).as_secs() / 3600;
        assert!((20..24).contains(&hours), "given up after {hours} hours");
        // A host that was away for long tries once more, and no more than that.
        let late = begun.plus(2 * TRIED);
        assert_eq!(due_again(1, begun, late), None);
    }
}
