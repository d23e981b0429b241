//! The operators of expressions, bounded: nothing here makes more than it has paid for.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::meter::{Meter, Reason};
use super::syntax::{Comparison, Operator};
use super::value::{kind_of, to_text};

/// The longest `range`.
const MAX_RANGE: i128 = 10_000;

enum Number {
    Whole(i128),
    Float(f64),
}

fn number(value: &Value) -> Option<Number> {
    if value.kind() != ValueKind::Number {
        return None;
    }
    if value.is_integer() {
        return i128::try_from(value.clone()).ok().map(Number::Whole);
    }
    f64::try_from(value.clone()).ok().map(Number::Float)
}

impl Number {
    #[allow(clippy::cast_precision_loss)]
    fn float(&self) -> f64 {
        match self {
            Self::Whole(whole) => *whole as f64,
            Self::Float(float) => *float,
        }
    }
}

/// `+ - * / // % **` of numbers.
pub(crate) fn arithmetic(op: Operator, left: &Value, right: &Value) -> Result<Value, Reason> {
    let (Some(a), Some(b)) = (number(left), number(right)) else {
        return Err(format!(
            "needs numbers, these are {} and {}",
            kind_of(left),
            kind_of(right)
        ));
    };
    if let (Number::Whole(a), Number::Whole(b)) = (&a, &b)
        && let Some(result) = whole(op, *a, *b)
    {
        return result.map(Value::from);
    }
    let (a, b) = (a.float(), b.float());
    if b == 0.0 && matches!(op, Operator::Div | Operator::FloorDiv | Operator::Rem) {
        return Err("divides by zero".to_owned());
    }
    Ok(Value::from(match op {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mul => a * b,
        Operator::Div => a / b,
        Operator::FloorDiv => a.div_euclid(b),
        Operator::Rem => a.rem_euclid(b),
        Operator::Pow => a.powf(b),
        Operator::Concat => return Err("joins texts".to_owned()),
    }))
}

/// `None` when whole numbers do not stay whole under it.
fn whole(op: Operator, a: i128, b: i128) -> Option<Result<i128, Reason>> {
    let result = match op {
        Operator::Add => a.checked_add(b),
        Operator::Sub => a.checked_sub(b),
        Operator::Mul => a.checked_mul(b),
        Operator::FloorDiv | Operator::Rem if b == 0 => {
            return Some(Err("divides by zero".to_owned()));
        }
        Operator::FloorDiv => a.checked_div_euclid(b),
        Operator::Rem => a.checked_rem_euclid(b),
        Operator::Pow => a.checked_pow(u32::try_from(b).ok()?),
        Operator::Div | Operator::Concat => return None,
    };
    Some(result.ok_or_else(|| "gives too large a number".to_owned()))
}

/// `~`, and `+` of texts.
pub(crate) fn concat(left: &Value, right: &Value, meter: &mut Meter) -> Result<Value, Reason> {
    let mut text = to_text(left, meter)?;
    let more = to_text(right, meter)?;
    meter.reserve(text.len() + more.len())?;
    text.push_str(&more);
    Ok(Value::from(text))
}

/// `'ab' * 3`
pub(crate) fn repeat(text: &Value, times: &Value, meter: &mut Meter) -> Result<Value, Reason> {
    let text = text.as_str().unwrap_or_default();
    let times = times
        .as_usize()
        .ok_or_else(|| "a text is repeated a whole number of times".to_owned())?;
    meter.reserve(text.len().saturating_mul(times))?;
    Ok(Value::from(text.repeat(times)))
}

/// `== != < <= > >= in`
pub(crate) fn compare(
    op: Comparison,
    left: &Value,
    right: &Value,
    meter: &mut Meter,
) -> Result<bool, Reason> {
    meter.visit(left)?;
    meter.visit(right)?;
    Ok(match op {
        Comparison::Eq => left == right,
        Comparison::Ne => left != right,
        Comparison::In => contains(right, left)?,
        Comparison::NotIn => !contains(right, left)?,
        Comparison::Lt | Comparison::Le | Comparison::Gt | Comparison::Ge => {
            if left.kind() != right.kind() {
                return Err(format!(
                    "compares {} with {}",
                    kind_of(left),
                    kind_of(right)
                ));
            }
            match op {
                Comparison::Lt => left < right,
                Comparison::Le => left <= right,
                Comparison::Gt => left > right,
                _ => left >= right,
            }
        }
    })
}

fn contains(container: &Value, item: &Value) -> Result<bool, Reason> {
    if let Some(text) = container.as_str() {
        return match item.as_str() {
            Some(part) => Ok(text.contains(part)),
            None => Err(format!("looks for {} in a text", kind_of(item))),
        };
    }
    match container.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(container
            .try_iter()
            .map_err(|e| e.to_string())?
            .any(|each| &each == item)),
        ValueKind::Map => Ok(container
            .get_item(item)
            .is_ok_and(|found| !found.is_undefined())),
        _ => Err(format!("looks into {}", kind_of(container))),
    }
}

/// `x[1:3]`, negative numbers counting from the end.
pub(crate) fn slice(
    value: &Value,
    start: Option<i64>,
    stop: Option<i64>,
    meter: &mut Meter,
) -> Result<Value, Reason> {
    let place = |bound: i64, len: usize| -> usize {
        if bound < 0 {
            let back = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
            len.saturating_sub(back)
        } else {
            usize::try_from(bound).unwrap_or(usize::MAX).min(len)
        }
    };
    let window = |len: usize| {
        let from = start.map_or(0, |s| place(s, len));
        let to = stop.map_or(len, |s| place(s, len));
        (from, to.saturating_sub(from))
    };
    if let Some(text) = value.as_str() {
        let (skip, take) = window(text.chars().count());
        meter.reserve(text.len().min(take.saturating_mul(4)))?;
        return Ok(Value::from(
            text.chars().skip(skip).take(take).collect::<String>(),
        ));
    }
    let (ValueKind::Seq | ValueKind::Iterable, Some(len)) = (value.kind(), value.len()) else {
        return Err(format!("takes a part of {}", kind_of(value)));
    };
    let (skip, take) = window(len);
    meter.spend(len)?;
    let items = value.try_iter().map_err(|e| e.to_string())?;
    let part: Value = items.skip(skip).take(take).collect::<Vec<_>>().into();
    meter.charge(&part)?;
    Ok(part)
}

/// `range(stop)`, `range(start, stop)`, `range(start, stop, step)`
pub(crate) fn range(numbers: &[i64], meter: &mut Meter) -> Result<Value, Reason> {
    let (start, stop, step) = match *numbers {
        [stop] => (0, i128::from(stop), 1),
        [start, stop] => (i128::from(start), i128::from(stop), 1),
        [start, stop, step] => (i128::from(start), i128::from(stop), i128::from(step)),
        _ => return Err("takes one to three numbers".to_owned()),
    };
    if step == 0 {
        return Err("has a step of zero".to_owned());
    }
    let distance = if step > 0 { stop - start } else { start - stop };
    let count = if distance <= 0 {
        0
    } else {
        (distance - 1) / step.abs() + 1
    };
    if count > MAX_RANGE {
        return Err(format!(
            "has {count} numbers; at most {MAX_RANGE} are allowed"
        ));
    }
    let numbers: Vec<Value> = (0..count)
        .filter_map(|n| i64::try_from(start + n * step).ok())
        .map(Value::from)
        .collect();
    let list = Value::from(numbers);
    meter.charge(&list)?;
    Ok(list)
}
