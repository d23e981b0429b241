//! What all connections together want to hear of: nothing else is folded and told.

use std::collections::HashMap;
use std::hash::Hash;

use baton_core::ids::{ProjectId, RunId};

use super::topics::Topics;

/// Counts the connections by what they want.
#[derive(Debug, Default)]
pub struct Interest {
    everything: usize,
    runs: HashMap<RunId, usize>,
    projects: HashMap<ProjectId, usize>,
}

impl Interest {
    /// One more connection wants these.
    pub fn add(&mut self, topics: &Topics) {
        self.everything += usize::from(topics.is_everything());
        for run in topics.runs() {
            *self.runs.entry(run).or_default() += 1;
        }
        for project in topics.projects() {
            *self.projects.entry(project).or_default() += 1;
        }
    }

    /// One less does.
    pub fn remove(&mut self, topics: &Topics) {
        self.everything -= usize::from(topics.is_everything()).min(self.everything);
        topics.runs().for_each(|run| less(&mut self.runs, run));
        let projects = topics.projects();
        projects.for_each(|project| less(&mut self.projects, project));
    }

    /// Whether anybody wants anything.
    pub fn is_empty(&self) -> bool {
        self.everything == 0 && self.runs.is_empty() && self.projects.is_empty()
    }

    /// Whether anybody wants this run's events; `None` when that depends on its project.
    pub fn wants(&self, run: RunId, project: Option<ProjectId>) -> Option<bool> {
        if self.everything > 0 || self.runs.contains_key(&run) {
            return Some(true);
        }
        match project {
            Some(project) => Some(self.projects.contains_key(&project)),
            None if self.projects.is_empty() => Some(false),
            None => None,
        }
    }
}

fn less<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_wants_any_more_is_not_wanted() {
        let run = RunId::from_bits(1);
        let topics = Topics::of_run(run);
        let mut interest = Interest::default();
        interest.add(&topics);
        interest.add(&topics);
        interest.remove(&topics);
        assert_eq!(interest.wants(run, None), Some(true));
        assert_eq!(interest.wants(RunId::from_bits(2), None), Some(false));
        interest.remove(&topics);
        assert!(interest.is_empty());
        interest.add(&Topics::default());
        assert_eq!(interest.wants(run, None), Some(true));
    }
}
