//! Who is let in: the first token, the link, the cookie; and who is not.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::server_support::World;
use crate::server_support::net::Net;

const HELLO: &str = "
name: Hello
steps:
  - {id: hello, type: script, command: 'echo hello'}
";

#[test]
fn without_credentials_the_api_says_nothing_and_signs_of_life_do() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    for path in [
        "/api/workflow-executions",
        "/api/projects",
        "/api/auth/me",
        "/api/events",
        "/api/nothing",
        "/metrics",
        "/mcp",
    ] {
        let refused = net.get(path);
        assert_eq!(refused.status, 401, "{path}: {refused:?}");
        assert_eq!(refused.code(), "unauthenticated");
        assert!(refused.header("www-authenticate").is_some());
    }
    for wrong in ["", "baton_", &"x".repeat(5000)] {
        assert_eq!(net.bearer(wrong).get("/api/projects").status, 401);
    }
    assert_eq!(net.get("/healthz").status, 200);
    assert_eq!(net.get("/readyz").status, 200);
}

#[test]
fn the_first_token_is_private_stays_the_same_and_drives_runs() {
    let mut world = World::idle(&[("hello", HELLO)]);
    let (net, _) = world.serve(&[]);
    let mode = std::fs::metadata(world.data_dir().join("token")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let token = world.token();
    let me = net.bearer(&token);
    world.register(&me);
    let run = world.run("hello", &json!({}));
    world.run_until(&run, "completed");
    assert_eq!(me.get(&run).json()["data"]["status"], "completed");
    let by_key = net.with("x-api-key", &token).get("/api/auth/me").json();
    assert_eq!(by_key["data"]["username"], "local");
    assert_eq!(by_key["data"]["role"], "admin");
    world.kill_host();
    let (net, _) = world.serve(&[]);
    assert_eq!(world.token(), token);
    assert_eq!(net.bearer(&token).get("/api/auth/me").status, 200);
}

#[test]
fn a_link_signs_a_browser_in_once_and_signing_out_ends_it() {
    let mut world = World::idle(&[]);
    let (net, link) = world.serve(&[]);
    let signed_in = net.post("/api/auth/link", &json!({"token": link}));
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let set = signed_in.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    let again = net.post("/api/auth/link", &json!({"token": link}));
    assert_eq!((again.status, again.code().as_str()), (401, "bad_link"));
    let origin = format!("http://{}", net.address);
    let browser = net
        .with("cookie", &signed_in.cookie())
        .with("origin", &origin);
    assert_eq!(
        browser.get("/api/auth/me").json()["data"]["username"],
        "local"
    );
    assert_eq!(browser.post("/api/auth/logout", &json!({})).status, 204);
    assert_eq!(browser.get("/api/auth/me").status, 401);
}

#[test]
fn a_session_that_was_made_of_a_token_ends_with_it() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let me = net.bearer(&world.token());
    let made = me.post("/api/tokens", &json!({"name": "laptop", "role": "admin"}));
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json()["data"].clone();
    let sign_in = |token: &str| {
        let signed_in = net.post("/api/auth/link", &json!({"token": token}));
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
        net.with("cookie", &signed_in.cookie())
    };
    let of_token = sign_in(made["token"].as_str().unwrap());
    let other = sign_in(&world.token());
    assert_eq!(of_token.get("/api/auth/me").status, 200);
    let path = format!("/api/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(me.request("DELETE", &path, None).status, 204);
    assert_eq!(of_token.get("/api/auth/me").status, 401);
    assert_eq!(other.get("/api/auth/me").status, 200);
    // Nor does the next server let it in.
    world.kill_host();
    let (net, _) = world.serve(&[]);
    let cookie = |before: &Net| {
        let cookie = before.headers.iter().find(|(name, _)| name == "cookie");
        net.with("cookie", &cookie.unwrap().1)
    };
    assert_eq!(cookie(&of_token).get("/api/auth/me").status, 401);
    assert_eq!(cookie(&other).get("/api/auth/me").status, 200);
}

#[test]
fn the_web_app_answers_every_address_that_is_not_the_apis() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    for path in ["/", "/runs/12", "/projects/x/board"] {
        let page = net.get(path);
        assert_eq!(page.status, 200, "{page:?}");
        assert!(
            page.header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
        assert!(page.text.contains("<title>Baton</title>"));
    }
    assert_eq!(net.get("/assets/none.js").status, 404);
    assert_eq!(net.post("/runs/12", &json!({})).status, 404);
}

#[test]
fn serving_takes_over_from_a_host_in_the_background_and_is_alone() {
    let mut world = World::new(&[("hello", HELLO)]);
    let before = world.host_pid();
    let mut old = world.lend_host();
    let (net, _) = world.serve(&[]);
    assert!(old.wait().unwrap().success(), "the old host left in order");
    assert_ne!(world.host_pid(), before);
    let runs = net.bearer(&world.token()).get("/api/workflow-executions");
    assert_eq!(runs.status, 200);
    let second = world.serve_command(&[]).output().unwrap();
    assert_eq!(second.status.code(), Some(75));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains(&net.address.to_string()), "{said}");
}

#[test]
fn a_port_that_is_taken_is_said_and_changes_nothing() {
    let world = World::idle(&[]);
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let output = world.serve_command(&["--listen", &address]).output();
    let output = output.unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&address), "{said}");
    assert!(!world.data_dir().join("journal.db").exists());
}

#[test]
fn another_link_is_made_on_the_servers_machine_only() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let remote = net
        .bearer(&world.token())
        .post("/api/auth/links", &json!({}));
    assert_eq!(remote.status, 403);
    let said = world.baton(&["link"]).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let (base, link) = said.trim().split_once("/#link=").expect("a link");
    assert_eq!(base, format!("http://{}", net.address));
    let signed_in = net.post("/api/auth/link", &json!({"token": link}));
    assert_eq!(signed_in.status, 200);
}

#[test]
fn the_project_it_is_started_in_is_there_from_the_beginning() {
    let mut world = World::idle(&[(
        "hello",
        "name: Hello\nsteps: [{id: a, type: script, command: true}]\n",
    )]);
    let inside = world.directory().join("src/deep");
    std::fs::create_dir_all(&inside).unwrap();
    let (net, _) = world.serve_with(&[], |command| {
        command.current_dir(&inside);
    });
    let projects = net.bearer(&world.token()).get("/api/projects").json();
    let paths: Vec<&str> = projects["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["path"].as_str())
        .collect();
    let here = std::fs::canonicalize(world.directory()).unwrap();
    assert_eq!(paths, [here.to_str().unwrap()]);
}
