//! Schedules.

use serde_json::{Value, json};

use super::server_support::World;

fn nightly(catch_up: &str) -> String {
    format!(
        "name: Each minute\n\
         argsSchema: {{type: object, properties: {{why: {{type: string}}}}}}\n\
         triggers: {{schedule: {{cron: '* * * * *', tz: Europe/Berlin, catch_up: {catch_up}, args: {{why: planned}}}}}}\n\
         steps: [{{id: a, type: script, command: 'true'}}]\n\
         outputs: {{why: '{{{{ args.why }}}}'}}\n"
    )
}

fn runs(world: &World) -> Vec<Value> {
    let answer = world.get("/api/workflow-executions?limit=200");
    answer.json()["data"].as_array().unwrap().clone()
}

/// How many runs missed times lead to, once that has been decided; the host is down for an hour.
fn after_an_hour(catch_up: &str) -> (World, Vec<Value>) {
    let mut world = World::new(&[("each-minute", &nightly(catch_up))]);
    let database = world.data_dir().join("triggers.db");
    let kept = rusqlite::Connection::open(&database).unwrap();
    kept.busy_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    let handled = |sql: &str| kept.query_row(sql, [], |row| row.get::<_, i64>(0)).ok();
    let mut seen = None;
    world.until("the schedule is known", || {
        seen = handled("SELECT handled FROM schedule");
        seen.is_some()
    });
    world.kill_host();
    let hour = 3_600_000;
    kept.execute("UPDATE schedule SET handled = handled - ?1", [hour])
        .unwrap();
    let before = handled("SELECT handled FROM schedule").unwrap();
    world.start();
    world.until("the missed times are dealt with", || {
        handled("SELECT handled FROM schedule").unwrap() > before
    });
    let found = runs(&world);
    (world, found)
}

#[test]
fn missed_times_start_one_run_or_one_each_or_none() {
    let (_world, one) = after_an_hour("one");
    // The minute may have changed meanwhile.
    assert!((1..=2).contains(&one.len()), "{} runs", one.len());
    let (_world, all) = after_an_hour("all");
    assert!((60..=62).contains(&all.len()), "{} runs", all.len());
    let (_world, none) = after_an_hour("none");
    assert!(none.len() <= 1, "{} runs", none.len());
}

#[test]
fn what_a_schedule_has_started_is_not_started_again_after_a_crash() {
    let (mut world, before) = after_an_hour("all");
    let database = world.data_dir().join("triggers.db");
    world.kill_host();
    // As if the crash had come before it was noted.
    let kept = rusqlite::Connection::open(&database).unwrap();
    kept.execute("UPDATE schedule SET handled = handled - 3600000", [])
        .unwrap();
    world.start();
    let handled = || {
        let sql = "SELECT handled FROM schedule";
        kept.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let at = handled();
    world.until("the times are dealt with", || handled() > at);
    let after = runs(&world);
    assert!(
        after.len() <= before.len() + 2,
        "{} and {}",
        before.len(),
        after.len()
    );
    let run = format!(
        "/api/workflow-executions/{}",
        after[0]["id"].as_str().unwrap()
    );
    let done = world.run_until(&run, "completed");
    assert_eq!(done["outputs"], json!({"why": "planned"}));
}
