//! A turn: `session/prompt`, `session/cancel`, and what the prompt's answer means.

use baton_core::activity::{Activity, Answer, ToolStatus};
use serde_json::{Value, json};

use super::permission::{self, Verdict};
use super::{Acp, Asked, Phase, activity, wire};
use crate::driver::Output;
use crate::outcome::{Failure, FailureKind, Turn};

impl Acp {
    pub(super) fn prompt(&mut self, texts: &[&String], message: Option<u32>) -> Vec<Output> {
        let mut outputs = self.speech.flush();
        // What was said between turns is no answer to this one.
        self.speech.answer();
        let texts = texts.iter().filter(|text| !text.is_empty());
        let blocks: Vec<Value> = texts
            .map(|text| json!({"type": "text", "text": text}))
            .collect();
        let first = blocks.first().and_then(|block| block["text"].as_str());
        self.is_command = first.is_some_and(|text| text.trim_start().starts_with(['/', '$']));
        let params = json!({"sessionId": self.session, "prompt": blocks});
        self.phase = Phase::Prompted {
            cancelled: false,
            taken: message,
        };
        outputs.push(activity(Activity::TurnStarted {}));
        outputs.push(self.request(Asked::Prompt, "session/prompt", &params));
        outputs
    }

    /// The message of this turn has arrived: the agent has begun with it.
    pub(super) fn taken(&mut self) -> Option<Output> {
        let Phase::Prompted { taken, .. } = &mut self.phase else {
            return None;
        };
        taken.take().map(|message| Output::Taken { message })
    }

    pub(super) fn interrupt(&mut self) -> Vec<Output> {
        match &mut self.phase {
            Phase::Opening { stopped } => {
                *stopped = true;
                Vec::new()
            }
            Phase::Prompted { cancelled, .. } if !*cancelled => {
                *cancelled = true;
                let params = json!({"sessionId": self.session});
                let mut outputs = vec![Output::Send {
                    id: format!("cancel-{}", self.asked),
                    text: wire::notification("session/cancel", &params),
                }];
                // The protocol wants every open request answered with `cancelled`.
                for (id, request) in &self.questions {
                    outputs.push(Output::Send {
                        id: format!("answer-{id}"),
                        text: wire::reply(&request.rpc, &permission::cancelled()),
                    });
                }
                outputs.extend(self.close_questions());
                outputs
            }
            Phase::Prompted { .. } | Phase::Idle | Phase::Failed => Vec::new(),
        }
    }

    pub(super) fn prompt_ended(&mut self, result: Result<Value, wire::Error>) -> Vec<Output> {
        let Phase::Prompted { cancelled, .. } = self.phase else {
            return Vec::new();
        };
        let mut outputs: Vec<Output> = self.taken().into_iter().collect();
        outputs.extend(self.speech.flush());
        outputs.extend(self.close_questions());
        self.phase = Phase::Idle;
        let answer = self.speech.answer();
        let (reason, turn) = match result {
            Ok(result) => {
                self.spent.prompt_ended(&result);
                outputs.extend(self.spent.news().map(Output::Usage));
                let reason = result["stopReason"].as_str().unwrap_or("nothing");
                // See `Acp::turn`.
                let count = &result["_meta"]["quota"]["token_count"]["output_tokens"];
                let broke_off = answer.is_empty() || (*count == 0 && !self.is_command);
                let turn = self.turn(reason, answer, broke_off);
                (crate::bounded::head(reason, 100), turn)
            }
            Err(_) if cancelled => ("cancelled".into(), Turn::Interrupted),
            Err(error) => ("error".into(), Turn::Failed(self.failure(&error))),
        };
        if turn == Turn::Interrupted {
            outputs.extend(self.close_tools("interrupted"));
        }
        if let Turn::Failed(Failure {
            kind: FailureKind::UsageLimit { resets_at },
            ..
        }) = &turn
        {
            let (resets_at, window) = (*resets_at, None);
            let limit = Activity::RateLimit {
                rejected: true,
                resets_at,
                window,
                used: None,
            };
            outputs.extend([activity(limit), Output::Limited { resets_at }]);
        }
        outputs.push(activity(Activity::TurnEnded { reason }));
        outputs.push(Output::Turn(turn));
        outputs
    }

    /// `broke_off`: it said nothing, or nothing that was paid for.
    fn turn(&self, reason: &str, answer: String, broke_off: bool) -> Turn {
        let failed = |kind, message: &str| Turn::Failed(Failure::new(kind, message));
        match reason {
            // Gemini CLI 0.61.0 ends so too when its stream broke: its text as often as it was tried,
            // and no tokens counted. After a use of a tool, this cannot be told from an answer.
            "end_turn" if self.gemini && broke_off => failed(
                FailureKind::NoResult,
                "the agent ended its turn without an answer: its model's stream broke off",
            ),
            "end_turn" => Turn::Done {
                text: answer,
                structured: None,
            },
            "cancelled" => Turn::Interrupted,
            // Gemini CLI 0.61.0 *(source)*.
            "max_tokens" if self.gemini => failed(
                FailureKind::ContextFull,
                "the conversation does not fit the model any more",
            ),
            "max_tokens" => failed(
                FailureKind::Refused,
                "the answer was cut off: it was longer than the model may say",
            ),
            "refusal" => failed(FailureKind::Refused, "the model refused to go on"),
            "max_turn_requests" if self.gemini => failed(
                FailureKind::MaxTurns,
                "the agent's allowed turns are used up, or it found itself in a loop",
            ),
            "max_turn_requests" => failed(
                FailureKind::MaxTurns,
                "the agent's allowed turns are used up",
            ),
            other => failed(
                FailureKind::Other,
                &format!("the turn ended with `{other}`"),
            ),
        }
    }

    fn failure(&self, error: &wire::Error) -> Failure {
        if error.code == wire::AUTH_REQUIRED {
            let ways = self.profile.logins.join(", ");
            let message = format!("{} (ways to log in: {ways})", error.message);
            return Failure::new(FailureKind::NotLoggedIn, message);
        }
        // Gemini CLI 0.61.0 puts the service's HTTP status into the code.
        let status = u16::try_from(error.code)
            .ok()
            .filter(|s| (400..600).contains(s));
        super::of_service(status, &error.message)
    }

    pub(super) fn permission_asked(&mut self, rpc: &Value, params: &Value) -> Vec<Output> {
        self.replies += 1;
        let request = permission::Request::read(rpc.clone(), params);
        let Phase::Prompted {
            cancelled: false, ..
        } = self.phase
        else {
            return vec![self.reply(&request, &permission::cancelled())];
        };
        let mut outputs: Vec<Output> = self.taken().into_iter().collect();
        outputs.extend(self.tool(&params["toolCall"]));
        let tool = self.tools.get(&request.tool);
        let (mode, cwd) = (self.mode.as_deref(), &self.setup.cwd);
        let permission = self.setup.permission;
        match permission::verdict(permission, mode, params, tool, cwd) {
            Verdict::Allow => {
                outputs.push(self.reply(&request, &request.outcome(true, false)));
                outputs.extend(self.decided(&request.tool, true, None));
            }
            Verdict::Reject => {
                outputs.push(self.reply(&request, &request.outcome(false, false)));
                let why = "the step may only plan";
                outputs.extend(self.decided(&request.tool, false, Some(why)));
            }
            Verdict::Ask => {
                let id = format!("permission-{}", self.replies);
                outputs.push(Output::Ask(request.question(id.clone(), params, tool)));
                self.questions.insert(id, request);
            }
        }
        outputs
    }

    fn reply(&self, request: &permission::Request, outcome: &Value) -> Output {
        Output::Send {
            id: format!("reply-{}", self.replies),
            text: wire::reply(&request.rpc, outcome),
        }
    }

    pub(super) fn answered(&mut self, question: &str, answer: &Answer) -> Vec<Output> {
        let found = self.questions.get(question);
        let Some((request, (outcome, yes))) =
            found.and_then(|request| Some((request.clone(), request.answered(answer)?)))
        else {
            return Vec::new();
        };
        self.questions.remove(question);
        let why = match answer {
            Answer::Reject { message } => message.as_deref(),
            Answer::Approve { .. } | Answer::Choices { .. } => None,
        };
        let mut outputs = vec![
            Output::Send {
                id: format!("answer-{question}"),
                text: wire::reply(&request.rpc, &outcome),
            },
            Output::Closed {
                question: question.into(),
            },
        ];
        outputs.extend(self.decided(&request.tool, yes, why));
        outputs
    }

    /// A tool use was allowed or not. Gemini CLI 0.61.0 says nothing more of one that was not.
    fn decided(&mut self, tool: &str, yes: bool, why: Option<&str>) -> Option<Output> {
        let tool = match yes {
            true => self.tools.set(tool, ToolStatus::Running, None),
            false => self
                .tools
                .set(tool, ToolStatus::Denied, why.or(Some("not allowed"))),
        };
        tool.map(|tool| activity(Activity::ToolUse(Box::new(tool))))
    }

    /// The agent takes a request back.
    pub(super) fn withdrawn(&mut self, rpc: &Value) -> Vec<Output> {
        let is_it = |(_, request): &(&String, &permission::Request)| request.rpc == *rpc;
        let Some(id) = self.questions.iter().find(is_it).map(|(id, _)| id.clone()) else {
            return Vec::new();
        };
        self.questions.remove(&id);
        let text = wire::reply(rpc, &permission::cancelled());
        vec![
            Output::Send {
                id: format!("answer-{id}"),
                text,
            },
            Output::Closed { question: id },
        ]
    }

    /// What was still at work is over.
    pub(super) fn close_tools(&mut self, why: &str) -> Vec<Output> {
        let mut outputs = Vec::new();
        for id in self.tools.open() {
            let over = self.tools.set(&id, ToolStatus::Failed, Some(why));
            outputs.extend(over.map(|tool| activity(Activity::ToolUse(Box::new(tool)))));
        }
        outputs
    }

    pub(super) fn close_questions(&mut self) -> Vec<Output> {
        let questions = std::mem::take(&mut self.questions);
        questions
            .into_keys()
            .map(|question| Output::Closed { question })
            .collect()
    }
}
