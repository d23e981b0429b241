//! Users, tokens and members of projects.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::{delete, get, patch};
use axum::{Json, Router};
use baton_core::ids::{TokenId, UserId};
use baton_core::time::Timestamp;
use baton_store::access::{Token, User};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::Identity;
use super::super::asking::{Body, Segment};
use super::super::error::{Answer, Problem};
use super::super::wire::{maybe_time, time};
use super::super::{State, find};
use crate::host::Host;
use crate::host::access::{Change, NewToken, NewUser, Role, UserChange};

pub fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/api/users", get(users).post(add_user))
        .route("/api/users/{id}", patch(change_user).delete(remove_user))
        .route("/api/tokens", get(tokens).post(add_token))
        .route("/api/tokens/{id}", delete(remove_token))
        .route(
            "/api/projects/{id}/members",
            get(members).put(set_members).delete(clear_members),
        )
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

async fn users(State(host): State) -> Json<Value> {
    let data: Vec<Value> = host.access.users().iter().map(user).collect();
    Json(json!({"data": data, "next_cursor": null}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddUser {
    username: String,
    name: Option<String>,
    role: Option<String>,
    password: Option<String>,
}

async fn add_user(
    State(host): State,
    Body(body): Body<AddUser>,
) -> Answer<(StatusCode, Json<Value>)> {
    let new = NewUser {
        role: role("/role", body.role.as_deref().unwrap_or("viewer"))?,
        username: body.username,
        name: body.name,
        password: body.password,
    };
    let made = find::blocking(&host, move |host| Ok(host.access.add_user(new)?)).await?;
    Ok((StatusCode::CREATED, Json(json!({"data": user(&made)}))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeUser {
    name: Option<String>,
    role: Option<String>,
    password: Option<String>,
    disabled: Option<bool>,
}

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

async fn remove_user(State(host): State, Segment(id): Segment) -> Answer<StatusCode> {
    let id = user_id(&id)?;
    find::blocking(&host, move |host| Ok(host.access.remove_user(id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An admin sees and takes back everybody's tokens, others their own.
fn whose(identity: &Identity) -> Option<UserId> {
    (identity.role() != Role::Admin).then(|| identity.user())
}

async fn tokens(State(host): State, identity: Identity) -> Json<Value> {
    let tokens = host.access.tokens(whose(&identity));
    let data: Vec<Value> = tokens.iter().map(token).collect();
    Json(json!({"data": data, "next_cursor": null}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddToken {
    name: String,
    role: Option<String>,
    user_id: Option<String>,
    expires_at: Option<String>,
}

/// The value is in this answer, and nowhere afterwards.
async fn add_token(
    State(host): State,
    identity: Identity,
    Body(body): Body<AddToken>,
) -> Answer<(StatusCode, Json<Value>)> {
    let own = identity.role();
    let role = body.role.map(|word| role("/role", &word)).transpose()?;
    let role = role.unwrap_or(own);
    let user = match &body.user_id {
        Some(id) => user_id(id)?,
        None => identity.user(),
    };
    if role > own || (user != identity.user() && own != Role::Admin) {
        let detail = "a token gives at most what one may oneself, and only an admin makes others'";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
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
    };
    let made = find::blocking(&host, move |host| Ok(host.access.add_token(new)?));
    let (made, value) = made.await?;
    let mut data = token(&made);
    data["token"] = value.into();
    Ok((StatusCode::CREATED, Json(json!({"data": data}))))
}

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    members: Vec<Member>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    user_id: String,
    role: String,
}

/// Those given are the members from now on; with none, the project is everybody's again.
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

async fn clear_members(State(host): State, Segment(id): Segment) -> Answer<StatusCode> {
    let project = find::project(&host, &id).await?.id;
    find::blocking(&host, move |host| {
        Ok(host.access.set_members(project, HashMap::new())?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
