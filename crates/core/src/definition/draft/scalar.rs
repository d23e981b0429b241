//! What a plain YAML word means: the core schema of YAML 1.2 and nothing of 1.1, so that `no`,
//! `on` and `1:30` are texts.

use super::Kind;

/// The value of a plain scalar.
pub(super) fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    let starts_as_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if !starts_as_number || text.len() > 64 {
        return Kind::Text(text.to_owned());
    }
    whole(text)
        .map(Kind::Int)
        .or_else(|| float(text).map(Kind::Float))
        .unwrap_or_else(|| Kind::Text(text.to_owned()))
}

fn whole(text: &str) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0x") {
        return unsigned(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return unsigned(digits, 8);
    }
    match text.strip_prefix('-') {
        Some(digits) => unsigned(digits, 10).map(|n| -n),
        None => unsigned(text.strip_prefix('+').unwrap_or(text), 10),
    }
}

fn unsigned(digits: &str, radix: u32) -> Option<i128> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    // What JSON's readers cannot hold becomes a float.
    i128::from_str_radix(digits, radix)
        .ok()
        .filter(|n| *n <= i128::from(u64::MAX))
}

fn float(text: &str) -> Option<f64> {
    let digits = text.chars().any(|c| c.is_ascii_digit());
    let numeric = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    if !digits || !numeric {
        return None;
    }
    text.parse().ok().filter(|f: &f64| f.is_finite())
}

#[cfg(test)]
mod tests {
    use super::{Kind, plain};

    #[test]
    fn words_mean_what_yaml_1_2_says() {
        for text in [
            "yes", "no", "on", "off", "y", "1:30", "1_000", ".inf", "v1", "-", "1.2.3", "1e", "0xg",
        ] {
            assert_eq!(plain(text), Kind::Text(text.into()), "{text}");
        }
        assert_eq!(plain("-12"), Kind::Int(-12));
        assert_eq!(plain("0x1F"), Kind::Int(31));
        assert_eq!(plain("0.5"), Kind::Float(0.5));
        assert_eq!(plain("1e3"), Kind::Float(1000.0));
        assert_eq!(plain("TRUE"), Kind::Bool(true));
        assert_eq!(plain("~"), Kind::Null);
    }
}
