//! Starting runs: new ones, and forks of others.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use baton_core::definition::{Budget, Severity, WorktreeMode};
use baton_core::ids::{CommandId, RunId};
use baton_core::run::decide::{files_before, inherited};
use baton_core::run::event::{Parent, ProjectRef, Workspace};
use baton_core::run::prefix::TakenOver;
use baton_engine::StartRequest;
use baton_engine::ports::{Aggregate, Journal};
use baton_store::Project;
use baton_store::views::{LISTED, RunRow, StepRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asking::{Body, Caller, Segment};
use super::describe::{Data, Run};
use super::error::{Answer, Problem};
use super::story::Story;
use super::{State, find, wire};
use crate::host::Host;
use crate::host::access::Role;
use crate::host::definitions::{self, Found};
use crate::host::projects::reference;
use crate::host::workspaces::{self, Wish};

/// Variables of an environment, at most.
const MOST_VARIABLES: usize = 10_000;

/// What starts a run.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = StartRun)]
pub struct Start {
    project_id: Option<String>,
    workflow_definition_id: Option<String>,
    definition: Option<String>,
    name: Option<String>,
    args: Option<Value>,
    parent_run_id: Option<String>,
    worktree: Option<Value>,
    base_branch: Option<String>,
    budget: Option<Limits>,
    environment: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = BudgetLimits)]
struct Limits {
    usd: Option<f64>,
    tokens: Option<u64>,
    minutes: Option<f64>,
}

impl Limits {
    fn checked(self) -> Answer<Budget> {
        for (name, value) in [("usd", self.usd), ("minutes", self.minutes)] {
            if value.is_some_and(|value| !value.is_finite() || value <= 0.0) {
                return Err(Problem::field(
                    &format!("/budget/{name}"),
                    "must be above 0",
                ));
            }
        }
        Ok(Budget {
            usd: self.usd,
            tokens: self.tokens,
            minutes: self.minutes,
        })
    }
}

/// `POST /api/workflow-executions`.
#[utoipa::path(
    post,
    path = "/api/workflow-executions",
    tag = "Runs",
    operation_id = "start_run",
    request_body = Start,
    responses((status = 201, description = "It starts at once; `status` is `pending`.", body = Data<Run>),
        (status = 404, description = "There is no such project, definition or run."))
)]
pub async fn start(
    State(host): State,
    caller: Caller,
    Body(body): Body<Start>,
) -> Answer<(StatusCode, Json<Value>)> {
    if let Some(known) = known(&host, caller.command.as_ref()).await? {
        return created(&host, known).await;
    }
    let wish = wish(&body)?;
    let (project, found) = what(&host, &body).await?;
    caller.identity.may_in(project.id, Role::Operator)?;
    let has_errors = found
        .diagnostics
        .iter()
        .any(|d| d.severity == Severity::Error);
    let source = match &found.source {
        Some(source) if !has_errors => source.clone(),
        _ => return Err(Problem::definition(&found.key, &found.diagnostics)),
    };
    let parent = match &body.parent_run_id {
        Some(parent) => {
            let id = find::run_seen(&host, parent, &caller.identity.audience()).await?;
            let parent = find::run(&host, &id.to_string()).await?.created.clone();
            caller.identity.may_in(parent.project.id, Role::Operator)?;
            Some(Parent {
                run: parent.run,
                step: None,
            })
        }
        None => None,
    };
    let budget = body.budget.map(Limits::checked).transpose()?;
    let run = host.engine.mint().run();
    if let Some(environment) = body.environment {
        check_environment(&environment)?;
        find::blocking(&host, move |host| {
            let kept = host.environments.keep(run, &environment);
            kept.map_err(|error| {
                Problem::disk(&format!(
                    "the run's environment could not be stored: {error}"
                ))
            })
        })
        .await?;
    }
    let project = reference(&project);
    let (directory, workspace) = place(&host, &project, &found, &source, run, wish).await?;
    let request = StartRequest {
        run: Some(run),
        directory,
        workspace,
        follows: None,
        project,
        key: found.key,
        path: found.path,
        source,
        name: body.name,
        args: body.args.unwrap_or_else(|| json!({})),
        by: caller.by,
        parent,
        budget,
        args_are_read: false,
        taken: TakenOver::default(),
        instruction: None,
        pause_policy: host.pause_policy,
        id: caller.command.clone(),
    };
    launch(&host, run, request, caller.command).await
}

fn check_environment(environment: &BTreeMap<String, String>) -> Answer<()> {
    let impossible = |(name, value): (&String, &String)| {
        name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
    };
    if environment.len() > MOST_VARIABLES || environment.iter().any(impossible) {
        let detail = "a variable's name has no `=`, and neither name nor value has a zero byte";
        return Err(Problem::field("/environment", detail));
    }
    Ok(())
}

/// The definition that is meant, and its project.
async fn what(host: &Arc<Host>, body: &Start) -> Answer<(Project, Found)> {
    let project = match &body.project_id {
        Some(id) => Some(find::project(host, id).await?),
        None => None,
    };
    match (&body.workflow_definition_id, &body.definition) {
        (Some(id), None) => {
            let (owner, found) = find::definition(host, id).await?;
            if project.is_some_and(|project| project.id != owner.id) {
                let detail = "the definition belongs to another project";
                return Err(Problem::field("/workflow_definition_id", detail));
            }
            Ok((owner, found))
        }
        (None, Some(key)) => {
            let Some(project) = project else {
                return Err(Problem::field("/project_id", "`project_id` is missing"));
            };
            let key = key.clone();
            find::blocking(host, move |_| {
                let found = definitions::find(project.id, &project.path, &key);
                let shown: String = key.chars().take(64).collect();
                let none =
                    || Problem::not_found(format!("the project has no definition `{shown}`"));
                Ok((project, found.ok_or_else(none)?))
            })
            .await
        }
        (None, None) => {
            let detail = "give `definition` (a key) or `workflow_definition_id`";
            Err(Problem::field("/definition", detail))
        }
        (Some(_), Some(_)) => {
            let detail = "give `definition` or `workflow_definition_id`, not both";
            Err(Problem::field("/definition", detail))
        }
    }
}

/// What the body says about where the run works: a mode, or `{"mode": …}`.
fn wish(body: &Start) -> Answer<Wish> {
    let mode = match &body.worktree {
        Some(Value::Object(worktree)) => worktree.get("mode"),
        other => other.as_ref(),
    };
    let mode = match mode {
        None | Some(Value::Null) => None,
        Some(word) => Some(WorktreeMode::deserialize(word).map_err(|_| {
            Problem::field("/worktree", "`worktree` is `stay`, `branch` or `worktree`")
        })?),
    };
    Ok(Wish {
        mode,
        base_branch: body.base_branch.clone(),
    })
}

/// What makes a fork.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = ForkRun)]
pub struct Fork {
    from_step: Option<String>,
    args: Option<Value>,
    message: Option<String>,
    name: Option<String>,
}

/// `POST /api/workflow-executions/:id/fork`.
#[utoipa::path(
    post,
    path = "/api/workflow-executions/{id}/fork",
    tag = "Runs",
    operation_id = "fork_run",
    request_body = Fork,
    responses((status = 201, description = "A new run with `parent_run_id`.", body = Data<Run>))
)]
pub async fn fork(
    State(host): State,
    Segment(id): Segment,
    caller: Caller,
    Body(body): Body<Fork>,
) -> Answer<(StatusCode, Json<Value>)> {
    if let Some(known) = known(&host, caller.command.as_ref()).await? {
        return created(&host, known).await;
    }
    let parent = find::run_id(&host, &id).await?;
    let from = body.from_step.clone();
    let (recorded, args, taken, base) = host
        .engine
        .read(parent, move |run| {
            let ends = inherited(run, from.as_deref());
            let base = files_before(run, from.as_deref());
            (run.created.clone(), run.args.clone(), ends, base)
        })
        .await?;
    let run = host.engine.mint().run();
    find::blocking(&host, move |host| {
        let copied = host.environments.copy(parent, run);
        copied.map_err(|error| {
            Problem::disk(&format!(
                "the run's environment could not be stored: {error}"
            ))
        })
    })
    .await?;
    let taken = taken?;
    let (directory, workspace) = match (&recorded.workspace, base) {
        (Some(of), Some(base)) => {
            let key = &recorded.definition.key;
            let place = workspaces::forked(&host.data_dir, &recorded.project, of, key, run, base);
            (place.directory, place.workspace)
        }
        _ => (recorded.project.path.clone(), None),
    };
    let request = StartRequest {
        run: Some(run),
        project: recorded.project.clone(),
        key: recorded.definition.key.clone(),
        path: recorded.definition.path.clone(),
        source: recorded.source.text(),
        name: Some(body.name.unwrap_or_else(|| recorded.name.clone())),
        args_are_read: body.args.is_none(),
        args: body.args.unwrap_or(args),
        by: caller.by,
        parent: Some(Parent {
            run: parent,
            step: None,
        }),
        budget: Some(recorded.budget),
        taken,
        instruction: body.message.or_else(|| recorded.instruction.clone()),
        pause_policy: recorded.pause_policy,
        directory,
        workspace,
        follows: None,
        id: caller.command.clone(),
    };
    launch(&host, run, request, caller.command).await
}

/// Where a run is to work, and its branch or worktree when it gets one of its own.
pub async fn place(
    host: &Arc<Host>,
    project: &ProjectRef,
    found: &Found,
    source: &Arc<str>,
    run: RunId,
    wish: Wish,
) -> Answer<(String, Option<Workspace>)> {
    let (key, path, source) = (found.key.clone(), found.path.clone(), source.clone());
    let project = project.clone();
    find::blocking(host, move |host| {
        let Ok(plan) = host.engine.plans().get(&key, &path, &source) else {
            // An unusable one is refused by the engine, with what is wrong.
            return Ok((project.path, None));
        };
        let definition = &plan.definition;
        workspaces::place(&host.data_dir, &project, definition, &key, run, &wish)
            .map(|place| (place.directory, place.workspace))
            .map_err(|unfit| {
                let field = format!("/{}", unfit.field);
                Problem::unfit(unfit.code, unfit.detail.clone()).with_error(&field, &unfit.detail)
            })
    })
    .await
}

/// The run that this command has started already.
pub async fn known(host: &Arc<Host>, command: Option<&CommandId>) -> Answer<Option<RunId>> {
    let Some(command) = command.cloned() else {
        return Ok(None);
    };
    find::blocking(host, move |host| {
        Ok(match host.journal.command(&command)? {
            Some((Aggregate::Run(run), _)) => Some(run),
            Some((Aggregate::Slot(_), _)) | None => None,
        })
    })
    .await
}

/// Starts what was asked for. When the same command was quicker elsewhere, that is the run.
async fn launch(
    host: &Arc<Host>,
    run: RunId,
    request: StartRequest,
    command: Option<CommandId>,
) -> Answer<(StatusCode, Json<Value>)> {
    let started = host.engine.start(request).await;
    let same = known(host, command.as_ref()).await?;
    let is_this = started.is_ok() && same.is_none_or(|same| same == run);
    if !is_this {
        let _unused = host.environments.remove(run);
    }
    match started {
        Ok(_) => created(host, same.unwrap_or(run)).await,
        Err(error) => Err(error.into()),
    }
}

/// As it was when it began (`pending`), so that a repeat of the request gets the same answer.
async fn created(host: &Arc<Host>, run: RunId) -> Answer<(StatusCode, Json<Value>)> {
    let row = find::blocking(host, move |host| {
        let story = Story::load_created(host.journal.as_ref(), host.engine.plans(), run)?;
        let story = story.ok_or_else(|| Problem::not_found(format!("there is no run `{run}`")))?;
        // Without an estimate: it may be another one when the request is repeated.
        let row = RunRow::of(&story.run).ok_or_else(|| Problem::internal(&"no row"))?;
        let mut steps = StepRow::all_of(&story.run);
        steps.truncate(LISTED);
        let beside = wire::run::Beside::default();
        Ok(wire::word(&wire::run::Row::of(&row, &steps, &beside)))
    })
    .await?;
    Ok((StatusCode::CREATED, Json(json!({"data": row}))))
}
