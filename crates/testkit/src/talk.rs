//! An agent that exists only in a table: what it says at each step of its way, what it was told.
//! All it ever said is kept, as an agent's log is, and said again to the next host.

use std::collections::BTreeSet;

use baton_core::activity::{Asks, Question, Usage};
use baton_core::ids::AttemptId;
use baton_core::run::decide::News;
use baton_core::run::work::AgentWork;
use baton_engine::ports::Word;

/// The tokens that each piece of news costs.
const TOKENS: u64 = 50;

/// The conversation with one agent. By its step's key it does more than work: `asks…` asks twice,
/// `limited…` meets a usage limit once, `forgets…` once knows nothing of the session to go on in.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    key: String,
    /// What it was begun with.
    pub(crate) resume: Option<String>,
    /// Messages that it heard: at its prompt's head, or since.
    heard: BTreeSet<u32>,
    heads: BTreeSet<u32>,
    /// Its questions, and whether they were answered.
    asked: Vec<(Question, bool)>,
    said: Vec<News>,
    used: u64,
    stage: u32,
    /// A commit is to be kept before its end.
    has_files: bool,
    attempt: AttemptId,
}

/// What an agent comes to next.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// It says this.
    News(News),
    /// It waits for a person.
    Waits,
    /// It ends well, or as its script says.
    Ends,
    /// Its usage limit is reached.
    Limited,
    /// The session to go on in is gone.
    Forgotten,
}

impl Talk {
    pub(crate) fn new(key: &str, attempt: AttemptId, work: &AgentWork, has_files: bool) -> Self {
        let number = |part: &str| part.split(']').next().and_then(|n| n.parse().ok());
        let heads: BTreeSet<u32> = work
            .prompt
            .split("[message ")
            .skip(1)
            .filter_map(number)
            .collect();
        Self {
            key: key.to_owned(),
            resume: work.resume.clone(),
            heard: heads.clone(),
            heads,
            asked: Vec::new(),
            said: Vec::new(),
            used: 0,
            stage: 0,
            has_files,
            attempt,
        }
    }

    /// The next step on its way. `limits` and `forgets`: it has met none, and forgotten none yet.
    pub(crate) fn next(&mut self, limits: bool, forgets: bool) -> Next {
        if forgets && self.stage == 0 && self.resume.is_some() && self.key.starts_with("forgets") {
            return Next::Forgotten;
        }
        let asks = self.key.starts_with("asks");
        let news = match self.stage {
            0 => News::Session {
                session: self
                    .resume
                    .clone()
                    .unwrap_or_else(|| format!("of-{}", self.attempt)),
                model: Some("sim".into()),
                transcript: None,
            },
            1 | 3 => self.uses(),
            2 | 4 if !asks => {
                self.stage += 1;
                return self.next(limits, forgets);
            }
            2 | 4 => match self.asked.last() {
                Some((question, true)) if question.id == self.question_id() => News::Closed {
                    question: question.id.clone(),
                },
                Some((question, false)) if question.id == self.question_id() => return Next::Waits,
                _ => {
                    let question = self.question();
                    self.asked.push((question.clone(), false));
                    return Next::News(self.say(News::Asked(question)));
                }
            },
            5 if limits && self.key.starts_with("limited") => return Next::Limited,
            5 if self.has_files => News::Files {
                commit: format!("commit-{}", self.attempt),
            },
            5 => {
                self.stage += 1;
                return self.next(limits, forgets);
            }
            _ => return Next::Ends,
        };
        self.stage += 1;
        Next::News(self.say(news))
    }

    fn say(&mut self, news: News) -> News {
        self.said.push(news.clone());
        news
    }

    fn uses(&mut self) -> News {
        self.used += TOKENS;
        News::Used(Usage {
            input: self.used,
            cost_usd: Some(self.used as f64 / 1_000.0),
            ..Usage::default()
        })
    }

    fn question_id(&self) -> String {
        format!("question-{}", self.stage)
    }

    fn question(&self) -> Question {
        Question {
            id: self.question_id(),
            asks: Asks::Plan {
                plan: "First this, then that".into(),
            },
            text: "Like this?".into(),
        }
    }

    /// Whether it waits for a person.
    pub(crate) fn waits(&self) -> bool {
        self.asked.last().is_some_and(|(_, answered)| !answered)
    }

    /// It is told something; gives what it says to that. What it heard before it hears no more. The
    /// error is what must never be said.
    pub(crate) fn told(&mut self, word: &Word) -> Result<Option<News>, String> {
        match word {
            Word::Tell { message, .. } if self.heads.contains(message) => {
                Err(format!("{} of {} stood at its head", message, self.attempt))
            }
            Word::Tell { message, .. } => {
                let is_new = self.heard.insert(*message);
                let message = *message;
                Ok(is_new.then(|| self.say(News::Taken { message })))
            }
            Word::Answer { question, .. } => {
                for (asked, answered) in &mut self.asked {
                    *answered |= asked.id == *question;
                }
                Ok(None)
            }
        }
    }

    /// All it said, for a host that goes through its log: of the sums the last.
    pub(crate) fn again(&self) -> Vec<News> {
        let is_sum = |news: &&News| matches!(news, News::Used(_));
        let sums = self.said.iter().rev().find(is_sum);
        let rest = self.said.iter().filter(|news| !is_sum(news));
        rest.chain(sums).cloned().collect()
    }
}
