//! A project with members at every door: who is none finds nothing there, and hears nothing of it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use super::roles::user;
use crate::server_support::net::Net;
use crate::server_support::{World, step};

const HELLO: &str = "
name: Hello
steps:
  - {id: hello, type: script, command: 'echo hello; echo x > out.txt', artifacts: [out.txt]}
  - {id: ok, type: approval, message: 'Go on?'}
";

/// A project that is its member's alone, with a run that waits there.
struct Closed {
    world: World,
    net: Net,
    admin: Net,
    /// Who may operate there.
    member: Net,
    /// An operator everywhere else.
    other: Net,
    run: String,
}

impl Closed {
    fn new() -> Self {
        let mut world = World::idle(&[("hello", HELLO)]);
        let (net, _) = world.serve(&[]);
        let admin = net.bearer(&world.token());
        world.register(&admin);
        let (inside, member) = user(&admin, &net, "ida", "viewer");
        let (_, other) = user(&admin, &net, "oskar", "operator");
        let run = start(&admin, &world.project);
        world.run_when(&run, "waits", |run| run["waiting"]["reason"] == "approval");
        let closed = Self {
            world,
            net,
            admin,
            member,
            other,
            run,
        };
        closed.members(&json!([{"user_id": inside, "role": "operator"}]));
        closed
    }

    fn members(&self, members: &Value) {
        let path = format!("/api/projects/{}/members", self.world.project);
        let body = json!({"members": members});
        let set = self.admin.request("PUT", &path, Some(&body));
        assert_eq!(set.status, 200, "{set:?}");
    }

    fn id(&self) -> &str {
        self.run.rsplit('/').next().unwrap()
    }

    /// Another project, which is everybody's, and a run there.
    fn open_project(&self) -> (String, String) {
        let directory = self.world.directory().with_file_name("open");
        let definitions = directory.join(".agent/workflows/definitions");
        std::fs::create_dir_all(&definitions).unwrap();
        std::fs::write(definitions.join("hello.yaml"), HELLO).unwrap();
        let made = self
            .admin
            .post("/api/projects", &json!({"path": directory}));
        assert_eq!(made.status, 201, "{made:?}");
        let project = made.json()["data"]["id"].as_str().unwrap().to_owned();
        let run = start(&self.admin, &project);
        (project, run)
    }

    fn comment(&self, run: &str, text: &str) {
        let said = self
            .admin
            .post(&format!("{run}/comments"), &json!({"text": text}));
        assert_eq!(said.status, 201, "{said:?}");
    }
}

fn start(net: &Net, project: &str) -> String {
    let body = json!({"project_id": project, "definition": "hello"});
    let started = net.post("/api/workflow-executions", &body);
    assert_eq!(started.status, 201, "{started:?}");
    let id = started.json()["data"]["id"].as_str().unwrap().to_owned();
    format!("/api/workflow-executions/{id}")
}

/// The operations of the API's description that are about something of a project: method and path.
fn operations(admin: &Net) -> Vec<(String, String)> {
    let document = admin.get("/api/openapi.json").json();
    let begin = [
        "/api/artifacts/{",
        "/api/projects/{",
        "/api/workflow-definitions/{",
        "/api/workflow-executions/{",
        "/api/workflow-steps/{",
        "/api/workflows/{",
    ];
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        if begin.iter().any(|begin| path.starts_with(begin)) {
            let methods = item.as_object().unwrap().keys();
            let methods = methods.filter(|name| *name != "parameters");
            found.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
    }
    assert!(found.len() > 30, "{found:?}");
    found
}

#[test]
fn who_is_no_member_finds_nothing_there_by_any_operation() {
    let closed = Closed::new();
    let before = closed.admin.get(&closed.run).json()["data"].clone();
    let project = &closed.world.project;
    let definitions = closed.admin.get("/api/workflow-definitions").json();
    let definition = definitions["data"][0]["id"].as_str().unwrap().to_owned();
    let artifact = before["artifacts"][0]["id"].as_str().unwrap();
    let ok = step(&before, "ok")["id"].as_str().unwrap();
    let put = |path: &str| {
        let id = match path.split('/').nth(2).unwrap() {
            "artifacts" => artifact,
            "projects" => project,
            "workflow-definitions" => &definition,
            "workflow-steps" => ok,
            _ => closed.id(),
        };
        path.replace("{id}", id).replace("{type}", "output")
    };
    for (method, path) in operations(&closed.admin) {
        let body = (method != "GET").then(|| json!({}));
        let answer = closed.other.request(&method, &put(&path), body.as_ref());
        // What only admins may do is refused as everywhere.
        let of_admins =
            path.starts_with("/api/projects/") && method != "GET" && !path.contains("/workflows/");
        let status = if of_admins { 403 } else { 404 };
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        if method == "GET" {
            let to = if path.ends_with("rewind-preview") {
                "?to=hello"
            } else {
                ""
            };
            let answer = closed.member.get(&format!("{}{to}", put(&path)));
            let may = if path.ends_with("/diff") { 409 } else { 200 };
            assert_eq!(answer.status, may, "{path}: {answer:?}");
        }
    }
    // Where a query or a body names it.
    for path in [
        format!("/api/workflow-executions?project_id={project}"),
        format!("/api/workflow-definitions?project_id={project}"),
        format!("/api/insights?project_id={project}"),
    ] {
        assert_eq!(closed.other.get(&path).status, 404, "{path}");
        assert_eq!(closed.member.get(&path).status, 200, "{path}");
    }
    let (open, _) = closed.open_project();
    let below = json!({
        "project_id": open, "definition": "hello", "parent_run_id": closed.id(),
    });
    let source = "import './x.js';";
    for (path, body) in [
        ("/api/workflow-executions", below),
        (
            "/api/workflow-executions",
            json!({"workflow_definition_id": definition}),
        ),
        (
            "/api/workflow-definitions/validate",
            json!({"type": "code", "source": source, "project_id": project}),
        ),
    ] {
        let answer = closed.other.post(path, &body);
        assert_eq!(answer.status, 404, "{body}: {answer:?}");
        let answer = closed.member.post(path, &body);
        assert!(
            answer.status < 300 || answer.status == 403,
            "{body}: {answer:?}"
        );
    }
    let children = "/api/workflow-executions?parent_run_id=";
    let children = closed.other.get(&format!("{children}{}", closed.id()));
    assert_eq!(children.json()["data"], json!([]));
    let now = closed.admin.get(&closed.run).json()["data"].clone();
    for unchanged in ["status", "steps", "artifacts", "comments"] {
        assert_eq!(now[unchanged], before[unchanged], "{unchanged}");
    }
    let (_, is_error) = show(&closed.other, closed.id());
    assert!(is_error);
    let (text, is_error) = show(&closed.member, closed.id());
    assert!(!is_error, "{text}");
}

/// What the MCP server's tool `show` says, and whether that is an error.
fn show(net: &Net, run: &str) -> (String, bool) {
    let call = json!({"name": "show", "arguments": {"run": run}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call});
    let net = net.with("accept", "application/json, text/event-stream");
    let result = net.post("/mcp", &body).json()["result"].take();
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    (text.to_owned(), result["isError"] == true)
}

#[test]
fn a_member_may_do_there_what_the_members_role_says() {
    let closed = Closed::new();
    let (run, member) = (&closed.run, &closed.member);
    let shown = member.get(run).json()["data"].clone();
    let artifact = shown["artifacts"][0]["id"].as_str().unwrap();
    let artifact = format!("/api/artifacts/{artifact}");
    let ok = step(&shown, "ok")["id"].as_str().unwrap();
    let ok = format!("/api/workflow-steps/{ok}");
    let thread = format!("/api/workflows/{}", closed.id());
    let said = member.post(&format!("{run}/comments"), &json!({"text": "see"}));
    assert_eq!(said.status, 201, "{said:?}");
    let comment = said.json()["data"]["id"].clone();
    for (method, path, body, status) in [
        (
            "PUT",
            format!("{run}/read"),
            json!({"message_id": comment}),
            200,
        ),
        (
            "PATCH",
            format!("{artifact}/attach"),
            json!({"comment_id": comment}),
            200,
        ),
        ("DELETE", format!("{artifact}/detach"), json!({}), 200),
        ("POST", format!("{run}/pause"), json!({}), 200),
        ("POST", format!("{run}/resume"), json!({}), 200),
        ("POST", format!("{thread}/pause"), json!({}), 200),
        ("POST", format!("{thread}/unpause"), json!({}), 200),
        (
            "POST",
            format!("{thread}/messages"),
            json!({"content": "x"}),
            200,
        ),
        ("POST", format!("{ok}/skip-wait"), json!({}), 409),
        ("POST", format!("{ok}/answer"), json!({"answers": "x"}), 409),
        ("DELETE", run.clone(), json!({}), 409),
        ("POST", format!("{ok}/approve"), json!({}), 200),
    ] {
        let answer = member.request(method, &path, Some(&body));
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    }
    closed.world.run_until(run, "completed");
    let fork = member.post(&format!("{run}/fork"), &json!({}));
    assert_eq!(fork.status, 201, "{fork:?}");
    let refresh = format!("/api/projects/{}/workflows/refresh", closed.world.project);
    assert_eq!(member.post(&refresh, &json!({})).status, 200);
    assert_eq!(member.request("DELETE", run, None).status, 204);
}

/// What is heard over a WebSocket, with this query and these credentials.
struct Ear(WebSocket<TcpStream>);

impl Ear {
    fn open(net: &Net, query: &str) -> Self {
        Self::try_open(net, query).expect("it is let in")
    }

    /// The status of a refusal.
    fn try_open(net: &Net, query: &str) -> Result<Self, u16> {
        let url = format!("ws://{}/api/ws?{query}", net.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in &net.headers {
            let name: tungstenite::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match tungstenite::client(request, net.connect()) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(refused))) => {
                Err(refused.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// All up to this comment.
    fn until(&mut self, text: &str) -> Vec<Value> {
        until(std::iter::from_fn(|| Some(self.next())), text)
    }
}

fn until(events: impl Iterator<Item = Value>, text: &str) -> Vec<Value> {
    let mut heard = Vec::new();
    for event in events {
        let is_last = event["data"]["message"]["content"] == text;
        heard.push(event);
        if is_last {
            return heard;
        }
    }
    panic!("the connection has ended: {heard:?}")
}

/// Server-sent events from the beginning.
fn stream(net: &Net) -> impl Iterator<Item = Value> + use<> {
    let mut stream = net.connect();
    let mut head = format!(
        "GET /api/events?after=0 HTTP/1.0\r\nhost: {}\r\n",
        net.address
    );
    for (name, value) in &net.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
}

#[test]
fn who_is_no_member_hears_nothing_of_it() {
    let closed = Closed::new();
    let (open, open_run) = closed.open_project();
    let (hidden, id) = (closed.world.project.clone(), closed.id().to_owned());
    let named = format!("topics=run:{id},project:{hidden},project:{open}");
    let mut ears = [
        Ear::open(&closed.other, ""),
        Ear::open(&closed.other, "after=0"),
        Ear::open(&closed.other, &named),
        Ear::open(&closed.other, &format!("{named}&after=0")),
    ];
    let mut member = Ear::open(&closed.member, &format!("topics=project:{hidden}"));
    closed.comment(&closed.run, "hidden words");
    closed.comment(&open_run, "open words");
    let streamed = until(stream(&closed.other), "open words");
    let heard = ears.iter_mut().map(|ear| ear.until("open words"));
    for heard in heard.chain([streamed]) {
        for event in heard {
            assert_ne!(event["data"]["project_id"], hidden, "{event}");
            assert_ne!(event["data"]["execution_id"], id, "{event}");
            assert!(!event.to_string().contains("hidden words"), "{event}");
        }
    }
    member.until("hidden words");
    let mut everything = Ear::open(&closed.member, "");
    // By its number it is as if there were no such run.
    for none in ["run:1", "run:99"] {
        let refused = Ear::try_open(&closed.other, &format!("topics={none}"));
        assert_eq!(refused.err(), Some(404), "{none}");
        let answer = closed.other.get(&format!("/api/events?topics={none}"));
        assert_eq!(answer.status, 404, "{none}");
    }
    // What is taken away ends at once, in a connection that is open.
    let (somebody, _) = user(&closed.admin, &closed.net, "ines", "viewer");
    // What was told before that was told to a member: its definitions are found when they are.
    closed.comment(&open_run, "so far");
    everything.until("so far");
    closed.members(&json!([{"user_id": somebody, "role": "viewer"}]));
    closed.comment(&closed.run, "more hidden words");
    closed.comment(&open_run, "more open words");
    for event in everything.until("more open words") {
        assert_ne!(event["data"]["project_id"], hidden, "{event}");
    }
}

#[test]
fn a_hidden_run_and_one_that_is_not_there_are_answered_alike() {
    let closed = Closed::new();
    let second = start(&closed.admin, &closed.world.project);
    let (_, open) = closed.open_project();
    let (_, viewer) = user(&closed.admin, &closed.net, "vera", "viewer");
    let ids = [closed.id(), second.rsplit('/').next().unwrap()];
    // All runs of this minute begin so.
    let same = &closed.id()[..10];
    assert!(ids[1].starts_with(same) && open.contains(same));
    let missing = format!("run_{}", "f".repeat(32));
    let pairs = [
        (ids[0].to_owned(), missing.clone()),
        ("1".to_owned(), "99".to_owned()),
        (ids[1][..30].to_owned(), missing[..30].to_owned()),
        (ids[1][4..30].to_owned(), missing[4..30].to_owned()),
    ];
    let body = json!({});
    let asked = [
        ("GET", "/api/workflow-executions/RUN", None),
        ("GET", "/api/workflow-executions/RUN/events", None),
        ("GET", "/api/workflows/RUN/messages", None),
        ("GET", "/api/workflow-executions?parent_run_id=RUN", None),
        ("GET", "/api/events?topics=run:RUN", None),
        ("POST", "/api/workflow-executions/RUN/cancel", Some(&body)),
        ("POST", "/api/workflows/RUN/messages", Some(&body)),
        ("DELETE", "/api/workflow-executions/RUN", None),
        ("DELETE", "/api/workflows/RUN", None),
    ];
    for net in [&closed.other, &viewer] {
        for (hidden, missing) in &pairs {
            for (method, path, body) in asked {
                if path.contains("topics") && hidden.len() > 30 {
                    // It is taken, and says nothing.
                    continue;
                }
                let answer = |run: &str| {
                    let answer = net.request(method, &path.replace("RUN", run), body);
                    (answer.status, answer.text.replace(run, "RUN"))
                };
                let of_hidden = answer(hidden);
                assert_eq!(of_hidden, answer(missing), "{method} {path}: {hidden}");
                let may = if path.contains("parent") && hidden.len() > 30 {
                    200
                } else {
                    404
                };
                assert_eq!(of_hidden.0, may, "{method} {path}: {hidden}");
            }
        }
    }
    // What may not be seen makes nothing ambiguous: here only one is meant.
    let by = |net: &Net, run: &str| net.get(&format!("/api/workflow-executions/{run}"));
    let seen = by(&closed.other, same);
    assert_eq!(seen.status, 200, "{seen:?}");
    assert!(open.ends_with(seen.json()["data"]["id"].as_str().unwrap()));
    assert_eq!(by(&closed.admin, same).code(), "ambiguous_id");
    assert_eq!(by(&closed.member, same).code(), "ambiguous_id");
    let nothing = by(&closed.other, &missing[..10]);
    assert_eq!(
        (nothing.status, nothing.code().as_str()),
        (404, "not_found")
    );
}
