//! What an agent says of itself: what it can do, and the modes and models of a session.

use serde_json::Value;

use crate::setup::Permission;

/// From the answer to `initialize`.
#[derive(Debug, Clone, Default)]
pub(super) struct Profile {
    /// `gemini-cli`, `@agentclientprotocol/claude-agent-acp` …
    pub(super) name: String,
    pub(super) version: Option<String>,
    /// `session/load`: takes a session back and says its history again.
    pub(super) loads: bool,
    /// `session/resume`: takes a session back silently.
    pub(super) resumes: bool,
    /// `session/fork` (claude-agent-acp 0.49.0; not of the stable protocol).
    pub(super) forks: bool,
    /// Takes MCP servers over HTTP.
    pub(super) http: bool,
    /// Takes MCP servers over SSE.
    pub(super) sse: bool,
    /// Ways to log in, for people.
    pub(super) logins: Vec<String>,
}

impl Profile {
    pub(super) fn read(result: &Value) -> Self {
        let can = &result["agentCapabilities"];
        let session = &can["sessionCapabilities"];
        let mcp = &can["mcpCapabilities"];
        let yes = |value: &Value| value.as_bool().unwrap_or(false);
        let logins = list(&result["authMethods"]).map(|method| {
            let (id, name) = (text(&method["id"]), text(&method["name"]));
            format!("{name} ({id})")
        });
        Self {
            name: text(&result["agentInfo"]["name"]),
            version: result["agentInfo"]["version"].as_str().map(Into::into),
            loads: yes(&can["loadSession"]),
            resumes: session["resume"].is_object(),
            forks: session["fork"].is_object(),
            http: yes(&mcp["http"]),
            sse: yes(&mcp["sse"]),
            logins: logins.take(20).collect(),
        }
    }
}

/// The modes and models of a session, from the answer that opened it.
#[derive(Debug, Clone, Default)]
pub(super) struct Offers {
    pub(super) modes: Vec<String>,
    pub(super) mode: Option<String>,
    models: Vec<String>,
    pub(super) model: Option<String>,
    /// The config option that chooses the model, where there is one (claude-agent-acp, codex-acp);
    /// `session/set_model` elsewhere (Gemini CLI 0.61.0).
    model_option: Option<String>,
}

impl Offers {
    pub(super) fn read(result: &Value) -> Self {
        let names = |values: &Value, name: &str| {
            list(values)
                .filter_map(|value| value[name].as_str().map(Into::into))
                .collect()
        };
        let modes = &result["modes"];
        let models = &result["models"];
        let mut offers = Self {
            modes: names(&modes["availableModes"], "id"),
            mode: modes["currentModeId"].as_str().map(Into::into),
            models: names(&models["availableModels"], "modelId"),
            model: models["currentModelId"].as_str().map(Into::into),
            model_option: None,
        };
        let is_model = |option: &&Value| option["category"] == "model" || option["id"] == "model";
        if let Some(option) = list(&result["configOptions"]).find(is_model) {
            offers.model_option = option["id"].as_str().map(Into::into);
            offers.models = names(&option["options"], "value");
            offers.model = option["currentValue"].as_str().map(Into::into);
        }
        offers
    }

    /// The mode for a permission: one of the agent's ids as measured, `None` where it has none for it.
    ///
    /// Gemini CLI 0.61.0: default, autoEdit, yolo, plan. claude-agent-acp 0.49.0 and 0.100.0:
    /// default, acceptEdits, bypassPermissions, plan (and auto: a model decides). codex-acp 0.16.0:
    /// read-only (asks before it edits), auto (edits), full-access; 2.6.0: read-only,
    /// workspace-write, agent, agent-full-access.
    pub(super) fn mode_for(&self, permission: Permission) -> Option<&str> {
        let codex = self.modes.iter().any(|mode| mode == "read-only");
        let ids: &[&str] = match permission {
            Permission::Default => &["default", "ask", "read-only"],
            Permission::Plan => &["plan", "read-only"],
            Permission::AcceptEdits if codex => &["workspace-write", "auto"],
            Permission::AcceptEdits => &["acceptEdits", "autoEdit", "auto_edit", "accept-edits"],
            Permission::BypassPermissions => &[
                "bypassPermissions",
                "yolo",
                "full-access",
                "agent-full-access",
            ],
        };
        let offered = |id: &&&str| self.modes.iter().any(|mode| mode == **id);
        ids.iter().find(offered).copied()
    }

    /// The method and parameters (but for the session) that set a model; `None` where the agent
    /// offers no choice. A name in other letters of the case is taken for the offered one; what is
    /// not offered is sent as it is, and the agent may refuse it.
    pub(super) fn set_model(&self, model: &str) -> Option<(&'static str, Value)> {
        let offered = self
            .models
            .iter()
            .find(|offer| offer.eq_ignore_ascii_case(model));
        let model = offered.map_or(model, String::as_str);
        if let Some(option) = &self.model_option {
            let params = serde_json::json!({"configId": option, "value": model});
            return Some(("session/set_config_option", params));
        }
        if self.models.is_empty() {
            return None;
        }
        Some(("session/set_model", serde_json::json!({"modelId": model})))
    }

    /// The models, for people.
    pub(super) fn models(&self) -> String {
        crate::bounded::head(&self.models.join(", "), crate::bounded::LINE)
    }
}

/// The items of a list; none where there is no list.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    crate::bounded::head(value.as_str().unwrap_or_default(), 200)
}
