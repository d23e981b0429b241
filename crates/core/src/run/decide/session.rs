//! What a session's attempt reports while it works, and people's answers to its questions.

use std::collections::BTreeSet;

use super::super::event::{Action, ActionStatus, Actor, Event, MessagePosted, PauseReason};
use super::super::state::{At, Run, Status, Step};
use super::{News, Refusal};
use crate::activity::{Answer, Asks, Usage};
use crate::ids::AttemptId;

/// The share of a budget that is warned about.
const WARN: f64 = 0.8;

impl Run {
    /// Something that an attempt in flight says of itself. A repeat gives no event.
    pub(super) fn hear(&self, attempt: AttemptId, news: &News) -> Result<Vec<Event>, Refusal> {
        let in_flight = self.in_flight().ok_or(Refusal::Stale)?;
        let &place = in_flight.get(&attempt).ok_or(Refusal::Stale)?;
        let step = self.step(place).ok_or(Refusal::Stale)?;
        let key = step.key.clone();
        let session = step.session.as_deref();
        Ok(match news {
            News::Session {
                session: id,
                model,
                transcript,
            } => {
                let known = session.is_some_and(|s| {
                    s.native.as_deref() == Some(id)
                        && (model.is_none() || s.model == *model)
                        && (transcript.is_none() || s.transcript == *transcript)
                });
                let mut events = self.taken_heads(attempt, step);
                if !known {
                    events.insert(
                        0,
                        Event::SessionKnown {
                            key,
                            attempt,
                            session: id.clone(),
                            model: model.clone(),
                            transcript: transcript.clone(),
                        },
                    );
                }
                events
            }
            News::Asked(question) => {
                let known = session.is_some_and(|s| {
                    let open = s.asked.iter().any(|asked| asked.question.id == question.id);
                    open || s.closed.contains(&question.id)
                });
                if known {
                    return Ok(vec![]);
                }
                vec![Event::QuestionAsked {
                    key,
                    attempt,
                    question: Box::new(question.clone()),
                }]
            }
            News::Closed { question } => {
                let open = session
                    .is_some_and(|s| s.asked.iter().any(|asked| asked.question.id == *question));
                if !open {
                    return Ok(vec![]);
                }
                vec![Event::QuestionClosed {
                    key,
                    question: question.clone(),
                }]
            }
            News::Used(usage) => {
                if session.is_some_and(|s| s.now == *usage) {
                    return Ok(vec![]);
                }
                let mut events = vec![Event::SessionUsed {
                    key,
                    attempt,
                    usage: *usage,
                }];
                events.extend(self.check_budget(place, usage));
                events
            }
            News::Taken { message } => match self.instructions.get(message) {
                Some(wait) if !wait.taken => self.taken(attempt, step, &[*message]),
                _ => vec![],
            },
            News::Note { content } => vec![self.says(0, Some(&key), content.clone())],
            News::Comment {
                place,
                content,
                metadata,
            } => self.comment(attempt, step, *place, content, metadata),
            News::Artifacts { files } => {
                let known = self.artifacts.values();
                let known = known.filter(|file| file.by.is_none() && file.step == key);
                let known: BTreeSet<_> = known.map(|file| file.id).collect();
                let new: BTreeSet<_> = files.iter().map(|file| file.id).collect();
                if known == new {
                    return Ok(vec![]);
                }
                vec![Event::ArtifactsKept {
                    key,
                    attempt,
                    files: files.clone(),
                }]
            }
            News::Files { commit } => vec![Event::FilesKept {
                key,
                attempt,
                commit: commit.clone(),
            }],
        })
    }

    /// The session has begun: what stood at the head of its prompt has arrived.
    fn taken_heads(&self, attempt: AttemptId, step: &Step) -> Vec<Event> {
        let heads = step.session.as_deref().map_or(&[][..], |s| &s.heads);
        let open = |number: &&u32| {
            self.instructions
                .get(number)
                .is_some_and(|wait| !wait.taken)
        };
        let heads: Vec<u32> = heads.iter().filter(open).copied().collect();
        self.taken(attempt, step, &heads)
    }

    fn taken(&self, attempt: AttemptId, step: &Step, messages: &[u32]) -> Vec<Event> {
        let mut events = Vec::new();
        for (n, &message) in messages.iter().enumerate() {
            events.push(Event::MessageStatus {
                message,
                status: ActionStatus::Acknowledged,
            });
            let content = self
                .instructions
                .get(&message)
                .map_or("", |wait| wait.content.as_str());
            let line: String = content
                .lines()
                .next()
                .unwrap_or("")
                .chars()
                .take(200)
                .collect();
            events.push(Event::MessagePosted(Box::new(MessagePosted {
                message: self.messages + u32::try_from(n).unwrap_or(0),
                by: Actor::Attempt(attempt),
                content: format!("Acknowledged: {line}"),
                action: Action::Comment,
                status: ActionStatus::Processed,
                step: Some(step.key.clone()),
                metadata: Some(serde_json::json!({"kind": "acknowledged"})),
                place: None,
            })));
        }
        events
    }

    /// What follows when this much has been used.
    fn check_budget(&self, place: At, now: &Usage) -> Vec<Event> {
        let Status::Running(running) = &self.status else {
            return vec![];
        };
        let pause = running.pause.as_ref();
        if pause.is_some_and(|pause| pause.reason == PauseReason::Budget) {
            return vec![];
        }
        let mut all = self.usage();
        if let Some(session) = self.step(place).and_then(|step| step.session.as_deref()) {
            // What this attempt said before is replaced.
            let (before, after) = (session.now, now);
            let cost = all.cost_usd.unwrap_or(0.0) - before.cost_usd.unwrap_or(0.0);
            all.cost_usd = Some(cost + after.cost_usd.unwrap_or(0.0));
            let others = all.tokens().saturating_sub(before.tokens());
            all.input = others.saturating_add(after.tokens());
            (all.output, all.cache_read, all.cache_write) = (0, 0, 0);
        }
        let Some((share, detail)) = self.spent(&all) else {
            return vec![];
        };
        if share >= 1.0 {
            return vec![Event::PauseRequested {
                reason: PauseReason::Budget,
                detail: Some(format!("the budget is used up: {detail}")),
                by: Actor::System,
                immediate: true,
            }];
        }
        if share >= WARN && !self.spending.warned {
            let detail = format!("{:.0} % of the budget are used: {detail}", share * 100.0);
            return vec![
                Event::BudgetWarned {
                    detail: detail.clone(),
                },
                self.says(0, None, detail),
            ];
        }
        vec![]
    }

    /// Words of the engine itself in the thread; `n` counts those of one decision.
    pub(super) fn says(&self, n: u32, step: Option<&str>, content: String) -> Event {
        Event::MessagePosted(Box::new(MessagePosted {
            message: self.messages + n,
            by: Actor::System,
            content,
            action: Action::Comment,
            status: ActionStatus::Processed,
            step: step.map(str::to_owned),
            metadata: None,
            place: None,
        }))
    }

    /// A person's answer to a session's question.
    pub(super) fn reply(
        &self,
        step: Option<&str>,
        question: Option<&str>,
        answer: &Answer,
        by: &Actor,
    ) -> Result<Vec<Event>, Refusal> {
        if let Actor::Attempt(_) = by {
            return Err(Refusal::Forbidden(
                "what runs inside a run may not approve or answer for it".into(),
            ));
        }
        let place = step.map(|name| self.find_any(name)).transpose()?;
        let open = self
            .live_sessions()
            .filter(|(_, at, _)| place.is_none_or(|p| p == *at));
        let open = open.flat_map(|(_, _, step)| {
            let asked = step.session.iter().flat_map(|session| &session.asked);
            asked.map(move |asked| (step, asked))
        });
        let fits = |id: &str| question.is_none_or(|wanted| wanted == id);
        let open: Vec<_> = open
            .filter(|(_, asked)| asked.answer.is_none() && fits(&asked.question.id))
            .collect();
        let &[(step, asked)] = open.as_slice() else {
            return Err(if open.is_empty() {
                Refusal::NotWaiting(
                    "no such question waits for an answer, or it was answered before".into(),
                )
            } else {
                Refusal::Invalid(
                    "several questions wait for an answer: name the step or question".into(),
                )
            });
        };
        check(&asked.question.asks, answer)?;
        let answered = Event::QuestionAnswered {
            key: step.key.clone(),
            question: asked.question.id.clone(),
            answer: answer.clone(),
            by: by.clone(),
        };
        let said = self.says_replied(&step.key, &asked.question.text, answer, by);
        Ok(vec![answered, said])
    }

    /// Whether a session's question could be meant by a plain yes or no.
    pub(super) fn asks_yes_or_no(&self, step: &Step) -> bool {
        let asked = step.session.as_deref().and_then(|s| s.unanswered());
        asked.is_some_and(|asked| !matches!(asked.question.asks, Asks::Choices { .. }))
    }
}

/// Whether the answer is one to such a question.
fn check(asks: &Asks, answer: &Answer) -> Result<(), Refusal> {
    match (asks, answer) {
        (
            Asks::Permission { .. } | Asks::Plan { .. },
            Answer::Approve { .. } | Answer::Reject { .. },
        )
        | (Asks::Choices { .. }, Answer::Reject { .. }) => Ok(()),
        (Asks::Permission { .. } | Asks::Plan { .. }, Answer::Choices { .. }) => Err(
            Refusal::Invalid("this question takes a yes or no: approve or reject it".into()),
        ),
        (Asks::Choices { .. }, Answer::Approve { .. }) => Err(Refusal::Invalid(
            "this question takes a choice or words: answer it".into(),
        )),
        (Asks::Choices { items }, Answer::Choices { answers }) => {
            for item in items {
                let given = answers
                    .get(&item.question)
                    .filter(|given| !given.is_empty());
                let Some(given) = given else {
                    return Err(Refusal::Invalid(format!(
                        "`{}` has no answer",
                        item.question
                    )));
                };
                if given.len() > 1 && !item.multiple {
                    return Err(Refusal::Invalid(format!(
                        "`{}` takes one answer",
                        item.question
                    )));
                }
            }
            let unknown = answers
                .keys()
                .find(|key| !items.iter().any(|item| item.question == **key));
            match unknown {
                Some(key) => Err(Refusal::Invalid(format!(
                    "`{key}` is not asked; asked is: {}",
                    items
                        .iter()
                        .map(|item| format!("`{}`", item.question))
                        .collect::<Vec<_>>()
                        .join(", ")
                ))),
                None => Ok(()),
            }
        }
    }
}
