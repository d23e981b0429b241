//! The parser's events to a tree.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, StrInput, StructureStyle};

use super::{Entry, Kind, MAX_SOURCE, Node, Span, scalar};
use crate::definition::diagnostic::Report;

/// Values within values.
const MAX_DEPTH: usize = 64;
/// Values in all, those that aliases repeat included.
const MAX_NODES: usize = 200_000;
/// Bytes that aliases may repeat.
const MAX_ALIASED: usize = 4 << 20;

/// A fault that was reported and after which nothing more can be said.
struct Stop;

pub(super) fn read(report: &mut Report<'_>) -> Option<Node> {
    let text = report.text();
    if text.len() > MAX_SOURCE {
        report.error_with(
            Span::default(),
            "source_too_large",
            format!(
                "the file has {} bytes; at most {MAX_SOURCE} are read",
                text.len()
            ),
            "move long prompts and data into files that the steps read",
        );
        return None;
    }
    if let Some(at) = text.find('\0') {
        report.error(
            Span {
                start: at,
                end: at + 1,
            },
            "yaml_syntax",
            "a NUL byte is not YAML",
        );
        return None;
    }
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        parser: Parser::new_from_str_with_options(text, options),
        report,
        anchors: HashMap::new(),
        nodes: 0,
        aliased: 0,
    };
    builder.document().ok()
}

/// A finished value that aliases may repeat.
struct Anchor {
    node: Node,
    values: usize,
    bytes: usize,
    height: usize,
}

pub(super) struct Builder<'r, 'a> {
    parser: Parser<'a, StrInput<'a>>,
    pub(super) report: &'r mut Report<'a>,
    anchors: HashMap<usize, Anchor>,
    nodes: usize,
    aliased: usize,
}

impl<'a> Builder<'_, 'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next() {
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or_default();
                Ok((
                    event,
                    Span {
                        start: range.start,
                        end: range.end,
                    },
                ))
            }
            Some(Err(error)) => {
                self.syntax(&error);
                Err(Stop)
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Node, Stop> {
        let root = loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd | Event::DocumentEnd => break None,
                event => break Some(self.node(event, span, 0)?),
            }
        };
        let Some(root) = root.filter(|root| root.kind != Kind::Null) else {
            self.report.error_with(
                Span::default(),
                "empty_file",
                "the file is empty",
                "a definition has at least `name` and `steps`",
            );
            return Err(Stop);
        };
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(root),
                (Event::DocumentStart(..), span) => {
                    self.report.error_with(
                        span,
                        "several_documents",
                        "a second YAML document starts here",
                        "a file holds one definition: put the other one into a file of its own",
                    );
                    return Err(Stop);
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stop> {
        self.count(1, span)?;
        if depth > MAX_DEPTH {
            self.too_deep(span);
            return Err(Stop);
        }
        let before = self.nodes;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let name = tag
                    .as_deref()
                    .and_then(|t| t.core_suffix().map(str::to_owned));
                let kind = match (tag.is_some(), name.as_deref()) {
                    (true, Some("str")) => Kind::Text(text.into_owned()),
                    (false, _) | (true, Some("int" | "float" | "bool" | "null"))
                        if style == ScalarStyle::Plain =>
                    {
                        scalar::plain(&text)
                    }
                    (false, _) => Kind::Text(text.into_owned()),
                    (true, _) => self.strange_tag(span),
                };
                (Node { kind, span }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(span, depth)?, anchor),
            Event::MappingStart(style, anchor, _) => (self.map(style, span, depth)?, anchor),
            Event::Alias(id) => return self.alias(id, span, depth),
            Event::UnresolvedAlias(name) => {
                let message = format!("there is no anchor `&{name}` before this alias");
                let help = "quote the text if it only begins with `*`".to_owned();
                self.report.error_with(span, "unknown_alias", message, help);
                return Ok(Node {
                    kind: Kind::Broken,
                    span,
                });
            }
            _ => {
                return Ok(Node {
                    kind: Kind::Null,
                    span,
                });
            }
        };
        if anchor != 0 {
            let values = self.nodes - before + 1;
            self.count(values, span)?;
            let anchored = Anchor {
                values,
                bytes: node.span.end.saturating_sub(node.span.start),
                height: height(&node),
                node: node.clone(),
            };
            self.anchors.insert(anchor, anchored);
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, span: Span, depth: usize) -> Result<Node, Stop> {
        let Some(anchor) = self.anchors.get(&id) else {
            self.report.error(
                span,
                "unknown_alias",
                "this alias stands inside what it repeats",
            );
            return Ok(Node {
                kind: Kind::Broken,
                span,
            });
        };
        let (values, height) = (anchor.values, anchor.height);
        self.aliased += anchor.bytes;
        if self.aliased > MAX_ALIASED {
            self.too_large(span);
            return Err(Stop);
        }
        if depth + height > MAX_DEPTH {
            self.too_deep(span);
            return Err(Stop);
        }
        // What is wrong inside is shown where it is written, once for each use.
        let kind = anchor.node.kind.clone();
        self.count(values, span)?;
        Ok(Node { kind, span })
    }

    fn count(&mut self, values: usize, span: Span) -> Result<(), Stop> {
        self.nodes += values;
        if self.nodes > MAX_NODES {
            self.too_large(span);
            return Err(Stop);
        }
        Ok(())
    }

    fn too_large(&mut self, span: Span) {
        self.report.error_with(
            span,
            "too_many_values",
            format!("the file has more than {MAX_NODES} values, counting what aliases repeat"),
            "use fewer `*` aliases",
        );
    }

    pub(super) fn too_deep(&mut self, span: Span) {
        self.report.error(
            span,
            "too_deep",
            format!("values lie more than {MAX_DEPTH} deep within each other"),
        );
    }

    fn strange_tag(&mut self, span: Span) -> Kind {
        let help = "definitions use no YAML tags: leave out the `!…`";
        self.report
            .error_with(span, "yaml_tag", "this YAML tag means nothing here", help);
        Kind::Broken
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        let end = loop {
            match self.next()? {
                (Event::SequenceEnd, span) => break span,
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        };
        let span = extent(start, end, items.last().map(|n| n.span));
        Ok(Node {
            kind: Kind::List(items),
            span,
        })
    }

    fn map(&mut self, style: StructureStyle, start: Span, depth: usize) -> Result<Node, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        let mut merged: Vec<Entry> = Vec::new();
        let mut broken = false;
        let end = loop {
            let (event, span) = match self.next()? {
                (Event::MappingEnd, span) => break span,
                other => other,
            };
            let is_merge =
                matches!(&event, Event::Scalar(t, ScalarStyle::Plain, _, _) if t == "<<");
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if is_merge {
                self.merge(&value, &mut merged);
                continue;
            }
            let Some(name) = self.key(&key, style) else {
                broken |= matches!(key.kind, Kind::Map(_));
                continue;
            };
            if let Some(first) = lines.get(&name) {
                let before = self.report.text().get(..*first).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                self.report.error_with(
                    key.span,
                    "duplicate_key",
                    format!("`{name}` is given a second time"),
                    format!("the first one is in line {line}; keep one of them"),
                );
                continue;
            }
            lines.insert(name.clone(), key.span.start);
            entries.push(Entry {
                key: name,
                key_span: key.span,
                value,
            });
        };
        // A mapping's own keys win over merged ones.
        for entry in merged {
            if lines
                .insert(entry.key.clone(), entry.key_span.start)
                .is_none()
            {
                entries.push(entry);
            }
        }
        let last = entries.iter().map(|e| e.value.span).max_by_key(|s| s.end);
        let span = extent(start, end, last);
        let kind = if broken {
            Kind::Broken
        } else {
            Kind::Map(entries)
        };
        Ok(Node { kind, span })
    }

    fn merge(&mut self, value: &Node, merged: &mut Vec<Entry>) {
        match &value.kind {
            Kind::Map(entries) => merged.extend(entries.iter().cloned()),
            Kind::List(items) => {
                for item in items {
                    self.merge(item, merged);
                }
            }
            _ => {
                let message = format!("`<<` merges mappings, this is {}", value.what());
                self.report
                    .error_with(value.span, "wrong_type", message, "write `<<: *anchor`");
            }
        }
    }

    fn key(&mut self, key: &Node, style: StructureStyle) -> Option<String> {
        match &key.kind {
            Kind::Text(text) => return Some(text.clone()),
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Null => {
                let written = self.report.text().get(key.span.start..key.span.end)?;
                if !written.is_empty() {
                    return Some(written.to_owned());
                }
                self.report
                    .error(key.span, "yaml_syntax", "a key is missing before this `:`");
            }
            Kind::Map(_) if style == StructureStyle::Flow => self.report.error_with(
                key.span,
                "unquoted_template",
                "YAML reads `{{ … }}` without quotes as a mapping",
                "put the value in quotes: \"{{ … }}\"",
            ),
            Kind::Broken => {}
            _ => {
                let message = format!("a key is a text, this is {}", key.what());
                self.report.error(key.span, "yaml_syntax", message);
            }
        }
        None
    }
}

fn height(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Kind::Map(entries) => 1 + entries.iter().map(|e| height(&e.value)).max().unwrap_or(0),
        _ => 0,
    }
}

/// From the start to the end, without the empty lines and comments a block's end event comes after.
fn extent(start: Span, end: Span, last: Option<Span>) -> Span {
    let end = if end.end > end.start {
        end.end
    } else {
        last.map_or(start.end, |last| last.end)
    };
    Span {
        start: start.start,
        end: end.max(start.start),
    }
}
