//! Whether a run may be forgotten: its journal is then deleted, and nobody can ask it any more.

use super::super::outbox::Message;
use super::super::state::Run;
use super::Refusal;

impl Run {
    /// Whether nothing is left to be done by, or for, this run.
    ///
    /// # Errors
    /// [`Refusal::InvalidState`] while it has not ended, [`Refusal::Outstanding`] while others have
    /// not heard from it.
    pub fn may_be_removed(&self) -> Result<(), Refusal> {
        if !self.status.is_ended() {
            return Err(self.invalid_state("only a finished run can be removed"));
        }
        if self.files.finishing {
            return Err(Refusal::Outstanding(format!(
                "the branch of run {} is being finished: it can be removed then",
                self.created.number
            )));
        }
        let mut open: Vec<String> = self.outbox.open().map(|(_, m)| told(m)).collect();
        open.dedup();
        if open.is_empty() {
            return Ok(());
        }
        Err(Refusal::Outstanding(format!(
            "run {} has not yet told {}: it can be removed then",
            self.created.number,
            open.join(", ")
        )))
    }
}

/// Whom a message is for, and of what.
fn told(message: &Message) -> String {
    match message {
        Message::RequestSlot(claim) | Message::ReleaseSlot(claim) => {
            let key = claim.slot.split_once('/').map_or("", |(_, key)| key);
            format!("its concurrency key `{key}`")
        }
        Message::StartChild { child, .. } | Message::TellChild { child, .. } => {
            format!("its child run {child}")
        }
        Message::StartSuccessor(successor) => {
            format!("the run {} that takes its place", successor.run)
        }
        Message::TellSuccessor { run } => format!("the run {run} that takes its place"),
        Message::TellParent { parent, .. } => format!("its parent run {parent}"),
    }
}
