//! What the tests of stored forms share: a fixture of JSON lines beside its samples.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An exhaustive match that names each variant, and the list of the names: a new variant does not
/// compile until it is named, and a name without a sample fails the test.
#[macro_export]
macro_rules! variants {
    ($name:ident, $all:ident, $type:ty { $($pattern:pat => $word:literal,)+ }) => {
        const $all: &[&str] = &[$($word),+];
        fn $name(value: &$type) -> &'static str {
            match value {
                $($pattern => $word,)+
            }
        }
    };
}

/// Tags of enums that are stored as `{"<tag>": …}`: nothing can be added beside the tag.
const TAGS: &[&str] = &[
    "user",
    "attempt",
    "parent",
    "step",
    "checkpoint",
    "completed",
    "failed",
    "skipped",
    "blob",
    "returned",
    "threw",
];

/// Checks samples against the committed lines: each sample is stored as one of the lines, each line
/// is read as one of the samples, with and without fields that a later version may add.
///
/// Lines are only ever added: they are what journals on people's disks hold.
pub fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    lines: &str,
    samples: &[T],
) {
    let lines: Vec<&str> = lines.lines().collect();
    for sample in samples {
        let stored = serde_json::to_string(sample).unwrap();
        assert!(
            lines.contains(&stored.as_str()),
            "not among the fixture's lines (add it, change none):\n{stored}"
        );
    }
    for line in lines {
        let read: T = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(samples.contains(&read), "no sample for the line {line}");
        let mut later: Value = serde_json::from_str(line).unwrap();
        extend(&mut later);
        let again: T = serde_json::from_value(later).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(again, read, "unknown fields change nothing");
    }
}

fn extend(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let tagged = object.len() == 1 && TAGS.iter().any(|tag| object.contains_key(*tag));
            for (name, inner) in object.iter_mut() {
                // These hold what others write: nothing of a version of ours.
                if !["metadata", "input", "answers"].contains(&name.as_str()) {
                    extend(inner);
                }
            }
            if !tagged {
                object.insert("of_a_later_version".into(), serde_json::json!({"a": [1]}));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(extend),
        _ => {}
    }
}

/// Every name is among these.
pub fn all_sampled(all: &[&str], seen: impl IntoIterator<Item = &'static str>) {
    let seen: Vec<&str> = seen.into_iter().collect();
    for name in all {
        assert!(seen.contains(name), "no sample of `{name}`");
    }
}
