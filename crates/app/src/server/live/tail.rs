//! The end of a file that grows: whole characters, with the offset of each piece.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

/// The most that is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// A piece of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Where the next one begins.
    pub next: u64,
}

/// See the module. The file may not be there yet, and may be replaced by a new one.
#[derive(Debug)]
pub struct Tail {
    paths: Vec<PathBuf>,
    file: Option<(File, u64)>,
    offset: u64,
}

impl Tail {
    /// The tail of the first of these files that is there, from an offset on.
    pub fn new(paths: Vec<PathBuf>, offset: u64) -> Self {
        Self {
            paths,
            file: None,
            offset,
        }
    }

    /// Goes to the end as it is now, but for so many bytes: only they and what comes later are
    /// given. Whether there was anything.
    pub fn skip(&mut self, but: u64) -> bool {
        let length = self.length().unwrap_or(0);
        self.offset = self.offset.max(length.saturating_sub(but));
        length > 0
    }

    fn length(&mut self) -> Option<u64> {
        self.open();
        let (file, _) = self.file.as_ref()?;
        Some(file.metadata().ok()?.len())
    }

    fn open(&mut self) {
        if self.file.is_none() {
            let mut files = self.paths.iter().filter_map(|path| File::open(path).ok());
            let file = files.next().and_then(|file| {
                let inode = file.metadata().ok()?.ino();
                Some((file, inode))
            });
            self.file = file;
        }
    }

    /// What is there and was not given yet; `None` when that is nothing. At the end of a file that
    /// was replaced by another (a new attempt) it goes on with that one.
    pub fn read(&mut self, is_last: bool) -> io::Result<Option<Piece>> {
        self.open();
        let Some((file, inode)) = &self.file else {
            return Ok(None);
        };
        let mut buffer = vec![0; PIECE];
        let count = file.read_at(&mut buffer, self.offset)?;
        buffer.truncate(count);
        if count == 0 {
            let replaced = self
                .paths
                .iter()
                .find_map(|path| std::fs::metadata(path).ok());
            if replaced.is_some_and(|now| now.ino() != *inode) {
                self.file = None;
                self.offset = 0;
                self.open();
            }
            return Ok(None);
        }
        let whole = if is_last && count < PIECE {
            count
        } else {
            whole_characters(&buffer)
        };
        if whole == 0 {
            return Ok(None);
        }
        let piece = Piece {
            text: String::from_utf8_lossy(&buffer[..whole]).into_owned(),
            offset: self.offset,
            next: self.offset + whole as u64,
        };
        self.offset = piece.next;
        Ok(Some(piece))
    }
}

/// The length of the bytes without the beginning of a character at their end.
fn whole_characters(bytes: &[u8]) -> usize {
    let end = bytes.len();
    // A character has at most four bytes; the first tells how many.
    for back in 1..=end.min(4) {
        let byte = bytes[end - back];
        if byte & 0b1100_0000 == 0b1000_0000 {
            continue;
        }
        let length = match byte {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF7 => 4,
            _ => 1,
        };
        return if length > back { end - back } else { end };
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_never_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut tail = Tail::new(vec![path.clone()], 0);
        assert_eq!(tail.read(false).unwrap(), None);
        std::fs::write(&path, &"aä".as_bytes()[..2]).unwrap();
        let piece = tail.read(false).unwrap().unwrap();
        assert_eq!((piece.text.as_str(), piece.next), ("a", 1));
        assert_eq!(tail.read(false).unwrap(), None);
        std::fs::write(&path, "aä").unwrap();
        assert_eq!(tail.read(false).unwrap().unwrap().text, "ä");
    }

    #[test]
    fn a_replaced_file_is_followed_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "one").unwrap();
        let mut tail = Tail::new(vec![path.clone()], 0);
        assert_eq!(tail.read(false).unwrap().unwrap().text, "one");
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        std::fs::write(&path, "two").unwrap();
        assert_eq!(tail.read(false).unwrap(), None);
        assert_eq!(tail.read(false).unwrap().unwrap().text, "two");
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_it() {
        assert_eq!(whole_characters(b"\x80\x80\x80\x80\x80"), 5);
        assert_eq!(whole_characters(b"a\xff"), 2);
        assert_eq!(whole_characters("€".as_bytes()), 3);
        assert_eq!(whole_characters(&"€".as_bytes()[..2]), 0);
    }
}
