//! Points in time and lengths of time as plain milliseconds. Reading a clock is the engine's part.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A time from milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// This time and a length after it; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn plus(self, length: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// The length since an earlier time; zero when that is not earlier (a clock that jumped back).
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// A time from RFC 3339 text; one before 1970 is the beginning of 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(stamp.as_millisecond().max(0)).ok().map(Self)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, UTC, with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.written(&mut [0; 24]))
    }
}

impl Timestamp {
    /// As [`fmt::Display`] has it. One answer has thousands of them: by hand it takes a fraction of what a
    /// calendar and formatting take.
    pub fn written(self, text: &mut [u8; 24]) -> &str {
        *text = *b"9999-12-31T23:59:59.999Z";
        if self.0 <= LAST {
            let (days, ms) = (self.0 / DAY, (self.0 % DAY) as u32);
            let (year, month, day) = civil(days);
            let (seconds, ms) = (ms / 1_000, ms % 1_000);
            let mut two = |at: usize, number: u32| {
                text[at] = b'0' + (number / 10) as u8;
                text[at + 1] = b'0' + (number % 10) as u8;
            };
            two(0, year as u32 / 100);
            two(2, year as u32 % 100);
            two(5, month as u32);
            two(8, day as u32);
            two(11, seconds / 3_600);
            two(14, seconds / 60 % 60);
            two(17, seconds % 60);
            two(20, ms / 10);
            text[22] = b'0' + (ms % 10) as u8;
        }
        std::str::from_utf8(text).unwrap_or_default()
    }
}

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// The last moment that has four digits for its year.
const LAST: u64 = 253_402_300_799_999;

/// Year, month and day of the Gregorian calendar, so many days after 1970-01-01: an era of 400 years has
/// 146,097 days, and a year that begins in March has its leap day at its end.
fn civil(days: u64) -> (u64, u64, u64) {
    let since = days + 719_468;
    let (era, of_era) = (since / 146_097, since % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write `500ms`, `10s`, `30m`, `1h30m`, `3d` or `0`")]
pub struct BadDuration(pub String);

/// A duration as definitions write it: `500ms`, `10s`, `30m`, `1h30m`, `3d`, `0`.
///
/// # Errors
/// [`BadDuration`] for a bare number, an unknown unit, or more than 10 years.
pub fn parse_duration(text: &str) -> Result<Duration, BadDuration> {
    let bad = || BadDuration(text.chars().take(64).collect());
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total: u64 = 0;
    let mut last_unit = u64::MAX;
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let amount: u64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .len();
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        if unit >= last_unit {
            return Err(bad());
        }
        last_unit = unit;
        rest = &rest[letters..];
        total = amount
            .checked_mul(unit)
            .and_then(|ms| total.checked_add(ms))
            .ok_or_else(bad)?;
    }
    if total > 3_650 * 86_400_000 {
        return Err(bad());
    }
    Ok(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        let steps = (0..60_000).map(|n: u64| n * 4_222_333_777);
        let edges = (0..400).flat_map(|day| {
            let begin = day * DAY + 951_696_000_000;
            [begin - 1, begin]
        });
        for ms in steps.chain(edges).filter(|ms| *ms < LAST - 2 * DAY) {
            let stamp = jiff::Timestamp::from_millisecond(ms.cast_signed()).unwrap();
            let written = Timestamp::from_millis(ms).to_string();
            assert_eq!(written, format!("{stamp:.3}"));
            assert_eq!(Timestamp::parse(&written), Some(Timestamp::from_millis(ms)));
        }
        let end = Timestamp::from_millis(u64::MAX).to_string();
        assert_eq!(end, "9999-12-31T23:59:59.999Z");
    }
}
