//! Files of older versions of Baton.

use rusqlite::Connection;
use serde_json::json;

use super::roles::user;
use crate::server_support::World;

/// `access.db` as version 1 made it. It stays as it is, whatever the newest one looks like.
const ACCESS_1: &str = "
CREATE TABLE users (
  id TEXT PRIMARY KEY,
  username TEXT NOT NULL UNIQUE COLLATE NOCASE,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0,
  salt BLOB,
  password BLOB,
  created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
) STRICT;
CREATE TABLE sessions (
  hash BLOB PRIMARY KEY,
  user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE members (
  project TEXT NOT NULL,
  user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  PRIMARY KEY (project, user)
) STRICT;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  data TEXT NOT NULL
) STRICT;
PRAGMA user_version = 1;
";

#[test]
fn who_was_let_in_by_the_first_version_is_let_in_by_this_one() {
    let mut world = World::idle(&[]);
    let (net, _) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    world.register(&admin);
    let ann = json!({"username": "ann", "role": "operator", "password": "correct horse battery"});
    assert_eq!(admin.post("/api/users", &ann).status, 201);
    let (ida, as_ida) = user(&admin, &net, "ida", "viewer");
    let members = format!("/api/projects/{}/members", world.project);
    let body = json!({"members": [{"user_id": ida, "role": "operator"}]});
    assert_eq!(admin.request("PUT", &members, Some(&body)).status, 200);
    let login = json!({"username": "ann", "password": "correct horse battery"});
    let cookie = net.post("/api/auth/login", &login).cookie();
    world.kill_host();

    // The same people, in a file of the first version.
    let path = world.data_dir().join("access.db");
    let newest = path.with_file_name("newest.db");
    let file = Connection::open(&path).unwrap();
    file.execute_batch("PRAGMA journal_mode = delete").unwrap();
    drop(file);
    std::fs::rename(&path, &newest).unwrap();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(ACCESS_1).unwrap();
    let newest = newest.to_str().unwrap();
    old.execute("ATTACH ?1 AS newest", [newest]).unwrap();
    let copy = "INSERT INTO users SELECT * FROM newest.users;
         INSERT INTO tokens SELECT * FROM newest.tokens;
         INSERT INTO sessions SELECT hash, user, expires_at FROM newest.sessions;
         INSERT INTO members SELECT * FROM newest.members;
         INSERT INTO audit SELECT * FROM newest.audit;";
    old.execute_batch(copy).unwrap();
    drop(old);

    let (net, link) = world.serve(&[]);
    let admin = net.bearer(&world.token());
    let name = |headers: &[(&str, &str)]| {
        let mut net = net.clone();
        for (name, value) in headers {
            net = net.with(name, value);
        }
        net.get("/api/auth/me").json()["data"]["username"].clone()
    };
    assert_eq!(name(&[("cookie", &cookie)]), "ann", "sessions go on");
    let of_ida = &as_ida.headers[0];
    assert_eq!(name(&[(&of_ida.0, &of_ida.1)]), "ida", "tokens go on");
    assert_eq!(net.post("/api/auth/login", &login).status, 200);
    let known = admin.get(&members).json()["data"].clone();
    assert_eq!(known[0]["user_id"], ida);
    let trail = admin.get("/api/audit").json()["data"].clone();
    let made = |deed: &serde_json::Value| deed["path"] == "/api/users";
    assert!(trail.as_array().unwrap().iter().any(made), "{trail}");

    // And what came with later versions is there: a repeat makes nothing, and a session ends with
    // the token that it was made of.
    let token = json!({"name": "new"});
    let keyed = admin.with("idempotency-key", "once");
    let first = keyed.post("/api/tokens", &token);
    assert_eq!(first.status, 201, "{first:?}");
    keyed.post("/api/tokens", &token);
    let tokens = admin.get("/api/tokens").json()["data"].clone();
    let new = tokens.as_array().unwrap().iter();
    assert_eq!(new.filter(|token| token["name"] == "new").count(), 1);
    let cookie = net.post("/api/auth/link", &json!({"token": link})).cookie();
    assert_eq!(name(&[("cookie", &cookie)]), "local");
    let version = Connection::open(&path).unwrap();
    let version: u32 = version
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 3);
}
