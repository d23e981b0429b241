//! Evaluates expressions. Every value made is paid for on the [`Meter`] before it is made.

use std::ops::Range;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::Names;
use super::filters;
use super::meter::{Meter, Reason};
use super::operators;
use super::syntax::{Call, Expr, Fault, Kind, Operator};
use super::value::{kind_of, to_text};

/// What expressions see, and what they may still cost.
pub(crate) struct Scope<'a> {
    source: &'a str,
    names: &'a Names,
    locals: Vec<(String, Value)>,
    pub(crate) meter: Meter,
}

/// Named arguments.
type Named = Vec<(String, Value)>;

/// Puts the place to a reason.
pub(crate) fn at<T>(span: &Range<usize>, result: Result<T, Reason>) -> Result<T, Fault> {
    result.map_err(|reason| Fault::new(span, reason))
}

impl<'a> Scope<'a> {
    pub(crate) fn new(source: &'a str, names: &'a Names) -> Self {
        Self {
            source,
            names,
            locals: Vec::new(),
            meter: Meter::new(),
        }
    }

    /// How many local names there are; [`Scope::forget`] goes back to it.
    pub(crate) fn mark(&self) -> usize {
        self.locals.len()
    }

    pub(crate) fn define(&mut self, name: &str, value: Value) {
        self.locals.push((name.to_owned(), value));
    }

    pub(crate) fn forget(&mut self, mark: usize) {
        self.locals.truncate(mark);
    }

    fn written(&self, expr: &Expr) -> &'a str {
        self.source.get(expr.span.clone()).unwrap_or("this").trim()
    }

    fn missing(&self, expr: &Expr) -> Fault {
        Fault::new(
            &expr.span,
            format!("`{}` does not exist", self.written(expr)),
        )
    }

    /// The value, which must exist.
    pub(crate) fn value(&mut self, expr: &Expr) -> Result<Value, Fault> {
        let value = self.maybe(expr)?;
        if value.is_undefined() {
            return Err(self.missing(expr));
        }
        Ok(value)
    }

    /// The value, or undefined when the last name of a path does not exist.
    fn maybe(&mut self, expr: &Expr) -> Result<Value, Fault> {
        at(&expr.span, self.meter.spend(1))?;
        match &expr.kind {
            Kind::Const(value) => Ok(value.clone()),
            Kind::Name(name) => Ok(self.lookup(name)),
            Kind::Attr(base, name) => {
                let base_value = self.value(base)?;
                self.member(expr, &base_value, &Value::from(name.as_str()))
            }
            Kind::Item(base, key) => {
                let base_value = self.value(base)?;
                let key = self.value(key)?;
                self.member(expr, &base_value, &key)
            }
            Kind::Slice(base, start, stop) => {
                let value = self.value(base)?;
                let start = self.bound(start.as_deref())?;
                let stop = self.bound(stop.as_deref())?;
                let part = operators::slice(&value, start, stop, &mut self.meter);
                at(&expr.span, part)
            }
            Kind::Not(inner) => Ok(Value::from(!self.value(inner)?.is_true())),
            Kind::Negate(inner) => {
                let value = self.value(inner)?;
                at(
                    &expr.span,
                    operators::arithmetic(Operator::Sub, &Value::from(0), &value),
                )
            }
            Kind::And(left, right) => {
                let value = self.value(left)?;
                if value.is_true() {
                    self.value(right)
                } else {
                    Ok(value)
                }
            }
            Kind::Or(left, right) => {
                let value = self.value(left)?;
                if value.is_true() {
                    Ok(value)
                } else {
                    self.value(right)
                }
            }
            Kind::Binary(op, left, right) => {
                let left = self.value(left)?;
                let right = self.value(right)?;
                let result = self.binary(*op, &left, &right);
                at(&expr.span, result)
            }
            Kind::Compare(first, others) => {
                let mut left = self.value(first)?;
                for (comparison, other) in others {
                    let right = self.value(other)?;
                    let holds = operators::compare(*comparison, &left, &right, &mut self.meter);
                    if !at(&expr.span, holds)? {
                        return Ok(Value::from(false));
                    }
                    left = right;
                }
                Ok(Value::from(true))
            }
            Kind::Ternary {
                condition,
                then,
                otherwise,
            } => {
                if self.value(condition)?.is_true() {
                    self.value(then)
                } else {
                    match otherwise {
                        Some(otherwise) => self.value(otherwise),
                        None => Ok(Value::from("")),
                    }
                }
            }
            Kind::Filter(input, call) => self.filter(expr, input, call),
            Kind::Test(input, call) => self.test(expr, input, call),
            Kind::Range(args) => self.range(expr, args),
            Kind::List(items) => {
                let items = items
                    .iter()
                    .map(|item| self.value(item))
                    .collect::<Result<Vec<_>, _>>()?;
                self.paid(expr, Value::from(items))
            }
            Kind::Map(entries) => {
                let mut pairs = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    pairs.push((self.value(key)?, self.value(value)?));
                }
                self.paid(expr, Value::from_pairs(pairs))
            }
        }
    }

    fn paid(&mut self, expr: &Expr, value: Value) -> Result<Value, Fault> {
        at(&expr.span, self.meter.charge(&value))?;
        Ok(value)
    }

    fn lookup(&self, name: &str) -> Value {
        self.locals
            .iter()
            .rev()
            .find(|(local, _)| local == name)
            .map(|(_, value)| value)
            .or_else(|| self.names.get(name))
            .cloned()
            .unwrap_or(Value::UNDEFINED)
    }

    fn member(&self, expr: &Expr, base: &Value, key: &Value) -> Result<Value, Fault> {
        match base.kind() {
            ValueKind::Map | ValueKind::Seq | ValueKind::Plain | ValueKind::String => {
                base.get_item(key).map_err(|_| self.missing(expr))
            }
            _ => Err(Fault::new(
                &expr.span,
                format!("`{}` looks into {}", self.written(expr), kind_of(base)),
            )),
        }
    }

    fn bound(&mut self, expr: Option<&Expr>) -> Result<Option<i64>, Fault> {
        let Some(expr) = expr else { return Ok(None) };
        let value = self.value(expr)?;
        match value.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(Fault::new(
                &expr.span,
                format!("expected a whole number, this is {}", kind_of(&value)),
            )),
        }
    }

    fn binary(&mut self, op: Operator, left: &Value, right: &Value) -> Result<Value, Reason> {
        let texts = left.as_str().is_some() && right.as_str().is_some();
        match op {
            Operator::Concat => operators::concat(left, right, &mut self.meter),
            Operator::Add if texts => operators::concat(left, right, &mut self.meter),
            Operator::Add if is_list(left) && is_list(right) => {
                let all = left.try_iter().map_err(|e| e.to_string())?;
                let more = right.try_iter().map_err(|e| e.to_string())?;
                // Both were paid for: this is at most twice that.
                let sum: Value = all.chain(more).collect::<Vec<_>>().into();
                self.meter.charge(&sum)?;
                Ok(sum)
            }
            Operator::Mul if left.as_str().is_some() => {
                operators::repeat(left, right, &mut self.meter)
            }
            _ => operators::arithmetic(op, left, right),
        }
    }

    fn range(&mut self, expr: &Expr, args: &[Expr]) -> Result<Value, Fault> {
        let mut numbers = Vec::with_capacity(3);
        for arg in args {
            numbers.push(self.bound(Some(arg))?.unwrap_or_default());
        }
        let made = operators::range(&numbers, &mut self.meter);
        at(&expr.span, made)
    }

    fn filter(&mut self, expr: &Expr, input: &Expr, call: &Call) -> Result<Value, Fault> {
        let value = if matches!(call.name.as_str(), "default" | "d") {
            self.maybe(input)?
        } else {
            self.value(input)?
        };
        let (args, named) = self.arguments(call)?;
        let result = filters::apply(&call.name, &value, &args, &named, &mut self.meter);
        at(&expr.span, result)
    }

    fn test(&mut self, expr: &Expr, input: &Expr, call: &Call) -> Result<Value, Fault> {
        let value = match call.name.as_str() {
            "defined" => return Ok(Value::from(!self.maybe(input)?.is_undefined())),
            "undefined" => return Ok(Value::from(self.maybe(input)?.is_undefined())),
            _ => self.value(input)?,
        };
        let (args, _) = self.arguments(call)?;
        let result = filters::test(&call.name, &value, &args);
        at(&expr.span, result).map(Value::from)
    }

    fn arguments(&mut self, call: &Call) -> Result<(Vec<Value>, Named), Fault> {
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push(self.value(arg)?);
        }
        let mut named = Vec::with_capacity(call.named.len());
        for (name, arg) in &call.named {
            named.push((name.clone(), self.value(arg)?));
        }
        Ok((args, named))
    }

    /// The value as text.
    pub(crate) fn text(&mut self, expr: &Expr) -> Result<String, Fault> {
        let value = self.value(expr)?;
        let text = to_text(&value, &mut self.meter);
        at(&expr.span, text)
    }
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}
