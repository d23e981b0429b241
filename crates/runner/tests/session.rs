//! The conversation with an agent: a host may come and go, nothing is lost and nothing said twice.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use baton_runner::{
    AttemptSpec, Conversation, End, Entry, MAX_CONVERSATION_LINE, Note, Notice, Outcome,
    SessionSpec, Shepherd, Stdin, StopGrace, TakeBack, take_back,
};
use serde_json::{Value, json};
use support::{Lab, PATIENCE, lives, record, until};

/// An agent that answers each line it is told, until it is told `end`.
const ECHO: &str = r#"while read -r line; do echo "got $line"; [ "$line" != end ] || exit 0; done"#;

fn with_session(lab: &Lab, mut spec: AttemptSpec) -> AttemptSpec {
    spec.stdin = Stdin::Pipe;
    spec.session = Some(SessionSpec {
        raw: lab.path("session").join("raw.jsonl"),
        said: lab.path("session").join("said.jsonl"),
        raw_max_bytes: SessionSpec::RAW_MAX_BYTES,
        stdout_to_file: false,
    });
    spec
}

/// A host: one thread waits, the test looks at what was noticed.
struct Host {
    shepherd: Arc<Shepherd>,
    notices: Receiver<Notice>,
    waiting: JoinHandle<Outcome>,
}

impl Host {
    fn of(shepherd: Shepherd) -> Self {
        let shepherd = Arc::new(shepherd);
        let (sender, notices) = channel();
        let waiter = Arc::clone(&shepherd);
        let waiting = std::thread::spawn(move || {
            waiter.wait_noticing(|notice| {
                sender.send(notice).ok();
            })
        });
        Self {
            shepherd,
            notices,
            waiting,
        }
    }

    fn next(lab: &Lab, spec: &AttemptSpec, generation: u64) -> Self {
        match take_back(&lab.dir(spec), generation).unwrap() {
            TakeBack::Living(shepherd) => Self::of(shepherd),
            other => panic!("not living: {other:?}"),
        }
    }

    fn say(&self, id: &str, text: &str) {
        self.shepherd.say(id, text, None).unwrap();
    }

    /// Waits until the order is acknowledged.
    fn await_said(&self, wanted: &str) {
        loop {
            let notice = self.notices.recv_timeout(PATIENCE).expect(wanted);
            if matches!(notice, Notice::Said { id } if id == wanted) {
                return;
            }
        }
    }

    /// Reads what `raw` is told to hold, until an entry fulfils `wanted`.
    fn read_until(
        &self,
        conversation: &mut Conversation,
        what: &str,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Vec<Entry> {
        let mut entries = Vec::new();
        while !entries.iter().any(&wanted) {
            let notice = self.notices.recv_timeout(PATIENCE).expect(what);
            if let Notice::Raw { bytes } = notice {
                entries.extend(conversation.read(bytes).unwrap());
            }
        }
        entries
    }

    fn end(self) -> Outcome {
        self.waiting.join().unwrap()
    }
}

fn reader(spec: &AttemptSpec) -> Conversation {
    Conversation::new(spec.session.as_ref().unwrap(), 0)
}

fn is_line(entry: &Entry, wanted: &str) -> bool {
    matches!(entry, Entry::Line { text, .. } if text == wanted)
}

fn said(id: &str) -> Entry {
    let id = id.to_owned();
    Entry::Said { id, note: None }
}

fn line(offset: u64, text: &str) -> Entry {
    let text = text.to_owned();
    Entry::Line { offset, text }
}

fn stopped(reason: &str) -> End {
    let reason = reason.to_owned();
    End::Stopped { reason }
}

fn note(order: Value) -> Note {
    let after = None;
    Note { order, after }
}

fn raw(lab: &Lab) -> String {
    lab.read("session/raw.jsonl")
}

#[test]
fn a_session_goes_on_while_its_host_is_away_and_is_taken_back_with_its_stdin() {
    let lab = Lab::new();
    let spec = with_session(
        &lab,
        lab.shell(&format!(
            "read -r first; echo \"got $first\"; while [ ! -e away ]; do sleep 0.01; done; echo working; {ECHO}"
        )),
    );
    let first = lab.launch(&spec);
    first.say("1", "hello\n", None).unwrap();
    until("the answer", || raw(&lab) == "got hello\n");
    drop(first);
    fs::write(lab.path("away"), "").unwrap();
    until("the work", || raw(&lab) == "got hello\nworking\n");
    let second = Host::next(&lab, &spec, 2);
    let mut conversation = reader(&spec);
    let so_far = second.read_until(&mut conversation, "the work", |entry| {
        is_line(entry, "working")
    });
    assert_eq!(
        so_far,
        [said("1"), line(0, "got hello"), line(10, "working")]
    );
    second.say("2", "end\n");
    let told = record(second.end());
    assert_eq!(told.end, End::Exited { code: 0 });
    assert_eq!(told.stdout_tail, "got hello\nworking\ngot end\n");
    assert_eq!(
        conversation.rest().unwrap(),
        [said("2"), line(18, "got end")]
    );
    assert_eq!(lab.log(&spec), "", "what an agent says is in raw only");
}

#[test]
fn what_was_said_before_is_not_said_again() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(ECHO));
    let first = Host::of(lab.launch(&spec));
    first.say("1", "a\n");
    first.say("1", "a\n");
    first.say("2", "b\n");
    first.await_said("2");
    let second = Host::next(&lab, &spec, 2);
    assert_eq!(first.end(), Outcome::TakenOver);
    second.say("1", "a\n");
    second.await_said("1");
    second.say("2", "another b\n");
    second.await_said("2");
    second.say("3", "c\n");
    second.say("4", "end\n");
    assert_eq!(record(second.end()).end, End::Exited { code: 0 });
    assert_eq!(raw(&lab), "got a\ngot b\ngot c\ngot end\n");
    let ids: Vec<String> = lab
        .read("session/said.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].to_string())
        .collect();
    assert_eq!(ids, [r#""1""#, r#""2""#, r#""3""#, r#""4""#]);
}

#[test]
fn what_was_not_acknowledged_is_said_again_when_a_connection_breaks() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(ECHO));
    let shepherd = lab.launch(&spec);
    shepherd.say("1", "a\n", None).unwrap();
    until("the answer", || raw(&lab) == "got a\n");
    // Longer than any line may be: the shepherd ends the connection, and nobody waits so far who
    // would make a new one.
    shepherd.write_stdin(&"x".repeat(66 << 20)).unwrap_err();
    shepherd.say("2", "b\n", None).unwrap();
    shepherd.note("3", None).unwrap();
    shepherd.say("4", "c\n", None).unwrap();
    let host = Host::of(shepherd);
    host.await_said("2");
    host.await_said("3");
    host.await_said("4");
    host.say("5", "end\n");
    assert_eq!(record(host.end()).end, End::Exited { code: 0 });
    assert_eq!(raw(&lab), "got a\ngot b\ngot c\ngot end\n");
}

#[test]
fn an_order_that_no_connection_survives_is_refused() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(ECHO));
    let host = Host::of(lab.launch(&spec));
    let refused = host.shepherd.say("1", &"x".repeat(50 << 20), None);
    assert_eq!(
        refused.unwrap_err().kind(),
        std::io::ErrorKind::InvalidInput
    );
    host.say("2", "end\n");
    assert_eq!(record(host.end()).end, End::Exited { code: 0 });
    assert_eq!(raw(&lab), "got end\n");
}

#[test]
fn an_order_stands_where_its_host_had_read_to_however_much_was_said_since() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(&format!("echo one; echo two; {ECHO}")));
    let host = Host::of(lab.launch(&spec));
    let mut live = reader(&spec);
    // Both lines are there; the host has gone through the first, and a part of the second.
    host.read_until(&mut reader(&spec), "two", |entry| is_line(entry, "two"));
    assert_eq!(live.read(5).unwrap(), [line(0, "one")]);
    let after = Some(live.read_to());
    let order = json!("hurry");
    let place = Note { order, after };
    host.shepherd.say("1", "end\n", Some(place)).unwrap();
    host.await_said("1");
    assert_eq!(record(host.end()).end, End::Exited { code: 0 });
    let note = Some(json!("hurry"));
    let id = "1".to_owned();
    let expected = [
        line(0, "one"),
        Entry::Said { id, note },
        line(4, "two"),
        line(8, "got end"),
    ];
    assert_eq!(reader(&spec).rest().unwrap(), expected);
}

#[test]
fn raw_lines_and_orders_come_back_in_the_order_they_happened() {
    let lab = Lab::new();
    let spec = with_session(&lab, lab.shell(&format!("echo ready; {ECHO}")));
    let host = Host::of(lab.launch(&spec));
    let mut live = reader(&spec);
    let mut entries = host.read_until(&mut live, "ready", |entry| is_line(entry, "ready"));
    for round in 0..20 {
        let id = format!("order-{round}");
        let note = Some(note(json!({ "round": round })));
        host.shepherd.say(&id, &format!("{round}\n"), note).unwrap();
        let answer = format!("got {round}");
        entries.extend(host.read_until(&mut live, &answer, |entry| is_line(entry, &answer)));
    }
    host.shepherd
        .note("note", Some(note(json!("interrupt"))))
        .unwrap();
    host.await_said("note");
    host.say("end", "end\n");
    assert_eq!(record(host.end()).end, End::Exited { code: 0 });
    entries.extend(live.rest().unwrap());
    let mut expected = vec![line(0, "ready")];
    let mut offset = 6;
    for round in 0..20 {
        let (id, note) = (format!("order-{round}"), Some(json!({ "round": round })));
        expected.push(Entry::Said { id, note });
        let answer = format!("got {round}");
        expected.push(line(offset, &answer));
        offset += answer.len() as u64 + 1;
    }
    let note = Some(json!("interrupt"));
    let id = "note".to_owned();
    expected.push(Entry::Said { id, note });
    expected.extend([said("end"), line(offset, "got end")]);
    assert_eq!(entries, expected);
}

#[test]
fn a_second_host_replays_the_same() {
    let lab = Lab::new();
    // Lines that are begun before an order and ended after it, too.
    let agent = r#"printf begun; while read -r line; do echo "; got $line"; [ "$line" != end ] || break; printf begun; done; printf 'no end'"#;
    let spec = with_session(&lab, lab.shell(agent));
    let first = Host::of(lab.launch(&spec));
    let mut live = reader(&spec);
    let mut seen = Vec::new();
    for round in 0..10 {
        first.say(&round.to_string(), &format!("{round}\n"));
        let answer = format!("begun; got {round}");
        seen.extend(first.read_until(&mut live, &answer, |entry| is_line(entry, &answer)));
    }
    let second = Host::next(&lab, &spec, 2);
    assert_eq!(first.end(), Outcome::TakenOver);
    let mut replay = reader(&spec);
    let again = second.read_until(&mut replay, "all", |entry| is_line(entry, "begun; got 9"));
    assert_eq!(again, seen);
    second.say("end", "end\n");
    record(second.end());
    seen.extend(live.rest().unwrap());
    assert_eq!(seen[seen.len() - 3], said("end"));
    assert!(is_line(&seen[seen.len() - 1], "no end"));
    // Whatever the steps it is read in, and from any line on.
    let length = raw(&lab).len() as u64;
    for step in [1, 3, 7, 50] {
        let mut replay = reader(&spec);
        let mut again: Vec<Entry> = (0..length)
            .step_by(step)
            .flat_map(|up_to| replay.read(up_to).unwrap())
            .collect();
        again.extend(replay.rest().unwrap());
        assert_eq!(again, seen, "steps of {step}");
    }
    let offset = |entry: &Entry| match entry {
        Entry::Line { offset, .. } => Some(*offset),
        _ => None,
    };
    for from in seen.iter().filter_map(offset) {
        let session = spec.session.as_ref().unwrap();
        let later = Conversation::new(session, from).rest().unwrap();
        let lines: Vec<&Entry> = later
            .iter()
            .filter(|entry| offset(entry).is_some())
            .collect();
        let expected = seen.iter().filter(|entry| offset(entry) >= Some(from));
        assert_eq!(lines, expected.collect::<Vec<_>>(), "from {from}");
        assert!(seen.ends_with(&later), "from {from}");
    }
}

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
    let (shepherd, waiting) = support::pid_of(lab.launch(&spec));
    let pids = lab.await_pids("pids", 2);
    support::kill(shepherd);
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
