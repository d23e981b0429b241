//! What Claude asks a person: `can_use_tool` requests become questions, answers become responses
//! (`SDKControlPermissionRequest`, `PermissionResult`; measured with 2.1.329). Never decides itself.

use std::collections::{BTreeMap, BTreeSet};

use baton_core::activity::{Answer, Asks, Choice, ChoiceOption, Question};
use serde_json::{Value, json};

use super::text::{self, INPUT, ITEM, ITEMS};
use super::wire::{list, respond, text as field};
use crate::Output;

/// The tool by which the model asks, when `--permission-prompt-tool` is there.
const ASK: &str = "AskUserQuestion";
/// The tool by which it puts a plan forward.
const PLAN: &str = "ExitPlanMode";

/// The questions that are open.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: BTreeMap<String, Open>,
    /// All there were: a request that is said again is not asked again.
    met: BTreeSet<String>,
}

#[derive(Debug)]
struct Open {
    tool_use: String,
    input: Value,
    suggestions: Vec<Value>,
}

/// What an answer makes.
pub(super) struct Answered {
    /// The response for Claude.
    pub(super) response: Output,
    /// The use of a tool it was about.
    pub(super) tool_use: String,
    /// It may go on.
    pub(super) allowed: bool,
    /// Words that do not fit into the response: to be sent as a message.
    pub(super) words: Option<String>,
}

impl Questions {
    /// A `can_use_tool` request. `called` is the input of the `tool_use` block: the request may hold
    /// less (the plan of `ExitPlanMode` is left out of it, 2.1.329).
    pub(super) fn ask(&mut self, line: &Value, called: &Value) -> Option<Question> {
        let id = field(line, "request_id");
        if id.is_empty() || !self.met.insert(id.to_owned()) {
            return None;
        }
        let request = &line["request"];
        let tool = field(request, "tool_name");
        let suggestions = suggestions(request);
        let asks = match tool {
            ASK => choices(&request["input"]),
            PLAN => plan(&request["input"]).or_else(|| plan(called)),
            _ => None,
        };
        let asks = asks.unwrap_or_else(|| Asks::Permission {
            tool: text::head(tool, ITEM),
            input: text::value(&request["input"], INPUT),
            can_remember: !suggestions.is_empty(),
        });
        let open = Open {
            tool_use: field(request, "tool_use_id").to_owned(),
            input: request["input"].clone(),
            suggestions,
        };
        self.open.insert(id.to_owned(), open);
        Some(Question {
            id: id.to_owned(),
            text: words(tool, request, &asks),
            asks,
        })
    }

    /// A person's answer. None when the question is not open, or the answer is none to it.
    pub(super) fn answer(&mut self, id: &str, answer: &Answer) -> Option<Answered> {
        let open = self.open.remove(id)?;
        let mut words = None;
        let response = match answer {
            Answer::Approve { remember, message } => {
                words.clone_from(message);
                let mut response = json!({"behavior": "allow", "updatedInput": open.input});
                if *remember && !open.suggestions.is_empty() {
                    response["updatedPermissions"] = open.suggestions.into();
                }
                response
            }
            Answer::Reject { message } => {
                let message = message.as_deref().filter(|message| !message.is_empty());
                let message = message.unwrap_or("The person said no, and gave no reason.");
                json!({"behavior": "deny", "message": message})
            }
            Answer::Choices { answers } => {
                let joined = answers
                    .iter()
                    .map(|(question, chosen)| (question.clone(), chosen.join(", ").into()));
                let mut input = object(open.input);
                input.insert("answers".into(), Value::Object(joined.collect()));
                json!({"behavior": "allow", "updatedInput": input})
            }
        };
        let allowed = response["behavior"] == "allow";
        Some(Answered {
            response: respond(format!("answer-{id}"), id, &response),
            tool_use: open.tool_use,
            allowed,
            words: words.filter(|words| !words.is_empty()),
        })
    }

    /// A `control_cancel_request`: whether the question was open.
    pub(super) fn cancel(&mut self, id: &str) -> bool {
        self.open.remove(id).is_some()
    }

    /// The turn has ended, and with it what it asked.
    pub(super) fn close(&mut self) -> Vec<String> {
        std::mem::take(&mut self.open).into_keys().collect()
    }
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}

/// What "do not ask again" would change, for this session only: Claude would write some of it into
/// the project's `.claude/settings.local.json`, which is nobody's wish in a work tree of a run. A
/// rule for this very use is preferred to a mode that lets much more through.
fn suggestions(request: &Value) -> Vec<Value> {
    if request["suppress_always_allow_rule"] == true {
        return Vec::new();
    }
    let all = list(&request["permission_suggestions"]);
    let is_rule = |suggestion: &&Value| suggestion["type"] == "addRules";
    let rules: Vec<&Value> = all.iter().filter(is_rule).collect();
    let chosen = if rules.is_empty() {
        all.iter()
            .filter(|suggestion| suggestion.is_object())
            .collect()
    } else {
        rules
    };
    let for_session = chosen.into_iter().map(|suggestion| {
        let mut suggestion = object(suggestion.clone());
        suggestion.insert("destination".into(), "session".into());
        Value::Object(suggestion)
    });
    for_session.collect()
}

fn choices(input: &Value) -> Option<Asks> {
    let items = list(&input["questions"])
        .iter()
        .take(ITEMS)
        .map(|question| {
            let options = list(&question["options"]).iter().take(ITEMS);
            let options = options.map(|option| ChoiceOption {
                label: field(option, "label").to_owned(),
                description: text::head(field(option, "description"), ITEM),
            });
            let header = field(question, "header");
            Choice {
                // Uncut: it is the key of its answer.
                question: field(question, "question").to_owned(),
                header: (!header.is_empty()).then(|| text::head(header, ITEM)),
                options: options.collect(),
                multiple: question["multiSelect"].as_bool().unwrap_or_default(),
            }
        });
    let items: Vec<Choice> = items.collect();
    (!items.is_empty()).then_some(Asks::Choices { items })
}

fn plan(input: &Value) -> Option<Asks> {
    let plan = field(input, "plan");
    (!plan.is_empty()).then(|| Asks::Plan {
        plan: text::head(plan, text::DIFF),
    })
}

fn words(tool: &str, request: &Value, asks: &Asks) -> String {
    let about = match asks {
        Asks::Plan { .. } => return "Is this plan approved?".into(),
        Asks::Choices { items } => {
            let questions: Vec<&str> = items.iter().map(|item| item.question.as_str()).collect();
            return text::head(&questions.join(" "), ITEM);
        }
        Asks::Permission { .. } if tool == PLAN => return "May it leave the plan mode?".into(),
        Asks::Permission { .. } => ["title", "description", "blocked_path"]
            .iter()
            .map(|key| text::line(field(request, key)))
            .find(|words| !words.is_empty()),
    };
    let mut words = format!("May it use {}", text::head(tool, ITEM));
    if let Some(about) = about {
        words.push_str(&format!(": {about}"));
    }
    words.push('?');
    let why = text::line(field(request, "decision_reason"));
    if !why.is_empty() {
        words.push_str(&format!(" ({why})"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(answered: Option<Answered>) -> Value {
        match answered.unwrap().response {
            Output::Send { text, .. } => {
                let line: Value = serde_json::from_str(&text).unwrap();
                line["response"]["response"].clone()
            }
            other => panic!("{other:?}"),
        }
    }

    fn bash() -> Value {
        json!({"type": "control_request", "request_id": "q1", "request": {
            "subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "touch x"},
            "description": "Create a file", "tool_use_id": "t1", "permission_suggestions": [
                {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "touch x"}],
                    "behavior": "allow", "destination": "localSettings"},
                {"type": "setMode", "mode": "acceptEdits", "destination": "session"}]}})
    }

    #[test]
    fn a_yes_that_is_remembered_holds_for_the_session_and_for_this_use() {
        let mut questions = Questions::default();
        let question = questions.ask(&bash(), &Value::Null).unwrap();
        assert_eq!(question.text, "May it use Bash: Create a file?");
        assert_eq!(questions.ask(&bash(), &Value::Null), None);
        let yes = Answer::Approve {
            remember: true,
            message: None,
        };
        let response = sent(questions.answer("q1", &yes));
        assert_eq!(response["updatedInput"], json!({"command": "touch x"}));
        let changes = list(&response["updatedPermissions"]);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0]["destination"], "session");
        assert!(questions.answer("q1", &yes).is_none());
    }

    #[test]
    fn choices_are_answered_in_the_input() {
        let line = json!({"request_id": "q", "request": {"tool_name": "AskUserQuestion", "input":
            {"questions": [{"question": "Which?", "header": "H", "multiSelect": true,
                "options": [{"label": "A", "description": ""}, {"label": "B"}]}]}}});
        let mut questions = Questions::default();
        let question = questions.ask(&line, &Value::Null).unwrap();
        assert!(matches!(&question.asks, Asks::Choices { items } if items[0].options.len() == 2));
        let answers = BTreeMap::from([("Which?".into(), vec!["A".into(), "B".into()])]);
        let response = sent(questions.answer("q", &Answer::Choices { answers }));
        assert_eq!(
            response["updatedInput"]["answers"],
            json!({"Which?": "A, B"})
        );
        assert_eq!(response["updatedInput"]["questions"][0]["header"], "H");
    }

    #[test]
    fn a_plan_is_taken_from_the_call_when_the_request_leaves_it_out() {
        let line =
            json!({"request_id": "q", "request": {"tool_name": "ExitPlanMode", "input": {}}});
        let mut questions = Questions::default();
        let question = questions.ask(&line, &json!({"plan": "1. Read"})).unwrap();
        assert_eq!(
            question.asks,
            Asks::Plan {
                plan: "1. Read".into()
            }
        );
        let no = Answer::Reject { message: None };
        assert_eq!(sent(questions.answer("q", &no))["behavior"], "deny");
    }
}
