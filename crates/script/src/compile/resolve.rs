//! Where an import leads: a built-in module, or a file inside the project.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::bundle::{SDK_MODULE, ZOD_MODULE};

/// The longest file, in bytes.
const LONGEST: u64 = 4 << 20;

/// Endings that are tried, in this order.
const ENDINGS: [&str; 5] = ["ts", "mts", "js", "mjs", "json"];

/// The project that imports stay in.
pub(super) struct Project {
    root: PathBuf,
}

/// What an import names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    BuiltIn(&'static str),
    File { id: String, path: PathBuf },
}

type Refused = (String, Option<String>);

impl Project {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: fs::canonicalize(root).unwrap_or_else(|_| root.to_owned()),
        }
    }

    /// A file's text, if it is really inside the project.
    pub(super) fn read(&self, path: &Path) -> Result<String, String> {
        let real = fs::canonicalize(path).map_err(|e| format!("the file cannot be read: {e}"))?;
        if !real.starts_with(&self.root) {
            return Err("the file lies outside the project".into());
        }
        let wrong = |error: std::io::Error| format!("the file cannot be read: {error}");
        if !fs::metadata(&real).map_err(wrong)?.is_file() {
            return Err("this is no file".into());
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(&real).map_err(wrong)?;
        file.take(LONGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(wrong)?;
        if bytes.len() as u64 > LONGEST {
            return Err(format!("a file has at most {LONGEST} bytes"));
        }
        String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())
    }

    pub(super) fn resolve(&self, from: &Path, specifier: &str) -> Result<Target, Refused> {
        match specifier {
            "@repo/workflow-engine" | "baton" => return Ok(Target::BuiltIn(SDK_MODULE)),
            "zod" | "zod/v4" => return Ok(Target::BuiltIn(ZOD_MODULE)),
            _ => {}
        }
        if specifier.starts_with("./") || specifier.starts_with("../") {
            let directory = from.parent().unwrap_or(&self.root);
            let found = file_at(&directory.join(specifier));
            return match found {
                Some(path) => self.inside(&path, specifier),
                None => Err((format!("there is no file `{specifier}`"), None)),
            };
        }
        if specifier.starts_with('/') || specifier.starts_with("file:") {
            let help = "write it relative to this file: `./…`";
            return Err((
                format!("`{specifier}` is an absolute path"),
                Some(help.into()),
            ));
        }
        let is_node = specifier.starts_with("node:")
            || [
                "fs",
                "path",
                "child_process",
                "os",
                "http",
                "https",
                "crypto",
                "util",
                "net",
            ]
            .contains(&specifier);
        if is_node {
            let help = "a workflow has no files, processes or network of its own: use a script step, `ctx.step(id, {type: \"script\", command: …})`";
            return Err((
                format!("`{specifier}` is not there in a workflow"),
                Some(help.into()),
            ));
        }
        self.package(from, specifier)
    }

    fn inside(&self, path: &Path, specifier: &str) -> Result<Target, Refused> {
        let real = fs::canonicalize(path)
            .map_err(|error| (format!("`{specifier}` cannot be read: {error}"), None))?;
        match super::id_of(&self.root, &real) {
            Some(id) => Ok(Target::File { id, path: real }),
            None => Err((
                format!("`{specifier}` lies outside the project"),
                Some("only files of the project are read".into()),
            )),
        }
    }

    /// A package in a `node_modules` of the project.
    fn package(&self, from: &Path, specifier: &str) -> Result<Target, Refused> {
        let parts = if specifier.starts_with('@') { 2 } else { 1 };
        let mut words = specifier.splitn(parts + 1, '/');
        let name: Vec<&str> = words.by_ref().take(parts).collect();
        let name = name.join("/");
        let rest = words.next();
        let plain = Path::new(&name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !plain || name.is_empty() {
            return Err((format!("`{specifier}` names no package"), None));
        }
        let mut directory = from.parent();
        while let Some(here) = directory.filter(|here| here.starts_with(&self.root)) {
            let home = here.join("node_modules").join(&name);
            if home.is_dir() {
                return self.in_package(&home, &name, rest, specifier);
            }
            directory = here.parent();
        }
        let help = format!("install it in the project: `npm install {name}`");
        Err((format!("the project has no package `{name}`"), Some(help)))
    }

    fn in_package(
        &self,
        home: &Path,
        name: &str,
        rest: Option<&str>,
        specifier: &str,
    ) -> Result<Target, Refused> {
        let manifest = self.read(&home.join("package.json"));
        let manifest = manifest.map_err(|why| (format!("package `{name}`: {why}"), None))?;
        let manifest: Value = serde_json::from_str(&manifest)
            .map_err(|error| (format!("package `{name}`: its package.json: {error}"), None))?;
        let subpath = rest.map_or_else(|| ".".to_owned(), |rest| format!("./{rest}"));
        let is_module = manifest.get("type").and_then(Value::as_str) == Some("module");
        let not_esm = || {
            let help = "only packages of ES modules can be imported: a bundler makes one of it";
            (
                format!("package `{name}` has no ES module for `{specifier}`"),
                Some(help.to_owned()),
            )
        };
        let (target, by_module_field) = match manifest.get("exports") {
            Some(exports) => (exported(exports, &subpath).ok_or_else(not_esm)?, false),
            None if subpath == "." => {
                let field = |name: &str| manifest.get(name).and_then(Value::as_str);
                match field("module") {
                    Some(module) => (module.to_owned(), true),
                    None => (field("main").unwrap_or("index.js").to_owned(), false),
                }
            }
            None => (subpath, false),
        };
        let climbs = Path::new(&target)
            .components()
            .any(|part| matches!(part, Component::ParentDir | Component::RootDir));
        let path = file_at(&home.join(&target)).filter(|_| !climbs);
        let path = path.ok_or_else(not_esm)?;
        let ending = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        let is_esm = match ending {
            "mjs" | "mts" | "json" => true,
            "cjs" | "cts" => false,
            _ => is_module || by_module_field,
        };
        if !is_esm {
            return Err(not_esm());
        }
        self.inside(&path, specifier)
    }
}

/// What `exports` names for a subpath, by the conditions of ES modules.
fn exported(exports: &Value, subpath: &str) -> Option<String> {
    if let Value::Object(entries) = exports
        && entries.keys().any(|key| key.starts_with('.'))
    {
        if let Some(target) = entries.get(subpath) {
            return condition(target);
        }
        return entries.iter().find_map(|(pattern, target)| {
            let (before, after) = pattern.split_once('*')?;
            let middle = subpath.strip_prefix(before)?.strip_suffix(after)?;
            condition(target).map(|target| target.replace('*', middle))
        });
    }
    (subpath == ".").then(|| condition(exports)).flatten()
}

fn condition(target: &Value) -> Option<String> {
    match target {
        Value::String(path) => Some(path.clone()),
        Value::Array(options) => options.iter().find_map(condition),
        Value::Object(conditions) => conditions
            .iter()
            .filter(|(name, _)| ["import", "module", "default", "es2015"].contains(&name.as_str()))
            .find_map(|(_, target)| condition(target)),
        _ => None,
    }
}

/// The file that a path without, or with another, ending means.
fn file_at(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    // `./x.js` is how TypeScript writes `./x.ts`.
    for (written, meant) in [("js", "ts"), ("mjs", "mts")] {
        if path.extension().is_some_and(|ending| ending == written) {
            let meant = path.with_extension(meant);
            if meant.is_file() {
                return Some(meant);
            }
        }
    }
    let name = path.file_name()?.to_str()?;
    let with = ENDINGS
        .iter()
        .map(|ending| path.with_file_name(format!("{name}.{ending}")));
    let index = ENDINGS
        .iter()
        .map(|ending| path.join(format!("index.{ending}")));
    with.chain(index).find(|path| path.is_file())
}
