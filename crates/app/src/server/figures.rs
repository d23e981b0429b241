//! What many runs came to: a definition's statistics, and insights over a time.
//!
//! Made from the rows of the views alone.

use std::collections::BTreeMap;

use baton_core::activity::Usage;
use baton_core::ids::{DefinitionId, ProjectId};
use baton_core::time::Timestamp;
use baton_store::Views;
use baton_store::views::{RunFilter, RunRow};
use serde_json::{Value, json};

use super::error::Answer;

/// Runs that statistics rest on, at most.
const NEWEST: usize = 25;

/// Runs that insights rest on, at most: the newest of the time asked for.
const MOST: usize = 1_000;

/// Runs that are named.
const NAMED: usize = 5;

/// Runs read at once.
const PAGE: usize = 200;

/// How the runs of a definition went; null when there is none.
pub fn stats(views: &Views, definition: DefinitionId) -> Answer<Value> {
    let by_status = views.counts(Some(definition))?;
    let runs: u64 = by_status.values().sum();
    if runs == 0 {
        return Ok(Value::Null);
    }
    let of = |status: &str| by_status.get(status).copied().unwrap_or(0);
    let filter = RunFilter {
        definitions: vec![definition.to_string()],
        ..RunFilter::default()
    };
    let newest = views.runs(&filter, None, NEWEST)?.rows;
    let mut lengths = Vec::new();
    let mut costs = Vec::new();
    for row in &newest {
        lengths.extend(row.length_ms().map(|ms| ms as f64));
        costs.extend(row.completed_at.and(row.usage.cost_usd));
    }
    let named = newest.iter().take(NAMED).map(|row| {
        json!({
            "id": row.id.to_string(),
            "number": row.number,
            "name": row.name,
            "status": row.status,
            "created_at": row.created_at.to_string(),
            "completed_at": row.completed_at.map(|at| at.to_string()),
        })
    });
    Ok(json!({
        "runs": runs,
        "completed": of("completed"),
        "failed": of("failed"),
        "cancelled": of("cancelled"),
        "success_rate": rate(of("completed"), of("failed")),
        "median_ms": middle(&mut lengths, 0.5).map(|ms| ms as u64),
        "p90_ms": middle(&mut lengths, 0.9).map(|ms| ms as u64),
        "median_cost_usd": middle(&mut costs, 0.5),
        "last_runs": named.collect::<Vec<_>>(),
    }))
}

fn rate(completed: u64, failed: u64) -> Option<f64> {
    let ended = completed + failed;
    (ended > 0).then(|| completed as f64 / ended as f64)
}

/// The value below which this part of them lies; half way between two for the median.
fn middle(values: &mut [f64], part: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let at = part * values.len().checked_sub(1)? as f64;
    let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
    Some(low + (high - low) * at.fract())
}

/// What insights are asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Of this project; of all without.
    pub project: Option<ProjectId>,
    /// Of those whoever asks may see; `None` is all.
    pub seen: Option<Vec<ProjectId>>,
    /// Runs that were created from then on.
    pub from: Timestamp,
    /// And before then.
    pub to: Timestamp,
    /// What runs are put together by.
    pub group: Group,
}

/// What runs are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Their definition.
    Definition,
    /// The agents at work in them.
    Agent,
    /// The day (UTC) they were created.
    Day,
}

impl Group {
    /// The one with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "definition" => Self::Definition,
            "agent" => Self::Agent,
            "day" => Self::Day,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Agent => "agent",
            Self::Day => "day",
        }
    }
}

/// Sums over some runs.
#[derive(Default)]
struct Sums {
    label: String,
    runs: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    lengths: Vec<f64>,
    cost: f64,
    tokens: u64,
}

impl Sums {
    fn add(&mut self, row: &RunRow, usage: &Usage) {
        self.runs += 1;
        match row.status.as_str() {
            "completed" => self.completed += 1,
            "failed" => self.failed += 1,
            "cancelled" => self.cancelled += 1,
            _ => {}
        }
        self.lengths.extend(row.length_ms().map(|ms| ms as f64));
        self.cost += usage.cost_usd.unwrap_or(0.0);
        self.tokens += usage.tokens();
    }

    fn into_json(mut self, key: Option<&str>) -> Value {
        let mut value = json!({
            "runs": self.runs,
            "completed": self.completed,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "success_rate": rate(self.completed, self.failed),
            "median_ms": middle(&mut self.lengths, 0.5).map(|ms| ms as u64),
            "p90_ms": middle(&mut self.lengths, 0.9).map(|ms| ms as u64),
            "cost_usd": self.cost,
            "tokens": self.tokens,
        });
        if let Some(key) = key {
            value["key"] = key.into();
            value["label"] = self.label.into();
        }
        value
    }
}

/// Runs of a time: how many, how they ended, how long they took, what they cost and waited for.
pub fn insights(views: &Views, asked: &Asked) -> Answer<Value> {
    let (rows, is_complete) = rows(views, asked)?;
    let mut all = Sums::default();
    let mut groups: BTreeMap<String, Sums> = BTreeMap::new();
    let mut waits: BTreeMap<&'static str, u64> = BTreeMap::new();
    let now = crate::host::now();
    for row in &rows {
        all.add(row, &row.usage);
        for (key, label, usage) in parts(asked.group, row) {
            let group = groups.entry(key).or_default();
            group.label = label;
            group.add(row, &usage);
        }
        for (reason, ms) in &row.waits {
            *waits.entry(reason.word()).or_default() += ms;
        }
        // What it waits for now it has waited for since its last commit.
        if let Some(waiting) = &row.waiting {
            *waits.entry(waiting.reason.word()).or_default() += millis(row.updated_at, now);
        }
    }
    let mut groups: Vec<(String, Sums)> = groups.into_iter().collect();
    if asked.group != Group::Day {
        groups.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.runs));
    }
    let groups = groups
        .into_iter()
        .map(|(key, sums)| sums.into_json(Some(&key)));
    let mut waits: Vec<_> = waits.into_iter().collect();
    waits.sort_by_key(|(_, ms)| std::cmp::Reverse(*ms));
    let waits = waits
        .into_iter()
        .map(|(reason, ms)| json!({"reason": reason, "ms": ms}));
    let mut data = all.into_json(None);
    data["from"] = asked.from.to_string().into();
    data["to"] = asked.to.to_string().into();
    data["group"] = asked.group.word().into();
    data["groups"] = groups.collect();
    data["waiting"] = waits.collect();
    data["is_complete"] = is_complete.into();
    Ok(data)
}

/// The newest runs of the time, and whether that is all of them.
fn rows(views: &Views, asked: &Asked) -> Answer<(Vec<RunRow>, bool)> {
    let filter = RunFilter {
        project: asked.project,
        projects: asked.seen.clone(),
        ..RunFilter::default()
    };
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = views.runs(&filter, before, PAGE)?;
        let is_older = page
            .rows
            .last()
            .is_some_and(|row| row.created_at < asked.from);
        let in_time = |row: &RunRow| row.created_at >= asked.from && row.created_at < asked.to;
        found.extend(page.rows.into_iter().filter(in_time));
        before = page.next;
        if found.len() > MOST {
            found.truncate(MOST);
            return Ok((found, false));
        }
        // Runs are numbered in the order in which they were created.
        if before.is_none() || is_older {
            return Ok((found, true));
        }
    }
}

/// What a run counts for: key, label and usage of each.
fn parts(group: Group, row: &RunRow) -> Vec<(String, String, Usage)> {
    match group {
        Group::Definition => {
            let key = row.definition_key.clone();
            vec![(key, row.definition_name.clone(), row.usage)]
        }
        Group::Day => {
            let day: String = row.created_at.to_string().chars().take(10).collect();
            vec![(day.clone(), day, row.usage)]
        }
        Group::Agent => {
            let agents = row.agents.iter();
            let one = |(agent, usage): (&String, &Usage)| (agent.clone(), agent.clone(), *usage);
            agents.map(one).collect()
        }
    }
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_lies_between_two_values() {
        assert_eq!(middle(&mut [], 0.5), None);
        assert_eq!(middle(&mut [3.0], 0.9), Some(3.0));
        assert_eq!(middle(&mut [4.0, 1.0, 2.0, 3.0], 0.5), Some(2.5));
    }
}
