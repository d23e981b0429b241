//! What an attempt is asked to do, evaluated from the run's state: never stored, made again at
//! recovery.

use std::collections::BTreeMap;
use std::time::Duration;

use super::big::Big;
use super::event::{AttemptEnd, ErrorCode, StepError, StepOutput};
use super::state::{At, Run};
use crate::definition::Action;
use crate::definition::template::{EnvPart, Expression, Names, Program, TemplateError};

/// The work of one attempt. Agents come with part 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A command in a child process.
    Script(ScriptWork),
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
        let Action::Script(script) = &declared.action else {
            return Err(StepError {
                code: ErrorCode::Value,
                message: "only script steps have a process of their own yet".into(),
            });
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
                &self.created.directory,
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
