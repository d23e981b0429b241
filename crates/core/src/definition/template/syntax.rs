//! The syntax of templates: what minijinja parses, reduced to the part that is Baton's language,
//! owned and with byte spans. Whatever is not listed here is refused, with what would be right.

use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::{self, Token, ast};
use minijinja::syntax::SyntaxConfig;

use super::convert::{expr, pieces, range};

/// Names and operators in one expression.
const MAX_WORDS: u32 = 400;
/// `{% … %}` in one text.
const MAX_BLOCKS: u32 = 100;

/// What is wrong with a template, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Bytes of the template's source.
    pub(crate) span: Range<usize>,
    /// For people.
    pub(crate) reason: String,
    /// What would be right.
    pub(crate) help: Option<String>,
}

impl Fault {
    pub(crate) fn new(span: &Range<usize>, reason: impl Into<String>) -> Self {
        Self {
            span: span.clone(),
            reason: reason.into(),
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A piece of a template.
#[derive(Debug)]
pub(crate) enum Piece {
    Raw(String),
    Emit(Expr),
    If {
        condition: Expr,
        then: Vec<Piece>,
        otherwise: Vec<Piece>,
    },
    For(Box<For>),
}

/// `{% for … in … if … %}…{% else %}…{% endfor %}`
#[derive(Debug)]
pub(crate) struct For {
    pub(crate) targets: Vec<String>,
    pub(crate) items: Expr,
    pub(crate) filter: Option<Expr>,
    pub(crate) body: Vec<Piece>,
    pub(crate) otherwise: Vec<Piece>,
}

/// An expression and where it stands.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// What an expression is.
#[derive(Debug)]
pub(crate) enum Kind {
    Const(Value),
    Name(String),
    Attr(Box<Expr>, String),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `a < b <= c`
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    Ternary {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Option<Box<Expr>>,
    },
    Filter(Box<Expr>, Call),
    Test(Box<Expr>, Call),
    Range(Vec<Expr>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
}

/// A filter or a test with its arguments.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) args: Vec<Expr>,
    pub(crate) named: Vec<(String, Expr)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
    Concat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

fn delimiters() -> Result<SyntaxConfig, Fault> {
    SyntaxConfig::builder()
        // Trailing newlines belong to the text: a here-document or a prompt means them.
        .keep_trailing_newline(true)
        // `{#` would meet the shell's `${#name}`.
        .comment_delimiters("{{#", "#}}")
        .build()
        .map_err(|e| Fault::new(&(0..0), e.to_string()))
}

/// Refuses what would nest deeper than the stack bears: operators in a row nest, one in the other.
fn check_size(source: &str, in_expression: bool) -> Result<(), Fault> {
    let mut blocks = 0_u32;
    let mut words = 0_u32;
    for token in machinery::tokenize(source, in_expression, delimiters()?) {
        let (token, span) = token.map_err(|e| fault_of(&e, source))?;
        match token {
            Token::BlockStart => {
                blocks += 1;
                words = 0;
            }
            Token::VariableStart => words = 0,
            Token::TemplateData(_)
            | Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_)
            | Token::Comma
            | Token::Colon => {}
            _ => words += 1,
        }
        if words > MAX_WORDS || blocks > MAX_BLOCKS {
            return Err(Fault::new(&range(span), "this template is too long")
                .help("build the value in a script step and use its `data`"));
        }
    }
    Ok(())
}

/// Text with `{{ … }}` in it.
pub(crate) fn parse_text(source: &str) -> Result<Vec<Piece>, Fault> {
    check_size(source, false)?;
    let parsed = machinery::parse(source, "", delimiters()?).map_err(|e| fault_of(&e, source))?;
    match &parsed {
        ast::Stmt::Template(template) => pieces(&template.children, 0),
        _ => Err(Fault::new(&(0..source.len()), "not a template")),
    }
}

/// A bare expression.
pub(crate) fn parse_expression(source: &str) -> Result<Expr, Fault> {
    check_size(source, true)?;
    let parsed = machinery::parse_expr(source).map_err(|e| fault_of(&e, source))?;
    expr(&parsed)
}

fn fault_of(error: &minijinja::Error, source: &str) -> Fault {
    let reason = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    let span = error.range().unwrap_or_else(|| {
        let line = error.line().unwrap_or(1).saturating_sub(1);
        let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
        let end = source[start..]
            .find('\n')
            .map_or(source.len(), |n| start + n);
        start..end
    });
    Fault::new(&span, reason)
}
