//! An inbound webhook: proved, matched, and made a run.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use baton_core::definition::Webhook;
use baton_core::definition::template::Names;
use baton_core::ids::RunId;
use baton_core::run::big::hash;
use baton_store::Project;
use serde_json::Value;

use super::start::{Occasion, start};
use crate::host::definitions::Found;
use crate::host::{Host, now};
use crate::server::error::{Answer, Problem};
use crate::webhooks::signature::Key;

/// Carries out a delivery; `None`: the trigger's `if` is false for it.
pub async fn take(
    host: &Arc<Host>,
    project: &Project,
    found: Found,
    headers: &HeaderMap,
    body: &[u8],
) -> Answer<Option<RunId>> {
    let trigger = found.definition.as_ref();
    let Some(trigger) = trigger.and_then(|d| d.triggers.webhook.clone()) else {
        let detail = format!("`{}` has no `triggers.webhook`", found.key);
        return Err(Problem::not_found(detail));
    };
    let name = &trigger.secret_env;
    let secret = host.secrets.value(project.id, name);
    let secret = secret.or_else(|| std::env::var(name).ok());
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else {
        let detail = format!("`{name}` is not set: `baton secret set {name}`");
        return Err(Problem::unfit("secret_missing", detail));
    };
    let proved = Key::of(&secret).prove(headers, body, now());
    let delivery =
        proved.map_err(|detail| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail))?;
    let event: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request("bad_json", error.to_string()))?;
    let Some(args) = args(&trigger, &event)? else {
        return Ok(None);
    };
    // Without an id of its own a delivery is what it says.
    let delivery = delivery.unwrap_or_else(|| hash(&String::from_utf8_lossy(body)));
    let occasion = Occasion {
        id: format!("hook/{}/{delivery}", found.id),
        name: format!("{}, webhook", found.key),
    };
    start(host, project, found, args, &occasion).await.map(Some)
}

/// What the run is started with; `None`: not for this event.
fn args(trigger: &Webhook, event: &Value) -> Answer<Option<Value>> {
    let names = Names::default().with_json("event", event);
    if let Some(condition) = &trigger.condition {
        let fits = condition.is_true(&names);
        if !fits.map_err(|error| Problem::unfit("bad_event", format!("`if`: {error}")))? {
            return Ok(None);
        }
    }
    let mut args = serde_json::Map::new();
    for (name, template) in &trigger.args {
        let value = template.render(&names);
        let value = value
            .map_err(|error| Problem::unfit("bad_event", format!("`args.{name}`: {error}")))?;
        args.insert(name.clone(), value);
    }
    Ok(Some(Value::Object(args)))
}
