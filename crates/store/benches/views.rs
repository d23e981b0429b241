//! How fast the views catch up: many runs of wait steps that are already in the journal. One JSON
//! object per line. `BENCH_STEPS` steps in all (default 200,000), in runs of 1,000.

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

fn main() -> Result<(), Box<dyn Error>> {
    let steps: u64 = std::env::var("BENCH_STEPS").map_or(Ok(200_000), |text| text.parse())?;
    let runs = steps / STEPS;
    let mut source = "name: Waits\nsteps:\n".to_owned();
    for n in 0..STEPS {
        writeln!(source, "  - {{id: w{n}, type: wait, for: 0}}")?;
    }
    let dir = tempfile::tempdir()?;
    let journal = Arc::new(SqliteJournal::open(dir.path())?);
    let mut answers = Vec::new();
    for number in 1..=runs {
        let mut first = [
            sample::created(number, "/nowhere", &source),
            Event::RunStarted {},
        ];
        answers.push(made::hand(&*journal, sample::commit(number, 1, &mut first)));
    }
    for n in 0..STEPS {
        for number in 1..=runs {
            let mut ended = [Event::StepCompleted {
                key: format!("w{n}"),
                output: StepOutput::default(),
            }];
            answers.push(made::hand(
                &*journal,
                sample::commit(number, n + 2, &mut ended),
            ));
        }
    }
    for answer in answers {
        answer.blocking_recv()??;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let start = Instant::now();
    let plans = Arc::new(Plans::default());
    let views = Views::open(dir.path(), journal.clone(), plans, journal.subscribe())?;
    runtime.block_on(views.wait_for(journal.head()));
    let elapsed = start.elapsed();
    let line = serde_json::json!({
        "name": "views: catch-up over wait steps",
        "count": runs * STEPS,
        "per_second": ((runs * STEPS) as f64 / elapsed.as_secs_f64()).round(),
    });
    println!("{line}");
    Ok(())
}
