//! `baton run`: starts a run and watches it.

use clap::Args;
use serde_json::{Map, Value, json};

use super::args::ArgOptions;
use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::watch::{self, Show};
use super::{find, project};
use crate::client::{Client, escape};

/// Start a run of a definition and watch it.
#[derive(Debug, Args)]
pub struct Run {
    /// The definition's key: its file's name without the ending.
    #[arg(value_name = "DEFINITION")]
    key: String,
    #[command(flatten)]
    args: ArgOptions,
    /// A name for the run.
    #[arg(long)]
    name: Option<String>,
    /// Do not watch: print the run and go.
    #[arg(short, long)]
    detach: bool,
    /// The run that this one belongs to.
    #[arg(long, value_name = "RUN")]
    parent: Option<String>,
    /// Where it works: `stay`, `branch` or `worktree`.
    #[arg(long, value_name = "MODE", value_parser = ["stay", "branch", "worktree"])]
    worktree: Option<String>,
    /// Park the run when it has cost this many US dollars.
    #[arg(long, value_name = "DOLLARS")]
    budget: Option<f64>,
}

impl Run {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let dir = context.project_dir()?;
        context.config(Some(&dir))?;
        let client = context.client()?;
        let project = project::register(&client, &dir).await?;
        let definition = definition(&client, &project, &self.key).await?;
        let schema = Some(&definition["args_schema"]).filter(|schema| schema.is_object());
        let args = self.args.collect(schema, &context.directory)?;
        let body = self.body(&client, &project, args).await?;
        let answer = client.post("/api/workflow-executions", &body).await?;
        let run = &answer["data"];
        if self.detach {
            if context.json {
                print_json(&answer);
            } else {
                let number = run["number"].as_u64().unwrap_or_default();
                let id = run["id"].as_str().unwrap_or_default();
                print_line(&format!("run {number} started ({id})"));
                eprintln!("detached: baton logs -f {number} · baton show {number}");
            }
            return Ok(Exit::Done);
        }
        let show = Show::fitting(context.json);
        if show == Show::Lines {
            let name = run["name"].as_str().unwrap_or(&self.key);
            print_line(&format!("run {} started: {name}", run["number"]));
        }
        watch::watch(context, &client, run, show, Some(0)).await
    }

    async fn body(
        &self,
        client: &Client,
        project: &str,
        args: Map<String, Value>,
    ) -> Result<Value, Failure> {
        let mut body = json!({
            "project_id": project,
            "definition": self.key,
            "args": args,
            "environment": environment(),
        });
        if let Some(name) = &self.name {
            body["name"] = json!(name);
        }
        if let Some(parent) = &self.parent {
            body["parent_run_id"] = find::run(client, parent).await?["id"].take();
        }
        if let Some(mode) = &self.worktree {
            body["worktree"] = json!({"mode": mode});
        }
        if let Some(usd) = self.budget {
            body["budget"] = json!({"usd": usd});
        }
        Ok(body)
    }
}

/// The definition of this key. One that is not there is answered with the nearest that is.
async fn definition(client: &Client, project: &str, key: &str) -> Result<Value, Failure> {
    let path = format!("/api/workflow-definitions?project_id={}", escape(project));
    let answer = client.get(&path).await?;
    let all: Vec<&Value> = answer["data"].as_array().into_iter().flatten().collect();
    if let Some(found) = all.iter().find(|definition| definition["key"] == key) {
        if found.get("args_schema").is_some() {
            return Ok((*found).clone());
        }
        let id = found["id"].as_str().unwrap_or_default();
        let mut whole = client
            .get(&format!("/api/workflow-definitions/{id}"))
            .await?;
        return Ok(whole["data"].take());
    }
    let keys: Vec<&str> = all.iter().filter_map(|d| d["key"].as_str()).collect();
    let failure = Failure::not_found(format!("no definition `{key}` in this project"));
    Err(
        match crate::config::suggest::nearest(key, keys.iter().copied()) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None if keys.is_empty() => failure.hint("`baton init` writes one"),
            None => failure.hint(format!("there are: {}", keys.join(", "))),
        },
    )
}

/// The environment of this process, for the children of the run. Baton's own variables and what is
/// not UTF-8 stay behind.
fn environment() -> Map<String, Value> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| !name.starts_with("BATON_"))
        .map(|(name, value)| (name, Value::String(value)))
        .collect()
}
