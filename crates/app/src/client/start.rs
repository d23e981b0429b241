//! Starting a host in the background.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use super::{Client, Error, START_DEADLINE};

/// The host's log in the data directory.
pub const LOG: &str = "host.log";

/// How much of the log an error carries, in bytes.
const TAIL: u64 = 2048;

/// Starts a host and waits until it answers.
pub async fn host(client: &Client) -> Result<(), Error> {
    // What runs inside a step belongs to that step's tree and is ended with it: a host must not. The
    // step's shepherd starts one by itself when its own is gone.
    let inside = std::env::var_os("BATON_ATTEMPT").is_some();
    let start = || match inside {
        true => Ok(None),
        false => spawn(client)
            .map(Some)
            .map_err(|e| Error::Start(e.to_string())),
    };
    let mut child = start()?;
    let deadline = Instant::now() + START_DEADLINE;
    let mut pause = Duration::from_millis(2);
    loop {
        let last = match client.health().await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let ended = child
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten());
        // It found another one in its place: that one answers soon, unless it was about to end.
        if ended.is_some_and(|status| status.code() == Some(75)) {
            child = start()?;
        } else if let Some(status) = ended {
            if client.health().await.is_ok() {
                return Ok(());
            }
            let log = tail(&client.data_dir.join(LOG));
            return Err(Error::Start(format!("it ended with {status}{log}")));
        }
        if Instant::now() >= deadline {
            let log = tail(&client.data_dir.join(LOG));
            return Err(Error::Start(format!(
                "it did not answer within {} s ({last}){log}",
                START_DEADLINE.as_secs()
            )));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

fn spawn(client: &Client) -> std::io::Result<Child> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&client.data_dir)?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(client.data_dir.join(LOG))?;
    Command::new(&client.program)
        .arg("host")
        .arg("--data-dir")
        .arg(&client.data_dir)
        .arg("--background")
        // The host is nobody's attempt, whoever happens to start it.
        .env_remove("BATON_ATTEMPT")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

/// The end of the host's log as the end of an error message.
fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) if !text.trim().is_empty() => {
            let lines: Vec<&str> = text.trim_end().lines().collect();
            let last = &lines[lines.len().saturating_sub(8)..];
            format!("\nend of {}:\n  {}", path.display(), last.join("\n  "))
        }
        _ => String::new(),
    }
}
