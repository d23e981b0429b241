//! What a file is: by its content where that says it, else by its name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use baton_core::run::event::FileType;

/// So much of a file is looked at, in bytes.
const HEAD: u64 = 8192;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Its media type.
    pub mime: String,
    /// Document 2's word.
    pub file_type: FileType,
}

/// What this file is; `name` is what it is called.
///
/// # Errors
/// What the file system says.
pub fn kind_of(path: &Path, name: &str) -> io::Result<Kind> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(kind(&head, name))
}

fn kind(head: &[u8], name: &str) -> Kind {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let ending = ending.to_ascii_lowercase();
    if let Some(found) = infer::get(head) {
        let mime = found.mime_type();
        let file_type = match found.matcher_type() {
            infer::MatcherType::Image => FileType::Image,
            infer::MatcherType::Video => FileType::Video,
            infer::MatcherType::Doc => FileType::Document,
            _ if mime == "application/pdf" => FileType::Document,
            _ => FileType::Other,
        };
        // What it finds in text (HTML, scripts) is a matter of taste: as its name says.
        if !matches!(found.matcher_type(), infer::MatcherType::Text) {
            return Kind {
                mime: mime.to_owned(),
                file_type,
            };
        }
    }
    let is_text = !head.contains(&0) && valid_text(head);
    let (mime, file_type) = match (is_text, ending.as_str()) {
        (true, "md" | "markdown") => ("text/markdown; charset=utf-8", FileType::Document),
        (true, "txt" | "log" | "rst" | "csv") => ("text/plain; charset=utf-8", FileType::Document),
        (true, "html" | "htm") => ("text/html; charset=utf-8", FileType::Document),
        (true, "svg") => ("image/svg+xml", FileType::Image),
        (true, "json") => ("application/json", FileType::Code),
        (true, ending) if CODE.contains(&ending) => ("text/plain; charset=utf-8", FileType::Code),
        (true, _) => ("text/plain; charset=utf-8", FileType::Other),
        (false, _) => ("application/octet-stream", FileType::Other),
    };
    Kind {
        mime: mime.to_owned(),
        file_type,
    }
}

/// Whether it is UTF-8, but for a character that its end may have cut.
fn valid_text(head: &[u8]) -> bool {
    match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && head.len() as u64 == HEAD,
    }
}

const CODE: &[&str] = &[
    "rs", "ts", "tsx", "js", "jsx", "mjs", "py", "go", "java", "kt", "c", "h", "cc", "cpp", "hpp",
    "cs", "rb", "php", "swift", "sh", "bash", "sql", "css", "scss", "yaml", "yml", "toml", "xml",
    "diff", "patch", "lua", "zig", "ex", "exs", "scala", "vue", "svelte",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_counts_more_than_the_name() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let found = kind(png, "notes.txt");
        assert_eq!(
            (found.mime.as_str(), found.file_type),
            ("image/png", FileType::Image)
        );
        let found = kind(b"<script>alert(1)</script>", "a.png");
        assert_eq!(found.mime, "text/plain; charset=utf-8");
        let found = kind(b"fn main() {}", "main.rs");
        assert_eq!(found.file_type, FileType::Code);
        assert_eq!(kind(b"\0\x01", "x").mime, "application/octet-stream");
        assert_eq!(kind(b"%PDF-1.7", "x").file_type, FileType::Document);
    }
}
