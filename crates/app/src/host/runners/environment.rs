//! The environment of a step's process (definitions.md, "Secrets").

use std::collections::BTreeMap;

use baton_core::definition::template::EnvPart;
use baton_engine::ports::Launch;

use crate::host::environments::Environment;
use crate::host::secrets::Secrets;

/// Keys of agents' vendors: only that vendor's agent gets them.
const VENDOR_KEYS: [(&str, Vendor); 12] = [
    ("ANTHROPIC_API_KEY", Vendor::Anthropic),
    ("ANTHROPIC_AUTH_TOKEN", Vendor::Anthropic),
    ("AWS_BEARER_TOKEN_BEDROCK", Vendor::Anthropic),
    ("CLAUDE_CODE_OAUTH_TOKEN", Vendor::Anthropic),
    ("CLAUDE_API_KEY", Vendor::Anthropic),
    ("CODEX_API_KEY", Vendor::OpenAi),
    ("OPENAI_API_KEY", Vendor::OpenAi),
    ("AZURE_OPENAI_API_KEY", Vendor::OpenAi),
    ("GEMINI_API_KEY", Vendor::Google),
    ("GOOGLE_API_KEY", Vendor::Google),
    ("GOOGLE_GENAI_API_KEY", Vendor::Google),
    ("OPENROUTER_API_KEY", Vendor::Nobody),
];

/// Whose agent gets a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    Anthropic,
    OpenAi,
    Google,
    /// Scripts, and agents of which the vendor is not known.
    Nobody,
}

/// The environment of a step's process: its run's, less Baton's own variables and the keys of other
/// vendors, with the step's own on top.
///
/// # Errors
/// A sentence that names the secret that is missing.
pub fn of_child(
    environment: Environment,
    secrets: &Secrets,
    launch: &Launch,
    own: &BTreeMap<String, Vec<EnvPart>>,
    vendor: Vendor,
) -> Result<BTreeMap<String, String>, String> {
    let mut env = inherited(environment, vendor);
    env.insert("BATON_RUN_ID".into(), launch.run.to_string());
    env.insert("BATON_STEP".into(), launch.key.clone());
    for (name, parts) in own {
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

fn inherited(mut environment: Environment, vendor: Vendor) -> Environment {
    environment.retain(|name, _| {
        let baton = name.starts_with("BATON_");
        let impossible = name.is_empty() || name.contains(['=', '\0']);
        let key = VENDOR_KEYS.iter().find(|(key, _)| key == name);
        let foreign = key.is_some_and(|(_, of)| vendor == Vendor::Nobody || *of != vendor);
        !baton && !impossible && !foreign
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
        let left: Vec<String> = inherited(all.clone().collect(), Vendor::Nobody)
            .into_keys()
            .collect();
        assert_eq!(left, ["PATH"]);
        let left: Vec<String> = inherited(all.collect(), Vendor::OpenAi)
            .into_keys()
            .collect();
        assert_eq!(left, ["OPENAI_API_KEY", "PATH"]);
    }

    #[test]
    fn each_vendors_keys_go_to_its_own_agent_and_to_no_other() {
        for (key, owner) in VENDOR_KEYS {
            for vendor in [
                Vendor::Anthropic,
                Vendor::OpenAi,
                Vendor::Google,
                Vendor::Nobody,
            ] {
                let all = Environment::from([(key.to_owned(), "secret".to_owned())]);
                let gets = inherited(all, vendor).contains_key(key);
                let may = owner == vendor && vendor != Vendor::Nobody;
                assert_eq!(gets, may, "{key} for {vendor:?}");
            }
        }
        let owner = |key: &str| VENDOR_KEYS.iter().find(|(known, _)| *known == key);
        assert_eq!(owner("ANTHROPIC_API_KEY").unwrap().1, Vendor::Anthropic);
        assert_eq!(owner("OPENAI_API_KEY").unwrap().1, Vendor::OpenAi);
        assert_eq!(owner("GEMINI_API_KEY").unwrap().1, Vendor::Google);
    }
}
