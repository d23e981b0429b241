//! The fake agents' programs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The fake of this name, beside the binary under test. Cargo builds it there when the whole
/// workspace is tested; when only this package is, it is built here, once.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let profile = Path::new(env!("CARGO_BIN_EXE_baton")).parent().unwrap();
    let there = |name: &str| profile.join(name).exists();
    if !["fake-claude", "fake-codex", "fake-acp"]
        .into_iter()
        .all(there)
    {
        BUILT.get_or_init(|| {
            let mut build = Command::new(env!("CARGO"));
            build
                .args(["build", "--quiet", "--locked", "--package", "baton-fakes"])
                .arg("--target-dir")
                .arg(profile.parent().unwrap())
                .current_dir(env!("CARGO_MANIFEST_DIR"));
            if profile.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success(), "the fakes are built");
        });
    }
    profile.join(name)
}

/// Installs all of them in a directory for the `PATH`, under the names that definitions use.
#[allow(dead_code, reason = "each test binary uses its own part of it")]
pub fn install(bin: &Path) {
    std::fs::create_dir_all(bin).unwrap();
    for (name, of) in [
        ("claude", "fake-claude"),
        ("codex", "fake-codex"),
        ("fake-acp", "fake-acp"),
    ] {
        std::os::unix::fs::symlink(program(of), bin.join(name)).unwrap();
    }
}
