//! Sending a file that somebody brought: with ranges, and so that no browser runs it.

use std::io::SeekFrom;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::error::{Answer, Problem};

/// Images that browsers show and do not run.
const SAFE: [&str; 6] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/bmp",
];

/// So much is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// A file under this name, or the range of it that is asked for.
///
/// # Errors
/// 404 when it is gone, 416 for a range that it does not have.
pub async fn file(path: &Path, name: &str, mime: &str, headers: &HeaderMap) -> Answer<Response> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .await;
    let gone = || Problem::not_found("the artifact's file is gone");
    let mut file = opened.map_err(|_| gone())?;
    let metadata = file.metadata().await.map_err(|e| Problem::disk(&e))?;
    if !metadata.is_file() {
        return Err(gone());
    }
    let total = metadata.len();
    let asked = headers.get(header::RANGE).and_then(|r| r.to_str().ok());
    let (status, from, length) = match asked.map(|asked| range(asked, total)) {
        None | Some(Range::Ignored) => (StatusCode::OK, 0, total),
        Some(Range::Part(from, length)) => (StatusCode::PARTIAL_CONTENT, from, length),
        Some(Range::Outside) => {
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "bad_range",
                format!("the file has {total} bytes"),
            );
            let range = [(header::CONTENT_RANGE, format!("bytes */{total}"))];
            return Ok((range, problem).into_response());
        }
    };
    file.seek(SeekFrom::Start(from))
        .await
        .map_err(|e| Problem::disk(&e))?;
    let disposition = match SAFE.contains(&mime) {
        true => "inline",
        false => "attachment",
    };
    let fixed = [
        (header::CONTENT_TYPE, mime.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'".to_owned(),
        ),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("{disposition}; filename*=UTF-8''{}", escaped(name)),
        ),
    ];
    let mut response = (status, fixed, body(file, length)).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        let last = from + length - 1;
        let value = format!("bytes {from}-{last}/{total}");
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
    }
    Ok(response)
}

fn body(file: File, length: u64) -> Body {
    let pieces = futures_util::stream::unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return None;
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        match file.read(&mut piece).await {
            Ok(0) => Some((Err(std::io::ErrorKind::UnexpectedEof.into()), (file, 0))),
            Ok(count) => {
                piece.truncate(count);
                Some((Ok(piece), (file, left - count as u64)))
            }
            Err(error) => Some((Err(error), (file, 0))),
        }
    });
    // What compresses it asks once more after the end.
    Body::from_stream(futures_util::StreamExt::fuse(pieces))
}

#[derive(Debug, PartialEq)]
enum Range {
    /// From this byte, so many.
    Part(u64, u64),
    /// The file has none of it.
    Outside,
    /// Not understood, or more than one: all is sent (RFC 9110, 14.2).
    Ignored,
}

fn range(asked: &str, total: u64) -> Range {
    let Some((from, to)) = asked
        .strip_prefix("bytes=")
        .filter(|ranges| !ranges.contains(','))
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Range::Ignored;
    };
    let number = |text: &str| text.parse::<u64>().ok();
    match (from.is_empty(), to.is_empty()) {
        (true, true) => Range::Ignored,
        (true, false) => match number(to) {
            None => Range::Ignored,
            Some(0) => Range::Outside,
            Some(_) if total == 0 => Range::Outside,
            Some(last) => {
                let length = last.min(total);
                Range::Part(total - length, length)
            }
        },
        (false, _) => {
            let to = if to.is_empty() {
                Some(u64::MAX)
            } else {
                number(to)
            };
            match (number(from), to) {
                (Some(from), Some(to)) if from > to => Range::Ignored,
                (Some(from), Some(_)) if from >= total => Range::Outside,
                (Some(from), Some(to)) => Range::Part(from, to.min(total - 1) - from + 1),
                _ => Range::Ignored,
            }
        }
    }
}

/// For `filename*` (RFC 8187).
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    name.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        assert_eq!(range("bytes=0-0", 10), Range::Part(0, 1));
        assert_eq!(range("bytes=5-", 10), Range::Part(5, 5));
        assert_eq!(range("bytes=2-99", 10), Range::Part(2, 8));
        assert_eq!(range("bytes=-3", 10), Range::Part(7, 3));
        assert_eq!(range("bytes=-30", 10), Range::Part(0, 10));
        assert_eq!(range("bytes=10-", 10), Range::Outside);
        assert_eq!(range("bytes=-0", 10), Range::Outside);
        assert_eq!(range("bytes=-5", 0), Range::Outside);
        for odd in [
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=1-2",
            "bytes=-",
            "bytes=a-b",
        ] {
            assert_eq!(range(odd, 10), Range::Ignored, "{odd}");
        }
    }
}
