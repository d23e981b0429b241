//! `baton logs`: what the steps of a run wrote.

use std::io::{self, Write};

use clap::Args;
use http_body_util::BodyExt;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

use super::context::{Context, print_line};
use super::exit::{Exit, Failure};
use super::find;
use super::watch::output::{Of, Tail, follow};
use super::watch::view::{RunView, StepView};
use super::watch::{self, Show};
use crate::client::{Client, Error};

/// Print what the steps of a run wrote.
#[derive(Debug, Args)]
pub struct Logs {
    /// An id, a number, or the unique beginning of an id.
    run: String,
    /// Only this step.
    step: Option<String>,
    /// Go on with what comes, until the run (or the step) ends.
    #[arg(short, long)]
    follow: bool,
}

impl Logs {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        let run = find::run(&client, &self.run).await?;
        let view = RunView::from_json(&run);
        if let Some(word) = &self.step {
            let step = find::step(&view, word)?;
            return if self.follow {
                follow_step(client, step).await
            } else {
                whole(&client, step).await
            };
        }
        if self.follow {
            let show = if context.json {
                Show::Json
            } else {
                Show::Lines
            };
            return match watch::watch(context, &client, &run, show, Some(0)).await? {
                Exit::Interrupted => Ok(Exit::Interrupted),
                _ => Ok(Exit::Done),
            };
        }
        let wrote = |step: &&StepView| {
            step.started.is_some() && matches!(step.kind.as_str(), "script" | "agent")
        };
        let steps: Vec<&StepView> = view.steps.iter().filter(wrote).collect();
        if steps.is_empty() {
            eprintln!("no step of run {} has written anything yet", view.number);
        }
        for step in &steps {
            if steps.len() > 1 {
                print_line(&format!("── {} ({})", step.key, step.status));
            }
            whole(&client, step).await?;
        }
        Ok(Exit::Done)
    }
}

/// Copies a log as it is, however long.
async fn whole(client: &Client, step: &StepView) -> Result<Exit, Failure> {
    let path = format!("/api/workflow-steps/{}/logs/output", step.id);
    let mut body = client.stream(&path, "text/plain").await?;
    let mut out = std::io::stdout().lock();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Error::Lost(e.to_string()))?;
        if let Ok(bytes) = frame.into_data()
            && let Err(error) = out.write_all(&bytes)
        {
            return unwritten(&error);
        }
    }
    out.flush()
        .map_or_else(|e| unwritten(&e), |()| Ok(Exit::Done))
}

/// A reader (`head`) that has gone is no error; a full disk is.
fn unwritten(error: &io::Error) -> Result<Exit, Failure> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        _ => Err(Failure::disk(format!("stdout: {error}"))),
    }
}

async fn follow_step(client: Client, step: &StepView) -> Result<Exit, Failure> {
    let (to, mut from) = unbounded_channel();
    let mut following = JoinSet::new();
    following.spawn(follow(client, step.id.clone(), Of::Output, to));
    while let Some(tail) = from.recv().await {
        match tail {
            Tail::Line(_, line) => print_line(&line),
            Tail::End(_) => break,
        }
    }
    Ok(Exit::Done)
}
