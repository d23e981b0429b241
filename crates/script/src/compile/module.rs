//! One file: checked, its types stripped, its imports listed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baton_core::definition::{Diagnostic, OutlineStep};
use oxc_allocator::Allocator;
use oxc_ast::ast::Statement;
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_diagnostics::OxcDiagnostic;
use oxc_parser::Parser;
use oxc_semantic::SemanticBuilder;
use oxc_span::{SourceType, Span};
use oxc_transformer::{TransformOptions, Transformer};

use super::{outline, throws};
use crate::diagnostics;

/// A compiled file.
#[derive(Default)]
pub(super) struct Made {
    pub(super) code: String,
    pub(super) map: String,
    pub(super) imports: Vec<Import>,
    pub(super) outline: Vec<OutlineStep>,
    pub(super) keys: BTreeMap<String, Span>,
    pub(super) findings: Vec<Diagnostic>,
}

/// An import as written.
pub(super) struct Import {
    pub(super) specifier: String,
    pub(super) span: Span,
}

pub(super) fn compile(id: &str, text: &str, is_entry: bool) -> Made {
    if id.ends_with(".json") {
        return json(id, text);
    }
    let mut made = Made::default();
    let Ok(kind) = SourceType::from_path(Path::new(id)) else {
        made.findings.push(diagnostics::at_line(
            id,
            text,
            (1, 1),
            "import",
            "this is neither TypeScript nor JavaScript nor JSON",
            None,
        ));
        return made;
    };
    let kind = kind.with_module(true);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let allocator = Allocator::default();
    let mut lazy = text.to_owned();
    if is_entry {
        let parsed = Parser::new(&allocator, text, kind).parse();
        if parsed.diagnostics.is_empty() {
            let seen = outline::see(&parsed.program, id, text);
            made.outline = seen.outline;
            made.keys = seen.keys;
            made.findings = seen.findings;
            lazy = with_lazy_schema(text, seen.schema);
        }
    }
    let parsed = Parser::new(&allocator, &lazy, kind).parse();
    let found = |all: &[OxcDiagnostic]| -> Vec<Diagnostic> {
        all.iter()
            .map(|one| diagnostics::of_compiler(id, &lazy, one))
            .collect()
    };
    if !parsed.diagnostics.is_empty() {
        made.findings.extend(found(&parsed.diagnostics));
        return made;
    }
    for import in &parsed.module_record.dynamic_imports {
        let span = import.module_request;
        let written = lazy.get(span.start as usize..span.end as usize);
        let literal = written
            .map(str::trim)
            .filter(|text| text.starts_with(['"', '\'']));
        match literal {
            Some(text) => made.imports.push(Import {
                specifier: text.trim_matches(['"', '\'']).to_owned(),
                span,
            }),
            None => made.findings.push(diagnostics::at(
                id,
                &lazy,
                span,
                "import",
                "what is imported must be known: `import(\"./file\")`",
                None,
            )),
        }
    }
    let mut program = parsed.program;
    let checked = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .with_enum_eval(true)
        .with_excess_capacity(2.0)
        .build(&program);
    if !checked.diagnostics.is_empty() {
        made.findings.extend(found(&checked.diagnostics));
        return made;
    }
    let scoping = checked.semantic.into_scoping();
    let options = TransformOptions::default();
    let path = PathBuf::from(id);
    let transformed =
        Transformer::new(&allocator, &path, &options).build_with_scoping(scoping, &mut program);
    if !transformed.diagnostics.is_empty() {
        made.findings.extend(found(&transformed.diagnostics));
        return made;
    }
    for statement in &program.body {
        let source = match statement {
            Statement::ImportDeclaration(import) => Some(&import.source),
            Statement::ExportAllDeclaration(export) => Some(&export.source),
            Statement::ExportFromDeclaration(export) => Some(&export.source),
            _ => None,
        };
        if let Some(source) = source {
            made.imports.push(Import {
                specifier: source.value.to_string(),
                span: source.span,
            });
        }
    }
    throws::mark(&mut program, &allocator);
    let printed = Codegen::new()
        .with_options(CodegenOptions {
            source_map_path: Some(path),
            ..CodegenOptions::default()
        })
        .with_source_text(&lazy)
        .build(&program);
    made.code = printed.code;
    made.map = printed
        .map
        .map(|mut map| {
            map.set_source_contents(Vec::new());
            map.to_json_string()
        })
        .unwrap_or_default();
    made
}

fn json(id: &str, text: &str) -> Made {
    let mut made = Made::default();
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => made.code = format!("export default {value};\n"),
        Err(error) => {
            let place = (
                u32::try_from(error.line()).unwrap_or(1),
                u32::try_from(error.column()).unwrap_or(1),
            );
            let message = format!("this is no JSON: {error}");
            made.findings.push(diagnostics::at_line(
                id, text, place, "syntax", message, None,
            ));
        }
    }
    made
}

/// `argsSchema: z.object(…)` as `argsSchema:_=>(z.object(…))`: only who reads args pays for zod.
fn with_lazy_schema(text: &str, schema: Option<(Span, Span)>) -> String {
    let Some((key, value)) = schema else {
        return text.to_owned();
    };
    let part = |from: u32, to: u32| text.get(from as usize..to as usize).unwrap_or_default();
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let between = part(key.end, value.start);
    // A comment there would swallow what is put in its place; then it is only slower.
    if between.trim() != ":" {
        return text.to_owned();
    }
    let lines: String = between.chars().filter(|c| *c == '\n').collect();
    format!(
        "{}:_=>({lines}{}){}",
        part(0, key.end),
        part(value.start, value.end),
        part(value.end, end)
    )
}
