//! `baton validate`: checks definition files, without a host.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use baton_core::definition::{Diagnostic, Severity, Source, parse_with_agents, render};
use clap::Args;
use serde_json::json;

use super::context::{Context, print, print_json, print_line};
use super::exit::{Exit, Failure};
use super::text::count;
use crate::host::{definitions, scripts};

/// Check definition files; without FILE all of this project.
#[derive(Debug, Args)]
pub struct Validate {
    /// Definition files, or `-` for stdin.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,
}

/// A file and what was found in it.
pub struct Checked {
    /// The file as messages name it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What was found.
    pub diagnostics: Vec<Diagnostic>,
}

impl Validate {
    /// Carries it out.
    pub fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let files = if self.files.is_empty() {
            definition_files(&context.project_dir()?)?
        } else {
            let files = self.files.iter();
            files
                .map(|file| {
                    if is_stdin(file) {
                        file.clone()
                    } else {
                        context.directory.join(file)
                    }
                })
                .collect()
        };
        let mut checked = Vec::new();
        for file in &files {
            checked.push(check(file, &context.directory)?);
        }
        let all = || checked.iter().flat_map(|c| &c.diagnostics);
        let errors = all().filter(|d| d.severity == Severity::Error).count();
        let warnings = all().count() - errors;
        if context.json {
            let data: Vec<&Diagnostic> = all().collect();
            print_json(&json!({"data": data, "errors": errors, "warnings": warnings}));
        } else {
            for one in &checked {
                print(&render(&one.diagnostics, &one.text, context.color));
                if one.diagnostics.is_empty() {
                    print_line(&format!("{}: ok", one.file));
                }
            }
            if errors + warnings > 0 {
                print_line(&format!(
                    "{}, {}",
                    count(errors, "error"),
                    count(warnings, "warning")
                ));
            }
            if files.is_empty() {
                print_line("no definitions yet: `baton init` writes one");
            }
        }
        let bad = errors > 0 || (self.strict && warnings > 0);
        Ok(if bad { Exit::Usage } else { Exit::Done })
    }
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// The definitions of a project, by name.
pub fn definition_files(project: &Path) -> Result<Vec<PathBuf>, Failure> {
    let dir = project.join(".agent/workflows/definitions");
    let mut files = Vec::new();
    let Ok(entries) = std::fs::read_dir(&dir) else {
        return Ok(files);
    };
    for entry in entries {
        let path = entry
            .map_err(|e| Failure::disk(format!("{}: {e}", dir.display())))?
            .path();
        let ending = path.extension().and_then(OsStr::to_str);
        // A file without a workflow is one that others import.
        let is_code = || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            ending == Some("ts") && text.contains("defineWorkflow")
        };
        if matches!(ending, Some("yaml" | "yml")) || is_code() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads and checks one file.
pub fn check(file: &Path, directory: &Path) -> Result<Checked, Failure> {
    let shown = file.strip_prefix(directory).unwrap_or(file);
    let name = shown.display().to_string();
    let ending = file.extension().and_then(OsStr::to_str);
    if ending == Some("ts") {
        return code(file, name);
    }
    if matches!(ending, Some("js" | "mts" | "mjs" | "tsx")) {
        return Err(Failure::usage(format!(
            "{name}: a definition ends in .yaml or .ts"
        )));
    }
    let bytes = if is_stdin(file) {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    let bytes = bytes.map_err(|e| Failure::usage(format!("{name}: {e}")))?;
    let text =
        String::from_utf8(bytes).map_err(|e| Failure::usage(format!("{name}: not UTF-8: {e}")))?;
    let key = file
        .file_stem()
        .and_then(OsStr::to_str)
        .unwrap_or("definition");
    let source = Source {
        key,
        file: &name,
        text: &text,
    };
    let project = super::project::nearest(directory);
    let config = crate::config::load(project.as_deref()).map_err(Failure::usage)?;
    let agents: Vec<String> = config.agents.into_keys().collect();
    let diagnostics = parse_with_agents(&source, &agents).diagnostics;
    Ok(Checked {
        file: name,
        text,
        diagnostics,
    })
}

/// Checks a TypeScript definition: compiles it, and runs its top level.
fn code(file: &Path, name: String) -> Result<Checked, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("{name}: {error}"));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let file = std::fs::canonicalize(file).map_err(|error| wrong(&error))?;
    let home = definitions::DIRECTORY;
    let project = file
        .ancestors()
        .find(|above| above.join(home).is_dir() && file.starts_with(above.join(home)))
        .or(file.parent())
        .unwrap_or(&file);
    let path = file.strip_prefix(project).unwrap_or(&file);
    let source = baton_script::Source {
        project: project.to_owned(),
        key: file
            .file_stem()
            .and_then(OsStr::to_str)
            .unwrap_or("definition")
            .to_owned(),
        path: path.display().to_string(),
        text: Some(text.clone()),
    };
    let shown = source.path.clone();
    let (compiled, _) = scripts::compile_now(source);
    let mut diagnostics = compiled.diagnostics;
    for found in &mut diagnostics {
        if found.file == shown {
            found.file.clone_from(&name);
        }
    }
    Ok(Checked {
        file: name,
        text,
        diagnostics,
    })
}
