//! Users, tokens and members of projects.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use baton_core::ids::{TokenId, UserId};
use baton_core::time::Timestamp;
use baton_store::access::{Token, User};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::Identity;
use super::super::asking::{Body, Caller, Segment};
use super::super::describe::{
    Data, Member as MemberShape, Page, Token as TokenShape, User as UserShape,
};
use super::super::error::{Answer, Problem};
use super::super::wire::{maybe_time, time};
use super::super::{State, find};
use crate::host::Host;
use crate::host::access::{Change, NewToken, NewUser, Role, UserChange};

pub fn routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::new()
        .routes(routes!(users, add_user))
        .routes(routes!(change_user, remove_user))
        .routes(routes!(tokens, add_token))
        .routes(routes!(remove_token))
        .routes(routes!(members, set_members, clear_members))
}

fn user(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "username": user.username,
        "name": user.name,
        "role": user.role,
        "disabled": user.disabled,
        "has_password": user.password.is_some(),
        "created_at": time(user.created_at),
    })
}

fn token(token: &Token) -> Value {
    json!({
        "id": token.id.to_string(),
        "user_id": token.user.to_string(),
        "name": token.name,
        "role": token.role,
        "created_at": time(token.created_at),
        "expires_at": maybe_time(token.expires_at),
    })
}

impl From<Change> for Problem {
    fn from(change: Change) -> Self {
        let detail = change.to_string();
        match change {
            Change::Field(pointer, detail) => Self::field(pointer, detail),
            Change::None(_) => Self::not_found(detail),
            Change::Taken(_) => Self::new(StatusCode::CONFLICT, "exists", detail),
            Change::Disk(error) if error.is_taken() => {
                Self::new(StatusCode::CONFLICT, "exists", detail)
            }
            Change::Disk(error) => Self::disk(&error),
        }
    }
}

fn role(pointer: &str, word: &str) -> Answer<Role> {
    let wrong = || Problem::field(pointer, "a role is `viewer`, `operator` or `admin`");
    Role::of(word).ok_or_else(wrong)
}

fn user_id(text: &str) -> Answer<UserId> {
    let none = |_| Problem::not_found("there is no such user");
    text.parse().map_err(none)
}

#[utoipa::path(
    get,
    path = "/api/users",
    tag = "Access",
    operation_id = "list_users",
    responses((status = 200, description = "All there are.", body = Page<UserShape>))
)]
async fn users(State(host): State) -> Json<Value> {
    let data: Vec<Value> = host.access.users().iter().map(user).collect();
    Json(json!({"data": data, "next_cursor": null}))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = CreateUser)]
#[serde(deny_unknown_fields)]
struct AddUser {
    username: String,
    name: Option<String>,
    role: Option<String>,
    password: Option<String>,
}

#[utoipa::path(
    post,
    path = "/api/users",
    tag = "Access",
    operation_id = "create_user",
    request_body = AddUser,
    responses((status = 201, description = "The user.", body = Data<UserShape>))
)]
async fn add_user(
    State(host): State,
    caller: Caller,
    Body(body): Body<AddUser>,
) -> Answer<(StatusCode, Json<Value>)> {
    let new = NewUser {
        role: role("/role", body.role.as_deref().unwrap_or("viewer"))?,
        username: body.username,
        name: body.name,
        password: body.password,
        command: caller.command,
    };
    let made = find::blocking(&host, move |host| Ok(host.access.add_user(new)?)).await?;
    Ok((StatusCode::CREATED, Json(json!({"data": user(&made)}))))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeUser {
    name: Option<String>,
    role: Option<String>,
    password: Option<String>,
    disabled: Option<bool>,
}

#[utoipa::path(
    patch,
    path = "/api/users/{id}",
    tag = "Access",
    operation_id = "change_user",
    request_body = ChangeUser,
    responses((status = 200, description = "As it is now.", body = Data<UserShape>))
)]
async fn change_user(
    State(host): State,
    Segment(id): Segment,
    Body(body): Body<ChangeUser>,
) -> Answer<Json<Value>> {
    let id = user_id(&id)?;
    let change = UserChange {
        role: body.role.map(|word| role("/role", &word)).transpose()?,
        name: body.name,
        password: body.password,
        disabled: body.disabled,
    };
    let made = find::blocking(&host, move |host| {
        Ok(host.access.change_user(id, change)?)
    })
    .await?;
    Ok(Json(json!({"data": user(&made)})))
}

#[utoipa::path(
    delete,
    path = "/api/users/{id}",
    tag = "Access",
    operation_id = "remove_user",
    responses((status = 204, description = "Done."))
)]
async fn remove_user(State(host): State, Segment(id): Segment) -> Answer<StatusCode> {
    let id = user_id(&id)?;
    find::blocking(&host, move |host| Ok(host.access.remove_user(id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An admin sees and takes back everybody's tokens, others their own.
fn whose(identity: &Identity) -> Option<UserId> {
    (identity.role() != Role::Admin).then(|| identity.user())
}

#[utoipa::path(
    get,
    path = "/api/tokens",
    tag = "Access",
    operation_id = "list_tokens",
    responses((status = 200, description = "Those the caller may see.", body = Page<TokenShape>))
)]
async fn tokens(State(host): State, identity: Identity) -> Json<Value> {
    let tokens = host.access.tokens(whose(&identity));
    let data: Vec<Value> = tokens.iter().map(token).collect();
    Json(json!({"data": data, "next_cursor": null}))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = CreateToken)]
#[serde(deny_unknown_fields)]
struct AddToken {
    name: String,
    role: Option<String>,
    user_id: Option<String>,
    expires_at: Option<String>,
}

/// The value is in this answer, and nowhere afterwards.
#[utoipa::path(
    post,
    path = "/api/tokens",
    tag = "Access",
    operation_id = "create_token",
    request_body = AddToken,
    responses(
        (status = 201, description = "With its value, this once.", body = Data<TokenShape>),
        (status = 404, description = "There is no such user.")
    )
)]
async fn add_token(
    State(host): State,
    caller: Caller,
    Body(body): Body<AddToken>,
) -> Answer<(StatusCode, Json<Value>)> {
    let identity = caller.identity;
    let own = identity.role();
    let role = body.role.map(|word| role("/role", &word)).transpose()?;
    let role = role.unwrap_or(own);
    let user = match &body.user_id {
        Some(id) => user_id(id)?,
        None => identity.user(),
    };
    let too_much = || {
        let detail = "a token gives at most what one may oneself, and only an admin makes others'";
        Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
    };
    if role > own || (user != identity.user() && own != Role::Admin) {
        return Err(too_much());
    }
    let ends = body.expires_at.map(|text| {
        let wrong = || Problem::field("/expires_at", "write a time as in RFC 3339");
        Timestamp::parse(&text).ok_or_else(wrong)
    });
    let new = NewToken {
        user,
        name: body.name,
        role,
        expires_at: ends.transpose()?,
        command: caller.command.map(|command| {
            let value = host.attempt_tokens.asked_by(&command);
            (command, value)
        }),
    };
    let made = find::blocking(&host, move |host| Ok(host.access.add_token(new)?));
    let (made, value) = made.await?;
    // One of before is not shown to who repeats the request with less.
    if Role::of(&made.role).is_none_or(|role| role > own) {
        return Err(too_much());
    }
    let mut data = token(&made);
    data["token"] = value.into();
    Ok((StatusCode::CREATED, Json(json!({"data": data}))))
}

#[utoipa::path(
    delete,
    path = "/api/tokens/{id}",
    tag = "Access",
    operation_id = "remove_token",
    responses((status = 204, description = "Done."))
)]
async fn remove_token(
    State(host): State,
    identity: Identity,
    Segment(id): Segment,
) -> Answer<StatusCode> {
    let none = |_| Problem::not_found("there is no such token");
    let id: TokenId = id.parse().map_err(none)?;
    let of = whose(&identity);
    find::blocking(&host, move |host| Ok(host.access.remove_token(id, of)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get,
    path = "/api/projects/{id}/members",
    tag = "Access",
    operation_id = "list_members",
    responses((status = 200, description = "None: the project is everybody's.", body = Page<MemberShape>))
)]
async fn members(State(host): State, Segment(id): Segment) -> Answer<Json<Value>> {
    let project = find::project(&host, &id).await?;
    let member = |(user, role): &(User, Role)| {
        json!({
            "user_id": user.id.to_string(),
            "username": user.username,
            "name": user.name,
            "role": role,
        })
    };
    let data: Vec<Value> = host.access.members(project.id).iter().map(member).collect();
    Ok(Json(json!({"data": data, "next_cursor": null})))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = SetMembers)]
#[serde(deny_unknown_fields)]
struct Members {
    members: Vec<Member>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = SetMember)]
#[serde(deny_unknown_fields)]
struct Member {
    user_id: String,
    role: String,
}

/// Those given are the members from now on; with none, the project is everybody's again.
#[utoipa::path(
    put,
    path = "/api/projects/{id}/members",
    tag = "Access",
    operation_id = "set_members",
    request_body = Members,
    responses((status = 200, description = "Those there are now.", body = Page<MemberShape>))
)]
async fn set_members(
    State(host): State,
    Segment(id): Segment,
    Body(body): Body<Members>,
) -> Answer<Json<Value>> {
    let project = find::project(&host, &id).await?.id;
    let mut wanted = HashMap::new();
    for (index, member) in body.members.iter().enumerate() {
        let given = role(&format!("/members/{index}/role"), &member.role)?;
        if given == Role::Admin {
            let detail = "a member is `viewer` or `operator`; admins see every project";
            return Err(Problem::field(&format!("/members/{index}/role"), detail));
        }
        wanted.insert(user_id(&member.user_id)?, given);
    }
    find::blocking(&host, move |host| {
        Ok(host.access.set_members(project, wanted)?)
    })
    .await?;
    members(State(host), Segment(id)).await
}

#[utoipa::path(
    delete,
    path = "/api/projects/{id}/members",
    tag = "Access",
    operation_id = "clear_members",
    responses((status = 204, description = "Done."))
)]
async fn clear_members(State(host): State, Segment(id): Segment) -> Answer<StatusCode> {
    let project = find::project(&host, &id).await?.id;
    find::blocking(&host, move |host| {
        Ok(host.access.set_members(project, HashMap::new())?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
