//! Follows the journal from where it had stopped, and has the spans of what ends delivered.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use baton_core::ids::RunId;
use baton_engine::ports::{Aggregate, Journal, Position, Stored};
use baton_engine::{FoldError, decode, walk};
use opentelemetry_sdk::trace::SpanData;
use serde::{Deserialize, Serialize};

use super::export::Exporter;
use super::spans::{self, Maker};
use super::tale::{self, Ended, Place, Tale};
use super::tools::{self, Calls};
use crate::host::{Host, write_private};

/// Commits that are read at once.
const BATCH: usize = 32;

/// Spans that are sent at once.
const AT_ONCE: usize = 512;

/// Commits without a span after which it is kept how far it came.
const FAR: u64 = 10_000;

/// Runs whose state is kept between their commits.
const KEPT: usize = 1024;

/// Deeper nests of child runs are traces of their own.
const DEEPEST: usize = 32;

/// How long to wait after the disk said no.
const PAUSE: Duration = Duration::from_secs(1);

/// How far it came, in the data directory.
#[derive(Debug, Serialize, Deserialize)]
struct Reached {
    position: Position,
}

/// What is between two batches.
struct Round {
    host: Arc<Host>,
    gen_ai: bool,
    /// All up to here was delivered.
    cursor: Position,
    /// That is in the file.
    noted: Position,
    tales: HashMap<RunId, Tale>,
}

/// Some commits and what ended with them.
struct Batch {
    up_to: Option<Position>,
    spans: Vec<SpanData>,
}

/// Ends when the host leaves.
pub async fn follow(host: Arc<Host>, exporter: Exporter) {
    let mut head = host.journal.subscribe();
    let mut leaving = host.leaving();
    let (opening, gen_ai) = (host.clone(), exporter.settings.gen_ai);
    let opened = tokio::task::spawn_blocking(move || Round::open(&opening, gen_ai)).await;
    let mut round = match opened {
        Ok(Ok(round)) => round,
        Ok(Err(error)) => return tracing::warn!(%error, "no traces are sent"),
        Err(_) => return,
    };
    loop {
        head.mark_unchanged();
        let read = tokio::task::spawn_blocking(move || {
            let batch = round.read();
            (round, batch)
        });
        let Ok((before, batch)) = read.await else {
            // A panic of ours: whatever it was about is not worth the host's life.
            return tracing::error!("no more traces are sent");
        };
        round = before;
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                tracing::warn!(%error, "traces fall behind");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => continue,
                    _ = leaving.wait_for(|leaving| *leaving) => return,
                }
            }
        };
        let Some(up_to) = batch.up_to else {
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return },
                _ = leaving.wait_for(|leaving| *leaving) => return,
            }
            continue;
        };
        let is_news = !batch.spans.is_empty();
        let mut spans = batch.spans;
        while !spans.is_empty() {
            let rest = spans.split_off(spans.len().min(AT_ONCE));
            tokio::select! {
                // What was not taken is sent by the next host.
                _ = leaving.wait_for(|leaving| *leaving) => return,
                () = exporter.deliver(spans) => {}
            }
            spans = rest;
        }
        round.cursor = up_to;
        if is_news || up_to.0 > round.noted.0 + FAR {
            let noted = tokio::task::spawn_blocking(move || {
                if let Err(error) = round.note() {
                    tracing::warn!(%error, "how far traces came cannot be kept");
                }
                round
            });
            let Ok(before) = noted.await else { return };
            round = before;
        }
    }
}

impl Round {
    fn open(host: &Arc<Host>, gen_ai: bool) -> io::Result<Self> {
        let head = host.journal.head();
        let path = path(host);
        let reached = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Reached>(&bytes).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // The first time, and with another journal: from now on.
        let reached = reached.map(|reached| reached.position);
        let cursor = reached.filter(|position| *position <= head).unwrap_or(head);
        let mut round = Self {
            host: host.clone(),
            gen_ai,
            cursor,
            noted: cursor,
            tales: HashMap::new(),
        };
        round.note()?;
        Ok(round)
    }

    fn note(&mut self) -> io::Result<()> {
        let reached = Reached {
            position: self.cursor,
        };
        write_private(&path(&self.host), &serde_json::to_vec(&reached)?)?;
        self.noted = self.cursor;
        Ok(())
    }

    /// What was committed after the last batch. Blocks on the disk.
    fn read(&mut self) -> Result<Batch, FoldError> {
        let commits = self.host.journal.since(self.cursor, BATCH)?;
        let mut all = Vec::new();
        for stored in &commits {
            match self.tell(stored) {
                Ok(spans) => all.extend(spans),
                Err(FoldError::Read(error)) => return Err(error.into()),
                // It will not be better later.
                Err(error) => tracing::warn!(%error, "a commit is in no trace"),
            }
        }
        Ok(Batch {
            up_to: commits.last().map(|stored| stored.position),
            spans: all,
        })
    }

    /// The spans that end with a commit.
    fn tell(&mut self, stored: &Stored) -> Result<Vec<SpanData>, FoldError> {
        let Aggregate::Run(run) = stored.aggregate else {
            return Ok(Vec::new());
        };
        let host = self.host.clone();
        let events = decode(host.journal.as_ref(), stored)?;
        let Some(mut tale) = self.before(run, stored)? else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for (index, event) in events.iter().enumerate() {
            let ended = tale.take(host.engine.plans(), stored, index, event)?;
            if ended.is_empty() {
                continue;
            }
            let place = self.place(&mut tale, stored.position, 0)?;
            let Some(maker) = Maker::new(&tale, place, self.gen_ai) else {
                continue;
            };
            for ended in ended {
                all.extend(made(&host, &maker, &ended, stored));
            }
        }
        if tale.run().is_some_and(|run| !run.status.is_ended()) {
            self.keep(run, tale);
        }
        Ok(all)
    }

    fn keep(&mut self, run: RunId, tale: Tale) {
        if self.tales.len() >= KEPT {
            self.tales.clear();
        }
        self.tales.insert(run, tale);
    }

    /// The run up to just before this commit; `None` when its journal is gone.
    fn before(&mut self, run: RunId, stored: &Stored) -> Result<Option<Tale>, FoldError> {
        match self.tales.remove(&run) {
            Some(tale) if tale.seq() + 1 == stored.seq => Ok(Some(tale)),
            _ if stored.seq == 1 => Ok(Some(Tale::default())),
            _ => {
                let tale = self.load(run, Position(stored.position.0.saturating_sub(1)))?;
                Ok(tale.story.is_some().then_some(tale))
            }
        }
    }

    fn load(&self, run: RunId, until: Position) -> Result<Tale, FoldError> {
        let (journal, plans) = (self.host.journal.as_ref(), self.host.engine.plans());
        let mut tale = Tale::default();
        walk(journal, &Aggregate::Run(run), 0, |stored| {
            if stored.position > until {
                return Ok(ControlFlow::Break(()));
            }
            for (index, event) in decode(journal, &stored)?.iter().enumerate() {
                tale.take(plans, &stored, index, event)?;
            }
            Ok::<_, FoldError>(ControlFlow::Continue(()))
        })?;
        Ok(tale)
    }

    /// Where a run's spans belong: a child's below its parent's step.
    fn place(
        &mut self,
        tale: &mut Tale,
        until: Position,
        depth: usize,
    ) -> Result<Place, FoldError> {
        if let Some(place) = tale.place {
            return Ok(place);
        }
        let own = tale.run().map(|run| run.created.run);
        let own = own.unwrap_or(RunId::from_bits(0));
        let mut place = Place {
            root: own,
            above: None,
        };
        let parent = tale.parent().map(|(run, step)| (run, step.to_owned()));
        if let Some((parent, key)) = parent.filter(|_| depth < DEEPEST) {
            let known = self.tales.remove(&parent);
            let mut of_parent = match known {
                Some(of_parent) => of_parent,
                None => self.load(parent, until)?,
            };
            // A parent that was removed leaves its child by itself.
            if of_parent.story.is_some() {
                let above = self.place(&mut of_parent, until, depth + 1)?;
                let step = of_parent.run().and_then(|run| tale::row(run, &key));
                let began = step.and_then(|(step, _)| step.started_at);
                place = Place {
                    root: above.root,
                    above: began.map(|began| spans::of_step(parent, &key, began)),
                };
                self.keep(parent, of_parent);
            }
        }
        tale.place = Some(place);
        Ok(place)
    }
}

fn made(host: &Host, maker: &Maker<'_>, ended: &Ended, stored: &Stored) -> Vec<SpanData> {
    match ended {
        Ended::Run => vec![maker.run(stored.at)],
        Ended::Step { step, each } => vec![maker.step(step, *each, stored.at)],
        Ended::Attempt { step, attempt } => {
            let project = &maker.run.created.project.path;
            let calls: Calls = tools::of(host, project, step, attempt);
            maker.attempt(step, attempt, &calls)
        }
    }
}

fn path(host: &Host) -> PathBuf {
    host.data_dir.join("traces.json")
}
