//! Which run or step a word on the command line means.

use serde_json::Value;

use super::exit::Failure;
use super::watch::view::{RunView, StepView};
use crate::client::{Client, escape};

/// The run with this id or number, or the only one whose id begins like this: its body.
pub async fn run(client: &Client, word: &str) -> Result<Value, Failure> {
    if word.trim().is_empty() {
        return Err(Failure::usage(
            "which run? give an id, a number, or the beginning of an id",
        ));
    }
    let id = match Word::of(word) {
        Word::Exact(id) => id,
        Word::Prefix(prefix) => by_prefix(client, word, &prefix).await?,
    };
    let mut answer = client
        .get(&format!("/api/workflow-executions/{}", escape(&id)))
        .await?;
    Ok(answer["data"].take())
}

/// What a word may mean.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    /// A whole id or a number: the host knows it.
    Exact(String),
    /// The beginning of an id, with `run_`.
    Prefix(String),
}

impl Word {
    fn of(word: &str) -> Self {
        let hex = word.strip_prefix("run_").unwrap_or(word);
        let is_number = word.bytes().all(|b| b.is_ascii_digit()) && !word.starts_with('0');
        // Ids begin with 0 for the next nine hundred years, numbers never do.
        if is_number || hex.len() >= 32 {
            Self::Exact(word.to_owned())
        } else {
            Self::Prefix(format!("run_{}", hex.to_ascii_lowercase()))
        }
    }
}

async fn by_prefix(client: &Client, word: &str, prefix: &str) -> Result<String, Failure> {
    let mut found: Vec<String> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut path = "/api/workflow-executions?limit=200".to_owned();
        if let Some(cursor) = &cursor {
            path = format!("{path}&cursor={}", escape(cursor));
        }
        let page = client.get(&path).await?;
        let ids = page["data"].as_array().into_iter().flatten();
        let ids = ids.filter_map(|run| run["id"].as_str());
        found.extend(ids.filter(|id| id.starts_with(prefix)).map(str::to_owned));
        if found.len() > 1 {
            return Err(Failure::usage(format!(
                "`{word}` is the beginning of more than one run: {} and {}",
                found[0], found[1]
            )));
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    found.pop().ok_or_else(|| {
        Failure::not_found(format!("no run `{word}`")).hint("`baton list` shows them")
    })
}

/// The step with this id, name in the definition, or number in the list.
pub fn step<'r>(run: &'r RunView, word: &str) -> Result<&'r StepView, Failure> {
    let mut steps = run.steps.iter();
    steps
        .find(|step| step.key == word || step.id == word)
        .ok_or_else(|| {
            let keys: Vec<&str> = run.steps.iter().map(|step| step.key.as_str()).collect();
            Failure::not_found(format!("run {} has no step `{word}`", run.number))
                .hint(format!("its steps: {}", keys.join(", ")))
        })
}

/// The step that waits for a person's yes or no: the one named, or the only one.
pub fn approval<'r>(run: &'r RunView, word: Option<&str>) -> Result<&'r StepView, Failure> {
    let number = run.number;
    if let Some(word) = word {
        let step = step(run, word)?;
        return match step.wants_choice() {
            true => Err(choice(number, step)),
            false => Ok(step),
        };
    }
    let mut waiting = run.steps.iter().filter(|step| step.wants_answer());
    let Some(first) = waiting.next() else {
        if let Some(step) = run.steps.iter().find(|step| step.wants_choice()) {
            return Err(choice(number, step));
        }
        return Err(Failure::wrong_state(format!(
            "run {number} ({}) waits for no approval",
            run.status
        )));
    };
    let others: Vec<&str> = waiting.map(|step| step.key.as_str()).collect();
    if others.is_empty() {
        return Ok(first);
    }
    Err(Failure::usage(format!(
        "run {number} waits for more than one approval; name the step: {}, {}",
        first.key,
        others.join(", ")
    )))
}

fn choice(number: u64, step: &StepView) -> Failure {
    let key = &step.key;
    Failure::wrong_state(format!(
        "`{key}` asks for a choice, not for a yes or no: baton answer {number} {key}"
    ))
}

#[cfg(test)]
mod tests {
    use super::Word;

    #[test]
    fn numbers_ids_and_beginnings_are_told_apart() {
        assert_eq!(Word::of("12"), Word::Exact("12".into()));
        assert_eq!(Word::of("0199"), Word::Prefix("run_0199".into()));
        assert_eq!(Word::of("run_0199A"), Word::Prefix("run_0199a".into()));
        let id = format!("run_{}", "0".repeat(32));
        assert_eq!(Word::of(&id), Word::Exact(id.clone()));
    }
}
