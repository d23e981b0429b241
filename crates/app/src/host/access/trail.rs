//! The trail of who did what: written by a thread of its own, so that nobody waits for it, and read
//! only when all that was noted before is written.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use baton_core::time::Timestamp;
use baton_store::AccessStore;
use serde_json::Value;

/// Deeds that are written at once.
const BATCH: usize = 256;

enum Word {
    Deed(Timestamp, String),
    Flush(Sender<()>),
}

/// See the module.
pub struct Trail {
    words: Mutex<Option<Sender<Word>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Trail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trail").finish_non_exhaustive()
    }
}

impl Trail {
    /// Begins to write.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn begin(store: Arc<AccessStore>) -> std::io::Result<Self> {
        let (words, heard) = channel();
        let thread = std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || write(&store, &heard))?;
        Ok(Self {
            words: Mutex::new(Some(words)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Notes something that was done.
    pub fn note(&self, at: Timestamp, deed: &Value) {
        self.say(Word::Deed(at, deed.to_string()));
    }

    /// Waits until what was noted is written. Blocks.
    pub fn flush(&self) {
        let (done, written) = channel();
        self.say(Word::Flush(done));
        // An error is a writer that has ended, with all it was given.
        let _written = written.recv();
    }

    fn say(&self, word: Word) {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(words) = words.as_ref() {
            let _ended = words.send(word);
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        drop(
            self.words
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn write(store: &AccessStore, heard: &Receiver<Word>) {
    while let Ok(first) = heard.recv() {
        let mut deeds = Vec::new();
        let mut waiting = Vec::new();
        for word in std::iter::once(first).chain(heard.try_iter().take(BATCH)) {
            match word {
                Word::Deed(at, data) => deeds.push((at, data)),
                Word::Flush(done) => waiting.push(done),
            }
        }
        if let Err(error) = store.note(&deeds) {
            tracing::error!(%error, lost = deeds.len(), "what was done could not be noted");
        }
        // Dropping tells them.
        drop(waiting);
    }
}
