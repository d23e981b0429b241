//! What must never be committed: secrets, paths of one machine, and addresses that only one
//! network can download from.

use crate::tree::{File, Tree};

/// The one source that `Cargo.lock` may name.
const CRATES_IO: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

/// Hosts that packages are downloaded from; a registry's page about a package is another host.
const PACKAGE_HOSTS: &[&str] = &[
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "files.pythonhosted.org",
    "pypi.org/simple",
    "index.crates.io",
    "static.crates.io",
    "deb.debian.org",
    "proxy.golang.org",
    "/artifactory/",
    "/api/npm/",
    "/api/cargo/",
];

/// Directories of the machines this is built on, and of people's homes.
const MACHINE_PATHS: &[&str] = &["/root/", "/work/", "/home/", "/Users/"];

/// Homes of nobody, for examples.
const NOBODY: &[&str] = &["you", "user", "me", "dev", "ada"];

/// How secrets begin, and how many more characters make one.
const SECRETS: &[(&str, usize)] = &[
    ("sk-ant-", 20),
    ("sk-proj-", 20),
    ("ghp_", 30),
    ("gho_", 30),
    ("github_pat_", 30),
    ("glpat-", 18),
    ("npm_", 30),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("AKIA", 16),
    ("AIza", 30),
    ("whsec_", 24),
];

/// Words that mark a secret in a test as made up.
const MADE_UP: &[&str] = &[
    "example", "fake", "dummy", "secret", "test", "0000", "1234", "xxxx",
];

/// Complains of every line that leaks.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    // This file must name what it looks for.
    for file in tree
        .files
        .iter()
        .filter(|file| file.path != "crates/tidy/src/leaks.rs")
    {
        for (number, line) in file.lines() {
            if let Some(what) = leak(file, line) {
                complaints.push(format!("{}:{number}: {what}", file.path));
            }
        }
    }
    complaints
}

fn leak(file: &File, line: &str) -> Option<String> {
    if let Some(host) = PACKAGE_HOSTS.iter().find(|host| line.contains(**host)) {
        return Some(format!("names a package host ({host})"));
    }
    let trimmed = line.trim();
    if file.name() == "Cargo.lock" && trimmed.starts_with("source") && trimmed != CRATES_IO {
        return Some("every crate comes from crates.io".into());
    }
    if file.name() == "package-lock.json" && trimmed.starts_with("\"resolved\": \"http") {
        return Some("holds a download address: npm's omit-lockfile-registry-resolved".into());
    }
    if line.contains("-----BEGIN ") && line.contains("PRIVATE KEY-----") {
        return Some("holds a private key".into());
    }
    machine_path(line).or_else(|| secret(line))
}

fn machine_path(line: &str) -> Option<String> {
    // `a/work/b` and `~/work/` are someone's own path, not the machine's.
    let continues = |c: char| c.is_alphanumeric() || "._-~/}*>$".contains(c);
    for start in MACHINE_PATHS {
        for (at, _) in line.match_indices(start) {
            let owner = line[at + start.len()..]
                .split(|c: char| !c.is_alphanumeric())
                .next()?;
            let is_home = matches!(*start, "/home/" | "/Users/");
            let nobody = is_home && (owner.is_empty() || NOBODY.contains(&owner));
            if !line[..at].ends_with(continues) && !nobody {
                return Some(format!("names a path of one machine ({start}…)"));
            }
        }
    }
    None
}

fn secret(line: &str) -> Option<String> {
    let token = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    for (start, length) in SECRETS {
        for (at, _) in line.match_indices(start) {
            let rest = &line[at + start.len()..];
            let rest = &rest[..rest.find(|c| !token(c)).unwrap_or(rest.len())];
            let made_up = MADE_UP
                .iter()
                .any(|word| rest.to_lowercase().contains(word));
            if rest.len() >= *length && !made_up && !line[..at].ends_with(token) {
                return Some(format!("looks like a secret ({start}…)"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaks(path: &str, line: &str) -> bool {
        !check(&Tree::of(&[(path, line)])).is_empty()
    }

    #[test]
    fn paths_of_one_machine_leak_and_those_of_nobody_do_not() {
        for line in [
            "cd /root/x",
            "\"/work/main\"",
            "(/home/carol/x)",
            "dir=/Users/carol/",
        ] {
            assert!(leaks("a.md", line), "{line}");
        }
        for line in [
            "crates/core/src/run/work/x",
            "/home/you/project",
            "/home/",
            "~/work/x",
        ] {
            assert!(!leaks("a.md", line), "{line}");
        }
    }

    #[test]
    fn a_secret_leaks_unless_it_is_plainly_made_up() {
        let real = "key: sk-ant-api03-Qx7bLw9ZkPt2VnRj8Mhc";
        assert!(leaks("a.rs", real));
        assert!(leaks("a.rs", "-----BEGIN RSA PRIVATE KEY-----"));
        assert!(!leaks("a.rs", "key: sk-ant-fake-Qx7bLw9ZkPt2VnRj8Mhc"));
        assert!(!leaks("a.rs", "the prefix is sk-ant-"));
    }

    #[test]
    fn a_lock_file_names_no_address_to_download_from() {
        assert!(!leaks("Cargo.lock", CRATES_IO));
        assert!(leaks(
            "Cargo.lock",
            "source = \"git+https://example.org/x\""
        ));
        assert!(leaks(
            "web/package-lock.json",
            "  \"resolved\": \"https://mirror.example/x.tgz\","
        ));
        assert!(!leaks(
            "web/package-lock.json",
            "  \"url\": \"https://opencollective.com/x\""
        ));
    }
}
