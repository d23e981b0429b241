//! Runs are removed while others wait to hear from them, or for them.

use std::collections::BTreeMap;
use std::time::Duration;

use baton_core::ids::{RunId, UserId};
use baton_core::run::decide::{Command, Refusal};
use baton_core::run::event::Actor;
use baton_engine::SendError;
use baton_engine::ports::Aggregate;
use baton_testkit::{Fault, Life, World, settle};

const ALONE: &str = "
name: Alone
concurrency: {key: deploy, limit: 1, on_full: queue}
steps:
  - {id: work, type: script, command: 'true'}
";

const FAILS: &str = "
name: Fails
steps:
  - {id: broken, type: script, command: 'false'}
";

fn run(n: u128) -> RunId {
    RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0000 + n)
}

fn world() -> World {
    World::new(3, BTreeMap::new(), |key, _| key != "broken")
}

async fn start(life: &Life, run: RunId, source: &str) {
    let args = serde_json::json!({});
    let started = life.start(run, "sample", source, args);
    let _ = tokio::time::timeout(Duration::from_secs(2), started).await;
    settle().await;
}

async fn finish_all(world: &World) {
    for attempt in world.runners.living() {
        world.runners.finish(attempt);
    }
    settle().await;
}

async fn remove(world: &World, life: &Life, run: RunId) -> Result<(), SendError> {
    let journal = world.journal.clone();
    let deletes = async move {
        journal.remove(&Aggregate::Run(run));
        Ok(())
    };
    life.engine.remove(run, deletes).await
}

#[test]
fn a_run_that_others_have_not_heard_from_is_not_removed() {
    let mut refused = 0;
    for full_after in 1..20 {
        let world = world();
        world
            .journal
            .plan(move |count| (count > full_after).then_some(Fault::Refuse));
        world.live(async |life: &Life| {
            start(life, run(1), ALONE).await;
            finish_all(&world).await;
            let Some(before) = world.folded(run(1)) else {
                return;
            };
            let removal = remove(&world, life, run(1));
            let removed = tokio::time::timeout(Duration::from_secs(2), removal).await;
            match removed {
                Ok(Ok(())) => assert!(before.run.outbox.is_empty(), "{full_after}"),
                Ok(Err(SendError::Refused(Refusal::Outstanding(what)))) => {
                    refused += 1;
                    assert!(what.contains("its concurrency key `deploy`"), "{what}");
                }
                Ok(Err(_)) | Err(_) => {}
            }
        });
    }
    assert!(refused > 0, "it never came to that");
}

#[test]
fn a_run_is_removed_or_goes_on_but_never_both() {
    for resumes_first in [true, false] {
        let world = world();
        world.live(async |life: &Life| {
            start(life, run(1), FAILS).await;
            finish_all(&world).await;
            let resume = Command::Resume {
                from: None,
                text: None,
                by: Actor::User(UserId::LOCAL),
            };
            let resume = life.engine.send(run(1), resume, None);
            let removal = remove(&world, life, run(1));
            let (resumed, removed) = if resumes_first {
                tokio::join!(resume, removal)
            } else {
                let (removed, resumed) = tokio::join!(removal, resume);
                (resumed, removed)
            };
            assert_eq!(resumed.is_ok(), resumes_first, "{resumed:?}");
            assert_eq!(removed.is_ok(), !resumes_first, "{removed:?}");
            settle().await;
            assert_eq!(world.runners.living().len(), usize::from(resumes_first));
        });
    }
}

#[test]
fn a_place_that_is_granted_to_a_removed_run_goes_to_the_next() {
    let world = world();
    world.live(async |life: &Life| {
        for n in 1..=3 {
            start(life, run(n), ALONE).await;
        }
        assert_eq!(world.runners.living_of(run(1)), 1);
        tokio::time::sleep(Duration::from_secs(5)).await;
        // As an earlier version did, which did not ask what was outstanding.
        world.journal.remove(&Aggregate::Run(run(2)));
        finish_all(&world).await;
        assert_eq!(world.runners.living_of(run(3)), 1, "the place is lost");
    });
}
