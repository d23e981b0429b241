//! What keys mean while a run is watched. Pure: a key in, perhaps an action out.

use std::collections::BTreeMap;

use baton_core::activity::Choice;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::agent::Asked;
use super::line::{Line, Style};
use super::view::{RunView, StepView};
use crate::cli::choose;

/// What a person wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Pause the run.
    Pause,
    /// Cancel the run.
    Cancel,
    /// Stop watching; the run goes on.
    Detach,
    /// Approve this.
    Approve(Target),
    /// Reject this, for this reason.
    Reject(Target, String),
    /// Answer this: by question, what was chosen.
    Answer(Target, BTreeMap<String, Vec<String>>),
    /// Leave at once, after a second Ctrl-C; the run goes on.
    Interrupt,
    /// Stop this process (Ctrl-Z); the run goes on.
    Suspend,
}

/// What a yes, a no or an answer is for: the step of this id and, of an agent, its question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The step's id.
    pub step: String,
    /// The question's id: no other one is meant.
    pub question: Option<String>,
}

impl Target {
    fn of(step: &StepView) -> Self {
        Self {
            step: step.id.clone(),
            question: step.question().map(|asked| asked.id.clone()),
        }
    }
}

/// An answer on its way: one question after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answering {
    target: Target,
    items: Vec<Choice>,
    given: BTreeMap<String, Vec<String>>,
    text: String,
    /// Why what was written cannot be chosen.
    wrong: Option<String>,
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
    /// Why to reject this.
    Reject(Target, String),
    /// What to answer.
    Answer(Box<Answering>),
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
            Self::Reject(target, reason) => self.reason(key.code, target, reason),
            Self::Answer(answering) => self.answer(key.code, *answering),
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
            KeyCode::Char('a') => match (asks(), run.steps.iter().find(|s| s.wants_choice())) {
                (Some(step), _) => return Some(Act::Approve(Target::of(step))),
                (None, Some(step)) => *self = Self::answering(step),
                (None, None) => {}
            },
            KeyCode::Char('r') => {
                let reject = |step| Self::Reject(Target::of(step), String::new());
                *self = asks().map_or(Self::Idle, reject);
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

    fn answering(step: &StepView) -> Self {
        let items = step.question().and_then(Asked::choices);
        match items.unwrap_or_default() {
            [] => Self::Idle,
            items => Self::Answer(Box::new(Answering {
                target: Target::of(step),
                items: items.to_vec(),
                given: BTreeMap::new(),
                text: String::new(),
                wrong: None,
            })),
        }
    }

    fn answer(&mut self, key: KeyCode, mut answering: Answering) -> Option<Act> {
        match key {
            KeyCode::Esc => return None,
            KeyCode::Enter => {
                let item = answering.items.get(answering.given.len())?;
                match choose::of(item, &answering.text) {
                    Ok(chosen) => {
                        answering.given.insert(item.question.clone(), chosen);
                        answering.text.clear();
                    }
                    Err(wrong) => answering.wrong = Some(wrong),
                }
                if answering.given.len() == answering.items.len() {
                    return Some(Act::Answer(answering.target, answering.given));
                }
            }
            KeyCode::Backspace => {
                answering.text.pop();
                answering.wrong = None;
            }
            KeyCode::Char(c) => {
                answering.text.push(c);
                answering.wrong = None;
            }
            _ => {}
        }
        *self = Self::Answer(Box::new(answering));
        None
    }

    fn reason(&mut self, key: KeyCode, target: Target, mut reason: String) -> Option<Act> {
        match key {
            KeyCode::Enter => return Some(Act::Reject(target, reason)),
            KeyCode::Esc => return None,
            KeyCode::Backspace => {
                reason.pop();
            }
            KeyCode::Char(c) => reason.push(c),
            _ => {}
        }
        *self = Self::Reject(target, reason);
        None
    }

    /// The line beneath the tree.
    #[must_use]
    pub fn line(&self, run: &RunView) -> Line {
        let line = Line::new().with(Style::Plain, " ");
        match self {
            Self::Idle if run.steps.iter().any(StepView::wants_answer) => {
                line.with(Style::Dim, "a approve · r reject · ? help")
            }
            Self::Idle if run.steps.iter().any(StepView::wants_choice) => {
                line.with(Style::Dim, "a answer · ? help")
            }
            Self::Idle => line.with(Style::Dim, "? help"),
            Self::Help => line.with(
                Style::Dim,
                "a approve or answer · r reject · p pause · c cancel · d detach (the run goes on)",
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
            Self::Answer(answering) => answering.line(line),
        }
    }
}

impl Answering {
    fn line(&self, line: Line) -> Line {
        let item = self.items.get(self.given.len());
        let question = item.map_or("", |item| item.question.as_str());
        let line = line.with(Style::Asks, &format!("{question} "));
        let line = line.with(Style::Plain, &format!("{}▏", self.text));
        match &self.wrong {
            Some(wrong) => line.with(Style::Bad, &format!("  {wrong}")),
            None => line.with(Style::Dim, "  a number or words · Enter answer · Esc back"),
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
        let target = || Target {
            step: "step_1".into(),
            question: None,
        };
        assert_eq!(press("a", &asks).1, [Act::Approve(target())]);
        let reject = Act::Reject(target(), "no way".into());
        assert_eq!(press("rno way\n", &asks).1, [reject]);
        assert_eq!(press("rno!", &asks), (Prompt::Idle, vec![]));
        assert_eq!(press("a", &run("script")).1, []);
        assert_eq!(press("r", &run("script")), (Prompt::Idle, vec![]));
    }

    fn asking(ask: &serde_json::Value) -> RunView {
        let question = json!({"id": "q1", "text": "?", "ask": ask, "answered": false});
        let step = json!({
            "id": "step_1", "step_id": "think", "type": "agent", "status": "running",
            "session": {"agent": "claude", "questions": [question]},
        });
        RunView::from_json(&json!({"status": "running", "steps": [step]}))
    }

    #[test]
    fn an_agents_questions_are_answered_in_the_tree() {
        let target = || Target {
            step: "step_1".into(),
            question: Some("q1".into()),
        };
        let permission =
            json!({"asks": "permission", "tool": "sh", "input": {}, "can_remember": false});
        let run = asking(&permission);
        assert_eq!(press("a", &run).1, [Act::Approve(target())]);
        let reject = Act::Reject(target(), "no".into());
        assert_eq!(press("rno\n", &run).1, [reject]);
        let item = |question: &str, labels: &[&str]| {
            let options: Vec<_> = labels.iter().map(|label| json!({"label": label})).collect();
            json!({"question": question, "options": options, "multiple": false})
        };
        let items = [item("Colour?", &["red", "blue"]), item("Why?", &[])];
        let run = asking(&json!({"asks": "choices", "items": items}));
        assert_eq!(press("r", &run), (Prompt::Idle, vec![]));
        let given = [("Colour?", "blue"), ("Why?", "so")];
        let given = given.map(|(question, answer)| (question.into(), vec![answer.into()]));
        let answer = Act::Answer(target(), given.into());
        assert_eq!(press("a2\nso\n", &run).1, [answer]);
        let (prompt, acts) = press("a7\n", &run);
        assert_eq!(acts, []);
        assert!(prompt.line(&run).paint(false).contains("1 red, 2 blue"));
        assert_eq!(press("a2!", &run), (Prompt::Idle, vec![]));
    }
}
