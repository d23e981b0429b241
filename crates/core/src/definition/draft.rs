//! YAML text to a tree whose every value knows where it stands. Nothing is checked here but the
//! YAML itself: strict booleans, no second key of a name, no alias bomb, bounded size and depth.

mod build;
mod fault;
mod scalar;

use serde_json::{Map, Value};

use super::diagnostic::Report;

/// The longest source, in bytes.
pub const MAX_SOURCE: usize = 1 << 20;

/// Bytes of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A value that was already complained about.
    Broken,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// The file as a tree.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) root: Node,
}

impl Draft {
    /// Reads YAML; `None` when it is not YAML enough to say more about it.
    pub(crate) fn read(report: &mut Report<'_>) -> Option<Self> {
        build::read(report).map(|root| Self { root })
    }

    /// A JSON pointer to the innermost value or key at a place.
    pub(crate) fn pointer(&self, span: Span, of_mapping: bool) -> Option<String> {
        let mut pointer = String::new();
        let mut node = &self.root;
        loop {
            let is_mapping = matches!(node.kind, Kind::Map(_));
            if of_mapping && is_mapping && node.span.start == span.start {
                break;
            }
            let next = match &node.kind {
                Kind::List(items) => items
                    .iter()
                    .enumerate()
                    .find(|(_, item)| item.span.holds(span))
                    .map(|(n, item)| (n.to_string(), item)),
                Kind::Map(entries) => entries
                    .iter()
                    .find(|e| e.key_span.holds(span) || e.value.span.holds(span))
                    .map(|e| (e.key.replace('~', "~0").replace('/', "~1"), &e.value)),
                _ => None,
            };
            let Some((step, inner)) = next else { break };
            pointer.push('/');
            pointer.push_str(&step);
            node = inner;
        }
        (!pointer.is_empty()).then_some(pointer)
    }
}

impl Span {
    fn holds(self, other: Self) -> bool {
        self.start <= other.start && (other.start < self.end || self.start == other.start)
    }
}

impl Node {
    /// What it is, for messages.
    pub(crate) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Broken => "an unreadable value",
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As JSON; numbers JSON does not know become null (they were complained about).
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null | Kind::Broken => Value::Null,
            Kind::Bool(yes) => Value::Bool(*yes),
            Kind::Int(whole) => {
                serde_json::Number::from_i128(*whole).map_or(Value::Null, Value::Number)
            }
            Kind::Float(float) => Value::from(*float),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|e| (e.key.clone(), e.value.to_json()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }

    /// The node a JSON pointer leads to, as far as it goes.
    pub(crate) fn at(&self, pointer: &str) -> &Self {
        let mut node = self;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::List(items) => step.parse().ok().and_then(|n: usize| items.get(n)),
                Kind::Map(entries) => entries.iter().find(|e| e.key == step).map(|e| &e.value),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }
}
