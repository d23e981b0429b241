//! Definitions that runs walk, parsed once per version.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use baton_core::definition;
use baton_core::run::Plan;
use baton_core::run::event::RunCreated;

/// Plans kept in memory.
const CAPACITY: usize = 512;

/// Texts that are known by where they are: the last ones.
const TEXTS: usize = 16;

/// A definition's key and text.
type Slot = (String, Arc<str>);

#[derive(Debug, Default)]
struct Kept {
    by_source: HashMap<Slot, Arc<Plan>>,
    /// By where the text is, which is not read then: most runs share one with the run before.
    by_address: VecDeque<(Slot, Arc<Plan>)>,
}

/// A definition with errors.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the definition `{key}` has errors")]
pub struct Unusable {
    /// Its key.
    pub key: String,
    /// All that is wrong with it.
    pub diagnostics: Vec<definition::Diagnostic>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Plans {
    kept: Mutex<Kept>,
}

impl Plans {
    /// The plan of this text.
    ///
    /// # Errors
    /// [`Unusable`] when the text is not a valid definition.
    pub fn get(&self, key: &str, path: &str, source: &Arc<str>) -> Result<Arc<Plan>, Unusable> {
        if let Some(plan) = self.lock().at_address(key, source) {
            return Ok(plan);
        }
        let slot = (key.to_owned(), source.clone());
        let known = self.lock().by_source.get(&slot).cloned();
        if let Some(plan) = known {
            self.lock().keep_address(slot, &plan);
            return Ok(plan);
        }
        let parsed = if is_code(path) {
            let bundle = definition::parse_bundle(key, path, source);
            bundle.map_err(|why| Unusable {
                key: format!("{key}: {why}"),
                diagnostics: vec![],
            })?
        } else {
            definition::parse(&definition::Source {
                key,
                file: path,
                text: source,
            })
        };
        let Some(definition) = parsed.definition else {
            return Err(Unusable {
                key: key.to_owned(),
                diagnostics: parsed.diagnostics,
            });
        };
        let plan = Arc::new(Plan::new(definition));
        let by_source = &mut self.lock().by_source;
        if by_source.len() >= CAPACITY {
            by_source.clear();
        }
        by_source.insert(slot, plan.clone());
        Ok(plan)
    }

    /// The plan of a run's definition.
    ///
    /// # Errors
    /// As of [`Self::get`].
    pub fn of_run(&self, created: &RunCreated) -> Result<Arc<Plan>, Unusable> {
        let definition = &created.definition;
        self.get(&definition.key, &definition.path, &created.source.text())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn at_address(&self, key: &str, source: &Arc<str>) -> Option<Arc<Plan>> {
        let is_it = |(own, text): &Slot| Arc::ptr_eq(text, source) && own == key;
        let known = self.by_address.iter().find(|(slot, _)| is_it(slot));
        known.map(|(_, plan)| Arc::clone(plan))
    }

    fn keep_address(&mut self, slot: Slot, plan: &Arc<Plan>) {
        if self.by_address.len() >= TEXTS {
            self.by_address.pop_front();
        }
        self.by_address.push_back((slot, Arc::clone(plan)));
    }
}

/// Whether a definition's file holds TypeScript: its source is then a bundle.
#[must_use]
pub fn is_code(path: &str) -> bool {
    path.ends_with(".ts")
}
