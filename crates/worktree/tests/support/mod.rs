//! A repository of a user in a temporary directory, and a run that works in it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use baton_worktree::{Checkpoint, Mode, Prepared, Repository, Restore, Spec, checkpoint, ensure};
use tempfile::TempDir;

pub struct World {
    pub dir: TempDir,
    /// The user's checkout.
    pub repo: PathBuf,
}

/// A user's repository with a file `a` on branch `main`.
pub fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let repo = root.join("repo");
    fs::create_dir(&repo).unwrap();
    git(&repo, &["init", "-q", "-b", "main"]);
    let world = World { dir, repo };
    world.write("a", "one\n");
    world.commit("first");
    world
}

impl World {
    pub fn write(&self, path: &str, text: &str) {
        put(&self.repo, path, text);
    }

    pub fn commit(&self, message: &str) -> String {
        git(&self.repo, &["add", "-A"]);
        git(&self.repo, &["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn git(&self, args: &[&str]) -> String {
        git(&self.repo, args)
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("data")
    }

    pub fn spec(&self, mode: Mode) -> Spec {
        self.spec_of("run_0001", mode)
    }

    pub fn spec_of(&self, run: &str, mode: Mode) -> Spec {
        let repository = Repository::discover(&self.repo).unwrap().unwrap();
        Spec {
            mode,
            base: repository.base(None).unwrap(),
            root: repository.root,
            project: repository.project,
            path: self.data().join("worktrees/prj").join(run),
            branch: baton_worktree::branch_name("build", run),
            run: run.to_owned(),
            copy: Vec::new(),
        }
    }

    /// A run with its worktree.
    pub fn run(&self) -> Spec {
        let spec = self.spec(Mode::Worktree);
        prepare(&spec);
        spec
    }
}

pub fn prepare(spec: &Spec) -> Prepared {
    ensure(spec, &Restore::default()).unwrap()
}

pub fn go_back(spec: &Spec, generation: u32, commit: &str) -> Prepared {
    let commit = Some(commit.to_owned());
    ensure(spec, &Restore { generation, commit }).unwrap()
}

pub fn snap(spec: &Spec) -> Checkpoint {
    checkpoint(spec, "after a step", None).unwrap().unwrap()
}

pub fn put(top: &Path, path: &str, text: &str) {
    let path = top.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub fn read(top: &Path, path: &str) -> String {
    fs::read_to_string(top.join(path)).unwrap()
}

/// Git as the user calls it; panics when it fails.
pub fn git(dir: &Path, args: &[&str]) -> String {
    let (ok, stdout, stderr) = try_git(dir, args);
    assert!(ok, "git {args:?}: {stderr}");
    stdout
}

pub fn try_git(dir: &Path, args: &[&str]) -> (bool, String, String) {
    let output = Command::new("git")
        .current_dir(dir)
        .args(args)
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.org")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.org")
        .env("GIT_EDITOR", "true")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Every file below `top` but git's: content, link or mode; empty directories do not count.
pub fn files(top: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    collect(top, top, &mut found);
    found
}

fn collect(top: &Path, dir: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap();
        if path.file_name().unwrap() == ".git" {
            continue;
        }
        let name = path.strip_prefix(top).unwrap().to_owned();
        if kind.is_dir() {
            collect(top, &path, found);
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            let link = [b"link ", target.as_os_str().as_encoded_bytes()].concat();
            found.insert(name, link);
        } else {
            let executable = kind.permissions().mode() & 0o100 != 0;
            let content = fs::read(&path).unwrap();
            found.insert(
                name,
                [format!("{executable} ").as_bytes(), &content].concat(),
            );
        }
    }
}

/// All that a run must leave alone in the user's repository and directory.
pub fn users_own(world: &World) -> Vec<(String, Vec<u8>)> {
    let git_dir = world.repo.join(".git");
    let mut own: Vec<(String, Vec<u8>)> = ["index", "config", "HEAD"]
        .iter()
        .map(|name| ((*name).to_owned(), fs::read(git_dir.join(name)).unwrap()))
        .collect();
    let refs = world.git(&[
        "for-each-ref",
        "--exclude=refs/heads/baton",
        "--exclude=refs/baton",
    ]);
    own.push(("refs".to_owned(), refs.into_bytes()));
    own.push((
        "stash".to_owned(),
        world.git(&["stash", "list"]).into_bytes(),
    ));
    let hooks = files(&git_dir.join("hooks"));
    own.push(("hooks".to_owned(), format!("{hooks:?}").into_bytes()));
    own.push((
        "files".to_owned(),
        format!("{:?}", files(&world.repo)).into_bytes(),
    ));
    own
}
