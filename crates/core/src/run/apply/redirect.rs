//! Events of a redirect.

use super::super::outbox::Message;
use super::super::redirect::{Redirect, Successor};
use super::super::state::{Run, Status};
use crate::ids::RunId;

impl Run {
    pub(super) fn redirect_requested(&mut self, successor: &Successor) {
        self.redirect = Some(Redirect {
            run: successor.run,
            number: None,
        });
        let message = Message::StartSuccessor(Box::new(successor.clone()));
        self.outbox.push(message);
    }

    pub(super) fn successor_is_there(&mut self, run: RunId, number: Option<u64>) {
        self.redirect = number.map(|number| Redirect {
            run,
            number: Some(number),
        });
        if matches!(self.status, Status::Cancelled { .. }) {
            self.tell_successor();
        }
    }

    /// Nothing of this run runs any more: the one that takes its place may begin.
    pub(super) fn tell_successor(&mut self) {
        if let Some(redirect) = self.redirect.filter(|redirect| redirect.number.is_some()) {
            let run = redirect.run;
            self.outbox.push(Message::TellSuccessor { run });
        }
    }
}
