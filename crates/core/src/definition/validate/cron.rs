//! The five fields of a cron expression. When it next comes due is the scheduler's part.

/// What is wrong, and what would be right.
pub(super) type Complaint = (String, String);

const FIELDS: [(&str, u32, u32); 5] = [
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

pub(super) fn check(cron: &str) -> Result<(), Complaint> {
    if let Some(name) = cron.trim().strip_prefix('@') {
        let help = match name {
            "hourly" => "write `0 * * * *`",
            "daily" | "midnight" => "write `0 0 * * *`",
            "weekly" => "write `0 0 * * 0`",
            "monthly" => "write `0 0 1 * *`",
            _ => "write the five fields: minute, hour, day, month, weekday",
        };
        return Err((
            format!("`{cron}` is no cron expression here"),
            help.to_owned(),
        ));
    }
    let parts: Vec<&str> = cron.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        let message = format!(
            "a cron expression has five fields, this has {}",
            parts.len()
        );
        let help = "minute, hour, day, month, weekday: `0 6 * * 1-5`";
        return Err((message, help.to_owned()));
    }
    for (part, (name, least, most)) in parts.iter().zip(FIELDS) {
        for item in part.split(',') {
            check_item(item, name, least, most).ok_or_else(|| {
                let shown: String = item.chars().take(32).collect();
                let message = format!("`{shown}` is no {name}");
                (
                    message,
                    format!("it is `*`, {least} to {most}, a range `a-b`, each with `/n`"),
                )
            })?;
        }
    }
    Ok(())
}

fn check_item(item: &str, name: &str, least: u32, most: u32) -> Option<()> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    if let Some(step) = step {
        let step = digits(step)?;
        if step == 0 || step > most {
            return None;
        }
    }
    if range == "*" {
        return Some(());
    }
    let value = |text: &str| {
        named(text, name)
            .or_else(|| digits(text))
            .filter(|n| (least..=most).contains(n))
    };
    match range.split_once('-') {
        Some((from, to)) => (value(from)? <= value(to)?).then_some(()),
        None => value(range).map(|_| ()),
    }
}

fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.len() <= 2 && text.chars().all(|c| c.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn named(text: &str, field: &str) -> Option<u32> {
    let text = text.to_ascii_lowercase();
    let (names, first): (&[&str], u32) = match field {
        "month" => (&MONTHS, 1),
        "day of the week" => (&DAYS, 0),
        _ => return None,
    };
    let at = names.iter().position(|name| *name == text)?;
    u32::try_from(at).ok().map(|at| at + first)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn the_five_fields_are_known() {
        for good in [
            "0 6 * * 1-5",
            "*/15 * * * *",
            "0 0 1,15 jan-mar mon",
            "5/10 0-23/2 31 12 7",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
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
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
