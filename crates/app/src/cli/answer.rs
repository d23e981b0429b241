//! `baton answer`: answers what an agent asks.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};

use baton_core::activity::Choice;
use clap::Args;
use serde_json::{Value, json};

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::watch::agent::{Asked, item_lines};
use super::watch::view::{RunView, StepView};
use super::{choose, find};
use crate::client::Client;

/// Answer what an agent asks; without an answer, show what it asks.
#[derive(Debug, Args)]
pub struct Answer {
    /// An id, a number, or the unique beginning of an id.
    run: String,
    /// The step, needed only when more than one asks; then the answer: a number or words.
    #[arg(value_name = "STEP] [ANSWER")]
    words: Vec<String>,
    /// The question, by its id.
    #[arg(long, value_name = "ID")]
    question: Option<String>,
    /// What is chosen, of one question of several: by its text, title or number.
    #[arg(long, value_name = "QUESTION=ANSWER")]
    choose: Vec<String>,
    /// Something else than the options that are offered.
    #[arg(long, value_name = "TEXT", conflicts_with = "choose")]
    other: Option<String>,
}

/// An open question, and whose it is.
struct Open<'r> {
    step: &'r StepView,
    asked: &'r Asked,
}

/// What is said to a question.
#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Approve,
    Reject(Option<String>),
    Choices(BTreeMap<String, Vec<String>>),
}

impl Answer {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        let run = RunView::from_json(&find::run(&client, &self.run).await?);
        let (step, text) = self.words(&run)?;
        let open = self.open(&run, step)?;
        let text = text.join(" ");
        if text.is_empty() && self.choose.is_empty() && self.other.is_none() {
            return show(context, &client, &run, &open).await;
        }
        let one = only(&run, &open)?;
        let reply = match (one.asked.choices(), &self.other) {
            (None, _) if !self.choose.is_empty() || self.other.is_some() => {
                return Err(yes_or_no(&run, one));
            }
            (None, _) => yes_no(&text).ok_or_else(|| yes_or_no(&run, one))?,
            (Some(items), Some(other)) => Reply::Choices(own_words(items, other)?),
            (Some(items), None) => Reply::Choices(self.chosen(items, &text)?),
        };
        post(context, &client, &run, one, reply).await
    }

    /// A first word that names a step that asks is the step; all else is the answer.
    fn words<'r>(&self, run: &'r RunView) -> Result<(Option<&'r StepView>, &[String]), Failure> {
        let Some((first, rest)) = self.words.split_first() else {
            return Ok((None, &[]));
        };
        let mut steps = run.steps.iter();
        let named = steps.find(|step| step.key == *first || step.id == *first);
        let has_more = !rest.is_empty() || !self.choose.is_empty() || self.other.is_some();
        match named {
            Some(step) if step.question().is_some() => Ok((Some(step), rest)),
            Some(step) if has_more || !asks(run) => Err(Failure::wrong_state(format!(
                "`{}` ({}) asks nothing",
                step.key, step.status
            ))),
            Some(_) | None => Ok((None, &self.words)),
        }
    }

    fn open<'r>(
        &self,
        run: &'r RunView,
        step: Option<&'r StepView>,
    ) -> Result<Vec<Open<'r>>, Failure> {
        let steps = run.steps.iter().filter(|it| it.status == "running");
        let steps = steps.filter(|it| step.is_none_or(|step| step.id == it.id));
        let all: Vec<Open<'r>> = steps
            .flat_map(|step| {
                let agent = step.agent.iter().flat_map(|agent| &agent.questions);
                agent.map(move |asked| Open { step, asked })
            })
            .collect();
        if all.is_empty() {
            let failure = format!("run {} ({}) asks nothing", run.number, run.status);
            let failure = Failure::wrong_state(failure);
            let approval = run.steps.iter().find(|step| step.wants_answer());
            return Err(match approval {
                Some(step) => failure.hint(format!(
                    "`{}` waits for an approval: baton approve {}",
                    step.key, run.number
                )),
                None => failure,
            });
        }
        let Some(id) = &self.question else {
            return Ok(all);
        };
        let ids: Vec<String> = all.iter().map(|open| open.asked.id.clone()).collect();
        let named: Vec<Open<'r>> = all.into_iter().filter(|o| o.asked.id == *id).collect();
        match named.is_empty() {
            false => Ok(named),
            true => Err(Failure::not_found(format!(
                "no question `{id}` is open; there are: {}",
                ids.join(", ")
            ))),
        }
    }

    fn chosen(
        &self,
        items: &[Choice],
        text: &str,
    ) -> Result<BTreeMap<String, Vec<String>>, Failure> {
        let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
        if !text.is_empty() {
            let [item] = items else {
                return Err(Failure::usage(
                    "it asks several questions at once: --choose QUESTION=ANSWER for each",
                )
                .hint(questions(items)));
            };
            let chosen = choose::of(item, text).map_err(|wrong| no_choice(&wrong))?;
            given.insert(item.question.clone(), chosen);
        }
        for pair in &self.choose {
            let (item, answer) = choose::pair(items, pair).map_err(Failure::usage)?;
            let chosen = choose::of(item, answer).map_err(|wrong| no_choice(&wrong))?;
            given
                .entry(item.question.clone())
                .or_default()
                .extend(chosen);
        }
        let missing = items
            .iter()
            .find(|item| !given.contains_key(&item.question));
        match missing {
            Some(item) => {
                Err(Failure::usage(format!("`{}` has no answer", item.question))
                    .hint(questions(items)))
            }
            None => Ok(given),
        }
    }
}

fn asks(run: &RunView) -> bool {
    run.steps.iter().any(|step| step.question().is_some())
}

fn no_choice(wrong: &str) -> Failure {
    Failure::usage(wrong).hint("`--other TEXT` says something else")
}

fn questions(items: &[Choice]) -> String {
    let all: Vec<&str> = items.iter().map(|item| item.question.as_str()).collect();
    format!("it asks: {}", all.join(" · "))
}

fn own_words(items: &[Choice], text: &str) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let [item] = items else {
        return Err(Failure::usage(
            "it asks several questions at once: --other answers only one",
        ));
    };
    if text.trim().is_empty() {
        return Err(Failure::usage("--other: say something"));
    }
    Ok([(item.question.clone(), vec![text.to_owned()])].into())
}

fn only<'o, 'r>(run: &RunView, open: &'o [Open<'r>]) -> Result<&'o Open<'r>, Failure> {
    match open {
        [one] => Ok(one),
        all => {
            let keys: Vec<String> = all
                .iter()
                .map(|open| format!("{} ({})", open.step.key, open.asked.id))
                .collect();
            Err(Failure::usage(format!(
                "run {} asks more than one question; name the step, or --question ID: {}",
                run.number,
                keys.join(", ")
            )))
        }
    }
}

/// `yes`, `no`, or `no` with a reason.
fn yes_no(text: &str) -> Option<Reply> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let word = word.trim_end_matches([',', ':', '.']).to_ascii_lowercase();
    let rest = rest.trim();
    match word.as_str() {
        "y" | "yes" | "approve" if rest.is_empty() => Some(Reply::Approve),
        "n" | "no" | "reject" => Some(Reply::Reject((!rest.is_empty()).then(|| rest.to_owned()))),
        _ => None,
    }
}

fn yes_or_no(run: &RunView, open: &Open<'_>) -> Failure {
    let (number, key) = (run.number, &open.step.key);
    Failure::usage(format!(
        "`{key}` asks for a yes or no: {}",
        open.asked.text.trim()
    ))
    .hint(format!(
        "baton approve {number} {key} · baton reject {number} {key} -m WHY"
    ))
}

/// The open questions; on a terminal each is then answered.
async fn show(
    context: &Context,
    client: &Client,
    run: &RunView,
    open: &[Open<'_>],
) -> Result<Exit, Failure> {
    if context.json {
        let rows = open.iter().map(|open| {
            json!({
                "step_id": open.step.key, "id": open.asked.id, "text": open.asked.text,
                "ask": open.asked.asks,
            })
        });
        print_json(&json!({"data": rows.collect::<Vec<_>>()}));
        return Ok(Exit::Done);
    }
    let can_ask = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    for open in open {
        print_line(&format!("{} asks:", open.step.key));
        if !can_ask || open.asked.choices().is_none() {
            for line in open.asked.lines() {
                print_line(&format!("  {line}"));
            }
        }
        if !can_ask {
            continue;
        }
        let reply = match open.asked.choices() {
            None => ask_yes_no()?,
            Some(items) => ask_choices(items)?,
        };
        match reply {
            Some(reply) => post(context, client, run, open, reply).await?,
            None => return Ok(Exit::Done),
        };
    }
    if can_ask {
        return Ok(Exit::Done);
    }
    let number = run.number;
    Err(Failure::usage("no answer was given").hint(match open {
        [one] if one.asked.choices().is_none() => {
            format!("baton approve {number} · baton reject {number}")
        }
        [_] => format!("baton answer {number} ANSWER"),
        _ => format!("baton answer {number} STEP ANSWER"),
    }))
}

/// A line from the terminal; `None` at its end.
fn line(prompt: &str) -> Result<Option<String>, Failure> {
    let mut out = std::io::stdout().lock();
    let shown = out.write_all(prompt.as_bytes()).and_then(|()| out.flush());
    shown.map_err(|e| Failure::disk(format!("stdout: {e}")))?;
    let mut text = String::new();
    let read = std::io::stdin().lock().read_line(&mut text);
    match read.map_err(|e| Failure::disk(format!("stdin: {e}")))? {
        0 => Ok(None),
        _ => Ok(Some(text.trim().to_owned())),
    }
}

fn ask_yes_no() -> Result<Option<Reply>, Failure> {
    while let Some(text) = line("yes, or no and why: ")? {
        if let Some(reply) = yes_no(&text) {
            return Ok(Some(reply));
        }
    }
    Ok(None)
}

fn ask_choices(items: &[Choice]) -> Result<Option<Reply>, Failure> {
    let mut given = BTreeMap::new();
    for item in items {
        for text in item_lines(item) {
            print_line(&format!("  {text}"));
        }
        let prompt = match item.options.is_empty() {
            true => "answer: ",
            false => "number or label: ",
        };
        loop {
            let Some(text) = line(prompt)? else {
                return Ok(None);
            };
            match choose::of(item, &text) {
                Ok(chosen) => {
                    given.insert(item.question.clone(), chosen);
                    break;
                }
                Err(wrong) => print_line(&wrong),
            }
        }
    }
    Ok(Some(Reply::Choices(given)))
}

async fn post(
    context: &Context,
    client: &Client,
    run: &RunView,
    open: &Open<'_>,
    reply: Reply,
) -> Result<Exit, Failure> {
    let (verb, mut body, done) = match reply {
        Reply::Approve => ("approve", json!({}), "approved"),
        Reply::Reject(None) => ("reject", json!({}), "rejected"),
        Reply::Reject(Some(why)) => ("reject", json!({"message": why}), "rejected"),
        Reply::Choices(answers) => ("answer", json!({"answers": answers}), "answered"),
    };
    body["question_id"] = Value::from(open.asked.id.as_str());
    let path = format!("/api/workflow-steps/{}/{verb}", open.step.id);
    let answer = client.post(&path, &body).await?;
    if context.json {
        print_json(&answer);
    } else {
        print_line(&format!("run {}: {} {done}", run.number, open.step.key));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_or_no_is_told_from_other_words() {
        assert_eq!(yes_no(" Yes "), Some(Reply::Approve));
        assert_eq!(yes_no("n"), Some(Reply::Reject(None)));
        assert_eq!(
            yes_no("no, not on main"),
            Some(Reply::Reject(Some("not on main".into())))
        );
        assert_eq!(yes_no("yes but later"), None);
        assert_eq!(yes_no("maybe"), None);
        assert_eq!(yes_no(""), None);
    }

    fn run() -> RunView {
        let options = |labels: &[&str]| -> Value {
            labels.iter().map(|label| json!({"label": label})).collect()
        };
        let asks = |id: &str, items: Value| {
            json!({"id": id, "text": "?", "answered": false,
                "ask": {"asks": "choices", "items": items}})
        };
        let step = |key: &str, question: Value| {
            json!({"id": format!("step_{key}"), "step_id": key, "type": "agent",
                "status": "running", "session": {"agent": "claude", "questions": [question]}})
        };
        let one = json!([{"question": "Which?", "options": options(&["red", "two"]),
            "multiple": false}]);
        let many = json!([
            {"question": "Which?", "options": options(&["red", "blue"]), "multiple": true},
            {"question": "Why?", "header": "Reason", "options": [], "multiple": false},
        ]);
        let steps = [step("one", asks("q1", one)), step("two", asks("q2", many))];
        let quiet = json!({"id": "step_s", "step_id": "s", "type": "script", "status": "pending"});
        let steps: Vec<Value> = steps.into_iter().chain([quiet]).collect();
        RunView::from_json(&json!({"number": 7, "status": "running", "steps": steps}))
    }

    /// What these words answer, to which step.
    fn reply(words: &[&str]) -> Result<(String, Vec<(String, String)>), String> {
        use clap::Parser;
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            answer: Answer,
        }
        let words = ["answer", "7"].iter().chain(words);
        let answer = Line::try_parse_from(words).unwrap().answer;
        let run = run();
        let told = |failure: Failure| failure.detail().to_owned();
        let (step, text) = answer.words(&run).map_err(told)?;
        let open = answer.open(&run, step).map_err(told)?;
        let one = only(&run, &open).map_err(told)?;
        let items = one.asked.choices().unwrap();
        let given = match &answer.other {
            Some(other) => own_words(items, other),
            None => answer.chosen(items, &text.join(" ")),
        };
        let given = given.map_err(told)?.into_iter();
        let given = given.map(|(question, chosen)| (question, chosen.join("+")));
        Ok((one.step.key.clone(), given.collect()))
    }

    #[test]
    fn choices_are_made_by_number_label_or_pair() {
        let which = |answer: &str| vec![("Which?".to_owned(), answer.to_owned())];
        assert_eq!(reply(&["one", "2"]).unwrap(), ("one".into(), which("two")));
        assert_eq!(reply(&["one", "RED"]).unwrap().1, which("red"));
        assert_eq!(
            reply(&["one", "--other", "mauve"]).unwrap().1,
            which("mauve")
        );
        // A step's name where the answer stands is an answer.
        assert_eq!(
            reply(&["--question", "q1", "one", "two"]).unwrap().1,
            which("two")
        );
        let why = ("Why?".to_owned(), "so it is".to_owned());
        let both = [which("red+blue"), vec![why]].concat();
        let pairs = [
            "two",
            "--choose",
            "Which?=1,blue",
            "--choose",
            "reason=so it is",
        ];
        let mut given = reply(&pairs).unwrap().1;
        given.sort_by_key(|(question, _)| question != "Which?");
        assert_eq!(given, both);
    }

    #[test]
    fn what_cannot_be_meant_says_what_can() {
        for (words, said) in [
            (&["one", "green"] as &[&str], "there are: 1 red, 2 two"),
            (&["2"], "one (q1), two (q2)"),
            (&["two", "1"], "several questions"),
            (&["two", "--choose", "Which?=1"], "`Why?` has no answer"),
            (&["two", "--choose", "Who?=1"], "1 `Which?`, 2 `Why?`"),
            (&["s", "1"], "`s` (pending) asks nothing"),
            (&["--question", "q9", "1"], "q1, q2"),
            (&["two", "--other", "x"], "several questions"),
        ] {
            let wrong = reply(words).unwrap_err();
            assert!(wrong.contains(said), "{words:?}: {wrong}");
        }
    }
}
