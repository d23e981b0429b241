//! The filters and tests of the language. Those that could make much from little are written here,
//! bounded; the others are minijinja's, whose results are no larger than what they were given.

use std::ops::Range;
use std::sync::OnceLock;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Value};

use super::meter::{Meter, Reason};
use super::syntax::{Call, Fault};
use super::value::{from_json, json_text, kind_of, to_json, to_text};
use crate::definition::suggest::nearest;

/// The filters, for messages and editors.
pub(crate) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "fromjson",
    "indent",
    "int",
    "items",
    "join",
    "keys",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "raw",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
    "values",
];

const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// The widest `indent`.
const MAX_INDENT: usize = 64;

fn known(kind: &str, name: &str, all: &[&str], span: &Range<usize>) -> Result<(), Fault> {
    if all.contains(&name) {
        return Ok(());
    }
    let fault = Fault::new(span, format!("there is no {kind} `{name}`"));
    Err(match nearest(name, all.iter().copied()) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault.help(format!("there are: {}", all.join(", "))),
    })
}

pub(crate) fn check_filter(call: &Call, span: &Range<usize>) -> Result<(), Fault> {
    known("filter", &call.name, FILTERS, span)
}

pub(crate) fn check_test(call: &Call, span: &Range<usize>) -> Result<(), Fault> {
    known("test", &call.name, TESTS, span)
}

fn builtins() -> &'static Environment<'static> {
    static BUILTINS: OnceLock<Environment<'static>> = OnceLock::new();
    BUILTINS.get_or_init(Environment::new)
}

fn reason(error: &minijinja::Error) -> Reason {
    error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned)
}

/// Whether a value passes a test.
pub(crate) fn test(name: &str, value: &Value, args: &[Value]) -> Result<bool, Reason> {
    let mut all = vec![value.clone()];
    all.extend_from_slice(args);
    builtins()
        .empty_state()
        .perform_test(name, &all)
        .map_err(|e| reason(&e))
}

/// The value after a filter.
pub(crate) fn apply(
    name: &str,
    value: &Value,
    args: &[Value],
    named: &[(String, Value)],
    meter: &mut Meter,
) -> Result<Value, Reason> {
    meter.visit(value)?;
    for arg in args {
        meter.visit(arg)?;
    }
    let result = match name {
        "default" | "d" => default(value, args, named),
        "join" => join(value, args, meter),
        "replace" => replace(value, args, meter),
        "indent" => indent(value, args, meter),
        "string" => to_text(value, meter).map(Value::from),
        "tojson" => tojson(value, args, named, meter),
        "fromjson" => fromjson(value),
        "urlencode" => urlencode(value, meter),
        "map" => return map(value, args, named, meter),
        "sum" => sum(value),
        "keys" => members(value, |key, _| key),
        "values" => members(value, |_, item| item),
        // In commands the command's own renderer takes it away; elsewhere all text is raw.
        "raw" => Ok(value.clone()),
        _ => builtin(name, value, args, named),
    }?;
    meter.charge(&result)?;
    Ok(result)
}

fn builtin(
    name: &str,
    value: &Value,
    args: &[Value],
    named: &[(String, Value)],
) -> Result<Value, Reason> {
    let mut all = vec![value.clone()];
    all.extend_from_slice(args);
    if !named.is_empty() {
        let named: Kwargs = named.iter().cloned().collect();
        all.push(named.into());
    }
    let result = builtins()
        .empty_state()
        .apply_filter(name, &all)
        .map_err(|e| reason(&e))?;
    if result.is_undefined() {
        return Err(format!("has nothing to take by `{name}`"));
    }
    Ok(result)
}

fn argument<'v>(args: &'v [Value], named: &'v [(String, Value)], name: &str) -> Option<&'v Value> {
    args.first().or_else(|| {
        named
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    })
}

fn default(value: &Value, args: &[Value], named: &[(String, Value)]) -> Result<Value, Reason> {
    let also_false = args.get(1).is_some_and(Value::is_true)
        || named.iter().any(|(k, v)| k == "boolean" && v.is_true());
    if value.is_undefined() || (also_false && !value.is_true()) {
        return Ok(args.first().cloned().unwrap_or_else(|| Value::from("")));
    }
    Ok(value.clone())
}

fn text_argument<'v>(args: &'v [Value], at: usize, what: &str) -> Result<&'v str, Reason> {
    args.get(at)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("needs a text as {what}"))
}

fn join(value: &Value, args: &[Value], meter: &mut Meter) -> Result<Value, Reason> {
    let separator = match args.first() {
        Some(_) => text_argument(args, 0, "the separator")?,
        None => "",
    };
    let mut joined = String::new();
    for (n, item) in value.try_iter().map_err(|e| reason(&e))?.enumerate() {
        let item = to_text(&item, meter)?;
        let gap = if n == 0 { "" } else { separator };
        meter.reserve(gap.len() + item.len())?;
        joined.push_str(gap);
        joined.push_str(&item);
    }
    meter.reserve(joined.len())?;
    Ok(Value::from(joined))
}

fn replace(value: &Value, args: &[Value], meter: &mut Meter) -> Result<Value, Reason> {
    let text = to_text(value, meter)?;
    let from = text_argument(args, 0, "what to look for")?;
    let to = text_argument(args, 1, "what to put there")?;
    let found = text.matches(from).count();
    meter.reserve(text.len().saturating_add(found.saturating_mul(to.len())))?;
    Ok(Value::from(text.replace(from, to)))
}

fn indent(value: &Value, args: &[Value], meter: &mut Meter) -> Result<Value, Reason> {
    let text = to_text(value, meter)?;
    let width = match args.first() {
        Some(width) => width.as_usize().filter(|w| *w <= MAX_INDENT),
        None => Some(4),
    }
    .ok_or_else(|| format!("takes a width from 0 to {MAX_INDENT}"))?;
    let first = args.get(1).is_some_and(Value::is_true);
    let lines = text.matches('\n').count() + 1;
    meter.reserve(text.len() + lines * width)?;
    let margin = " ".repeat(width);
    let mut indented = String::new();
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            indented.push('\n');
        }
        if (n > 0 || first) && !line.is_empty() {
            indented.push_str(&margin);
        }
        indented.push_str(line);
    }
    Ok(Value::from(indented))
}

fn tojson(
    value: &Value,
    args: &[Value],
    named: &[(String, Value)],
    meter: &mut Meter,
) -> Result<Value, Reason> {
    let json = to_json(value, meter)?;
    let pretty = argument(args, named, "indent").is_some_and(Value::is_true);
    json_text(&json, pretty, meter).map(Value::from)
}

fn fromjson(value: &Value) -> Result<Value, Reason> {
    let text = value
        .as_str()
        .ok_or_else(|| format!("reads JSON from a text, this is {}", kind_of(value)))?;
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|e| format!("is not JSON: {e}"))?;
    Ok(from_json(&json))
}

fn urlencode(value: &Value, meter: &mut Meter) -> Result<Value, Reason> {
    let text = to_text(value, meter)?;
    meter.reserve(text.len().saturating_mul(3).min(super::meter::MAX_TEXT))?;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                for digit in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                    encoded.push(digit.to_ascii_uppercase());
                }
                let at = encoded.len() - 2;
                encoded.insert(at, '%');
            }
        }
    }
    Ok(Value::from(encoded))
}

/// `map('upper')` and `map(attribute='name')`: each item is paid for by itself.
fn map(
    value: &Value,
    args: &[Value],
    named: &[(String, Value)],
    meter: &mut Meter,
) -> Result<Value, Reason> {
    let items = value.try_iter().map_err(|e| reason(&e))?;
    let mut mapped = Vec::new();
    if let Some((_, attribute)) = named.iter().find(|(key, _)| key == "attribute") {
        let fallback = named.iter().find(|(k, _)| k == "default").map(|(_, v)| v);
        for item in items {
            meter.spend(1)?;
            let member = item.get_item(attribute).unwrap_or(Value::UNDEFINED);
            match (member.is_undefined(), fallback) {
                (false, _) => mapped.push(member),
                (true, Some(fallback)) => mapped.push(fallback.clone()),
                (true, None) => return Err(format!("has an item without `{attribute}`")),
            }
        }
    } else {
        let filter = text_argument(args, 0, "the filter's name")?;
        if filter == "map" || !FILTERS.contains(&filter) {
            return Err(format!("cannot map by `{filter}`"));
        }
        for item in items {
            mapped.push(apply(
                filter,
                &item,
                args.get(1..).unwrap_or(&[]),
                named,
                meter,
            )?);
        }
    }
    let list = Value::from(mapped);
    meter.charge(&list)?;
    Ok(list)
}

fn sum(value: &Value) -> Result<Value, Reason> {
    let mut total = Value::from(0);
    for item in value.try_iter().map_err(|e| reason(&e))? {
        total = super::operators::arithmetic(super::syntax::Operator::Add, &total, &item)?;
    }
    Ok(total)
}

fn members(value: &Value, pick: fn(Value, Value) -> Value) -> Result<Value, Reason> {
    if value.kind() != ValueKind::Map {
        return Err(format!("needs an object, this is {}", kind_of(value)));
    }
    let mut picked = Vec::new();
    for key in value.try_iter().map_err(|e| reason(&e))? {
        let item = value.get_item(&key).map_err(|e| reason(&e))?;
        picked.push(pick(key, item));
    }
    Ok(Value::from(picked))
}
