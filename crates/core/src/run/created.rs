//! What a run is created with: all that it depends on, in its stored form.

use serde::{Deserialize, Serialize};

use super::big::Big;
use super::event::{Actor, Key, PausePolicy, SkipReason, StepError, StepOutput};
use super::prefix::Prefix;
use super::redirect::Predecessor;
use crate::definition::{Budget, Finish, OnFull, WorktreeMode};
use crate::ids::{DefinitionId, ProjectId, RunId};
use crate::time::Timestamp;

/// The first event of a run: all that it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCreated {
    /// Its id.
    pub run: RunId,
    /// Its number, rising within the server.
    pub number: u64,
    /// Its name for people.
    pub name: String,
    /// The project it belongs to.
    pub project: ProjectRef,
    /// The definition it runs.
    pub definition: DefinitionRef,
    /// The definition's text.
    pub source: Big,
    /// The parsed args, defaults applied, as JSON text.
    pub args: Big,
    /// Who started it.
    pub by: Actor,
    /// The run it is a child or fork of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Its budget.
    #[serde(default)]
    pub budget: Budget,
    /// The concurrency key it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<SlotClaim>,
    /// Ends of steps taken over from the run it was forked from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<Inherited>,
    /// The beginning of that run's program, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Box<Prefix>>,
    /// A standing instruction (`run.instruction`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// What happens when a pause lasts long.
    #[serde(default)]
    pub pause_policy: PausePolicy,
    /// The run's own directory.
    pub directory: String,
    /// Its branch or worktree, when it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Workspace>,
    /// The run whose place it takes: it begins when nothing of that one runs any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Predecessor>,
}

/// A run's own branch or worktree, fixed when it is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// A worktree of its own, or the user's checkout on the run's branch.
    pub mode: WorktreeMode,
    /// The repository's root: absolute.
    pub repository: String,
    /// Where the project is in the repository; empty when it is all of it.
    #[serde(default)]
    pub inside: String,
    /// The worktree: absolute, and named by the run. Of a branch, where its state is kept.
    pub root: String,
    /// The run's branch.
    pub branch: String,
    /// The commit it begins from.
    pub base: String,
    /// The branch that commit was the tip of, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_branch: Option<String>,
    /// Globs of files to copy from the user's directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copy: Vec<String>,
    /// A command to run first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
    /// What becomes of the branch at the end.
    pub finish: Finish,
    /// It is the parent run's: made ready and kept in checkpoints, but neither finished nor brought back for
    /// a rewind of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// How often its parent's files had been brought back when this child began: who uses them
    /// first may have to do so.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u32,
    /// The newest commit of its parent's files then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// The parent run's, into which this isolated child's work is merged back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<Workspace>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What became of an ended run's branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The branch that holds the work.
    pub branch: String,
    /// Its tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch it was merged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<String>,
    /// Files in which the merge would have conflicts: nothing was merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    /// Holds the files of its parent with an isolated child's work in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// In words: for the thread.
    pub detail: String,
}

/// A project as a run knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRef {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Its absolute path.
    pub path: String,
}

/// A definition as a run knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionRef {
    /// Its id.
    pub id: DefinitionId,
    /// Its key.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// The hash of its text.
    pub hash: String,
    /// YAML or TypeScript.
    pub kind: SourceKind,
    /// The file's path, relative to the project.
    pub path: String,
}

/// The language of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SourceKind {
    Yaml,
    Code,
}

/// Where a run comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The other run.
    pub run: RunId,
    /// The step of the parent that this is the child of; `None` for a fork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Key>,
}

/// A concurrency key, ready to be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotClaim {
    /// Project id and key: `prj_…/deploy-staging`.
    pub slot: String,
    /// How many may hold it.
    pub limit: u32,
    /// What happens when it is full.
    pub on_full: OnFull,
}

/// The end of a step in the run that this one was forked from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inherited {
    /// The step.
    pub key: Key,
    /// Its end.
    pub end: InheritedEnd,
    /// When it ended there.
    pub at: Timestamp,
}

/// See [`Inherited`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum InheritedEnd {
    Completed(StepOutput),
    Failed(StepError, StepOutput),
    Skipped(SkipReason),
}

impl RunCreated {
    /// Every text of it that may be stored by hash.
    pub fn bigs(&mut self) -> Vec<&mut Big> {
        let mut bigs = vec![&mut self.source, &mut self.args];
        bigs.extend(self.inherited.iter_mut().flat_map(Inherited::bigs));
        bigs.extend(self.program.iter_mut().flat_map(|prefix| prefix.bigs()));
        bigs
    }
}

impl Inherited {
    /// Every text of it that may be stored by hash.
    pub fn bigs(&mut self) -> Vec<&mut Big> {
        match &mut self.end {
            InheritedEnd::Completed(output) | InheritedEnd::Failed(_, output) => output.bigs(),
            InheritedEnd::Skipped(_) => vec![],
        }
    }
}
