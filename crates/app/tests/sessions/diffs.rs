//! What a run changed, and what going back would undo.

use serde_json::{Value, json};

use super::fake::{repository, step_of, world};

const STAY: &str = "name: Stay\nsteps:\n  - {id: s, type: script, command: 'true'}\n";

fn files() -> String {
    let more = "    permission: bypassPermissions\n";
    format!(
        "name: Files\nsteps:\n{}{}{}",
        step_of("first", more, "@write b.txt hello\n@say one"),
        step_of("second", more, "@write a.txt changed\n@say two"),
        "  - {id: ok, type: approval, message: Good?}\n",
    )
}

#[test]
fn a_diff_lies_between_checkpoints() {
    let world = repository(&[("files", &files()), ("stay", STAY)]);
    let run = world.run("files", &json!({}));
    let waits = world.run_when(&run, "asks", |run| run["waiting"]["reason"] == "approval");
    let worktree = &waits["worktree"];
    assert_eq!(
        (&worktree["mode"], &worktree["base_branch"]),
        (&json!("worktree"), &json!("main"))
    );
    assert_eq!(worktree["path"], waits["path"]);
    let checkpoints = waits["checkpoints"].as_array().unwrap();
    assert!(
        checkpoints.iter().all(|c| c["commit"].is_string()),
        "{checkpoints:?}"
    );

    let diff = |query: &str| {
        let answer = world.get(&format!("{run}/diff{query}"));
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        assert!(answer.kind.starts_with("text/plain"), "{answer:?}");
        answer.text
    };
    let all = diff("");
    assert!(all.contains("+++ b/b.txt\n@@ -0,0 +1 @@\n+hello"), "{all}");
    assert!(all.contains("-one\n-two\n+changed"), "{all}");
    let second = diff("?from=first");
    assert!(
        second.contains("a.txt") && !second.contains("b.txt"),
        "{second}"
    );
    assert_eq!(diff("?from=0"), second);
    assert_eq!(diff("?from=second"), "");
    assert!(!diff("?to=first").contains("a.txt"));

    let preview = |to: &str| {
        let mut answer = world.get(&format!("{run}/rewind-preview?to={to}")).json();
        answer["data"].take()
    };
    let back = preview("second");
    assert_eq!(back["restores_files"], true);
    let changed = json!([{
        "path": "a.txt", "old_path": null, "change": "modified", "insertions": 1, "deletions": 2,
    }]);
    assert_eq!(
        (&back["files"], &back["files_count"]),
        (&changed, &json!(1)),
        "{back}"
    );
    assert!(
        back["detail"].as_str().unwrap().contains("checkpoint 0"),
        "{back}"
    );
    let begin = preview("first");
    assert_eq!(begin["files_count"], 2, "{begin}");
    assert!(
        begin["detail"].as_str().unwrap().contains("began"),
        "{begin}"
    );

    for (query, words) in [
        ("?from=9", "no checkpoint 9"),
        ("?to=ok", "`ok` has left no checkpoint"),
        ("?from=nothing", "no step `nothing`"),
    ] {
        let answer = world.get(&format!("{run}/diff{query}"));
        assert_eq!(answer.status, 404, "{answer:?}");
        assert!(answer.text.contains(words), "{answer:?}");
    }
    assert_eq!(world.get("/api/workflow-executions/77/diff").status, 404);

    let said = world.say(&["diff", "1", "--from", "first"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), second.as_str()));
    world
        .say(&["diff", "1", "--to", "9"])
        .is(5, &["no checkpoint 9"]);
    world.say(&["show", "1"]).is(0, &["branch", "baton/"]);

    world.say(&["approve", "1"]).is(0, &[]);
    world.run_until(&run, "completed");
    let finished = world.run_when(&run, "its branch is finished", |run| {
        run["worktree"]["finished"].is_object()
    });
    assert_eq!(
        finished["worktree"]["finished"]["branch"],
        finished["worktree"]["branch"]
    );
}

#[test]
fn a_run_without_files_of_its_own_says_so() {
    let world = world(&[("stay", STAY)]);
    let run = world.run("stay", &json!({}));
    let done = world.run_until(&run, "completed");
    assert_eq!(
        (&done["worktree"], &done["cost_usd"]),
        (&Value::Null, &Value::Null)
    );
    let answer = world.get(&format!("{run}/diff"));
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (409, &json!("no_files"))
    );
    world.say(&["diff", "1"]).is(5, &["`stay`"]);
    let preview = world.get(&format!("{run}/rewind-preview?to=s")).json();
    assert_eq!(preview["data"]["restores_files"], false);
    assert!(
        preview["data"]["detail"]
            .as_str()
            .unwrap()
            .contains("`stay`")
    );
}
