//! A newer host takes over under what runs: nothing is lost, nothing runs twice.

use std::io::Write as _;
use std::net::TcpStream;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::server_support::World;
use crate::server_support::net::read;

/// Counts how often it begins, and runs until a file appears.
const GATE: &str = "
name: Gate
steps:
  - {id: wait, type: script, command: 'echo begun >> begun; while [ ! -e go ]; do sleep 0.02; done; echo went >> went'}
  - {id: after, type: script, command: 'cat begun went | wc -l'}
";

fn begin(world: &World) -> String {
    let run = world.run("gate", &json!({}));
    world.run_when(&run, "begun", |_| world.directory().join("begun").exists());
    run
}

fn end(world: &World, run: &str) {
    std::fs::write(world.directory().join("go"), "").unwrap();
    let done = world.run_until(run, "completed");
    for step in done["steps"].as_array().unwrap() {
        assert_eq!(step["attempts"].as_array().map_or(1, Vec::len), 1, "{step}");
    }
    for name in ["begun", "went"] {
        let text = std::fs::read_to_string(world.directory().join(name)).unwrap();
        assert_eq!(text.lines().count(), 1, "{name}: it ran once");
    }
}

#[test]
fn a_step_goes_on_when_serve_takes_over_from_the_background_host() {
    let mut world = World::new(&[("gate", GATE)]);
    let run = begin(&world);
    let mut old = world.lend_host();
    world.serve(&[]);
    assert!(old.wait().unwrap().success());
    end(&world, &run);
}

#[test]
fn a_step_goes_on_when_serve_is_told_to_end_and_is_started_again() {
    let mut world = World::idle(&[("gate", GATE)]);
    let (net, _) = world.serve(&[]);
    world.register(&net.bearer(&world.token()));
    let run = begin(&world);
    for signal in [Signal::TERM, Signal::INT] {
        tell(&world, signal);
        assert!(world.wait_host().success(), "it ends in good order");
        world.serve(&[]);
    }
    end(&world, &run);
}

fn tell(world: &World, signal: Signal) {
    let pid = i32::try_from(world.host_pid()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
fn a_host_that_leaves_is_not_ready_and_answers_what_was_begun() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let mut stream = net.connect();
    let head = format!("GET /readyz HTTP/1.1\r\nhost: {}\r\n", net.address);
    stream.write_all(head.as_bytes()).unwrap();
    // They are taken in their order.
    assert_eq!(net.get("/readyz").status, 200);
    tell(&world, Signal::TERM);
    world.until("nobody is let in", || {
        TcpStream::connect(net.address).is_err()
    });
    stream.write_all(b"\r\n").unwrap();
    let answer = read(&mut stream).expect("what was begun is answered");
    assert_eq!((answer.status, answer.code().as_str()), (503, "stopping"));
    assert!(world.wait_host().success());
}

#[test]
fn a_browser_stays_signed_in_when_the_host_is_another() {
    let mut world = World::idle(&[]);
    let (net, link) = world.serve(&[]);
    let cookie = net.post("/api/auth/link", &json!({"token": link})).cookie();
    world.kill_host();
    let (net, _) = world.serve(&[]);
    assert_eq!(net.with("cookie", &cookie).get("/api/auth/me").status, 200);
}
