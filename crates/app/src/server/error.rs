//! The only place where a refusal becomes an HTTP status: `application/problem+json` (RFC 9457)
//! with `code`, `error` (= `detail`) and, for values that do not fit, `errors`.
//!
//! What a later part brings is answered 422 `not_available` where a request asks for it in its
//! body or definition, and 404 `not_available` where the path itself is of that part.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use baton_core::definition::Diagnostic;
use baton_core::run::decide::Refusal;
use baton_engine::ports::ReadError;
use baton_engine::{FoldError, SendError, StartError};
use serde_json::{Map, Value, json};

use crate::host::projects::RegisterError;

/// A refusal on its way out.
#[derive(Debug)]
pub struct Problem(Box<Content>);

#[derive(Debug)]
struct Content {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<Value>,
    more: Map<String, Value>,
    retry_after: Option<u64>,
}

/// What a handler gives.
pub type Answer<T> = Result<T, Problem>;

impl Problem {
    /// A refusal with this status, code and detail.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Content {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            more: Map::new(),
            retry_after: None,
        }))
    }

    /// Whether it says nothing of the request: the server could not do it now.
    #[must_use]
    pub fn is_of_server(&self) -> bool {
        self.0.status.is_server_error()
    }

    /// There is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The request cannot be read.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// The request is read, and does not fit.
    pub fn unfit(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// One value of the body does not fit.
    pub fn field(pointer: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::unfit("invalid_body", detail.clone()).with_error(pointer, &detail)
    }

    /// The path belongs to a part that is not there yet.
    pub fn not_available(what: &str) -> Self {
        let detail = format!("{what} is not available yet");
        Self::new(StatusCode::NOT_FOUND, "not_available", detail)
    }

    /// The disk said no; nothing was changed.
    pub fn disk(error: &dyn std::fmt::Display) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "disk_error",
            error.to_string(),
        )
    }

    /// The host is not ready to answer this.
    pub fn starting() -> Self {
        let detail = "the host is starting; ask again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "starting", detail)
    }

    /// The host leaves: another one will take this.
    pub fn stopping() -> Self {
        let detail = "the host is leaving; ask again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", detail)
    }

    /// Whether it is that.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.code == "stopping"
    }

    /// Something is wrong with this host itself.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request could not be answered");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            error.to_string(),
        )
    }

    /// Its stable word.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// It in words.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// With one thing that is wrong.
    #[must_use]
    pub fn with_error(mut self, pointer: &str, detail: &str) -> Self {
        self.0
            .errors
            .push(json!({"pointer": pointer, "detail": detail}));
        self
    }

    /// To be tried again after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// With another member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// A definition that cannot be run.
    pub fn definition(key: &str, diagnostics: &[Diagnostic]) -> Self {
        let first = diagnostics.first().map(|d| {
            let (file, line, column) = (&d.file, d.line, d.column);
            format!(": {file}:{line}:{column}: {}", d.message)
        });
        let detail = format!(
            "the definition `{key}` has errors{}",
            first.unwrap_or_default()
        );
        let found = serde_json::to_value(diagnostics).unwrap_or_default();
        Self::unfit("definition_invalid", detail).with("diagnostics", found)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let content = *self.0;
        let mut body = content.more;
        body.insert("type".into(), "about:blank".into());
        let title = content.status.canonical_reason().unwrap_or("Error");
        body.insert("title".into(), title.into());
        // The HTTP status (RFC 9457); a run's own is `current_status`.
        body.insert("status".into(), content.status.as_u16().into());
        body.insert("code".into(), content.code.into());
        body.insert("error".into(), content.detail.as_str().into());
        body.insert("detail".into(), content.detail.into());
        if !content.errors.is_empty() {
            body.insert("errors".into(), content.errors.into());
        }
        let text = Value::Object(body).to_string();
        let mut response = (content.status, text).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = content.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::NoRun | Refusal::NoStep(_) | Refusal::NoCheckpoint(_) => {
                Self::not_found(detail)
            }
            Refusal::Exists => Self::new(StatusCode::CONFLICT, "exists", detail),
            Refusal::InvalidState { status, .. } => {
                let problem = Self::new(StatusCode::CONFLICT, "invalid_state", detail);
                problem.with("current_status", status)
            }
            Refusal::NotWaiting(_) => Self::new(StatusCode::CONFLICT, "not_waiting", detail),
            Refusal::Outstanding(_) => Self::new(StatusCode::CONFLICT, "outstanding", detail),
            Refusal::Stale => Self::new(StatusCode::CONFLICT, "stale", detail),
            Refusal::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "forbidden", detail),
            Refusal::NotAvailable(_) => Self::unfit("not_available", detail),
            Refusal::Invalid(_) => Self::unfit("invalid", detail),
        }
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Refused(refusal) => refusal.into(),
            SendError::Disk(error) => Self::disk(&error),
            SendError::Environment(error) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "environment", error)
            }
            SendError::Damaged(error) => Self::internal(&error),
            SendError::Stopping => Self::stopping(),
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Definition(unusable) => {
                Self::definition(&unusable.key, &unusable.diagnostics)
            }
            StartError::Args(ref errors) => {
                let problem = Self::unfit("invalid_args", error.to_string());
                errors.iter().fold(problem, |problem, wrong| {
                    problem.with_error(&format!("/args{}", wrong.pointer), &wrong.detail)
                })
            }
            StartError::Send(error) => error.into(),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        Self::disk(&error)
    }
}

impl From<FoldError> for Problem {
    fn from(error: FoldError) -> Self {
        match error {
            FoldError::Read(error) => error.into(),
            FoldError::Damaged { .. } | FoldError::Definition(_) => Self::internal(&error),
        }
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Path(detail) => Self::field("/path", detail),
            RegisterError::Name => Self::field("/name", error.to_string()),
            RegisterError::Disk(error) => Self::disk(&error),
        }
    }
}
