//! From files to a bundle: types stripped, imports resolved inside the project, source maps kept.
//! Nothing of the definition is run here but its top level, for its head.

mod head;
mod module;
mod outline;
mod resolve;
mod throws;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baton_core::definition::{Diagnostic, Severity};
use serde::{Deserialize, Serialize};

use crate::bundle::{self, Bundle, Module, SDK, ZOD};
use crate::diagnostics;
use crate::isolate::Limits;
use crate::protocol::Compiled;
use resolve::{Project, Target};

/// The most files of a definition.
const MAX_FILES: usize = 500;
/// All of them together, in bytes.
const MAX_BYTES: usize = 8 << 20;

/// A definition to compile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Source {
    /// The project's directory: nothing outside it is read.
    pub project: PathBuf,
    /// The definition's key.
    pub key: String,
    /// The definition's file, relative to the project.
    pub path: String,
    /// Its text, when that is not to be read from the file.
    pub text: Option<String>,
}

/// Compiles a definition.
pub(crate) fn compile(source: &Source, limits: &Limits) -> Compiled {
    let mut compiler = Compiler {
        project: Project::new(&source.project),
        sources: BTreeMap::new(),
        modules: BTreeMap::new(),
        outline: Vec::new(),
        keys: BTreeMap::new(),
        findings: Vec::new(),
        bytes: 0,
    };
    compiler.all(source);
    let Compiler {
        sources,
        modules,
        outline,
        keys,
        mut findings,
        ..
    } = compiler;
    let files: Vec<String> = sources.keys().cloned().collect();
    let failed = |findings: &[Diagnostic]| findings.iter().any(|d| d.severity == Severity::Error);
    let mut compiled = Compiled {
        bundle: None,
        diagnostics: Vec::new(),
        files,
    };
    if !failed(&findings) {
        let mut bundle = Bundle {
            hash: bundle::hash(&sources),
            sdk: SDK,
            zod: ZOD.to_owned(),
            head: serde_json::Value::Null,
            outline,
            reads_args: false,
            entry: source.path.clone(),
            modules,
        };
        head::read(&mut bundle, source, &sources, &keys, limits, &mut findings);
        if !failed(&findings) {
            compiled.bundle = serde_json::to_string(&bundle).ok();
        }
    }
    compiled.diagnostics = findings.into_iter().map(Into::into).collect();
    compiled
}

struct Compiler {
    project: Project,
    sources: BTreeMap<String, String>,
    modules: BTreeMap<String, Module>,
    outline: Vec<baton_core::definition::OutlineStep>,
    /// Where the fields of `defineWorkflow` stand in the entry, by their names.
    keys: BTreeMap<String, oxc_span::Span>,
    findings: Vec<Diagnostic>,
    bytes: usize,
}

impl Compiler {
    fn all(&mut self, source: &Source) {
        let entry = source.project.join(&source.path);
        let mut open = vec![(source.path.clone(), entry)];
        while let Some((id, path)) = open.pop() {
            if self.modules.contains_key(&id) {
                continue;
            }
            if self.modules.len() >= MAX_FILES {
                let message = format!("the definition imports more than {MAX_FILES} files");
                self.wrong(&source.path, "", message);
                return;
            }
            let text = match (&source.text, id == source.path) {
                (Some(text), true) => Ok(text.clone()),
                _ => self.project.read(&path),
            };
            let text = match text {
                Ok(text) => text,
                Err(why) => {
                    self.wrong(&id, "", why);
                    continue;
                }
            };
            self.bytes += text.len();
            if self.bytes > MAX_BYTES {
                let message = format!("the definition and its imports are over {MAX_BYTES} bytes");
                self.wrong(&source.path, "", message);
                return;
            }
            let is_entry = id == source.path;
            let made = module::compile(&id, &text, is_entry);
            self.findings.extend(made.findings);
            if is_entry {
                self.outline = made.outline;
                self.keys = made.keys;
            }
            let mut imports = BTreeMap::new();
            for import in made.imports {
                match self.project.resolve(&path, &import.specifier) {
                    Ok(Target::BuiltIn(id)) => {
                        imports.insert(import.specifier, id.to_owned());
                    }
                    Ok(Target::File { id, path }) => {
                        imports.insert(import.specifier, id.clone());
                        open.push((id, path));
                    }
                    Err((message, help)) => self.findings.push(diagnostics::at(
                        &id,
                        &text,
                        import.span,
                        "import",
                        message,
                        help,
                    )),
                }
            }
            self.modules.insert(
                id.clone(),
                Module {
                    code: made.code,
                    imports,
                    map: made.map,
                },
            );
            self.sources.insert(id, text);
        }
    }

    fn wrong(&mut self, file: &str, text: &str, message: String) {
        let finding = diagnostics::at_line(file, text, (1, 1), "unreadable", message, None);
        self.findings.push(finding);
    }
}

/// A path with `/`, relative to the project.
fn id_of(project: &Path, path: &Path) -> Option<String> {
    let inside = path.strip_prefix(project).ok()?;
    inside.to_str().map(str::to_owned)
}
