//! Renders the pieces of a text: one walk, into whatever takes text and values.

use minijinja::Value;

use super::eval::{Scope, at};
use super::meter::{Output, Reason};
use super::syntax::{Expr, Fault, For, Kind, Piece};

/// What takes a text's pieces as they are rendered.
pub(crate) trait Sink {
    /// Text as the author wrote it.
    fn raw(&mut self, text: &str) -> Result<(), Reason>;
    /// A `{{ … }}`.
    fn emit(&mut self, expr: &Expr, scope: &mut Scope<'_>) -> Result<(), Fault>;
}

impl Sink for Output {
    fn raw(&mut self, text: &str) -> Result<(), Reason> {
        self.push(text)
    }

    fn emit(&mut self, expr: &Expr, scope: &mut Scope<'_>) -> Result<(), Fault> {
        let text = scope.text(expr)?;
        at(&expr.span, self.push(&text))
    }
}

/// Renders pieces into a sink.
pub(crate) fn render(
    pieces: &[Piece],
    scope: &mut Scope<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    for piece in pieces {
        match piece {
            Piece::Raw(text) => at(&(0..0), sink.raw(text))?,
            Piece::Emit(expr) => sink.emit(expr, scope)?,
            Piece::If {
                condition,
                then,
                otherwise,
            } => {
                let branch = if scope.value(condition)?.is_true() {
                    then
                } else {
                    otherwise
                };
                render(branch, scope, sink)?;
            }
            Piece::For(each) => render_each(each, scope, sink)?,
        }
    }
    Ok(())
}

fn render_each(each: &For, scope: &mut Scope<'_>, sink: &mut dyn Sink) -> Result<(), Fault> {
    let span = &each.items.span;
    let list = scope.value(&each.items)?;
    let all = list.try_iter().map_err(|_| {
        Fault::new(
            span,
            format!("goes through {}", super::value::kind_of(&list)),
        )
    })?;
    let mark = scope.mark();
    let mut items = Vec::new();
    for item in all {
        at(span, scope.meter.spend(1))?;
        if let Some(filter) = &each.filter {
            bind(each, &item, scope)?;
            let wanted = scope.value(filter)?.is_true();
            scope.forget(mark);
            if !wanted {
                continue;
            }
        }
        items.push(item);
    }
    if items.is_empty() {
        return render(&each.otherwise, scope, sink);
    }
    let count = items.len();
    for (n, item) in items.iter().enumerate() {
        at(span, scope.meter.spend(8))?;
        bind(each, item, scope)?;
        scope.define("loop", loop_facts(n, count));
        render(&each.body, scope, sink)?;
        scope.forget(mark);
    }
    Ok(())
}

fn loop_facts(n: usize, count: usize) -> Value {
    Value::from_pairs([
        ("index", Value::from(n + 1)),
        ("index0", Value::from(n)),
        ("first", Value::from(n == 0)),
        ("last", Value::from(n + 1 == count)),
        ("length", Value::from(count)),
    ])
}

fn bind(each: &For, item: &Value, scope: &mut Scope<'_>) -> Result<(), Fault> {
    if let [target] = each.targets.as_slice() {
        scope.define(target, item.clone());
        return Ok(());
    }
    let span = &each.items.span;
    let parts: Vec<Value> = item
        .try_iter()
        .map_err(|_| Fault::new(span, "an item cannot be taken apart"))?
        .take(each.targets.len() + 1)
        .collect();
    if parts.len() != each.targets.len() {
        return Err(Fault::new(
            span,
            format!("an item does not have {} parts", each.targets.len()),
        ));
    }
    for (target, part) in each.targets.iter().zip(parts) {
        scope.define(target, part);
    }
    Ok(())
}

/// The name, when an expression is exactly `secrets.NAME`.
pub(crate) fn secret(expr: &Expr) -> Option<&str> {
    let (base, name) = match &expr.kind {
        Kind::Attr(base, name) => (base, name.as_str()),
        Kind::Item(base, key) => match &key.kind {
            Kind::Const(key) => (base, key.as_str()?),
            _ => return None,
        },
        _ => return None,
    };
    matches!(&base.kind, Kind::Name(top) if top == "secrets").then_some(name)
}
