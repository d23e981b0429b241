//! How a conversation ends, and what the agent leaves behind.

use std::fs;

use baton_runner::{End, Notice, Outcome, StopGrace};

use crate::host::{ECHO, Host, is_line, raw, reader, stopped, with_session};
use crate::support::{Lab, lives, record, until};

#[test]
fn an_order_waits_until_it_is_noted() {
    let lab = Lab::new();
    let agent = format!("trap '' INT TERM; echo ready; {ECHO}");
    let spec = with_session(&lab, lab.shell(&agent));
    fs::create_dir_all(lab.path("session")).unwrap();
    std::os::unix::fs::symlink("/dev/full", lab.path("session/said.jsonl")).unwrap();
    let host = Host::of(lab.launch(&spec));
    until("ready", || raw(&lab) == "ready\n");
    host.say("1", "end\n");
    host.shepherd.note("2", None).unwrap();
    host.shepherd.stop();
    let told = record(host.waiting.join().unwrap());
    assert_eq!(raw(&lab), "ready\n");
    assert_eq!(told.end, stopped("stop"));
    let error = told.disk_error.unwrap();
    assert!(error.starts_with("said: No space left"), "{error}");
    let mut notices = host.notices.try_iter();
    assert!(!notices.any(|notice| matches!(notice, Notice::Said { .. })));
}

#[test]
fn an_interrupt_reaches_the_main_process_only() {
    let lab = Lab::new();
    let child = r#"trap "echo child >> interrupted" INT; echo ready; while [ ! -e go ]; do sleep 0.01; done"#;
    let agent = format!("trap 'echo main >> interrupted' INT; sh -c '{child}'; echo over");
    let spec = with_session(&lab, lab.shell(&agent));
    let host = Host::of(lab.launch(&spec));
    let mut conversation = reader(&spec);
    host.read_until(&mut conversation, "ready", |entry| is_line(entry, "ready"));
    host.shepherd.interrupt().unwrap();
    host.shepherd.note("interrupted", None).unwrap();
    host.await_said("interrupted");
    fs::write(lab.path("go"), "").unwrap();
    assert_eq!(record(host.end()).end, End::Exited { code: 0 });
    assert_eq!(lab.read("interrupted"), "main\n");
}

/// What agents leave behind: a tool's shell in a session of its own, one that is nobody's child
/// any more, and a program that was started again by its launcher, in its group. None clears its
/// environment; all write their ids to `pids`, and the tools note an interrupt in `interrupted`.
const TOOLS: &str = r#"
tool='trap "echo tool >> interrupted" INT; trap "" TERM HUP; echo $$ >> pids; while :; do sleep 0.1; done'
setsid sh -c "$tool" &
(setsid sh -c "(setsid sh -c '$tool' &) ; exit" &)
while [ "$(wc -l < pids)" -lt 2 ]; do sleep 0.01; done
"#;

#[test]
fn an_agent_is_interrupted_alone_and_its_tools_are_gone_with_it() {
    let lab = Lab::new();
    fs::write(lab.path("pids"), "").unwrap();
    // The launcher cares for no signal; what it has started again does.
    let agent = format!(
        r#"{TOOLS}
        trap : INT TERM
        sh -c 'trap "echo bye; exit 0" INT; echo $$ >> pids; echo ready; while :; do sleep 0.01; done'
        exit 0"#
    );
    let mut spec = with_session(&lab, lab.shell(&agent));
    // Nobody waits for this long: with the agent gone its tools are ended.
    spec.stop_grace_ms = StopGrace {
        int_to_term: 600_000,
        term_to_kill: 100,
    };
    let host = Host::of(lab.launch(&spec));
    let pids = lab.await_pids("pids", 3);
    let mut conversation = reader(&spec);
    host.read_until(&mut conversation, "ready", |entry| is_line(entry, "ready"));
    assert!(pids.iter().all(|pid| lives(*pid)));
    host.shepherd.stop();
    assert_eq!(record(host.end()).end, stopped("stop"));
    assert_eq!(raw(&lab), "ready\nbye\n");
    assert_eq!(pids.iter().filter(|pid| lives(**pid)).count(), 0);
    assert!(
        !lab.path("interrupted").exists(),
        "the tools were interrupted"
    );
}

#[test]
fn an_agent_that_cares_for_no_signal_is_gone_with_its_tools() {
    let lab = Lab::new();
    fs::write(lab.path("pids"), "").unwrap();
    let agent = format!(
        r#"{TOOLS}
        trap '' INT TERM
        sh -c 'echo $$ >> pids; while :; do sleep 0.1; done'"#
    );
    let spec = with_session(&lab, lab.shell(&agent));
    let host = Host::of(lab.launch(&spec));
    let pids = lab.await_pids("pids", 3);
    host.shepherd.stop();
    assert_eq!(record(host.end()).end, stopped("stop"));
    assert_eq!(pids.iter().filter(|pid| lives(**pid)).count(), 0);
}

#[test]
fn the_tools_of_an_agent_are_gone_after_its_shepherd_was_killed() {
    let lab = Lab::new();
    fs::write(lab.path("pids"), "").unwrap();
    let spec = with_session(&lab, lab.shell(&format!("{TOOLS} echo ready; {ECHO}")));
    let (shepherd, waiting) = crate::support::pid_of(lab.launch(&spec));
    let pids = lab.await_pids("pids", 2);
    crate::support::kill(shepherd);
    let still_running = Vec::new();
    assert_eq!(waiting.join().unwrap(), Outcome::Lost { still_running });
    assert_eq!(pids.iter().filter(|pid| lives(**pid)).count(), 0);
}

#[test]
fn a_session_whose_host_never_returns_ends_after_the_grace() {
    let lab = Lab::new();
    let mut spec = with_session(&lab, lab.shell(&format!("echo $$ >> pids; {ECHO}")));
    spec.orphan_grace_ms = 200;
    drop(lab.launch(&spec));
    let pids = lab.await_pids("pids", 1);
    let dir = lab.dir(&spec);
    let read = || baton_runner::ExitRecord::read(&dir).unwrap();
    until("the record", || read().is_some());
    assert_eq!(read().unwrap().end, stopped("orphaned"));
    assert!(!lives(pids[0]));
}
