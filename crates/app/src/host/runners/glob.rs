//! Globs over the files of a directory: `*` and `?` within a name, `[a-z]` one of these characters,
//! `**` any number of directories.
//!
//! Looks only where a match can be, at a bounded number of files, and through no links below `**`.

use std::fs;
use std::path::{Path, PathBuf};

/// Files and directories that are looked at for one glob.
const MOST: usize = 100_000;

/// Directories that `**` does not go into: Baton's own files and git's.
const OWN: [&str; 2] = [".agent/workflows/executions", ".git"];

/// What matches, in the order of names.
#[derive(Debug, Default)]
pub struct Found {
    /// The files; links are not followed to see what they are.
    pub paths: Vec<PathBuf>,
    /// There was more to look at than is looked at.
    pub is_cut: bool,
}

/// What a glob matches below a directory. One that could leave it matches nothing.
pub fn find(root: &Path, glob: &str) -> Found {
    let mut search = Search {
        root,
        left: MOST,
        found: Found::default(),
    };
    let parts: Vec<&str> = glob
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    if !glob.starts_with('/') && !parts.contains(&"..") && !parts.is_empty() {
        search.below(root, &parts);
    }
    search.found.paths.sort_unstable();
    search.found.paths.dedup();
    search.found
}

struct Search<'a> {
    root: &'a Path,
    left: usize,
    found: Found,
}

impl Search<'_> {
    fn below(&mut self, directory: &Path, parts: &[&str]) {
        let Some((part, rest)) = parts.split_first() else {
            return;
        };
        if *part == "**" {
            // `a/**` means every file in `a`.
            let rest = if rest.is_empty() { &["*"] } else { rest };
            self.below(directory, rest);
            for (path, _) in self.entries(directory) {
                let is_real = fs::symlink_metadata(&path).is_ok_and(|data| data.is_dir());
                let is_own = OWN.iter().any(|own| path == self.root.join(own));
                if is_real && !is_own {
                    self.below(&path, parts);
                }
            }
            return;
        }
        if !part.contains(['*', '?', '[']) {
            self.step(&directory.join(part), rest);
            return;
        }
        for (path, name) in self.entries(directory) {
            // As in a shell, what is hidden must be named.
            let is_hidden = name.starts_with('.') && !part.starts_with('.');
            if !is_hidden && matches(part, &name) {
                self.step(&path, rest);
            }
        }
    }

    fn step(&mut self, path: &Path, rest: &[&str]) {
        if !rest.is_empty() {
            self.below(path, rest);
        } else if fs::symlink_metadata(path).is_ok_and(|data| !data.is_dir()) {
            self.found.paths.push(path.to_owned());
        }
    }

    fn entries(&mut self, directory: &Path) -> Vec<(PathBuf, String)> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if self.left == 0 {
                self.found.is_cut = true;
                break;
            }
            self.left -= 1;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push((entry.path(), name));
            }
        }
        entries
    }
}

/// Whether a name fits one part of a glob.
fn matches(glob: &str, name: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut g, mut n) = (0, 0);
    // Where the last `*` stands, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let next = match glob.get(g) {
            Some('*') => {
                star = Some((g, n));
                g += 1;
                continue;
            }
            Some('?') => Some(g + 1),
            Some('[') => class(&glob, g, name[n]),
            Some(c) if *c == name[n] => Some(g + 1),
            Some(_) | None => None,
        };
        match (next, star) {
            (Some(next), _) => (g, n) = (next, n + 1),
            (None, Some((at, taken))) => {
                star = Some((at, taken + 1));
                (g, n) = (at + 1, taken + 1);
            }
            (None, None) => return false,
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

/// After a class that holds this character; a `[` that opens none means itself.
fn class(glob: &[char], at: usize, c: char) -> Option<usize> {
    let is_not = matches!(glob.get(at + 1), Some('!' | '^'));
    let from = at + 1 + usize::from(is_not);
    let Some(length) = glob.iter().skip(from + 1).position(|c| *c == ']') else {
        return (c == '[').then_some(at + 1);
    };
    let end = from + 1 + length;
    let inner = &glob[from..end];
    let mut holds = false;
    let mut i = 0;
    while i < inner.len() {
        if i + 2 < inner.len() && inner[i + 1] == '-' {
            holds |= (inner[i]..=inner[i + 2]).contains(&c);
            i += 3;
        } else {
            holds |= inner[i] == c;
            i += 1;
        }
    }
    (holds != is_not).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_glob_fits_names() {
        for (glob, name, fits) in [
            ("*.zip", "a.zip", true),
            ("*.zip", "a.zip.txt", false),
            ("a*b*c", "aXbYbZc", true),
            ("?", "ä", true),
            ("?", "", false),
            ("[a-c]1", "b1", true),
            ("[!a-c]1", "b1", false),
            ("[]]", "]", true),
            ("[x", "[x", true),
            ("**", "any", true),
        ] {
            assert_eq!(matches(glob, name), fits, "{glob} {name}");
        }
    }

    #[test]
    fn a_glob_finds_files_inside_and_none_outside() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        for path in [
            "root/a/b/c",
            "root/.git",
            "root/.agent/workflows/executions",
        ] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        for path in [
            "out.txt",
            "root/1.txt",
            "root/.hidden.txt",
            "root/a/2.txt",
            "root/a/b/c/3.txt",
            "root/.git/4.txt",
            "root/.agent/workflows/executions/5.txt",
        ] {
            fs::write(dir.path().join(path), "").unwrap();
        }
        std::os::unix::fs::symlink(&root, root.join("a/loop")).unwrap();
        let found = |glob: &str| -> Vec<String> {
            let found = find(&root, glob).paths;
            let relative = found.iter().map(|path| path.strip_prefix(&root).unwrap());
            relative.map(|path| path.display().to_string()).collect()
        };
        assert_eq!(found("*.txt"), ["1.txt"]);
        assert_eq!(found("a/*"), ["a/2.txt", "a/loop"]);
        assert_eq!(found("**/*.txt"), ["1.txt", "a/2.txt", "a/b/c/3.txt"]);
        assert_eq!(found("a/**"), ["a/2.txt", "a/b/c/3.txt", "a/loop"]);
        assert_eq!(found("a/b/c/3.txt"), ["a/b/c/3.txt"]);
        assert!(found("../*.txt").is_empty());
        assert!(found("/*").is_empty());
    }
}
