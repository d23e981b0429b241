//! What an actor looks at again when the disk, or the run's environment, may be back.

use baton_core::ids::CommandId;
use baton_core::run::decide::Command;

use super::{DISK_RETRY, ENVIRONMENT_RETRY, RunActor, RunMail};

impl RunActor {
    /// What was in memory is gone: looks again at what is outstanding when the disk may be back.
    pub(super) fn wake_later(&self) {
        let engine = self.engine.clone();
        let run = self.id;
        crate::handle::background(async move {
            let clock = engine.clock();
            clock.sleep_until(clock.now().plus(DISK_RETRY)).await;
            engine.mail_run(run, RunMail::Wake);
        });
    }

    /// Takes this report again when the run's environment may be readable.
    pub(super) fn tell_later(&self, command: Command, id: Option<CommandId>) {
        let engine = self.engine.clone();
        let run = self.id;
        crate::handle::background(async move {
            let clock = engine.clock();
            clock.sleep_until(clock.now().plus(ENVIRONMENT_RETRY)).await;
            let reply = None;
            let command = Box::new(command);
            engine.mail_run(run, RunMail::Command { command, id, reply });
        });
    }
}
