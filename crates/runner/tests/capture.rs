//! What is captured of an attempt's output, and what is not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;

use baton_runner::{End, Program};
use support::{Lab, pid_of, record};

fn peak_memory_kib(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_flood_is_logged_whole_in_constant_memory() {
    let lab = Lab::new();
    let mut spec =
        lab.shell("head -c 104857600 /dev/zero | tr '\\0' x; echo flooded >&2; read -r line < go");
    spec.secrets = vec!["xxxy-not-there".to_owned()];
    let go = lab.path("go");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&go)
            .status()
            .unwrap()
            .success()
    );
    let (shepherd, waiting) = pid_of(lab.launch(&spec));
    support::until("the flood", || {
        fs::metadata(spec.log_dir.join("output.log")).is_ok_and(|log| log.len() > 104_857_600)
    });
    let peak = peak_memory_kib(shepherd);
    fs::write(go, "\n").unwrap();
    let told = record(waiting.join().unwrap());
    assert_eq!(
        (told.end, told.stdout_bytes),
        (End::Exited { code: 0 }, 104_857_600)
    );
    assert_eq!(told.stdout_tail.len(), 64 * 1024);
    assert_eq!(told.stderr_tail, "flooded\n");
    assert!(!told.log_cut);
    assert!(peak < 16 * 1024, "the shepherd took {peak} KiB");
}

#[test]
fn a_log_over_its_limit_is_cut_and_marked_and_the_step_goes_on() {
    let lab = Lab::new();
    let mut spec = lab.shell("head -c 3000000 /dev/zero | tr '\\0' x; echo the end");
    spec.log_max_bytes = 1_000;
    let told = lab.run(&spec);
    assert_eq!(
        (told.end, told.stdout_bytes),
        (End::Exited { code: 0 }, 3_000_008)
    );
    assert!(told.log_cut && told.stdout_tail.ends_with("xthe end\n"));
    let marker = "\n[baton: the log is cut at 1000 bytes; the step goes on]\n";
    assert_eq!(lab.log(&spec), format!("{}{marker}", "x".repeat(1_000)));
    let events = fs::read_to_string(spec.log_dir.join("events.jsonl")).unwrap();
    assert!(
        events
            .lines()
            .last()
            .unwrap()
            .contains(r#""type":"log_cut""#),
        "{events}"
    );
}

#[test]
fn the_events_say_which_stream_each_byte_of_the_log_came_from() {
    let lab = Lab::new();
    let spec = lab.shell("echo out; sleep 0.02; echo err >&2; sleep 0.02; echo out");
    lab.run(&spec);
    let log = fs::read(spec.log_dir.join("output.log")).unwrap();
    let (mut pieces, mut next) = (Vec::new(), 0);
    for line in fs::read_to_string(spec.log_dir.join("events.jsonl"))
        .unwrap()
        .lines()
    {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["type"], "output");
        assert!(event["at"].as_u64().unwrap() > 1_700_000_000_000);
        let offset = usize::try_from(event["offset"].as_u64().unwrap()).unwrap();
        let bytes = usize::try_from(event["bytes"].as_u64().unwrap()).unwrap();
        assert_eq!(offset, next);
        next = offset + bytes;
        let text = String::from_utf8_lossy(&log[offset..next]).into_owned();
        pieces.push((event["stream"].as_str().unwrap().to_owned(), text));
    }
    assert_eq!(next, log.len());
    let piece = |stream: &str, text: &str| (stream.to_owned(), text.to_owned());
    assert_eq!(
        pieces,
        [
            piece("stdout", "out\n"),
            piece("stderr", "err\n"),
            piece("stdout", "out\n")
        ]
    );
}

#[test]
fn a_secret_is_in_no_file_also_when_it_is_written_in_pieces() {
    let lab = Lab::new();
    let mut spec = lab.shell(
        r#"printf 'a %s b\n' "$KEY"
        printf hun; sleep 0.05; printf ter; sleep 0.05; printf '2!\n'
        printf 'err %s\n' "$KEY" >&2"#,
    );
    spec.env.insert("KEY".to_owned(), "hunter2!".to_owned());
    spec.secrets = vec!["hunter2!".to_owned()];
    let told = lab.run(&spec);
    assert_eq!(told.stdout_tail, "a *** b\n***\n");
    assert_eq!(told.stderr_tail, "err ***\n");
    for place in [spec.log_dir.clone(), lab.dir(&spec).path().to_owned()] {
        for entry in fs::read_dir(place).unwrap().flatten() {
            let bytes = fs::read(entry.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!text.contains("hunter2"), "{:?}", entry.path());
        }
    }
}

#[test]
fn a_secret_in_a_message_about_the_start_is_masked() {
    let lab = Lab::new();
    let mut spec = lab.words(&["no-hunter2!-program"]);
    spec.secrets = vec!["hunter2!".to_owned()];
    let message = "command not found: no-***-program".to_owned();
    assert_eq!(lab.run(&spec).end, End::SpawnFailed { message });
    assert!(!format!("{spec:?}").contains("hunter2"));
}

#[test]
fn a_full_disk_under_the_log_stops_neither_the_step_nor_the_record() {
    let lab = Lab::new();
    let spec = lab.shell("echo hello; echo still here");
    fs::create_dir_all(&spec.log_dir).unwrap();
    std::os::unix::fs::symlink("/dev/full", spec.log_dir.join("output.log")).unwrap();
    let told = lab.run(&spec);
    assert_eq!(told.end, End::Exited { code: 0 });
    assert_eq!(told.stdout_tail, "hello\nstill here\n");
    let error = told.disk_error.unwrap();
    assert!(
        error.contains("No space left") && error.contains("17 bytes"),
        "{error}"
    );
}

#[test]
fn a_log_directory_that_cannot_be_made_is_reported_and_the_step_runs() {
    let lab = Lab::new();
    let mut spec = lab.shell("echo hello");
    fs::write(lab.path("file"), "").unwrap();
    spec.log_dir = lab.path("file").join("logs");
    let told = lab.run(&spec);
    assert_eq!(
        (told.end, told.stdout_tail.as_str()),
        (End::Exited { code: 0 }, "hello\n")
    );
    assert!(told.disk_error.unwrap().contains("Not a directory"));
}

#[test]
fn bytes_that_are_no_text_are_logged_as_they_are() {
    let lab = Lab::new();
    let mut spec = lab.shell("");
    spec.program = Program::Shell(r"printf 'a\377\000b'".to_owned());
    let told = lab.run(&spec);
    assert_eq!(told.stdout_tail, "a\u{fffd}\0b");
    assert_eq!(
        fs::read(spec.log_dir.join("output.log")).unwrap(),
        b"a\xff\0b"
    );
}
