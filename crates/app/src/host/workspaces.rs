//! Where new runs work: in the project's own directory, on a branch, or in a worktree of their own
//! (definitions.md, "Where it works").

use std::path::{Path, PathBuf};

use baton_core::definition::{Action, Definition, Finish, StepKind, WorktreeMode};
use baton_core::ids::RunId;
use baton_core::run::event::{ProjectRef, Workspace};
use baton_worktree::{Error, Head, Repository, branch_name};

/// What whoever starts a run says about where it works.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The mode, over the definition's.
    pub mode: Option<WorktreeMode>,
    /// The branch to begin from, over the one checked out.
    pub base_branch: Option<String>,
}

/// Where a run works.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its directory.
    pub directory: String,
    /// Its branch or worktree, when it has one.
    pub workspace: Option<Workspace>,
}

/// Why a run cannot work where it is to: the field that says so, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// A stable word.
    pub code: &'static str,
    /// The wish's field it is about.
    pub field: &'static str,
    /// For people.
    pub detail: String,
}

/// Where a run of this definition works. Asks git, and blocks.
///
/// # Errors
/// [`Unfit`].
pub fn place(
    data_dir: &Path,
    project: &ProjectRef,
    definition: &Definition,
    key: &str,
    run: RunId,
    wish: &Wish,
) -> Result<Place, Unfit> {
    let stay = || Place {
        directory: project.path.clone(),
        workspace: None,
    };
    let said = wish
        .mode
        .or_else(|| definition.worktree.as_ref().map(|worktree| worktree.mode));
    let isolates = |step: &baton_core::definition::Step| {
        step.foreach.as_ref().is_some_and(|each| each.isolate)
    };
    let needs_files = |step: &baton_core::definition::Step| match &step.action {
        Action::Agent(_) => true,
        _ if isolates(step) => true,
        Action::Workflow(child) => child.isolate,
        Action::Script(_)
        | Action::Remote(_)
        | Action::Approval(_)
        | Action::Wait(_)
        | Action::Function => false,
    };
    let outline = definition
        .program
        .iter()
        .flat_map(|program| &program.outline);
    let has_agent = definition.steps.iter().any(needs_files)
        || outline
            .into_iter()
            .any(|step| step.kind == Some(StepKind::Agent));
    let mode = match said {
        Some(mode) => mode,
        None if has_agent || wish.base_branch.is_some() => WorktreeMode::Worktree,
        None => WorktreeMode::Stay,
    };
    if mode == WorktreeMode::Stay {
        return match wish.base_branch {
            Some(_) => Err(Unfit {
                code: "base_branch_without_worktree",
                field: "base_branch",
                detail: "`base_branch` needs `worktree: worktree` or `worktree: branch`".into(),
            }),
            None => Ok(stay()),
        };
    }
    match in_git(data_dir, project, definition, key, run, mode, wish) {
        Ok(Some(place)) => Ok(place),
        Ok(None) if said.is_none() && wish.base_branch.is_none() => Ok(stay()),
        Ok(None) => Err(Unfit {
            code: "no_repository",
            field: "worktree",
            detail: format!(
                "{} is in no git repository: `git init` it, or use `worktree: stay`",
                project.path
            ),
        }),
        // Nobody asked for a worktree: without git it works too, and restores no files.
        Err(Error::NoGit | Error::NoCommits { .. }) if said.is_none() => Ok(stay()),
        Err(error) => Err(Unfit {
            code: error.code(),
            field: match &error {
                Error::Invalid { what: "branch", .. } => "base_branch",
                _ => "worktree",
            },
            detail: error.to_string(),
        }),
    }
}

fn in_git(
    data_dir: &Path,
    project: &ProjectRef,
    definition: &Definition,
    key: &str,
    run: RunId,
    mode: WorktreeMode,
    wish: &Wish,
) -> Result<Option<Place>, Error> {
    let Some(repository) = Repository::discover(Path::new(&project.path))? else {
        return Ok(None);
    };
    if mode == WorktreeMode::Branch {
        if repository.bare {
            let path = repository.root;
            return Err(Error::Bare { path });
        }
        refuse_unready(&repository)?;
    }
    let base = repository.base(wish.base_branch.as_deref())?;
    let base_branch = match &wish.base_branch {
        Some(branch) => Some(branch.clone()),
        None => match repository.head()? {
            Head::Branch(name, _) => Some(name),
            Head::Detached(_) | Head::Unborn(_) => None,
        },
    };
    let written = definition.worktree.clone();
    let workspace = Workspace {
        mode,
        repository: text(&repository.root),
        inside: text(&repository.project),
        root: text(&root(data_dir, project, run)),
        branch: branch_name(key, &run.to_string()),
        base,
        base_branch,
        copy: written.as_ref().map_or_else(Vec::new, |w| w.copy.clone()),
        setup: written.as_ref().and_then(|w| w.setup.clone()),
        finish: written.map_or(Finish::Keep, |w| w.finish),
        shared: false,
        generation: 0,
        newest: None,
        parent: None,
    };
    Ok(Some(at(workspace)))
}

fn refuse_unready(repository: &Repository) -> Result<(), Error> {
    let state = repository.state()?;
    if let Some(operation) = state.operation {
        return Err(Error::Busy {
            path: repository.root.clone(),
            operation,
        });
    }
    if !state.dirty.is_empty() {
        return Err(Error::Dirty {
            path: repository.root.clone(),
            files: state.dirty,
        });
    }
    Ok(())
}

/// The same place for a fork of a run: a worktree of its own from this commit.
pub fn forked(
    data_dir: &Path,
    project: &ProjectRef,
    of: &Workspace,
    key: &str,
    run: RunId,
    base: String,
) -> Place {
    at(Workspace {
        root: text(&root(data_dir, project, run)),
        branch: branch_name(key, &run.to_string()),
        base,
        shared: false,
        generation: 0,
        newest: None,
        parent: None,
        ..of.clone()
    })
}

fn root(data_dir: &Path, project: &ProjectRef, run: RunId) -> PathBuf {
    data_dir
        .join("worktrees")
        .join(project.id.to_string())
        .join(run.to_string())
}

fn at(workspace: Workspace) -> Place {
    let directory = super::runners::workspace_spec(&workspace).directory();
    Place {
        directory: text(&directory),
        workspace: Some(workspace),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Takes away what a removed run has in git: its worktree, those of its items, and its checkpoints.
/// Branches stay.
pub fn remove(workspace: &Workspace, run: RunId) {
    if workspace.shared {
        return;
    }
    for workspace in std::iter::once(workspace.clone()).chain(of_items(workspace)) {
        if let Err(error) = super::runners::discard_workspace(&workspace, true) {
            let root = &workspace.root;
            tracing::warn!(%run, %error, root, "the worktree of a removed run stays");
        }
    }
}

/// The worktrees of isolated items that are there beside the run's: their names begin with its.
fn of_items(workspace: &Workspace) -> Vec<Workspace> {
    let root = Path::new(&workspace.root);
    let (Some(beside), Some(name)) = (root.parent(), root.file_name()) else {
        return vec![];
    };
    let begin = format!("{}-", name.to_string_lossy());
    let found = std::fs::read_dir(beside).into_iter().flatten().flatten();
    let items = found.filter(|entry| {
        let is_its = entry.file_name().to_string_lossy().starts_with(&begin);
        is_its && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    let of_item = |entry: std::fs::DirEntry| Workspace {
        mode: WorktreeMode::Worktree,
        root: text(&entry.path()),
        ..workspace.clone()
    };
    items.map(of_item).collect()
}
