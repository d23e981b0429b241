//! That a run was deleted is told to everybody who may hear of it.

use serde_json::json;

use crate::server_support::World;
use crate::socket::{Socket, id_of};

const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: Go on?}
";

const HELLO: &str = "name: Hello\nsteps: [{id: a, type: script, command: 'true'}]\n";

#[test]
fn a_deleted_run_is_told_to_who_hears_of_it_and_to_no_other() {
    let world = World::new(&[("ask", ASK), ("hello", HELLO)]);
    let (waits, ended) = (world.run("ask", &json!({})), world.run("hello", &json!({})));
    world.run_until(&ended, "completed");
    let [mut all, mut of_project, mut of_run, mut of_other] = [
        vec![],
        vec![format!("project:{}", world.project)],
        vec![format!("run:{}", id_of(&ended))],
        vec![format!("run:{}", id_of(&waits))],
    ]
    .map(|topics| {
        let mut socket = Socket::open(&world, "");
        if !topics.is_empty() {
            socket.subscribe(&topics, None);
        }
        socket
    });
    // What is refused is told to nobody: the next word is of the run that goes.
    assert_eq!(world.request("DELETE", &waits, None).status, 409);
    assert_eq!(world.request("DELETE", &ended, None).status, 204);
    for socket in [&mut all, &mut of_project, &mut of_run] {
        let heard = socket.until(|event| event["type"] == "workflow.execution.deleted");
        let told = heard.last().unwrap();
        assert_eq!(told["data"]["execution_id"], id_of(&ended));
        assert_eq!(told["data"]["project_id"], world.project);
        assert_eq!(told["data"]["number"], 2);
        assert_eq!(told["pos"], json!(null), "it is in no journal");
    }
    world.post(&format!("{waits}/comments"), &json!({"text": "x"}));
    assert_eq!(of_other.next()["type"], "workflow.comment.created");
}
