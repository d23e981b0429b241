//! Who a request is from: put among its extensions before any handler, extracted by handlers.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header::HeaderName};
use baton_core::ids::{AttemptId, UserId};
use baton_core::run::event::Actor;

use super::super::error::Problem;
use crate::host::access::Role;

/// By this, something inside an attempt says so; it never gives a right, it takes some.
const ATTEMPT: HeaderName = HeaderName::from_static("x-baton-attempt");

/// Who asks, and what they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who it is written down as: a user, or an attempt of a run.
    pub by: Actor,
    /// The user whose rights these are.
    pub user: UserId,
    /// The user's name.
    pub username: String,
    /// What they may.
    pub role: Role,
}

impl Identity {
    /// The built-in user, whom the Unix socket and the first token belong to.
    #[must_use]
    pub fn local() -> Self {
        Self {
            by: Actor::User(UserId::LOCAL),
            user: UserId::LOCAL,
            username: "local".into(),
            role: Role::Admin,
        }
    }

    /// The same, but written down as the attempt that these headers name, if they name one.
    ///
    /// # Errors
    /// When they name something that is no attempt.
    pub fn inside(mut self, headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(mark) = headers.get(ATTEMPT) else {
            return Ok(self);
        };
        let id = mark.to_str().ok().and_then(|mark| mark.parse().ok());
        let id: AttemptId = id.ok_or_else(|| {
            Problem::bad_request("bad_attempt", "`x-baton-attempt` is not an attempt's id")
        })?;
        self.by = Actor::Attempt(id);
        Ok(self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(of(&parts.extensions))
    }
}

/// The identity among these extensions. Every way in puts one there; without it nobody is asking.
pub fn of(extensions: &axum::http::Extensions) -> Identity {
    let nobody = || Identity {
        by: Actor::System,
        user: UserId::LOCAL,
        username: "nobody".into(),
        role: Role::Nobody,
    };
    extensions.get().cloned().unwrap_or_else(nobody)
}
