//! Tools for agents inside a run. What they do is done as their attempt, which may say and ask things
//! and give files and results, and decides nothing about its run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baton_core::activity::{Answer, Asks, Choice, ChoiceOption, Question};
use baton_core::definition::{Action as StepAction, schema};
use baton_core::ids::{AttemptId, RunId};
use baton_core::run::Run;
use baton_core::run::big::hash;
use baton_core::run::decide::{Command, News};
use baton_core::run::event::{Action, Actor};
use baton_engine::ports::Aggregate;
use baton_runner::AttemptDir;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::error::Problem;
use super::super::find;
use super::super::routes::artifacts;
use super::super::uploads::{Draft, Form};
use super::tool::{Wrong, read, tool};
use crate::host::questions::ASKED_BY_TOOL;
use crate::host::{self, Host};

/// The largest output, in bytes of its JSON.
const LARGEST_OUTPUT: usize = 512 * 1024;

/// The longest question, in bytes.
const LONGEST_QUESTION: usize = 16 * 1024;

/// Options of a question, at most.
const MOST_OPTIONS: usize = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PostComment {
    /// Markdown.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReportProgress {
    /// What is done or being done, in a sentence.
    message: String,
    /// How many of the parts are done.
    done: Option<u64>,
    /// How many parts there are.
    total: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AttachArtifact {
    /// A file in the run's directory: absolute, or relative to where you work.
    path: String,
    /// The name to keep it under; the file's own when not given.
    name: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskHuman {
    /// What you want to know, whole: who answers may know nothing of what you did.
    question: String,
    /// What can be chosen; leave it out for an answer in words.
    #[serde(default)]
    options: Vec<String>,
    /// More than one option may be chosen.
    #[serde(default)]
    multiple: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetOutput {
    /// Any JSON value. Where the step asks for a schema, it must fit it.
    value: Value,
}

/// All of them.
pub fn tools() -> Vec<Value> {
    vec![
        tool::<PostComment>(
            "post_comment",
            "Say something in the run's thread, where people read what you do.",
        ),
        tool::<ReportProgress>(
            "report_progress",
            "Say how far you are, in the run's thread. For steps that take long.",
        ),
        tool::<AttachArtifact>(
            "attach_artifact",
            "Keep a file as an artifact of your step, so that people find it beside the run.",
        ),
        tool::<AskHuman>(
            "ask_human",
            "Ask the people who watch this run, and wait for their answer, however long it takes.",
        ),
        tool::<SetOutput>(
            "set_output",
            "Set your step's output, which later steps use. It counts instead of your final answer; \
             the last call counts.",
        ),
    ]
}

/// A call from inside an attempt.
pub struct Inside<'a> {
    pub host: &'a Arc<Host>,
    pub run: RunId,
    pub attempt: AttemptId,
    pub key: Option<String>,
}

/// The attempt's step.
struct Step {
    key: String,
    project: String,
    directory: String,
    cwd: Option<String>,
    output: Option<Value>,
}

impl Inside<'_> {
    pub async fn call(&self, name: &str, given: Value) -> Result<Value, Wrong> {
        match name {
            "post_comment" => {
                let PostComment { text } = read(given)?;
                self.post(text, None).await
            }
            "report_progress" => self.report(read(given)?).await,
            "attach_artifact" => self.attach(read(given)?).await,
            "ask_human" => self.ask(read(given)?).await,
            "set_output" => self.set_output(read(given)?).await,
            _ => Err(Wrong::NoTool),
        }
    }

    /// The step, as long as the attempt works on it.
    async fn step(&self) -> Result<Step, Wrong> {
        let attempt = self.attempt;
        let step = move |run: &Run| {
            let at = *run.in_flight()?.get(&attempt)?;
            let (output, cwd) = match &run.declared(at).action {
                StepAction::Agent(agent) => (
                    agent.output.clone(),
                    agent
                        .cwd
                        .as_ref()
                        .map(|cwd| cwd.source().to_owned())
                        .filter(|cwd| !cwd.contains("{{")),
                ),
                _ => (None, None),
            };
            Some(Step {
                key: run.step(at)?.key.clone(),
                project: run.created.project.path.clone(),
                directory: run.created.directory.clone(),
                cwd,
                output,
            })
        };
        let found = self.host.engine.read(self.run, step).await;
        let found = found.map_err(|error| Wrong::from(Problem::from(error)))?;
        found.ok_or_else(|| Wrong::Refused("this attempt has ended".into()))
    }

    async fn send(&self, command: Command) -> Result<(), Wrong> {
        let sent = self.host.engine.send(self.run, command, None).await;
        sent.map_err(|error| Problem::from(error).into())
            .map(|_| ())
    }

    async fn post(&self, content: String, metadata: Option<Value>) -> Result<Value, Wrong> {
        let step = self.step().await?;
        let command = Command::Post {
            content,
            action: Action::Comment,
            step: Some(step.key),
            metadata,
            by: Actor::Attempt(self.attempt),
        };
        self.send(command).await?;
        Ok("said in the thread".into())
    }

    async fn report(&self, progress: ReportProgress) -> Result<Value, Wrong> {
        let ReportProgress {
            message,
            done,
            total,
        } = progress;
        let text = match (done, total) {
            (Some(done), Some(total)) if done > total => {
                return Err(Wrong::Refused("`done` is more than `total`".into()));
            }
            (Some(done), Some(total)) => format!("{message} ({done} of {total})"),
            (Some(done), None) => format!("{message} ({done} done)"),
            (None, _) => message,
        };
        let facts = json!({"kind": "progress", "done": done, "total": total});
        self.post(text, Some(facts)).await
    }

    async fn attach(&self, wanted: AttachArtifact) -> Result<Value, Wrong> {
        let step = self.step().await?;
        let (host, run) = (self.host, self.run);
        let root = PathBuf::from(&step.directory);
        let cwd = root.join(step.cwd.as_deref().unwrap_or("."));
        let all = host::executions(Path::new(&step.project), run).join("artifacts");
        let (most, drafts) = (host.artifacts_max_bytes, all.clone());
        let draft = find::blocking(host, move |_| {
            let source = inside_of(&root, &cwd.join(&wanted.path))?;
            Draft::copy_of(&source, &drafts, most)
        })
        .await?;
        let form = Form {
            step: Some(step.key),
            name: wanted.name,
            file_type: None,
            file: None,
        };
        let by = Actor::Attempt(self.attempt);
        let artifact = artifacts::put(host, run, form, draft, by, &all).await?;
        let (file, id, name) = (
            Path::new(&step.project).join(&artifact.path),
            artifact.id,
            artifact.name.clone(),
        );
        if let Err(wrong) = self.send(Command::AddArtifact(Box::new(artifact))).await {
            let _as_before = tokio::fs::remove_file(file).await;
            return Err(wrong);
        }
        Ok(json!({"artifact_id": id.to_string(), "name": name}))
    }

    async fn set_output(&self, wanted: SetOutput) -> Result<Value, Wrong> {
        let step = self.step().await?;
        if let Some(expected) = &step.output
            && let Err(problem) = schema::check(expected, &wanted.value)
        {
            let why = format!("it does not fit the step's `output`: {problem}");
            return Err(Wrong::Refused(why));
        }
        let text = wanted.value.to_string();
        if text.len() > LARGEST_OUTPUT {
            let why = format!("an output has at most {LARGEST_OUTPUT} bytes: attach a file");
            return Err(Wrong::Refused(why));
        }
        let attempt = self.attempt.to_string();
        find::blocking(self.host, move |host| {
            let dir = AttemptDir::new(&host.data_dir, &attempt);
            let dir = dir.map_err(|error| Problem::internal(&error))?;
            host::write_private(&dir.output(), text.as_bytes())
                .map_err(|error| Problem::disk(&error))
        })
        .await?;
        Ok("it is the step's output".into())
    }

    async fn ask(&self, wanted: AskHuman) -> Result<Value, Wrong> {
        let AskHuman {
            question,
            options,
            multiple,
        } = wanted;
        if question.trim().is_empty() || question.len() > LONGEST_QUESTION {
            let why = format!("a question has 1 to {LONGEST_QUESTION} bytes");
            return Err(Wrong::Refused(why));
        }
        if options.len() > MOST_OPTIONS || options.iter().any(|option| option.trim().is_empty()) {
            let why = format!("a question has at most {MOST_OPTIONS} options, none of them empty");
            return Err(Wrong::Refused(why));
        }
        let id = self.question_id();
        let option = |label| ChoiceOption {
            label,
            description: String::new(),
        };
        let item = Choice {
            question: question.clone(),
            header: None,
            options: options.into_iter().map(option).collect(),
            multiple,
        };
        let asked = News::Asked(Question {
            id: id.clone(),
            asks: Asks::Choices { items: vec![item] },
            text: question.clone(),
        });
        let mut feed = self.host.engine.feed().subscribe();
        let _waiting = self.host.questions.open(self.attempt);
        self.hear(asked).await?;
        let mut leaving = self.host.leaving();
        loop {
            match self.answer(&id).await? {
                Asked::Waits => {}
                Asked::Answered(answer) => {
                    self.hear(News::Closed { question: id }).await?;
                    return Ok(told(answer, &question));
                }
                Asked::Gone => {
                    return Err(Wrong::Refused("nobody waits for an answer any more".into()));
                }
            }
            loop {
                let commit = tokio::select! {
                    _ = leaving.wait_for(|leaving| *leaving) => return Err(Wrong::Leaving),
                    commit = feed.recv() => commit,
                };
                // What was missed is looked for.
                if commit.map_or(true, |commit| commit.aggregate == Aggregate::Run(self.run)) {
                    break;
                }
            }
        }
    }

    /// The same for a repeat of the same request.
    fn question_id(&self) -> String {
        let unique = match &self.key {
            Some(key) => hash(&format!("{} {key}", self.attempt)).to_string(),
            None => uuid::Uuid::now_v7().simple().to_string(),
        };
        let short: String = unique.chars().take(32).collect();
        format!("{ASKED_BY_TOOL}{short}")
    }

    async fn hear(&self, news: News) -> Result<(), Wrong> {
        let attempt = self.attempt;
        self.send(Command::Hear { attempt, news }).await
    }

    async fn answer(&self, id: &str) -> Result<Asked, Wrong> {
        let (attempt, id) = (self.attempt, id.to_owned());
        let look = move |run: &Run| {
            let at = run.in_flight().and_then(|all| all.get(&attempt).copied());
            let session = at.and_then(|at| run.step(at)?.session.as_deref());
            let asked = session.and_then(|s| s.asked.iter().find(|a| a.question.id == id));
            match asked {
                None => Asked::Gone,
                Some(asked) => match &asked.answer {
                    None => Asked::Waits,
                    Some((answer, _)) => Asked::Answered(answer.clone()),
                },
            }
        };
        let found = self.host.engine.read(self.run, look).await;
        found.map_err(|error| Problem::from(error).into())
    }
}

enum Asked {
    Waits,
    Answered(Answer),
    Gone,
}

fn told(answer: Answer, question: &str) -> Value {
    match answer {
        Answer::Choices { answers } => {
            let given: BTreeMap<String, Vec<String>> = answers;
            match given.get(question).map(Vec::as_slice) {
                Some([one]) => json!({"answer": one}),
                Some(all) => json!({"answers": all}),
                None => json!({"answers": given}),
            }
        }
        Answer::Reject { message } => json!({"declined": true, "message": message}),
        Answer::Approve { message, .. } => json!({"answer": "yes", "message": message}),
    }
}

/// The file itself, when it lies in the run's directory.
fn inside_of(root: &Path, path: &Path) -> Result<PathBuf, Problem> {
    let unreadable =
        |error: std::io::Error| Problem::field("/path", format!("{}: {error}", path.display()));
    let real = path.canonicalize().map_err(unreadable)?;
    let root = root.canonicalize().map_err(unreadable)?;
    match real.starts_with(&root) {
        true => Ok(real),
        false => {
            let detail = format!("{} is not in the run's directory", path.display());
            Err(Problem::field("/path", detail))
        }
    }
}
