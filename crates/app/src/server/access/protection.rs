//! What every answer over the network says to browsers, and what every request gets: an id, and a
//! limit to how long its body may stand still.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::timeout::TimeoutBody;

use super::{Network, rights};

/// The request's id in answers and in the access log.
const ID: HeaderName = HeaderName::from_static("x-request-id");

/// Only what the server itself serves, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: \
blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Said by every answer, unless the endpoint says otherwise.
const ALWAYS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// How the network is protected.
#[derive(Clone)]
pub struct Protection {
    /// How it is reached.
    pub network: Arc<Network>,
    /// How long a body may stand still.
    pub patience: Duration,
}

/// See the module.
pub async fn protect(
    State(protection): State<Protection>,
    request: Request,
    next: Next,
) -> Response {
    let is_api = rights::is_api(request.uri().path());
    let patience = protection.patience;
    let request = request.map(|body| Body::new(TimeoutBody::new(patience, body)));
    let mut response = next.run(request).await;
    let is_unknown = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        add(headers, name, value);
    }
    if is_api {
        add(headers, header::CACHE_CONTROL, "no-store");
    }
    if protection.network.tls {
        add(
            headers,
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000",
        );
    }
    if is_unknown {
        add(headers, header::WWW_AUTHENTICATE, "Bearer realm=\"baton\"");
    }
    response
}

/// Gives an answer its request's id.
pub fn identify(response: &mut Response) -> String {
    let id = uuid::Uuid::now_v7().simple().to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(ID, id);
    }
    id
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers
        .entry(name)
        .or_insert(HeaderValue::from_static(value));
}
