//! The text of a turn, put together from its chunks. Chunks are told at once; the whole block when
//! it ends: at another message, a tool use, the end of the turn.

use baton_core::activity::Activity;

use crate::driver::Output;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    Message,
    Thought,
}

#[derive(Debug, PartialEq, Eq)]
struct Block {
    voice: Voice,
    parent: Option<String>,
    /// claude-agent-acp and codex-acp 2 name their messages; Gemini CLI does not.
    message: Option<String>,
    text: String,
}

#[derive(Debug, Default)]
pub(super) struct Speech {
    block: Option<Block>,
    /// The last whole message of the turn: its answer.
    answer: String,
}

impl Speech {
    pub(super) fn chunk(
        &mut self,
        voice: Voice,
        parent: Option<String>,
        message: Option<String>,
        text: &str,
    ) -> Vec<Output> {
        if text.is_empty() {
            return Vec::new();
        }
        let goes_on = |block: &Block| {
            (block.voice, &block.parent, &block.message) == (voice, &parent, &message)
        };
        let mut outputs = Vec::new();
        if !self.block.as_ref().is_some_and(goes_on) {
            outputs = self.flush();
        }
        if voice == Voice::Message {
            let activity = Activity::MessageDelta { text: text.into() };
            outputs.push(Output::Activity {
                parent: parent.clone(),
                activity,
            });
        }
        let fresh = || Block {
            voice,
            parent,
            message,
            text: String::new(),
        };
        self.block.get_or_insert_with(fresh).text.push_str(text);
        outputs
    }

    /// Ends the block.
    pub(super) fn flush(&mut self) -> Vec<Output> {
        let Some(Block {
            voice,
            parent,
            text,
            ..
        }) = self.block.take()
        else {
            return Vec::new();
        };
        let activity = match voice {
            Voice::Thought => Activity::Thinking { text },
            Voice::Message => {
                if parent.is_none() {
                    self.answer.clone_from(&text);
                }
                Activity::Message { text }
            }
        };
        vec![Output::Activity { parent, activity }]
    }

    /// The turn's answer, once; call [`Speech::flush`] before.
    pub(super) fn answer(&mut self) -> String {
        std::mem::take(&mut self.answer)
    }
}
