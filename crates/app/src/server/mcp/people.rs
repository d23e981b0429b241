//! Tools for people's own agents: the API's list, start, show, tell, pause, resume and cancel, asked for
//! whoever shows the token.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use baton_core::run::big::hash;
use http_body_util::BodyExt;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use super::super::access::Identity;
use super::tool::{Wrong, read, tool};
use crate::client::escape;

/// The longest text of a run that is shown, in characters; `baton show` and the web app have all of it.
const LONGEST: usize = 2_000;

/// Messages of the thread that are shown, the newest.
const MESSAGES: usize = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Definitions {
    /// A project's id or name; all when not given.
    project: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// A project's id or name; all when not given.
    project: Option<String>,
    /// pending, running, paused, completed, failed or cancelled.
    status: Option<String>,
    /// A definition's key.
    definition: Option<String>,
    /// In names and ids, or a run's number.
    q: Option<String>,
    /// Runs at most, 1 to 200; 20 when not given.
    limit: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Start {
    /// The definition's key, as `definitions` lists it.
    definition: String,
    /// As the definition's `args_schema` wants them.
    args: Option<Map<String, Value>>,
    /// A project's id or name; needed when there are several.
    project: Option<String>,
    /// What to call the run.
    name: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Show {
    /// The run's number or id.
    run: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tell {
    /// The run's number or id.
    run: String,
    /// What to tell it.
    text: String,
    /// Only for people to read: no instruction.
    #[serde(default)]
    comment: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pause {
    /// The run's number or id.
    run: String,
    /// Why.
    reason: Option<String>,
    /// Interrupt its agents, instead of letting the steps end that are running.
    #[serde(default)]
    now: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Resume {
    /// The run's number or id.
    run: String,
    /// An instruction to go with it.
    message: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Cancel {
    /// The run's number or id.
    run: String,
    /// Why.
    reason: Option<String>,
}

/// All of them.
pub fn tools() -> Vec<Value> {
    vec![
        tool::<Definitions>(
            "definitions",
            "The workflows that can be started, with their args.",
        ),
        tool::<List>(
            "list",
            "Runs, newest first: how they stand and what they wait for.",
        ),
        tool::<Start>("start", "Start a run of a definition. It begins at once."),
        tool::<Show>(
            "show",
            "One run: its steps with their results, what it waits for, its newest messages.",
        ),
        tool::<Tell>(
            "tell",
            "Give a run's agents an instruction: it reaches those at work, or heads the next prompt.",
        ),
        tool::<Pause>("pause", "Pause a run: nothing new starts."),
        tool::<Resume>("resume", "Let a paused, failed or cancelled run go on."),
        tool::<Cancel>("cancel", "Cancel a run: all its processes are ended."),
    ]
}

/// A call of somebody's agent.
pub struct People<'a> {
    pub api: &'a Router,
    pub who: Identity,
    pub key: Option<String>,
}

impl People<'_> {
    pub async fn call(&self, name: &str, given: Value) -> Result<Value, Wrong> {
        match name {
            "definitions" => self.definitions(read(given)?).await,
            "list" => self.list(read(given)?).await,
            "start" => self.start(read(given)?).await,
            "show" => self.show(read(given)?).await,
            "tell" => self.tell(read(given)?).await,
            "pause" => {
                let Pause { run, reason, now } = read(given)?;
                let body = json!({"reason": reason, "immediate": now});
                self.order(&run, "pause", &body).await
            }
            "resume" => {
                let Resume { run, message } = read(given)?;
                self.order(&run, "resume", &json!({"message": message}))
                    .await
            }
            "cancel" => {
                let Cancel { run, reason } = read(given)?;
                self.order(&run, "cancel", &json!({"reason": reason})).await
            }
            _ => Err(Wrong::NoTool),
        }
    }

    async fn definitions(&self, asked: Definitions) -> Result<Value, Wrong> {
        let mut path = "/api/workflow-definitions?limit=200".to_owned();
        if let Some(project) = asked.project {
            path = format!("{path}&project_id={}", self.project(Some(project)).await?);
        }
        let found = self.get(&path).await?;
        let shown = [
            "key",
            "name",
            "description",
            "project_id",
            "args_schema",
            "diagnostics",
        ];
        Ok(rows(&found["data"], &shown))
    }

    async fn list(&self, asked: List) -> Result<Value, Wrong> {
        let limit = asked.limit.unwrap_or(20);
        let mut path = format!("/api/workflow-executions?limit={limit}");
        if let Some(project) = asked.project {
            path = format!("{path}&project_id={}", self.project(Some(project)).await?);
        }
        let filters = [
            ("status", asked.status),
            ("definition", asked.definition),
            ("q", asked.q),
        ];
        for (name, value) in filters {
            if let Some(value) = value {
                path = format!("{path}&{name}={}", escape(&value));
            }
        }
        let found = self.get(&path).await?;
        Ok(rows(&found["data"], &RUN))
    }

    async fn start(&self, asked: Start) -> Result<Value, Wrong> {
        let project = self.project(asked.project).await?;
        let body = json!({
            "project_id": project,
            "definition": asked.definition,
            "args": asked.args,
            "name": asked.name,
        });
        let made = self.post("/api/workflow-executions", &body).await?;
        Ok(members(&made["data"], &RUN))
    }

    async fn show(&self, asked: Show) -> Result<Value, Wrong> {
        let run = escape(&asked.run);
        let found = self.get(&format!("/api/workflow-executions/{run}")).await?;
        let whole = &found["data"];
        let mut shown = members(whole, &RUN);
        let step = [
            "step_id",
            "name",
            "type",
            "status",
            "waiting",
            "error_message",
            "result",
            "data",
            "started_at",
            "completed_at",
        ];
        shown["steps"] = rows(&whole["steps"], &step);
        let said = whole["comments"].as_array().map_or(&[][..], Vec::as_slice);
        let newest = said.iter().skip(said.len().saturating_sub(MESSAGES));
        let newest: Vec<Value> = newest.cloned().collect();
        let message = ["id", "comment_type", "text", "step_id", "created_at"];
        shown["messages"] = rows(&Value::Array(newest), &message);
        for member in ["outputs", "result", "branch"] {
            if !whole[member].is_null() {
                shown[member] = cut(&whole[member]);
            }
        }
        Ok(shown)
    }

    async fn tell(&self, asked: Tell) -> Result<Value, Wrong> {
        let action = match asked.comment {
            true => "comment",
            false => "instruction",
        };
        let body = json!({"content": asked.text, "action_type": action});
        let path = format!("/api/workflows/{}/messages", escape(&asked.run));
        self.post(&path, &body).await
    }

    async fn order(&self, run: &str, verb: &str, body: &Value) -> Result<Value, Wrong> {
        let path = format!("/api/workflow-executions/{}/{verb}", escape(run));
        let done = self.post(&path, body).await?;
        Ok(members(&done["data"], &RUN))
    }

    /// The id of the project that is meant.
    async fn project(&self, named: Option<String>) -> Result<String, Wrong> {
        let found = self.get("/api/projects?limit=200").await?;
        let all = found["data"].as_array().map_or(&[][..], Vec::as_slice);
        let fits = |project: &&Value| match &named {
            None => true,
            Some(named) => {
                let member = |name: &str| project[name].as_str() == Some(named);
                member("id") || member("name") || member("path")
            }
        };
        let fitting: Vec<&Value> = all.iter().filter(fits).collect();
        if let [project] = fitting.as_slice() {
            return Ok(project["id"].as_str().unwrap_or_default().to_owned());
        }
        let known: Vec<String> = all
            .iter()
            .filter_map(|project| {
                Some(format!(
                    "{} ({})",
                    project["name"].as_str()?,
                    project["id"].as_str()?
                ))
            })
            .collect();
        Err(Wrong::Refused(match (known.is_empty(), named) {
            (true, _) => "no project is registered: run `baton run` in one first".into(),
            (false, Some(named)) => {
                format!(
                    "`{named}` is not one project; there are: {}",
                    known.join(", ")
                )
            }
            (false, None) => format!("name the project: {}", known.join(", ")),
        }))
    }

    async fn get(&self, path: &str) -> Result<Value, Wrong> {
        self.ask(Request::get(path), None).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Wrong> {
        self.ask(Request::post(path), Some(body)).await
    }

    async fn ask(
        &self,
        request: axum::http::request::Builder,
        body: Option<&Value>,
    ) -> Result<Value, Wrong> {
        let mut request = request.header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = self.key.as_ref().filter(|_| body.is_some()) {
            // The call's own key stands for the call itself.
            let key: String = hash(&format!("mcp {key}")).to_string();
            request = request.header("idempotency-key", key);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request
            .extension(self.who.clone())
            .body(Body::from(body))
            .map_err(|error| Wrong::Refused(error.to_string()))?;
        let Ok(answer) = self.api.clone().oneshot(request).await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await;
        let bytes = bytes.map_err(|error| Wrong::Refused(error.to_string()))?;
        let value: Value = serde_json::from_slice(&bytes.to_bytes()).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        if value["code"] == "stopping" {
            return Err(Wrong::Leaving);
        }
        let detail = value["detail"].as_str().unwrap_or(status.as_str());
        let errors = value["errors"].as_array().into_iter().flatten();
        let errors = errors.filter_map(|error| {
            Some(format!(
                "\n{}: {}",
                error["pointer"].as_str()?,
                error["detail"].as_str()?
            ))
        });
        let errors: String = errors.collect();
        Err(Wrong::Refused(format!("{detail}{errors}")))
    }
}

/// What is shown of a run.
const RUN: [&str; 14] = [
    "number",
    "id",
    "name",
    "status",
    "current_phase",
    "waiting",
    "pause_reason",
    "pause_requested_at",
    "cancel_requested_at",
    "error_message",
    "progress",
    "cost_usd",
    "started_at",
    "completed_at",
];

/// These members, without those that are null.
fn members(of: &Value, names: &[&str]) -> Value {
    let shown = names.iter().filter_map(|name| {
        let value = of.get(*name).filter(|value| !value.is_null())?;
        Some(((*name).to_owned(), cut(value)))
    });
    Value::Object(shown.collect())
}

fn rows(of: &Value, names: &[&str]) -> Value {
    let all = of.as_array().into_iter().flatten();
    all.map(|row| members(row, names)).collect()
}

/// The value, a long text cut.
fn cut(value: &Value) -> Value {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.len() <= LONGEST {
        return value.clone();
    }
    let short: String = text.chars().take(LONGEST).collect();
    format!("{short}…").into()
}
