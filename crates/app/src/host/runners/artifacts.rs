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

use baton_core::ids::RunId;
use baton_engine::ports::Launch;

use super::glob::{Found, find};
use super::logs::executions;

/// Files that are kept of a step.
const MOST: usize = 1_000;

/// The longest name, in bytes; file systems take 255.
const LONGEST: usize = 200;

/// Keeps the files, in place of those of an earlier attempt. Returns what people should know.
pub fn keep(launch: &Launch, globs: &[String]) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Err(error) = try_keep(launch, globs, &mut warnings) {
        warnings.push(format!("the artifacts could not be kept: {error}"));
    }
    for warning in &warnings {
        let (run, key) = (launch.run, &launch.key);
        tracing::warn!(%run, key, "{warning}");
    }
    warnings
}

fn try_keep(launch: &Launch, globs: &[String], warnings: &mut Vec<String>) -> io::Result<()> {
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

/// Copies to a directory of its own, which then takes the place of the earlier one: so doing it
/// again, after a crash, changes nothing.
fn put(
    launch: &Launch,
    files: &[(PathBuf, PathBuf)],
    warnings: &mut Vec<String>,
) -> io::Result<()> {
    let to = directory(Path::new(&launch.project.path), launch.run, &launch.key);
    let all = to.parent().map(Path::to_path_buf).unwrap_or_default();
    let draft = all.join(format!(".{}", launch.attempt));
    remove(&draft)?;
    if files.is_empty() {
        return remove(&to);
    }
    fs::create_dir_all(&draft)?;
    let mut names = HashSet::new();
    for (real, path) in files {
        let name = free(&safe(path), &mut names);
        if let Err(error) = copy(real, &draft.join(&name)) {
            let shown = path
                .strip_prefix(&launch.directory)
                .unwrap_or(path)
                .display();
            warnings.push(format!("artifacts: {shown} could not be kept: {error}"));
        }
    }
    remove(&to)?;
    fs::rename(draft, to)
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut from = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(from)?;
    let mut to = OpenOptions::new().write(true).create_new(true).open(to)?;
    io::copy(&mut from, &mut to).map(|_| ())
}

/// The last part of a path as a name that means no other place and hides nothing.
fn safe(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| {
        let is_plain =
            c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ' | '+' | '@' | '(' | ')');
        if is_plain { c } else { '_' }
    };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_start_matches('.').trim();
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    if end == 0 {
        "file".into()
    } else {
        name[..end].to_owned()
    }
}

/// The name, or with `-2` and so on before its ending when it is taken.
fn free(name: &str, taken: &mut HashSet<String>) -> String {
    let (stem, ending) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    };
    let mut free = name.to_owned();
    let mut count = 1;
    while !taken.insert(free.to_lowercase()) {
        count += 1;
        free = format!("{stem}-{count}{ending}");
    }
    free
}

/// Where a step's artifacts lie.
fn directory(project: &Path, run: RunId, key: &str) -> PathBuf {
    executions(project, run).join("artifacts").join(key)
}

/// A file that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Where it is, relative to the project.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// The files kept of a step, by name. What cannot be read is not there.
pub fn list(project: &Path, run: RunId, key: &str) -> Vec<Kept> {
    let directory = directory(project, run, key);
    let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
    let mut all: Vec<Kept> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let path = format!(".agent/workflows/executions/{run}/artifacts/{key}/{name}");
            Some(Kept {
                name,
                path,
                bytes: metadata.len(),
            })
        })
        .take(MOST)
        .collect();
    all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_and_a_second_one_is_numbered() {
        let name = |path: &str| safe(Path::new(path));
        assert_eq!(name("/a/Report 1.html"), "Report 1.html");
        assert_eq!(name("/a/.env"), "env");
        assert_eq!(name("/a/x\ny:z\\w"), "x_y_z_w");
        assert_eq!(name("/"), "file");
        assert!(name(&format!("/{}", "ä".repeat(120))).len() <= LONGEST);
        let mut taken = HashSet::new();
        let mut next = |name: &str| free(name, &mut taken);
        assert_eq!(next("a.tar.gz"), "a.tar.gz");
        assert_eq!(next("A.tar.gz"), "A.tar-2.gz");
        assert_eq!(next("a"), "a");
        assert_eq!(next("a"), "a-2");
        assert_eq!(next("a-2"), "a-2-2");
    }
}
