//! Schemathesis (from PyPI, installed by `.ci/deps` below `target/`) asks whatever the document
//! allows, and much that it does not.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::server_support::World;

/// The version that `.ci/deps` installs.
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

/// Its program, which `.ci/deps` installs; `None` where it is not.
fn schemathesis() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let home = target.join(format!("tools/schemathesis-{VERSION}"));
    Some(home.join("bin/schemathesis")).filter(|program| program.exists())
}

#[test]
fn nothing_a_client_can_send_breaks_the_server_or_its_description() {
    let Some(program) = schemathesis() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "`make deps` installs schemathesis {VERSION}"
        );
        eprintln!("SKIPPED: schemathesis {VERSION} is not installed (`make deps`)");
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
        expected-statuses = [\"2xx\", 401, 403, 404, 409, 422, 429]\n";
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
        // With more, Python 3.11's parser fails now and then.
        "--workers",
        "1",
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
