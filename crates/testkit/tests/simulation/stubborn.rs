//! Processes that do not end are known by their run for as long as they are there.

use std::collections::BTreeMap;
use std::time::Duration;

use baton_core::ids::RunId;
use baton_testkit::{Life, World, settle};

const BOTH: &str = "
name: Both
steps:
  - {id: one, type: script, command: 'true', needs: []}
  - {id: two, type: script, command: 'true', needs: []}
";

#[test]
fn what_does_not_end_is_named_until_it_has_ended() {
    let world = World::new(5, BTreeMap::new(), |_, _| true);
    let run = RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0001);
    let other = RunId::from_bits(0x0198_0000_0000_7000_8000_0000_0000_0002);
    world.live(async |life: &Life| {
        for run in [run, other] {
            let started = life.start(run, "both", BOTH, serde_json::json!({}));
            let _ = tokio::time::timeout(Duration::from_secs(2), started).await;
        }
        settle().await;
        let living = world.runners.living();
        assert_eq!(living.len(), 4);
        assert!(life.engine.stuck(run).is_empty());
        world.runners.resist(living[0], vec![41, 42]);
        world.runners.resist(living[1], vec![43]);
        let mut stuck = life.engine.stuck(run);
        stuck.sort_unstable();
        assert_eq!(stuck, [41, 42, 43]);
        assert!(life.engine.stuck(other).is_empty(), "they are another's");
        // What is said last holds.
        world.runners.resist(living[0], vec![42]);
        world.runners.finish(living[1]);
        settle().await;
        assert_eq!(life.engine.stuck(run), [42]);
        world.runners.finish(living[0]);
        settle().await;
        assert!(life.engine.stuck(run).is_empty());
    });
}
