//! The agent's lines: long, broken, secret, too many.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use baton_runner::{Conversation, End, Entry, MAX_CONVERSATION_LINE};

use crate::host::{ECHO, Host, is_line, line, raw, reader, said, stopped, with_session};
use crate::support::{Lab, record};

#[test]
fn a_five_megabyte_line_arrives_whole() {
    const LENGTH: usize = 5 << 20;
    for stdout_to_file in [false, true] {
        let lab = Lab::new();
        let agent = format!(
            "read -r go; echo before; head -c {LENGTH} /dev/zero | tr '\\0' x; echo; echo after; read -r go"
        );
        let mut spec = with_session(&lab, lab.shell(&agent));
        spec.log_max_bytes = 1_000;
        spec.session.as_mut().unwrap().stdout_to_file = stdout_to_file;
        let host = Host::of(lab.launch(&spec));
        host.say("1", "go\n");
        let mut conversation = reader(&spec);
        let entries = host.read_until(&mut conversation, "after", |entry| is_line(entry, "after"));
        host.say("2", "go\n");
        let told = record(host.end());
        assert_eq!(told.end, End::Exited { code: 0 });
        assert_eq!(told.stdout_bytes, LENGTH as u64 + 14);
        assert_eq!(told.stdout_tail.len(), 64 * 1024);
        assert!(told.stdout_tail.ends_with("x\nafter\n") && !told.log_cut);
        let [first, before, long, after] = &entries[..] else {
            panic!("{} entries", entries.len())
        };
        assert_eq!((first, before), (&said("1"), &line(0, "before")));
        let Entry::Line { offset: 7, text } = long else {
            panic!()
        };
        assert!(text.len() == LENGTH && text.bytes().all(|byte| byte == b'x'));
        assert_eq!(*after, line(LENGTH as u64 + 8, "after"));
    }
}

#[test]
fn a_line_longer_than_any_is_skipped_and_bytes_that_are_no_text_are_replaced() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(""));
    let session = spec.session.as_ref().unwrap();
    fs::create_dir_all(lab.path("session")).unwrap();
    let mut bytes = b"a\xffb\n".to_vec();
    bytes.resize(4 + MAX_CONVERSATION_LINE + 1, b'x');
    bytes.extend_from_slice(b"\nnext\n");
    bytes.resize(bytes.len() + MAX_CONVERSATION_LINE, b'y');
    bytes.extend_from_slice(b"\n\n");
    fs::write(&session.raw, &bytes).unwrap();
    let entries = Conversation::new(session, 0).read(u64::MAX).unwrap();
    let long = MAX_CONVERSATION_LINE as u64 + 1;
    let too_long = Entry::TooLong {
        offset: 4,
        bytes: long,
    };
    assert_eq!(
        entries[..3],
        [line(0, "a\u{fffd}b"), too_long, line(4 + long + 1, "next")]
    );
    assert!(matches!(&entries[3], Entry::Line { text, .. } if text.len() == MAX_CONVERSATION_LINE));
    assert_eq!(entries[4..], [line(bytes.len() as u64 - 1, "")]);
}

#[test]
fn a_secret_on_stdout_is_masked_in_raw() {
    let lab = Lab::new();
    let mut spec = with_session(
        &lab,
        lab.shell(r#"printf '{"key":"%s"}\n' "$KEY"; printf hun; sleep 0.05; printf 'ter2!\n'; read -r more; echo "$more""#),
    );
    spec.env.insert("KEY".to_owned(), "hunter2!".to_owned());
    // The second begins as a line ends: nobody must wait for what follows.
    spec.secrets = vec!["hunter2!".to_owned(), "\nmore than a line\n".to_owned()];
    let host = Host::of(lab.launch(&spec));
    let mut conversation = reader(&spec);
    let entries = host.read_until(&mut conversation, "the masks", |entry| {
        is_line(entry, "***")
    });
    assert_eq!(entries[0], line(0, r#"{"key":"***"}"#));
    host.say("1", "my hunter2!\n");
    assert!(record(host.end()).stdout_tail.ends_with("my ***\n"));
    for dir in [
        lab.path("session"),
        spec.log_dir.clone(),
        lab.dir(&spec).path().to_owned(),
    ] {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let bytes = fs::read(entry.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!text.contains("hunter2"), "{:?}", entry.path());
        }
    }
    for file in ["session/raw.jsonl", "session/said.jsonl"] {
        let mode = fs::metadata(lab.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn the_raw_limit_stops_the_attempt_and_says_so() {
    for (stdout_to_file, rest) in [(false, "cat"), (true, "cat"), (false, ":"), (true, ":")] {
        let lab = Lab::new();
        let agent = format!("head -c 3000 /dev/zero | tr '\\0' x; {rest}");
        let mut spec = with_session(&lab, lab.shell(&agent));
        let session = spec.session.as_mut().unwrap();
        (session.raw_max_bytes, session.stdout_to_file) = (1_000, stdout_to_file);
        let told = lab.run(&spec);
        assert_eq!(
            told.end,
            stopped("raw_limit"),
            "to file: {stdout_to_file}, then {rest}"
        );
        assert_eq!(told.stdout_bytes, 3_000);
        let kept = if stdout_to_file { 3_000 } else { 1_000 };
        assert_eq!(raw(&lab), "x".repeat(kept));
    }
}

#[test]
fn a_limit_of_nothing_is_no_limit_and_stderr_is_output_as_ever() {
    let lab = Lab::new();
    let mut spec = with_session(&lab, lab.shell("echo out; echo err >&2"));
    spec.session.as_mut().unwrap().raw_max_bytes = 0;
    let told = lab.run(&spec);
    assert_eq!(told.end, End::Exited { code: 0 });
    assert_eq!(
        (raw(&lab).as_str(), lab.log(&spec).as_str()),
        ("out\n", "err\n")
    );
    assert_eq!((told.stdout_bytes, told.stderr_bytes), (4, 4));
}

#[test]
fn a_session_whose_files_cannot_be_made_does_not_start() {
    let lab = Lab::new();
    let mut spec = with_session(&lab, lab.shell("echo ran > ran"));
    fs::write(lab.path("file"), "").unwrap();
    spec.session.as_mut().unwrap().said = lab.path("file").join("said.jsonl");
    let End::SpawnFailed { message } = lab.run(&spec).end else {
        panic!()
    };
    assert!(message.contains("file/said.jsonl: "), "{message}");
    assert!(!lab.path("ran").exists());
}

#[test]
fn a_disk_that_takes_no_more_of_raw_holds_the_agent_up_and_loses_none_of_the_rest() {
    let lab = Lab::new();
    let spec = with_session(
        &lab,
        lab.shell("echo first; echo ready >&2; head -c 3000000 /dev/zero; echo done > done"),
    );
    fs::create_dir_all(lab.path("session")).unwrap();
    std::os::unix::fs::symlink("/dev/full", lab.path("session/raw.jsonl")).unwrap();
    let host = Host::of(lab.launch(&spec));
    lab.await_log(&spec, "ready");
    // Between two of them the shepherd reads what is there.
    for id in ["1", "2"] {
        host.shepherd.note(id, None).unwrap();
        host.await_said(id);
    }
    host.shepherd.stop();
    let told = record(host.end());
    assert_eq!(told.end, stopped("stop"));
    assert!(told.stdout_bytes < 3_000_000 && !lab.path("done").exists());
    let error = told.disk_error.unwrap();
    let missing = format!("{} bytes are missing", told.stdout_bytes);
    assert!(
        error.contains("No space left") && error.contains(&missing),
        "{error}"
    );
}

#[test]
fn a_child_that_writes_raw_itself_is_heard_and_masked_in_the_record() {
    let lab = Lab::new();
    let mut spec = with_session(&lab, lab.shell(&format!("echo hunter2!; {ECHO}")));
    spec.secrets = vec!["hunter2!".to_owned()];
    spec.session.as_mut().unwrap().stdout_to_file = true;
    let host = Host::of(lab.launch(&spec));
    let mut conversation = reader(&spec);
    let mut entries = host.read_until(&mut conversation, "hunter2!", |entry| {
        is_line(entry, "hunter2!")
    });
    host.say("1", "end\n");
    assert_eq!(record_tail(host), "***\ngot end\n");
    entries.extend(conversation.rest().unwrap());
    assert_eq!(
        entries,
        [line(0, "hunter2!"), said("1"), line(9, "got end")]
    );
}

fn record_tail(host: Host) -> String {
    record(host.end()).stdout_tail
}
