//! Where the database lies: in the data directory, or where `DATABASE_URL` says. Its files have
//! fixed names, so what the setting chooses is their directory.

use std::path::{Path, PathBuf};

/// The name of the journal's file.
const JOURNAL: &str = "journal.db";

/// A place that the database cannot have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Elsewhere {
    /// The host works in no directory of its own.
    #[error("DATABASE_URL: `{}` is not an absolute path", .0.display())]
    Relative(PathBuf),
    /// A file of another name.
    #[error(
        "not_available: DATABASE_URL: the database is several files, and the journal is always \
         called `{JOURNAL}`: name their directory, `sqlite:{}`", .0.display()
    )]
    Name(PathBuf),
}

/// The directory of the database: that which is named, or that of the `journal.db` which is.
pub fn directory(named: Option<&Path>, data_dir: &Path) -> Result<PathBuf, Elsewhere> {
    let Some(path) = named else {
        return Ok(data_dir.to_path_buf());
    };
    if !path.is_absolute() {
        return Err(Elsewhere::Relative(path.to_path_buf()));
    }
    let parent = path.parent().unwrap_or(path).to_path_buf();
    if path.file_name().is_some_and(|name| name == JOURNAL) {
        return Ok(parent);
    }
    let is_file = path.is_file() || (!path.is_dir() && path.extension().is_some());
    if is_file {
        return Err(Elsewhere::Name(parent));
    }
    Ok(path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_or_its_journal_can_be_named_and_no_other_file() {
        let of = |named: Option<&str>| directory(named.map(Path::new), Path::new("/data"));
        assert_eq!(of(None), Ok("/data".into()));
        assert_eq!(of(Some("/db/none")), Ok("/db/none".into()));
        assert_eq!(of(Some("/db/none/journal.db")), Ok("/db/none".into()));
        let refused = of(Some("/db/none/prod.db")).unwrap_err();
        assert_eq!(refused, Elsewhere::Name("/db/none".into()));
        assert!(refused.to_string().contains("not_available"));
        assert!(matches!(of(Some("prod.db")), Err(Elsewhere::Relative(_))));
    }
}
