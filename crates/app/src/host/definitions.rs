//! Definitions on disk: `<project>/.agent/workflows/definitions/`. Read anew each time; nothing
//! outside that directory is ever opened.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baton_core::definition::{self, Definition, Diagnostic, Severity};
use baton_core::ids::{DefinitionId, ProjectId};
use baton_core::run::event::ProjectRef;
use baton_core::time::Timestamp;
use baton_engine::ports::{Definitions, FoundDefinition};
use baton_store::Project;

/// Where definitions lie in a project.
pub const DIRECTORY: &str = ".agent/workflows/definitions";

/// The longest definition, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// At most this many files are listed.
const MOST: usize = 1000;

/// The endings of definition files; the first that exists wins.
const ENDINGS: [&str; 3] = ["yaml", "yml", "ts"];

/// A definition file as it is now.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its id.
    pub id: DefinitionId,
    /// The project.
    pub project: ProjectId,
    /// Its key.
    pub key: String,
    /// Its path, relative to the project.
    pub path: String,
    /// It is TypeScript.
    pub is_code: bool,
    /// What its runs keep, when it can be read: its text, or the bundle of a TypeScript definition
    /// without errors.
    pub source: Option<Arc<str>>,
    /// Its text, when it can be read.
    pub text: Option<Arc<str>>,
    /// What it says, when it has no errors.
    pub definition: Option<Definition>,
    /// All that is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    /// When the file was changed.
    pub changed_at: Option<Timestamp>,
}

/// All definitions of a project, by key.
pub fn list(project: &Project) -> Vec<Found> {
    let directory = Path::new(&project.path).join(DIRECTORY);
    let Ok(entries) = std::fs::read_dir(&directory) else {
        return Vec::new();
    };
    let mut names: Vec<(String, usize)> = entries
        .filter_map(|entry| split(&entry.ok()?.path()))
        .take(MOST)
        .collect();
    names.sort();
    names.dedup_by(|later, earlier| later.0 == earlier.0);
    let read =
        |(key, ending): (String, usize)| read(project.id, &project.path, &key, ENDINGS[ending]);
    names.into_iter().filter_map(read).collect()
}

/// What tells whether a project's definition files are the same as before: each one's name, size and
/// time of change.
pub type Print = Vec<(String, u64, Option<Timestamp>)>;

/// The print of a project's definition files as they are now.
pub fn print(project: &Project) -> Print {
    let directory = Path::new(&project.path).join(DIRECTORY);
    let entries = std::fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .flatten();
    let mut all: Print = entries
        .filter_map(|entry| {
            let metadata = std::fs::metadata(entry.path()).ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name, metadata.len(), changed_at(&metadata)))
        })
        .take(MOST)
        .collect();
    all.sort();
    all
}

/// The definition of this key in a project.
pub fn find(project: ProjectId, project_path: &str, key: &str) -> Option<Found> {
    let is_name = !key.is_empty() && !key.starts_with('.') && !key.contains(['/', '\\', '\0']);
    if !is_name {
        return None;
    }
    ENDINGS
        .iter()
        .find_map(|ending| read(project, project_path, key, ending))
}

/// Key and index of the ending.
fn split(path: &Path) -> Option<(String, usize)> {
    let key = path.file_stem()?.to_str()?;
    let ending = path.extension()?.to_str()?;
    let ending = ENDINGS.iter().position(|known| *known == ending)?;
    let hidden = key.starts_with('.') || key.ends_with(".d");
    (!hidden).then(|| (key.to_owned(), ending))
}

/// One file; `None` when there is none.
fn read(project: ProjectId, project_path: &str, key: &str, ending: &str) -> Option<Found> {
    let path = format!("{DIRECTORY}/{key}.{ending}");
    let full = Path::new(project_path).join(&path);
    let metadata = std::fs::symlink_metadata(&full).ok()?;
    let mut found = Found {
        id: DefinitionId::of(project, key),
        project,
        key: key.to_owned(),
        is_code: ending == "ts",
        source: None,
        text: None,
        definition: None,
        diagnostics: Vec::new(),
        changed_at: changed_at(&metadata),
        path,
    };
    let text = match text(Path::new(project_path), full) {
        Ok(text) => text,
        Err(message) => {
            found
                .diagnostics
                .push(finding(&found.path, "unreadable", message));
            return Some(found);
        }
    };
    let text: Arc<str> = text.into();
    if found.is_code {
        if !text.contains("defineWorkflow") {
            // A file that others import.
            return None;
        }
        let compiled = super::scripts::compile(project_path, key, &found.path, &text);
        found.source = compiled.bundle;
        found.definition = compiled.definition;
        found.diagnostics = compiled.diagnostics;
    } else {
        let source = definition::Source {
            key,
            file: &found.path,
            text: &text,
        };
        // Settings that cannot be read are told where a run begins.
        let parsed = match crate::config::load(Some(Path::new(project_path))) {
            Ok(config) => {
                let agents: Vec<String> = config.agents.into_keys().collect();
                definition::parse_with_agents(&source, &agents)
            }
            Err(_) => definition::parse(&source),
        };
        found.definition = parsed.definition;
        found.diagnostics = parsed.diagnostics;
        found.source = Some(Arc::clone(&text));
    }
    found.text = Some(text);
    Some(found)
}

/// The text of a file that is really inside the project's directory of definitions.
fn text(project: &Path, path: PathBuf) -> Result<String, String> {
    let wrong = |error: std::io::Error| format!("the file cannot be read: {error}");
    let real = std::fs::canonicalize(path).map_err(wrong)?;
    let home = std::fs::canonicalize(project.join(DIRECTORY)).map_err(wrong)?;
    let project = std::fs::canonicalize(project).map_err(wrong)?;
    if !home.starts_with(&project) || !real.starts_with(&home) {
        return Err("the file lies outside the project's definitions".into());
    }
    // A pipe would be waited for.
    if !std::fs::metadata(&real).map_err(wrong)?.is_file() {
        return Err("this is no file".into());
    }
    let mut bytes = Vec::new();
    let mut file = File::open(&real).map_err(wrong)?.take(LONGEST + 1);
    file.read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("a definition has at most {LONGEST} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        format!("the file is not UTF-8 (byte {valid})")
    })
}

fn changed_at(metadata: &Metadata) -> Option<Timestamp> {
    let since = metadata
        .modified()
        .ok()?
        .duration_since(std::time::UNIX_EPOCH);
    let millis = u64::try_from(since.ok()?.as_millis()).ok()?;
    Some(Timestamp::from_millis(millis))
}

/// A finding about a whole file.
pub(super) fn finding(file: &str, code: &'static str, message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code,
        message,
        help: None,
        file: file.to_owned(),
        line: 1,
        column: 1,
        end_line: 1,
        end_column: 1,
        excerpt: String::new(),
        excerpt_column: 1,
        pointer: None,
    }
}

/// The definitions of all projects, for child runs.
#[derive(Debug, Clone, Copy)]
pub struct OnDisk;

impl Definitions for OnDisk {
    fn find(&self, project: &ProjectRef, key: &str) -> Result<FoundDefinition, String> {
        let found = find(project.id, &project.path, key)
            .ok_or_else(|| format!("the project has no definition `{key}`"))?;
        let first = found
            .diagnostics
            .iter()
            .find(|d| d.severity == Severity::Error);
        match (found.source, first) {
            (Some(source), None) => Ok(FoundDefinition {
                source,
                path: found.path,
            }),
            (_, Some(first)) => Err(format!("the definition `{key}`: {}", first.message)),
            (None, None) => Err(format!("the definition `{key}` cannot be read")),
        }
    }
}
