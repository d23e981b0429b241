//! Reading a line of JSON without what nobody reads of it. Agents repeat whole files, lists of
//! commands and their own accounts in their lines; making values of those would be most of the work
//! of reading them. What is left out is named by each driver, by the place where it stands; what is
//! not named is read whole, so that nothing new of an agent's is lost.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What is wanted of a member of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// All of it.
    Whole,
    /// What is wanted of its members.
    Parts,
    /// Whether it is null; anything else becomes `true`.
    Presence,
    /// Nothing: it is as if it were not there.
    Nothing,
}

/// What is wanted of the member `name` of an object that is, or stands in a list that is, the member
/// `under` of another; the outermost object's is empty.
pub(crate) type Wants = fn(under: &str, name: &str) -> Want;

/// Reads a line that holds one JSON object; `None` when it is something else. All of it is checked to
/// be JSON.
pub(crate) fn object(line: &str, wants: Wants) -> Option<Map<String, Value>> {
    let mut reader = serde_json::Deserializer::from_str(line);
    let parts = Parts { under: "", wants };
    let value = parts.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// A value of which parts are wanted.
#[derive(Clone, Copy)]
struct Parts<'w> {
    under: &'w str,
    wants: Wants,
}

impl<'de> DeserializeSeed<'de> for Parts<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key_seed(Name)? {
            let value = match (self.wants)(self.under, &name) {
                Want::Whole => members.next_value()?,
                Want::Parts => members.next_value_seed(Parts {
                    under: &name,
                    ..self
                })?,
                Want::Presence => match members.next_value::<Option<IgnoredAny>>()? {
                    Some(_) => Value::Bool(true),
                    None => Value::Null,
                },
                Want::Nothing => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            object.insert(name.into_owned(), value);
        }
        Ok(Value::Object(object))
    }
}

/// A member's name, borrowed from the line when it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wants(under: &str, name: &str) -> Want {
        match (under, name) {
            ("", "part") | ("part", "list") => Want::Parts,
            ("part" | "list", "gone") => Want::Nothing,
            ("part", "there") => Want::Presence,
            _ => Want::Whole,
        }
    }

    #[test]
    fn only_what_is_named_is_left_out_and_only_where_it_stands() {
        let line = json!({
            "whole": {"gone": 1, "there": "x"},
            "part": {
                "gone": {"a": [1, 2]}, "there": "text", "kept": -1.5,
                "list": [{"gone": 1, "é\n": null}, "text", 7, true],
            },
        });
        let read = object(&line.to_string(), wants).unwrap();
        let expected = json!({
            "whole": {"gone": 1, "there": "x"},
            "part": {"there": true, "kept": -1.5, "list": [{"é\n": null}, "text", 7, true]},
        });
        assert_eq!(Value::Object(read), expected);
        let absent = object(r#"{"part": {"there": null}}"#, wants).unwrap();
        assert_eq!(Value::Object(absent), json!({"part": {"there": null}}));
    }

    #[test]
    fn what_is_left_out_is_still_checked_to_be_json() {
        for broken in [
            r#"{"part": {"gone": [1, }}"#,
            r#"{"part": {}} x"#,
            r#"{"part": {"gone": "#,
            "[1]",
            "",
        ] {
            assert_eq!(object(broken, wants), None, "{broken}");
        }
    }
}
