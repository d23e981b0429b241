//! Whether commands are let in, and how many are inside: a host that leaves lets none in first.
//!
//! What is read may be asked until the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub struct Door(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    inside: usize,
    is_closed: bool,
}

impl Door {
    /// Lets a command in until the guard is dropped; none when the door is closed.
    pub fn enter(self: &Arc<Self>) -> Option<Inside> {
        let mut state = self.lock();
        if state.is_closed {
            return None;
        }
        state.inside += 1;
        Some(Inside(self.clone()))
    }

    /// Closes it, unless a command is inside.
    pub fn close_if_empty(&self) -> bool {
        let mut state = self.lock();
        state.is_closed |= state.inside == 0;
        state.is_closed
    }

    /// Closes it; commands that are inside are carried out.
    pub fn close(&self) {
        self.lock().is_closed = true;
    }

    /// Opens it again.
    pub fn open(&self) {
        self.lock().is_closed = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Door::enter`].
#[derive(Debug)]
pub struct Inside(Arc<Door>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.lock().inside -= 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_host_decides_to_leave_only_between_commands_and_lets_none_in_afterwards() {
        let door = Arc::new(Door::default());
        let inside = door.enter().unwrap();
        assert!(!door.close_if_empty(), "a command is inside");
        assert!(door.enter().is_some(), "so others are let in");
        drop(inside);
        assert!(door.close_if_empty());
        assert!(door.enter().is_none());
        door.open();
        assert!(door.enter().is_some(), "there was work after all");
    }
}
