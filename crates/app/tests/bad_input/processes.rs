//! Steps whose processes go wrong.

use serde_json::Value;

use crate::server_support::{World, step};

fn one(step: &str) -> World {
    World::new(&[("one", &format!("name: One\nsteps:\n  - {step}\n"))])
}

/// Processes that carry the mark of any attempt of this run.
pub fn left(run: &Value) -> Vec<i32> {
    let steps = run["steps"].as_array().unwrap().iter();
    let attempts = steps.flat_map(|step| step["attempts"].as_array().unwrap());
    let ids = attempts.map(|attempt| attempt["id"].as_str().unwrap().to_owned());
    ids.flat_map(|id| baton_runner::sweep::find(&id).unwrap())
        .collect()
}

pub fn only_run(world: &World) -> Value {
    let runs = world.runs();
    assert_eq!(runs.len(), 1, "{runs:?}");
    let id = runs[0]["id"].as_str().unwrap();
    world.get(&format!("/api/workflow-executions/{id}")).json()["data"].take()
}

#[test]
fn a_command_that_is_not_found() {
    let world = one("{id: s, type: script, command: no-such-command-anywhere}");
    world.say(&["run", "one"]).is(
        1,
        &["exit code 127", "no-such-command-anywhere", "not found"],
    );
    let world = one("{id: s, type: script, command: [no-such-command-anywhere, x]}");
    world
        .say(&["run", "one"])
        .is(1, &["no-such-command-anywhere", "failed"]);
    assert_eq!(
        step(&only_run(&world), "s")["error"]["code"],
        "spawn_failed"
    );
}

#[test]
fn a_process_that_is_killed() {
    let world = one("{id: s, type: script, command: 'echo before; kill -9 $$'}");
    world
        .say(&["run", "one"])
        .is(1, &["s | before", "ended by signal 9 (KILL)"]);
}

#[test]
fn a_process_that_hangs() {
    let world = one("{id: s, type: script, command: 'while :; do sleep 1; done', timeout: 300ms}");
    world
        .say(&["run", "one"])
        .is(1, &["ran longer than its timeout of 0.3 s"]);
    assert_eq!(left(&only_run(&world)), [0_i32; 0]);
}

#[test]
fn a_directory_that_is_not_there() {
    let world = one("{id: s, type: script, command: 'true', cwd: nowhere}");
    world.say(&["run", "one"]).is(1, &["nowhere"]);
}

#[test]
fn a_process_that_leaves_grandchildren() {
    let leaves = "setsid sleep 1001 & (setsid sh -c \"sleep 1002 & sleep 1003\" &) ; echo gone";
    let world = one(&format!("{{id: s, type: script, command: '{leaves}'}}"));
    world.say(&["run", "one"]).is(0, &["s | gone"]);
    assert_eq!(left(&only_run(&world)), [0_i32; 0]);
}

#[test]
fn a_process_that_floods() {
    let text = "name: One\nsteps:\n  - {id: s, type: script, command: \"head -c 200000000 /dev/zero | tr '\\\\0' x; echo end >&2\"}\n  - {id: t, type: script, command: 'echo after'}\n";
    let mut world = World::idle(&[("one", text)]);
    world.configure("[log]\nmax_bytes = \"1MiB\"\n");
    world.start();
    world.say(&["run", "one", "-d"]).is(0, &["run 1 started"]);
    let run = world.run_until("/api/workflow-executions/1", "completed");
    let folder = world.directory().join(".agent/workflows/executions");
    let log = folder
        .join(run["id"].as_str().unwrap())
        .join("logs/s/output.log");
    let written = std::fs::read(log).unwrap();
    assert!(
        written.len() < 1024 * 1024 + 1024,
        "{} bytes",
        written.len()
    );
    let tail = String::from_utf8_lossy(&written[written.len() - 300..]).into_owned();
    assert!(tail.contains("cut"), "the cut is marked: {tail}");
    assert!(step(&run, "s")["result"].as_str().unwrap().len() <= 64 * 1024);
    world.say(&["logs", "1", "s"]).is(0, &["cut"]);
}

#[test]
fn a_project_that_cannot_be_written() {
    let text =
        "name: One\nsteps:\n  - {id: s, type: script, command: 'echo ran >> ran; echo kept'}\n";
    let world = World::new(&[("one", text)]);
    let folder = world.directory().join(".agent/workflows/executions");
    std::fs::write(&folder, "in the way").unwrap();
    // Its logs are kept in the data directory.
    world.say(&["run", "one"]).is(0, &["s | kept", "completed"]);
    world.say(&["logs", "1"]).is(0, &["kept"]);
    let ran = std::fs::read_to_string(world.directory().join("ran")).unwrap();
    assert_eq!(ran, "ran\n");
    assert_eq!(std::fs::read_to_string(&folder).unwrap(), "in the way");
}

/// A file system that is mounted read-only, as root too may not write to it.
#[test]
fn a_project_on_a_read_only_disk() {
    let text = "name: One\nsteps:\n  - {id: s, type: script, command: 'echo kept; echo no > no'}\n";
    let world = World::new(&[("one", text)]);
    let directory = world.directory();
    let Some(_mounted) = ReadOnly::mount(&directory) else {
        // Past the test harness, which keeps what passing tests say to itself.
        let skipped = b"SKIPPED: this user may not make a read-only bind mount\n";
        std::io::Write::write_all(&mut std::io::stderr(), skipped).unwrap();
        return;
    };
    let said = world.say(&["run", "one"]);
    said.is(1, &["s | kept", "exit code", "Read-only file system"]);
    world.say(&["logs", "1"]).is(0, &["kept"]);
    assert_eq!(step(&only_run(&world), "s")["error"]["code"], "exit_code");
}

/// A directory mounted over itself, read-only, until this is dropped.
struct ReadOnly<'d>(&'d std::path::Path);

impl<'d> ReadOnly<'d> {
    fn mount(directory: &'d std::path::Path) -> Option<Self> {
        let mount = |words: &[&str]| {
            let mut command = std::process::Command::new("mount");
            let done = command
                .args(words)
                .arg(directory)
                .stderr(std::process::Stdio::null());
            done.status().is_ok_and(|status| status.success())
        };
        if !mount(&["--bind", directory.to_str()?]) {
            return None;
        }
        let mounted = Self(directory);
        mount(&["-o", "remount,bind,ro"]).then_some(mounted)
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let _gone = std::process::Command::new("umount")
            .arg("-l")
            .arg(self.0)
            .status();
    }
}
