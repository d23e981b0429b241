//! What comes over the network and should not: refused by name, and nothing else suffers.

use std::io::Write;
use std::time::Instant;

use serde_json::json;

use crate::server_support::World;
use crate::server_support::net::{Net, read};

/// Runs until a file appears, so that tests decide when.
const GATE: &str = "
name: Gate
steps:
  - {id: wait, type: script, command: 'while [ ! -e go ]; do sleep 0.02; done; echo went'}
";

#[test]
fn a_name_that_was_made_to_point_here_gets_nothing() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&["--host", "baton.example"]);
    let me = net.bearer(&world.token());
    for host in [
        "evil.example",
        "evil.example:4747",
        "127.0.0.1.evil.example",
    ] {
        for path in ["/", "/healthz", "/api/auth/me"] {
            let refused = me.with("host", host).get(path);
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (421, "unknown_host")
            );
        }
    }
    for host in ["baton.example", "localhost:1", "[::1]:4747"] {
        assert_eq!(
            me.with("host", host).get("/api/auth/me").status,
            200,
            "{host}"
        );
    }
}

#[test]
fn another_sites_page_can_neither_act_nor_listen() {
    let mut world = World::idle(&[]);
    let (net, link) = world.serve(&[]);
    let own = format!("http://{}", net.address);
    let foreign = net.with("origin", "http://evil.example");
    let refused = foreign.post("/api/auth/link", &json!({"token": link}));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "cross_origin")
    );
    let signed_in = net
        .with("origin", &own)
        .post("/api/auth/link", &json!({"token": link}));
    assert_eq!(signed_in.status, 200, "the refusal did not use the link up");
    let cookie = signed_in.cookie();
    let logout = |net: &Net| {
        net.with("cookie", &cookie)
            .post("/api/auth/logout", &json!({}))
            .status
    };
    assert_eq!(logout(&foreign), 403);
    assert_eq!(
        logout(&net),
        403,
        "a cookie alone does not say where it is from"
    );
    let socket = |net: &Net| {
        let net = net.with("cookie", &cookie).with("upgrade", "websocket");
        net.with("sec-websocket-version", "13")
            .with("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")
    };
    assert_eq!(socket(&foreign).get("/api/ws").status, 403);
    assert_eq!(logout(&net.with("origin", &own)), 204);
}

#[test]
fn answers_forbid_browsers_what_the_app_does_not_need() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    for path in ["/", "/api/auth/me", "/healthz"] {
        let answer = net.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("script-src 'self';") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert!(answer.header("x-request-id").is_some());
    }
    assert_eq!(
        net.get("/api/auth/me").header("cache-control"),
        Some("no-store")
    );
}

#[test]
fn a_body_that_is_too_large_too_deep_or_no_text_is_refused_by_name() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let me = net.bearer(&world.token());
    let large = json!({"path": "x".repeat(2 << 20)});
    let refused = me.post("/api/projects", &large);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (413, "too_large")
    );
    let send = |body: &[u8]| {
        let (token, address) = (world.token(), net.address);
        let head = format!(
            "POST /api/projects HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let answer = net.raw(&[head.as_bytes(), body].concat()).unwrap();
        (answer.status, answer.code())
    };
    let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for levels in [1_000, 100_000] {
        assert_eq!(send(deep(levels).as_bytes()), (400, "bad_json".into()));
    }
    assert_eq!(send(b"{\"path\": \"\xff\xfe\"}"), (400, "bad_json".into()));
    assert_eq!(send(b"{\"path\": "), (400, "bad_json".into()));
    let head = format!(
        "GET / HTTP/1.1\r\nhost: {}\r\nx: {}\r\n\r\n",
        net.address,
        "y".repeat(1 << 20)
    );
    let answer = net.raw(head.as_bytes()).map(|answer| answer.status);
    assert!(matches!(answer, None | Some(431)), "{answer:?}");
}

#[test]
fn ids_are_never_paths() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let me = net.bearer(&world.token());
    for id in [
        "..%2f..%2f..%2fetc%2fpasswd",
        "..",
        "%2e%2e",
        "%00",
        "run_%ff%fe",
        "x'%20OR%201=1--",
    ] {
        for path in [
            format!("/api/workflow-executions/{id}"),
            format!("/api/workflow-steps/{id}/logs/output"),
            format!("/api/projects/{id}"),
            format!("/{id}"),
            format!("/assets/{id}"),
        ] {
            let answer = me.get(&path);
            assert!(
                matches!(answer.status, 400 | 404) || answer.text.contains("<title>Baton</title>"),
                "{path}: {answer:?}"
            );
            assert!(!answer.text.contains("root:"), "{path}");
        }
    }
}

#[test]
fn a_client_that_says_nothing_is_closed_and_others_are_served_meanwhile() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&["--patience", "500ms"]);
    let me = net.bearer(&world.token());
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = net.connect();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: 127").unwrap();
        slow.push(stream);
    }
    let head = format!(
        "POST /api/projects HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"pa",
        net.address,
        world.token()
    );
    let mut half = net.connect();
    half.write_all(head.as_bytes()).unwrap();
    assert_eq!(me.get("/api/auth/me").status, 200);
    for mut stream in slow {
        let answer = read(&mut stream).map(|answer| answer.status);
        assert!(matches!(answer, None | Some(408)), "{answer:?}");
    }
    let answer = read(&mut half).expect("it is told why");
    assert!(matches!(answer.status, 400 | 408), "{answer:?}");
}

#[test]
fn a_flood_of_nonsense_does_not_stop_a_run() {
    let mut world = World::idle(&[("gate", GATE)]);
    let (net, _) = world.serve(&["--patience", "2s"]);
    let me = net.bearer(&world.token());
    world.register(&me);
    let run = world.run("gate", &json!({}));
    world.run_when(&run, "runs", |run| run["status"] == "running");
    let nonsense: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"POST /api/workflow-executions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /api/workflow-executions HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    ];
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..50 {
                    let mut stream = net.connect();
                    let _refused = stream.write_all(nonsense[round % nonsense.len()]);
                    let _closed = stream.shutdown(std::net::Shutdown::Write);
                    let answer = read(&mut stream).map(|answer| answer.status);
                    assert!(
                        answer.is_none_or(|status| (400..500).contains(&status)),
                        "{answer:?}"
                    );
                }
            });
        }
        assert_eq!(me.get(&run).json()["data"]["status"], "running");
    });
    std::fs::write(world.directory().join("go"), "").unwrap();
    world.run_until(&run, "completed");
    eprintln!("200 connections of nonsense took {:?}", began.elapsed());
}

#[test]
fn listening_for_other_machines_needs_tls_or_a_proxy() {
    let world = World::idle(&[]);
    let output = world
        .serve_command(&["--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("--tls-cert") && said.contains("--behind-proxy"),
        "{said}"
    );
    assert!(!world.data_dir().exists(), "nothing was begun");
    let none = ["--tls-cert", "/none.pem", "--tls-key", "/none.key"];
    let output = world.serve_command(&none).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/none.pem"));
}

#[test]
fn behind_a_proxy_the_trail_says_where_a_request_was_really_from() {
    let mut world = World::idle(&[]);
    let (net, link) = world.serve(&["--behind-proxy"]);
    let from = net.with("x-forwarded-for", "6.6.6.6, 203.0.113.7");
    let signed_in = from.post("/api/auth/link", &json!({"token": link}));
    assert!(signed_in.header("set-cookie").unwrap().contains("; Secure"));
    let me = from.bearer(&world.token());
    assert_eq!(me.post("/api/users", &json!({"username": "u"})).status, 201);
    let trail = me.get("/api/audit").json();
    assert_eq!(trail["data"][0]["address"], "203.0.113.7");
}
