//! Nothing of an attempt is left when its record is there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use baton_runner::{End, Outcome, TakeBack, sweep, take_back};
use support::{Lab, kill, lives, pid_of, record, until};

/// Leaves processes in sessions of their own, double-forked, with INT and TERM ignored, and one
/// with a cleared environment. Each writes its id to `pids`.
const BROOD: &str = r#"
one='trap "" INT TERM HUP; echo $$ >> pids; while :; do sleep 100; done'
sh -c "$one" &
setsid sh -c "$one" &
(setsid sh -c "(setsid sh -c '$one' &) ; exit" &)
env -i PATH="$PATH" setsid sh -c "$one" &
while [ "$(wc -l < pids)" -lt 4 ]; do sleep 0.01; done
"#;

#[test]
fn what_a_finished_child_leaves_behind_is_gone_before_the_record() {
    let lab = Lab::new();
    std::fs::write(lab.path("pids"), "").unwrap();
    let told = lab.run(&lab.shell(&format!("{BROOD} echo done")));
    assert_eq!(
        (told.end, told.stdout_tail.as_str()),
        (End::Exited { code: 0 }, "done\n")
    );
    let pids = lab.await_pids("pids", 4);
    assert_eq!(pids.iter().filter(|pid| lives(**pid)).count(), 0);
}

#[test]
fn a_stopped_tree_is_gone_before_the_record() {
    let lab = Lab::new();
    std::fs::write(lab.path("pids"), "").unwrap();
    let spec = lab.shell(&format!("{BROOD} while :; do sleep 100; done"));
    let shepherd = lab.launch(&spec);
    let pids = lab.await_pids("pids", 4);
    assert!(pids.iter().all(|pid| lives(*pid)));
    shepherd.stop();
    let told = record(shepherd.wait());
    assert_eq!(
        told.end,
        End::Stopped {
            reason: "stop".to_owned()
        }
    );
    assert_eq!(pids.iter().filter(|pid| lives(**pid)).count(), 0);
}

#[test]
fn a_fork_storm_is_ended() {
    let lab = Lab::new();
    let spec =
        lab.shell("echo go; f() { while :; do (exec sleep 0.02) & sleep 0.001; done; }; f & f & f");
    let shepherd = lab.launch(&spec);
    lab.await_log(&spec, "go");
    shepherd.stop();
    record(shepherd.wait());
    assert_eq!(sweep::find(&spec.attempt).unwrap(), [0; 0]);
}

#[test]
fn a_killed_shepherd_loses_the_attempt_and_its_tree_is_swept() {
    let lab = Lab::new();
    let spec = lab.shell(
        r#"(setsid sh -c 'echo $$ >> pids; exec sleep 1000' &)
        echo $$ >> pids; exec sleep 1000"#,
    );
    let other = lab.shell("echo $$ >> other; exec sleep 1000");
    let bystander = lab.launch(&other);
    let (shepherd, waiting) = pid_of(lab.launch(&spec));
    let pids = lab.await_pids("pids", 2);
    let innocent = lab.await_pids("other", 1);
    let mut expected = pids.clone();
    expected.sort_unstable();
    // A process in the middle of its exec has no environment to be read.
    let found = || {
        let mut found = sweep::find(&spec.attempt).unwrap();
        found.sort_unstable();
        found
    };
    until("both carry the mark", || found().len() >= 2);
    assert_eq!(
        found(),
        expected,
        "the shepherd itself does not carry the mark"
    );
    kill(shepherd);
    assert_eq!(
        waiting.join().unwrap(),
        Outcome::Lost {
            still_running: Vec::new()
        }
    );
    assert_eq!(pids.iter().filter(|pid| lives(**pid)).count(), 0);
    assert!(lives(innocent[0]), "the sweep ended another attempt");
    let again = take_back(&lab.dir(&spec), 2).unwrap();
    assert!(matches!(again, TakeBack::Lost { still_running } if still_running.is_empty()));
    bystander.stop();
    record(bystander.wait());
}

#[test]
fn a_main_process_without_the_mark_is_found_after_its_shepherd_was_killed() {
    let lab = Lab::new();
    let spec = lab.shell("echo $$ >> pids; exec env -i sleep 1000");
    let (shepherd, waiting) = pid_of(lab.launch(&spec));
    let pids = lab.await_pids("pids", 1);
    until("the exec", || {
        sweep::find(&spec.attempt).unwrap().is_empty()
    });
    kill(shepherd);
    assert_eq!(
        waiting.join().unwrap(),
        Outcome::Lost {
            still_running: Vec::new()
        }
    );
    assert!(!lives(pids[0]));
}

#[test]
fn a_sweep_matches_the_whole_mark_only() {
    let lab = Lab::new();
    let id = lab.id();
    let spawn = |key: &str, value: &str| {
        std::process::Command::new("sleep")
            .arg("1000")
            .env(key, value)
            .spawn()
            .unwrap()
    };
    let mut marked = spawn("BATON_ATTEMPT", &id);
    let mut near = [
        spawn("BATON_ATTEMPT", &format!("{id}0")),
        spawn("XBATON_ATTEMPT", &id),
        spawn("OTHER", &format!("BATON_ATTEMPT={id}")),
    ];
    let pid = i32::try_from(marked.id()).unwrap();
    until("the mark", || sweep::find(&id).unwrap() == [pid]);
    let reaping = std::thread::spawn(move || marked.wait().unwrap());
    let patience = support::PATIENCE;
    assert_eq!(sweep::end(&id, patience, patience).unwrap(), [0; 0]);
    reaping.join().unwrap();
    for child in &mut near {
        assert!(
            child.try_wait().unwrap().is_none(),
            "an unmarked process was ended"
        );
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
