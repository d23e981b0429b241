//! JSON answers that may be long: written once, off the runtime's threads.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::{Answer, Problem};
use super::find::at_once;

/// Such an answer.
pub struct Made(Vec<u8>);

impl Made {
    /// This, as it is.
    pub fn of(value: &impl Serialize) -> Answer<Self> {
        Self::of_about(0, value)
    }

    /// This, as it is: about so many bytes.
    pub fn of_about(bytes: usize, value: &impl Serialize) -> Answer<Self> {
        let mut made = Vec::with_capacity(bytes);
        serde_json::to_writer(&mut made, value).map_err(|error| Problem::internal(&error))?;
        Ok(Self(made))
    }

    /// An object with members, of about so many bytes, as `data`, and in it under this name a list of what
    /// is made of these. That may be long: two threads make and write it then, since whoever asked waits
    /// for all of it.
    pub fn data_with_list<'t, T: Sync, M: Serialize>(
        bytes: usize,
        object: &impl Serialize,
        name: &str,
        list: &'t [T],
        make: &(impl Fn(&'t T) -> M + Sync),
    ) -> Answer<Self> {
        let object = Self::of_about(bytes, object)?.0;
        let none = || Problem::internal(&"the answer is no object");
        let members = object.strip_suffix(b"}").ok_or_else(none)?;
        let mut made = [b"{\"data\":", members, b",\"", name.as_bytes(), b"\":["].concat();
        if list.len() <= FEW {
            items(&mut made, list, make)?;
        } else {
            let (first, second) = list.split_at(list.len() / 2);
            let other = || {
                let mut made = vec![b','];
                items(&mut made, second, make).map(|()| made)
            };
            let (second, first) = at_once(&other, || items(&mut made, first, make))?;
            first?;
            made.extend(second?);
        }
        made.extend(b"]}}");
        Ok(Self(made))
    }
}

/// More items of a list than these are written by two at once.
const FEW: usize = 200;

/// So much is made room for at the beginning, in bytes.
const MOST: usize = 1 << 20;

/// What is made of the items of a list, with what stands between them.
fn items<'t, T, M: Serialize>(
    made: &mut Vec<u8>,
    list: &'t [T],
    make: &impl Fn(&'t T) -> M,
) -> Answer<()> {
    let begun = made.len();
    for (n, item) in list.iter().enumerate() {
        if n > 0 {
            made.push(b',');
        }
        serde_json::to_writer(&mut *made, &make(item))
            .map_err(|error| Problem::internal(&error))?;
        if n == 0 {
            // The others may be about as long, or much shorter.
            made.reserve((made.len() - begun).saturating_mul(list.len()).min(MOST));
        }
    }
    Ok(())
}

impl IntoResponse for Made {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_list_is_written_as_it_is_whoever_writes_it() {
        for count in [0, 1, 2, FEW, FEW + 1, 2 * FEW + 1] {
            let list: Vec<Value> = (0..count).map(|n| json!({"n": n, "s": "a\"b"})).collect();
            let made = Made::data_with_list(0, &json!({"a": 1}), "list", &list, &Clone::clone);
            let Ok(Made(text)) = made else {
                panic!("it can be written");
            };
            let read: Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(read, json!({"data": {"a": 1, "list": list}}));
        }
        // A first one that is much longer than the others.
        let mut list = vec![json!("x"); 50_000];
        list[0] = json!("x".repeat(4 << 20));
        let made = Made::data_with_list(0, &json!({"a": 1}), "list", &list, &Clone::clone);
        assert!(made.is_ok_and(|Made(text)| text.capacity() < 16 << 20));
        let none = Made::data_with_list(0, &7, "list", &[json!(1)], &Clone::clone);
        assert!(none.is_err(), "that is no object");
    }
}
