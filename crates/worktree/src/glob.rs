//! Patterns of file names, as in `copy: [".env*"]`.
//!
//! Relative to the project: `*` and `?` stay within a name, `**` is any number of directories.

use std::ffi::OsStr;

use crate::error::Error;

/// A pattern, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob {
    parts: Vec<String>,
}

impl Glob {
    /// # Errors
    /// [`Error::Invalid`] for an empty one, and for one that leads out of the project.
    pub(crate) fn parse(text: &str) -> Result<Glob, Error> {
        let invalid = || Error::Invalid {
            what: "pattern of files within the project",
            value: text.to_owned(),
        };
        if text.starts_with('/') || text.contains('\0') {
            return Err(invalid());
        }
        let parts: Vec<String> = text
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .map(str::to_owned)
            .collect();
        if parts.is_empty() || parts.iter().any(|part| part == "..") {
            return Err(invalid());
        }
        Ok(Glob { parts })
    }

    pub(crate) fn parts(&self) -> &[String] {
        &self.parts
    }
}

/// Whether a name fits one part of a pattern.
pub(crate) fn fits(pattern: &str, name: &OsStr) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_encoded_bytes());
    let (mut p, mut n) = (0, 0);
    // Where the last `*` stands, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                n += 1;
            }
            Some(byte) if *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_any_part_of_a_name() {
        for (pattern, name, expected) in [
            (".env*", ".env", true),
            (".env*", ".env.local", true),
            (".env*", "env", false),
            ("*.lo?al", "a.b.local", true),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbY", false),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(
                fits(pattern, OsStr::new(name)),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn a_pattern_never_leads_out() {
        for bad in ["", "/", "/etc/*", "../x", "a/../../b", "."] {
            assert!(Glob::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Glob::parse("./a//b").unwrap().parts(), ["a", "b"]);
    }
}
