//! Long answers to who takes them compressed, as browsers do: they come to their end.

use serde_json::json;

use crate::server_support::World;
use crate::server_support::net::Reply;

const LONG: &str = "
name: Long
steps:
  - {id: count, type: script, command: 'seq 1 90000 > all.txt', artifacts: [all.txt]}
";

/// The last piece of what is sent in pieces has no bytes; one that broke off has none such.
fn is_whole(reply: &Reply) -> bool {
    let is = |name: &str, value: &str| reply.header(name) == Some(value);
    reply.status == 200
        && is("content-encoding", "gzip")
        && is("transfer-encoding", "chunked")
        && reply.text.ends_with("\r\n0\r\n\r\n")
}

#[test]
fn a_long_thread_and_a_long_file_come_whole_when_compressed() {
    let mut world = World::idle(&[("long", LONG)]);
    let (net, _) = world.serve(&[]);
    let me = net.bearer(&world.token());
    world.register(&me);
    let run = world.run("long", &json!({}));
    world.run_until(&run, "completed");
    let thread = format!(
        "/api/workflows/{}/messages",
        run.rsplit('/').next().unwrap()
    );
    for n in 0..501 {
        let said = json!({"content": n.to_string(), "action_type": "comment"});
        assert!(me.post(&thread, &said).status < 300);
    }
    let artifacts = me.get(&format!("{run}/artifacts")).json();
    let id = artifacts["data"][0]["id"].as_str().expect("an artifact");
    let browser = me.with("accept-encoding", "gzip");
    for path in [thread, format!("/api/artifacts/{id}")] {
        let reply = browser.get(&path);
        assert!(
            is_whole(&reply),
            "{path}: {} {:?}",
            reply.status,
            reply.headers
        );
    }
}
