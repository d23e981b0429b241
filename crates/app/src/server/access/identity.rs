//! Who a request is from: put among its extensions before any handler, extracted by handlers.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header::HeaderName};
use baton_core::ids::{AttemptId, ProjectId, RunId, UserId};
use baton_core::run::event::Actor;

use super::super::error::{Answer, Problem};
use super::super::live::Audience;
use crate::host::Host;
use crate::host::access::{Access, Role, Shown};

/// By this, something inside an attempt says so; it never gives a right, it takes some.
const ATTEMPT: HeaderName = HeaderName::from_static("x-baton-attempt");

/// Who asks, and what they may.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who it is written down as: a user, or an attempt of a run.
    pub by: Actor,
    who: Who,
}

#[derive(Debug, Clone)]
enum Who {
    /// The Unix socket.
    Local,
    Known(Arc<Access>, Shown),
    /// Something inside this attempt, which has shown the attempt's token.
    Attempt(RunId, AttemptId),
    Nobody,
}

impl Identity {
    /// The built-in user, whom the Unix socket and the first token belong to.
    #[must_use]
    pub fn local() -> Self {
        Self {
            by: Actor::User(UserId::LOCAL),
            who: Who::Local,
        }
    }

    /// Somebody who has shown who they are.
    #[must_use]
    pub fn known(access: Arc<Access>, shown: Shown) -> Self {
        Self {
            by: Actor::User(shown.user),
            who: Who::Known(access, shown),
        }
    }

    /// Something inside an attempt.
    #[must_use]
    pub fn attempt(run: RunId, attempt: AttemptId) -> Self {
        Self {
            by: Actor::Attempt(attempt),
            who: Who::Attempt(run, attempt),
        }
    }

    /// The run and attempt whose token was shown.
    #[must_use]
    pub fn inside_of(&self) -> Option<(RunId, AttemptId)> {
        match self.who {
            Who::Attempt(run, attempt) => Some((run, attempt)),
            Who::Local | Who::Known(..) | Who::Nobody => None,
        }
    }

    /// One who has shown nothing.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            by: Actor::System,
            who: Who::Nobody,
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

    /// Whether they came over the Unix socket, and from outside any attempt.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!((&self.who, &self.by), (Who::Local, Actor::User(_)))
    }

    /// The user whose rights these are.
    #[must_use]
    pub fn user(&self) -> UserId {
        match &self.who {
            Who::Known(_, shown) => shown.user,
            Who::Local | Who::Attempt(..) | Who::Nobody => UserId::LOCAL,
        }
    }

    /// The user's name.
    #[must_use]
    pub fn username(&self) -> &str {
        match &self.who {
            Who::Local => "local",
            Who::Known(_, shown) => &shown.username,
            Who::Attempt(..) | Who::Nobody => "",
        }
    }

    /// Whether it is anybody.
    #[must_use]
    pub fn is_somebody(&self) -> bool {
        !matches!(self.who, Who::Nobody)
    }

    /// What they may where no project is meant, as it is now.
    #[must_use]
    pub fn role(&self) -> Role {
        match &self.who {
            Who::Local => Role::Admin,
            Who::Known(access, shown) => access.role(shown),
            Who::Attempt(..) | Who::Nobody => Role::Nobody,
        }
    }

    /// What they may in this project, as it is now.
    #[must_use]
    pub fn role_in(&self, project: ProjectId) -> Role {
        match &self.who {
            Who::Local => Role::Admin,
            Who::Known(access, shown) => access.role_in(shown, project),
            Who::Attempt(..) | Who::Nobody => Role::Nobody,
        }
    }

    /// Whether they may look at this project.
    #[must_use]
    pub fn sees(&self, project: ProjectId) -> bool {
        self.role_in(project) >= Role::Viewer
    }

    /// Whose events and runs they may look at, as it is whenever it is asked.
    #[must_use]
    pub fn audience(&self) -> Audience {
        let sees = self.clone();
        Audience::of(move |project| sees.sees(project))
    }

    /// The projects that they may look at; `None` is all. Blocks.
    ///
    /// # Errors
    /// The disk's.
    pub fn seen_projects(&self, host: &Host) -> Answer<Option<Vec<ProjectId>>> {
        if self.role() == Role::Admin {
            return Ok(None);
        }
        let all = host.projects.all()?.into_iter().map(|project| project.id);
        Ok(Some(all.filter(|id| self.sees(*id)).collect()))
    }

    /// Nothing, when they may do in this project what this role may.
    ///
    /// # Errors
    /// 403, or 404 when they may not even look.
    pub fn may_in(&self, project: ProjectId, needed: Role) -> Answer<()> {
        let role = self.role_in(project);
        if role >= needed {
            return Ok(());
        }
        match role >= Role::Viewer {
            true => Err(super::forbidden(needed)),
            false => Err(Problem::not_found("there is no such thing")),
        }
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
    extensions.get().cloned().unwrap_or_else(Identity::nobody)
}
