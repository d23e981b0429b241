//! `baton diff`: what a run changed.

use std::io::{self, Write};

use clap::Args;
use http_body_util::BodyExt;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::find;
use super::text::safe;
use crate::client::{Error, escape};

/// Print what a run changed, or what lies between two of its checkpoints.
#[derive(Debug, Args)]
pub struct Diff {
    /// An id, a number, or the unique beginning of an id.
    run: String,
    /// From this checkpoint, or the one after this step; else from what the run began with.
    #[arg(long, value_name = "N|STEP")]
    from: Option<String>,
    /// To this checkpoint, or the one after this step; else to the newest.
    #[arg(long, value_name = "N|STEP")]
    to: Option<String>,
}

impl Diff {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        let run = find::run(&client, &self.run).await?;
        let id = run["id"].as_str().unwrap_or_default();
        let ends = [("from", &self.from), ("to", &self.to)];
        let ends = ends.into_iter().filter_map(|(name, end)| {
            let end = end.as_ref()?;
            Some(format!("{name}={}", escape(end)))
        });
        let query = ends.collect::<Vec<_>>().join("&");
        let path = format!("/api/workflow-executions/{id}/diff?{query}");
        let mut body = client.stream(&path, "text/x-diff").await?;
        let mut out = Painter::new(io::stdout().lock(), context.color);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| Error::Lost(e.to_string()))?;
            if let Ok(bytes) = frame.into_data()
                && let Err(error) = out.write(&bytes)
            {
                return unwritten(&error);
            }
        }
        out.end()
            .map_or_else(|e| unwritten(&e), |()| Ok(Exit::Done))
    }
}

/// A reader (`head`) that has gone is no error; a full disk is.
fn unwritten(error: &io::Error) -> Result<Exit, Failure> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        _ => Err(Failure::disk(format!("stdout: {error}"))),
    }
}

/// Colours a diff line by line, or hands it on as it is.
struct Painter<W> {
    out: W,
    color: bool,
    pending: Vec<u8>,
}

impl<W: Write> Painter<W> {
    /// A line is painted here when its end does not come.
    const LONGEST: usize = 64 * 1024;

    fn new(out: W, color: bool) -> Self {
        Self {
            out,
            color,
            pending: Vec::new(),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.color {
            return self.out.write_all(bytes);
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(part);
            if part.ends_with(b"\n") || self.pending.len() > Self::LONGEST {
                self.line()?;
            }
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.pending);
        let text = String::from_utf8_lossy(&line);
        let has_end = text.ends_with('\n');
        let text = safe(&text);
        let code = match text.as_bytes() {
            [b'd', b'i', b'f', b'f', ..] => "1",
            [b'+', b'+', b'+', b' ', ..] | [b'-', b'-', b'-', b' ', ..] => "1",
            [b'@', b'@', ..] => "36",
            [b'+', ..] => "32",
            [b'-', ..] => "31",
            _ => "",
        };
        let end = if has_end { "\n" } else { "" };
        match code {
            "" => write!(self.out, "{text}{end}"),
            code => write!(self.out, "\u{1b}[{code}m{text}\u{1b}[0m{end}"),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.line()?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_coloured_by_line_and_cannot_move_the_cursor() {
        let mut out = Vec::new();
        let mut painter = Painter::new(&mut out, true);
        painter.write(b"@@ -1 +1 @@\n-a\n+b\x1b").unwrap();
        painter.write(b"[2J\n c").unwrap();
        painter.end().unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\u{1b}[36m@@ -1 +1 @@\u{1b}[0m\n\u{1b}[31m-a\u{1b}[0m\n\u{1b}[32m+b\u{1b}[0m\n c"
        );
        let mut out = Vec::new();
        let mut painter = Painter::new(&mut out, false);
        painter.write(b"+\xff").unwrap();
        assert_eq!(out, b"+\xff");
    }
}
