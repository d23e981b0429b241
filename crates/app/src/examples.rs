//! The example definitions that a project can begin with, and how they get there: nothing is
//! overwritten, and all are written or none.

use std::io::Write;
use std::path::{Path, PathBuf};

/// In YAML: neither calls an agent.
pub const YAML: &[Example] = &[
    ("hello.yaml", include_str!("examples/hello.yaml")),
    ("tour.yaml", include_str!("examples/tour.yaml")),
];

/// In TypeScript.
pub const TYPESCRIPT: &[Example] = &[("hello-ts.ts", include_str!("examples/hello.ts"))];

/// A file's name and text.
pub type Example = (&'static str, &'static str);

/// Why none was written.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// A file of this name is there.
    #[error("{} is already there; nothing was written", .0.display())]
    Exists(PathBuf),
    /// The disk's refusal.
    #[error("{}: {error}", .path.display())]
    Disk {
        /// Of what.
        path: PathBuf,
        /// What it said.
        error: std::io::Error,
    },
}

/// Writes these into a project's directory. Gives the files.
///
/// # Errors
/// [`NotWritten`]: then the directory holds none of them that was not there before.
pub fn write(project: &Path, examples: &[Example]) -> Result<Vec<PathBuf>, NotWritten> {
    let dir = project.join(".agent/workflows/definitions");
    let taken = examples.iter().map(|(name, _)| dir.join(name));
    if let Some(path) = taken
        .into_iter()
        .find(|path| path.symlink_metadata().is_ok())
    {
        return Err(NotWritten::Exists(path));
    }
    std::fs::create_dir_all(&dir).map_err(|error| NotWritten::Disk {
        path: dir.clone(),
        error,
    })?;
    let mut written = Vec::new();
    for (name, text) in examples {
        let path = dir.join(name);
        if let Err(error) = write_new(&path, text) {
            for path in written {
                let _the_first_error_counts = std::fs::remove_file(path);
            }
            return Err(match error.kind() {
                std::io::ErrorKind::AlreadyExists => NotWritten::Exists(path),
                _ => NotWritten::Disk { path, error },
            });
        }
        written.push(path);
    }
    Ok(written)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)?;
    let done = file.write_all(text.as_bytes());
    if done.is_err() {
        let _the_first_error_counts = std::fs::remove_file(path);
    }
    done
}

#[cfg(test)]
mod tests {
    use baton_core::definition::{Source, parse};

    use super::*;

    #[test]
    fn the_examples_are_valid() {
        for (file, text) in YAML {
            let key = file.trim_end_matches(".yaml");
            let parsed = parse(&Source { key, file, text });
            assert_eq!(parsed.diagnostics, []);
            assert!(parsed.definition.is_some());
        }
    }
}
