//! Lists come in pages that neither repeat nor leave out a row.

use serde_json::{Value, json};

use crate::server_support::World;

const ONE: &str = "
name: One
steps:
  - {id: a, type: script, command: 'true'}
";

/// All rows, two at a time.
fn rows(world: &World, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let join = if path.contains('?') { '&' } else { '?' };
        let page = world.get(&format!("{path}{join}limit=2{cursor}")).json();
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2, "{page}");
        all.extend(data.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[test]
fn all_lists_come_in_pages() {
    let keys = ["a", "b", "c", "d", "e"];
    let definitions: Vec<(&str, &str)> = keys.iter().map(|key| (*key, ONE)).collect();
    let world = World::new(&definitions);
    let listed = rows(&world, "/api/workflow-definitions");
    let listed: Vec<&str> = listed
        .iter()
        .map(|row| row["key"].as_str().unwrap())
        .collect();
    assert_eq!(listed, keys);
    for key in keys {
        let run = world.run(key, &json!({}));
        world.run_until(&run, "completed");
    }
    let runs = rows(
        &world,
        "/api/workflow-executions?status=completed,failed&status=paused",
    );
    let numbers: Vec<u64> = runs
        .iter()
        .map(|run| run["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    let of_two = rows(
        &world,
        "/api/workflow-executions?definition=a&definition=b,c",
    );
    assert_eq!(of_two.len(), 3);
    let run = "/api/workflow-executions/1";
    let before = rows(&world, &format!("{run}/comments")).len();
    for text in keys {
        world.post(&format!("{run}/comments"), &json!({"text": text}));
    }
    let comments = rows(&world, &format!("{run}/comments"));
    let texts: Vec<&str> = comments[before..]
        .iter()
        .map(|c| c["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, keys);
    let whole = world.get(&format!("{run}/events?limit=200")).json();
    assert_eq!(
        rows(&world, &format!("{run}/events")),
        *whole["data"].as_array().unwrap()
    );
    for key in keys {
        let path = format!("/api/secrets/KEY_{key}");
        let set = world.request("PUT", &path, Some(&json!({"value": "hidden-value"})));
        assert_eq!(set.status, 204);
    }
    assert_eq!(rows(&world, "/api/secrets").len(), 5);
    assert_eq!(rows(&world, "/api/projects").len(), 1);
    for bad in ["limit=0", "limit=201", "limit=-1", "limit=x"] {
        for list in [
            "projects",
            "workflow-definitions",
            "secrets",
            "webhooks",
            "workflow-executions",
        ] {
            let answer = world.get(&format!("/api/{list}?{bad}"));
            assert_eq!(answer.status, 400, "{list}?{bad}: {answer:?}");
        }
    }
}
