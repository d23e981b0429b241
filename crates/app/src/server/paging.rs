//! Pages of lists that are small and made anew each time.

use serde_json::{Value, json};

use super::asking::Params;
use super::error::Answer;

/// The page that is asked for, of rows with what orders them. What is added or removed between two
/// pages moves no other row: the cursor is the last row's own key.
pub fn page(mut rows: Vec<(String, Value)>, params: &Params) -> Answer<Value> {
    let limit = params.limit()?;
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let Some(cursor) = params.get("cursor") {
        rows.retain(|(key, _)| key.as_str() > cursor);
    }
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_more).map(|(key, _)| key.clone());
    let data: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    Ok(json!({"data": data, "next_cursor": next}))
}

/// A number as a key: in order as text, too.
pub fn numbered(number: u64) -> String {
    format!("{number:020}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_though_rows_come_and_go() {
        let rows = |numbers: &[u64]| -> Vec<(String, Value)> {
            numbers.iter().map(|&n| (numbered(n), n.into())).collect()
        };
        let first = page(rows(&[10, 9, 8]), &Params::of(&[("limit", "2")])).unwrap();
        assert_eq!(first["data"], json!([8, 9]));
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = Params::of(&[("limit", "2"), ("cursor", cursor)]);
        let second = page(rows(&[7, 8, 10, 11]), &rest).unwrap();
        assert_eq!(second, json!({"data": [10, 11], "next_cursor": null}));
    }
}
