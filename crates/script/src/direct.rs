//! Isolates in this process, for tests and benches: nothing here outlives what a definition does.

use baton_core::run::Run;
use baton_engine::ports::Asked;

use crate::compile::{self, Source};
use crate::history;
use crate::isolate::{Blank, Known, Limits, Running};
use crate::protocol::Compiled;

/// Compiles a definition in this process.
#[must_use]
pub fn compile_here(source: &Source, limits: &Limits) -> Compiled {
    compile::compile(source, limits)
}

/// A run's definition, read: what its isolates share.
pub struct Shared(Known);

impl Shared {
    /// Reads the definition of this run.
    ///
    /// # Errors
    /// It has none that can be read.
    pub fn of(run: &Run) -> Result<Self, String> {
        let known = Known::read(run.created.source.as_str());
        known.map(Self).map_err(|error| error.to_string())
    }
}

/// The program of a run in this process.
pub struct Direct {
    running: Running,
    epoch: u32,
    told: usize,
    together: usize,
}

impl Direct {
    /// As [`Self::telling`], with each end of a function by itself, so that tests have many to crash at.
    ///
    /// # Errors
    /// As of [`Self::telling`].
    pub fn open(run: &Run, limits: &Limits) -> Result<Option<(Self, Vec<Asked>)>, String> {
        Self::telling(run, limits, 1)
    }

    /// Begins a run's program, or brings it to where the run's journal says it is; what it asks for
    /// beyond that comes with it. It tells at most so many ends of functions `together`. `None`: the run
    /// has no program.
    ///
    /// # Errors
    /// Why it could not begin, for people.
    pub fn telling(
        run: &Run,
        limits: &Limits,
        together: usize,
    ) -> Result<Option<(Self, Vec<Asked>)>, String> {
        if run.program.is_none() {
            return Ok(None);
        }
        Self::sharing(&Shared::of(run)?, run, limits, together)
    }

    /// As [`Self::telling`], of a definition that was read: a worker does so once for all runs.
    ///
    /// # Errors
    /// As of [`Self::telling`].
    pub fn sharing(
        Shared(known): &Shared,
        run: &Run,
        limits: &Limits,
        together: usize,
    ) -> Result<Option<(Self, Vec<Asked>)>, String> {
        let Some(program) = &run.program else {
            return Ok(None);
        };
        let opening = history::opening(run, program);
        let began = Blank::new(limits).and_then(|blank| {
            let mut running = Running::new(blank, known, &opening, limits)?;
            running.begin(&opening)?;
            Ok(running)
        });
        let running = began.map_err(|fault| fault.error().message)?;
        let mut direct = Self {
            running,
            epoch: program.epoch,
            told: program.outcomes.len(),
            together,
        };
        let asked = direct.turn();
        Ok(Some((direct, asked)))
    }

    /// Lets the program hear what it has not heard, and go on.
    pub fn hear(&mut self, run: &Run) -> Vec<Asked> {
        let Some(program) = &run.program else {
            return vec![];
        };
        let outcomes = history::outcomes(run, program, self.told);
        if outcomes.is_empty() {
            return vec![];
        }
        self.told = program.outcomes.len();
        self.running.hear(outcomes);
        self.turn()
    }

    /// Of which past it knows.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    fn turn(&mut self) -> Vec<Asked> {
        let mut all = Vec::new();
        loop {
            let (turned, more) = self.running.go_on();
            all.extend(crate::programs::split(self.epoch, turned, self.together));
            if !more {
                return all;
            }
        }
    }
}
