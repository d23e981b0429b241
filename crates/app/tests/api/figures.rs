//! Statistics, insights and counts tell what has run.

use serde_json::{Value, json};

use crate::server_support::{World, step};

const OK: &str = "
name: Good
steps:
  - {id: a, type: script, command: 'true'}
";

const BAD: &str = "
name: Bad
steps:
  - {id: a, type: script, command: 'false'}
";

const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: Go on?}
";

fn world() -> World {
    let world = World::new(&[("good", OK), ("bad", BAD), ("ask", ASK)]);
    for (key, end) in [
        ("good", "completed"),
        ("good", "completed"),
        ("bad", "failed"),
    ] {
        let run = world.run(key, &json!({}));
        world.run_until(&run, end);
    }
    let run = world.run("ask", &json!({}));
    let waits = world.run_when(&run, "waits", |run| run["waiting"]["reason"] == "approval");
    let id = step(&waits, "ok")["id"].as_str().unwrap();
    let approved = world.post(&format!("/api/workflow-steps/{id}/approve"), &json!({}));
    assert_eq!(approved.status, 200);
    world.run_until(&run, "completed");
    world
}

fn of<'a>(list: &'a Value, member: &str, value: &str) -> &'a Value {
    let mut all = list.as_array().unwrap().iter();
    all.find(|one| one[member] == value)
        .unwrap_or_else(|| panic!("no {value}: {list}"))
}

#[test]
fn a_definition_says_how_its_runs_went() {
    let world = world();
    let all = world.get("/api/workflow-definitions").json();
    let stats = &of(&all["data"], "key", "good")["stats"];
    assert_eq!(
        (&stats["runs"], &stats["success_rate"]),
        (&json!(2), &json!(1.0))
    );
    assert!(stats["median_ms"].is_u64(), "{stats}");
    assert_eq!(stats["last_runs"].as_array().unwrap().len(), 2);
    let bad = &of(&all["data"], "key", "bad")["stats"];
    assert_eq!(
        (&bad["failed"], &bad["success_rate"], &bad["median_ms"]),
        (&json!(1), &json!(0.0), &Value::Null)
    );
}

#[test]
fn insights_sum_up_a_time() {
    let world = world();
    let whole = world.get("/api/insights").json()["data"].clone();
    assert_eq!((&whole["runs"], &whole["failed"]), (&json!(4), &json!(1)));
    assert_eq!(whole["success_rate"], 0.75);
    let good = of(&whole["groups"], "key", "good");
    assert_eq!((&good["runs"], &good["label"]), (&json!(2), &json!("Good")));
    of(&whole["waiting"], "reason", "approval");
    let days = world.get("/api/insights?group=day").json();
    assert_eq!(days["data"]["groups"].as_array().unwrap().len(), 1);
    let agents = world.get("/api/insights?group=agent").json();
    assert_eq!(agents["data"]["groups"], json!([]));
    let earlier = world.get("/api/insights?to=2020-01-01T00:00:00Z").json();
    assert_eq!(earlier["data"]["runs"], 0);
    for (query, status) in [
        ("group=odd", 400),
        ("from=yesterday", 400),
        ("from=2021-01-01T00:00:00Z&to=2020-01-01T00:00:00Z", 422),
        ("project_id=proj_none", 404),
    ] {
        assert_eq!(
            world.get(&format!("/api/insights?{query}")).status,
            status,
            "{query}"
        );
    }
}

#[test]
fn the_counts_for_prometheus_follow_what_happens() {
    let world = world();
    let text = world.get("/metrics").text;
    for line in [
        "baton_runs{status=\"completed\"} 3",
        "baton_runs{status=\"failed\"} 1",
        "baton_steps_total{status=\"failed\"} 1",
        "baton_attempts_total{status=\"started\"} 3",
        "baton_live_agents 0",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    assert!(text.contains("path=\"/api/workflow-executions\""), "{text}");
}
