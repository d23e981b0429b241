//! What came of an attempt whose process is gone: its last turn, its exit and why it was stopped,
//! weighed against each other. The exit code is only a hint.

use baton_agents::{Exit, Failure, FailureKind, Turn};
use baton_core::run::big::Big;
use baton_core::run::event::{AttemptEnd, ErrorCode, StepError, StepOutput};
use baton_runner::{End, ExitRecord};

use super::super::{answer, outcome};
use super::{State, Stopping};

impl State {
    pub(super) fn conclude(&mut self, record: &ExitRecord, parked: bool) -> AttemptEnd {
        let rest = self.go_to_the_end();
        let (code, signal) = match &record.end {
            End::Exited { code } => (Some(*code), None),
            End::Signaled { signal } => (None, Some(*signal)),
            End::SpawnFailed { .. } | End::TimedOut | End::Stopped { .. } => (None, None),
        };
        let exit = Exit {
            code,
            signal,
            stderr: record.stderr_tail.clone(),
            rest,
        };
        let outputs = self.driver.ended(&exit);
        self.act(outputs, None);
        self.look_into_transcript();
        self.tell_past();
        self.judge(record, parked)
    }

    fn judge(&mut self, record: &ExitRecord, parked: bool) -> AttemptEnd {
        let failed = |code, message: String, output| AttemptEnd::Failed {
            error: StepError { code, message },
            output,
        };
        let stderr = (!record.stderr_tail.trim().is_empty())
            .then(|| baton_core::run::work::tail(&record.stderr_tail, 4096));
        let mut output = StepOutput {
            stderr,
            ..StepOutput::default()
        };
        match &record.end {
            End::SpawnFailed { message } => {
                return failed(ErrorCode::AgentMissing, message.clone(), output);
            }
            End::Stopped { reason } if reason == "orphaned" => {
                return AttemptEnd::Lost {
                    detail: "no host came back for it, so its shepherd ended it".into(),
                    never_started: false,
                };
            }
            End::Stopped { reason } if reason == "raw_limit" => {
                let message = "it has written more than its log may hold".to_owned();
                return failed(ErrorCode::AgentNoResult, message, output);
            }
            _ => {}
        }
        match self.stopping.take() {
            Some(Stopping::TimedOut) => {
                let limit = self.limits.timeout.unwrap_or_default().as_secs_f64();
                let message = format!("it ran longer than its timeout of {limit} s");
                return failed(ErrorCode::Timeout, message, output);
            }
            Some(Stopping::Silent) => {
                let limit = self.limits.silence.as_secs();
                let message = format!("it said nothing for {limit} s, and was ended");
                return failed(ErrorCode::AgentSilent, message, output);
            }
            Some(Stopping::Failed(failure)) => {
                return outcome::of_failure(&failure, output, self.resumed);
            }
            None => {}
        }
        let was_stopped = matches!(record.end, End::Stopped { .. });
        match self.last.take() {
            Some(Turn::Done { text, structured }) => {
                let structured = answer::set(&self.output).or(structured);
                output.result = Some(Big::new(text.as_str()));
                let Some(schema) = &self.schema else {
                    output.data = structured.map(|value| Big::new(value.to_string()));
                    return AttemptEnd::Succeeded { output };
                };
                let checked = self
                    .value
                    .take()
                    .unwrap_or_else(|| answer::check(schema, &text, structured.as_ref()));
                match checked {
                    Ok(value) => {
                        output.data = Some(Big::new(value.to_string()));
                        AttemptEnd::Succeeded { output }
                    }
                    Err(_) if parked => AttemptEnd::Parked {},
                    Err(problem) => {
                        let message = format!("its answer does not fit `output`: {problem}");
                        failed(ErrorCode::Output, message, output)
                    }
                }
            }
            _ if parked => AttemptEnd::Parked {},
            _ if was_stopped && self.finishing.is_none() => AttemptEnd::Stopped {},
            Some(Turn::Failed(failure)) => {
                let failure = match (&failure.kind, self.limited.take()) {
                    (FailureKind::Api { .. } | FailureKind::Other, Some(resets_at)) => {
                        Failure::new(FailureKind::UsageLimit { resets_at }, failure.message)
                    }
                    _ => failure,
                };
                outcome::of_failure(&failure, output, self.resumed)
            }
            Some(Turn::Interrupted) => failed(
                ErrorCode::AgentNoResult,
                "it was interrupted from outside".into(),
                output,
            ),
            None => failed(
                ErrorCode::AgentNoResult,
                "it ended without a result".into(),
                output,
            ),
        }
    }
}
