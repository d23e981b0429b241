//! The verdict: what the scripts wrote against what the journal says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::killer::Story;
use crate::sessions::Sessions;
use crate::workflows::KINDS;

/// What an attempt's script wrote.
#[derive(Debug, Default)]
struct Traced {
    run: String,
    step: String,
    starts: usize,
    ends: usize,
    heard: usize,
}

/// What the journal says of an attempt.
#[derive(Debug)]
struct Journaled<'a> {
    id: &'a str,
    end: Option<&'a str>,
}

/// Checks all that was promised; panics with everything that was broken.
pub fn all(story: &Story) {
    let mut wrong = Vec::new();
    for process in &story.left {
        wrong.push(format!("left over: {process}"));
    }
    let traced = traced(story, &mut wrong);
    let mut known = BTreeSet::new();
    let mut lost = 0;
    let mut sessions = Sessions::default();
    for (run, kind, events) in &story.runs {
        let attempts = attempts(run, events, &mut wrong);
        check_run(run, *kind, events, &attempts, &mut wrong);
        sessions.check(story, run, &KINDS[*kind], events, &mut wrong);
        for (step, attempts) in &attempts {
            for attempt in attempts {
                known.insert(attempt.id);
                lost += usize::from(attempt.end == Some("lost"));
                let trace = traced.get(attempt.id);
                let named = trace.is_none_or(|t| t.run == *run && t.step == *step);
                if !named {
                    wrong.push(format!("{}: of {run} {step}, wrote {trace:?}", attempt.id));
                }
                let silent = KINDS[*kind].silent.contains(step);
                if !silent || attempt.end != Some("succeeded") {
                    check_attempt(story, step, attempt, trace, &mut wrong);
                }
            }
        }
    }
    for (id, trace) in &traced {
        if !known.contains(id.as_str()) {
            wrong.push(format!("{id} is in no journal: {trace:?}"));
        }
    }
    eprintln!(
        "{} attempts, {lost} lost, {} runs; {sessions:?}",
        known.len(),
        story.runs.len()
    );
    if !wrong.is_empty() {
        panic!(
            "{}\n\nhost.log:\n{}",
            wrong.join("\n"),
            story.world.host_log()
        );
    }
}

/// The trace by attempt. Attempts of one step must not overlap: once a later one has written, an
/// earlier one is silent.
fn traced(story: &Story, wrong: &mut Vec<String>) -> BTreeMap<String, Traced> {
    let text = std::fs::read_to_string(story.world.trace()).unwrap();
    let mut traced: BTreeMap<String, Traced> = BTreeMap::new();
    let mut last: BTreeMap<(String, String), String> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [run, step, attempt, what] = words[..] else {
            wrong.push(format!("a torn line: {line}"));
            continue;
        };
        let is_new = !traced.contains_key(attempt);
        let place = (run.to_owned(), step.to_owned());
        let newest = last.insert(place, attempt.to_owned());
        if !is_new && newest.is_some_and(|newest| newest != attempt) {
            wrong.push(format!(
                "{attempt} of {step} wrote after its successor had begun"
            ));
        }
        let entry = traced.entry(attempt.to_owned()).or_default();
        run.clone_into(&mut entry.run);
        step.clone_into(&mut entry.step);
        entry.starts += usize::from(what == "start");
        entry.ends += usize::from(what == "end");
        entry.heard += usize::from(what == "heard");
    }
    for (attempt, trace) in &traced {
        // An agent whose instruction was at its head may be killed before it begins its own work.
        let begins = trace.starts == 1 || (trace.starts == 0 && trace.heard == 1);
        if !begins || trace.ends > 1 || trace.heard > 1 {
            wrong.push(format!("{attempt} did not run once: {trace:?}"));
        }
    }
    traced
}

/// The attempts of each step in their order.
fn attempts<'a>(
    run: &str,
    events: &'a [Value],
    wrong: &mut Vec<String>,
) -> BTreeMap<&'a str, Vec<Journaled<'a>>> {
    let mut attempts: BTreeMap<&str, Vec<Journaled>> = BTreeMap::new();
    for event in events {
        let data = &event["data"];
        let key = data["key"].as_str().unwrap_or_default();
        let id = data["attempt"].as_str().unwrap_or_default();
        match event["type"].as_str() {
            Some("attempt_started") => {
                let of_step = attempts.entry(key).or_default();
                match of_step.last().map(|before| before.end) {
                    None | Some(Some("lost" | "failed" | "session_lost")) => {}
                    Some(end) => wrong.push(format!("{run} {key}: started again after {end:?}")),
                }
                of_step.push(Journaled { id, end: None });
            }
            Some("attempt_ended") => {
                let newest = attempts.get_mut(key).and_then(|all| all.last_mut());
                match newest {
                    Some(newest) if newest.id == id && newest.end.is_none() => {
                        newest.end = data["end"]["how"].as_str().or(Some("unknown"));
                    }
                    other => wrong.push(format!("{run} {key}: {id} ended, but {other:?}")),
                }
            }
            _ => {}
        }
    }
    attempts
}

fn check_run(
    run: &str,
    kind: usize,
    events: &[Value],
    attempts: &BTreeMap<&str, Vec<Journaled>>,
    wrong: &mut Vec<String>,
) {
    let kind = &KINDS[kind];
    let of = |what: &str| events.iter().filter(|event| event["type"] == what).count();
    if of("run_completed") != 1 || of("run_failed") != 0 {
        let tail = &events[events.len().saturating_sub(4)..];
        wrong.push(format!("{run} ({}) did not complete: {tail:?}", kind.key));
    }
    let steps: BTreeSet<&str> = attempts.keys().copied().collect();
    let expected = kind.scripts.iter().chain(kind.agents).chain(kind.silent);
    if steps != expected.copied().collect() {
        wrong.push(format!("{run} ({}) ran the steps {steps:?}", kind.key));
    }
    for (step, attempts) in attempts {
        let succeeded = attempts.iter().filter(|a| a.end == Some("succeeded"));
        let ends: Vec<_> = attempts.iter().map(|attempt| attempt.end).collect();
        if succeeded.count() != 1 || ends.last() != Some(&Some("succeeded")) {
            wrong.push(format!("{run} {step} ended as {ends:?}"));
        }
    }
    if let Some(says) = kind.says {
        let said = |event: &&Value| event["data"]["content"] == says;
        let count = events.iter().filter(said).count();
        if count != 1 {
            wrong.push(format!("{run} said `{says}` {count} times"));
        }
    }
    for step in kind.others {
        let ended = |event: &&Value| {
            event["type"] == "step_completed" && event["data"]["key"].as_str() == Some(step)
        };
        let count = events.iter().filter(ended).count();
        if count != 1 {
            wrong.push(format!("{run} {step} completed {count} times"));
        }
    }
}

/// An attempt is lost only when its shepherd was killed before its record, or nothing had begun.
fn check_attempt(
    story: &Story,
    step: &str,
    attempt: &Journaled,
    trace: Option<&Traced>,
    wrong: &mut Vec<String>,
) {
    let id = attempt.id;
    match attempt.end {
        Some("lost") => {
            if !story.killed.contains(id) && trace.is_some() {
                wrong.push(format!("{id} of {step} was lost while its shepherd lived"));
            }
            if story.recorded.contains(id) {
                wrong.push(format!(
                    "{id} of {step} was lost in spite of its exit record"
                ));
            }
        }
        Some("succeeded") => {
            if trace.is_none_or(|trace| trace.ends != 1) {
                wrong.push(format!("{id} of {step} succeeded, but wrote {trace:?}"));
            }
        }
        // It could not go on in a session that is gone, so it did nothing.
        Some("session_lost") if trace.is_none() => {}
        // Only one kind of step fails on purpose.
        Some("failed") if step == "flaky" && trace.is_some_and(|trace| trace.ends == 1) => {}
        end => wrong.push(format!("{id} of {step} ended as {end:?}, wrote {trace:?}")),
    }
}
