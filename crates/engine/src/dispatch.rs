//! Acts on what is durable: launches and stops attempts, delivers messages between aggregates.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use baton_core::ids::{AttemptId, RunId};
use baton_core::run::decide::{Command, Refusal};
use baton_core::run::event::{
    Action, Actor, ChildOutcome, Event, Parent, PauseReason, RunCreated, Workspace,
};
use baton_core::run::prefix::TakenOver;
use baton_core::run::{
    At, ChildOrder, Message, Run, State, Status, Step, command_id, instruction_text,
};
use baton_core::slot;

use crate::commit::Committed;
use crate::handle::{Engine, SendError, lock};
use crate::ports::{
    Aggregate, FilesAt, FinishFiles, Launch, MergeFiles, Reports, StopReason, Word,
};
use crate::start::StartRequest;

/// How long to wait before delivering again what could not be delivered.
const DELIVERY_RETRY: Duration = Duration::from_secs(1);

/// Whether [`Engine::dispatch`] does anything about such an event.
pub(crate) fn acts_on(event: &Event) -> bool {
    match event {
        Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::CancelRequested { .. }
        | Event::QuestionAnswered { .. }
        | Event::CheckpointTaken { .. }
        | Event::MergeStarted { .. }
        | Event::WorkMerged { .. }
        | Event::RunCompleted { .. } => true,
        Event::PauseRequested { immediate, .. } => *immediate,
        Event::MessagePosted(posted) => tells(posted.action),
        _ => false,
    }
}

/// Whether a message's text is for the agents at work.
fn tells(action: Action) -> bool {
    matches!(action, Action::Instruction | Action::Resume)
}

impl Engine {
    /// Acts on one commit. What it matches on is what [`acts_on`] names. `run` is the state after it.
    pub(crate) fn dispatch(
        &self,
        run: &Run,
        committed: &Committed,
        env: &BTreeMap<String, String>,
    ) {
        for event in committed.events.iter() {
            match event {
                Event::AttemptStarted { key, attempt, .. } => {
                    if let Some(place) = run.find(key) {
                        self.launch(run, place, *attempt, env, false);
                    }
                }
                Event::AttemptEnded { attempt, .. } => {
                    lock(&self.inner.attempts).remove(attempt);
                }
                Event::CancelRequested { .. } => self.stop_all(run),
                Event::PauseRequested { immediate, .. } if *immediate => self.park_all(run),
                Event::MessagePosted(posted) if tells(posted.action) => {
                    self.tell(run, posted.message);
                }
                Event::QuestionAnswered {
                    key,
                    question,
                    answer,
                    ..
                } => {
                    let place = run.find(key);
                    let asks = |(_, at, _): &(AttemptId, At, &Step)| Some(*at) == place;
                    if let Some((attempt, _, _)) = run.live_sessions().find(asks) {
                        let word = Word::Answer {
                            question: question.clone(),
                            answer: answer.clone(),
                        };
                        self.inner.outside.runners.say(attempt, word);
                    }
                }
                Event::CheckpointTaken {
                    number,
                    commit: Some(commit),
                    ..
                } => self.keep(run, *number, commit),
                Event::MergeStarted { key } => {
                    if let Some(place) = run.find(key) {
                        self.merge(run, place);
                    }
                }
                Event::WorkMerged { key, outcome } if outcome.conflicts.is_empty() => {
                    if let Some(apart) = run.find(key).and_then(|place| run.apart(place)) {
                        self.inner.outside.runners.discard(apart);
                    }
                }
                Event::RunCompleted { .. } => self.finish(run),
                _ => {}
            }
        }
    }

    /// After a restart: takes back what the run had in flight.
    pub(crate) fn take_back(&self, run: &Run, env: &BTreeMap<String, String>) {
        for (&attempt, &place) in run.in_flight().into_iter().flatten() {
            if !lock(&self.inner.attempts).contains_key(&attempt) {
                self.launch(run, place, attempt, env, true);
            } else if let Some(step) = run.step(place) {
                // A commit that was answered as failed may have lasted, and nobody acted on it.
                for word in words(run, step) {
                    self.inner.outside.runners.say(attempt, word);
                }
            }
        }
        for &place in &run.active {
            let state = run.step(place).map(|step| &step.state);
            if matches!(state, Some(State::Merging { .. })) {
                self.merge(run, place);
            }
        }
        // What has ended for good may have been cleaned up.
        if !run.status.is_ended() || run.files.finishing {
            self.keep_again(run);
        }
        match &run.status {
            Status::Cancelling(_) => self.stop_all(run),
            Status::Running(running) if running.pause.as_ref().is_some_and(|p| p.immediate) => {
                self.park_all(run);
            }
            Status::Completed { .. } => self.finish(run),
            _ => {}
        }
    }

    /// Interrupts the agents at work; what they have come to is kept.
    fn park_all(&self, run: &Run) {
        for (attempt, _, _) in run.live_sessions() {
            self.inner.outside.runners.stop(attempt, StopReason::Park);
        }
    }

    /// Says an instruction to every live session that it is for.
    fn tell(&self, run: &Run, message: u32) {
        for (attempt, _, step) in run.live_sessions() {
            if let Some(word) = word(run, step, message) {
                self.inner.outside.runners.say(attempt, word);
            }
        }
    }

    /// Holds the checkpoints that this host has not held yet: another may have had no time to.
    fn keep_again(&self, run: &Run) {
        let kept = lock(&self.inner.files).kept.get(&run.created.run).copied();
        for (&number, checkpoint) in &run.checkpoints {
            if let Some(commit) = checkpoint.commit.as_ref()
                && kept.is_none_or(|kept| kept < number)
            {
                self.keep(run, number, commit);
            }
        }
    }

    fn keep(&self, run: &Run, number: u32, commit: &str) {
        if let Some(workspace) = &run.created.workspace {
            lock(&self.inner.files).kept.insert(run.created.run, number);
            let runners = &self.inner.outside.runners;
            runners.keep(run.created.run, workspace, number, commit);
        }
    }

    fn merge(&self, run: &Run, place: At) {
        let Some(step) = run.step(place) else { return };
        let (Some(apart), Some(files)) = (&step.apart, files_of(run, place)) else {
            return;
        };
        let merge = MergeFiles {
            run: run.created.run,
            key: step.key.clone(),
            number: apart.number,
            files,
        };
        let reports: Arc<dyn Reports> = Arc::new(self.clone());
        self.inner.outside.runners.merge(merge, reports);
    }

    fn finish(&self, run: &Run) {
        let Some(files) = files_at(run).filter(|_| run.files.finishing) else {
            return;
        };
        if !lock(&self.inner.files).finishing.insert(run.created.run) {
            return;
        }
        let finish = FinishFiles {
            run: run.created.run,
            name: run.created.name.clone(),
            files,
        };
        let reports: Arc<dyn Reports> = Arc::new(self.clone());
        match run.created.parent.as_ref().filter(|_| run.is_isolated()) {
            Some(Parent {
                run: parent,
                step: Some(key),
            }) => {
                let engine = self.clone();
                let (parent, key) = (*parent, key.clone());
                crate::handle::background(async move {
                    if let Some(finish) = engine.in_turn(parent, key, finish).await {
                        engine.inner.outside.runners.finish(finish, reports);
                    }
                });
            }
            _ => self.inner.outside.runners.finish(finish, reports),
        }
    }

    /// Waits until the items before an isolated child's have ended: work is merged back in item
    /// order. A parent that has ended, or whose step has given the child up, gets nothing merged;
    /// `None` when the host leaves.
    async fn in_turn(
        &self,
        parent: RunId,
        key: String,
        mut finish: FinishFiles,
    ) -> Option<FinishFiles> {
        let mut feed = self.inner.feed.subscribe();
        let child = finish.run;
        loop {
            let of_item = key.clone();
            let turn = self.read(parent, move |run| {
                let goes_on = matches!(run.status, Status::Running(_) | Status::Paused(_));
                let next = run.is_next_to_merge(&of_item, child);
                next.filter(|_| goes_on)
            });
            match turn.await {
                Ok(None) | Err(SendError::Refused(_) | SendError::Damaged(_)) => {
                    finish.files.workspace.parent = None;
                    return Some(finish);
                }
                Ok(Some(true)) => return Some(finish),
                Err(SendError::Stopping) => return None,
                Ok(Some(false)) => {}
                Err(SendError::Disk(_) | SendError::Environment(_)) => {
                    // Nothing need happen to the parent before it can be read again.
                    self.wait_for_delivery().await;
                    continue;
                }
            }
            loop {
                match feed.recv().await {
                    Ok(commit) if commit.aggregate == Aggregate::Run(parent) => break,
                    Ok(_) => {}
                    Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => break,
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return None,
                }
            }
        }
    }

    fn launch(
        &self,
        run: &Run,
        place: At,
        attempt: AttemptId,
        env: &BTreeMap<String, String>,
        taken_back: bool,
    ) {
        let Some(step) = run.step(place) else { return };
        lock(&self.inner.attempts).insert(attempt, run.created.run);
        let reports: Arc<dyn Reports> = Arc::new(self.clone());
        let launch = Launch {
            run: run.created.run,
            number: run.created.number,
            project: run.created.project.clone(),
            key: step.key.clone(),
            attempt,
            try_number: step.tries,
            // It could be evaluated when it was decided; a changed allow-list gives an error here. The
            // runner says when nothing of it runs.
            work: run.work(place, env),
            terms: run.terms(place),
            directory: PathBuf::from(run.directory_of(place)),
            files: files_of(run, place),
            words: words(run, step),
            commented: step.session.as_deref().and_then(|s| s.commented),
            since: step.attempt_since.unwrap_or(run.updated_at),
            waited_ms: match step.session.as_deref() {
                Some(session) => session.waited_ms(self.inner.outside.clock.now()),
                None => 0,
            },
        };
        if taken_back {
            self.inner.outside.runners.take_back(launch, reports);
        } else {
            self.inner.outside.runners.launch(launch, reports);
        }
    }

    fn stop_all(&self, run: &Run) {
        for &attempt in run
            .in_flight()
            .into_iter()
            .flatten()
            .map(|(attempt, _)| attempt)
        {
            self.inner.outside.runners.stop(attempt, StopReason::Cancel);
        }
    }

    /// Delivers messages in their order, each until it has arrived, and notes that it has.
    pub(crate) async fn deliver_outbox(&self, source: &RunCreated, messages: Vec<(u32, Message)>) {
        for (number, message) in messages {
            let id = command_id(&source.run.to_string(), number);
            while let Err(error) = self.deliver(source, number, &message, id.clone()).await {
                if matches!(error, SendError::Stopping) {
                    return;
                }
                tracing::warn!(run = %source.run, number, %error, "a message does not arrive yet");
                self.wait_for_delivery().await;
            }
            let delivered = Command::Delivered { message: number };
            loop {
                match self.send(source.run, delivered.clone(), None).await {
                    Ok(_) | Err(SendError::Refused(_) | SendError::Damaged(_)) => break,
                    Err(SendError::Disk(_) | SendError::Environment(_)) => {
                        self.wait_for_delivery().await;
                    }
                    Err(SendError::Stopping) => return,
                }
            }
        }
    }

    async fn wait_for_delivery(&self) {
        let clock = &self.inner.outside.clock;
        clock.sleep_until(clock.now().plus(DELIVERY_RETRY)).await;
    }

    async fn deliver(
        &self,
        source: &RunCreated,
        number: u32,
        message: &Message,
        id: baton_core::ids::CommandId,
    ) -> Result<(), SendError> {
        let run = source.run;
        let result = match message {
            Message::RequestSlot(claim) => {
                let command = slot::Command::Request {
                    run,
                    limit: claim.limit,
                    on_full: claim.on_full,
                    request: number,
                };
                return self.send_slot(&claim.slot, command, Some(id)).await;
            }
            Message::ReleaseSlot(claim) => {
                return self
                    .send_slot(&claim.slot, slot::Command::Release { run }, Some(id))
                    .await;
            }
            Message::StartChild {
                key,
                child,
                workflow,
                args,
                isolated,
                generation,
                newest,
            } => {
                let parents = source.workspace.clone().map(|workspace| Workspace {
                    generation: *generation,
                    newest: newest.clone(),
                    ..workspace
                });
                let (directory, workspace) =
                    self.place_of_child(source, parents, *child, workflow, isolated.as_deref());
                let request = StartRequest {
                    run: Some(*child),
                    project: source.project.clone(),
                    key: workflow.clone(),
                    path: String::new(),
                    source: "".into(),
                    name: Some(format!("{} › {key}", source.name)),
                    args: serde_json::from_str(args).unwrap_or_default(),
                    by: Actor::Parent(run),
                    parent: Some(Parent {
                        run,
                        step: Some(key.clone()),
                    }),
                    budget: None,
                    args_are_read: false,
                    taken: TakenOver::default(),
                    instruction: source.instruction.clone(),
                    pause_policy: source.pause_policy,
                    directory,
                    workspace,
                    follows: None,
                    id: Some(id.clone()),
                };
                let started = self.start_child(request, id).await;
                let Err(message) = started? else {
                    return Ok(());
                };
                let outcome = ChildOutcome::Failed {
                    message,
                    code: None,
                    commit: None,
                };
                let command = Command::ChildEnded {
                    key: key.clone(),
                    child: *child,
                    outcome,
                };
                self.send(run, command, None).await
            }
            Message::StartSuccessor(successor) => {
                let outcome = self.start_successor(source, successor, id).await?;
                self.send(run, Command::Redirected { outcome }, None).await
            }
            Message::TellSuccessor { run } => {
                self.send(*run, Command::PredecessorEnded, Some(id)).await
            }
            Message::TellChild { child, order } => {
                let by = Actor::Parent(run);
                let command = match order {
                    ChildOrder::Pause | ChildOrder::PauseNow => Command::Pause {
                        detail: None,
                        reason: PauseReason::Parent,
                        immediate: *order == ChildOrder::PauseNow,
                        by,
                    },
                    ChildOrder::Resume => Command::Resume {
                        from: None,
                        text: None,
                        by,
                    },
                    ChildOrder::Cancel => Command::Cancel { reason: None, by },
                };
                self.send(*child, command, Some(id)).await
            }
            Message::TellParent {
                parent,
                key,
                outcome,
            } => {
                let command = Command::ChildEnded {
                    key: key.clone(),
                    child: run,
                    outcome: outcome.clone(),
                };
                self.send(*parent, command, Some(id)).await
            }
        };
        match result {
            Ok(_) => Ok(()),
            // The other has said no for good: there is nothing left to deliver.
            Err(SendError::Refused(refusal)) => {
                tracing::debug!(%run, %refusal, "a message was refused");
                Ok(())
            }
            Err(SendError::Damaged(error)) => {
                tracing::error!(%run, %error, "a message cannot be delivered");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Where a child run works: in its parent's directory, or in a worktree of its own.
    fn place_of_child(
        &self,
        parent: &RunCreated,
        files: Option<Workspace>,
        child: RunId,
        key: &str,
        isolated: Option<&str>,
    ) -> (String, Option<Workspace>) {
        match (files, isolated) {
            (Some(workspace), Some(base)) => {
                let runners = &self.inner.outside.runners;
                runners.isolate(&workspace, child, key, base)
            }
            (workspace, _) => {
                let shared = workspace.map(|workspace| Workspace {
                    shared: true,
                    ..workspace
                });
                (parent.directory.clone(), shared)
            }
        }
    }

    /// Starts a child run by its definition as it is now; the inner error says why it cannot be.
    async fn start_child(
        &self,
        request: StartRequest,
        id: baton_core::ids::CommandId,
    ) -> Result<Result<(), String>, SendError> {
        let outside = &self.inner.outside;
        let before = outside.journal.command(&id);
        if before
            .map_err(|error| SendError::Disk(error.to_string()))?
            .is_some()
        {
            // It was started before; its definition may have changed since.
            return Ok(Ok(()));
        }
        let found = match outside.definitions.find(&request.project, &request.key) {
            Ok(found) => found,
            Err(why) => return Ok(Err(why)),
        };
        let request = StartRequest {
            path: found.path,
            source: found.source,
            ..request
        };
        match self.start(request).await {
            Ok(_) | Err(crate::start::StartError::Send(SendError::Refused(Refusal::Exists))) => {
                Ok(Ok(()))
            }
            Err(crate::start::StartError::Send(
                error @ (SendError::Disk(_) | SendError::Environment(_) | SendError::Stopping),
            )) => Err(error),
            Err(error) => Ok(Err(error.to_string())),
        }
    }
}

/// A run's own branch or worktree as it is to stand.
fn files_at(run: &Run) -> Option<FilesAt> {
    Some(FilesAt {
        workspace: run.created.workspace.clone()?,
        generation: run.files.generation,
        newest: run.files.newest.clone(),
    })
}

/// The branch or worktree that the step at this place works in, as it is to stand.
fn files_of(run: &Run, place: At) -> Option<FilesAt> {
    let apart = run.step(place).and_then(|step| step.apart.as_ref());
    match (apart, run.apart(place)) {
        (Some(apart), Some(workspace)) => Some(FilesAt {
            workspace,
            generation: 0,
            newest: apart.newest.clone(),
        }),
        _ => files_at(run),
    }
}

/// This instruction for this step's session, unless it was at the head of its prompt.
fn word(run: &Run, step: &Step, message: u32) -> Option<Word> {
    let heads = &step.session.as_deref()?.heads;
    let (_, wait) = run
        .instructions_for(step)
        .find(|(number, _)| *number == message && !heads.contains(number))?;
    Some(Word::Tell {
        message,
        text: instruction_text(message, &wait.content),
        now: wait.now,
    })
}

/// All that this step's session may not have heard yet.
fn words(run: &Run, step: &Step) -> Vec<Word> {
    let Some(session) = step.session.as_deref() else {
        return vec![];
    };
    let tells = run.instructions_for(step);
    let tells = tells.filter_map(|(number, _)| word(run, step, number));
    let answers = session.asked.iter().filter_map(|asked| {
        let (answer, _) = asked.answer.as_ref()?;
        Some(Word::Answer {
            question: asked.question.id.clone(),
            answer: answer.clone(),
        })
    });
    answers.chain(tells).collect()
}
