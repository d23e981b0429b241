//! What a run's program says, one word after another. Each end of a function is a commit of its own;
//! all of them may be on their way to the disk together, since nothing acts on them.

use std::collections::VecDeque;

use baton_core::run::decide::Command;

use super::{RunActor, RunMail};
use crate::handle::SendError;
use crate::ports::AppendError;

/// Whether a command is the word of a run's program: what was lost of it can be said again.
pub(super) fn is_said_by_it(command: &Command) -> bool {
    matches!(command, Command::Asked { .. })
}

impl RunActor {
    /// Carries this out, and all that the program has said since, and waits for the disk once.
    /// Gives the mail after it.
    pub(super) async fn follow_program(&mut self, first: Command) -> Option<RunMail> {
        // With the commit it led to, or the one before; not known to be durable.
        let mut said = VecDeque::new();
        let mut command = first;
        let (next, mut is_kept) = loop {
            let taken = self.take_ahead(&command).await;
            let seq = self.folded.as_ref().map(|folded| folded.seq);
            said.push_back((seq, command));
            match taken {
                Ok(()) => {}
                Err(SendError::Disk(_) | SendError::Environment(_)) => break (None, false),
                Err(error) => tracing::debug!(run = %self.id, %error, "a program is not heard"),
            }
            let oldest = self.underway.front().map(|underway| underway.seq);
            while let Some((Some(seq), _)) = said.front()
                && oldest.is_none_or(|oldest| *seq < oldest)
            {
                said.pop_front();
            }
            match self.inbox.try_recv() {
                Ok(RunMail::Command {
                    command: more,
                    id: None,
                    reply: None,
                }) if is_said_by_it(&more) => command = *more,
                Ok(other) => break (Some(other), true),
                Err(_) => break (None, true),
            }
        };
        if is_kept {
            let now = self.engine.inner.outside.clock.now();
            is_kept = self.run_ahead(Vec::new(), now).await.is_ok();
        }
        if is_kept {
            self.advance().await;
            return next;
        }
        // Said again in its order; what became durable after all changes nothing the second time.
        for (_, command) in said {
            self.carry_out(command, None, None).await;
        }
        next
    }

    /// Decides on a command and hands over what follows, waiting for the disk only as far as it must.
    async fn take_ahead(&mut self, command: &Command) -> Result<(), SendError> {
        let now = self.engine.inner.outside.clock.now();
        let events = self.decide(command, now)?;
        if events.is_empty() {
            return Ok(());
        }
        let handed = self.run_ahead(events, now).await;
        handed.map_err(|error| match error {
            AppendError::Failed(error) => SendError::Disk(error),
            other => SendError::Disk(other.to_string()),
        })
    }
}
