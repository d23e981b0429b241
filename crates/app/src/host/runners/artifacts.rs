//! What a successful attempt leaves: the files its step's `artifacts` name, copied to
//! `<executions>/<run>/artifacts/<step>/` before its end is reported.
//!
//! Owns which files these are and what they are called. Never leaves the run's directory, and never
//! fails an attempt: what could not be kept is said.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use baton_core::ids::{ArtifactId, RunId};
use baton_core::run::event::Artifact;
use baton_engine::ports::Launch;

use super::glob::{Found, find};
use super::kinds::kind_of;
use super::logs::executions;
use super::names::{free, safe};

/// Files that are kept of a step.
const MOST: usize = 1_000;

/// Names of the files that were kept of an earlier attempt, one a line.
const MANIFEST: &str = ".kept";

/// Keeps the files, in place of those of an earlier attempt; what people brought stays. Returns them,
/// and what people should know.
pub fn keep(launch: &Launch, globs: &[String]) -> (Vec<Artifact>, Vec<String>) {
    let mut warnings = Vec::new();
    let kept = try_keep(launch, globs, &mut warnings).unwrap_or_else(|error| {
        warnings.push(format!("the artifacts could not be kept: {error}"));
        Vec::new()
    });
    for warning in &warnings {
        let (run, key) = (launch.run, &launch.key);
        tracing::warn!(%run, key, "{warning}");
    }
    (kept, warnings)
}

fn try_keep(
    launch: &Launch,
    globs: &[String],
    warnings: &mut Vec<String>,
) -> io::Result<Vec<Artifact>> {
    let root = fs::canonicalize(&launch.directory)?;
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for glob in globs {
        let Found { paths, is_cut } = find(&root, glob);
        if is_cut {
            warnings.push(format!("artifacts: `{glob}` looks through too many files"));
        }
        if paths.is_empty() && !is_cut {
            warnings.push(format!("artifacts: `{glob}` matches no file"));
        }
        // What is gone again, or no file, is none.
        let real = paths.into_iter().filter_map(|path| {
            let real = fs::canonicalize(&path).ok().filter(|real| real.is_file())?;
            Some((real, path))
        });
        let (inside, outside): (Vec<_>, Vec<_>) =
            real.partition(|(real, _)| real.starts_with(&root));
        if !outside.is_empty() {
            warnings.push(format!(
                "artifacts: `{glob}` matches links that leave the run's directory: not kept"
            ));
        }
        files.extend(
            inside
                .into_iter()
                .filter(|(real, _)| seen.insert(real.clone())),
        );
    }
    if files.len() > MOST {
        let count = files.len();
        warnings.push(format!("artifacts: {count} files; only {MOST} are kept"));
        files.truncate(MOST);
    }
    put(launch, &files, warnings)
}

/// Copies them beside what is there, in place of those that an earlier attempt left: doing it again,
/// after a crash, changes nothing.
fn put(
    launch: &Launch,
    files: &[(PathBuf, PathBuf)],
    warnings: &mut Vec<String>,
) -> io::Result<Vec<Artifact>> {
    let to = directory(Path::new(&launch.project.path), launch.run, &launch.key);
    let manifest = to.join(MANIFEST);
    let before = fs::read_to_string(&manifest).unwrap_or_default();
    for name in before.lines() {
        // Only what this has written: safe names.
        if name == safe(Path::new(name)) {
            remove(&to.join(name))?;
        }
    }
    if files.is_empty() {
        return remove(&manifest).map(|()| Vec::new());
    }
    fs::create_dir_all(&to)?;
    let there = fs::read_dir(&to)?.flatten();
    let there = there.filter_map(|entry| entry.file_name().into_string().ok());
    let mut taken: HashSet<String> = there.map(|name| name.to_lowercase()).collect();
    let named: Vec<(&PathBuf, &PathBuf, String)> = files
        .iter()
        .map(|(real, path)| (real, path, free(&safe(path), &mut taken)))
        .collect();
    // Before the first copy: what a crash leaves is known to be this step's.
    let names: Vec<&str> = named.iter().map(|(.., name)| name.as_str()).collect();
    fs::write(&manifest, names.join("\n"))?;
    let mut kept = Vec::new();
    for (real, path, name) in named {
        match copy(real, &to.join(&name)).and_then(|bytes| {
            let kind = kind_of(&to.join(&name), &name)?;
            Ok((bytes, kind))
        }) {
            Ok((bytes, kind)) => kept.push(Artifact {
                id: ArtifactId::of(launch.attempt, &name),
                step: launch.key.clone(),
                path: artifact_path(launch.run, &launch.key, &name),
                name,
                file_type: kind.file_type,
                mime: kind.mime,
                bytes,
                by: None,
                message: None,
                at: launch.since,
            }),
            Err(error) => {
                let shown = path.strip_prefix(&launch.directory).unwrap_or(path);
                let shown = shown.display();
                warnings.push(format!("artifacts: {shown} could not be kept: {error}"));
            }
        }
    }
    Ok(kept)
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut from = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(from)?;
    let mut to = OpenOptions::new().write(true).create_new(true).open(to)?;
    io::copy(&mut from, &mut to)
}

/// Where a step's artifacts lie.
fn directory(project: &Path, run: RunId, key: &str) -> PathBuf {
    executions(project, run).join("artifacts").join(key)
}

/// Where an artifact is, relative to its project.
pub fn artifact_path(run: RunId, key: &str, name: &str) -> String {
    format!(".agent/workflows/executions/{run}/artifacts/{key}/{name}")
}
