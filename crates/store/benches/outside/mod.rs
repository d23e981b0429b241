//! The outside of an engine that only its journal is measured of: the real clock, and runners,
//! definitions and environments that do nothing.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use baton_core::ids::{AttemptId, RunId};
use baton_core::run::event::ProjectRef;
use baton_core::time::Timestamp;
use baton_engine::ports::{
    Clock, Definitions, Environments, FoundDefinition, Launch, Reports, Runners, StopReason,
};

/// The clock of this machine.
pub struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the clock of this benchmark")]
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        Timestamp::from_millis(u64::try_from(now.as_millis()).unwrap())
    }
    fn random(&self) -> u128 {
        use std::hash::{BuildHasher, Hasher};
        let half = || std::hash::RandomState::new().build_hasher().finish();
        (u128::from(half()) << 64) | u128::from(half())
    }
    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(at.since(self.now())))
    }
}

/// Nothing runs, nothing is found, nothing is allowed.
pub struct Nothing;

impl Runners for Nothing {
    fn launch(&self, _: Launch, _: Arc<dyn Reports>) {}
    fn take_back(&self, _: Launch, _: Arc<dyn Reports>) {}
    fn stop(&self, _: AttemptId, _: StopReason) {}
}

impl Definitions for Nothing {
    fn find(&self, _: &ProjectRef, key: &str) -> Result<FoundDefinition, String> {
        Err(key.into())
    }
}

impl Environments for Nothing {
    fn allowed(
        &self,
        _: RunId,
        _: Option<RunId>,
        _: &ProjectRef,
    ) -> Result<BTreeMap<String, String>, String> {
        Ok(BTreeMap::new())
    }
}
