//! One attempt from its launch to its end, on a thread of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_core::definition::template::Program as Rendered;
use baton_core::ids::AttemptId;
use baton_core::run::event::{AttemptEnd, ErrorCode, StepError, StepOutput};
use baton_core::run::work::{ExitHow, ScriptExit, ScriptWork, Work, conclude};
use baton_engine::ports::{Launch, Reports};
use baton_runner::{
    AttemptDir, AttemptSpec, End, ExitRecord, Notice, Outcome, Program, Shepherd, Stdin, TakeBack,
};

use super::{ShepherdRunners, artifacts, environment, logs};
use crate::host::environments::Environment;
use crate::host::settings::millis;

/// A stop that takes longer is reported with the processes that resist.
const STUBBORN: Duration = Duration::from_secs(30);

/// How often to look whether processes that could not be ended are gone.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The end of an attempt of which nothing was started.
pub fn not_started(message: String) -> AttemptEnd {
    failed(ErrorCode::SpawnFailed, message)
}

/// The end of an attempt whose work cannot be said.
pub fn unsaid(error: &StepError) -> AttemptEnd {
    AttemptEnd::Failed {
        error: error.clone(),
        output: StepOutput::default(),
    }
}

fn failed(code: ErrorCode, message: String) -> AttemptEnd {
    AttemptEnd::Failed {
        error: StepError { code, message },
        output: StepOutput::default(),
    }
}

impl ShepherdRunners {
    /// Starts a new attempt and waits for its end; `None` when that is not this host's to report.
    pub(super) fn launch_and_wait(
        &self,
        launch: &Launch,
        reports: &dyn Reports,
    ) -> Option<AttemptEnd> {
        match self.launch_once(launch) {
            Ok(shepherd) => match self.wait(launch, &shepherd, reports) {
                Waited::End(end) => Some(end),
                Waited::TakenOver => None,
            },
            Err(end) => Some(*end),
        }
    }

    /// Finds out what became of an attempt of an earlier host, and sees it through.
    pub(super) fn take_back_and_wait(
        &self,
        launch: &Launch,
        reports: &dyn Reports,
    ) -> Option<AttemptEnd> {
        let dir = match self.dir(launch.attempt) {
            Ok(dir) => dir,
            Err(end) => return Some(*end),
        };
        // Never begun, as far as can be seen: launched by the same id. Should a shepherd of the
        // earlier host come late, one of the two gets the claim, and the other ends.
        if launch.work.is_ok() && !dir.path().exists() {
            match self.launch_once(launch) {
                Ok(shepherd) => match self.wait(launch, &shepherd, reports) {
                    Waited::End(end) => return Some(end),
                    Waited::TakenOver => {}
                },
                Err(end) => return Some(*end),
            }
        }
        loop {
            match baton_runner::take_back(&dir, self.inner.generation) {
                Ok(TakeBack::Living(shepherd)) => {
                    let shepherd = Arc::new(shepherd);
                    self.connected(launch.attempt, &shepherd);
                    if launch.work.is_err() {
                        shepherd.stop();
                    }
                    return match self.wait(launch, &shepherd, reports) {
                        Waited::End(end) => Some(end),
                        Waited::TakenOver => None,
                    };
                }
                Ok(TakeBack::Ended(record)) => return Some(judge(launch, &record)),
                Ok(TakeBack::NeverStarted) => {
                    return Some(AttemptEnd::Lost {
                        detail: "it had not begun".into(),
                        never_started: true,
                    });
                }
                Ok(TakeBack::Lost { still_running }) if still_running.is_empty() => {
                    return Some(lost("its shepherd is gone and left no record"));
                }
                Ok(TakeBack::Lost { still_running }) => {
                    reports.still_running(launch.attempt, pids(&still_running));
                }
                Err(error) => {
                    let attempt = launch.attempt;
                    tracing::error!(%attempt, %error, "an attempt cannot be taken back yet");
                }
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "what resists SIGKILL sends no word when it ends; this thread does nothing else"
            )]
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn dir(&self, attempt: AttemptId) -> Result<AttemptDir, Box<AttemptEnd>> {
        AttemptDir::new(&self.inner.data_dir, &attempt.to_string())
            .map_err(|error| Box::new(not_started(error.to_string())))
    }

    fn launch_once(&self, launch: &Launch) -> Result<Arc<Shepherd>, Box<AttemptEnd>> {
        if self.stopped(launch.attempt).is_some() {
            return Err(Box::new(AttemptEnd::Stopped {}));
        }
        let dir = self.dir(launch.attempt)?;
        let work = launch.work.as_ref();
        let Work::Script(work) = work.map_err(|error| Box::new(unsaid(error)))?;
        let spec = self.spec(launch, work)?;
        let shepherd = baton_runner::launch(&self.inner.binary, &dir, &spec).map_err(|error| {
            let cause = std::error::Error::source(&error);
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            Box::new(not_started(format!("{error}{cause}")))
        })?;
        let shepherd = Arc::new(shepherd);
        self.connected(launch.attempt, &shepherd);
        Ok(shepherd)
    }

    /// The environment of the attempt's run, as soon as it can be read; none once it is stopped.
    fn environment(&self, launch: &Launch) -> Result<Environment, Box<AttemptEnd>> {
        loop {
            match self.inner.environments.of(launch.run) {
                Ok(environment) => return Ok(environment),
                Err(_) if self.stopped(launch.attempt).is_some() => {
                    return Err(Box::new(AttemptEnd::Stopped {}));
                }
                Err(_) => {}
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "a file that cannot be read sends no word when it can; this thread does nothing else"
            )]
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn spec(&self, launch: &Launch, work: &ScriptWork) -> Result<AttemptSpec, Box<AttemptEnd>> {
        let inner = &self.inner;
        let env = environment::of_child(self.environment(launch)?, &inner.secrets, launch, work)
            .map_err(|missing| Box::new(failed(ErrorCode::Secret, missing)))?;
        let log_dir = logs::prepare(&inner.data_dir, launch).map_err(|error| {
            Box::new(failed(
                ErrorCode::Disk,
                format!("the log directory: {error}"),
            ))
        })?;
        let cwd = match &work.cwd {
            Some(inside) => launch.directory.join(inside),
            None => launch.directory.clone(),
        };
        let data_dir = inner.data_dir.to_string_lossy().into_owned();
        let words = ["host", "--background", "--data-dir"];
        let words = words.into_iter().map(str::to_owned).chain([data_dir]);
        Ok(AttemptSpec {
            v: 1,
            attempt: launch.attempt.to_string(),
            generation: inner.generation,
            host_binary: inner.binary.clone(),
            host_args: words.collect(),
            host_restart_ms: 1_000,
            program: match &work.program {
                Rendered::Shell(text) => Program::Shell(text.clone()),
                Rendered::Words(words) => Program::Words(words.clone()),
            },
            cwd,
            env,
            secrets: inner.secrets.values(launch.project.id),
            log_dir,
            log_max_bytes: inner.settings.log_max_bytes,
            timeout_ms: launch.terms.timeout.map(millis),
            orphan_grace_ms: millis(inner.settings.orphan_grace),
            stop_grace_ms: inner.settings.stop_grace,
            stdin: Stdin::Null,
        })
    }

    fn wait(&self, launch: &Launch, shepherd: &Shepherd, reports: &dyn Reports) -> Waited {
        let attempt = launch.attempt;
        let mut resisting: Option<Instant> = None;
        let outcome = shepherd.wait_noticing(|notice| {
            if let Notice::StillRunning { pids: which } = notice {
                let asked = self.stopped(attempt);
                let since = *resisting.get_or_insert_with(|| asked.unwrap_or_else(Instant::now));
                if since.elapsed() >= STUBBORN {
                    reports.still_running(attempt, pids(&which));
                }
            }
        });
        match outcome {
            Outcome::Ended(record) => Waited::End(judge(launch, &record)),
            Outcome::TakenOver => Waited::TakenOver,
            Outcome::Lost { still_running } if still_running.is_empty() => {
                Waited::End(lost("its shepherd is gone and left no record"))
            }
            Outcome::Lost { still_running } => {
                reports.still_running(attempt, pids(&still_running));
                Waited::End(self.outlast(launch, reports))
            }
        }
    }

    /// Waits until nothing is left of an attempt whose shepherd died.
    fn outlast(&self, launch: &Launch, reports: &dyn Reports) -> AttemptEnd {
        let dir = match self.dir(launch.attempt) {
            Ok(dir) => dir,
            Err(end) => return *end,
        };
        loop {
            #[expect(
                clippy::disallowed_methods,
                reason = "what resists SIGKILL sends no word when it ends; this thread does nothing else"
            )]
            std::thread::sleep(LOOK_AGAIN);
            match baton_runner::take_back(&dir, self.inner.generation) {
                Ok(TakeBack::Ended(record)) => return judge(launch, &record),
                Ok(TakeBack::Lost { still_running }) if !still_running.is_empty() => {
                    reports.still_running(launch.attempt, pids(&still_running));
                }
                Ok(TakeBack::Lost { .. } | TakeBack::NeverStarted) => {
                    return lost("its shepherd is gone and left no record");
                }
                // It has none any more; one that answers is looked at again.
                Ok(TakeBack::Living(_)) | Err(_) => {}
            }
        }
    }
}

enum Waited {
    End(AttemptEnd),
    TakenOver,
}

fn lost(detail: &str) -> AttemptEnd {
    AttemptEnd::Lost {
        detail: detail.to_owned(),
        never_started: false,
    }
}

fn pids(found: &[i32]) -> Vec<u32> {
    found
        .iter()
        .filter_map(|&pid| u32::try_from(pid).ok())
        .collect()
}

/// What an exit record means for the attempt; of a successful one the artifacts are kept.
fn judge(launch: &Launch, record: &ExitRecord) -> AttemptEnd {
    let terms = &launch.terms;
    let how = match &record.end {
        End::Exited { code } => ExitHow::Code(*code),
        End::Signaled { signal } => ExitHow::Signal(*signal),
        End::SpawnFailed { message } => ExitHow::SpawnFailed(message.clone()),
        End::TimedOut => ExitHow::TimedOut,
        // Nobody decided that it should end.
        End::Stopped { reason } if reason == "orphaned" => {
            return lost("no host came back for it, so its shepherd ended it");
        }
        End::Stopped { .. } => ExitHow::Stopped,
    };
    let exit = ScriptExit {
        how,
        stdout: record.stdout_tail.clone(),
        stderr: record.stderr_tail.clone(),
        output: match (&record.output, &record.output_error) {
            (_, Some(error)) => Err(error.clone()),
            (output, None) => Ok(output.clone()),
        },
    };
    let mut end = conclude(terms, &exit);
    if let AttemptEnd::Succeeded { output } = &mut end
        && !terms.artifacts.is_empty()
    {
        output.warnings = artifacts::keep(launch, &terms.artifacts);
    }
    end
}
