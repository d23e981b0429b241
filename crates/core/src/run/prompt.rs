//! What an agent is told first: the step's prompt with the run's standing instruction and the
//! instructions that wait, or, in a session that goes on, how it goes on.

use std::fmt::Write as _;

use super::event::Cause;
use super::state::{Run, Step};

/// The text of an instruction as agents see it: its number lets a second delivery be recognised.
#[must_use]
pub fn instruction_text(number: u32, content: &str) -> String {
    format!("[message {number}] {content}")
}

impl Run {
    /// The first words to the agent of this step. `asked` is the step's own prompt; `resumed` says
    /// whether its session knows it already.
    pub(super) fn prompt(&self, step: &Step, asked: &str, resumed: bool) -> String {
        let mut text = String::new();
        if let Some(standing) = &self.created.instruction {
            let _fits = write!(text, "Standing instruction for this run:\n{standing}\n\n");
        }
        // Those its attempt was started with: later ones are told to the session as they come.
        let heads = step.session.as_deref().map_or(&[][..], |s| &s.heads);
        for number in heads {
            if let Some(wait) = self.instructions.get(number) {
                let _fits = write!(text, "{}\n\n", instruction_text(*number, &wait.content));
            }
        }
        if resumed {
            text.push_str(match step.next_cause {
                Cause::Parked => {
                    "You were interrupted because the run was paused. It goes on now: continue \
                     with your task where you left off."
                }
                Cause::UsageLimit => {
                    "The usage limit has been reset. Continue with your task where you left off."
                }
                Cause::First | Cause::Retry | Cause::Lost | Cause::SessionLost => {
                    "Your process ended unexpectedly. Look at how far the work has come, then \
                     continue with your task where you left off."
                }
            });
            return text;
        }
        if step.next_cause == Cause::SessionLost {
            text.push_str(
                "An earlier session worked on this task and is gone; its changes may be in the \
                 files. Look at them before you go on.\n\n",
            );
        }
        text.push_str(asked);
        text
    }
}
