//! Names of files that others have chosen, as names that mean no other place. Knows nothing else,
//! so that it can be fuzzed alone (`fuzz/targets/multipart.rs`).

use std::collections::HashSet;
use std::path::Path;

/// The longest name, in bytes; file systems take 255.
const LONGEST: usize = 200;

/// A name from outside as one that means no other place and hides nothing.
pub fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).find(|part| !part.is_empty());
    safe(Path::new(last.unwrap_or("file")))
}

/// The last part of a path as a name that means no other place and hides nothing.
pub fn safe(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| {
        let is_plain =
            c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ' | '+' | '@' | '(' | ')');
        if is_plain { c } else { '_' }
    };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_start_matches(['.', ' ']).trim_end();
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    if end == 0 {
        "file".into()
    } else {
        name[..end].to_owned()
    }
}

/// The name, or with `-2` and so on before its ending when it is taken.
pub fn free(name: &str, taken: &mut HashSet<String>) -> String {
    let mut free = name.to_owned();
    let mut count = 1;
    while !taken.insert(free.to_lowercase()) {
        count += 1;
        free = numbered(name, count);
    }
    free
}

/// The name for the so-manieth file that is called so: `a-2.txt` for the second `a.txt`.
pub fn numbered(name: &str, count: u32) -> String {
    if count < 2 {
        return name.to_owned();
    }
    let (stem, ending) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    };
    format!("{stem}-{count}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_and_a_second_one_is_numbered() {
        let name = |path: &str| safe(Path::new(path));
        assert_eq!(name("/a/Report 1.html"), "Report 1.html");
        assert_eq!(name("/a/.env"), "env");
        assert_eq!(name("/a/x\ny:z\\w"), "x_y_z_w");
        assert_eq!(name("/"), "file");
        // A space before it leaves no other place either, nor a hidden name.
        assert_eq!(safe_name(" .."), "file");
        assert_eq!(safe_name(" . .env "), "env");
        assert_eq!(safe_name(" ........\u{fffd}.Dis\u{1f}\0"), "_.Dis__");
        assert!(name(&format!("/{}", "ä".repeat(120))).len() <= LONGEST);
        let mut taken = HashSet::new();
        let mut next = |name: &str| free(name, &mut taken);
        assert_eq!(next("a.tar.gz"), "a.tar.gz");
        assert_eq!(next("A.tar.gz"), "A.tar-2.gz");
        assert_eq!(next("a"), "a");
        assert_eq!(next("a"), "a-2");
        assert_eq!(next("a-2"), "a-2-2");
    }
}
