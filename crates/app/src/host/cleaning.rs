//! Attempts' directories go once their end is durable: at the start those of earlier hosts, then
//! each as it ends. Environments of runs that never came to be go at the start.

use std::sync::Arc;

use baton_core::ids::{AttemptId, RunId};
use baton_core::run::event::Event;
use baton_engine::ports::Journal;
use baton_runner::AttemptDir;
use tokio::sync::broadcast::error::RecvError;

use super::Host;

/// Cleans until the host leaves. `kept` are the runs with an environment from before this host took
/// requests: of those that come later, some are about to begin.
pub async fn follow(host: Arc<Host>, kept: Vec<RunId>) {
    let mut feed = host.engine.feed().subscribe();
    sweep_environments(&host, kept).await;
    sweep(&host).await;
    loop {
        match feed.recv().await {
            Ok(commit) => {
                for event in commit.events.iter() {
                    if let Event::AttemptEnded { attempt, .. } = event {
                        remove(&host, *attempt).await;
                    }
                }
            }
            Err(RecvError::Lagged(_)) => sweep(&host).await,
            Err(RecvError::Closed) => return,
        }
    }
}

async fn remove(host: &Arc<Host>, attempt: AttemptId) {
    let host = host.clone();
    let removed = tokio::task::spawn_blocking(move || remove_now(&host, attempt));
    // Only a panic or the end of the host; the next start cleans.
    let _later = removed.await;
}

fn remove_now(host: &Host, attempt: AttemptId) {
    let Ok(dir) = AttemptDir::new(&host.data_dir, &attempt.to_string()) else {
        return;
    };
    if let Err(error) = dir.remove() {
        tracing::warn!(%attempt, %error, "an ended attempt's directory stays");
    }
}

/// Removes the environments of runs that do not exist.
async fn sweep_environments(host: &Arc<Host>, kept: Vec<RunId>) {
    let host = host.clone();
    let swept = tokio::task::spawn_blocking(move || {
        for run in kept {
            // Where the journal cannot be read, nothing is known.
            let known = host.journal.runs_by_prefix(&run.to_string());
            if known.is_ok_and(|known| known.is_empty())
                && let Err(error) = host.environments.remove(run)
            {
                tracing::warn!(%run, %error, "the environment of a run that never was stays");
            }
        }
    });
    let _later = swept.await;
}

/// Removes the directories of all attempts that are known to have ended.
async fn sweep(host: &Arc<Host>) {
    let Some(views) = host.views().await else {
        return;
    };
    let host = host.clone();
    let swept = tokio::task::spawn_blocking(move || {
        let Ok(entries) = std::fs::read_dir(host.data_dir.join("attempts")) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let id = name
                .to_str()
                .and_then(|name| name.parse::<AttemptId>().ok());
            let Some(id) = id else { continue };
            let row = views.attempt(id).ok().flatten();
            if row.is_some_and(|row| row.ended_at.is_some()) {
                remove_now(&host, id);
            }
        }
    });
    let _later = swept.await;
}
