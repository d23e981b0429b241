//! What a client wants to hear of.

use std::collections::HashSet;
use std::sync::Arc;

use baton_core::ids::{ProjectId, RunId};

use super::super::error::{Answer, Problem};
use super::super::find;
use crate::host::Host;

/// At most so many topics per connection.
const MOST: usize = 1000;

/// See the module. Without any topic: everything.
#[derive(Debug, Default)]
pub struct Topics {
    /// Whether any topic was named.
    named: bool,
    runs: HashSet<RunId>,
    projects: HashSet<ProjectId>,
}

impl Topics {
    /// The topics of these names: `run:<id or number>`, `project:<id>`; those of later parts are
    /// taken and say nothing yet.
    pub async fn parse(host: &Arc<Host>, names: &[&str]) -> Answer<Self> {
        if names.len() > MOST {
            return Err(Problem::bad_request(
                "bad_topic",
                format!("at most {MOST} topics"),
            ));
        }
        let mut topics = Self {
            named: !names.is_empty(),
            ..Self::default()
        };
        for name in names {
            let wrong = || {
                let shown: String = name.chars().take(64).collect();
                let detail = format!("`{shown}` is no topic: run:<id>, project:<id>");
                Problem::bad_request("bad_topic", detail)
            };
            match name.split_once(':') {
                Some(("run", run)) => {
                    topics.runs.insert(find::run_id(host, run).await?);
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

    /// Whether a run's events are wanted, as far as its id tells; `None` when that depends on its
    /// project.
    pub fn wants_run(&self, run: RunId) -> Option<bool> {
        if !self.named || self.runs.contains(&run) {
            Some(true)
        } else if self.projects.is_empty() {
            Some(false)
        } else {
            None
        }
    }

    /// Whether all of a project is wanted.
    pub fn wants_project(&self, project: ProjectId) -> bool {
        self.projects.contains(&project)
    }

    /// The runs that were named.
    pub fn runs(&self) -> impl Iterator<Item = RunId> {
        self.runs.iter().copied()
    }
}
