//! What keys mean while a run is watched. Pure: a key in, perhaps an action out.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::line::{Line, Style};
use super::view::RunView;

/// What a person wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Pause the run.
    Pause,
    /// Cancel the run.
    Cancel,
    /// Stop watching; the run goes on.
    Detach,
    /// Approve the step of this id.
    Approve(String),
    /// Reject the step of this id, with this reason.
    Reject(String, String),
    /// Leave at once, after a second Ctrl-C; the run goes on.
    Interrupt,
    /// Stop this process (Ctrl-Z); the run goes on.
    Suspend,
}

/// What is being asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Prompt {
    /// Nothing.
    #[default]
    Idle,
    /// What a Ctrl-C meant.
    Interrupt,
    /// Whether to cancel.
    Cancel,
    /// Why to reject the step of this id.
    Reject(String, String),
    /// Nothing; the keys are shown.
    Help,
}

impl Prompt {
    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent, run: &RunView) -> Option<Act> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return self.interrupt(),
            KeyCode::Char('z') if control => return Some(Act::Suspend),
            _ if control => return None,
            _ => {}
        }
        match std::mem::take(self) {
            Self::Idle | Self::Help => self.idle(key.code, run),
            Self::Interrupt => self.asked(key.code),
            Self::Cancel => match key.code {
                KeyCode::Char('y' | 'Y' | 'c') => Some(Act::Cancel),
                _ => None,
            },
            Self::Reject(step, reason) => self.reason(key.code, step, reason),
        }
    }

    /// Ctrl-C, or the signal of it.
    pub fn interrupt(&mut self) -> Option<Act> {
        if *self == Self::Interrupt {
            return Some(Act::Interrupt);
        }
        *self = Self::Interrupt;
        None
    }

    fn idle(&mut self, key: KeyCode, run: &RunView) -> Option<Act> {
        let asks = || run.steps.iter().find(|step| step.wants_answer());
        match key {
            KeyCode::Char('a') => return asks().map(|step| Act::Approve(step.id.clone())),
            KeyCode::Char('r') => {
                *self = asks().map_or(Self::Idle, |s| Self::Reject(s.id.clone(), String::new()));
            }
            KeyCode::Char('p') => return Some(Act::Pause),
            KeyCode::Char('d' | 'q') => return Some(Act::Detach),
            KeyCode::Char('c') => *self = Self::Cancel,
            KeyCode::Char('?' | 'h') => *self = Self::Help,
            _ => {}
        }
        None
    }

    fn asked(&mut self, key: KeyCode) -> Option<Act> {
        match key {
            KeyCode::Char('p') => Some(Act::Pause),
            KeyCode::Char('c') => Some(Act::Cancel),
            KeyCode::Char('d') => Some(Act::Detach),
            KeyCode::Esc => None,
            _ => {
                *self = Self::Interrupt;
                None
            }
        }
    }

    fn reason(&mut self, key: KeyCode, step: String, mut reason: String) -> Option<Act> {
        match key {
            KeyCode::Enter => return Some(Act::Reject(step, reason)),
            KeyCode::Esc => return None,
            KeyCode::Backspace => {
                reason.pop();
            }
            KeyCode::Char(c) => reason.push(c),
            _ => {}
        }
        *self = Self::Reject(step, reason);
        None
    }

    /// The line beneath the tree.
    #[must_use]
    pub fn line(&self, run: &RunView) -> Line {
        let line = Line::new().with(Style::Plain, " ");
        match self {
            Self::Idle if run.steps.iter().any(super::view::StepView::wants_answer) => {
                line.with(Style::Dim, "a approve · r reject · ? help")
            }
            Self::Idle => line.with(Style::Dim, "? help"),
            Self::Help => line.with(
                Style::Dim,
                "a approve · r reject · p pause · c cancel · d detach (the run goes on)",
            ),
            Self::Interrupt => {
                line.with(Style::Asks, "p pause · c cancel · d detach · Esc continue")
            }
            Self::Cancel => line.with(Style::Asks, "Cancel this run? y yes · Esc no"),
            Self::Reject(_, reason) => {
                let line = line.with(Style::Asks, "Reject, because: ");
                let line = line.with(Style::Plain, &format!("{reason}▏"));
                line.with(Style::Dim, "  Enter reject · Esc back")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(kind: &str) -> RunView {
        let step = json!({"id": "step_1", "step_id": "ok", "type": kind, "status": "running"});
        RunView::from_json(&json!({"status": "running", "steps": [step]}))
    }

    /// Presses keys: a letter each, `^` is Ctrl-C, `!` Esc, `\n` Enter.
    fn press(keys: &str, run: &RunView) -> (Prompt, Vec<Act>) {
        let mut prompt = Prompt::default();
        let key = |c| match c {
            '^' => KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
            '!' => KeyEvent::from(KeyCode::Esc),
            '\n' => KeyEvent::from(KeyCode::Enter),
            c => KeyEvent::from(KeyCode::Char(c)),
        };
        let acts = keys
            .chars()
            .filter_map(|c| prompt.key(key(c), run))
            .collect();
        (prompt, acts)
    }

    #[test]
    fn ctrl_c_asks_and_the_second_leaves() {
        let run = run("script");
        assert_eq!(press("^", &run), (Prompt::Interrupt, vec![]));
        assert_eq!(press("^^", &run).1, [Act::Interrupt]);
        assert_eq!(press("^!", &run), (Prompt::Idle, vec![]));
        assert_eq!(press("^x", &run), (Prompt::Interrupt, vec![]));
        assert_eq!(press("^p", &run).1, [Act::Pause]);
        assert_eq!(press("^c", &run).1, [Act::Cancel]);
        assert_eq!(press("^d", &run).1, [Act::Detach]);
    }

    #[test]
    fn cancelling_by_key_is_asked_again() {
        let run = run("script");
        assert_eq!(press("c", &run), (Prompt::Cancel, vec![]));
        assert_eq!(press("cy", &run).1, [Act::Cancel]);
        assert_eq!(press("cn", &run), (Prompt::Idle, vec![]));
    }

    #[test]
    fn an_approval_is_answered_in_the_tree() {
        let asks = run("approval");
        assert_eq!(press("a", &asks).1, [Act::Approve("step_1".into())]);
        let reject = Act::Reject("step_1".into(), "no way".into());
        assert_eq!(press("rno way\n", &asks).1, [reject]);
        assert_eq!(press("rno!", &asks), (Prompt::Idle, vec![]));
        assert_eq!(press("a", &run("script")).1, []);
        assert_eq!(press("r", &run("script")), (Prompt::Idle, vec![]));
    }
}
