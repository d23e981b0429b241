//! Schemathesis (from PyPI, in a virtual environment below `target/`) asks whatever the document
//! allows, and much that it does not.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::server_support::World;

/// Pinned, so that a new release of it cannot turn a green tree red.
const VERSION: &str = "4.32.5";

const ONE: &str = "
name: One
steps:
  - {id: a, type: script, command: 'true'}
";

/// These end the server or its session, follow it without an end, or send to other hosts.
const LEFT_OUT: [&str; 6] = [
    "hand_over",
    "sign_out",
    "follow_events",
    "open_socket",
    "create_webhook",
    "change_webhook",
];

/// Its program; `None` where it cannot be installed.
fn schemathesis() -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()?
        .join("tools");
    let home = home.join(format!("schemathesis-{VERSION}"));
    let program = home.join("bin/schemathesis");
    if program.exists() {
        return Some(program);
    }
    let run = |command: &mut Command| {
        let done = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    };
    let is_made = run(Command::new("python3").args(["-m", "venv"]).arg(&home))
        && run(Command::new(home.join("bin/pip"))
            .args(["install", "--quiet"])
            .arg(format!("schemathesis=={VERSION}")));
    is_made.then_some(program)
}

#[test]
fn nothing_a_client_can_send_breaks_the_server_or_its_description() {
    let Some(program) = schemathesis() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI needs schemathesis {VERSION} from PyPI"
        );
        eprintln!(
            "SKIPPED: schemathesis {VERSION} can not be installed here: the API is not fuzzed"
        );
        return;
    };
    let mut world = World::idle(&[("one", ONE)]);
    let (net, _) = world.serve(&[]);
    let net = net.bearer(&world.token());
    world.register(&net);
    let body = json!({"project_id": world.project, "definition": "one"});
    assert_eq!(net.post("/api/workflow-executions", &body).status, 201);
    let config = world.data_dir().join("schemathesis.toml");
    // What fits the schema can still name nothing, or not fit the state.
    let text = "[checks.positive_data_acceptance]\n\
        expected-statuses = [\"2xx\", 401, 403, 404, 409, 422]\n";
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(program);
    command.arg("--config-file").arg(&config).arg("run");
    command.arg(format!("http://{}/api/openapi.json", net.address));
    command.args([
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "5",
    ]);
    command.args([
        "--checks",
        "all",
        "--seed",
        "1",
        "--workers",
        "2",
        "--no-color",
    ]);
    command.args(["--request-timeout", "20", "--generation-database", "none"]);
    let token = world.token();
    command.args(["--header", &format!("Authorization: Bearer {token}")]);
    for operation in LEFT_OUT {
        command.args(["--exclude-operation-id", operation]);
    }
    let done = command.current_dir(world.data_dir()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let wrong = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}\n{wrong}");
}
