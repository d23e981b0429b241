//! Whose events a connection may get.

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use baton_core::ids::ProjectId;

type Sees = Arc<dyn Fn(ProjectId) -> bool + Send + Sync>;

/// The projects that somebody may see. Whoever checks access puts it among a request's extensions;
/// a request without one sees all. It is asked for every event, so what is taken away is not told
/// any more.
#[derive(Clone, Default)]
pub struct Audience(Option<Sees>);

impl Audience {
    /// Only the projects for which this holds.
    #[allow(dead_code, reason = "access control makes them")]
    pub fn of(sees: impl Fn(ProjectId) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(sees)))
    }

    /// Whether this project's events may be told.
    #[must_use]
    pub fn sees(&self, project: ProjectId) -> bool {
        self.0.as_ref().is_none_or(|sees| sees(project))
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "some" } else { "all" })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Audience {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
