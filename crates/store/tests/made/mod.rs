//! What the tests of this crate share.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;

use baton_core::ids::{CommandId, ProjectId, RunId};
use baton_core::time::Timestamp;
use baton_engine::ports::{Aggregate, Append, AppendError, Appended, Board, Journal, Wake};
use tokio::sync::oneshot;

pub type Answer = oneshot::Receiver<Result<Appended, AppendError>>;

pub fn run(number: u64) -> RunId {
    RunId::from_bits(0x0193_0000_0000_7000_8000_0000_0000_0000 | u128::from(number))
}

pub fn append(number: u64, seq: u64) -> Append {
    Append {
        aggregate: Aggregate::Run(run(number)),
        seq,
        command: None,
        at: Timestamp::from_millis(1_000 + seq),
        events: format!("[{{\"run\":{number},\"seq\":{seq}}}]").into_bytes(),
        decided: None,
        blobs: Vec::new(),
        board: Some(Board {
            number,
            project: ProjectId::from_bits(1),
            status: "running",
        }),
        wake: Wake {
            due: None,
            live: false,
            unfinished: true,
        },
    }
}

pub fn with_command(number: u64, seq: u64, command: &str) -> Append {
    Append {
        command: Some(CommandId(command.into())),
        ..append(number, seq)
    }
}

pub fn with_blob(number: u64, seq: u64, text: &str) -> Append {
    let hash = baton_core::run::big::hash(text);
    Append {
        events: format!("[{{\"blob\":\"{hash}\"}}]").into_bytes(),
        blobs: vec![(hash, Arc::from(text))],
        ..append(number, seq)
    }
}

/// Hands an append over without waiting.
pub fn hand(journal: &dyn Journal, append: Append) -> Answer {
    let (reply, answer) = oneshot::channel();
    journal.append(append, reply);
    answer
}

/// Appends and waits.
pub fn put(journal: &dyn Journal, append: Append) -> Result<Appended, AppendError> {
    hand(journal, append).blocking_recv().unwrap()
}
