//! Where an isolated item of a `foreach` works: in a worktree of its own, beside the run's, from the
//! newest commit of the run's files when it began. It is merged into these when the item is done.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::event::Workspace;
use super::state::{At, Run};
use crate::definition::{Action, Finish, WorktreeMode};

/// The worktree that an item has to itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// The commit of the run's files that it began from.
    pub base: String,
    /// The number of its first attempt in it: an item that is undone gets another one.
    pub number: u32,
    /// Holds its files as its last attempt left them.
    pub newest: Option<String>,
}

impl Workspace {
    /// The directory that steps work in.
    #[must_use]
    pub fn directory(&self) -> String {
        let top = match self.mode {
            WorktreeMode::Worktree => &self.root,
            WorktreeMode::Stay | WorktreeMode::Branch => &self.repository,
        };
        match self.inside.as_str() {
            "" => top.clone(),
            inside => Path::new(top).join(inside).to_string_lossy().into_owned(),
        }
    }
}

impl Run {
    /// Whether the step at this place, or its child, works in a worktree of its own.
    pub(super) fn isolates(&self, place: At) -> bool {
        let declared = self.declared(place);
        let each = declared.foreach.as_ref().is_some_and(|each| each.isolate);
        each || matches!(&declared.action, Action::Workflow(child) if child.isolate)
    }

    /// The newest commit of the files that are this run's own.
    pub(super) fn own_files(&self) -> Option<String> {
        let workspace = self.created.workspace.as_ref().filter(|w| !w.shared)?;
        let newest = self.files.newest.as_ref();
        Some(newest.unwrap_or(&workspace.base).clone())
    }

    /// The worktree of the isolated item at this place.
    #[must_use]
    pub fn apart(&self, at: At) -> Option<Workspace> {
        let apart = self.step(at)?.apart.as_ref()?;
        self.apart_at(at, apart.number, &apart.base)
    }

    fn apart_at(&self, at: At, number: u32, base: &str) -> Option<Workspace> {
        let of = self.created.workspace.as_ref()?;
        let root = Path::new(&of.root);
        // The numbers at the end keep any two apart, whatever the step's id ends with.
        let id = self.steps.get(at.step)?.key.replace('~', "-");
        let end = format!("{id}-{}-{number}", at.item?);
        let name = format!("{}-{end}", root.file_name()?.to_string_lossy());
        let parent = Workspace {
            generation: self.files.generation,
            newest: self.files.newest.clone(),
            ..of.clone()
        };
        Some(Workspace {
            mode: WorktreeMode::Worktree,
            root: root.with_file_name(name).to_string_lossy().into_owned(),
            branch: format!("{}-{end}", of.branch),
            base: base.to_owned(),
            finish: Finish::Keep,
            generation: 0,
            newest: None,
            parent: Some(Box::new(parent)),
            ..of.clone()
        })
    }

    /// The directory that the step at this place works in.
    #[must_use]
    pub fn directory_of(&self, at: At) -> String {
        let Some(step) = self.step(at).filter(|_| self.isolates(at)) else {
            return self.created.directory.clone();
        };
        let number = step.apart.as_ref().map_or(step.tries + 1, |a| a.number);
        let apart = self.apart_at(at, number, "");
        apart.map_or_else(|| self.created.directory.clone(), |w| w.directory())
    }
}
