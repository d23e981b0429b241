//! TypeScript definitions on disk: compiled by the workers of this process, once per version.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use baton_core::definition::{Definition, Diagnostic, Parsed, Severity, parse_bundle};
use baton_script::{Limits, Pool, PoolOptions, Source};

/// Definitions that are remembered.
const CAPACITY: usize = 512;

/// The most workers.
const WORKERS: usize = 4;

/// The workers of this process; none is started before it is needed.
pub fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Pool::new(&PoolOptions {
            program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("baton")),
            arguments: vec!["worker".to_owned()],
            workers: cores.min(WORKERS),
            limits: Limits::default(),
        })
    })
}

/// What compiling a definition gave.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// What its runs keep.
    pub bundle: Option<Arc<str>>,
    /// What it says, when it has no errors.
    pub definition: Option<Definition>,
    /// All that was found.
    pub diagnostics: Vec<Diagnostic>,
}

/// A file as it was when it was read: its length and when it was changed.
type Stamp = (PathBuf, Option<(u64, SystemTime)>);

struct Known {
    text: Arc<str>,
    stamps: Vec<Stamp>,
    compiled: Compiled,
}

/// By project and path.
type Cache = HashMap<(String, String), Known>;

fn cache() -> std::sync::MutexGuard<'static, Cache> {
    static CACHE: OnceLock<Mutex<Cache>> = OnceLock::new();
    let cache = CACHE.get_or_init(Mutex::default);
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compiles a definition with this text; blocks. What was compiled before is remembered until one
/// of its files changes.
pub fn compile(project: &str, key: &str, path: &str, text: &Arc<str>) -> Compiled {
    let place = (project.to_owned(), path.to_owned());
    if let Some(known) = cache().get(&place)
        && known.text == *text
        && known.stamps.iter().all(|(file, was)| stamp(file) == *was)
    {
        return known.compiled.clone();
    }
    let source = Source {
        project: PathBuf::from(project),
        key: key.to_owned(),
        path: path.to_owned(),
        text: Some(text.to_string()),
    };
    let (compiled, files) = compile_now(source);
    // What is missing may be there the next time.
    if compiled.bundle.is_some() {
        let others = files.iter().filter(|file| *file != path);
        let stamps = others.map(|file| {
            let file = Path::new(project).join(file);
            let was = stamp(&file);
            (file, was)
        });
        let known = Known {
            text: Arc::clone(text),
            stamps: stamps.collect(),
            compiled: compiled.clone(),
        };
        let mut cache = cache();
        if cache.len() >= CAPACITY {
            cache.clear();
        }
        cache.insert(place, known);
    }
    compiled
}

/// Compiles a definition; also gives the files that were read.
pub fn compile_now(source: Source) -> (Compiled, Vec<String>) {
    let (key, path) = (source.key.clone(), source.path.clone());
    let made = match pool().compile(source) {
        Ok(made) => made,
        Err(error) => {
            let message = format!("the definition could not be compiled: {error}");
            let compiled = Compiled {
                diagnostics: vec![super::definitions::finding(&path, "definition", message)],
                ..Compiled::default()
            };
            return (compiled, Vec::new());
        }
    };
    let mut compiled = Compiled {
        bundle: made.bundle.map(Arc::from),
        definition: None,
        diagnostics: made.diagnostics.into_iter().map(Into::into).collect(),
    };
    if let Some(bundle) = &compiled.bundle {
        match parse_bundle(&key, &path, bundle) {
            Ok(parsed) => compiled.definition = parsed.definition,
            Err(why) => {
                let finding = super::definitions::finding(&path, "definition", why);
                compiled.diagnostics.push(finding);
            }
        }
    }
    let failed = |d: &Diagnostic| d.severity == Severity::Error;
    if compiled.definition.is_none() && !compiled.diagnostics.iter().any(failed) {
        let message = "the definition could not be read".to_owned();
        let finding = super::definitions::finding(&path, "definition", message);
        compiled.diagnostics.push(finding);
    }
    (compiled, made.files)
}

/// Checks a text as the definition of this key; without a project it can import nothing of its own.
pub fn check(project: Option<&str>, key: &str, text: String) -> Parsed {
    let nowhere = PathBuf::from("/nonexistent");
    let (compiled, _) = compile_now(Source {
        project: project.map_or(nowhere, PathBuf::from),
        key: key.to_owned(),
        path: format!("{}/{key}.ts", super::definitions::DIRECTORY),
        text: Some(text),
    });
    Parsed {
        definition: compiled.definition,
        diagnostics: compiled.diagnostics,
    }
}

fn stamp(file: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}
