//! How an attempt ends, and what its record says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::PathBuf;

use baton_runner::{End, Stdin, StopGrace};
use support::{Lab, record};

#[test]
fn an_exit_code_is_recorded_and_the_record_outlives_the_shepherd() {
    let lab = Lab::new();
    let spec = lab.shell("echo out; echo err >&2; exit 7");
    let told = lab.run(&spec);
    assert_eq!(told.end, End::Exited { code: 7 });
    assert_eq!(
        (told.stdout_tail.as_str(), told.stderr_tail.as_str()),
        ("out\n", "err\n")
    );
    assert_eq!((told.stdout_bytes, told.stderr_bytes), (4, 4));
    assert!(told.started_at <= told.ended_at && told.started_at > 0);
    let read = baton_runner::ExitRecord::read(&lab.dir(&spec)).unwrap();
    assert_eq!(read, Some(told));
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    let lab = Lab::new();
    let told = lab.run(&lab.words(&["no-such-program", "x"]));
    let message = "command not found: no-such-program".to_owned();
    assert_eq!(told.end, End::SpawnFailed { message });
}

#[test]
fn a_directory_that_does_not_exist_is_named() {
    let lab = Lab::new();
    let mut spec = lab.words(&["true"]);
    spec.cwd = PathBuf::from("/no/such/place");
    let message = "the directory to run in does not exist: /no/such/place".to_owned();
    assert_eq!(lab.run(&spec).end, End::SpawnFailed { message });
}

#[test]
fn an_empty_command_and_a_program_without_permission_are_explained() {
    let lab = Lab::new();
    let message = "the command is empty".to_owned();
    assert_eq!(lab.run(&lab.words(&[])).end, End::SpawnFailed { message });
    std::fs::write(lab.path("plain"), "").unwrap();
    let End::SpawnFailed { message } = lab.run(&lab.words(&["./plain"])).end else {
        panic!()
    };
    assert!(message.contains("permission denied"), "{message}");
}

#[test]
fn an_end_by_signal_is_told_from_an_exit() {
    let lab = Lab::new();
    let told = lab.run(&lab.shell("kill -SEGV $$"));
    assert_eq!(told.end, End::Signaled { signal: 11 });
}

#[test]
fn a_child_that_ignores_int_and_term_is_killed_when_stopped() {
    let lab = Lab::new();
    let spec = lab.shell("trap '' INT TERM; echo ready; while :; do sleep 100; done");
    let shepherd = lab.launch(&spec);
    lab.await_log(&spec, "ready");
    shepherd.stop();
    let told = record(shepherd.wait());
    assert_eq!(
        told.end,
        End::Stopped {
            reason: "stop".to_owned()
        }
    );
}

#[test]
fn a_child_may_end_in_order_when_interrupted() {
    let lab = Lab::new();
    let mut spec =
        lab.shell("trap 'echo bye; exit 0' INT; echo ready; while :; do sleep 0.01; done");
    spec.stop_grace_ms = StopGrace {
        int_to_term: 20_000,
        term_to_kill: 20_000,
    };
    let shepherd = lab.launch(&spec);
    lab.await_log(&spec, "ready");
    shepherd.stop();
    let told = record(shepherd.wait());
    assert_eq!(told.stdout_tail, "ready\nbye\n");
    assert_eq!(
        told.end,
        End::Stopped {
            reason: "stop".to_owned()
        }
    );
}

#[test]
fn a_stop_during_the_start_is_not_missed() {
    let lab = Lab::new();
    for _ in 0..20 {
        let shepherd = lab.launch(&lab.words(&["sleep", "1000"]));
        shepherd.stop();
        let told = record(shepherd.wait());
        assert_eq!(
            told.end,
            End::Stopped {
                reason: "stop".to_owned()
            }
        );
    }
}

#[test]
fn a_timeout_stops_the_attempt_and_says_so() {
    let lab = Lab::new();
    let mut spec = lab.shell("sleep 1000 & sleep 1000");
    spec.timeout_ms = Some(50);
    let told = lab.run(&spec);
    assert_eq!(told.end, End::TimedOut);
    assert!(told.ended_at - told.started_at >= 50);
}

#[test]
fn what_a_step_writes_to_baton_output_is_in_the_record() {
    let lab = Lab::new();
    let mut spec = lab.shell(r#"echo '{"v":"hunter2"}' > "$BATON_OUTPUT""#);
    spec.secrets = vec!["hunter2".to_owned()];
    assert_eq!(lab.run(&spec).output.as_deref(), Some("{\"v\":\"***\"}\n"));
    assert_eq!(lab.run(&lab.words(&["true"])).output, None);
}

#[test]
fn an_output_that_cannot_be_taken_is_explained() {
    let lab = Lab::new();
    let cases = [
        (
            r#"head -c 2000000 /dev/zero > "$BATON_OUTPUT""#,
            "2000000 bytes",
        ),
        (r#"mkfifo "$BATON_OUTPUT""#, "regular file"),
        (r#"mkdir "$BATON_OUTPUT""#, "regular file"),
        (r#"printf '\377' > "$BATON_OUTPUT""#, "UTF-8"),
        (r#"ln -s /etc/passwd "$BATON_OUTPUT""#, "symbolic link"),
    ];
    for (text, expected) in cases {
        let told = lab.run(&lab.shell(text));
        let error = told.output_error.unwrap_or_default();
        assert!(error.contains(expected), "{text}: {error}");
        assert_eq!((told.end, told.output), (End::Exited { code: 0 }, None));
    }
}

#[test]
fn values_in_the_environment_are_never_executed() {
    let lab = Lab::new();
    let value = "$(touch harmed); rm -rf kept `touch harmed` \"; touch harmed; '";
    std::fs::write(lab.path("kept"), "").unwrap();
    let mut spec = lab.shell(r#"printf %s "${BATON_V1}"; printf %s 'a'"${BATON_V1}"'b'"#);
    spec.env.insert("BATON_V1".to_owned(), value.to_owned());
    let told = lab.run(&spec);
    assert_eq!(told.stdout_tail, format!("{value}a{value}b"));
    assert!(!lab.path("harmed").exists() && lab.path("kept").exists());
}

#[test]
fn the_child_has_the_given_environment_and_the_mark_and_nothing_else() {
    let lab = Lab::new();
    let mut spec = lab.words(&["/usr/bin/env"]);
    spec.env.clear();
    spec.env.insert("ONLY".to_owned(), "this".to_owned());
    let told = lab.run(&spec);
    let mut names: Vec<&str> = told
        .stdout_tail
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["BATON_ATTEMPT", "BATON_OUTPUT", "ONLY"]);
}

#[test]
fn a_child_reads_what_the_host_writes_to_its_stdin() {
    let lab = Lab::new();
    let mut spec = lab.words(&["cat"]);
    spec.stdin = Stdin::Pipe;
    let shepherd = lab.launch(&spec);
    shepherd.write_stdin("one\n").unwrap();
    lab.await_log(&spec, "one");
    shepherd.write_stdin(&"x".repeat(300_000)).unwrap();
    shepherd.close_stdin().unwrap();
    let told = record(shepherd.wait());
    assert_eq!(
        (told.end, told.stdout_bytes),
        (End::Exited { code: 0 }, 300_004)
    );
}

#[test]
fn signals_to_the_shepherd_do_not_end_it_and_the_child_has_default_ones() {
    let lab = Lab::new();
    let spec =
        lab.shell("kill -INT $PPID; kill -TERM $PPID; kill -HUP $PPID; echo alive; kill -INT $$");
    let told = lab.run(&spec);
    assert_eq!(
        (told.stdout_tail.as_str(), told.end),
        ("alive\n", End::Signaled { signal: 2 })
    );
}

#[test]
fn a_data_directory_with_a_long_path_works() {
    let lab = Lab::new();
    let long = lab.path(&"d".repeat(120)).join("e".repeat(120));
    let spec = lab.shell("echo fine");
    let dir = baton_runner::AttemptDir::new(&long, &spec.attempt).unwrap();
    let shepherd = baton_runner::launch(support::SHEPHERD.as_ref(), &dir, &spec).unwrap();
    assert_eq!(record(shepherd.wait()).stdout_tail, "fine\n");
}
