//! Finds every name a template uses, without evaluating it.

use std::ops::Range;

use super::syntax::{Call, Expr, For, Kind, Piece};

/// A name used in a template, with the members asked of it as far as they are written out:
/// `steps.build.data["a"]` is `steps`, `build`, `data`, `a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) path: Vec<String>,
    /// The whole path in the template's source.
    pub(crate) span: Range<usize>,
    /// Whether the value is used as it is: no filter, no operator, not a part of something else.
    pub(crate) alone: bool,
}

/// All references in a text, those to its own loop names left out.
pub(crate) fn references(pieces: &[Piece]) -> Vec<Reference> {
    let mut walk = Walk::default();
    walk.pieces(pieces);
    walk.found
}

/// All references in a bare expression.
pub(crate) fn references_of(expr: &Expr) -> Vec<Reference> {
    let mut walk = Walk::default();
    walk.expr(expr, true);
    walk.found
}

#[derive(Default)]
struct Walk {
    locals: Vec<String>,
    found: Vec<Reference>,
}

impl Walk {
    fn pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Raw(_) => {}
                Piece::Emit(expr) => self.expr(expr, true),
                Piece::If {
                    condition,
                    then,
                    otherwise,
                } => {
                    self.expr(condition, false);
                    self.pieces(then);
                    self.pieces(otherwise);
                }
                Piece::For(each) => self.each(each),
            }
        }
    }

    fn each(&mut self, each: &For) {
        self.expr(&each.items, false);
        let mark = self.locals.len();
        self.locals.extend(each.targets.iter().cloned());
        if let Some(filter) = &each.filter {
            self.expr(filter, false);
        }
        self.locals.push("loop".to_owned());
        self.pieces(&each.body);
        self.locals.truncate(mark);
        self.pieces(&each.otherwise);
    }

    fn expr(&mut self, expr: &Expr, alone: bool) {
        if let Some(path) = self.path(expr) {
            if !self.locals.contains(&path[0]) {
                self.found.push(Reference {
                    path,
                    span: expr.span.clone(),
                    alone,
                });
            }
            return;
        }
        match &expr.kind {
            Kind::Const(_) | Kind::Name(_) => {}
            Kind::Attr(base, _) => self.expr(base, false),
            Kind::Item(base, key) => {
                self.expr(base, false);
                self.expr(key, false);
            }
            Kind::Slice(base, start, stop) => {
                self.expr(base, false);
                for bound in [start, stop].into_iter().flatten() {
                    self.expr(bound, false);
                }
            }
            Kind::Not(inner) | Kind::Negate(inner) => self.expr(inner, false),
            Kind::And(a, b) | Kind::Or(a, b) | Kind::Binary(_, a, b) => {
                self.expr(a, false);
                self.expr(b, false);
            }
            Kind::Compare(first, others) => {
                self.expr(first, false);
                for (_, other) in others {
                    self.expr(other, false);
                }
            }
            Kind::Ternary {
                condition,
                then,
                otherwise,
            } => {
                self.expr(condition, false);
                self.expr(then, false);
                if let Some(otherwise) = otherwise {
                    self.expr(otherwise, false);
                }
            }
            Kind::Filter(input, call) | Kind::Test(input, call) => {
                self.expr(input, false);
                self.call(call);
            }
            Kind::Range(items) | Kind::List(items) => {
                for item in items {
                    self.expr(item, false);
                }
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    self.expr(key, false);
                    self.expr(value, false);
                }
            }
        }
    }

    fn call(&mut self, call: &Call) {
        for arg in &call.args {
            self.expr(arg, false);
        }
        for (_, arg) in &call.named {
            self.expr(arg, false);
        }
    }

    /// The written-out path of an expression; the members after a computed one are left off, and
    /// then the walk goes on inside (`None`).
    fn path(&self, expr: &Expr) -> Option<Vec<String>> {
        match &expr.kind {
            Kind::Name(name) => Some(vec![name.clone()]),
            Kind::Attr(base, name) => {
                let mut path = self.path(base)?;
                path.push(name.clone());
                Some(path)
            }
            Kind::Item(base, key) => {
                let Kind::Const(key) = &key.kind else {
                    return None;
                };
                let mut path = self.path(base)?;
                path.push(key.to_string());
                Some(path)
            }
            _ => None,
        }
    }
}
