//! Where a run's files lie, and how they are written: whole or not at all.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

use baton_core::run::Run;

/// The directory of one run under its project.
pub(super) struct Place {
    project: PathBuf,
    executions: PathBuf,
    root: PathBuf,
}

impl Place {
    pub(super) fn of(run: &Run) -> Result<Self> {
        let project = PathBuf::from(&run.created.project.path);
        if !project.is_absolute() {
            let text = format!("the project's path {} is not absolute", project.display());
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let executions = project.join(".agent/workflows/executions");
        let root = executions.join(run.created.run.to_string());
        Ok(Self {
            project,
            executions,
            root,
        })
    }

    /// The first file of a run: checks that the project is still there, and that the directory
    /// ignores itself.
    pub(super) fn begin(&self) -> Result<()> {
        if !self.project.is_dir() {
            let text = format!("the project directory {} is gone", self.project.display());
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        let ignore = self.executions.join(".gitignore");
        if ignore.exists() {
            return Ok(());
        }
        write(&ignore, b"*\n")
    }

    pub(super) fn put(&self, relative: &str, content: &[u8]) -> Result<()> {
        self.begin()?;
        write(&self.root.join(relative), content)
    }

    /// Puts the files of an earlier attempt aside, those that this projection wrote.
    pub(super) fn put_aside(&self, key: &str, attempt: u32) -> Result<()> {
        let from = self.root.join("logs").join(key);
        let to = from.join(format!("attempt-{attempt}"));
        for name in ["input.json", "output.json", "summary.md"] {
            if !from.join(name).exists() {
                continue;
            }
            std::fs::create_dir_all(&to)?;
            std::fs::rename(from.join(name), to.join(name))?;
        }
        Ok(())
    }
}

/// Writes a file unless it already has this content.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::from(ErrorKind::InvalidInput));
    };
    std::fs::create_dir_all(parent)?;
    let temporary = parent.join(format!(".{}.tmp", name.to_string_lossy()));
    let written =
        std::fs::write(&temporary, content).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // Half a file is of no use to anybody.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// Whether a step's key may be part of a path: an id of the language (definitions.md,
/// "Expressions"), with `.n` for an item and `~n` for a repeat.
pub(super) fn is_safe(key: &str) -> bool {
    let rest = key.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '~'));
    let tail = &key[rest.len()..];
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    key.len() <= 100
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && rest.chars().all(fits)
        && !tail.ends_with(['.', '~'])
        && !["..", ".~", "~.", "~~"]
            .iter()
            .any(|pair| tail.contains(pair))
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn only_keys_of_the_language_become_paths() {
        for key in [
            "build",
            "build-app",
            "a_1",
            "each.0",
            "again~2",
            "each.0~3",
            "v2",
        ] {
            assert!(is_safe(key), "{key}");
        }
        for key in [
            "", "..", ".", "a/b", "../x", "a..b", "a.", "a\0", "é", "-x", "a b", "a.~1",
        ] {
            assert!(!is_safe(key), "{key}");
        }
        assert!(!is_safe(&"a".repeat(101)));
    }
}
