//! From what a person writes to what is chosen: numbers, labels, or words where none are offered.

use baton_core::activity::Choice;

/// What was chosen of a question's options; more than one stand between commas.
///
/// # Errors
/// A sentence that lists what can be chosen.
pub fn of(item: &Choice, text: &str) -> Result<Vec<String>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!(
            "`{}` has no answer{}",
            item.question,
            offered(item)
        ));
    }
    if item.options.is_empty() {
        return Ok(vec![text.to_owned()]);
    }
    // A label may have a comma in it.
    if let Some(label) = one(item, text) {
        return Ok(vec![label]);
    }
    let parts: Vec<&str> = match item.multiple {
        true => text.split(',').map(str::trim).collect(),
        false => vec![text],
    };
    let mut chosen = Vec::new();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let wrong = || format!("`{part}` cannot be chosen{}", offered(item));
        let label = one(item, part).ok_or_else(wrong)?;
        if !chosen.contains(&label) {
            chosen.push(label);
        }
    }
    match chosen.is_empty() {
        true => Err(format!("nothing is chosen{}", offered(item))),
        false => Ok(chosen),
    }
}

/// The option of this number (from 1) or label.
fn one(item: &Choice, text: &str) -> Option<String> {
    let labels = || item.options.iter().map(|option| &option.label);
    let exact = labels().find(|label| label.as_str() == text);
    let found = exact.or_else(|| labels().find(|label| label.eq_ignore_ascii_case(text)));
    let numbered = || {
        let number: usize = text.parse().ok()?;
        labels().nth(number.checked_sub(1)?)
    };
    found.or_else(numbered).cloned()
}

fn offered(item: &Choice) -> String {
    let labels = item.options.iter().map(|option| option.label.as_str());
    let listed: Vec<String> = (1..)
        .zip(labels)
        .map(|(n, label)| format!("{n} {label}"))
        .collect();
    match listed.is_empty() {
        true => String::new(),
        false => format!("; there are: {}", listed.join(", ")),
    }
}

/// The question that a word means: by its number, its title or its text.
#[must_use]
pub fn item<'c>(items: &'c [Choice], word: &str) -> Option<&'c Choice> {
    let word = word.trim();
    let same = |text: &str| text.trim().eq_ignore_ascii_case(word);
    let by_text = items.iter().find(|item| same(&item.question));
    let by_title = || {
        items
            .iter()
            .find(|item| item.header.as_deref().is_some_and(same))
    };
    let by_number = || items.get(word.parse::<usize>().ok()?.checked_sub(1)?);
    by_text.or_else(by_title).or_else(by_number)
}

/// `QUESTION=ANSWER`, where both may have `=` in them.
///
/// # Errors
/// A sentence that lists what is asked.
pub fn pair<'c, 't>(items: &'c [Choice], text: &'t str) -> Result<(&'c Choice, &'t str), String> {
    let at = text.match_indices('=').map(|(at, _)| at);
    let mut found = at.filter_map(|at| Some((item(items, &text[..at])?, &text[at + 1..])));
    found.next().ok_or_else(|| {
        let asked: Vec<String> = (1..)
            .zip(items)
            .map(|(n, item)| format!("{n} `{}`", item.question))
            .collect();
        format!(
            "--choose {text}: write QUESTION=ANSWER; asked is: {}",
            asked.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use baton_core::activity::ChoiceOption;

    use super::*;

    fn choice(labels: &[&str], multiple: bool) -> Choice {
        let option = |label: &&str| ChoiceOption {
            label: (*label).to_owned(),
            description: String::new(),
        };
        Choice {
            question: "Which a=b?".into(),
            header: Some("Base".into()),
            options: labels.iter().map(option).collect(),
            multiple,
        }
    }

    #[test]
    fn a_number_or_a_label_is_chosen_and_nothing_else() {
        let one = choice(&["main", "dev", "3"], false);
        let some = |text: &str| Ok(vec![text.to_owned()]);
        assert_eq!(of(&one, "2"), some("dev"));
        assert_eq!(of(&one, "Main"), some("main"));
        assert_eq!(of(&one, "3"), some("3"));
        for wrong in ["4", "0", "trunk", "1,2", ""] {
            let error = of(&one, wrong).unwrap_err();
            assert!(error.contains("1 main, 2 dev"), "{error}");
        }
        assert_eq!(of(&choice(&[], false), "any words"), some("any words"));
        let many = choice(&["red", "green, dark"], true);
        assert_eq!(of(&many, "green, dark"), some("green, dark"));
        assert_eq!(of(&many, "2, red,1").unwrap(), ["green, dark", "red"]);
    }

    #[test]
    fn a_question_is_named_by_its_text_title_or_number() {
        let items = [choice(&["x"], false)];
        for text in ["Which a=b?=x=y", "base=x=y", "1=x=y"] {
            assert_eq!(pair(&items, text).unwrap().1, "x=y", "{text}");
        }
        assert!(pair(&items, "2=x").unwrap_err().contains("1 `Which a=b?`"));
        assert!(pair(&items, "x").is_err());
    }
}
