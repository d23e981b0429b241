//! The verdict on agents: their sessions, what they asked, what they were told, and their files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::killer::Story;
use crate::workflows::{self, Kind, People};

/// What came of all sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    /// Attempts that went on in the session of a lost one, to its end.
    pub resumed: usize,
    /// Sessions that were gone when they were to go on.
    pub gone: usize,
    /// Questions that were answered.
    pub answered: usize,
    /// Instructions that were told.
    pub told: usize,
}

fn text<'e>(value: &'e Value, name: &str) -> &'e str {
    value[name].as_str().unwrap_or_default()
}

fn of<'e>(events: &'e [Value], kind: &str) -> impl Iterator<Item = &'e Value> {
    let fits = move |event: &&Value| event["type"] == kind;
    events.iter().filter(fits).map(|event| &event["data"])
}

impl Sessions {
    /// Everything about one run.
    pub fn check(
        &mut self,
        story: &Story,
        run: &str,
        kind: &Kind,
        events: &[Value],
        wrong: &mut Vec<String>,
    ) {
        for step in kind.agents.iter().chain(kind.silent) {
            self.check_session(story, run, step, events, wrong);
        }
        self.check_questions(run, kind, events, wrong);
        self.check_instructions(run, kind, events, wrong);
        if kind.is_in_git {
            check_files(story, run, kind, events, wrong);
        }
    }

    /// A lost session is gone on in by its own id; one that is gone begins anew, and only then.
    fn check_session(
        &mut self,
        story: &Story,
        run: &str,
        step: &str,
        events: &[Value],
        wrong: &mut Vec<String>,
    ) {
        // The session that the step has, the end before, and whether the attempt now resumes.
        let (mut session, mut end, mut resumes) = (String::new(), String::new(), false);
        for event in events {
            let data = &event["data"];
            if text(data, "key") != step {
                continue;
            }
            match text(event, "type") {
                "attempt_started" => {
                    let cause = text(data, "cause");
                    let fits = match end.as_str() {
                        "" => cause == "first",
                        "lost" => cause == "lost",
                        "session_lost" => cause == "session_lost",
                        _ => false,
                    };
                    if !fits {
                        wrong.push(format!("{run} {step}: after `{end}` comes `{cause}`"));
                    }
                    resumes = cause == "lost" && !session.is_empty();
                }
                "session_known" => {
                    let known = text(data, "session");
                    if resumes && known != session {
                        wrong.push(format!("{run} {step}: {known} instead of {session}"));
                    }
                    known.clone_into(&mut session);
                }
                "attempt_ended" => {
                    text(&data["end"], "how").clone_into(&mut end);
                    if end == "session_lost" {
                        self.gone += 1;
                        session.clear();
                    }
                    if end == "succeeded" && resumes {
                        self.resumed += 1;
                        if !was_told_to_continue(story, &session) {
                            wrong.push(format!("{run} {step}: nobody resumed {session}"));
                        }
                    }
                }
                _ => {}
            }
        }
        if session.is_empty() {
            wrong.push(format!("{run} {step}: it has no session"));
        }
    }

    /// Each question of an attempt is asked and answered once at most, and once where it had to be.
    fn check_questions(
        &mut self,
        run: &str,
        kind: &Kind,
        events: &[Value],
        wrong: &mut Vec<String>,
    ) {
        // By step: the questions of the attempt in flight, with the number of answers.
        let mut asked: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for event in events {
            let data = &event["data"];
            let of_step = asked.entry(text(data, "key")).or_default();
            match text(event, "type") {
                "question_asked" => {
                    let id = text(&data["question"], "id");
                    if of_step.insert(id, 0).is_some() {
                        wrong.push(format!("{run}: {data} is asked twice"));
                    }
                }
                "question_answered" => match of_step.get_mut(text(data, "question")) {
                    Some(0) => {
                        of_step.insert(text(data, "question"), 1);
                        self.answered += 1;
                    }
                    _ => wrong.push(format!("{run}: {data} answers nothing")),
                },
                "attempt_ended" => {
                    let answered = of_step.values().sum::<usize>();
                    let asks = kind.people == People::Answer;
                    let succeeded = data["end"]["how"] == "succeeded";
                    if succeeded && kind.agents.contains(&text(data, "key")) {
                        let fits = answered == usize::from(asks) && of_step.len() == answered;
                        if !fits {
                            wrong.push(format!("{run}: {data} after {of_step:?}"));
                        }
                    }
                    of_step.clear();
                }
                _ => {}
            }
        }
    }

    /// Each instruction is taken once, done once, and never told again once it was taken.
    fn check_instructions(
        &mut self,
        run: &str,
        kind: &Kind,
        events: &[Value],
        wrong: &mut Vec<String>,
    ) {
        let mut stands: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        let mut received = 0;
        for event in events {
            let data = &event["data"];
            match text(event, "type") {
                "message_posted" if data["action"] == "instruction" => {
                    let number = data["message"].as_u64().unwrap_or_default();
                    stands.insert(number, vec![]);
                }
                "message_posted" if text(data, "content").starts_with("Acknowledged") => {
                    received += 1
                }
                "message_status" => {
                    let number = data["message"].as_u64().unwrap_or_default();
                    stands.entry(number).or_default().push(text(data, "status"));
                }
                "attempt_started" => {
                    for head in data["heads"].as_array().into_iter().flatten() {
                        let stand = head.as_u64().and_then(|number| stands.get(&number));
                        if stand.is_none_or(|stand| !stand.is_empty()) {
                            wrong.push(format!("{run}: {head} is told again: {data}"));
                        }
                    }
                }
                _ => {}
            }
        }
        let expected = match kind.people {
            People::Tell(steps) => steps.len(),
            People::Absent | People::Answer => 0,
        };
        let once = |stand: &Vec<&str>| stand[..] == ["acknowledged", "processed"];
        if stands.len() != expected || !stands.values().all(once) || received != expected {
            wrong.push(format!("{run}: {received} received of {stands:?}"));
        }
        self.told += expected;
    }
}

/// What the agent itself remembers of its session.
fn was_told_to_continue(story: &Story, session: &str) -> bool {
    let home = &story.world.environment["FAKE_AGENT_HOME"];
    let name = format!("-{session}.json");
    let mut files = std::fs::read_dir(home).into_iter().flatten().flatten();
    let file = files.find(|file| file.file_name().to_string_lossy().ends_with(&name));
    let kept = file.and_then(|file| std::fs::read_to_string(file.path()).ok());
    kept.is_some_and(|kept| kept.to_lowercase().contains("continue with your task"))
}

/// Each step's checkpoint is a commit with all files so far, and the branch ends with all of them.
fn check_files(story: &Story, run: &str, kind: &Kind, events: &[Value], wrong: &mut Vec<String>) {
    let repository = workflows::repository(&story.world);
    let holds = |commit: &str, steps: &[&str]| {
        let files = workflows::git(&repository, &["ls-tree", "--name-only", commit]);
        let files = files.unwrap_or_default();
        let found: BTreeSet<&str> = files.lines().collect();
        let names = steps.iter().map(|step| format!("{step}.txt"));
        let expected: Vec<String> = names.chain(["README.md".into()]).collect();
        let ours = |name: &&str| *name == "README.md" || name.ends_with(".txt");
        let found: BTreeSet<&str> = found.into_iter().filter(ours).collect();
        found == expected.iter().map(String::as_str).collect()
    };
    let taken: Vec<&Value> = of(events, "checkpoint_taken").collect();
    if taken.len() != kind.agents.len() {
        wrong.push(format!("{run}: its checkpoints are {taken:?}"));
    }
    for (n, taken) in taken.iter().enumerate() {
        let commit = text(taken, "commit");
        if commit.is_empty() || !holds(commit, &kind.agents[..=n.min(kind.agents.len() - 1)]) {
            wrong.push(format!("{run}: {taken} has not the files so far"));
        }
        let kept = format!("refs/baton/{run}/{}", taken["number"]);
        let named = workflows::git(&repository, &["rev-parse", "--verify", "--quiet", &kept]);
        if named.as_deref() != Some(commit) {
            wrong.push(format!("{run}: {kept} is {named:?} instead of {commit}"));
        }
    }
    let finished: Vec<&Value> = of(events, "files_finished").collect();
    let [finished] = finished[..] else {
        return wrong.push(format!("{run}: its branch was finished so: {finished:?}"));
    };
    if !holds(text(&finished["outcome"], "branch"), kind.agents) {
        wrong.push(format!("{run}: {finished} has not all files"));
    }
}
