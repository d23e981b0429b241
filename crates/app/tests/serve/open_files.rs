//! How many files a server and its steps may have open.

use serde_json::json;

use crate::server_support::World;

const LIMIT: &str = "
name: Limit
steps:
  - {id: a, type: script, command: 'ulimit -Sn'}
";

/// The soft and the hard limit of a process.
fn limits(pid: &str) -> (String, String) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let mut words = line.unwrap().split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

#[test]
fn a_server_may_open_all_that_the_machine_allows_and_its_steps_what_it_was_given() {
    let mut world = World::idle(&[("limit", LIMIT)]);
    let (net, _) = world.serve(&[]);
    let net = net.bearer(&world.token());
    world.register(&net);
    let (soft, hard) = limits(&world.host_pid().to_string());
    assert_eq!(soft, hard);
    let run = world.run("limit", &json!({}));
    let run = world.run_until(&run, "completed");
    let printed = run["steps"][0]["result"]
        .as_str()
        .unwrap()
        .trim()
        .to_owned();
    assert_eq!(printed, limits("self").0);
}
