//! What the server writes down of requests.

use std::process::Stdio;

use serde_json::json;

use crate::server_support::World;

const ASK: &str = "
name: Ask
steps:
  - {id: ask, type: approval, message: Go on?}
";

#[test]
fn each_request_is_a_line_with_its_id_who_asked_and_the_run_and_without_secrets() {
    let mut world = World::idle(&[("ask", ASK)]);
    let log = world.directory().join("../log");
    let (net, link) = world.serve_with(&[], |command| {
        let file = std::fs::File::create(&log).unwrap();
        command.env("BATON_LOG", "info").stderr(Stdio::from(file));
    });
    let token = world.token();
    let me = net.bearer(&token);
    world.register(&me);
    let secret = "hunter2-is-fake-and-long";
    let user = json!({"username": "ann", "password": secret, "role": "viewer"});
    assert_eq!(me.post("/api/users", &user).status, 201);
    let login = |password: &str| {
        let words = json!({"username": "ann", "password": password});
        net.post("/api/auth/login", &words)
    };
    let ann = login(secret);
    assert_eq!(ann.status, 200);
    assert_eq!(login("sesame-is-wrong-too").status, 401);
    assert_eq!(
        net.post("/api/auth/link", &json!({"token": link})).status,
        200
    );
    assert_eq!(
        net.bearer("baton_fake_token").get("/api/projects").status,
        401
    );
    let run = world.run("ask", &json!({}));
    let id = run.rsplit('/').next().unwrap().to_owned();
    let shown = me.get(&format!("{run}?word=in-the-query"));
    assert_eq!(shown.status, 200);
    let request = shown.header("x-request-id").unwrap().to_owned();
    let lines = || -> Vec<String> {
        let text = std::fs::read_to_string(&log).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let mut of_request = Vec::new();
    world.until("the request's line", || {
        of_request = lines();
        of_request.retain(|line| line.contains(&request));
        !of_request.is_empty()
    });
    let [line] = of_request.as_slice() else {
        panic!("one line: {of_request:?}");
    };
    for part in [
        "baton::access".to_owned(),
        "127.0.0.1".to_owned(),
        "user=\"local\"".to_owned(),
        "method=GET".to_owned(),
        format!("path=\"{run}\""),
        format!("run=\"{id}\""),
        "status=200".to_owned(),
        "ms=".to_owned(),
    ] {
        assert!(line.contains(&part), "no {part} in {line}");
    }
    let all = lines().join("\n");
    assert!(all.contains("status=401"), "{all}");
    let cookie = ann.cookie();
    let cookie = cookie.split_once('=').unwrap().1;
    for secret in [
        &token,
        &link,
        secret,
        "sesame-is-wrong-too",
        "baton_fake_token",
        cookie,
        "in-the-query",
    ] {
        assert!(!all.contains(secret), "`{secret}` is in the log:\n{all}");
    }
}
