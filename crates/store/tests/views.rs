//! What the read models promise.
#![allow(clippy::unwrap_used, clippy::panic)]

mod made;
mod sample;
mod world;

use baton_core::definition::StepKind;
use baton_core::ids::{ArtifactId, DefinitionId, ProjectId, StepId};
use baton_core::run::WaitReason;
use baton_core::run::event::{
    ActionStatus, Actor, Artifact, Event, FileType, PauseReason, ResetReason,
};
use baton_core::time::Timestamp;
use baton_engine::ports::Position;
use baton_store::views::RunFilter;
use made::run;
use sample::{attempt, story, tell};
use world::{World, open};

#[test]
fn a_run_is_shown_as_its_journal_tells_it() {
    let world = World::new();
    let mut story = story(1, "/shop", "done");
    tell(&*world.journal, 1, 1, &mut story[..2]);
    let row = world.row(1);
    assert_eq!(
        (row.status.as_str(), row.ended, row.total),
        ("running", 0, 2)
    );
    assert_eq!(row.current_phase.as_deref(), Some("build"));
    assert_eq!(row.waiting, None);
    tell(&*world.journal, 1, 3, &mut story[2..6]);
    let row = world.row(1);
    assert_eq!(row.current_phase.as_deref(), Some("test"));
    assert_eq!(
        row.waiting.as_ref().map(|w| w.reason),
        Some(WaitReason::Timer)
    );
    assert!((row.progress() - 0.5).abs() < 1e-9);
    tell(&*world.journal, 1, 7, &mut story[6..]);
    let row = world.row(1);
    assert_eq!(row.status, "completed");
    assert_eq!(row.outputs, Some(serde_json::json!({"ok": true})));
    assert_eq!(row.length_ms(), Some(7));

    let steps = world.views.steps(run(1)).unwrap();
    let keys: Vec<_> = steps
        .iter()
        .map(|s| (s.key.as_str(), s.status.as_str()))
        .collect();
    assert_eq!(keys, [("build-app", "completed"), ("cool", "completed")]);
    assert_eq!(steps[0].result.as_deref(), Some("done"));
    assert_eq!(steps[0].declared.kind, StepKind::Script);
    assert!(steps[0].log_directory().ends_with("/logs/build-app"));
    let id = StepId::of(run(1), "build-app");
    assert_eq!(world.views.step(id).unwrap().as_ref(), Some(&steps[0]));
    let attempts = world.views.attempts(run(1), id).unwrap();
    assert_eq!(attempts[0].id, attempt(1));
    assert_eq!(attempts[0].how.as_deref(), Some("succeeded"));
    assert_eq!(
        world.views.checkpoints(run(1)).unwrap()[0].after,
        "build-app"
    );
}

#[test]
fn the_thread_has_wire_ids_and_the_last_status_of_each_message() {
    let world = World::new();
    tell(&*world.journal, 1, 1, &mut story(1, "/shop", "done"));
    let views = world.settled();
    let messages = views.messages(run(1), 0, 10).unwrap();
    let statuses: Vec<_> = messages.iter().map(|m| m.status).collect();
    assert_eq!(statuses, [ActionStatus::Pending, ActionStatus::Processed]);
    assert_eq!(messages[1].id, Position(3).of_event(1));
    let later = views.messages(run(1), messages[0].id, 10).unwrap();
    assert_eq!(later, messages[1..]);
    assert_eq!(
        views.message(messages[1].id).unwrap().as_ref(),
        messages.last()
    );
}

fn artifact(n: u128, name: &str) -> Artifact {
    Artifact {
        id: ArtifactId::from_bits(n),
        step: "build-app".into(),
        name: name.into(),
        path: format!("artifacts/build-app/{name}"),
        file_type: FileType::Code,
        mime: "text/plain".into(),
        bytes: 3,
        by: None,
        message: None,
        at: Timestamp::from_millis(0),
    }
}

/// With files that the step leaves, one of which is attached to the first message.
fn with_artifacts(mut story: Vec<Vec<Event>>) -> Vec<Vec<Event>> {
    let number = match &story[0][0] {
        Event::RunCreated(created) => u128::from(created.number) << 8,
        _ => 0,
    };
    let kept = artifact(number, "kept.rs");
    story[3].push(Event::ArtifactAttached {
        artifact: kept.id,
        message: 0,
    });
    let at = story[3].len() - 1;
    story[3].insert(
        at,
        Event::ArtifactsKept {
            key: "build-app".into(),
            attempt: attempt(1),
            files: vec![kept, artifact(number | 1, "more.rs")],
        },
    );
    story
}

#[test]
fn artifacts_are_found_by_step_and_by_the_message_they_are_attached_to() {
    let world = World::new();
    let mut story = with_artifacts(story(1, "/shop", "done"));
    story.push(vec![Event::ArtifactsKept {
        key: "build-app".into(),
        attempt: attempt(1),
        files: vec![artifact(9, "new.rs")],
    }]);
    let last = story.len() - 1;
    tell(&*world.journal, 1, 1, &mut story[..last]);
    let views = world.settled();
    let first = views.messages(run(1), 0, 1).unwrap();
    let found = views.artifacts(run(1), Some("build-app"), None, 9).unwrap();
    assert_eq!(found.len(), 2);
    let attached = views.artifacts_at(run(1), 0).unwrap();
    assert_eq!(attached.len(), 1);
    assert_eq!(attached[0].artifact.name, "kept.rs");
    assert_eq!(attached[0].comment, Some(first[0].id));
    assert_eq!(
        views.artifact(attached[0].artifact.id).unwrap(),
        attached.first().cloned()
    );
    assert!(
        views
            .artifacts(run(1), Some("cool"), None, 9)
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.row(1).artifacts, 2);
    // A new attempt's files take their place.
    tell(&*world.journal, 1, last as u64 + 1, &mut story[last..]);
    let found = world.settled().artifacts(run(1), None, None, 9).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].artifact.name, "new.rs");
}

#[test]
fn deleted_views_come_back_from_the_journal() {
    let world = World::new();
    for number in 1..=20 {
        tell(
            &*world.journal,
            number,
            1,
            &mut with_artifacts(story(number, "/shop", "done")),
        );
    }
    let all = |world: &World| {
        let views = world.settled();
        let runs = views.runs(&RunFilter::default(), None, 100).unwrap();
        let of = |number| {
            (
                views.steps(run(number)).unwrap(),
                views.all_attempts(number).unwrap(),
                views.checkpoints(run(number)).unwrap(),
                views.artifacts(run(number), None, None, 99).unwrap(),
                views.messages(run(number), 0, 9).unwrap(),
            )
        };
        (runs, (1..=20).map(of).collect::<Vec<_>>())
    };
    let before = all(&world);
    assert_eq!(before.0.rows.len(), 20);
    let world = world.reopen();
    assert_eq!(all(&world), before);
    let World {
        dir,
        journal,
        views,
    } = world;
    drop((journal, views));
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.path().join(format!("views.db{end}")));
    }
    let world = open(dir);
    assert_eq!(all(&world), before);
    let World {
        dir,
        journal,
        views,
    } = world;
    drop((journal, views));
    std::fs::write(dir.path().join("views.db"), "not a database at all").unwrap();
    assert_eq!(all(&open(dir)), before);
}

#[test]
fn runs_are_listed_newest_first_in_pages_by_filter() {
    let world = World::new();
    for number in 1..=5 {
        let mut story = story(number, "/shop", "done");
        let commits = if number % 2 == 0 { story.len() } else { 3 };
        tell(&*world.journal, number, 1, &mut story[..commits]);
    }
    let views = world.settled();
    let numbers = |filter: &RunFilter, before, limit| {
        let page = views.runs(filter, before, limit).unwrap();
        let numbers: Vec<_> = page.rows.iter().map(|row| row.number).collect();
        (numbers, page.next)
    };
    let all = RunFilter::default();
    assert_eq!(numbers(&all, None, 3), (vec![5, 4, 3], Some(3)));
    assert_eq!(numbers(&all, Some(3), 3), (vec![2, 1], None));
    let filter = |change: fn(&mut RunFilter)| {
        let mut filter = RunFilter::default();
        change(&mut filter);
        numbers(&filter, None, 10).0
    };
    assert_eq!(filter(|f| f.statuses = vec!["completed".into()]), [4, 2]);
    assert_eq!(filter(|f| f.phases = vec!["build".into()]), [5, 3, 1]);
    assert_eq!(filter(|f| f.q = Some("run 4".into())), [4]);
    assert_eq!(filter(|f| f.q = Some("%".into())), Vec::<u64>::new());
    assert_eq!(filter(|f| f.q = Some("3".into())), [3]);
    assert_eq!(
        filter(|f| f.definitions = vec!["other".into()]),
        Vec::<u64>::new()
    );
    assert_eq!(filter(|f| f.definitions = vec!["pipeline".into()]).len(), 5);
    assert_eq!(
        filter(|f| f.project = Some(ProjectId::from_bits(1))),
        Vec::<u64>::new()
    );
    let counts = views.counts(None).unwrap();
    assert_eq!((counts["completed"], counts["running"]), (2, 3));
    let of_other = DefinitionId::from_bits(1);
    assert!(views.counts(Some(of_other)).unwrap().is_empty());
}

#[test]
fn an_estimate_is_the_median_of_completed_runs_and_none_without_history() {
    let world = World::new();
    let definition = DefinitionId::of(ProjectId::from_bits(9), "pipeline");
    assert_eq!(world.settled().estimate(definition).unwrap(), None);
    tell(&*world.journal, 1, 1, &mut story(1, "/shop", "done"));
    let estimate = world.settled().estimate(definition).unwrap();
    assert_eq!(estimate, Some(std::time::Duration::from_millis(7)));
}

#[test]
fn undone_steps_and_checkpoints_are_shown_as_undone() {
    let world = World::new();
    let mut story = story(1, "/shop", "done");
    tell(&*world.journal, 1, 1, &mut story);
    let by = Actor::System;
    let mut undo = [vec![
        Event::RunResumed { by: by.clone() },
        Event::StepsReset {
            keys: vec!["build-app".into(), "cool".into()],
            because: ResetReason::Step("build-app".into()),
            kept: vec![],
            by: by.clone(),
        },
        Event::PauseRequested {
            immediate: false,
            reason: PauseReason::Request,
            detail: Some("wait".into()),
            by,
        },
        Event::RunPaused {},
    ]];
    tell(&*world.journal, 1, 9, &mut undo);
    let row = world.row(1);
    assert_eq!((row.status.as_str(), row.ended), ("paused", 0));
    assert_eq!(row.pause.unwrap().detail.as_deref(), Some("wait"));
    let steps = world.views.steps(run(1)).unwrap();
    assert!(steps.iter().all(|step| step.status == "pending"));
    assert!(world.views.checkpoints(run(1)).unwrap().is_empty());
}

#[test]
fn a_run_that_cannot_be_read_hides_no_other() {
    let world = World::new();
    made::put(&*world.journal, made::append(1, 1)).unwrap();
    tell(&*world.journal, 2, 1, &mut story(2, "/shop", "done"));
    assert_eq!(world.row(2).status, "completed");
    assert!(world.views.run_of_number(1).unwrap().is_none());
}

#[test]
fn a_removed_run_is_forgotten() {
    let world = World::new();
    tell(&*world.journal, 1, 1, &mut story(1, "/shop", "done"));
    world.settled();
    let aggregate = baton_engine::ports::Aggregate::Run(run(1));
    assert!(world.journal.remove(&aggregate).unwrap());
    world.views.forget(run(1)).unwrap();
    assert!(world.views.run(run(1)).unwrap().is_none());
    assert!(world.views.steps(run(1)).unwrap().is_empty());
    let world = world.reopen();
    assert!(world.settled().run(run(1)).unwrap().is_none());
}
