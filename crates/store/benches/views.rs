//! How fast the views are made anew of what is already in the journal: many runs of wait steps, and very
//! many short runs. One JSON object per line. `BENCH_STEPS` steps in all (default 200,000), in runs of
//! 1,000; `BENCH_RUNS` short runs (default 100,000). 0 leaves either out.

#[path = "../tests/made/mod.rs"]
mod made;
#[path = "../tests/sample/mod.rs"]
mod sample;

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use baton_core::run::event::{Event, StepOutput};
use baton_engine::Plans;
use baton_engine::ports::Journal;
use baton_store::{SqliteJournal, Views};

const STEPS: u64 = 1000;

fn number(name: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    Ok(std::env::var(name).map_or(Ok(default), |text| text.parse())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (steps, runs) = (
        number("BENCH_STEPS", 200_000)?,
        number("BENCH_RUNS", 100_000)?,
    );
    if steps > 0 {
        measure("views: catch-up over wait steps", |journal| {
            let runs = steps / STEPS;
            wait_steps(journal, runs)?;
            Ok(runs * STEPS)
        })?;
    }
    if runs > 0 {
        measure("views: made anew of short runs", |journal| {
            short_runs(journal, runs)?;
            Ok(runs)
        })?;
    }
    Ok(())
}

/// Fills a journal, which says how many there are of what is counted, and makes the views of it.
fn measure(
    name: &str,
    fill: impl FnOnce(&SqliteJournal) -> Result<u64, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let journal = Arc::new(SqliteJournal::open(dir.path())?);
    let count = fill(&journal)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let start = Instant::now();
    let plans = Arc::new(Plans::default());
    let views = Views::open(dir.path(), journal.clone(), plans, journal.subscribe())?;
    runtime.block_on(views.wait_for(journal.head()));
    let elapsed = start.elapsed();
    let line = serde_json::json!({
        "name": name,
        "count": count,
        "per_second": (count as f64 / elapsed.as_secs_f64()).round(),
        "seconds": (elapsed.as_secs_f64() * 100.0).round() / 100.0,
    });
    println!("{line}");
    Ok(())
}

/// All runs at a time, a step of each in turn.
fn wait_steps(journal: &SqliteJournal, runs: u64) -> Result<(), Box<dyn Error>> {
    let mut source = "name: Waits\nsteps:\n".to_owned();
    for n in 0..STEPS {
        writeln!(source, "  - {{id: w{n}, type: wait, for: 0}}")?;
    }
    let mut answers = Vec::new();
    for number in 1..=runs {
        let mut first = [
            sample::created(number, "/nowhere", &source),
            Event::RunStarted {},
        ];
        answers.push(made::hand(journal, sample::commit(number, 1, &mut first)));
    }
    for n in 0..STEPS {
        for number in 1..=runs {
            let mut ended = [Event::StepCompleted {
                key: format!("w{n}"),
                output: StepOutput::default(),
            }];
            let commit = sample::commit(number, n + 2, &mut ended);
            answers.push(made::hand(journal, commit));
        }
    }
    wait(&mut answers)
}

/// One after the other; every second has ended.
fn short_runs(journal: &SqliteJournal, runs: u64) -> Result<(), Box<dyn Error>> {
    let mut answers = Vec::new();
    for number in 1..=runs {
        let mut story = sample::story(number, "/shop", "done");
        let commits = if number % 2 == 0 { story.len() } else { 6 };
        for (seq, events) in (1..).zip(&mut story[..commits]) {
            answers.push(made::hand(journal, sample::commit(number, seq, events)));
        }
        if answers.len() > 10_000 {
            wait(&mut answers)?;
        }
    }
    wait(&mut answers)
}

fn wait(answers: &mut Vec<made::Answer>) -> Result<(), Box<dyn Error>> {
    for answer in answers.drain(..) {
        answer.blocking_recv()??;
    }
    Ok(())
}
