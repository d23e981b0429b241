//! A host that talks with an agent, for the tests beside this.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use baton_runner::{
    AttemptSpec, Conversation, End, Entry, Note, Notice, Outcome, SessionSpec, Shepherd, Stdin,
    TakeBack, take_back,
};
use serde_json::Value;

use crate::support::{Lab, PATIENCE};

/// An agent that answers each line it is told, until it is told `end`.
pub const ECHO: &str =
    r#"while read -r line; do echo "got $line"; [ "$line" != end ] || exit 0; done"#;

pub fn with_session(lab: &Lab, mut spec: AttemptSpec) -> AttemptSpec {
    spec.stdin = Stdin::Pipe;
    spec.session = Some(SessionSpec {
        raw: lab.path("session").join("raw.jsonl"),
        said: lab.path("session").join("said.jsonl"),
        raw_max_bytes: SessionSpec::RAW_MAX_BYTES,
        stdout_to_file: false,
    });
    spec
}

/// A host: one thread waits, the test looks at what was noticed.
pub struct Host {
    pub shepherd: Arc<Shepherd>,
    pub notices: Receiver<Notice>,
    pub waiting: JoinHandle<Outcome>,
}

impl Host {
    pub fn of(shepherd: Shepherd) -> Self {
        let shepherd = Arc::new(shepherd);
        let (sender, notices) = channel();
        let waiter = Arc::clone(&shepherd);
        let waiting = std::thread::spawn(move || {
            waiter.wait_noticing(|notice| {
                sender.send(notice).ok();
            })
        });
        Self {
            shepherd,
            notices,
            waiting,
        }
    }

    pub fn next(lab: &Lab, spec: &AttemptSpec, generation: u64) -> Self {
        match take_back(&lab.dir(spec), generation).unwrap() {
            TakeBack::Living(shepherd) => Self::of(shepherd),
            other => panic!("not living: {other:?}"),
        }
    }

    pub fn say(&self, id: &str, text: &str) {
        self.shepherd.say(id, text, None).unwrap();
    }

    /// Waits until the order is acknowledged.
    pub fn await_said(&self, wanted: &str) {
        loop {
            let notice = self.notices.recv_timeout(PATIENCE).expect(wanted);
            if matches!(notice, Notice::Said { id } if id == wanted) {
                return;
            }
        }
    }

    /// Reads what `raw` is told to hold, until an entry fulfils `wanted`.
    pub fn read_until(
        &self,
        conversation: &mut Conversation,
        what: &str,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Vec<Entry> {
        let mut entries = Vec::new();
        while !entries.iter().any(&wanted) {
            let notice = self.notices.recv_timeout(PATIENCE).expect(what);
            if let Notice::Raw { bytes } = notice {
                entries.extend(conversation.read(bytes).unwrap());
            }
        }
        entries
    }

    pub fn end(self) -> Outcome {
        self.waiting.join().unwrap()
    }
}

pub fn reader(spec: &AttemptSpec) -> Conversation {
    Conversation::new(spec.session.as_ref().unwrap(), 0)
}

pub fn is_line(entry: &Entry, wanted: &str) -> bool {
    matches!(entry, Entry::Line { text, .. } if text == wanted)
}

pub fn said(id: &str) -> Entry {
    let id = id.to_owned();
    Entry::Said { id, note: None }
}

pub fn line(offset: u64, text: &str) -> Entry {
    let text = text.to_owned();
    Entry::Line { offset, text }
}

pub fn stopped(reason: &str) -> End {
    let reason = reason.to_owned();
    End::Stopped { reason }
}

pub fn note(order: Value) -> Note {
    let after = None;
    Note { order, after }
}

pub fn raw(lab: &Lab) -> String {
    lab.read("session/raw.jsonl")
}
