//! Definitions that runs walk, parsed once per version.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use baton_core::definition;
use baton_core::run::Plan;

/// Plans kept in memory.
const CAPACITY: usize = 512;

/// Plans by the definition's key and text.
type BySource = HashMap<(String, Arc<str>), Arc<Plan>>;

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
    by_source: Mutex<BySource>,
}

impl Plans {
    /// The plan of this text.
    ///
    /// # Errors
    /// [`Unusable`] when the text is not a valid definition.
    pub fn get(&self, key: &str, path: &str, source: &Arc<str>) -> Result<Arc<Plan>, Unusable> {
        let slot = (key.to_owned(), source.clone());
        if let Some(plan) = self.lock().get(&slot) {
            return Ok(plan.clone());
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
        let mut plans = self.lock();
        if plans.len() >= CAPACITY {
            plans.clear();
        }
        plans.insert(slot, plan.clone());
        Ok(plan)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BySource> {
        self.by_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a definition's file holds TypeScript: its source is then a bundle.
#[must_use]
pub fn is_code(path: &str) -> bool {
    path.ends_with(".ts")
}
