//! When a schedule comes due, in its own time zone.

use baton_core::definition::cron::Cron;
use baton_core::time::Timestamp;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp as Instant, Zoned};

/// Days to look ahead: the 29th of February may be eight years away.
const DAYS: u32 = 366 * 8 + 1;

/// The first time after this one; `None` when there is none (the 31st of February). A time that the
/// clocks leave out is taken an hour later; one that they repeat counts once, but for expressions
/// that mean every hour.
#[must_use]
pub fn next(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let after = Instant::from_millisecond(i64::try_from(after.millis()).ok()?).ok()?;
    let mut date = Zoned::new(after, zone.clone()).date();
    for _ in 0..DAYS {
        let found = on(cron, zone, date)
            .into_iter()
            .filter(|at| *at > after)
            .min();
        if let Some(found) = found {
            let millis = u64::try_from(found.as_millisecond()).ok()?;
            return Some(Timestamp::from_millis(millis));
        }
        date = date.tomorrow().ok()?;
    }
    None
}

fn on(cron: &Cron, zone: &TimeZone, date: Date) -> Vec<Instant> {
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    let weekday = date.weekday().to_sunday_zero_offset().unsigned_abs();
    if !cron.fits_day(month.into(), day.into(), weekday.into()) {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (hour, minute) in cron.times() {
        let (Ok(hour), Ok(minute)) = (i8::try_from(hour), i8::try_from(minute)) else {
            continue;
        };
        let ambiguous = zone.to_ambiguous_zoned(date.at(hour, minute, 0, 0));
        let repeats = matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. });
        if repeats && cron.is_hourly() {
            all.extend(ambiguous.clone().later().ok().map(|at| at.timestamp()));
        }
        all.extend(ambiguous.compatible().ok().map(|at| at.timestamp()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(cron).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let mut at = Timestamp::parse(from).unwrap();
        let mut all = Vec::new();
        for _ in 0..count {
            at = next(&cron, &zone, at).unwrap();
            all.push(at.to_string());
        }
        all
    }

    #[test]
    fn working_days_at_six_in_berlin_follow_the_clocks() {
        let found = times("0 6 * * 1-5", "Europe/Berlin", "2026-03-26T06:00:00Z", 3);
        let wanted = [
            "2026-03-27T05:00:00.000Z",
            "2026-03-30T04:00:00.000Z",
            "2026-03-31T04:00:00.000Z",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_time_that_is_left_out_comes_later_and_one_that_is_repeated_comes_once() {
        let found = times("30 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z", 2);
        assert_eq!(
            found,
            ["2026-03-29T01:30:00.000Z", "2026-03-30T00:30:00.000Z"]
        );
        let found = times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(
            found,
            ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]
        );
        let found = times("30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 3);
        let wanted = [
            "2026-10-25T00:30:00.000Z",
            "2026-10-25T01:30:00.000Z",
            "2026-10-25T02:30:00.000Z",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn rare_days_are_found_and_impossible_ones_are_not() {
        let found = times("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1);
        assert_eq!(found, ["2028-02-29T00:00:00.000Z"]);
        let never = Cron::parse("0 0 31 2 *").unwrap();
        assert_eq!(
            next(&never, &TimeZone::UTC, Timestamp::from_millis(0)),
            None
        );
    }
}
