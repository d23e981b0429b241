//! Signing in by name, being kept out, and signed tokens.

use serde_json::json;

use crate::server_support::World;

const SECRET: &str = "a secret of thirty-two bytes or more, for tests";

#[test]
fn a_password_signs_in_and_its_change_or_a_ban_signs_out() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    let short = json!({"username": "ann", "password": "short"});
    let refused = admin.post("/api/users", &short);
    assert_eq!(
        (refused.status, &refused.json()["errors"][0]["pointer"]),
        (422, &json!("/password"))
    );
    let body = json!({"username": "ann", "role": "operator", "password": "correct horse battery"});
    let made = admin.post("/api/users", &body);
    assert_eq!(made.status, 201, "{made:?}");
    assert!(!made.text.contains("correct horse"));
    let taken = admin.post("/api/users", &json!({"username": "ANN"}));
    assert_eq!((taken.status, taken.code().as_str()), (409, "exists"));
    let path = format!("/api/users/{}", made.json()["data"]["id"].as_str().unwrap());

    let login = json!({"username": "Ann", "password": "correct horse battery"});
    let signed_in = net.post("/api/auth/login", &login);
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let ann = net.with("cookie", &signed_in.cookie());
    assert_eq!(ann.get("/api/auth/me").json()["data"]["role"], "operator");
    let change = json!({"password": "another horse battery"});
    assert_eq!(admin.request("PATCH", &path, Some(&change)).status, 200);
    assert_eq!(
        ann.get("/api/auth/me").status,
        401,
        "a new password ends sessions"
    );
    assert_eq!(net.post("/api/auth/login", &login).status, 401);
    let login = json!({"username": "ann", "password": "another horse battery"});
    let ann = net.with("cookie", &net.post("/api/auth/login", &login).cookie());
    assert_eq!(ann.get("/api/auth/me").status, 200);
    let ban = json!({"disabled": true});
    assert_eq!(admin.request("PATCH", &path, Some(&ban)).status, 200);
    assert_eq!(ann.get("/api/auth/me").status, 401);
    assert_eq!(net.post("/api/auth/login", &login).status, 401);
    assert_eq!(admin.request("DELETE", &path, None).status, 204);
    let local = admin.request(
        "PATCH",
        "/api/users/usr_00000000000070008000000000000001",
        Some(&ban),
    );
    assert_eq!(local.status, 422, "{local:?}");
}

#[test]
fn guessing_is_slowed_down_and_says_for_how_long() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let guess = |number: u32| {
        let password = format!("guess number {number}");
        net.post(
            "/api/auth/login",
            &json!({"username": "local", "password": password}),
        )
    };
    for number in 0..5 {
        let wrong = guess(number);
        assert_eq!((wrong.status, wrong.code().as_str()), (401, "bad_login"));
    }
    let slowed = guess(6);
    assert_eq!(
        (slowed.status, slowed.code().as_str()),
        (429, "too_many_attempts")
    );
    let seconds: u64 = slowed.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    let admin = net.bearer(&world.token());
    assert_eq!(admin.get("/api/auth/me").status, 200, "tokens go on");
}

#[test]
fn a_token_signed_with_jwt_secret_is_let_in_and_no_other() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve_with(&[], |command| {
        command.env("JWT_SECRET", SECRET);
    });
    let signed = |secret: &str, algorithm, claims: serde_json::Value| {
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes()).unwrap();
        jsonwebtoken::encode(&jsonwebtoken::Header::new(algorithm), &claims, &key).unwrap()
    };
    let hs256 = jsonwebtoken::Algorithm::HS256;
    let later = 4_000_000_000_u64;
    let good = signed(
        SECRET,
        hs256,
        json!({"sub": "ci", "role": "operator", "exp": later}),
    );
    let me = net.bearer(&good).get("/api/auth/me").json();
    assert_eq!(
        (&me["data"]["username"], &me["data"]["role"]),
        (&json!("ci"), &json!("operator"))
    );
    let local = signed(SECRET, hs256, json!({"sub": "local", "exp": later}));
    assert_eq!(
        net.bearer(&local).get("/api/auth/me").json()["data"]["role"],
        "admin"
    );
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbCIsImV4cCI6NDAwMDAwMDAwMH0.";
    let hs384 = jsonwebtoken::Algorithm::HS384;
    for (why, bad) in [
        (
            "expired",
            signed(SECRET, hs256, json!({"sub": "local", "exp": 1_000_000_000})),
        ),
        (
            "without an end",
            signed(SECRET, hs256, json!({"sub": "local"})),
        ),
        (
            "no such user",
            signed(SECRET, hs256, json!({"sub": "x", "exp": later})),
        ),
        (
            "another secret",
            signed(
                &SECRET.to_uppercase(),
                hs256,
                json!({"sub": "local", "exp": later}),
            ),
        ),
        (
            "another algorithm",
            signed(SECRET, hs384, json!({"sub": "local", "exp": later})),
        ),
        ("not signed", none.to_owned()),
    ] {
        assert_eq!(net.bearer(&bad).get("/api/auth/me").status, 401, "{why}");
    }
}

#[test]
fn a_jwt_secret_that_can_be_guessed_is_refused_at_the_start() {
    let world = World::idle(&[]);
    let output = world
        .serve_command(&[])
        .env("JWT_SECRET", "secret")
        .output();
    let output = output.unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("JWT_SECRET") && said.contains("32"), "{said}");
}

#[test]
fn steps_do_not_get_the_secret_that_tokens_are_signed_with() {
    let text = "
name: Look
steps:
  - {id: look, type: script, command: 'env | grep -c ^JWT_ || true', outputs: {n: stdout | trim}}
outputs: {n: '{{ steps.look.outputs.n }}'}
";
    let mut world = World::idle(&[("look", text)]);
    let (net, _) = world.serve_with(&[], |command| {
        command.env("JWT_SECRET", SECRET);
    });
    world.register(&net.bearer(&world.token()));
    let run = world.run("look", &json!({}));
    assert_eq!(world.run_until(&run, "completed")["outputs"]["n"], "0");
}
