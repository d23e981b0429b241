//! When a host says that it is ready.

use rusqlite::Connection;
use serde_json::json;

use crate::server_support::World;

const ONE: &str = "
name: One
steps:
  - {id: one, type: script, command: 'true'}
";

#[test]
fn a_host_is_not_ready_before_it_shows_what_there_was_when_it_started() {
    let mut world = World::idle(&[("one", ONE)]);
    let (net, _) = world.serve(&[]);
    assert_eq!(
        net.get("/readyz").status,
        200,
        "nothing is to be made up for"
    );
    world.register(&net.bearer(&world.token()));
    let run = world.run("one", &json!({}));
    world.run_until(&run, "completed");
    world.kill_host();

    // Views that know nothing yet, and cannot be written now.
    let path = world.data_dir().join("views.db");
    let views = Connection::open(&path).unwrap();
    let empty = "UPDATE state SET position = 0; DELETE FROM runs; DELETE FROM names;
         INSERT INTO grams (grams) VALUES ('delete-all'); DELETE FROM steps; DELETE FROM attempts;
         DELETE FROM messages; DELETE FROM checkpoints;";
    views.execute_batch(empty).unwrap();
    views.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (net, _) = world.serve(&[]);
    let starting = net.get("/readyz");
    assert_eq!(
        (starting.status, starting.code().as_str()),
        (503, "starting")
    );
    assert_eq!(net.get("/healthz").status, 200, "it is there");
    views.execute_batch("COMMIT").unwrap();
    world.until("it is ready", || net.get("/readyz").status == 200);
    let admin = net.bearer(&world.token());
    assert_eq!(admin.get(&run).json()["data"]["status"], "completed");
}
