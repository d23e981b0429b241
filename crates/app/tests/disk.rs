//! The real binary on a disk that fills: commands say so, nothing is lost, and when there is
//! space again the run goes on to its end.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use support::until;
use support::world::{LIMIT, World};

/// A tmpfs, unmounted when dropped.
struct Small(PathBuf);

impl Small {
    /// None where mounting is not allowed.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m,mode=700", "none"]);
        let done = mount.arg(at).output();
        done.is_ok_and(|done| done.status.success())
            .then(|| Self(at.to_path_buf()))
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.0.join("filler"))
            .unwrap();
        for size in [64 * 1024, 512, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

const HELD: &str = "
name: held
steps:
  - {id: before, type: script, command: 'echo \"before $BATON_ATTEMPT\" >> \"$TRACE\"'}
  - id: hold
    type: script
    command: |
      echo \"hold $BATON_ATTEMPT\" >> \"$TRACE\"
      while [ ! -e go ]; do sleep 0.02; done
      echo held
  - {id: after, type: script, command: 'echo \"after $BATON_ATTEMPT\" >> \"$TRACE\"'}
";

const QUICK: &str = "
name: quick
steps:
  - {id: quick, type: script, command: 'echo \"quick $BATON_ATTEMPT\" >> \"$TRACE\"'}
";

fn traced(world: &World, step: &str) -> usize {
    let text = fs::read_to_string(world.trace()).unwrap_or_default();
    text.lines()
        .filter(|line| line.starts_with(&format!("{step} ")))
        .count()
}

#[test]
fn a_full_disk_stops_nothing_for_good() {
    let temp = tempfile::Builder::new()
        .prefix("baton-disk-")
        .tempdir()
        .unwrap();
    let Some(small) = Small::mount(&temp.path().join("data")) else {
        eprintln!("SKIPPED: a tmpfs cannot be mounted here, so no disk can be filled");
        return;
    };
    let world = World::at(temp.path());
    world.define("held", HELD);
    world.define("quick", QUICK);
    world.start_host();
    world.await_host();
    let project = world.register();
    let held = world.start(&project, "held", "held").unwrap();
    until("the step to hold", LIMIT, || {
        (traced(&world, "hold") == 1).then_some(())
    });

    small.fill();
    // What the database has reserved may still hold some: then those runs exist.
    let mut accepted = vec![held.clone()];
    let body = json!({"project_id": project, "definition": "quick"});
    let refused = until("a refusal", LIMIT, || {
        let key = format!("quick-{}", accepted.len());
        let path = "/api/workflow-executions";
        let answer = world.ask("POST", path, Some(&key), Some(&body)).unwrap();
        if answer.status < 300 {
            let id = answer.body["data"]["id"].as_str().unwrap();
            accepted.push(id.to_owned());
            return None;
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.body["code"], "disk_error", "{answer:?}");
        Some(key)
    });
    let verb = world.baton(&["run", "--detach", "quick"]);
    let said = String::from_utf8_lossy(&verb.stderr).into_owned();
    assert_eq!(verb.status.code(), Some(70), "{said}");
    assert!(
        said.contains("No space left") || said.contains("disk is full"),
        "{said}"
    );
    assert_eq!(world.baton(&["list"]).status.code(), Some(0));

    // The step ends while nothing can be written but what was reserved for its record.
    fs::write(world.project.join("go"), "").unwrap();
    let ended = |dir: fs::DirEntry| {
        let record = fs::read_to_string(dir.path().join("exit.json")).unwrap_or_default();
        record.contains("held\\n").then_some(())
    };
    until("the record of the held step", LIMIT, || {
        let mut dirs = fs::read_dir(world.data.join("attempts")).ok()?.flatten();
        dirs.find_map(ended)
    });

    small.free();
    for run in &accepted {
        until("the end of every run", LIMIT, || {
            let status = world.status(run)?;
            assert_ne!(status, "failed", "{:?}", world.events(run).last());
            (status == "completed").then_some(())
        });
    }
    // The same request again, under the same key: now it is carried out.
    let path = "/api/workflow-executions";
    let answer = world
        .ask("POST", path, Some(&refused), Some(&body))
        .unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    let again = answer.body["data"]["id"].as_str().unwrap().to_owned();
    assert!(!accepted.contains(&again));
    until("the run that was refused", LIMIT, || {
        (world.status(&again)? == "completed").then_some(())
    });
    for step in ["before", "hold", "after"] {
        assert_eq!(traced(&world, step), 1, "{step}");
    }
    assert_eq!(traced(&world, "quick"), accepted.len());
    let listed = world.get("/api/workflow-executions?limit=200");
    assert_eq!(listed["data"].as_array().unwrap().len(), accepted.len() + 1);
    assert_eq!(world.close(), Vec::<String>::new());
}

#[test]
fn of_the_examples_a_full_disk_gets_all_or_none() {
    let temp = tempfile::Builder::new()
        .prefix("baton-disk-")
        .tempdir()
        .unwrap();
    let Some(small) = Small::mount(&temp.path().join("project")) else {
        eprintln!("SKIPPED: a tmpfs cannot be mounted here, so no disk can be filled");
        return;
    };
    let world = World::at(temp.path());
    world.start_host();
    world.await_host();
    let project = world.register();
    let path = format!("/api/projects/{project}/workflows/examples");
    let definitions = world.project.join(".agent/workflows/definitions");
    let files = || {
        let all = fs::read_dir(&definitions).unwrap();
        let mut all: Vec<_> = all.map(|entry| entry.unwrap().file_name()).collect();
        all.sort();
        all
    };
    // Room for one of two files.
    let page = world.project.join("page");
    fs::write(&page, [b'x'; 4096]).unwrap();
    small.fill();
    fs::remove_file(&page).unwrap();
    let refused = world.ask("POST", &path, None, None).unwrap();
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.body["code"], "disk_error", "{refused:?}");
    let said = refused.body["detail"].as_str().unwrap();
    assert!(said.contains("tour.yaml"), "the first one fits: {said}");
    assert_eq!(files(), Vec::<&str>::new());
    let listed = world.get(&format!("/api/workflow-definitions?project_id={project}"));
    assert_eq!(listed["data"], json!([]));

    small.free();
    let written = world.ask("POST", &path, None, None).unwrap();
    assert_eq!(written.status, 201, "{written:?}");
    assert_eq!(files(), ["hello.yaml", "tour.yaml"]);
    let valid = |found: &serde_json::Value| found["diagnostics"] == json!([]);
    assert!(written.body["data"].as_array().unwrap().iter().all(valid));
    assert_eq!(world.close(), Vec::<String>::new());
}
