//! Events of a run's program.

use std::collections::BTreeMap;

use super::super::big::Big;
use super::super::event::Inherited;
use super::super::prefix::Prefix;
use super::super::program::{Call, CallKind, Made, ProgramEnd};
use super::super::state::{At, Run};
use super::Illegal;

impl Run {
    pub(super) fn called(&mut self, call: &Call, options: &Big) -> Result<(), Illegal> {
        if self.program.is_none() {
            return Err(self.illegal("called", "its definition is no program"));
        }
        let step = match call.kind {
            CallKind::Step | CallKind::Function => {
                let declared = self.declare(&call.key, options);
                Some(declared.map_err(|why| self.illegal("called", why))?)
            }
            CallKind::Again => Some(self.place(&call.key, "called")?.step),
            CallKind::Comment | CallKind::Log | CallKind::Checkpoint => None,
        };
        if let (CallKind::Step, Some(step)) = (call.kind, step) {
            self.ready.insert(At { step, item: None });
        }
        if let Some(program) = &mut self.program {
            program.calls.push(Made {
                call: call.clone(),
                step,
            });
        }
        Ok(())
    }

    /// Takes the beginning of another run's program over, and the ends of its steps.
    pub(super) fn take_over(
        &mut self,
        prefix: &Prefix,
        inherited: &[Inherited],
    ) -> Result<(), Illegal> {
        let none = Big::new("{}");
        let declared = prefix.declared.iter();
        let options: BTreeMap<&str, &Big> = declared
            .map(|step| (step.key.as_str(), &step.options))
            .collect();
        for call in &prefix.calls {
            self.called(call, options.get(call.key.as_str()).unwrap_or(&&none))?;
        }
        inherited.iter().try_for_each(|end| self.inherit(end))?;
        let heard = prefix.outcomes.iter();
        let heard = heard.map(|key| Ok(self.place(key, "run_created")?.step));
        let heard = heard.collect::<Result<_, Illegal>>()?;
        if let Some(program) = &mut self.program {
            program.outcomes = heard;
        }
        Ok(())
    }

    pub(super) fn program_ended(&mut self, end: &ProgramEnd) -> Result<(), Illegal> {
        match &mut self.program {
            Some(program) if program.end.is_none() => {
                program.end = Some(end.clone());
                Ok(())
            }
            _ => Err(self.illegal("program_ended", "it has none, or it has ended")),
        }
    }
}
