//! Long logs.

use std::io::Read;
use std::process::{Child, Stdio};

use crate::server_support::World;

const ONE: &str = "name: One\nsteps:\n  - {id: s, type: script, command: 'echo hello'}\n";

/// The most memory that a process has had, in KiB; 0 when it has gone.
pub fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

fn reading(world: &World) -> Child {
    world
        .baton(&["logs", "1", "s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn log(world: &World) -> std::path::PathBuf {
    let runs = world.runs();
    let folder = world.directory().join(".agent/workflows/executions");
    folder
        .join(runs[0]["id"].as_str().unwrap())
        .join("logs/s/output.log")
}

/// The file is sparse: nothing but its reading takes time.
#[test]
#[ignore = "1 GB through a socket and a pipe"]
fn a_gigabyte_of_log_streams_in_constant_memory() {
    const LENGTH: u64 = 1 << 30;
    let world = World::new(&[("one", ONE)]);
    world.say(&["run", "one"]).is(0, &["completed"]);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(log(&world))
        .unwrap();
    file.set_len(LENGTH).unwrap();
    let mut client = reading(&world);
    let mut out = client.stdout.take().unwrap();
    let (mut total, mut most) = (0_u64, 0);
    let mut piece = vec![0; 1 << 20];
    loop {
        let count = out.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        total += count as u64;
        most = most.max(peak(client.id()));
    }
    assert!(client.wait().unwrap().success());
    assert_eq!(total, LENGTH);
    assert!(most < 100 * 1024, "the client had {most} KiB");
    let host = peak(world.host_pid());
    assert!(host < 100 * 1024, "the host had {host} KiB");
}

#[test]
fn a_reader_that_goes_is_no_error_and_a_full_disk_is() {
    let world = World::new(&[("one", ONE)]);
    world.say(&["run", "one"]).is(0, &["completed"]);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(log(&world))
        .unwrap();
    file.set_len(1 << 24).unwrap();
    let mut client = reading(&world);
    drop(client.stdout.take());
    assert_eq!(client.wait().unwrap().code(), Some(0));
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut client = world.baton(&["logs", "1", "s"]);
    let said = client.stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(said.status.code(), Some(70), "{said:?}");
}
