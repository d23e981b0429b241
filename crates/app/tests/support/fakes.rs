//! The fake agents, as executables.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::world::BATON;

/// The fake of this name, built once when it is not beside the binary under test: cargo builds it by
/// itself only when the whole workspace is tested.
pub fn fake(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let beside = Path::new(BATON).parent().unwrap();
    if !beside.join("fake-claude").exists() {
        BUILT.get_or_init(|| {
            let built = Command::new(env!("CARGO"))
                .args(["build", "--locked", "--quiet", "--package", "baton-fakes"])
                .arg("--target-dir")
                .arg(beside.parent().unwrap())
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status();
            assert!(built.unwrap().success(), "the fake agents do not build");
        });
    }
    beside.join(name)
}

/// Installs all of them in a directory for the `PATH`, under the names that definitions use.
pub fn install(bin: &Path) {
    std::fs::create_dir_all(bin).unwrap();
    for (name, of) in [
        ("claude", "fake-claude"),
        ("codex", "fake-codex"),
        ("fake-acp", "fake-acp"),
    ] {
        std::os::unix::fs::symlink(fake(of), bin.join(name)).unwrap();
    }
}
