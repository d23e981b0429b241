//! Between minijinja's values, JSON and text.

use minijinja::Value;
use minijinja::value::ValueKind;
use serde_json::{Map, Number};

use super::meter::{MAX_TEXT, Meter, Reason};

/// JSON as a template value. Integers, nulls and the order of keys stay as they are.
#[must_use]
pub fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(yes) => Value::from(*yes),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => Value::from(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => items.iter().map(from_json).collect(),
        serde_json::Value::Object(members) => Value::from_pairs(
            members
                .iter()
                .map(|(key, item)| (key.as_str(), from_json(item))),
        ),
    }
}

/// A template value as JSON, spending what it holds.
pub(crate) fn to_json(value: &Value, meter: &mut Meter) -> Result<serde_json::Value, Reason> {
    meter.charge(value)?;
    convert(value)
}

/// Only called on charged values: their depth and size are bounded.
fn convert(value: &Value) -> Result<serde_json::Value, Reason> {
    Ok(match value.kind() {
        ValueKind::None => serde_json::Value::Null,
        ValueKind::Bool => value.is_true().into(),
        ValueKind::Number => number(value)?,
        ValueKind::String => value.as_str().unwrap_or_default().into(),
        ValueKind::Seq | ValueKind::Iterable => value
            .try_iter()
            .map_err(|e| e.to_string())?
            .map(|item| convert(&item))
            .collect::<Result<Vec<_>, _>>()?
            .into(),
        ValueKind::Map => {
            let mut map = Map::new();
            for key in value.try_iter().map_err(|e| e.to_string())? {
                let item = value.get_item(&key).map_err(|e| e.to_string())?;
                let name = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                map.insert(name, convert(&item)?);
            }
            map.into()
        }
        ValueKind::Undefined => return Err("does not exist".to_owned()),
        kind => return Err(format!("is {kind}, which has no JSON form")),
    })
}

fn number(value: &Value) -> Result<serde_json::Value, Reason> {
    if value.is_integer() {
        let whole = i128::try_from(value.clone()).map_err(|e| e.to_string())?;
        return Number::from_i128(whole)
            .map(Into::into)
            .ok_or_else(|| format!("gives {whole}, which is too large a number"));
    }
    let float = f64::try_from(value.clone()).map_err(|e| e.to_string())?;
    Number::from_f64(float)
        .map(Into::into)
        .ok_or_else(|| format!("gives {float}, which is not a number JSON knows"))
}

/// A value as text: strings as they are, everything else as JSON.
pub(crate) fn to_text(value: &Value, meter: &mut Meter) -> Result<String, Reason> {
    if let Some(text) = value.as_str() {
        meter.reserve(text.len())?;
        return Ok(text.to_owned());
    }
    let json = to_json(value, meter)?;
    json_text(&json, false, meter)
}

/// JSON as text, compact or pretty.
pub(crate) fn json_text(
    json: &serde_json::Value,
    pretty: bool,
    meter: &mut Meter,
) -> Result<String, Reason> {
    let mut bytes = Bounded(Vec::new());
    let written = if pretty {
        serde_json::to_writer_pretty(&mut bytes, json)
    } else {
        serde_json::to_writer(&mut bytes, json)
    };
    written.map_err(|_| "gives more than 1 MiB".to_owned())?;
    meter.reserve(bytes.0.len())?;
    String::from_utf8(bytes.0).map_err(|e| e.to_string())
}

struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_TEXT {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a value is, for people.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "nothing",
        ValueKind::None => "null",
        ValueKind::Bool => "true or false",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "an object",
        _ => "a value of another kind",
    }
}
