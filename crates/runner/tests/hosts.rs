//! Hosts come and go; an attempt goes on, and starts once at most.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use baton_runner::{
    AttemptSpec, EXIT_CLAIMED, End, ExitRecord, Outcome, TakeBack, bind_unix, connect_unix,
    take_back,
};
use support::{Lab, SHEPHERD, lives, record, until};

/// Runs a shepherd that has its specification from a pipe, and returns its exit code.
fn shepherd_by_pipe(lab: &Lab, spec: &AttemptSpec) -> Option<i32> {
    let dir = lab.dir(spec);
    let mut command = Command::new(SHEPHERD);
    command
        .args(["shepherd", "--dir"])
        .arg(dir.path())
        .stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let text = serde_json::to_string(spec).unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    child.wait().unwrap().code()
}

fn living(found: TakeBack) -> baton_runner::Shepherd {
    match found {
        TakeBack::Living(shepherd) => shepherd,
        other => panic!("not living: {other:?}"),
    }
}

#[test]
fn an_attempt_goes_on_without_its_host_and_is_taken_back() {
    let lab = Lab::new();
    let spec = lab.shell("echo begun; while [ ! -e go ]; do sleep 0.01; done; echo done");
    drop(lab.launch(&spec));
    lab.await_log(&spec, "begun");
    let shepherd = living(take_back(&lab.dir(&spec), 2).unwrap());
    std::fs::write(lab.path("go"), "").unwrap();
    let told = record(shepherd.wait());
    assert_eq!(
        (told.end, told.stdout_tail.as_str()),
        (End::Exited { code: 0 }, "begun\ndone\n")
    );
    let again = take_back(&lab.dir(&spec), 3).unwrap();
    assert!(matches!(again, TakeBack::Ended(record) if record.generation == 1));
}

#[test]
fn a_record_written_without_a_host_is_found_later() {
    let lab = Lab::new();
    let spec = lab.shell("echo alone");
    drop(lab.launch(&spec));
    let dir = lab.dir(&spec);
    until("the record", || ExitRecord::read(&dir).unwrap().is_some());
    let TakeBack::Ended(told) = take_back(&dir, 2).unwrap() else {
        panic!()
    };
    assert_eq!(
        (told.end, told.stdout_tail.as_str()),
        (End::Exited { code: 0 }, "alone\n")
    );
}

#[test]
fn an_attempt_whose_directory_is_gone_ends_long_before_the_grace() {
    let lab = Lab::new();
    let mut spec = lab.shell("echo $$ >> pids; exec sleep 1000");
    spec.orphan_grace_ms = 600_000;
    // Never started: a host would make the directory anew.
    spec.host_binary = lab.path("touches");
    let script = format!("#!/bin/sh\ntouch {}\n", lab.path("started").display());
    std::fs::write(&spec.host_binary, script).unwrap();
    let shepherd = lab.launch(&spec);
    let pids = lab.await_pids("pids", 1);
    // The shepherd may put something there meanwhile.
    until("the data to be gone", || {
        std::fs::remove_dir_all(lab.path("data")).is_ok()
    });
    drop(shepherd);
    until("the end of the tree", || !lives(pids[0]));
    let dir = lab.dir(&spec);
    let mark = dir.path().to_str().unwrap().to_owned();
    until("the end of the shepherd", || shepherds_of(&mark).is_empty());
    assert!(!lab.path("data").exists());
    assert!(!lab.path("started").exists());
}

/// The processes that have this among their words.
fn shepherds_of(word: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| {
        let line = std::fs::read(process.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    });
    lines.filter(|line| line.contains(word)).collect()
}

#[test]
fn an_attempt_without_a_host_is_stopped_after_the_grace() {
    let lab = Lab::new();
    let mut spec = lab.shell("echo $$ >> pids; exec sleep 1000");
    spec.orphan_grace_ms = 200;
    drop(lab.launch(&spec));
    let pids = lab.await_pids("pids", 1);
    let dir = lab.dir(&spec);
    until("the record", || ExitRecord::read(&dir).unwrap().is_some());
    let told = ExitRecord::read(&dir).unwrap().unwrap();
    assert_eq!(
        told.end,
        End::Stopped {
            reason: "orphaned".to_owned()
        }
    );
    assert!(!lives(pids[0]));
}

#[test]
fn a_shepherd_without_a_host_starts_one_that_is_no_part_of_the_attempt() {
    let lab = Lab::new();
    let mut spec = lab.shell("echo $$ >> pids; while [ ! -e go ]; do sleep 0.01; done");
    spec.host_binary = "/bin/sh".into();
    let place = lab.path("");
    let place = place.display();
    let host = format!(
        "cd {place} && echo ${{BATON_ATTEMPT-none}} > host_mark && echo $$ >> hosts && while [ -e hosts ]; do sleep 0.1; done"
    );
    spec.host_args = vec!["-c".to_owned(), host];
    drop(lab.launch(&spec));
    let host = lab.await_pids("hosts", 1)[0];
    assert_eq!(lab.read("host_mark"), "none\n");
    std::fs::write(lab.path("go"), "").unwrap();
    let dir = lab.dir(&spec);
    until("the record", || ExitRecord::read(&dir).unwrap().is_some());
    assert_eq!(
        ExitRecord::read(&dir).unwrap().unwrap().end,
        End::Exited { code: 0 }
    );
    assert!(lives(host), "the host was ended with the attempt");
    // Hosts end when the file is gone; one more was started for the record.
    lab.await_pids("hosts", 2);
}

#[test]
fn a_tree_is_gone_also_after_a_host_was_started_from_it() {
    let lab = Lab::new();
    let mut spec = lab.shell(
        r#"for i in 1 2 3; do (env -i PATH="$PATH" setsid sh -c 'echo $$ >> pids; exec sleep 1000' &); done
        setsid sh -c 'echo $$ >> pids; exec sleep 1000' &
        sleep 1000"#,
    );
    spec.orphan_grace_ms = 1_000;
    spec.host_binary = "/bin/sh".into();
    spec.host_args = vec![
        "-c".to_owned(),
        format!("echo $$ >> {}", lab.path("hosts").display()),
    ];
    drop(lab.launch(&spec));
    lab.await_pids("hosts", 1);
    let pids = lab.await_pids("pids", 4);
    let dir = lab.dir(&spec);
    until("the record", || ExitRecord::read(&dir).unwrap().is_some());
    assert_eq!(pids.iter().filter(|pid| lives(**pid)).count(), 0);
}

#[test]
fn a_second_shepherd_of_an_attempt_starts_nothing() {
    let lab = Lab::new();
    let spec = lab.shell("echo ran >> runs; while [ ! -e go ]; do sleep 0.01; done");
    let first = lab.launch(&spec);
    until("the run", || lab.path("runs").exists());
    assert_eq!(shepherd_by_pipe(&lab, &spec), Some(i32::from(EXIT_CLAIMED)));
    assert_eq!(lab.launch(&spec).wait(), Outcome::TakenOver);
    std::fs::write(lab.path("go"), "").unwrap();
    assert_eq!(record(first.wait()).end, End::Exited { code: 0 });
    assert_eq!(lab.read("runs"), "ran\n");
}

#[test]
fn of_many_shepherds_at_once_exactly_one_starts_the_child() {
    let lab = Lab::new();
    let spec = lab.shell("echo ran >> runs");
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let one = || scope.spawn(|| lab.launch(&spec).wait());
        let all: Vec<_> = (0..8).map(|_| one()).collect();
        all.into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let ended = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Outcome::Ended(_)))
        .count();
    assert_eq!(
        (ended, lab.read("runs").as_str()),
        (1, "ran\n"),
        "{outcomes:?}"
    );
}

#[test]
fn a_shepherd_that_comes_after_the_attempt_was_taken_back_starts_nothing() {
    let lab = Lab::new();
    let spec = lab.shell("echo ran >> runs");
    assert!(matches!(
        take_back(&lab.dir(&spec), 2).unwrap(),
        TakeBack::NeverStarted
    ));
    assert_eq!(shepherd_by_pipe(&lab, &spec), Some(i32::from(EXIT_CLAIMED)));
    assert_eq!(lab.launch(&spec).wait(), Outcome::TakenOver);
    assert!(!lab.path("runs").exists());
    assert!(matches!(
        take_back(&lab.dir(&spec), 3).unwrap(),
        TakeBack::NeverStarted
    ));
}

#[test]
fn an_earlier_host_is_told_that_it_was_taken_over() {
    let lab = Lab::new();
    let spec = lab.words(&["sleep", "1000"]);
    let first = lab.launch(&spec);
    let dir = lab.dir(&spec);
    until("the socket", || {
        connect_unix(&dir.path().join("sock")).is_ok()
    });
    let second = living(take_back(&dir, 2).unwrap());
    assert_eq!(first.wait(), Outcome::TakenOver);
    let stale = living(take_back(&dir, 1).unwrap());
    stale.stop();
    assert_eq!(stale.wait(), Outcome::TakenOver);
    second.stop();
    assert_eq!(
        record(second.wait()).end,
        End::Stopped {
            reason: "stop".to_owned()
        }
    );
}

#[test]
fn the_socket_is_for_its_owner_only_and_the_record_is_synced_before_it_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::new();
    let spec = lab.words(&["sleep", "1000"]);
    let shepherd = lab.launch(&spec);
    let dir = lab.dir(&spec);
    let socket = dir.path().join("sock");
    until("the socket", || socket.exists());
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(socket.as_path()), mode(dir.path())), (0o600, 0o700));
    shepherd.stop();
    record(shepherd.wait());
    assert_eq!(mode(&dir.path().join("exit.json")), 0o600);
    assert!(!dir.path().join("exit.json.tmp").exists());
}

#[test]
fn shepherds_leave_no_zombies_and_a_host_that_says_nonsense_is_ignored() {
    let lab = Lab::new();
    let spec = lab.words(&["sleep", "1000"]);
    let (pid, waiting) = support::pid_of(lab.launch(&spec));
    let mut stranger = connect_unix(&lab.dir(&spec).path().join("sock")).unwrap();
    stranger
        .write_all(b"{\"type\":\"stop\"}\n{}\nxx\n{\"type\":\"hello\"}\n")
        .unwrap();
    let host = living(take_back(&lab.dir(&spec), 1).unwrap());
    host.stop();
    assert_eq!(record(waiting.join().unwrap()), record(host.wait()));
    until("the reaping", || {
        !std::path::Path::new(&format!("/proc/{pid}")).exists()
    });
}

#[test]
fn two_hundred_attempts_at_once_end_well() {
    let lab = Lab::new();
    let specs: Vec<AttemptSpec> = (0..200)
        .map(|_| lab.shell("while [ ! -e go ]; do sleep 0.2; done"))
        .collect();
    let shepherds: Vec<_> = specs.iter().map(|spec| lab.launch(spec)).collect();
    std::fs::write(lab.path("go"), "").unwrap();
    for shepherd in shepherds {
        assert_eq!(record(shepherd.wait()).end, End::Exited { code: 0 });
    }
}

#[test]
fn a_stop_is_said_again_when_the_connection_broke_after_it() {
    let lab = Lab::new();
    let spec = lab.shell("echo begun; sleep 1000");
    let real = lab.launch(&spec);
    lab.await_log(&spec, "begun");
    // In the shepherd's place: a listener that hears what is said, and breaks the connection.
    let dir = lab.dir(&spec);
    std::fs::remove_file(dir.path().join("sock")).unwrap();
    let listener = bind_unix(dir.path(), "sock").unwrap();
    let found = living(take_back(&dir, 2).unwrap());
    let said = std::thread::scope(|scope| {
        let heard = scope.spawn(move || {
            let hear = || {
                let mut lines = BufReader::new(listener.accept().unwrap().0).lines();
                let said = [(); 2].map(|()| lines.next().unwrap().unwrap());
                (said, lines)
            };
            let (first, broken) = hear();
            drop(broken);
            let (second, open) = hear();
            drop(listener);
            real.stop();
            record(real.wait());
            drop(open);
            [first, second]
        });
        found.stop();
        let outcome = found.wait();
        assert!(matches!(outcome, Outcome::Ended(_)), "{outcome:?}");
        heard.join().unwrap()
    });
    assert!(said[0][1].contains("stop"), "{said:?}");
    assert_eq!(said[1], said[0], "the second connection hears the same");
}
