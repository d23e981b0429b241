//! Having a run's files there, as the run's state says, whatever happened before.
//!
//! Never runs the setup command, and never restores the same generation twice.

use std::path::PathBuf;

use crate::copy;
use crate::error::Error;
use crate::make;
use crate::marker::Marker;
use crate::restore::bring_back;
use crate::spec::{Mode, Spec};
use crate::submodules;
use crate::workspace::{Standing, Workspace};

/// Which files a run's state asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restore {
    /// How often the run has gone back; files are brought to `commit` once for each.
    pub generation: u32,
    /// The newest checkpoint of the run as it stands: also what a worktree that was deleted gets.
    /// None: no checkpoint yet.
    pub commit: Option<String>,
}

/// Whether a worktree was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It was there, or nothing is made in this mode.
    Already,
    /// It was made now.
    New,
    /// It had been there and was lost; it was made again.
    Again,
}

/// A run's directory, ready for its next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Where the steps work.
    pub directory: PathBuf,
    /// Whether it was there.
    pub made: Made,
    /// The commit whose files were brought back now.
    pub restored: Option<String>,
    /// What was there before it was restored, as a kept commit.
    pub before: Option<String>,
    /// Whether going back restores files at all; false with [`Mode::Stay`], which is to be said.
    pub restores_files: bool,
    /// Whether the setup command has succeeded here.
    pub setup_done: bool,
    /// What the run's thread should mention, in whole sentences.
    pub notes: Vec<String>,
}

/// Makes sure that the run's files are there and brought to the wanted generation. Call it before
/// each attempt; when all is in place it takes a few milliseconds. After a crash at any moment the
/// next call comes to the same end.
///
/// # Errors
/// [`Error::BranchTaken`], [`Error::BranchInUse`], [`Error::UnknownCommit`], [`Error::Filter`];
/// about the user's checkout [`Error::Busy`], [`Error::Dirty`], [`Error::SwitchedAway`],
/// [`Error::Bare`]; [`Error::NotARepository`] when the repository is gone; and those of git.
pub fn ensure(spec: &Spec, want: &Restore) -> Result<Prepared, Error> {
    match spec.mode {
        Mode::Stay => stay(spec),
        Mode::Branch => branch(spec, want),
        Mode::Worktree => worktree(spec, want),
    }
}

fn stay(spec: &Spec) -> Result<Prepared, Error> {
    let workspace = Workspace::open(spec)?;
    let mut marker = Marker::load(spec)?.unwrap_or_default();
    if !marker.ready {
        marker.ready = true;
        marker.save(spec)?;
    }
    Ok(Prepared {
        restores_files: false,
        ..prepared(&workspace, &marker)
    })
}

fn branch(spec: &Spec, want: &Restore) -> Result<Prepared, Error> {
    let workspace = Workspace::open(spec)?;
    let mut marker = Marker::load(spec)?.unwrap_or_default();
    if marker.ready {
        make::require_own_branch(&workspace)?;
        return bring_to(&workspace, marker, want);
    }
    make::switch(&workspace, &mut marker)?;
    let begin = beginning(&workspace, want)?;
    let restored = match &begin {
        Some(commit) => Some(bring_back(&workspace, commit)?),
        None => None,
    };
    marker.ready = true;
    marker.generation = want.generation;
    marker.save(spec)?;
    Ok(Prepared {
        made: Made::New,
        restored: begin,
        notes: restored
            .map(|restored| restored.warnings)
            .unwrap_or_default(),
        ..prepared(&workspace, &marker)
    })
}

fn worktree(spec: &Spec, want: &Restore) -> Result<Prepared, Error> {
    let workspace = Workspace::open(spec)?;
    let kept = Marker::load(spec)?;
    let mut standing = workspace.standing()?;
    let had_marker = kept.is_some();
    let mut marker = kept.unwrap_or_default();
    if !had_marker && standing == Standing::Usable {
        // Only the state file was lost: what is there may hold work.
        marker.ready = true;
        marker.branch_made = true;
    }
    let was_ready = marker.ready || marker.again;
    if marker.ready && standing == Standing::Broken && make::repair(&workspace)? {
        standing = Standing::Usable;
    }
    if marker.ready && standing == Standing::Usable {
        return bring_to(&workspace, marker, want);
    }
    marker.ready = false;
    marker.again = was_ready;
    marker.setup_done = false;
    marker.save(spec)?;
    make::make_branch(&workspace, &mut marker)?;
    // A branch that an earlier worktree worked on says itself where it is.
    let begin = match (&want.commit, was_ready) {
        (None, true) => None,
        _ => beginning(&workspace, want)?,
    };
    let aside = make::make_worktree(&workspace, begin.as_deref(), was_ready)?;
    let mut notes = Vec::new();
    if was_ready {
        notes.push(made_again(&begin, aside));
    }
    submodules::update(&workspace.git, &mut notes)?;
    marker.copied = copy::copy(&workspace, &mut notes)?;
    marker.ready = true;
    marker.again = false;
    marker.generation = want.generation;
    marker.save(spec)?;
    Ok(Prepared {
        made: if was_ready { Made::Again } else { Made::New },
        restored: begin,
        notes,
        ..prepared(&workspace, &marker)
    })
}

/// What the first files are, when they are not simply those of the branch.
fn beginning(workspace: &Workspace<'_>, want: &Restore) -> Result<Option<String>, Error> {
    if want.commit.is_some() {
        return Ok(want.commit.clone());
    }
    let base = &workspace.spec.base;
    let recorded = crate::commit::recorded_head(&workspace.users(), base)?;
    Ok(recorded.map(|_| base.clone()))
}

fn made_again(begin: &Option<String>, aside: Option<PathBuf>) -> String {
    let from = match begin {
        Some(_) => "the newest checkpoint",
        None => "the branch",
    };
    let kept = aside.map(|path| format!(" What was left of it is at {}.", path.display()));
    format!(
        "The worktree was gone or damaged; it was made again from {from}.{}",
        kept.unwrap_or_default()
    )
}

fn bring_to(
    workspace: &Workspace<'_>,
    mut marker: Marker,
    want: &Restore,
) -> Result<Prepared, Error> {
    let Some(commit) = want
        .commit
        .as_ref()
        .filter(|_| marker.generation < want.generation)
    else {
        return Ok(prepared(workspace, &marker));
    };
    let restored = bring_back(workspace, commit)?;
    marker.generation = want.generation;
    marker.save(workspace.spec)?;
    Ok(Prepared {
        restored: Some(commit.clone()),
        before: restored.before,
        notes: restored.warnings,
        ..prepared(workspace, &marker)
    })
}

fn prepared(workspace: &Workspace<'_>, marker: &Marker) -> Prepared {
    let directory = workspace.spec.directory();
    Prepared {
        directory,
        made: Made::Already,
        restored: None,
        before: None,
        restores_files: true,
        setup_done: marker.setup_done,
        notes: Vec::new(),
    }
}
