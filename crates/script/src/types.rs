//! What editors need to check definitions: types of the SDK and of zod, and a tsconfig.

use std::collections::BTreeMap;

const SDK: &str = include_str!("../sdk/baton.d.ts");
const TSCONFIG: &str = include_str!("../sdk/tsconfig.json");
const ZOD: &str = include_str!("../zod/types.json");

/// The directory of the types, beside the definitions; it ignores itself.
const DIRECTORY: &str = ".baton";

/// The files that `baton types` writes, by their paths from the directory of definitions.
#[must_use]
pub fn editor_files() -> Vec<(String, String)> {
    let zod: BTreeMap<String, String> = serde_json::from_str(ZOD).unwrap_or_default();
    let zod = zod
        .into_iter()
        .map(|(path, text)| (format!("{DIRECTORY}/zod/{path}"), text));
    let own = [
        ("tsconfig.json".to_owned(), TSCONFIG.to_owned()),
        (format!("{DIRECTORY}/baton.d.ts"), SDK.to_owned()),
        (format!("{DIRECTORY}/.gitignore"), "*\n".to_owned()),
    ];
    own.into_iter().chain(zod).collect()
}
