//! Carries schedules out: what each definition on disk says now, from where it was last.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use baton_core::definition::cron::Cron;
use baton_core::definition::{CatchUp, Schedule};
use baton_core::ids::{DefinitionId, ProjectId};
use baton_core::time::Timestamp;
use baton_store::{Project, Schedules};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::due::next;
use super::start::{Occasion, start};
use crate::host::definitions::{self, Found};
use crate::host::{Host, now};

/// How often definitions are looked at for changed schedules.
const LOOK: Duration = Duration::from_secs(10);

/// Runs that are started for missed times of one schedule, at most: the newest.
const MOST: usize = 100;

/// A time that passed less than this ago was not missed.
const PUNCTUAL: Duration = Duration::from_secs(60);

/// Carries out all schedules of all projects, as long as the host lives.
pub async fn run(host: Arc<Host>, kept: Schedules) {
    let kept = Arc::new(kept);
    let mut seen = Seen::default();
    loop {
        let (of_host, of_kept) = (host.clone(), kept.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let due = look(&of_host, &of_kept, &mut seen);
            (due, seen)
        });
        let rest = match looked.await {
            Ok((due, before)) => {
                seen = before;
                let mut soonest = LOOK;
                for due in due {
                    soonest = soonest.min(carry_out(&host, &kept, due).await);
                }
                soonest
            }
            Err(_) => {
                seen = Seen::default();
                LOOK
            }
        };
        tokio::time::sleep(rest).await;
    }
}

/// What definition files said when they were last looked at, by project: they are read again only
/// when a file has changed.
type Seen = HashMap<ProjectId, (definitions::Print, Vec<Planned>)>;

/// A schedule.
#[derive(Debug, Clone)]
struct Planned {
    key: String,
    id: DefinitionId,
    schedule: Schedule,
}

/// A schedule with the times that have come.
struct Due {
    project: Project,
    planned: Planned,
    rule: String,
    times: Vec<Timestamp>,
    missed: bool,
    next: Option<Timestamp>,
    up_to: Timestamp,
}

fn look(host: &Host, kept: &Schedules, seen: &mut Seen) -> Vec<Due> {
    let projects = host.projects.all().unwrap_or_default();
    let mut all = Vec::new();
    for project in projects {
        let print = definitions::print(&project);
        let known = seen.get(&project.id).filter(|(before, _)| *before == print);
        let planned = match known {
            Some((_, planned)) => planned.clone(),
            None => {
                let planned: Vec<Planned> = definitions::list(&project)
                    .iter()
                    .filter_map(planned)
                    .collect();
                seen.insert(project.id, (print, planned.clone()));
                planned
            }
        };
        for planned in planned {
            match due(kept, &project, planned) {
                Ok(Some(due)) => all.push(due),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a schedule cannot be read"),
            }
        }
    }
    all
}

fn planned(found: &Found) -> Option<Planned> {
    let schedule = found.definition.as_ref()?.triggers.schedule.clone()?;
    Some(Planned {
        key: found.key.clone(),
        id: found.id,
        schedule,
    })
}

/// When a schedule comes due next; `None` when it never does.
#[must_use]
pub fn next_time(schedule: &Schedule) -> Option<Timestamp> {
    let cron = Cron::parse(&schedule.cron).ok()?;
    next(&cron, &TimeZone::get(&schedule.tz).ok()?, now())
}

fn due(
    kept: &Schedules,
    project: &Project,
    planned: Planned,
) -> Result<Option<Due>, baton_engine::ports::ReadError> {
    let schedule = &planned.schedule;
    let (Ok(cron), Ok(zone)) = (Cron::parse(&schedule.cron), TimeZone::get(&schedule.tz)) else {
        tracing::warn!(definition = %planned.key, zone = %schedule.tz, "no such time zone");
        return Ok(None);
    };
    let rule = format!("{} {}", schedule.cron, schedule.tz);
    let now = now();
    let handled = kept.handled(planned.id, &rule, now)?;
    let mut times = Vec::new();
    let mut at = next(&cron, &zone, handled);
    while let Some(time) = at.filter(|at| *at <= now) {
        times.push(time);
        if times.len() > MOST {
            times.remove(0);
        }
        at = next(&cron, &zone, time);
    }
    let missed = times.len() > 1 || times.first().is_some_and(|t| now.since(*t) > PUNCTUAL);
    Ok(Some(Due {
        project: project.clone(),
        rule,
        missed,
        next: at,
        up_to: times.last().copied().unwrap_or(handled),
        times,
        planned,
    }))
}

/// Starts what is due; how long until the next time.
async fn carry_out(host: &Arc<Host>, kept: &Arc<Schedules>, due: Due) -> Duration {
    let left = due.next.map_or(LOOK, |at| at.since(now()));
    if due.times.is_empty() {
        return left;
    }
    let newest = due.times.last().copied().into_iter().collect();
    let times: Vec<Timestamp> = match (due.missed, due.planned.schedule.catch_up) {
        (false, _) | (true, CatchUp::All) => due.times,
        (true, CatchUp::One) => newest,
        (true, CatchUp::None) => {
            let is_punctual = |at: &Timestamp| now().since(*at) <= PUNCTUAL;
            due.times.into_iter().filter(is_punctual).collect()
        }
    };
    let Planned { key, id, schedule } = &due.planned;
    for at in times {
        let found = definitions::find(due.project.id, &due.project.path, key);
        let Some(found) = found else { break };
        let occasion = Occasion {
            id: format!("schedule/{id}/{}", at.millis()),
            name: format!("{key}, {at}"),
        };
        let args = Value::Object(schedule.args.clone().into_iter().collect());
        match start(host, &due.project, found, args, &occasion).await {
            Ok(run) => tracing::info!(%run, definition = %key, "a schedule has started a run"),
            Err(problem) if problem.is_of_server() => {
                tracing::warn!(
                    detail = problem.detail(),
                    "a schedule could not start its run"
                );
                return Duration::from_secs(1);
            }
            Err(problem) => {
                tracing::warn!(definition = %key, detail = problem.detail(), "a schedule's run was refused");
            }
        }
    }
    if let Err(error) = kept.handle(*id, &due.rule, due.up_to) {
        tracing::warn!(%error, "a schedule's progress could not be kept; what it started is known");
    }
    left
}
