//! What lists promise: which runs they show, and which of their steps.
#![allow(clippy::unwrap_used)]

mod made;
mod sample;
mod world;

use std::fmt::Write as _;
use std::time::Duration;

use baton_core::ids::{AttemptId, DefinitionId, ProjectId};
use baton_core::run::WaitReason;
use baton_core::run::event::{AttemptEnd, Cause, ErrorCode, Event, Parent, StepError, StepOutput};
use baton_core::time::Timestamp;
use baton_store::views::{RunFilter, RunRow};
use made::run;
use sample::{story, tell};
use world::World;

/// More than a search looks at one by one.
const RUNS: u64 = 2_600;

const NAMES: [&str; 7] = [
    "Fix the login flow",
    "Deploy 100% of it",
    "Über größere Läufe",
    "a_b \"quoted\" \\ it's",
    "Nightly run",
    "日本語の名前",
    "x",
];

fn project(number: u64) -> ProjectId {
    ProjectId::from_bits(if number.is_multiple_of(5) { 2 } else { 1 })
}

/// A run of which everything that lists ask for follows from its number.
fn varied(number: u64) -> Vec<Vec<Event>> {
    let mut story = story(number, "/shop", "done");
    if let Event::RunCreated(created) = &mut story[0][0] {
        let name = NAMES[(number % 7) as usize];
        created.name = match number {
            1_234 => "The needle".into(),
            // Older than all that are looked at one by one.
            100 => "Ends in qj".into(),
            101 => "qjä stands first".into(),
            102 => "The qj amid".into(),
            103 => "A name with 犬".into(),
            104 => "犬と猫".into(),
            2_550 => "a\u{1}mark".into(),
            _ => format!("{name} {number}"),
        };
        created.project.id = project(number);
        created.definition.key = format!("key-{}", number % 3);
        created.definition.id = DefinitionId::of(created.project.id, &created.definition.key);
        created.parent = number.is_multiple_of(100).then(|| Parent {
            run: run(7),
            step: None,
        });
    }
    let commits = if number % 50 == 1 { 3 } else { story.len() };
    story.truncate(commits);
    story
}

/// What a list of all rows would show.
fn fits(row: &RunRow, filter: &RunFilter) -> bool {
    let none_or = |words: &[String], own: &[&str]| {
        words.is_empty() || words.iter().any(|word| own.contains(&word.as_str()))
    };
    let found = |q: &str| {
        let q = q.to_lowercase();
        let is_id = q.len() > 4 && row.id.to_string().starts_with(&q);
        row.name.to_lowercase().contains(&q)
            || row.number.to_string() == q.trim_start_matches('#')
            || is_id
    };
    none_or(&filter.statuses, &[&row.status])
        && none_or(
            &filter.phases,
            &[row.current_phase.as_deref().unwrap_or("")],
        )
        && none_or(
            &filter.definitions,
            &[&row.definition_key, &row.definition.to_string()],
        )
        && filter.project.is_none_or(|project| row.project == project)
        && filter
            .projects
            .as_ref()
            .is_none_or(|projects| projects.contains(&row.project))
        && filter
            .parent
            .is_none_or(|parent| row.parent == Some(parent))
        && filter.q.as_deref().is_none_or(found)
}

fn filters() -> Vec<RunFilter> {
    let all = RunFilter::default;
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let of_two = DefinitionId::of(ProjectId::from_bits(2), "key-1").to_string();
    let mut filters = vec![
        all(),
        RunFilter {
            statuses: words(&["running"]),
            ..all()
        },
        RunFilter {
            statuses: words(&["running", "completed", "completed"]),
            ..all()
        },
        RunFilter {
            statuses: words(&["paused"]),
            ..all()
        },
        RunFilter {
            phases: words(&["build"]),
            ..all()
        },
        RunFilter {
            phases: words(&["build", "test"]),
            statuses: words(&["running"]),
            ..all()
        },
        RunFilter {
            definitions: words(&["key-1"]),
            ..all()
        },
        RunFilter {
            definitions: words(&["key-1", "key-2"]),
            statuses: words(&["running"]),
            ..all()
        },
        RunFilter {
            definitions: vec!["key-1".into(), of_two.clone()],
            ..all()
        },
        RunFilter {
            definitions: vec![of_two],
            ..all()
        },
        RunFilter {
            project: Some(ProjectId::from_bits(2)),
            ..all()
        },
        RunFilter {
            projects: Some(vec![]),
            ..all()
        },
        RunFilter {
            projects: Some(vec![project(5), project(1)]),
            ..all()
        },
        RunFilter {
            project: Some(project(1)),
            projects: Some(vec![project(5)]),
            ..all()
        },
        RunFilter {
            parent: Some(run(7)),
            ..all()
        },
        RunFilter {
            parent: Some(run(7)),
            statuses: words(&["completed"]),
            ..all()
        },
        RunFilter {
            parent: Some(run(7)),
            definitions: words(&["key-2"]),
            ..all()
        },
    ];
    for q in [
        "LOGIN",
        "login flow 1",
        "needle",
        "the needle",
        "100%",
        "%",
        "_",
        "a_b",
        "\"quoted\"",
        "\\",
        "it's",
        "größere",
        "GRÖSSERE",
        "läufe",
        "本語",
        "日本語の",
        "x",
        "zz",
        "qj",
        "QJÄ",
        "qj amid",
        "n qj",
        "犬",
        "犬と",
        "と猫",
        "猫",
        "j",
        "qj\u{1}",
        "\u{1}",
        "a\u{1}m",
        "7",
        "1234",
        "#1234",
        "no such name",
        "nul\0",
        "\0",
        " ",
        "run",
        "run_",
        "run_0193",
        "RUN_01930000",
        "OR",
        "name:x",
        "NEAR(",
        "*",
        "\"",
    ] {
        filters.push(RunFilter {
            q: Some(q.into()),
            ..all()
        });
        filters.push(RunFilter {
            q: Some(q.into()),
            statuses: words(&["running", "failed"]),
            ..all()
        });
        filters.push(RunFilter {
            q: Some(q.into()),
            project: Some(project(5)),
            ..all()
        });
    }
    filters
}

#[test]
fn a_list_shows_the_newest_runs_that_fit_and_no_others() {
    let world = World::new();
    let mut answers = Vec::new();
    for number in 1..=RUNS {
        for (seq, mut events) in (1..).zip(varied(number)) {
            let commit = sample::commit(number, seq, &mut events);
            answers.push(made::hand(&*world.journal, commit));
        }
    }
    for answer in answers {
        answer.blocking_recv().unwrap().unwrap();
    }
    // One of each kind is gone again.
    for number in 2_000..2_021 {
        let aggregate = baton_engine::ports::Aggregate::Run(run(number));
        world.settled();
        world.journal.remove(&aggregate).unwrap();
        world.views.forget(run(number)).unwrap();
    }
    let views = world.settled();
    let all = views.runs(&RunFilter::default(), None, 9_999).unwrap().rows;
    assert_eq!(all.len(), RUNS as usize - 21);
    for filter in filters() {
        let expected: Vec<u64> = {
            let fitting = all.iter().filter(|row| fits(row, &filter));
            fitting.map(|row| row.number).collect()
        };
        for before in [None, Some(2_500), Some(3)] {
            let below = |number: &&u64| before.is_none_or(|before| **number < before);
            let expected: Vec<u64> = expected.iter().filter(below).copied().collect();
            for limit in [1, 50] {
                let page = views.runs(&filter, before, limit).unwrap();
                let numbers: Vec<u64> = page.rows.iter().map(|row| row.number).collect();
                let shown = expected.iter().take(limit).copied().collect::<Vec<_>>();
                assert_eq!(numbers, shown, "{filter:?} {before:?}");
                let next = numbers.last().filter(|_| expected.len() > limit);
                assert_eq!(page.next.as_ref(), next, "{filter:?} {before:?}");
            }
        }
    }
}

fn started(n: u32) -> Event {
    Event::AttemptStarted {
        key: format!("s{n}"),
        attempt: AttemptId::from_bits(u128::from(n)),
        number: 1,
        cause: Cause::First,
        heads: vec![],
        isolated: None,
    }
}

#[test]
fn of_a_run_with_many_steps_a_list_shows_those_that_matter() {
    let world = World::new();
    let mut source = "name: Wide\nsteps:\n".to_owned();
    for n in 0..400 {
        writeln!(
            source,
            "  - {{id: s{n}, type: script, command: 'true', needs: [], continue_on_error: true}}"
        )
        .unwrap();
    }
    let mut story = vec![vec![
        sample::created(1, "/shop", &source),
        Event::RunStarted {},
    ]];
    for n in 0..250 {
        let output = StepOutput {
            result: Some(baton_core::run::big::Big::new("long")),
            ..StepOutput::default()
        };
        let error = StepError {
            code: ErrorCode::ExitCode,
            message: "1".into(),
        };
        let (end, ended) = match n {
            5 => (
                AttemptEnd::Failed {
                    error: error.clone(),
                    output,
                },
                Event::StepFailed {
                    key: "s5".into(),
                    error,
                    output: StepOutput::default(),
                },
            ),
            _ => (
                AttemptEnd::Succeeded { output },
                Event::StepCompleted {
                    key: format!("s{n}"),
                    output: StepOutput::default(),
                },
            ),
        };
        let attempt = AttemptId::from_bits(n.into());
        let end = Event::AttemptEnded {
            key: format!("s{n}"),
            attempt,
            end,
        };
        story.push(match n {
            // Long at work.
            3 => vec![started(3)],
            _ => vec![started(n), end, ended],
        });
    }
    tell(&*world.journal, 1, 1, &mut story);
    let views = world.settled();
    let listed = views.listed(&RunFilter::default(), None, 9).unwrap().rows;
    assert_eq!(listed[0].run.known, 400);
    let steps = &listed[0].steps;
    assert_eq!(steps.len(), 100);
    let keys: Vec<&str> = steps.iter().map(|step| step.key.as_str()).collect();
    // At work, failed, those that ended last, and those that come next.
    assert_eq!(keys[..3], ["s3", "s5", "s172"]);
    assert_eq!(keys[79..82], ["s249", "s250", "s251"]);
    assert!(steps.iter().all(|step| step.result.is_none()));
    let one = views.listed_one(run(1)).unwrap().unwrap();
    assert_eq!(&one, &listed[0]);
    let whole = views.steps(run(1)).unwrap();
    assert_eq!(whole.len(), 400);
    assert_eq!(whole[4].result.as_deref(), Some("long"));
}

#[test]
fn how_long_a_run_waited_for_what_is_known_and_survives_a_restart() {
    let at = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
    let say = |world: &World, seq: u64, seconds, mut events: Vec<Event>| {
        let mut commit = sample::commit(1, seq, &mut events);
        commit.at = at(seconds);
        made::put(&*world.journal, commit).unwrap();
    };
    let story = story(1, "/shop", "done");
    let world = World::new();
    // Nothing works until 20 s; the attempt is at work until 90 s; then a timer waits until 100 s.
    for (seq, seconds) in [(1, 10), (2, 20), (3, 30), (4, 90), (5, 90), (6, 90)] {
        say(&world, seq, seconds, story[seq as usize - 1].clone());
    }
    world.settled();
    let world = world.reopen();
    say(&world, 7, 100, story[6].clone());
    say(&world, 8, 100, story[7].clone());
    let row = world.row(1);
    let waited = |reason| row.waits.get(&reason).copied().map(Duration::from_millis);
    assert_eq!(waited(WaitReason::Timer), Some(Duration::from_secs(10)));
    assert_eq!(waited(WaitReason::Worker), Some(Duration::from_secs(10)));
    assert_eq!(row.waits.len(), 2);
}
