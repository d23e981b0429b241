//! The worker: a process that compiles definitions and holds isolates, and answers one order after
//! another. It ends when its host is gone.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::time::Duration;

use baton_core::definition::Diagnostic;
use baton_core::ids::RunId;
use baton_core::run::program::ProgramEnd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::compile;
use crate::isolate::{Blank, Fault, Known, Limits, Metadata, Opening, Running, Turned};
use crate::protocol::{self, Answer, Order, Unread};
use crate::watch::Watch;

/// The stack for compiling and running: the compiler recurses as deep as a file nests.
const STACK: usize = 256 << 20;

/// Bundles that are kept.
const BUNDLES: usize = 64;

/// Engines that are made while there is nothing else to do, for runs that will begin.
const SPARES: usize = 4;

/// Runs a worker over its standard input and output, until the host closes them.
///
/// # Errors
/// The pipes broke.
pub fn run() -> io::Result<()> {
    let thread = std::thread::Builder::new()
        .name("script".into())
        .stack_size(STACK);
    let watch = Watch::default();
    let own = watch.clone();
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let worker = thread.spawn(move || serve(stdin, own))?;
    let thread = std::thread::Builder::new().name("watch".into());
    // Ends with the process.
    drop(thread.spawn(move || watch.watch())?);
    worker
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the worker panicked")))
}

fn serve(from: File, watch: Watch) -> io::Result<()> {
    let mut worker = Worker {
        watch: watch.clone(),
        ..Worker::default()
    };
    let mut from = BufReader::with_capacity(64 << 10, from);
    while let Some(order) = protocol::read::<Order>(&mut from)? {
        watch.begin(worker.limits.time_of(&order));
        worker.carry_out(order, &mut |answer| {
            let more = matches!(answer, Answer::Turned { more: true, .. });
            watch.answer(&answer, more)
        })?;
        worker.use_again();
        while worker.spares.len() < SPARES && from.buffer().is_empty() && !is_asked(from.get_ref())
        {
            match Blank::new(&worker.limits) {
                Ok(spare) => worker.spares.push(spare.for_many()),
                // Whoever needs one will say so.
                Err(_) => break,
            }
        }
    }
    Ok(())
}

/// Whether the host has said more, or is gone.
fn is_asked(host: &File) -> bool {
    let mut fds = [PollFd::new(host, PollFlags::IN)];
    !matches!(poll(&mut fds, Some(&Timespec::default())), Ok(0))
}

/// Carries out orders in this process, for tests of the protocol: frames in, and the answers' frames.
/// Limits are these, whatever the orders say.
///
/// # Errors
/// What ends a worker: a frame that is none, or a bundle that is none.
pub fn carry_out_here(from: &mut impl io::Read, limits: &Limits) -> io::Result<Vec<u8>> {
    let mut worker = Worker {
        limits: limits.clone(),
        ..Worker::default()
    };
    let mut told = Vec::new();
    while let Some(order) = protocol::read::<Order>(from)? {
        if !matches!(order, Order::Limits(_)) {
            worker.carry_out(order, &mut |answer| protocol::write(&mut told, &answer))?;
            worker.use_again();
        }
    }
    Ok(told)
}

/// Hears answers as a host does, for tests of the protocol; gives their number.
///
/// # Errors
/// What makes a host give a worker up.
pub fn hear_here(from: &mut impl io::Read) -> io::Result<usize> {
    let mut count = 0;
    while let Some(answer) = protocol::read::<Answer>(from)? {
        count += 1;
        if let Answer::Compiled(compiled) = answer {
            let found = compiled.diagnostics.into_iter();
            drop(found.map(Into::into).collect::<Vec<Diagnostic>>());
        }
    }
    Ok(count)
}

impl Limits {
    /// The processor time that an order may take: programs count it by themselves, but a compiler
    /// and its look at the definition are only stopped by this.
    fn time_of(&self, order: &Order) -> Duration {
        let times = match order {
            Order::Compile(_) | Order::Args { .. } => 3,
            _ => 1,
        };
        Duration::from_millis(self.cpu_ms.saturating_mul(times))
    }
}

/// An engine for a program.
fn spare(spares: &mut Vec<Blank>, limits: &Limits) -> Result<Blank, Fault> {
    let new = || Blank::new(limits).map(Blank::for_many);
    spares.pop().map_or_else(new, Ok)
}

#[derive(Default)]
struct Worker {
    watch: Watch,
    limits: Limits,
    bundles: HashMap<String, Known>,
    programs: HashMap<RunId, (u32, Running)>,
    spares: Vec<Blank>,
    /// Programs that have ended: their engines are put back, or dropped, when their end has been told.
    over: Vec<Running>,
}

type Tell<'t> = &'t mut dyn FnMut(Answer) -> io::Result<()>;

impl Worker {
    /// Puts the engines of what is over back for others.
    fn use_again(&mut self) {
        for program in self.over.drain(..) {
            if self.spares.len() < SPARES {
                self.spares.extend(program.again());
            }
        }
        self.spares.truncate(SPARES);
    }

    fn carry_out(&mut self, order: Order, tell: Tell<'_>) -> io::Result<()> {
        match order {
            Order::Limits(limits) => {
                self.limits = limits;
                self.spares.clear();
                tell(Answer::Done)
            }
            Order::Know { hash, bundle } => {
                if self.bundles.len() >= BUNDLES {
                    self.bundles.clear();
                }
                self.bundles.insert(hash, Known::read(&bundle)?);
                tell(Answer::Done)
            }
            Order::Compile(source) => {
                let compiled = compile::compile(&source, &self.limits);
                tell(Answer::Compiled(compiled))
            }
            Order::Args { bundle, args } => {
                let Some(known) = self.bundles.get(&bundle) else {
                    return tell(Answer::Unknown);
                };
                let blank = spare(&mut self.spares, &self.limits);
                let read = blank.and_then(|blank| {
                    let metadata = Metadata::of(blank, known);
                    let read = metadata.args(&args)?;
                    self.spares.extend(metadata.again());
                    Ok(read)
                });
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
                    self.watch.follow(program.place());
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
        let Some(known) = self.bundles.get(bundle) else {
            return tell(Answer::Unknown);
        };
        self.programs.remove(&run);
        let blank = spare(&mut self.spares, &self.limits);
        let begun = blank.and_then(|blank| {
            let mut program = Running::new(blank, known, opening, &self.limits)?;
            self.watch.follow(program.place());
            program.begin(opening)?;
            Ok(program)
        });
        match begun {
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
                let ended = self.programs.remove(&run);
                self.over.extend(ended.map(|(_, program)| program));
            }
            tell(Answer::Turned { turned, more })?;
            if !more {
                break;
            }
        }
        Ok(())
    }
}
