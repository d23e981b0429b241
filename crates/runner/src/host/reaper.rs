//! Reaping shepherds this host started, so that none stays a zombie. One thread for all of them,
//! asleep while there are none.

use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Reaps `child` when it has ended, now or later.
pub(crate) fn reap(mut child: Child) {
    static REAPER: OnceLock<Option<Mutex<Sender<Child>>>> = OnceLock::new();
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    if let Some(sender) = REAPER.get_or_init(start) {
        let sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
        let _reaper_gone = sender.send(child);
    }
}

fn start() -> Option<Mutex<Sender<Child>>> {
    let (sender, receiver) = channel();
    let thread = std::thread::Builder::new().name("shepherd-reaper".to_owned());
    thread
        .stack_size(64 * 1024)
        .spawn(move || run(&receiver))
        .ok()?;
    Some(Mutex::new(sender))
}

fn run(receiver: &Receiver<Child>) {
    let mut children: Vec<Child> = Vec::new();
    let mut pause = FIRST_PAUSE;
    loop {
        let next = if children.is_empty() {
            receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            receiver.recv_timeout(pause)
        };
        match next {
            Ok(child) => {
                children.push(child);
                pause = FIRST_PAUSE;
            }
            Err(RecvTimeoutError::Timeout) => pause = (pause * 2).min(LAST_PAUSE),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}
