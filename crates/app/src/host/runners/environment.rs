//! The environment of a step's process (definitions.md, "Secrets").

use std::collections::BTreeMap;

use baton_core::definition::template::EnvPart;
use baton_core::run::work::ScriptWork;
use baton_engine::ports::Launch;

use crate::host::environments::Environment;
use crate::host::secrets::Secrets;

/// Keys of agents' vendors: only that vendor's agent gets them.
const VENDOR_KEYS: [&str; 12] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_API_KEY",
    "CODEX_API_KEY",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GENAI_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
];

/// The environment of a script: its run's, less Baton's own variables and the vendors' keys, with
/// the step's own on top.
///
/// # Errors
/// A sentence that names the secret that is missing.
pub fn of_child(
    environment: Environment,
    secrets: &Secrets,
    launch: &Launch,
    work: &ScriptWork,
) -> Result<BTreeMap<String, String>, String> {
    let mut env = inherited(environment);
    env.insert("BATON_RUN_ID".into(), launch.run.to_string());
    env.insert("BATON_STEP".into(), launch.key.clone());
    for (name, parts) in &work.env {
        let mut value = String::new();
        for part in parts {
            match part {
                EnvPart::Text(text) => value.push_str(text),
                EnvPart::Secret(secret) => {
                    let found = secrets.value(launch.project.id, secret).ok_or_else(|| {
                        format!("the secret `{secret}` is not set: baton secret set {secret}")
                    })?;
                    value.push_str(&found);
                }
            }
        }
        env.insert(name.clone(), value);
    }
    Ok(env)
}

fn inherited(mut environment: Environment) -> Environment {
    environment.retain(|name, _| {
        let baton = name.starts_with("BATON_");
        let impossible = name.is_empty() || name.contains(['=', '\0']);
        !baton && !impossible && !VENDOR_KEYS.contains(&name.as_str())
    });
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_gets_neither_batons_variables_nor_vendors_keys() {
        let names = [
            "PATH",
            "BATON_DATA_DIR",
            "BATON_ATTEMPT",
            "OPENAI_API_KEY",
            "",
        ];
        let all = names.iter().map(|name| ((*name).to_owned(), String::new()));
        let left: Vec<String> = inherited(all.collect()).into_keys().collect();
        assert_eq!(left, ["PATH"]);
    }
}
