//! The five fields of a cron expression, as sets. In which zone they mean a time is the scheduler's
//! part.

/// What is wrong, and what would be right.
pub type Complaint = (String, String);

const MINUTE: Field = Field::of("minute", 0, 59, &[]);
const HOUR: Field = Field::of("hour", 0, 23, &[]);
const DAY: Field = Field::of("day of the month", 1, 31, &[]);
const MONTH: Field = Field::of(
    "month",
    1,
    12,
    &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
);
const WEEKDAY: Field = Field::of(
    "day of the week",
    0,
    7,
    &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
);

/// A cron expression: `minute hour day month weekday`, as in crontab(5). When both the day and the
/// weekday are restricted, either is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
    any_hour: bool,
}

impl Cron {
    /// Reads the five fields.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(cron: &str) -> Result<Self, Complaint> {
        if let Some(name) = cron.trim().strip_prefix('@') {
            let help = match name {
                "hourly" => "write `0 * * * *`",
                "daily" | "midnight" => "write `0 0 * * *`",
                "weekly" => "write `0 0 * * 0`",
                "monthly" => "write `0 0 1 * *`",
                _ => "write the five fields: minute, hour, day, month, weekday",
            };
            let message = format!("`{cron}` is no cron expression here");
            return Err((message, help.to_owned()));
        }
        let parts: Vec<&str> = cron.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = parts.as_slice() else {
            let message = format!(
                "a cron expression has five fields, this has {}",
                parts.len()
            );
            let help = "minute, hour, day, month, weekday: `0 6 * * 1-5`";
            return Err((message, help.to_owned()));
        };
        let weekdays = WEEKDAY.read(weekday)?;
        Ok(Self {
            minutes: MINUTE.read(minute)?,
            hours: HOUR.read(hour)?,
            days: DAY.read(day)?,
            months: MONTH.read(month)?,
            // Sunday is 0 and 7.
            weekdays: weekdays | (weekdays >> 7 & 1),
            any_day: day.starts_with('*'),
            any_weekday: weekday.starts_with('*'),
            any_hour: hour == "*",
        })
    }

    /// Whether it comes due on such a day. The weekday counts from 0, Sunday.
    #[must_use]
    pub fn fits_day(&self, month: u32, day: u32, weekday: u32) -> bool {
        let (by_day, by_weekday) = (has(self.days, day), has(self.weekdays, weekday));
        let fits = match (self.any_day, self.any_weekday) {
            (false, false) => by_day || by_weekday,
            _ => by_day && by_weekday,
        };
        fits && has(self.months, month)
    }

    /// The times of such a day at which it comes due, as hour and minute, earliest first.
    pub fn times(&self) -> impl Iterator<Item = (u32, u32)> {
        let (hours, minutes) = (self.hours, self.minutes);
        let of_hour = move |hour| (0..60).filter_map(move |m| has(minutes, m).then_some((hour, m)));
        (0..24)
            .filter(move |hour| has(hours, *hour))
            .flat_map(of_hour)
    }

    /// Whether it means every hour: then an hour that a clock change repeats counts twice.
    #[must_use]
    pub fn is_hourly(&self) -> bool {
        self.any_hour
    }
}

fn has(set: u64, value: u32) -> bool {
    value < 64 && set >> value & 1 == 1
}

struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    words: &'static [&'static str],
}

impl Field {
    const fn of(name: &'static str, least: u32, most: u32, words: &'static [&'static str]) -> Self {
        Self {
            name,
            least,
            most,
            words,
        }
    }

    fn read(&self, part: &str) -> Result<u64, Complaint> {
        let mut set = 0;
        for item in part.split(',') {
            set |= self.item(item).ok_or_else(|| {
                let shown: String = item.chars().take(32).collect();
                let Self {
                    name, least, most, ..
                } = self;
                (
                    format!("`{shown}` is no {name}"),
                    format!("it is `*`, {least} to {most}, a range `a-b`, each with `/n`"),
                )
            })?;
        }
        Ok(set)
    }

    fn item(&self, item: &str) -> Option<u64> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(digits(step)?)),
            None => (item, None),
        };
        if step.is_some_and(|step| step == 0 || step > self.most) {
            return None;
        }
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (self.least, self.most),
            (_, Some((from, to))) => (self.value(from)?, self.value(to)?),
            // `5/10`: every tenth from the fifth on.
            (_, None) => {
                let value = self.value(range)?;
                (value, step.map_or(value, |_| self.most))
            }
        };
        if from > to {
            return None;
        }
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        Some((from..=to).step_by(step).fold(0, |set, n| set | 1 << n))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let word = text.to_ascii_lowercase();
        let named = self.words.iter().position(|name| *name == word);
        let named = named.and_then(|at| u32::try_from(at).ok());
        let value = named.map(|at| at + self.least).or_else(|| digits(text))?;
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.len() <= 2 && text.chars().all(|c| c.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::Cron;

    #[test]
    fn the_five_fields_are_known() {
        for good in [
            "0 6 * * 1-5",
            "*/15 * * * *",
            "0 0 1,15 jan-mar mon",
            "5/10 0-23/2 31 12 7",
        ] {
            assert!(Cron::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "@daily",
            "1,,2 * * * *",
            "* * * * * *",
            "-1 * * * *",
        ] {
            assert!(Cron::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_and_times_are_those_that_crontab_means() {
        let cron = Cron::parse("5/20 8-9 * * mon-fri").unwrap();
        let times: Vec<_> = cron.times().collect();
        assert_eq!(times, [(8, 5), (8, 25), (8, 45), (9, 5), (9, 25), (9, 45)]);
        assert!(cron.fits_day(2, 29, 1) && !cron.fits_day(2, 29, 0));
        let either = Cron::parse("0 0 13 * 5").unwrap();
        assert!(either.fits_day(1, 13, 2) && either.fits_day(1, 12, 5));
        assert!(!either.fits_day(1, 12, 4));
        let sunday = Cron::parse("0 0 * feb 7").unwrap();
        assert!(sunday.fits_day(2, 1, 0) && !sunday.fits_day(3, 1, 0));
        assert!(Cron::parse("0 * * * *").unwrap().is_hourly());
        assert!(!sunday.is_hourly());
    }
}
