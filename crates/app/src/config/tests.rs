//! Precedence, defaults and refusals.

use super::*;

struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new(user: &str, project: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("user.toml"), user).unwrap();
        std::fs::write(dir.path().join("project.toml"), project).unwrap();
        Self { dir }
    }

    fn load(&self, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let user = self.dir.path().join("user.toml");
        let project = self.dir.path().join("project.toml");
        load_from(Some(&user), Some(&project), &|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }
}

#[test]
fn the_default_file_says_the_defaults() {
    let mut config = Config {
        agents: BTreeMap::new(),
        agent_silence: Duration::from_secs(1800),
        agent_retrying: Duration::from_secs(300),
        orphan_grace: Duration::ZERO,
        stop_grace: Duration::ZERO,
        idle_exit: Duration::ZERO,
        database: None,
        pause_timeout: Duration::ZERO,
        pause_on_timeout: OnTimeout::Cancel,
        log_max_bytes: 0,
        env_allow: vec!["x".into()],
        live_patience: Duration::ZERO,
        artifacts_max_bytes: 0,
        webhooks_allow_private: true,
        secrets: BTreeMap::new(),
    };
    config
        .apply(Authored::parse("default.toml", DEFAULT).unwrap())
        .unwrap();
    assert_eq!(config, Config::default());
}

/// The example of an agent in the default file.
fn example() -> String {
    let from = DEFAULT.find("# [agents.reviewer]").unwrap();
    let lines = DEFAULT[from..]
        .lines()
        .take_while(|line| line.starts_with("# "));
    lines.map(|line| format!("{}\n", &line[2..])).collect()
}

#[test]
fn an_agent_is_named_by_the_user_or_the_project_whose_word_is_the_last() {
    let project = "[agents]\nsilence = \"1m\"\n[agents.mine]\nkind = \"acp\"\ncommand = \"my 'own agent'\"\nargs = [\"--acp\"]\n";
    let files = Files::new(&example(), project);
    let config = files.load(&[]).unwrap();
    let reviewer = &config.agents["reviewer"];
    assert_eq!(
        (reviewer.kind, reviewer.model.as_deref()),
        (Kind::Claude, Some("opus"))
    );
    let words = ["/opt/claude/bin/claude", "--add-dir", "/srv/shared"];
    assert_eq!(reviewer.words().unwrap(), words);
    assert_eq!(
        config.agents["mine"].words().unwrap(),
        ["my", "own agent", "--acp"]
    );
    assert_eq!(config.agent_silence, Duration::from_secs(60));
    let project = "[agents.reviewer]\nkind = \"codex\"\n";
    let config = Files::new(&example(), project).load(&[]).unwrap();
    assert_eq!(config.agents["reviewer"].words().unwrap(), ["codex"]);
}

#[test]
fn an_agent_that_cannot_be_is_refused_with_what_would_be_right() {
    for (text, said) in [
        ("[agents]\nsilense = \"1m\"", "did you mean `silence`?"),
        ("[agents.a]\nkind = \"clawd\"", "`claude`"),
        ("[agents.a]\nkind = \"acp\"", "name its program"),
        (
            "[agents.a]\nkind = \"acp\"\ncommand = \"x 'y\"",
            "not closed",
        ),
        ("[agents.a]\nkind = \"codex\"\nmodle = \"x\"", "modle"),
        ("[agents.codex]\nkind = \"codex\"", "built in"),
        ("[agents.'a b']\nkind = \"codex\"", "a letter first"),
        (
            "[agents.a]\nkind = \"codex\"\nenv = {\"A=B\" = \"x\"}",
            "names no variable",
        ),
    ] {
        let error = Files::new(text, "").load(&[]).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn the_commented_keys_of_the_default_file_are_keys() {
    let is_key = |line: &&str| line.starts_with("# ") && line.contains(" = ");
    let of_agent = example();
    let keys = DEFAULT.lines().filter(is_key);
    let keys: Vec<&str> = keys.filter(|line| !of_agent.contains(&line[2..])).collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    for key in keys {
        let text = key.trim_start_matches("# ");
        let text = if text.contains('{') {
            format!("[secrets]\n{text}")
        } else {
            text.into()
        };
        Authored::parse("default.toml", &text).unwrap();
    }
}

#[test]
fn the_environment_goes_over_the_project_and_that_over_the_user() {
    let files = Files::new(
        "stop_grace = \"1s\"\norphan_grace = \"1m\"\n[log]\nmax_bytes = 5\n[pause]\ntimeout = \"1h\"\n[secrets]\nA = {env = \"USER_A\"}",
        "stop_grace = \"2s\"\n[log]\nmax_bytes = \"2MiB\"\n[secrets]\nB = {env = \"B\"}",
    );
    let config = files
        .load(&[("BATON_STOP_GRACE", "3s"), ("BATON_ENV_ALLOW", "A, B")])
        .unwrap();
    assert_eq!(config.stop_grace, Duration::from_secs(3));
    assert_eq!(config.log_max_bytes, 2 << 20);
    assert_eq!(config.orphan_grace, Duration::from_secs(60));
    assert_eq!(config.pause_timeout, Duration::from_secs(3600));
    assert_eq!(config.env_allow, ["A", "B"]);
    assert_eq!(config.secrets.len(), 2);
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest() {
    let error = Files::new("[pause]\ntimout = \"1m\"", "")
        .load(&[])
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("did you mean `timeout`?"), "{text}");
    assert!(text.contains("line 2"), "{text}");
    assert!(Files::new("[log]\nmax_byte = 1", "").load(&[]).is_err());
}

#[test]
fn a_project_does_not_speak_for_the_host() {
    let error = Files::new("", "idle_exit = \"1s\"").load(&[]).unwrap_err();
    assert!(
        error.to_string().contains("the user's baton.toml"),
        "{error}"
    );
}

#[test]
fn a_database_url_names_a_file() {
    let files = Files::new("", "");
    let database = |url| {
        files
            .load(&[("DATABASE_URL", url)])
            .map(|config| config.database)
    };
    assert_eq!(database("file:./dev.db").unwrap(), Some("./dev.db".into()));
    assert_eq!(
        database("sqlite:///var/x.db").unwrap(),
        Some("/var/x.db".into())
    );
    let error = database("postgresql://u:secret@h/db")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("PostgreSQL") && !error.contains("secret"),
        "{error}"
    );
    assert!(database("mysql://x").is_err());
}

#[test]
fn bad_values_name_their_variable() {
    let files = Files::new("", "");
    for (name, value) in [
        ("BATON_ORPHAN_GRACE", "10"),
        ("BATON_LOG_MAX_BYTES", "lots"),
        ("BATON_PAUSE_ON_TIMEOUT", "explode"),
    ] {
        let error = files.load(&[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}
