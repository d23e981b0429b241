//! What an attempt is asked to do, evaluated from the run's state: never stored, made again at
//! recovery.

use std::collections::BTreeMap;
use std::time::Duration;

use super::big::Big;
use super::event::{AttemptEnd, Cause, ErrorCode, StepError, StepOutput};
use super::state::{At, Run, State, Step};
use crate::definition::template::{EnvPart, Expression, Names, Program, TemplateError, Text};
use crate::definition::{Action, Agent, Tools};

/// The work of one attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// A command in a child process.
    Script(ScriptWork),
    /// A turn or more of an agent's session.
    Agent(Box<AgentWork>),
}

/// A session of an agent, new or going on, ready but for its secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentWork {
    /// The agent, as the step names it.
    pub agent: String,
    /// What it is told first.
    pub prompt: String,
    /// The step's own prompt, for when the session to go on in is gone.
    pub asked: String,
    /// Added to its system prompt.
    pub system_prompt: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The permission mode, as document 2 names them.
    pub permission: Option<String>,
    /// At most this many turns.
    pub max_turns: Option<u32>,
    /// Tools it may and may not use.
    pub tools: Option<Tools>,
    /// MCP servers handed to it.
    pub mcp: Option<serde_json::Value>,
    /// The JSON Schema its answer must fit.
    pub output: Option<serde_json::Value>,
    /// The native id of the session to go on in.
    pub resume: Option<String>,
    /// What is left of the budget, in dollars.
    pub budget_usd: Option<f64>,
    /// Relative to the run's directory; checked not to leave it.
    pub cwd: Option<String>,
    /// The environment over that of the run; later entries win. Secrets are put in at launch.
    pub env: BTreeMap<String, Vec<EnvPart>>,
}

/// A command in a child process, ready but for its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptWork {
    /// What is run.
    pub program: Program,
    /// Relative to the run's directory; checked not to leave it.
    pub cwd: Option<String>,
    /// The environment over that of the run; later entries win. Secrets are put in at launch.
    pub env: BTreeMap<String, Vec<EnvPart>>,
}

/// What an attempt's end is judged by. Nothing of it is evaluated from the run's values, so it is
/// known also when the work itself is not any more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// The longest it may run.
    pub timeout: Option<Duration>,
    /// Named outputs over `stdout`, `stderr`, `exit_code`.
    pub outputs: BTreeMap<String, Expression>,
    /// Globs of files to keep.
    pub artifacts: Vec<String>,
    /// It is an agent's.
    pub is_agent: bool,
}

/// How a script's process ended, as its runner saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptExit {
    /// How.
    pub how: ExitHow,
    /// The last 64 KB of stdout.
    pub stdout: String,
    /// The last 64 KB of stderr.
    pub stderr: String,
    /// What it wrote to the file `$BATON_OUTPUT`; an error when that cannot be used.
    pub output: Result<Option<String>, String>,
}

/// See [`ScriptExit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitHow {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It never began.
    SpawnFailed(String),
    /// It ran longer than its timeout.
    TimedOut,
    /// It was told to stop.
    Stopped,
}

/// What the end of a script's process means for its attempt.
#[must_use]
pub fn conclude(terms: &Terms, exit: &ScriptExit) -> AttemptEnd {
    let mut output = StepOutput {
        result: Some(Big::new(exit.stdout.as_str())),
        stderr: (!exit.stderr.is_empty()).then(|| tail(&exit.stderr, 4096)),
        ..StepOutput::default()
    };
    let error = |code, message: String| StepError { code, message };
    let failure = match &exit.how {
        ExitHow::Code(0) => None,
        ExitHow::Code(code) => {
            output.exit_code = Some(*code);
            Some(error(
                ErrorCode::ExitCode,
                with_last_line(format!("exit code {code}"), &exit.stderr),
            ))
        }
        ExitHow::Signal(signal) => Some(error(
            ErrorCode::Signal,
            with_last_line(
                format!("ended by signal {signal}{}", signal_name(*signal)),
                &exit.stderr,
            ),
        )),
        ExitHow::SpawnFailed(why) => Some(error(ErrorCode::SpawnFailed, why.clone())),
        ExitHow::TimedOut => {
            let limit = terms
                .timeout
                .map(|t| format!(" of {} s", t.as_secs_f64()))
                .unwrap_or_default();
            Some(error(
                ErrorCode::Timeout,
                format!("it ran longer than its timeout{limit}"),
            ))
        }
        ExitHow::Stopped => return AttemptEnd::Stopped {},
    };
    if let Some(error) = failure {
        return AttemptEnd::Failed { error, output };
    }
    output.exit_code = Some(0);
    match gather(terms, exit) {
        Ok((data, outputs)) => {
            output.data = data;
            output.outputs = outputs;
            AttemptEnd::Succeeded { output }
        }
        Err(message) => AttemptEnd::Failed {
            error: error(ErrorCode::Output, message),
            output,
        },
    }
}

fn gather(terms: &Terms, exit: &ScriptExit) -> Result<(Option<Big>, Option<Big>), String> {
    let data = match &exit.output {
        Ok(None) => None,
        Ok(Some(text)) if text.trim().is_empty() => None,
        Ok(Some(text)) => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(value @ serde_json::Value::Object(_)) => Some(Big::new(value.to_string())),
            Ok(_) => return Err("$BATON_OUTPUT must hold a JSON object".into()),
            Err(error) => return Err(format!("$BATON_OUTPUT holds no JSON object: {error}")),
        },
        Err(why) => return Err(why.clone()),
    };
    if terms.outputs.is_empty() {
        return Ok((data, None));
    }
    let names = Names::default()
        .with("stdout", exit.stdout.as_str().into())
        .with("stderr", exit.stderr.as_str().into())
        .with("exit_code", 0.into());
    let mut outputs = serde_json::Map::new();
    for (name, expression) in &terms.outputs {
        let value = expression
            .evaluate(&names)
            .map_err(|e| format!("output `{name}`: {e}"))?;
        outputs.insert(name.clone(), value);
    }
    Ok((
        data,
        Some(Big::new(serde_json::Value::Object(outputs).to_string())),
    ))
}

fn with_last_line(what: String, stderr: &str) -> String {
    match stderr.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!(
            "{what}: {}",
            line.trim().chars().take(300).collect::<String>()
        ),
        None => what,
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => " (HUP)",
        2 => " (INT)",
        6 => " (ABRT)",
        9 => " (KILL)",
        11 => " (SEGV)",
        13 => " (PIPE)",
        15 => " (TERM)",
        _ => "",
    }
}

/// The last `limit` bytes of a text, from a character's beginning.
#[must_use]
pub fn tail(text: &str, limit: usize) -> String {
    let mut start = text.len().saturating_sub(limit);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].to_owned()
}

impl Run {
    /// The work of the step at this place, from the state as it is.
    ///
    /// # Errors
    /// [`StepError`] when a template gives no value, or a path leaves the run's directory.
    pub fn work(&self, at: At, env: &BTreeMap<String, String>) -> Result<Work, StepError> {
        let declared = self.declared(at);
        let script = match &declared.action {
            Action::Script(script) => script,
            Action::Agent(agent) => return self.agent_work(at, agent, env),
            Action::Remote(_)
            | Action::Approval(_)
            | Action::Wait(_)
            | Action::Workflow(_)
            | Action::Function => {
                return Err(StepError {
                    code: ErrorCode::Value,
                    message: "this kind of step has no process of its own".into(),
                });
            }
        };
        let names = self.names(Some(at), env);
        let wrong = |error: TemplateError| StepError {
            code: ErrorCode::Template,
            message: error.to_string(),
        };
        let command = script.command.render(&names).map_err(wrong)?;
        let cwd = match &script.cwd {
            Some(text) => Some(inside(
                &text.render(&names).map_err(wrong)?,
                &self.directory_of(at),
            )?),
            None => None,
        };
        let mut vars = BTreeMap::new();
        for (name, text) in self.plan.definition.env.iter().chain(&declared.env) {
            vars.insert(name.clone(), text.render_env(&names).map_err(wrong)?);
        }
        for (name, value) in command.env {
            vars.insert(name, vec![EnvPart::Text(value)]);
        }
        Ok(Work::Script(ScriptWork {
            program: command.program,
            cwd,
            env: vars,
        }))
    }

    /// What the end of the step at this place is judged by.
    #[must_use]
    pub fn terms(&self, at: At) -> Terms {
        let declared = self.declared(at);
        Terms {
            timeout: declared.timeout,
            outputs: declared.outputs.clone(),
            artifacts: declared.artifacts.clone(),
            is_agent: matches!(declared.action, Action::Agent(_)),
        }
    }

    fn agent_work(
        &self,
        at: At,
        agent: &Agent,
        env: &BTreeMap<String, String>,
    ) -> Result<Work, StepError> {
        let declared = self.declared(at);
        let names = self.names(Some(at), env);
        let wrong = |error: TemplateError| StepError {
            code: ErrorCode::Template,
            message: error.to_string(),
        };
        let render = |text: &Option<Text>| -> Result<Option<String>, StepError> {
            text.as_ref()
                .map(|text| text.render(&names).map_err(wrong))
                .transpose()
        };
        let asked = agent.prompt.render(&names).map_err(wrong)?;
        let mut vars = BTreeMap::new();
        for (name, text) in self.plan.definition.env.iter().chain(&declared.env) {
            vars.insert(name.clone(), text.render_env(&names).map_err(wrong)?);
        }
        let step = self.step(at).ok_or_else(|| StepError {
            code: ErrorCode::Value,
            message: "there is no such step".into(),
        })?;
        let (resume, own) = match (&step.state, step.session.as_deref()) {
            // Its session may have become known since it was started.
            (State::Working { .. }, Some(s)) => (s.resumed.clone(), s.resumed_own),
            _ => self.goes_on(at, step, agent)?,
        };
        let spent = self.usage().cost_usd.unwrap_or(0.0) - self.spending.usd_from;
        Ok(Work::Agent(Box::new(AgentWork {
            agent: agent.agent.clone(),
            prompt: self.prompt(step, &asked, own),
            asked,
            system_prompt: render(&agent.system_prompt)?,
            model: render(&agent.model)?,
            permission: agent.permission.clone(),
            max_turns: agent.max_turns,
            tools: agent.tools.clone(),
            mcp: agent.mcp.clone(),
            output: agent.output.clone(),
            resume,
            budget_usd: self.created.budget.usd.map(|usd| (usd - spent).max(0.01)),
            cwd: match render(&agent.cwd)? {
                Some(path) => Some(inside(&path, &self.directory_of(at))?),
                None => None,
            },
            env: vars,
        })))
    }

    /// The session that the next attempt goes on in, and whether it is the step's own.
    pub(super) fn goes_on(
        &self,
        at: At,
        step: &Step,
        agent: &Agent,
    ) -> Result<(Option<String>, bool), StepError> {
        if self.resumes(at) {
            let native = step.session.as_deref().and_then(|s| s.native.clone());
            return Ok((native, true));
        }
        Ok((self.session_to_go_on_in(step, agent)?, false))
    }

    /// The session of the earlier step that `session:` names, unless this step has begun anew.
    fn session_to_go_on_in(&self, step: &Step, agent: &Agent) -> Result<Option<String>, StepError> {
        let Some(name) = &agent.session else {
            return Ok(None);
        };
        if step.next_cause == Cause::SessionLost {
            return Ok(None);
        }
        let other = self.find(name).and_then(|at| self.step(at));
        let session = other.and_then(|other| other.session.as_deref());
        match session.and_then(|session| session.native.clone()) {
            Some(native) => Ok(Some(native)),
            None => Err(StepError {
                code: ErrorCode::Value,
                message: format!("step `{name}` has no session to go on in"),
            }),
        }
    }
}

/// A path that stays inside the run's directory, relative to it.
fn inside(path: &str, directory: &str) -> Result<String, StepError> {
    let relative = match path.strip_prefix(directory) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => path,
    };
    let mut depth = 0_i32;
    let leaves = relative.starts_with('/')
        || relative.contains('\0')
        || relative.split('/').any(|part| {
            match part {
                "" | "." => {}
                ".." => depth -= 1,
                _ => depth += 1,
            }
            depth < 0
        });
    if leaves {
        return Err(StepError {
            code: ErrorCode::Value,
            message: format!("the path `{path}` leaves the run's directory"),
        });
    }
    Ok(relative.to_owned())
}
