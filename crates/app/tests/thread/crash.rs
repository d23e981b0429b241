//! Each instruction once, in order, also when the host dies right after it was taken.

use serde_json::json;

use crate::office::{agents, beside, comes_to, has_session, say, start, thread, world};

#[test]
fn instructions_reach_a_live_session_once_each_and_in_order_across_crashes() {
    for agent in ["claude", "codex"] {
        let mut world = world(&[]);
        let go = beside(&world, "go");
        let prompt = format!("@say begun\n@wait {}\n@answer Done.", go.display());
        std::fs::write(
            world.definition("work"),
            agents(&[("work", agent, &prompt)]),
        )
        .unwrap();
        let run = world.run("work", &json!({}));
        has_session(&world, &run, "work");
        let mut ids = Vec::new();
        for n in 0..6 {
            let told = say(&world, &run, "instruction", &format!("say {n}"), json!({}));
            ids.push(told["messageId"].clone());
            if n % 2 == 1 {
                world.kill_host();
                start(&mut world, &[]);
            }
        }
        for id in &ids {
            comes_to(&world, &run, id, "acknowledged");
        }
        std::fs::write(&go, "").unwrap();
        world.run_until(&run, "completed");
        let thread = thread(&world, &run);
        let taken = thread
            .iter()
            .filter_map(|l| l.strip_prefix("agent: Acknowledged: "));
        let taken: Vec<&str> = taken.collect();
        assert_eq!(
            taken,
            ["say 0", "say 1", "say 2", "say 3", "say 4", "say 5"]
        );
        for id in &ids {
            comes_to(&world, &run, id, "processed");
        }
    }
}
