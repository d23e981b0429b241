//! Who said what, when there are several people.

use serde_json::json;

use super::roles::user;
use crate::server_support::World;
use crate::server_support::net::Net;

const ASK: &str = "
name: Ask
steps:
  - {id: ok, type: approval, message: Go on?}
";

#[test]
fn everybodys_words_carry_their_name_as_they_are_called_now() {
    let mut world = World::idle(&[("ask", ASK)]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    world.register(&admin);
    let (ada, as_ada) = user(&admin, &net, "ada", "operator");
    let (bob, as_bob) = user(&admin, &net, "bob", "operator");
    let run = as_ada.post(
        "/api/workflow-executions",
        &json!({"project_id": world.project, "definition": "ask"}),
    );
    let id = run.json()["data"]["id"].as_str().unwrap().to_owned();
    let thread = format!("/api/workflows/{id}/messages");
    let run = format!("/api/workflow-executions/{id}");
    let said = as_ada.post(&thread, &json!({"content": "one"}));
    assert_eq!(said.status, 200, "{said:?}");
    let made = as_bob.post(&format!("{run}/comments"), &json!({"text": "two"}));
    assert_eq!(made.json()["data"]["created_by"], bob);
    assert_eq!(made.json()["data"]["creator"]["name"], "bob");
    let named = json!({"name": "Ada Lovelace"});
    let renamed = admin.request("PATCH", &format!("/api/users/{ada}"), Some(&named));
    assert_eq!(renamed.status, 200, "{renamed:?}");

    let of_people = |net: &Net| -> Vec<_> {
        let thread = net.get(&thread).json();
        let all = thread["messages"].as_array().unwrap().clone();
        let by_people = all
            .into_iter()
            .filter(|said| said["message_type"] == "user");
        by_people
            .map(|said| (said["content"].clone(), said["author"].clone()))
            .collect()
    };
    let words = [
        (json!("one"), json!({"id": ada, "name": "Ada Lovelace"})),
        (json!("two"), json!({"id": bob, "name": "bob"})),
    ];
    assert_eq!(of_people(&as_bob), words);
    assert_eq!(of_people(&admin), words);
    let comments = as_bob.get(&format!("{run}/comments")).json()["data"].clone();
    assert_eq!(comments[0]["creator"]["name"], "Ada Lovelace");
    // The other's words are unread, one's own are not.
    let unread = |net: &Net| net.get(&run).json()["data"]["unread"].clone();
    let before = (unread(&as_ada), unread(&as_bob));
    as_ada.post(&thread, &json!({"content": "three"}));
    let after = (unread(&as_ada), unread(&as_bob));
    assert_eq!(before.0, after.0);
    assert_eq!(before.1.as_u64().unwrap() + 1, after.1.as_u64().unwrap());
}

#[test]
fn an_empty_project_begins_with_the_examples_once() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    world.register(&admin);
    let (_, viewer) = user(&admin, &net, "vera", "viewer");
    let (_, operator) = user(&admin, &net, "otto", "operator");
    let path = format!("/api/projects/{}/workflows/examples", world.project);
    assert_eq!(viewer.post(&path, &json!({})).status, 403);
    let made = operator.post(&path, &json!({}));
    assert_eq!(made.status, 201, "{made:?}");
    let keys: Vec<String> = made.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            assert_eq!(found["is_valid"], true, "{found}");
            found["key"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(keys, ["hello", "tour"]);
    let changed = "name: Mine\nsteps: [{id: a, type: script, command: 'true'}]\n";
    std::fs::write(world.definition("tour"), changed).unwrap();
    std::fs::remove_file(world.definition("hello")).unwrap();
    let again = operator.post(&path, &json!({}));
    assert_eq!((again.status, again.code().as_str()), (409, "exists"));
    assert_eq!(
        std::fs::read_to_string(world.definition("tour")).unwrap(),
        changed
    );
    assert!(!world.definition("hello").exists(), "all or none");
}
