//! One attempt from its launch to its end, on a thread of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_core::definition::template::Program as Rendered;
use baton_core::ids::AttemptId;
use baton_core::run::decide::News;
use baton_core::run::event::{AttemptEnd, ErrorCode, StepError, StepOutput};
use baton_core::run::work::{AgentWork, ExitHow, ScriptExit, ScriptWork, Terms, Work, conclude};
use baton_engine::ports::{Launch, Reports, Runners, StopReason};
use baton_runner::{
    AttemptDir, AttemptSpec, Conversation, End, ExitRecord, Notice, Outcome, Program, SessionSpec,
    Shepherd, Stdin, TakeBack,
};

use serde_json::{Value, json};

use super::agent::{self, Activities, Begin, Commentary, Limits, Places, Prepared, Talk, Who};
use super::environment::Vendor;
use super::{ShepherdRunners, artifacts, environment, logs, outputs};
use crate::host::attempt_tokens::TOKEN_FILE;
use crate::host::clock::SystemClock;
use crate::host::environments::Environment;
use crate::host::files;
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
        if let Ok(Work::Agent(work)) = &launch.work {
            // Where it writes: nothing is moved under its feet.
            let log_dir = logs::of_living(&self.inner.data_dir, launch);
            if let Err(end) = self.converse(launch, work, &dir, log_dir, true) {
                // It cannot be spoken with; that it is gone must be certain all the same.
                let attempt = launch.attempt;
                tracing::error!(%attempt, ?end, "an agent cannot be taken back: it is stopped");
                self.stop(attempt, StopReason::Cancel);
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
                Ok(TakeBack::Ended(record)) => return Some(self.judge(launch, &record)),
                Ok(TakeBack::NeverStarted) => {
                    return Some(AttemptEnd::Lost {
                        detail: "it had not begun".into(),
                        never_started: true,
                    });
                }
                Ok(TakeBack::Lost { still_running }) if still_running.is_empty() => {
                    return Some(self.lost(launch));
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

    pub(super) fn dir(&self, attempt: AttemptId) -> Result<AttemptDir, Box<AttemptEnd>> {
        AttemptDir::new(&self.inner.data_dir, &attempt.to_string())
            .map_err(|error| Box::new(not_started(error.to_string())))
    }

    fn launch_once(&self, launch: &Launch) -> Result<Arc<Shepherd>, Box<AttemptEnd>> {
        if self.stopped(launch.attempt).is_some() {
            return Err(Box::new(AttemptEnd::Stopped {}));
        }
        if let Err(error) = self.make_ready(launch) {
            if self.stopped(launch.attempt).is_some() {
                return Err(Box::new(AttemptEnd::Stopped {}));
            }
            return Err(Box::new(failed(error.code, error.message)));
        }
        let dir = self.dir(launch.attempt)?;
        let work = launch.work.as_ref();
        let spec = match work.map_err(|error| Box::new(unsaid(error)))? {
            Work::Script(work) => self.script(launch, work)?,
            Work::Agent(work) => self.agent(launch, work, &dir)?,
        };
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
    pub(super) fn environment(&self, launch: &Launch) -> Result<Environment, Box<AttemptEnd>> {
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

    fn script(&self, launch: &Launch, work: &ScriptWork) -> Result<AttemptSpec, Box<AttemptEnd>> {
        let secrets = &self.inner.secrets;
        let env = self.environment(launch)?;
        let env = environment::of_child(env, secrets, launch, &work.env, Vendor::Nobody)
            .map_err(|missing| Box::new(failed(ErrorCode::Secret, missing)))?;
        let program = match &work.program {
            Rendered::Shell(text) => Program::Shell(text.clone()),
            Rendered::Words(words) => Program::Words(words.clone()),
        };
        let log_dir = self.log_dir(launch)?;
        let common = self.spec(launch, work.cwd.as_deref(), env, log_dir);
        Ok(AttemptSpec {
            program,
            timeout_ms: launch.terms.timeout.map(millis),
            ..common
        })
    }

    /// An agent's process; its conversation is made known for [`Self::wait`].
    fn agent(
        &self,
        launch: &Launch,
        work: &AgentWork,
        dir: &AttemptDir,
    ) -> Result<AttemptSpec, Box<AttemptEnd>> {
        let log_dir = self.log_dir(launch)?;
        let goes_on = work.resume.is_some();
        outputs::bring(&self.inner.data_dir, launch, goes_on, &dir.output()).map_err(|error| {
            let message = format!("the output that was set before: {error}");
            Box::new(failed(ErrorCode::Disk, message))
        })?;
        let prepared = self.converse(launch, work, dir, log_dir, false)?;
        // What it writes to standard error is for the attempt's end, not for its answer.
        let common = self.spec(
            launch,
            work.cwd.as_deref(),
            prepared.env,
            dir.path().join("stderr"),
        );
        let mut secrets = common.secrets.clone();
        secrets.push(self.inner.attempt_tokens.token(launch.run, launch.attempt));
        Ok(AttemptSpec {
            program: Program::Words(prepared.words),
            stdin: if prepared.stdin {
                Stdin::Pipe
            } else {
                Stdin::Null
            },
            session: Some(prepared.session),
            secrets,
            ..common
        })
    }

    /// Makes the conversation with an agent, new or taken back.
    fn converse(
        &self,
        launch: &Launch,
        work: &AgentWork,
        dir: &AttemptDir,
        log_dir: PathBuf,
        taken_back: bool,
    ) -> Result<Ready, Box<AttemptEnd>> {
        let inner = &self.inner;
        let who = Who::of(launch, &work.agent, dir.path(), taken_back)
            .map_err(|error| Box::new(failed(error.code, error.message)))?;
        let env = if taken_back {
            // It has its environment; only how to speak with it is asked for.
            Ok(BTreeMap::new())
        } else {
            let env = self.environment(launch)?;
            environment::of_child(env, &inner.secrets, launch, &work.env, who.vendor())
        };
        let env = env.map_err(|missing| Box::new(failed(ErrorCode::Secret, missing)))?;
        let token_file = dir.path().join(TOKEN_FILE);
        if !taken_back {
            let token = inner.attempt_tokens.token(launch.run, launch.attempt);
            files::write_private(&token_file, token.as_bytes()).map_err(|error| {
                let message = format!("{}: {error}", token_file.display());
                Box::new(failed(ErrorCode::Disk, message))
            })?;
        }
        let places = Places {
            scratch: dir.path().to_owned(),
            log_dir: log_dir.clone(),
            taken_back,
            own_mcp: own_mcp(&inner.binary, &inner.data_dir, &token_file),
        };
        let Prepared {
            words,
            env,
            stdin,
            session,
            driver,
        } = agent::prepare(launch, work, who, env, &places)
            .map_err(|error| Box::new(failed(error.code, error.message)))?;
        let Some(reports) = self.reports(launch.attempt) else {
            return Err(Box::new(AttemptEnd::Stopped {}));
        };
        // What was spent on getting ready is not the agent's.
        let worked = if taken_back {
            let passed = dir.age();
            let waited = Duration::from_millis(launch.waited_ms);
            passed.unwrap_or_default().saturating_sub(waited)
        } else {
            Duration::ZERO
        };
        let talk = Talk::new(Begin {
            attempt: launch.attempt,
            driver,
            conversation: Conversation::new(&session, 0),
            log: Activities::open(&log_dir),
            commentary: Commentary::new(&launch.directory.to_string_lossy(), launch.commented),
            reports,
            clock: Arc::new(SystemClock),
            schema: work.output.clone(),
            resumed: work.resume.is_some(),
            words: launch.words.clone(),
            questions: inner.questions.clone(),
            output: dir.output(),
            limits: Limits {
                timeout: launch.terms.timeout,
                worked,
                silence: inner.settings.agent_silence,
                retrying: inner.settings.agent_retrying,
            },
        });
        if let Some(living) = self.lock().get_mut(&launch.attempt) {
            for word in living.unsaid.drain(..) {
                talk.say(word);
            }
            living.talk = Some(Arc::new(talk));
        }
        Ok(Ready {
            words,
            env,
            stdin,
            session,
        })
    }

    fn log_dir(&self, launch: &Launch) -> Result<PathBuf, Box<AttemptEnd>> {
        logs::prepare(&self.inner.data_dir, launch).map_err(|error| {
            Box::new(failed(
                ErrorCode::Disk,
                format!("the log directory: {error}"),
            ))
        })
    }

    /// What all attempts have in common.
    pub(super) fn spec(
        &self,
        launch: &Launch,
        cwd: Option<&str>,
        env: BTreeMap<String, String>,
        log_dir: PathBuf,
    ) -> AttemptSpec {
        let inner = &self.inner;
        let data_dir = inner.data_dir.to_string_lossy().into_owned();
        let words = ["host", "--background", "--data-dir"];
        let words = words.into_iter().map(str::to_owned).chain([data_dir]);
        AttemptSpec {
            v: 1,
            attempt: launch.attempt.to_string(),
            generation: inner.generation,
            host_binary: inner.binary.clone(),
            host_args: words.collect(),
            host_restart_ms: 1_000,
            program: Program::Words(Vec::new()),
            cwd: match cwd {
                Some(inside) => launch.directory.join(inside),
                None => launch.directory.clone(),
            },
            env,
            secrets: inner.secrets.values(launch.project.id),
            log_dir,
            log_max_bytes: inner.settings.log_max_bytes,
            timeout_ms: None,
            orphan_grace_ms: millis(inner.settings.orphan_grace),
            stop_grace_ms: inner.settings.stop_grace,
            stdin: Stdin::Null,
            session: None,
        }
    }

    fn wait(&self, launch: &Launch, shepherd: &Arc<Shepherd>, reports: &dyn Reports) -> Waited {
        let attempt = launch.attempt;
        let talk = self.talk(attempt);
        if let Some(talk) = &talk {
            talk.begin(shepherd.clone());
        }
        let mut resisting: Option<Instant> = None;
        let outcome = shepherd.wait_noticing(|notice| match notice {
            Notice::StillRunning { pids: which } => {
                let asked = self.stopped(attempt);
                let since = *resisting.get_or_insert_with(|| asked.unwrap_or_else(Instant::now));
                if since.elapsed() >= STUBBORN {
                    reports.still_running(attempt, pids(&which));
                }
            }
            Notice::Raw { bytes } => {
                if let Some(talk) = &talk {
                    talk.hear(bytes);
                }
            }
            Notice::Said { .. } => {
                if let Some(talk) = &talk {
                    talk.said();
                }
            }
            Notice::Started { .. } => {}
        });
        match outcome {
            Outcome::Ended(record) => Waited::End(self.judge(launch, &record)),
            Outcome::TakenOver => Waited::TakenOver,
            Outcome::Lost { still_running } if still_running.is_empty() => {
                Waited::End(self.lost(launch))
            }
            Outcome::Lost { still_running } => {
                reports.still_running(attempt, pids(&still_running));
                Waited::End(self.outlast(launch, reports))
            }
        }
    }

    /// What an exit record means for the attempt; of a successful one the artifacts are kept.
    fn judge(&self, launch: &Launch, record: &ExitRecord) -> AttemptEnd {
        let mut end = match &launch.work {
            Err(error) if launch.terms.is_agent => unsaid(error),
            Ok(Work::Script(_)) | Err(_) => judge_script(&launch.terms, record),
            Ok(Work::Agent(_)) => {
                let parked = self
                    .lock()
                    .get(&launch.attempt)
                    .is_some_and(|living| matches!(living.stopped, Some((StopReason::Park, _))));
                match self.talk(launch.attempt) {
                    Some(talk) => talk.end(record, parked),
                    None => lost("its conversation cannot be read"),
                }
            }
        };
        let globs = &launch.terms.artifacts;
        if let AttemptEnd::Succeeded { output } = &mut end
            && !globs.is_empty()
        {
            let (files, warnings) = artifacts::keep(launch, globs);
            output.warnings = warnings;
            if let Some(reports) = self.reports(launch.attempt) {
                reports.news(launch.attempt, News::Artifacts { files });
            }
        }
        end
    }

    /// The end of an attempt whose shepherd died; what its session has said is told first.
    fn lost(&self, launch: &Launch) -> AttemptEnd {
        if let Some(talk) = self.talk(launch.attempt) {
            talk.lose();
        }
        lost("its shepherd is gone and left no record")
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
                Ok(TakeBack::Ended(record)) => return self.judge(launch, &record),
                Ok(TakeBack::Lost { still_running }) if !still_running.is_empty() => {
                    reports.still_running(launch.attempt, pids(&still_running));
                }
                Ok(TakeBack::Lost { .. } | TakeBack::NeverStarted) => {
                    return self.lost(launch);
                }
                // It has none any more; one that answers is looked at again.
                Ok(TakeBack::Living(_)) | Err(_) => {}
            }
        }
    }
}

/// How an agent starts Baton's own MCP server. The token itself is in the file: a command line can be
/// read by everybody.
fn own_mcp(binary: &Path, data_dir: &Path, token_file: &Path) -> Value {
    let word = |path: &Path| path.to_string_lossy().into_owned();
    let args = [
        "mcp".to_owned(),
        "--data-dir".to_owned(),
        word(data_dir),
        "--token-file".to_owned(),
        word(token_file),
    ];
    json!({"command": word(binary), "args": args})
}

/// How an agent's process is started.
struct Ready {
    words: Vec<String>,
    env: BTreeMap<String, String>,
    stdin: bool,
    session: SessionSpec,
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

/// What an exit record means for a script's attempt.
fn judge_script(terms: &Terms, record: &ExitRecord) -> AttemptEnd {
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
    conclude(terms, &exit)
}
