//! What agents say by themselves.

use serde_json::{Value, json};

use crate::office::{agents, beside, in_order, messages, start, thread, thread_with, world};

#[test]
fn an_agent_comments_on_files_commands_checks_and_its_end() {
    let world = world(&[]);
    std::fs::write(world.directory().join("a.txt"), "12345").unwrap();
    let prompt = "@read a.txt\n@write b.txt hello\n@run echo one\n@run sh -c 'exit 3'\n\
                  @run true # npm test\n@run false # make build\n@answer All done.";
    for agent in ["claude", "codex"] {
        std::fs::write(world.definition("work"), agents(&[("work", agent, prompt)])).unwrap();
        let run = world.run("work", &json!({}));
        world.run_until(&run, "completed");
        let thread = thread(&world, &run);
        let reading: &[&str] = match agent {
            "claude" => &["agent: Reading file: a.txt"],
            // It reads by commands.
            _ => &[],
        };
        let calling = ["agent: Starting work agent", "agent: Calling AI model"];
        in_order(&thread, &calling);
        in_order(
            &thread,
            &[&["agent: Starting work agent"], reading].concat(),
        );
        in_order(
            &thread,
            &[
                "agent: Starting work agent",
                "agent: Writing file: b.txt",
                "agent: Running: echo one",
                "agent: Command failed (exit code 3)",
                "agent: Tests: PASSED",
                "agent: Build verification: FAILED",
                "agent: work agent completed: All done.",
            ],
        );
        let all = world.get(&messages(&run)).json();
        let all = all["messages"].as_array().unwrap();
        let last = all.last().unwrap();
        assert_eq!(last["metadata"]["artifactsCount"], 0, "{last}");
        assert!(all.iter().all(|message| message["agent_type"] == agent));
    }
}

#[test]
fn scripts_that_check_say_their_result() {
    let text = "name: Checks\nsteps:\n  - {id: t, type: script, command: 'true # cargo test'}\n  \
                - {id: b, type: script, command: 'false # cargo build'}\n";
    let world = world(&[("checks", text)]);
    let run = world.run("checks", &json!({}));
    world.run_until(&run, "failed");
    assert_eq!(
        thread(&world, &run),
        [
            "agent: Tests (t): PASSED",
            "agent: Build verification (b): FAILED"
        ]
    );
}

#[test]
fn hundreds_of_actions_are_a_readable_thread_that_counts_all() {
    let world = world(&[]);
    std::fs::write(world.directory().join("a.txt"), "x").unwrap();
    let prompt = format!("{}@answer Done.", "@read a.txt\n".repeat(300));
    std::fs::write(
        world.definition("work"),
        agents(&[("work", "claude", &prompt)]),
    )
    .unwrap();
    let run = world.run("work", &json!({}));
    world.run_until(&run, "completed");
    let all = world.get(&messages(&run)).json();
    let all = all["messages"].as_array().unwrap();
    assert!(all.len() < 80, "{} comments", all.len());
    let one = |message: &&Value| message["metadata"]["kind"] == "reading";
    let summed = all
        .iter()
        .filter_map(|message| message["metadata"]["read"].as_u64());
    let counted = all.iter().filter(one).count() as u64 + summed.sum::<u64>();
    assert_eq!(counted, 300);
}

#[test]
fn comments_are_said_once_across_a_crash() {
    let mut world = world(&[]);
    let (one, two) = (beside(&world, "one"), beside(&world, "two"));
    let prompt = format!(
        "@write a.txt 1\n@write b.txt 2\n@wait {}\n@write c.txt 3\n@wait {}\n@answer Done.",
        one.display(),
        two.display()
    );
    std::fs::write(
        world.definition("work"),
        agents(&[("work", "claude", &prompt)]),
    )
    .unwrap();
    let run = world.run("work", &json!({}));
    thread_with(&world, &run, "agent: Writing file: b.txt");
    world.kill_host();
    // It writes on while nobody listens.
    std::fs::write(&one, "").unwrap();
    let there = world.directory().join("c.txt");
    world.until("the agent writes on", || there.exists());
    start(&mut world, &[]);
    thread_with(&world, &run, "agent: Writing file: c.txt");
    world.kill_host();
    start(&mut world, &[]);
    std::fs::write(&two, "").unwrap();
    world.run_until(&run, "completed");
    let thread = thread(&world, &run);
    for name in ["a.txt", "b.txt", "c.txt"] {
        let begin = format!("agent: Writing file: {name}");
        let said = thread.iter().filter(|line| line.starts_with(&begin));
        assert_eq!(said.count(), 1, "{}", thread.join("\n"));
    }
}
