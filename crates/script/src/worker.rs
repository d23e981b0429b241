//! The worker: a process that compiles definitions and holds isolates, and answers one order after
//! another. It ends when its host is gone.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use baton_core::ids::RunId;
use baton_core::run::program::ProgramEnd;

use crate::bundle::Bundle;
use crate::compile;
use crate::isolate::{Fault, Limits, Metadata, Opening, Running, Turned};
use crate::protocol::{self, Answer, Order, Unread};

/// The stack for compiling and running: the compiler recurses as deep as a file nests.
const STACK: usize = 256 << 20;

/// Bundles that are kept.
const BUNDLES: usize = 64;

/// Runs a worker over its standard input and output, until the host closes them.
///
/// # Errors
/// The pipes broke.
pub fn run() -> io::Result<()> {
    let thread = std::thread::Builder::new()
        .name("script".into())
        .stack_size(STACK);
    let worker = thread.spawn(|| serve(&mut io::stdin().lock(), &mut io::stdout().lock()))?;
    worker
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the worker panicked")))
}

fn serve(from: &mut impl io::Read, to: &mut impl io::Write) -> io::Result<()> {
    let mut worker = Worker::default();
    while let Some(order) = protocol::read::<Order>(from)? {
        worker.carry_out(order, &mut |answer| protocol::write(to, &answer))?;
    }
    Ok(())
}

/// A bundle, read and as text.
type Known = (Rc<Bundle>, Arc<str>);

#[derive(Default)]
struct Worker {
    limits: Limits,
    bundles: HashMap<String, Known>,
    programs: HashMap<RunId, (u32, Running)>,
}

type Tell<'t> = &'t mut dyn FnMut(Answer) -> io::Result<()>;

impl Worker {
    fn carry_out(&mut self, order: Order, tell: Tell<'_>) -> io::Result<()> {
        match order {
            Order::Limits(limits) => {
                self.limits = limits;
                tell(Answer::Done)
            }
            Order::Know { hash, bundle } => {
                if self.bundles.len() >= BUNDLES {
                    self.bundles.clear();
                }
                let read: Bundle = serde_json::from_str(&bundle)?;
                self.bundles.insert(hash, (Rc::new(read), bundle));
                tell(Answer::Done)
            }
            Order::Compile(source) => {
                let compiled = compile::compile(&source, &self.limits);
                tell(Answer::Compiled(compiled))
            }
            Order::Args { bundle, args } => {
                let Some((bundle, _)) = self.bundles.get(&bundle) else {
                    return tell(Answer::Unknown);
                };
                let read = Metadata::new(bundle, &self.limits).and_then(|m| m.args(&args));
                tell(Answer::Args(match read {
                    Ok(Ok(args)) => Ok(args),
                    Ok(Err(errors)) => {
                        Err(Unread::Unfit(errors.into_iter().map(Into::into).collect()))
                    }
                    Err(fault) => Err(Unread::Failed(fault.error().message)),
                }))
            }
            Order::Open {
                run,
                epoch,
                bundle,
                opening,
            } => self.open(run, epoch, &bundle, &opening, tell),
            Order::Hear {
                run,
                epoch,
                outcomes,
            } => match self.programs.get_mut(&run) {
                Some((own, program)) if *own == epoch => {
                    program.hear(outcomes);
                    self.go_on(run, tell)
                }
                _ => tell(Answer::Gone),
            },
            Order::Drop { run } => {
                self.programs.remove(&run);
                tell(Answer::Done)
            }
        }
    }

    fn open(
        &mut self,
        run: RunId,
        epoch: u32,
        bundle: &str,
        opening: &Opening,
        tell: Tell<'_>,
    ) -> io::Result<()> {
        let Some((bundle, text)) = self.bundles.get(bundle) else {
            return tell(Answer::Unknown);
        };
        self.programs.remove(&run);
        let begun = || -> Result<Running, Fault> {
            let mut program = Running::new(bundle, text, opening, &self.limits)?;
            program.begin(opening)?;
            Ok(program)
        };
        match begun() {
            Ok(program) => {
                self.programs.insert(run, (epoch, program));
                self.go_on(run, tell)
            }
            Err(fault) => tell(Answer::Turned {
                turned: Turned {
                    from: opening.calls.len(),
                    asks: Vec::new(),
                    end: Some(ProgramEnd::Threw(fault.error())),
                },
                more: false,
            }),
        }
    }

    fn go_on(&mut self, run: RunId, tell: Tell<'_>) -> io::Result<()> {
        while let Some((_, program)) = self.programs.get_mut(&run) {
            let (turned, more) = program.go_on();
            if turned.end.is_some() {
                self.programs.remove(&run);
            }
            tell(Answer::Turned { turned, more })?;
            if !more {
                break;
            }
        }
        Ok(())
    }
}
