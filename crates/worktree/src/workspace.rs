//! One run's files, opened for one piece of work: git in the right directory, the private index,
//! and the lock that keeps a second piece of work out.
//!
//! Never makes the directory; that is `make`.

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::commit;
use crate::error::Error;
use crate::git::{Git, path_of};
use crate::marker::Marker;
use crate::spec::{Mode, Spec};
use crate::stage;

/// One run's files, while the lock is held.
pub(crate) struct Workspace<'a> {
    pub(crate) spec: &'a Spec,
    /// Git in the work tree, with its own index.
    pub(crate) git: Git,
    /// The same with the private index.
    pub(crate) private: Git,
    /// The private index.
    pub(crate) index: PathBuf,
    lock: Arc<File>,
}

/// How a directory stands that should be the run's worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Usable,
    Missing,
    /// Something is there that git does not take for this worktree.
    Broken,
}

/// Waits for and takes the lock of one run's files; it goes with the file, also in a crash, when
/// the last git that works under it has ended.
pub(crate) fn lock(spec: &Spec) -> Result<File, Error> {
    let path = spec.beside(".lock");
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(Error::io(parent))?;
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(true);
    let file = file.open(&path).map_err(Error::io(&path))?;
    file.lock().map_err(Error::io(&path))?;
    Ok(file)
}

impl<'a> Workspace<'a> {
    pub(crate) fn open(spec: &'a Spec) -> Result<Workspace<'a>, Error> {
        spec.check()?;
        let lock = Arc::new(lock(spec)?);
        let git = Git::at(spec.work_tree()).under(&lock);
        let index = spec.beside(".index");
        Ok(Workspace {
            spec,
            private: git.with_index(&index),
            git,
            index,
            lock,
        })
    }

    /// The same, when the files are there.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub(crate) fn open_standing(spec: &'a Spec) -> Result<Workspace<'a>, Error> {
        let workspace = Workspace::open(spec)?;
        match workspace.standing()? {
            Standing::Usable => Ok(workspace),
            Standing::Missing | Standing::Broken => Err(Error::Gone {
                path: spec.work_tree().to_owned(),
            }),
        }
    }

    /// Git in the user's repository.
    pub(crate) fn users(&self) -> Git {
        Git::at(&self.spec.root).under(&self.lock)
    }

    pub(crate) fn standing(&self) -> Result<Standing, Error> {
        let top = self.spec.work_tree();
        if fs::symlink_metadata(top).is_err() {
            return Ok(Standing::Missing);
        }
        // Without a `.git` of its own, git would find a repository further up.
        if fs::symlink_metadata(top.join(".git")).is_err() {
            return Ok(Standing::Broken);
        }
        let real = top.canonicalize().map_err(Error::io(top))?;
        let found = self
            .git
            .call("rev-parse")
            .args([
                "--path-format=absolute",
                "--show-toplevel",
                "--git-common-dir",
            ])
            .bytes();
        let found = match found {
            Ok(found) => found,
            Err(Error::NotARepository { .. } | Error::Git { .. }) => return Ok(Standing::Broken),
            Err(error) => return Err(error),
        };
        let rest = found.strip_prefix(real.as_os_str().as_encoded_bytes());
        let common = rest.and_then(|rest| rest.strip_prefix(b"\n")?.strip_suffix(b"\n"));
        let common = common.and_then(|path| path_of(path).canonicalize().ok());
        Ok(match common == Some(self.users_common_dir()?) {
            true => Standing::Usable,
            false => Standing::Broken,
        })
    }

    /// Where git keeps what all checkouts of the user's repository share.
    fn users_common_dir(&self) -> Result<PathBuf, Error> {
        let usual = self.spec.root.join(".git");
        if fs::symlink_metadata(&usual).is_ok_and(|found| found.is_dir()) {
            return usual.canonicalize().map_err(Error::io(&usual));
        }
        let dir = self
            .users()
            .call("rev-parse")
            .args(["--path-format=absolute", "--git-common-dir"])
            .path()?;
        dir.canonicalize().map_err(Error::io(&dir))
    }

    /// Stages every file in the private index and writes it as a tree.
    pub(crate) fn snapshot(&self) -> Result<Staged, Error> {
        let marker = Marker::load(self.spec)?.unwrap_or_default();
        self.seed()?;
        let first = self.stage(&marker.copied);
        let warnings = match first {
            Err(error) if self.index_is_spoilt(&error) => {
                self.drop_index()?;
                self.seed()?;
                self.stage(&marker.copied)?
            }
            other => other?,
        };
        let tree = self.private.call("write-tree").line()?;
        Ok(Staged { tree, warnings })
    }

    fn stage(&self, left_out: &[String]) -> Result<Vec<String>, Error> {
        let warnings = stage::stage(&self.private, left_out)?;
        stage::stage_forced(&self.git, &self.private, left_out)?;
        Ok(warnings)
    }

    /// The commit checked out; of a branch without any, the run's branch or base.
    pub(crate) fn head(&self) -> Result<String, Error> {
        if let Some(head) = commit::resolve(&self.git, "HEAD")? {
            return Ok(head);
        }
        match commit::resolve(&self.git, &self.spec.branch_ref())? {
            Some(tip) => Ok(tip),
            None => commit::head_of(&self.git, &self.spec.base),
        }
    }

    /// Begins the private index as a copy of the checkout's, which knows what has not changed.
    fn seed(&self) -> Result<(), Error> {
        if self.index.exists() {
            return Ok(());
        }
        let own = index_path(&self.git)?;
        if own.exists() {
            copy_index(&own, &self.index)?;
        }
        stage::leave_out_executions(&self.private)
    }

    /// Hands the private index to the checkout: the files it knows are the files that are there.
    pub(crate) fn give_index(&self) -> Result<(), Error> {
        let own = index_path(&self.git)?;
        let new = own.with_extension("baton");
        copy_index(&self.index, &new)?;
        fs::rename(&new, &own).map_err(Error::io(&own))?;
        remove_if_there(&own.with_extension("lock"))
    }

    pub(crate) fn drop_index(&self) -> Result<(), Error> {
        remove_if_there(&self.index)?;
        remove_if_there(&self.spec.beside(".index.lock"))
    }

    /// Whether the private index is damaged, or locked by a git that was killed: while the lock of
    /// the run is held, no other git of ours works on it.
    fn index_is_spoilt(&self, error: &Error) -> bool {
        match error {
            Error::Locked { message } => message.contains(".index.lock"),
            Error::Git { message, .. } => {
                message.contains("index file") || message.contains("bad signature")
            }
            _ => false,
        }
    }

    /// Refuses a worktree mode that is not there for a repository without files.
    pub(crate) fn refuse_bare(&self) -> Result<(), Error> {
        let bare = self.git.call("rev-parse").arg("--is-bare-repository");
        if self.spec.mode == Mode::Branch && bare.line()? == "true" {
            return Err(Error::Bare {
                path: self.spec.root.clone(),
            });
        }
        Ok(())
    }
}

/// All files as they are.
pub(crate) struct Staged {
    pub(crate) tree: String,
    /// What is not in it, for people.
    pub(crate) warnings: Vec<String>,
}

fn index_path(git: &Git) -> Result<PathBuf, Error> {
    git.call("rev-parse")
        .args(["--path-format=absolute", "--git-path", "index"])
        .path()
}

/// Copies an index with its time: git compares it with the files' to see which it must read again.
fn copy_index(from: &Path, to: &Path) -> Result<(), Error> {
    let time = fs::metadata(from)
        .and_then(|found| found.modified())
        .map_err(Error::io(from))?;
    let new = to.with_extension("copy");
    fs::copy(from, &new).map_err(Error::io(&new))?;
    let file = File::options()
        .write(true)
        .open(&new)
        .map_err(Error::io(&new))?;
    file.set_times(FileTimes::new().set_modified(time))
        .map_err(Error::io(&new))?;
    fs::rename(&new, to).map_err(Error::io(to))
}

pub(crate) fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}
