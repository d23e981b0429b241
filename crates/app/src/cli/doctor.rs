//! `baton doctor`: whether all that Baton needs is there. Starts nothing but to hear its version.

use std::borrow::Cow;
use std::path::Path;
use std::process::Command;

use baton_core::definition::Severity;
use clap::Args;
use rustix::process::{PidfdFlags, getpid, pidfd_open};
use serde_json::{Value, json};

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::text::{count, safe, size};
use super::{project, validate};
use crate::client::{Client, Error};
use crate::config;
use crate::host::agents::{self, Found, Login};
use crate::host::on_path;

/// Say whether all that Baton needs is there.
#[derive(Debug, Args)]
pub struct Doctor {}

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Good,
    Note,
    Bad,
}

struct Finding {
    name: Cow<'static, str>,
    is: Is,
    detail: String,
    /// An agent, for programs.
    agent: Option<Value>,
}

fn finding(name: impl Into<Cow<'static, str>>, is: Is, detail: impl Into<String>) -> Finding {
    Finding {
        name: name.into(),
        is,
        detail: detail.into(),
        agent: None,
    }
}

impl Doctor {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let dir = project::nearest(&context.directory);
        let mut findings = vec![
            finding("version", Is::Good, env!("CARGO_PKG_VERSION")),
            data_dir(&context.data_dir),
            file_system(&context.data_dir),
            space(&context.data_dir),
            host(&context.data_dir).await,
            settings(context, dir.as_deref()),
        ];
        findings.extend(definitions(dir.as_deref(), context));
        findings.extend([kernel(), git()]);
        findings.extend(agents(&context.directory).await);
        findings.extend(named_agents(dir.as_deref(), &context.directory));
        let bad = findings.iter().any(|finding| finding.is == Is::Bad);
        if context.json {
            let word = |is| match is {
                Is::Good => "ok",
                Is::Note => "note",
                Is::Bad => "error",
            };
            let rows = findings.iter();
            let row = |finding: &Finding| {
                let mut row = json!({
                    "name": finding.name, "status": word(finding.is), "detail": finding.detail,
                });
                if let Some(agent) = &finding.agent {
                    row["agent"] = agent.clone();
                }
                row
            };
            let rows: Vec<_> = rows.map(row).collect();
            print_json(&json!({"data": rows}));
        } else {
            for finding in &findings {
                let (mark, tint) = match finding.is {
                    Is::Good => ("✓", "32"),
                    Is::Note => ("–", "2"),
                    Is::Bad => ("✗", "31"),
                };
                let mark = if context.color {
                    format!("\u{1b}[{tint}m{mark}\u{1b}[0m")
                } else {
                    mark.into()
                };
                let detail = finding
                    .detail
                    .lines()
                    .map(safe)
                    .collect::<Vec<_>>()
                    .join("\n    ");
                print_line(&format!("{mark} {:<12} {detail}", finding.name));
            }
        }
        Ok(if bad { Exit::Host } else { Exit::Done })
    }
}

/// The nearest directory that exists: the data directory may not have been made yet.
fn existing(dir: &Path) -> &Path {
    dir.ancestors()
        .find(|dir| dir.is_dir())
        .unwrap_or(Path::new("/"))
}

fn data_dir(dir: &Path) -> Finding {
    let name = "data dir";
    let there = existing(dir);
    let writable = rustix::fs::access(there, rustix::fs::Access::WRITE_OK);
    let shown = dir.display();
    match writable {
        Ok(()) if there == dir => finding(name, Is::Good, format!("{shown} is writable")),
        Ok(()) => finding(name, Is::Good, format!("{shown} will be made on first use")),
        Err(error) => finding(name, Is::Bad, format!("{shown} cannot be written: {error}")),
    }
}

/// Locks and SQLite's shared memory do not hold across machines.
fn file_system(dir: &Path) -> Finding {
    const REMOTE: [(u32, &str); 6] = [
        (0x6969, "NFS"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x517b, "SMB"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
    ];
    let name = "file system";
    match rustix::fs::statfs(existing(dir)) {
        Ok(about) => {
            let kind = about.f_type as u32;
            match REMOTE.iter().find(|(magic, _)| *magic == kind) {
                Some((_, remote)) => finding(
                    name,
                    Is::Bad,
                    format!("the data dir is on {remote}; it must be on a local disk"),
                ),
                None => finding(name, Is::Good, "local"),
            }
        }
        Err(error) => finding(name, Is::Note, format!("cannot be told: {error}")),
    }
}

fn space(dir: &Path) -> Finding {
    const LOW: u64 = 1 << 30;
    let name = "disk space";
    match rustix::fs::statvfs(existing(dir)) {
        Ok(about) => {
            let free = about.f_bavail.saturating_mul(about.f_frsize);
            let is = if free < LOW { Is::Bad } else { Is::Good };
            finding(name, is, format!("{} free", size(free)))
        }
        Err(error) => finding(name, Is::Note, format!("cannot be told: {error}")),
    }
}

async fn host(dir: &Path) -> Finding {
    let name = "host";
    match Client::passive(dir).health().await {
        Ok(health) => {
            let text = format!("running: version {}, pid {}", health.version, health.pid);
            let same = health.version == env!("CARGO_PKG_VERSION");
            finding(name, if same { Is::Good } else { Is::Note }, text)
        }
        Err(Error::NotRunning(_)) => {
            finding(name, Is::Note, "not running; the next verb starts it")
        }
        Err(error) => finding(name, Is::Bad, error.to_string()),
    }
}

fn settings(context: &Context, project: Option<&Path>) -> Finding {
    let name = "config";
    let file = config::user_file();
    match context.config(project) {
        Ok(_) => {
            let file = file.filter(|file| file.exists());
            let text = file.map_or("defaults".to_owned(), |file| file.display().to_string());
            finding(name, Is::Good, text)
        }
        Err(failure) => finding(name, Is::Bad, failure.detail()),
    }
}

fn definitions(project: Option<&Path>, context: &Context) -> Vec<Finding> {
    let Some(dir) = project else {
        return vec![finding(
            "project",
            Is::Note,
            "none here: `baton init` makes one",
        )];
    };
    let mut findings = vec![finding("project", Is::Good, dir.display().to_string())];
    let name = "definitions";
    let checked: Result<Vec<_>, Failure> = validate::definition_files(dir).and_then(|files| {
        files
            .iter()
            .map(|f| validate::check(f, &context.directory))
            .collect()
    });
    findings.push(match checked {
        Err(failure) => finding(name, Is::Bad, failure.detail()),
        Ok(checked) => {
            let broken = checked.iter().filter(|one| {
                let mut all = one.diagnostics.iter();
                all.any(|diagnostic| diagnostic.severity == Severity::Error)
            });
            let broken: Vec<&str> = broken.map(|one| one.file.as_str()).collect();
            if broken.is_empty() {
                finding(
                    name,
                    Is::Good,
                    format!("{}, all valid", count(checked.len(), "definition")),
                )
            } else {
                let text = format!("invalid: {}; `baton validate` says why", broken.join(", "));
                finding(name, Is::Bad, text)
            }
        }
    });
    findings
}

fn kernel() -> Finding {
    let name = "kernel";
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let reaper = rustix::process::child_subreaper().is_ok();
    let pidfd = pidfd_open(getpid(), PidfdFlags::empty()).is_ok();
    let missing: Vec<&str> = [("sub-reaper", reaper), ("pidfd", pidfd)]
        .into_iter()
        .filter_map(|(what, there)| (!there).then_some(what))
        .collect();
    if missing.is_empty() {
        finding(
            name,
            Is::Good,
            format!("{release}, with sub-reaper and pidfd"),
        )
    } else {
        finding(
            name,
            Is::Bad,
            format!("{release}, without {}", missing.join(" and ")),
        )
    }
}

fn git() -> Finding {
    let name = "git";
    match Command::new("git").arg("--version").output() {
        Ok(output) if output.status.success() => finding(
            name,
            Is::Good,
            String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        ),
        Ok(_) | Err(_) => finding(
            name,
            Is::Note,
            "not found: no worktrees and no file checkpoints",
        ),
    }
}

/// As a run started from here would find them. None of them is needed by all.
async fn agents(directory: &Path) -> Vec<Finding> {
    let directory = directory.to_owned();
    let look = move || agents::all(&agents::own_environment(), &directory);
    let found = tokio::task::spawn_blocking(look).await;
    found.unwrap_or_default().iter().map(agent).collect()
}

/// Those with a name in baton.toml.
fn named_agents(project: Option<&Path>, directory: &Path) -> Vec<Finding> {
    // Settings that cannot be read are a finding of their own.
    let named = config::load(project).map(|config| config.agents);
    let one = |(name, agent): (String, config::NamedAgent)| {
        let kind = agent.kind.word();
        let words = agent.words().unwrap_or_default();
        let program = words.first().map_or(kind, String::as_str);
        let path = std::env::var("PATH").ok();
        let found = on_path(program, path.as_deref(), project.unwrap_or(directory));
        let (is, place) = match &found {
            Some(path) => (Is::Good, path.display().to_string()),
            None => (Is::Note, format!("`{program}` is not found")),
        };
        let model = agent.model.map(|model| format!(", model {model}"));
        let model = model.unwrap_or_default();
        let detail = format!("from baton.toml: {kind}{model} ({place})");
        finding(name, is, detail)
    };
    named.unwrap_or_default().into_iter().map(one).collect()
}

fn agent(found: &Found) -> Finding {
    let mut lines = Vec::new();
    let is = match (&found.path, &found.login) {
        (None, _) => {
            lines.push(format!("{} is not found: {}", found.label, found.install));
            Is::Note
        }
        (Some(path), login) => {
            let version = found.version.as_deref();
            let version = version.unwrap_or("says no version within 5 s");
            lines.push(format!("{version} ({})", path.display()));
            lines.push(match login {
                Login::Key(name) => format!("key in {name}"),
                Login::File(file) => format!("logged in ({})", file.display()),
                Login::None => format!("not logged in: {}", found.log_in),
            });
            let can = found.can();
            lines.push(match can.is_empty() {
                true => "this version of Baton cannot drive it".into(),
                false => format!("can {}", can.join(", ")),
            });
            let is_ready = *login != Login::None && found.version.is_some() && !can.is_empty();
            if is_ready { Is::Good } else { Is::Note }
        }
    };
    Finding {
        agent: Some(found.to_json()),
        ..finding(found.name, is, lines.join("\n"))
    }
}
