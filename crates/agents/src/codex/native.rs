//! Where the native Codex is, beside the Node launcher that npm puts on PATH. Owns paths; looks at no
//! disk.

use std::path::{Path, PathBuf};

/// Targets of npm's platform packages, and the packages (bin/codex.js of @openai/codex 0.169.0).
const TARGETS: &[(&str, &str, &str, &str)] = &[
    (
        "linux",
        "x86_64",
        "x86_64-unknown-linux-musl",
        "codex-linux-x64",
    ),
    (
        "linux",
        "aarch64",
        "aarch64-unknown-linux-musl",
        "codex-linux-arm64",
    ),
    ("macos", "x86_64", "x86_64-apple-darwin", "codex-darwin-x64"),
    (
        "macos",
        "aarch64",
        "aarch64-apple-darwin",
        "codex-darwin-arm64",
    ),
];

/// Where the native binary may be, best first, for the `codex` found on PATH. That one is a Node
/// launcher when it comes from npm, and a SIGKILL of it leaves the native process running (agents.md
/// 3). The caller takes the first that exists, else what it found. `found` should be given with its
/// symbolic links resolved: npm links `bin/codex` to `lib/node_modules/@openai/codex/bin/codex.js`.
#[must_use]
pub fn native_candidates(found: &Path) -> Vec<PathBuf> {
    let here = (std::env::consts::OS, std::env::consts::ARCH);
    let Some((_, _, target, package)) = TARGETS.iter().find(|t| (t.0, t.1) == here) else {
        return Vec::new();
    };
    candidates(found, target, package)
}

fn candidates(found: &Path, target: &str, package: &str) -> Vec<PathBuf> {
    let inside = Path::new("vendor").join(target).join("bin/codex");
    let mut all = Vec::new();
    let mut push = |path: PathBuf| {
        if !all.contains(&path) {
            all.push(path);
        }
    };
    // …/node_modules/@openai/codex/bin/codex.js: below its own package, and beside it.
    if let Some(root) = found.parent().and_then(Path::parent) {
        push(
            root.join("node_modules/@openai")
                .join(package)
                .join(&inside),
        );
        if let Some(scope) = root.parent() {
            push(scope.join(package).join(&inside));
        }
        push(root.join(&inside));
    }
    // An unresolved link: <prefix>/bin/codex, or node_modules/.bin/codex.
    let Some(bin) = found.parent() else {
        return all;
    };
    let modules = [
        bin.join("../lib/node_modules/@openai"),
        bin.join("../@openai"),
    ];
    for scope in modules {
        push(
            scope
                .join("codex/node_modules/@openai")
                .join(package)
                .join(&inside),
        );
        push(scope.join(package).join(&inside));
        push(scope.join("codex").join(&inside));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_native_binary_is_looked_for_where_npm_puts_it() {
        let all = |found: &str| {
            candidates(
                Path::new(found),
                "x86_64-unknown-linux-musl",
                "codex-linux-x64",
            )
        };
        let inside = "codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex";
        let modules = "/opt/agents/lib/node_modules/@openai";
        let resolved = all(&format!("{modules}/codex/bin/codex.js"));
        assert!(resolved.contains(&format!("{modules}/{inside}").into()));
        assert!(
            resolved.contains(&format!("{modules}/codex/node_modules/@openai/{inside}").into())
        );
        let linked = all("/opt/agents/bin/codex");
        assert!(
            linked
                .contains(&format!("/opt/agents/bin/../lib/node_modules/@openai/{inside}").into())
        );
        assert!(
            all("/x/node_modules/.bin/codex")
                .contains(&format!("/x/node_modules/.bin/../@openai/{inside}").into())
        );
        assert!(all("codex").len() <= 9 && all("/").is_empty());
    }
}
