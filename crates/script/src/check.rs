//! Whether a recorded run would go the same way with another version of its definition.

use std::sync::{Arc, mpsc};

use baton_core::ids::RunId;
use baton_core::run::Run;
use baton_core::run::big;
use baton_core::run::program::{Ask, ProgramEnd, ProgramFault};

use crate::history;
use crate::pool::{Pool, WorkerError};
use crate::protocol::{Answer, Order};

/// What a replay showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The recorded calls.
    pub calls: usize,
    /// Where it would go another way, for people.
    pub divergence: Option<String>,
}

impl Pool {
    /// Replays a recorded run against this bundle; blocks. `None`: it is no program's run.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn replay(&self, run: &Run, bundle: &Arc<str>) -> Result<Option<Replayed>, WorkerError> {
        let Some(program) = &run.program else {
            return Ok(None);
        };
        // Not the run's own isolate, should there be one.
        let id = RunId::from_bits(!run.created.run.bits());
        let hash = big::hash(bundle);
        let order = Order::Open {
            run: id,
            epoch: 0,
            bundle: hash.clone(),
            opening: Box::new(history::opening(run, program)),
        };
        let slot = self.free();
        let (sender, receiver) = mpsc::channel();
        let reply = move |answer| {
            let _gone = sender.send(answer);
        };
        let known = Some((hash, Arc::clone(bundle)));
        self.send(slot, order, known, Box::new(reply));
        let lost = || WorkerError::Died(String::new());
        let mut asks: Vec<Ask> = Vec::new();
        let end = loop {
            match receiver.recv().map_err(|_| lost())?? {
                Answer::Turned { turned, more } => {
                    asks.extend(turned.asks);
                    if !more || asks.len() > 1000 {
                        break turned.end;
                    }
                }
                _ => return Err(lost()),
            }
        };
        self.send(slot, Order::Drop { run: id }, None, Box::new(|_| {}));
        let divergence = match (&end, &program.end) {
            (Some(ProgramEnd::Threw(error)), _) if error.code == ProgramFault::Nondeterministic => {
                Some(error.message.clone())
            }
            (_, Some(_)) if !asks.is_empty() => asks.first().map(|ask| {
                let call = &ask.call;
                let what = call.kind.word();
                format!(
                    "where the recorded run ended, the replay asks for {what} `{}` at {}",
                    call.key, call.line
                )
            }),
            (Some(ProgramEnd::Returned(now)), Some(ProgramEnd::Returned(was))) if now != was => {
                Some("the same calls, and another result".to_owned())
            }
            (Some(ProgramEnd::Threw(error)), Some(ProgramEnd::Returned(_)) | None) => {
                Some(format!("the replay fails: {}", error.message))
            }
            (Some(ProgramEnd::Returned(_)), Some(ProgramEnd::Threw(_))) => {
                Some("the recorded run failed, the replay returns".to_owned())
            }
            _ => None,
        };
        Ok(Some(Replayed {
            calls: program.calls.len(),
            divergence,
        }))
    }
}
