//! What a client wants to hear of.

use std::collections::HashSet;
use std::sync::Arc;

use baton_core::ids::{ProjectId, RunId};

use super::super::error::{Answer, Problem};
use super::super::find;
use super::audience::Audience;
use crate::host::Host;

/// At most so many topics per connection.
const MOST: usize = 1000;

/// See the module. Without any topic: everything.
#[derive(Debug, Clone, Default)]
pub struct Topics {
    /// Whether any topic was named.
    named: bool,
    runs: HashSet<RunId>,
    projects: HashSet<ProjectId>,
}

impl Topics {
    /// Only this run.
    #[cfg(test)]
    pub fn of_run(run: RunId) -> Self {
        Self {
            named: true,
            runs: HashSet::from([run]),
            ..Self::default()
        }
    }

    /// The topics of these names: `run:<id or number>`, `project:<id>`; those of later parts are
    /// taken and say nothing yet. So is the id of what is not there, or may not be seen.
    ///
    /// # Errors
    /// `bad_topic`, or that there is no run of this number that this audience may see.
    pub async fn parse<T: AsRef<str>>(
        host: &Arc<Host>,
        names: &[T],
        audience: &Audience,
    ) -> Answer<Self> {
        if names.len() > MOST {
            return Err(too_many());
        }
        let mut topics = Self {
            named: !names.is_empty(),
            ..Self::default()
        };
        for name in names {
            let name = name.as_ref();
            let wrong = || {
                let shown: String = name.chars().take(64).collect();
                let detail = format!("`{shown}` is no topic: run:<id>, project:<id>");
                Problem::bad_request("bad_topic", detail)
            };
            match name.split_once(':') {
                Some(("run", run)) => {
                    topics.runs.insert(match run.parse() {
                        Ok(id) => id,
                        Err(_) => find::run_seen(host, run, audience).await?,
                    });
                }
                Some(("project", id)) => {
                    topics.projects.insert(id.parse().map_err(|_| wrong())?);
                }
                Some(("task" | "feature", _)) => {}
                _ => return Err(wrong()),
            }
        }
        Ok(topics)
    }

    /// These and those.
    ///
    /// # Errors
    /// When they are too many for one connection.
    pub fn with(&self, more: &Self) -> Answer<Self> {
        let both = Self {
            named: true,
            runs: self.runs.union(&more.runs).copied().collect(),
            projects: self.projects.union(&more.projects).copied().collect(),
        };
        match both.runs.len() + both.projects.len() {
            0..=MOST => Ok(both),
            _ => Err(too_many()),
        }
    }

    /// These but those.
    #[must_use]
    pub fn without(&self, those: &Self) -> Self {
        Self {
            named: true,
            runs: self.runs.difference(&those.runs).copied().collect(),
            projects: self.projects.difference(&those.projects).copied().collect(),
        }
    }

    /// Whether no topic was named.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        !self.named
    }

    /// Whether a run's events are wanted; `None` when that depends on its project.
    #[must_use]
    pub fn wants(&self, run: RunId, project: Option<ProjectId>) -> Option<bool> {
        if !self.named || self.runs.contains(&run) {
            return Some(true);
        }
        match project {
            Some(project) => Some(self.projects.contains(&project)),
            None if self.projects.is_empty() => Some(false),
            None => None,
        }
    }

    /// The runs that were named.
    pub fn runs(&self) -> impl Iterator<Item = RunId> {
        self.runs.iter().copied()
    }

    /// The projects that were named.
    pub fn projects(&self) -> impl Iterator<Item = ProjectId> {
        self.projects.iter().copied()
    }
}

fn too_many() -> Problem {
    Problem::bad_request("bad_topic", format!("at most {MOST} topics"))
}
