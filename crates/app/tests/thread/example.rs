//! `examples/steer.py`: a client of a few lines, as people write them.

use std::process::{Command, Stdio};

use crate::office::{agents, beside, in_order, thread_with};
use crate::server_support::World;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/steer.py");

#[test]
fn the_example_starts_watches_and_steers_a_run() {
    let mut world = World::idle(&[]);
    let go = beside(&world, "go");
    let prompt = format!("@say I begin\n@wait {}\n@answer All done.", go.display());
    let text = agents(&[("work", "claude", &prompt)]);
    let text = format!("{text}  - {{id: ok, type: approval, message: 'Good?'}}\n");
    std::fs::write(world.definition("work"), text).unwrap();
    let (bin, memory) = (
        world.data_dir().with_file_name("bin"),
        world.data_dir().with_file_name("memory"),
    );
    crate::fakes::install(&bin);
    let path = std::env::var("PATH").unwrap();
    let (net, _) = world.serve_with(&[], |host| {
        host.env("FAKE_AGENT_HOME", memory);
        host.env("PATH", format!("{}:{path}", bin.display()));
        host.env("IS_SANDBOX", "1");
    });
    world.register(&net.bearer(&world.token()));
    let script = Command::new("python3")
        .args([
            SCRIPT,
            &world.project,
            "work",
            "Also:\n@write told.txt",
            "so it was",
        ])
        .env("BATON_URL", format!("http://{}", net.address))
        .env("BATON_TOKEN", world.token())
        .env("PYTHONUNBUFFERED", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let run = "/api/workflow-executions/1";
    world.until("the run is there", || world.get(run).status == 200);
    thread_with(&world, run, "agent: Acknowledged");
    std::fs::write(&go, "").unwrap();
    let script = script.wait_with_output().unwrap();
    assert!(script.status.success(), "{script:?}");
    let said = String::from_utf8(script.stdout).unwrap();
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    in_order(
        &lines,
        &[
            "run #1 Work",
            "  user: Also:",
            "  agent: Acknowledged",
            "completed",
        ],
    );
    let told = std::fs::read_to_string(world.directory().join("told.txt")).unwrap();
    assert_eq!(told.trim(), "so it was");
    let done = world.get(run).json();
    assert_eq!(done["data"]["steps"][1]["result"], "by script");
}
