//! How fast commits become durable: the disk, bare SQLite, and the journal with 1 to 1,000
//! appenders. One JSON object per line. `BENCH_SECONDS` is the length of each (default 3),
//! `BENCH_DIR` where the files lie (default the system's temporary directory).

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_core::ids::{ProjectId, RunId};
use baton_core::time::Timestamp;
use baton_engine::ports::{Aggregate, Append, Board, Journal, Wake};
use baton_store::SqliteJournal;
use tokio::sync::oneshot;

type Outcome<T> = Result<T, Box<dyn Error>>;

const EVENTS: &[u8] = br#"[{"type":"step_completed","key":"cool_down","output":{"result":"0123456789012345678901234567890123456789","data":"{\"n\":1}"}}]"#;

fn main() -> Outcome<()> {
    let seconds = std::env::var("BENCH_SECONDS").map_or(Ok(3), |text| text.parse())?;
    let length = Duration::from_secs(seconds);
    let base = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(base)?;
    let dir = directory.path();

    report(
        "disk: write and fdatasync of 256 bytes",
        &disk(dir, length)?,
    );
    report("sqlite: FULL commits, one connection", &bare(dir, length)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()?;
    for appenders in [1, 10, 100, 1000] {
        let dir = dir.join(format!("journal-{appenders}"));
        let rates = runtime.block_on(appends(&dir, appenders, length))?;
        report(&format!("journal: {appenders} appenders"), &rates);
    }
    Ok(())
}

struct Rates {
    elapsed: Duration,
    /// Sorted.
    latencies: Vec<Duration>,
}

impl Rates {
    fn new(start: Instant, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self {
            elapsed: start.elapsed(),
            latencies,
        }
    }

    fn micros(&self, share: f64) -> u128 {
        let at = (self.latencies.len().saturating_sub(1) as f64 * share) as usize;
        self.latencies.get(at).map_or(0, Duration::as_micros)
    }
}

fn report(name: &str, rates: &Rates) {
    let count = rates.latencies.len();
    let line = serde_json::json!({
        "name": name,
        "count": count,
        "per_second": (count as f64 / rates.elapsed.as_secs_f64()).round(),
        "p50_us": rates.micros(0.5),
        "p99_us": rates.micros(0.99),
        "max_us": rates.micros(1.0),
    });
    println!("{line}");
}

fn disk(dir: &Path, length: Duration) -> Outcome<Rates> {
    let mut file = std::fs::File::create(dir.join("disk"))?;
    timed(length, || {
        file.write_all(&[7; 256])?;
        Ok(file.sync_data()?)
    })
}

fn bare(dir: &Path, length: Duration) -> Outcome<Rates> {
    let connection = rusqlite::Connection::open(dir.join("bare.db"))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)")?;
    let mut insert = connection.prepare("INSERT INTO t (b) VALUES (?1)")?;
    timed(length, || {
        insert.execute([EVENTS])?;
        Ok(())
    })
}

fn timed(length: Duration, mut once: impl FnMut() -> Outcome<()>) -> Outcome<Rates> {
    let start = Instant::now();
    let mut latencies = Vec::new();
    while start.elapsed() < length {
        let one = Instant::now();
        once()?;
        latencies.push(one.elapsed());
    }
    Ok(Rates::new(start, latencies))
}

async fn appends(dir: &Path, appenders: u64, length: Duration) -> Outcome<Rates> {
    let journal = Arc::new(SqliteJournal::open(dir)?);
    let start = Instant::now();
    let tasks: Vec<_> = (1..=appenders)
        .map(|number| {
            let appender = appender(journal.clone(), number, start + length);
            #[expect(clippy::disallowed_methods, reason = "awaited right below")]
            tokio::spawn(appender)
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await?.map_err(|error| error.to_string())?);
    }
    Ok(Rates::new(start, latencies))
}

async fn appender(
    journal: Arc<SqliteJournal>,
    number: u64,
    end: Instant,
) -> Result<Vec<Duration>, String> {
    let run = RunId::from_bits(0x0193_0000_0000_7000_8000_0000_0000_0000 | u128::from(number));
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let one = Instant::now();
        let (reply, answer) = oneshot::channel();
        journal.append(append(run, number, latencies.len() as u64 + 1), reply);
        let result = answer.await.map_err(|error| error.to_string())?;
        result.map_err(|error| error.to_string())?;
        latencies.push(one.elapsed());
    }
    Ok(latencies)
}

fn append(run: RunId, number: u64, seq: u64) -> Append {
    Append {
        aggregate: Aggregate::Run(run),
        seq,
        command: None,
        at: Timestamp::from_millis(1_700_000_000_000 + seq),
        events: EVENTS.to_vec(),
        decided: None,
        blobs: Vec::new(),
        board: Some(Board {
            number,
            project: ProjectId::from_bits(1),
            status: "running",
        }),
        wake: Wake {
            due: Some(Timestamp::from_millis(seq)),
            live: true,
            unfinished: true,
        },
    }
}
