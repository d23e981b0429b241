//! Events of sessions, instructions, money and files.

use super::super::big::Big;
use super::super::event::{
    ActionStatus, Actor, ChildOutcome, ErrorCode, Finished, MessagePosted, Place, RunError,
};
use super::super::session::{Asked, Instruction, Session};
use super::super::state::{Run, Status};
use super::Illegal;
use crate::activity::{Answer, Question, Usage};
use crate::definition;
use crate::run::event::Action;
use crate::time::Timestamp;

impl Run {
    /// An agent's attempt begins: its session goes on, or a new one does.
    pub(super) fn begin_session(&mut self, place: super::super::state::At, heads: &[u32]) {
        let definition::Action::Agent(agent) = &self.declared(place).action else {
            return;
        };
        let goes_on = self
            .step(place)
            .map(|step| self.goes_on(place, step, agent));
        // Without an earlier step's session the attempt was not decided on.
        let (resumed, resumes) = goes_on.and_then(Result::ok).unwrap_or_default();
        let agent = agent.agent.clone();
        if let Some(step) = self.step_mut(place) {
            let before = step.session.take().unwrap_or_default();
            let past = before.usage();
            let native = before.native.filter(|_| resumes);
            step.session = Some(Box::new(Session {
                agent,
                native,
                model: before.model,
                transcript: before.transcript.filter(|_| resumes),
                past,
                resumed,
                resumed_own: resumes,
                heads: heads.to_vec(),
                ..Session::default()
            }));
        }
    }

    fn session_of(&mut self, key: &str, event: &str) -> Result<&mut Session, Illegal> {
        let place = self.place(key, event)?;
        let illegal = self.illegal(event, "the step has no session");
        let step = self.step_mut(place).ok_or_else(|| illegal.clone())?;
        step.session.as_deref_mut().ok_or(illegal)
    }

    pub(super) fn session_known(
        &mut self,
        key: &str,
        id: &str,
        model: Option<&String>,
        transcript: Option<&String>,
    ) -> Result<(), Illegal> {
        let session = self.session_of(key, "session_known")?;
        session.native = Some(id.to_owned());
        if let Some(model) = model {
            session.model = Some(model.clone());
        }
        if let Some(transcript) = transcript {
            session.transcript = Some(transcript.clone());
        }
        Ok(())
    }

    pub(super) fn session_used(&mut self, key: &str, usage: Usage) -> Result<(), Illegal> {
        self.session_of(key, "session_used")?.now = usage;
        Ok(())
    }

    pub(super) fn question_asked(
        &mut self,
        key: &str,
        question: &Question,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let session = self.session_of(key, "question_asked")?;
        session.asked.push(Asked {
            question: question.clone(),
            since: now,
            answer: None,
        });
        session.note_asking(now);
        Ok(())
    }

    pub(super) fn question_answered(
        &mut self,
        key: &str,
        question: &str,
        answer: &Answer,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let session = self.session_of(key, "question_answered")?;
        let asked = session.asked.iter_mut();
        if let Some(asked) = asked
            .into_iter()
            .find(|asked| asked.question.id == question)
        {
            asked.answer = Some((answer.clone(), by.clone()));
        }
        session.note_asking(now);
        Ok(())
    }

    pub(super) fn question_closed(
        &mut self,
        key: &str,
        question: &str,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let session = self.session_of(key, "question_closed")?;
        session.asked.retain(|asked| asked.question.id != question);
        session.closed.push(question.to_owned());
        session.note_asking(now);
        Ok(())
    }

    /// The attempt is gone, and with it what it asked. `lost`: its session too.
    pub(super) fn end_session(&mut self, place: super::super::state::At, lost: bool) {
        let Some(session) = self
            .step_mut(place)
            .and_then(|step| step.session.as_deref_mut())
        else {
            return;
        };
        session.asked.clear();
        session.closed.clear();
        session.asking_since = None;
        if lost {
            session.native = None;
            session.transcript = None;
        }
    }

    pub(super) fn message_posted(&mut self, posted: &MessagePosted) {
        self.messages = self.messages.max(posted.message + 1);
        self.note_action(posted.message, posted.action, posted.status);
        if let (Some(place), Some(key)) = (posted.place, &posted.step) {
            self.commented(key, place);
        }
        let waits = !matches!(
            posted.status,
            ActionStatus::Processed | ActionStatus::Ignored
        );
        // What is said with a resume is an instruction, too.
        if posted.action == Action::Resume || (posted.action == Action::Instruction && waits) {
            let metadata = posted.metadata.as_ref();
            let now = metadata.and_then(|metadata| metadata.get("immediate"));
            let wait = Instruction {
                content: posted.content.clone(),
                step: posted.step.clone(),
                now: now.and_then(serde_json::Value::as_bool).unwrap_or(false),
                taken: false,
            };
            self.instructions.insert(posted.message, wait);
        }
    }

    fn commented(&mut self, key: &str, place: Place) {
        let step = self.find(key).and_then(|at| self.step_mut(at));
        if let Some(session) = step.and_then(|step| step.session.as_deref_mut()) {
            session.commented = session.commented.max(Some(place));
        }
    }

    pub(super) fn message_status(&mut self, message: u32, status: ActionStatus) {
        match status {
            ActionStatus::Acknowledged => {
                if let Some(wait) = self.instructions.get_mut(&message) {
                    wait.taken = true;
                }
            }
            ActionStatus::Processed | ActionStatus::Ignored => {
                self.instructions.remove(&message);
            }
            ActionStatus::Pending => {}
        }
        let action = self.open_messages.get(&message).copied();
        if let Some(action) = action {
            self.note_action(message, action, status);
        }
    }

    pub(super) fn files_kept(&mut self, key: &str, commit: &str) -> Result<(), Illegal> {
        let place = self.place(key, "files_kept")?;
        if let Some(step) = self.step_mut(place) {
            let newest = match &mut step.apart {
                Some(apart) => &mut apart.newest,
                None => &mut step.commit,
            };
            *newest = Some(commit.to_owned());
        }
        Ok(())
    }

    /// The files go back to a checkpoint's, or to what the run began from.
    pub(super) fn restore_files(&mut self, target: Option<String>) {
        if self.created.workspace.as_ref().is_some_and(|w| !w.shared) {
            self.files.generation += 1;
            self.files.newest = target;
        }
    }

    /// Whoever resumes a run that used its budget up grants it once more.
    pub(super) fn grant_budget(&mut self) {
        let used = self.usage();
        self.running_ms = 0;
        self.spending.usd_from = used.cost_usd.unwrap_or(0.0);
        self.spending.tokens_from = used.tokens();
        self.spending.warned = false;
    }

    /// The branch is finished. An isolated child is at its end only now: its parent hears of it, and
    /// it has failed when its work does not fit the parent's.
    pub(super) fn files_finished(
        &mut self,
        outcome: &Finished,
        now: Timestamp,
    ) -> Result<(), Illegal> {
        let Status::Completed { outputs, .. } = &self.status else {
            return Err(self.illegal("files_finished", "the run has not completed"));
        };
        self.files.finishing = false;
        if !self.is_isolated() {
            return Ok(());
        }
        if outcome.conflicts.is_empty() {
            let outputs = Big::new(outputs.to_string());
            let commit = outcome.checkpoint.clone();
            self.tell_parent(ChildOutcome::Completed { outputs, commit });
            return Ok(());
        }
        let message = format!("merge_conflict: {}", outcome.detail);
        self.status = Status::Failed {
            at: now,
            error: RunError {
                step: None,
                message: message.clone(),
            },
        };
        let code = Some(ErrorCode::MergeConflict);
        self.tell_parent(ChildOutcome::Failed {
            message,
            code,
            commit: None,
        });
        Ok(())
    }
}
