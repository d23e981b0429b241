//! What happens to definition files is told, and a removed one stays readable.

use serde_json::{Value, json};

use crate::server_support::World;
use crate::socket::Socket;

const HELLO: &str = "name: Hello\nsteps: [{id: a, type: script, command: 'true'}]\n";

fn told(socket: &mut Socket) -> Value {
    let heard = socket.until(|event| event["type"] == "workflow.definition.changed");
    heard.last().unwrap()["data"].clone()
}

#[test]
fn a_changed_definition_is_told_and_a_removed_one_is_archived() {
    let mut world = World::idle(&[("hello", HELLO)]);
    world.start();
    let mut socket = Socket::open(&world, "");
    let answer = world.post("/api/projects", &json!({"path": world.directory()}));
    world.project = answer.json()["data"]["id"].as_str().unwrap().to_owned();

    let added = told(&mut socket);
    assert_eq!(
        (&added["key"], &added["change"]),
        (&json!("hello"), &json!("added"))
    );
    assert_eq!(added["is_valid"], true);
    assert_eq!(added["project_id"], world.project);
    let run = world.run("hello", &json!({}));
    world.run_until(&run, "completed");

    std::fs::write(world.definition("hello"), HELLO.replace("script", "scrpt")).unwrap();
    let broken = told(&mut socket);
    assert_eq!(
        (&broken["change"], &broken["is_valid"]),
        (&json!("changed"), &json!(false))
    );
    assert_ne!(broken["hash"], added["hash"]);

    std::fs::remove_file(world.definition("hello")).unwrap();
    let removed = told(&mut socket);
    assert_eq!(
        (&removed["change"], &removed["hash"]),
        (&json!("removed"), &Value::Null)
    );
    let path = format!(
        "/api/workflow-definitions/{}",
        removed["definition_id"].as_str().unwrap()
    );
    let archived = world.get(&path).json()["data"].clone();
    assert_eq!(archived["is_archived"], true);
    assert_eq!(archived["source"], HELLO);
    assert_eq!(archived["steps"][0]["id"], "a");
    assert_eq!(
        world.get(&run).json()["data"]["workflow_definition"]["name"],
        "Hello"
    );

    std::fs::write(world.definition("hello"), HELLO).unwrap();
    let back = told(&mut socket);
    assert_eq!(
        (&back["change"], &back["hash"]),
        (&json!("added"), &added["hash"])
    );
    assert_eq!(world.get(&path).json()["data"]["is_archived"], false);
}
