//! The order of the steps: `needs`, cycles, and which step has ended when another starts.

use std::collections::{HashMap, HashSet};

use crate::definition::Step;
use crate::definition::suggest::nearest;

use super::Check;
use super::steps::StepDraft;

/// Which steps come before which.
pub(super) struct Order {
    pub(super) is_graph: bool,
    ids: HashMap<String, usize>,
    names: HashMap<String, usize>,
    /// In a graph: one bit per step that has ended when this one starts.
    before: Vec<Vec<u64>>,
}

impl Order {
    pub(super) fn by_id(&self, id: &str) -> Option<usize> {
        self.ids.get(id).copied()
    }

    /// By the name in expressions, where `-` is `_`.
    pub(super) fn by_name(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// Whether a step has ended when another starts.
    pub(super) fn ends_before(&self, step: usize, start: usize) -> bool {
        if !self.is_graph {
            return step < start;
        }
        self.before
            .get(start)
            .and_then(|bits| bits.get(step / 64))
            .is_some_and(|word| word >> (step % 64) & 1 == 1)
    }
}

/// The steps with their needs as indices; `None` when any step is broken.
pub(super) fn wire(drafts: Vec<StepDraft>, is_graph: bool) -> Option<Vec<Step>> {
    let count = drafts.len();
    let ids: HashMap<String, usize> = drafts
        .iter()
        .enumerate()
        .map(|(n, step)| (step.id.clone(), n))
        .collect();
    let mut steps = Vec::with_capacity(count);
    for (n, draft) in drafts.into_iter().enumerate() {
        let mut step = draft.step?;
        step.needs = if is_graph {
            let mut needs: Vec<usize> = draft
                .needs
                .unwrap_or_default()
                .iter()
                .filter_map(|(id, _)| ids.get(id).copied())
                .collect();
            needs.sort_unstable();
            needs.dedup();
            needs
        } else {
            n.checked_sub(1).into_iter().collect()
        };
        steps.push(step);
    }
    (!steps.is_empty()).then_some(steps)
}

impl Check<'_> {
    pub(super) fn graph(&mut self, steps: &[StepDraft], is_graph: bool) -> Order {
        let mut order = Order {
            is_graph,
            ids: HashMap::new(),
            names: HashMap::new(),
            before: Vec::new(),
        };
        for (n, step) in steps.iter().enumerate() {
            order.ids.entry(step.id.clone()).or_insert(n);
            order.names.entry(step.id.replace('-', "_")).or_insert(n);
        }
        if is_graph {
            let needs = self.needs(steps, &order);
            order.before = self.closures(steps, &needs);
        }
        order
    }

    fn needs(&mut self, steps: &[StepDraft], order: &Order) -> Vec<Vec<usize>> {
        let mut all = Vec::with_capacity(steps.len());
        for (n, step) in steps.iter().enumerate() {
            let mut needs = Vec::new();
            let mut seen = HashSet::new();
            match &step.needs {
                None => self.report.warning(
                    step.id_span,
                    "step_without_needs",
                    format!(
                        "`{}` has no `needs`: it starts at once, beside the others",
                        step.id
                    ),
                    "write what it needs, or `needs: []` if that is meant",
                ),
                Some(written) => {
                    for (id, span) in written {
                        match order.by_id(id) {
                            Some(need) if need == n => self.report.error(
                                *span,
                                "needs_cycle",
                                format!("`{id}` needs itself"),
                            ),
                            Some(need) if !seen.insert(need) => self.report.warning(
                                *span,
                                "duplicate_need",
                                format!("`{id}` is needed twice"),
                                "leave one of them out",
                            ),
                            Some(need) => needs.push(need),
                            None if self.report.is_full() => {}
                            None => {
                                let ids = steps.iter().map(|s| s.id.as_str());
                                let help = match nearest(id, ids) {
                                    Some(near) => format!("did you mean `{near}`?"),
                                    None => "name a step by its `id`".to_owned(),
                                };
                                let message = format!("there is no step `{id}`");
                                self.report.error_with(*span, "unknown_step", message, help);
                            }
                        }
                    }
                }
            }
            all.push(needs);
        }
        all
    }

    /// For each step the steps that have ended when it starts; cycles are complained about.
    fn closures(&mut self, steps: &[StepDraft], needs: &[Vec<usize>]) -> Vec<Vec<u64>> {
        let words = steps.len().div_ceil(64);
        let mut before = vec![Vec::new(); steps.len()];
        let mut open: Vec<usize> = needs.iter().map(Vec::len).collect();
        let mut needed_by = vec![Vec::new(); steps.len()];
        for (n, all) in needs.iter().enumerate() {
            for need in all {
                needed_by[*need].push(n);
            }
        }
        let mut ready: Vec<usize> = (0..steps.len()).filter(|n| open[*n] == 0).collect();
        let mut done = 0;
        while let Some(n) = ready.pop() {
            done += 1;
            let mut bits = vec![0_u64; words];
            for need in &needs[n] {
                bits[need / 64] |= 1 << (need % 64);
                for (mine, theirs) in bits.iter_mut().zip(&before[*need]) {
                    *mine |= theirs;
                }
            }
            before[n] = bits;
            for next in &needed_by[n] {
                open[*next] -= 1;
                if open[*next] == 0 {
                    ready.push(*next);
                }
            }
        }
        if done < steps.len() {
            self.cycle(steps, needs, &open);
            // Nothing can be said about the order in a cycle: all may come before all.
            for (n, bits) in before.iter_mut().enumerate() {
                if open[n] > 0 {
                    *bits = vec![u64::MAX; words];
                }
            }
        }
        before
    }

    fn cycle(&mut self, steps: &[StepDraft], needs: &[Vec<usize>], open: &[usize]) {
        let Some(first) = open.iter().position(|n| *n > 0) else {
            return;
        };
        let mut path = vec![first];
        let mut place: HashMap<usize, usize> = HashMap::from([(first, 0)]);
        let mut at = first;
        loop {
            // A step that is still open needs one that is still open.
            let Some(next) = needs[at].iter().copied().find(|n| open[*n] > 0) else {
                return;
            };
            if let Some(start) = place.get(&next) {
                let names: Vec<&str> = path[*start..]
                    .iter()
                    .chain(std::iter::once(&next))
                    .map(|n| steps[*n].id.as_str())
                    .collect();
                let shown = if names.len() > 12 {
                    format!(
                        "{} → … → {}",
                        names[..6].join(" → "),
                        names[names.len() - 3..].join(" → ")
                    )
                } else {
                    names.join(" → ")
                };
                let message = format!("steps need each other in a circle: {shown}");
                let help = "take one of these out of the other's `needs`";
                self.report
                    .error_with(steps[next].id_span, "needs_cycle", message, help);
                return;
            }
            place.insert(next, path.len());
            path.push(next);
            at = next;
        }
    }

    /// `session:` names an agent step that has ended.
    pub(super) fn check_sessions(&mut self, steps: &[StepDraft], order: &Order) {
        for (n, step) in steps.iter().enumerate() {
            let Some((id, span)) = &step.session else {
                continue;
            };
            match order.by_id(id) {
                None => {
                    let agents = steps
                        .iter()
                        .filter(|s| s.kind == crate::definition::StepKind::Agent)
                        .map(|s| s.id.as_str());
                    let help = match nearest(id, agents) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "name an earlier agent step by its `id`".to_owned(),
                    };
                    let message = format!("there is no step `{id}`");
                    self.report.error_with(*span, "unknown_step", message, help);
                }
                Some(other) if steps[other].kind != crate::definition::StepKind::Agent => {
                    let message = format!("`{id}` has no session: it is not an agent step");
                    self.report.error(*span, "session_of_no_agent", message);
                }
                Some(other) if !order.ends_before(other, n) => {
                    self.cannot_have_run(*span, id, &step.id, order);
                }
                Some(_) => {}
            }
        }
    }
}
