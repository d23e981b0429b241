//! From minijinja's syntax tree to Baton's, refusing what is not part of the language.

use std::ops::Range;

use minijinja::machinery::{self, ast};

use super::filters;
use super::syntax::{Call, Comparison, Expr, Fault, For, Kind, Operator, Piece};

/// Loops within loops; more would only ever be an attack.
const MAX_LOOPS: u32 = 4;

pub(super) fn range(span: machinery::Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

pub(super) fn pieces(statements: &[ast::Stmt<'_>], loops: u32) -> Result<Vec<Piece>, Fault> {
    statements.iter().map(|s| piece(s, loops)).collect()
}

fn piece(statement: &ast::Stmt<'_>, loops: u32) -> Result<Piece, Fault> {
    let (what, span) = match statement {
        ast::Stmt::EmitRaw(raw) => return Ok(Piece::Raw(raw.raw.to_owned())),
        ast::Stmt::EmitExpr(emit) => return Ok(Piece::Emit(expr(&emit.expr)?)),
        ast::Stmt::IfCond(cond) => {
            return Ok(Piece::If {
                condition: expr(&cond.expr)?,
                then: pieces(&cond.true_body, loops)?,
                otherwise: pieces(&cond.false_body, loops)?,
            });
        }
        ast::Stmt::ForLoop(each) => return for_loop(each, loops + 1),
        ast::Stmt::Template(s) => ("a template", s.span()),
        ast::Stmt::WithBlock(s) => ("`with`", s.span()),
        ast::Stmt::Set(s) => ("`set`", s.span()),
        ast::Stmt::SetBlock(s) => ("`set`", s.span()),
        ast::Stmt::AutoEscape(s) => ("`autoescape`", s.span()),
        ast::Stmt::FilterBlock(s) => ("`filter`", s.span()),
        ast::Stmt::Do(s) => ("`do`", s.span()),
        // Other features of minijinja may be switched on by another crate in the same build.
        #[allow(unreachable_patterns)]
        _ => ("this statement", machinery::Span::default()),
    };
    Err(
        Fault::new(&range(span), format!("{what} is not part of the language"))
            .help("write `{{ … }}`, `{% if … %}` or `{% for … %}`"),
    )
}

fn for_loop(each: &ast::Spanned<ast::ForLoop<'_>>, loops: u32) -> Result<Piece, Fault> {
    let span = range(each.span());
    if each.recursive {
        return Err(Fault::new(
            &span,
            "`recursive` loops are not part of the language",
        ));
    }
    if loops > MAX_LOOPS {
        return Err(Fault::new(
            &span,
            format!("more than {MAX_LOOPS} loops within each other"),
        ));
    }
    let targets = match &each.target {
        ast::Expr::Var(var) => vec![var.id.to_owned()],
        ast::Expr::List(list) => names(&list.items, &span)?,
        ast::Expr::Tuple(tuple) => names(&tuple.items, &span)?,
        _ => return Err(Fault::new(&span, "a loop needs a name for its items")),
    };
    Ok(Piece::For(Box::new(For {
        targets,
        items: expr(&each.iter)?,
        filter: each.filter_expr.as_ref().map(expr).transpose()?,
        body: pieces(&each.body, loops)?,
        otherwise: pieces(&each.else_body, loops)?,
    })))
}

fn names(items: &[ast::Expr<'_>], span: &Range<usize>) -> Result<Vec<String>, Fault> {
    items
        .iter()
        .map(|item| match item {
            ast::Expr::Var(var) => Ok(var.id.to_owned()),
            _ => Err(Fault::new(span, "a loop needs names for its items")),
        })
        .collect()
}

fn boxed(e: &ast::Expr<'_>) -> Result<Box<Expr>, Fault> {
    expr(e).map(Box::new)
}

fn optional(e: Option<&ast::Expr<'_>>) -> Result<Option<Box<Expr>>, Fault> {
    e.map(boxed).transpose()
}

pub(super) fn expr(e: &ast::Expr<'_>) -> Result<Expr, Fault> {
    let span = range(e.span());
    let kind = match e {
        ast::Expr::Const(c) => Kind::Const(c.value.clone()),
        ast::Expr::Var(v) => Kind::Name(v.id.to_owned()),
        ast::Expr::GetAttr(a) => Kind::Attr(boxed(&a.expr)?, a.name.to_owned()),
        ast::Expr::GetItem(i) => Kind::Item(boxed(&i.expr)?, boxed(&i.subscript_expr)?),
        ast::Expr::Slice(s) => {
            if s.step.is_some() {
                return Err(Fault::new(&span, "slices have no step here"));
            }
            Kind::Slice(
                boxed(&s.expr)?,
                optional(s.start.as_ref())?,
                optional(s.stop.as_ref())?,
            )
        }
        ast::Expr::UnaryOp(u) => match u.op {
            ast::UnaryOpKind::Not => Kind::Not(boxed(&u.expr)?),
            ast::UnaryOpKind::Neg => Kind::Negate(boxed(&u.expr)?),
        },
        ast::Expr::BinOp(b) => binary(b.op, &b.left, &b.right)?,
        ast::Expr::Compare(c) => Kind::Compare(
            boxed(&c.expr)?,
            c.ops
                .iter()
                .map(|op| Ok((comparison(op.op), expr(&op.expr)?)))
                .collect::<Result<_, Fault>>()?,
        ),
        ast::Expr::IfExpr(i) => Kind::Ternary {
            condition: boxed(&i.test_expr)?,
            then: boxed(&i.true_expr)?,
            otherwise: optional(i.false_expr.as_ref())?,
        },
        ast::Expr::Filter(f) => {
            let Some(input) = &f.expr else {
                return Err(Fault::new(&span, "a filter needs a value before `|`"));
            };
            let call = call(f.name, &f.args, &span)?;
            filters::check_filter(&call, &span)?;
            Kind::Filter(boxed(input)?, call)
        }
        ast::Expr::Test(t) => {
            let call = call(t.name, &t.args, &span)?;
            filters::check_test(&call, &span)?;
            Kind::Test(boxed(&t.expr)?, call)
        }
        ast::Expr::Call(c) => function(c, &span)?,
        ast::Expr::List(l) => Kind::List(all(&l.items)?),
        ast::Expr::Tuple(t) => Kind::List(all(&t.items)?),
        ast::Expr::Map(m) => Kind::Map(
            m.keys
                .iter()
                .zip(&m.values)
                .map(|(k, v)| Ok((expr(k)?, expr(v)?)))
                .collect::<Result<_, Fault>>()?,
        ),
    };
    let start = leftmost(&kind).map_or(span.start, |first| first.min(span.start));
    Ok(Expr {
        kind,
        span: start..span.end,
    })
}

/// Where the leftmost operand starts: minijinja's own spans begin late for some expressions.
fn leftmost(kind: &Kind) -> Option<usize> {
    match kind {
        Kind::Attr(base, _)
        | Kind::Item(base, _)
        | Kind::Slice(base, ..)
        | Kind::Filter(base, _)
        | Kind::Test(base, _)
        | Kind::And(base, _)
        | Kind::Or(base, _)
        | Kind::Binary(_, base, _)
        | Kind::Compare(base, _)
        | Kind::Ternary { then: base, .. } => Some(base.span.start),
        _ => None,
    }
}

fn all(items: &[ast::Expr<'_>]) -> Result<Vec<Expr>, Fault> {
    items.iter().map(expr).collect()
}

fn function(c: &ast::Spanned<ast::Call<'_>>, span: &Range<usize>) -> Result<Kind, Fault> {
    match &c.expr {
        ast::Expr::Var(v) if v.id == "range" => {
            let args = call("range", &c.args, span)?;
            if args.args.is_empty() || args.args.len() > 3 || !args.named.is_empty() {
                return Err(Fault::new(span, "`range` takes one to three numbers"));
            }
            Ok(Kind::Range(args.args))
        }
        ast::Expr::Var(v) => Err(Fault::new(span, format!("there is no function `{}`", v.id))
            .help(
                "the only function is `range`; values are changed with filters: `{{ x | upper }}`",
            )),
        ast::Expr::GetAttr(a) => Err(Fault::new(
            span,
            format!("values have no method `{}`", a.name),
        )
        .help("use a filter: `{{ x | upper }}`, `{{ x | items }}`")),
        _ => Err(Fault::new(span, "this cannot be called")),
    }
}

fn call(name: &str, args: &[ast::CallArg<'_>], span: &Range<usize>) -> Result<Call, Fault> {
    let mut positional = Vec::new();
    let mut named = Vec::new();
    for arg in args {
        match arg {
            ast::CallArg::Pos(e) => positional.push(expr(e)?),
            ast::CallArg::Kwarg(key, e) => named.push(((*key).to_owned(), expr(e)?)),
            ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => {
                return Err(Fault::new(
                    span,
                    "`*` and `**` arguments are not part of the language",
                ));
            }
        }
    }
    Ok(Call {
        name: name.to_owned(),
        args: positional,
        named,
    })
}

fn binary(op: ast::BinOpKind, left: &ast::Expr<'_>, right: &ast::Expr<'_>) -> Result<Kind, Fault> {
    use ast::BinOpKind as B;
    let compare = |c: Comparison| -> Result<Kind, Fault> {
        Ok(Kind::Compare(boxed(left)?, vec![(c, expr(right)?)]))
    };
    let operate =
        |o: Operator| -> Result<Kind, Fault> { Ok(Kind::Binary(o, boxed(left)?, boxed(right)?)) };
    match op {
        B::ScAnd => Ok(Kind::And(boxed(left)?, boxed(right)?)),
        B::ScOr => Ok(Kind::Or(boxed(left)?, boxed(right)?)),
        B::Eq => compare(Comparison::Eq),
        B::Ne => compare(Comparison::Ne),
        B::Lt => compare(Comparison::Lt),
        B::Lte => compare(Comparison::Le),
        B::Gt => compare(Comparison::Gt),
        B::Gte => compare(Comparison::Ge),
        B::In => compare(Comparison::In),
        B::Add => operate(Operator::Add),
        B::Sub => operate(Operator::Sub),
        B::Mul => operate(Operator::Mul),
        B::Div => operate(Operator::Div),
        B::FloorDiv => operate(Operator::FloorDiv),
        B::Rem => operate(Operator::Rem),
        B::Pow => operate(Operator::Pow),
        B::Concat => operate(Operator::Concat),
    }
}

fn comparison(op: ast::CompareOpKind) -> Comparison {
    use ast::CompareOpKind as C;
    match op {
        C::Eq => Comparison::Eq,
        C::Ne => Comparison::Ne,
        C::Lt => Comparison::Lt,
        C::Lte => Comparison::Le,
        C::Gt => Comparison::Gt,
        C::Gte => Comparison::Ge,
        C::In => Comparison::In,
        C::NotIn => Comparison::NotIn,
    }
}
