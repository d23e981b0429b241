//! The text files that git tracks or would add. Knows nothing of any rule.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One text file of the repository.
#[derive(Debug, Clone)]
pub struct File {
    /// Path from the root of the repository, with `/` between its parts.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// Every text file of the repository, ordered by path.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// The files.
    pub files: Vec<File>,
}

impl Tree {
    /// Reads the repository this crate belongs to.
    ///
    /// # Errors
    /// When git is missing, or the crate is not inside a git work tree.
    pub fn of_this_repository() -> io::Result<Self> {
        let root: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect();
        Self::read(&root)
    }

    /// Reads the work tree at `root`: tracked files, and new ones that no ignore rule leaves out.
    ///
    /// # Errors
    /// When git fails. A file that is not text, or is gone from the disk, is left out.
    pub fn read(root: &Path) -> io::Result<Self> {
        let listed = Command::new("git")
            // The clone may belong to another user than the one who tests it.
            .args([
                "-c",
                "safe.directory=*",
                "ls-files",
                "-co",
                "--exclude-standard",
                "-z",
            ])
            .current_dir(root)
            .output()?;
        if !listed.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&listed.stderr).into_owned(),
            ));
        }
        let names = String::from_utf8_lossy(&listed.stdout);
        let mut files: Vec<File> = names
            .split_terminator('\0')
            .filter_map(|path| {
                let bytes = std::fs::read(root.join(path)).ok()?;
                let text = String::from_utf8(bytes)
                    .ok()
                    .filter(|text| !text.contains('\0'))?;
                Some(File {
                    path: path.to_owned(),
                    text,
                })
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// A tree of the files given as path and text.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| File {
            path: (*path).into(),
            text: (*text).into(),
        });
        Self {
            files: files.collect(),
        }
    }

    /// The text of the file at `path`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }
}

impl File {
    /// The ending of the name, without its dot; empty when there is none.
    pub fn extension(&self) -> &str {
        self.name()
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension)
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether the file holds tests or benches only, by where it lies or what it is called.
    pub fn is_test(&self) -> bool {
        let name = self.name();
        self.path
            .split('/')
            .any(|part| matches!(part, "tests" | "benches" | "e2e"))
            || name == "tests.rs"
            || name.contains(".test.")
            || name.contains(".spec.")
    }

    /// The lines with their numbers, counted from one.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }
}
