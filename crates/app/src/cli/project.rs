//! The project a verb is about.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::exit::Failure;
use crate::client::Client;

/// The nearest directory, this one or above it, with `.agent/workflows`.
#[must_use]
pub fn nearest(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .find(|dir| dir.join(".agent/workflows").is_dir())
        .map(Path::to_owned)
}

/// The project's id with the host, which learns of it on first use.
pub async fn register(client: &Client, dir: &Path) -> Result<String, Failure> {
    let path = dir
        .to_str()
        .ok_or_else(|| Failure::usage("the project's path is not UTF-8"))?;
    let answer = client.post("/api/projects", &json!({"path": path})).await?;
    answer["data"]["id"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::disk("the host's answer names no project"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_parent_with_workflows_is_the_project() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b/c");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::create_dir_all(dir.path().join(".agent/workflows")).unwrap();
        assert_eq!(nearest(&inner).unwrap(), dir.path());
        std::fs::create_dir_all(dir.path().join("a/b/.agent/workflows")).unwrap();
        assert_eq!(nearest(&inner).unwrap(), dir.path().join("a/b"));
    }
}
