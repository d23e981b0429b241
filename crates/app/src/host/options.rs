//! The words of `baton host`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use baton_core::time::parse_duration;

use super::network::Serving;

/// How a host is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Its data directory, absolute.
    pub data_dir: PathBuf,
    /// It has left the terminal and leaves when idle.
    pub background: bool,
    /// How long it stays without anything to do; `None`: as the settings say.
    pub idle_exit: Option<Duration>,
    /// How it is served beside the socket.
    pub serving: Option<Serving>,
}

impl Options {
    /// Reads the words after `host`.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut data_dir = None;
        let mut background = false;
        let mut idle_exit = None;
        while let Some(word) = words.next() {
            let mut value = |name: &str| words.next().ok_or(format!("{name} needs a value"));
            match word.to_str() {
                Some("--data-dir") => data_dir = Some(PathBuf::from(value("--data-dir")?)),
                Some("--background") => background = true,
                Some("--idle-exit") => {
                    let text = value("--idle-exit")?;
                    let text = text.to_string_lossy();
                    idle_exit = Some(parse_duration(&text).map_err(|e| e.to_string())?);
                }
                _ => return Err(format!("unknown word `{}`", word.to_string_lossy())),
            }
        }
        let data_dir = data_dir.ok_or("--data-dir is missing")?;
        let data_dir = std::path::absolute(&data_dir).map_err(|e| e.to_string())?;
        Ok(Self {
            data_dir,
            background,
            idle_exit,
            serving: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, String> {
        Options::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn the_data_directory_is_needed() {
        assert!(parse(&[]).is_err());
        assert!(parse(&["--data-dir"]).is_err());
        assert!(parse(&["--data-dir", "/d", "--what"]).is_err());
    }

    #[test]
    fn the_words_may_come_in_any_order() {
        let options = parse(&["--background", "--idle-exit", "2s", "--data-dir", "/d"]);
        let expected = Options {
            data_dir: "/d".into(),
            background: true,
            idle_exit: Some(Duration::from_secs(2)),
            serving: None,
        };
        assert_eq!(options, Ok(expected));
    }
}
