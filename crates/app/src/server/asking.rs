//! What a request brings: path, query, body, who asks, and the key that makes a repeat harmless.
//! All that cannot be read is refused here, before any handler.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use baton_core::ids::{CommandId, RunId};
use baton_core::run::event::Actor;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::access::{Identity, identity_of};
use super::error::Problem;

/// The largest body, in bytes.
const LARGEST: usize = 1024 * 1024;

/// The largest number of a query: what OpenAPI calls int64.
const LARGEST_NUMBER: u64 = i64::MAX as u64;

/// How long a whole body may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The run that a path names, among those that whoever asks may see.
#[derive(Debug, Clone)]
pub struct Meant {
    /// As the path has it: an id, a number, or the beginning of an id.
    pub reference: String,
    /// The run.
    pub run: RunId,
}

/// A parameter of the path; the id of the run that it means, where that was looked up.
fn settled(parts: &Parts, text: String) -> String {
    let meant = parts.extensions.get::<Meant>();
    let meant = meant.filter(|meant| meant.reference == text);
    meant.map_or(text, |meant| meant.run.to_string())
}

/// The one parameter of the path.
pub struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|e| Problem::bad_request("bad_path", e.body_text()))?;
        Ok(Self(settled(parts, text)))
    }
}

/// Both parameters of the path.
pub struct Segments(pub String, pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((one, two)) = path.map_err(|e| Problem::bad_request("bad_path", e.body_text()))?;
        Ok(Self(settled(parts, one), two))
    }
}

/// The query, as it was given.
pub struct Params(HashMap<String, Vec<String>>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = query.map_err(|e| Problem::bad_request("bad_query", e.body_text()))?;
        let mut params: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in pairs {
            params.entry(name).or_default().push(value);
        }
        Ok(Self(params))
    }
}

impl Params {
    /// These.
    #[cfg(test)]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let one = |(name, value): &(&str, &str)| ((*name).to_owned(), vec![(*value).to_owned()]);
        Self(pairs.iter().map(one).collect())
    }

    /// A parameter's last value; an empty one counts as not given.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.last()?;
        (!value.is_empty()).then_some(value)
    }

    /// A parameter's last value, an empty one too.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.last().map(String::as_str)
    }

    /// All values of a parameter that is repeated or a comma list.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let values = self.0.get(name).into_iter().flatten();
        let parts = values.flat_map(|value| value.split(','));
        parts
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect()
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let parse = |text: &str| {
            let number = text.parse().ok().filter(|number| *number <= LARGEST_NUMBER);
            number.ok_or_else(|| {
                Problem::bad_request("bad_query", format!("`{name}` must be a whole number"))
            })
        };
        self.given(name).map(parse).transpose()
    }

    /// The page size: 1 to 200, 50 when not given.
    pub fn limit(&self) -> Result<usize, Problem> {
        match self.number("limit")? {
            None => Ok(50),
            Some(limit @ 1..=200) => Ok(limit as usize),
            Some(_) => Err(Problem::bad_request("bad_query", "`limit` is 1 to 200")),
        }
    }
}

/// A JSON body of this shape; an empty one is `{}`.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let bytes = whole_body(request.into_body()).await?;
        if bytes.is_empty() {
            return shape(Value::Object(serde_json::Map::new())).map(Self);
        }
        if !kind.is_some_and(|kind| is_json(&kind)) {
            let detail = "send `content-type: application/json`";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported_media_type", detail));
        }
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::bad_request("bad_json", error.to_string()))?;
        // What the command line sends with a POST that has nothing to say.
        let value = match value {
            Value::Null => Value::Object(serde_json::Map::new()),
            value => value,
        };
        shape(value).map(Self)
    }
}

/// The whole of a body that is not too large.
pub async fn whole_body(body: axum::body::Body) -> Result<axum::body::Bytes, Problem> {
    let bytes = tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, LARGEST));
    let Ok(bytes) = bytes.await else {
        let detail = format!("the body did not come within {} s", PATIENCE.as_secs());
        return Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "too_slow",
            detail,
        ));
    };
    bytes.map_err(|error| too_large_or_lost(&error))
}

fn shape<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| Problem::field("", error.to_string()))
}

fn is_json(kind: &str) -> bool {
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn too_large_or_lost(error: &axum::Error) -> Problem {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            let detail = format!("a body has at most {LARGEST} bytes");
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail);
        }
        cause = error.source();
    }
    Problem::bad_request("bad_body", "the body could not be read")
}

/// Who asks, and by which command id.
pub struct Caller {
    /// Who it is written down as.
    pub by: Actor,
    /// Who, and what they may.
    pub identity: Identity,
    /// What makes a repeat harmless: made by [`know`](super::repeats::know).
    pub command: Option<CommandId>,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let identity = identity_of(&parts.extensions);
        Ok(Self {
            by: identity.by.clone(),
            identity,
            command: parts.extensions.get::<CommandId>().cloned(),
        })
    }
}
