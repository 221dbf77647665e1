//! Tells the owner's host from time to time that the worker is there, and what it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{interval, timeout};

use super::calls::Calls;
use super::owner::{NoReply, OwnerHost};
use super::programs::Programs;
use super::{WorkerError, WorkerOptions, say_hello};
use crate::words::{Beat, Question, QuestionReply};

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// What the owner's host replied to a beat.
enum Replied {
    Known,
    Unknown,
    /// Nothing yet. Whether it has arrived is not known: the next one says it all again.
    Nothing,
}

/// How long one beat may take before another one is tried.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

pub(super) struct Beats {
    options: WorkerOptions,
    owner: Arc<OwnerHost>,
    programs: Arc<Programs>,
    calls: Arc<Calls>,
    number: AtomicU64,
}

impl Beats {
    pub(super) fn new(
        options: &WorkerOptions,
        owner: &Arc<OwnerHost>,
        programs: &Arc<Programs>,
        calls: &Arc<Calls>,
    ) -> Self {
        Self {
            options: options.clone(),
            owner: Arc::clone(owner),
            programs: Arc::clone(programs),
            calls: Arc::clone(calls),
            number: AtomicU64::new(0),
        }
    }

    /// Beats until the owner's host does not want the worker.
    pub(super) async fn run(&self) -> WorkerError {
        let mut ticks = interval(EVERY);
        let mut changed = self.programs.changes();
        let mut told = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                // What is ready is told at once: calls wait for it.
                Ok(()) = changed.changed() => {}
            }
            let state = *changed.borrow_and_update();
            let apps = (told != Some(state)).then(|| self.programs.readiness());
            match self.beat(apps).await {
                Ok(Replied::Known) => told = Some(state),
                Ok(Replied::Nothing) => told = None,
                Ok(Replied::Unknown) => {
                    told = None;
                    match say_hello(&self.options, &self.owner).await {
                        Ok(()) => {
                            tracing::info!("the owner's host gives it calls");
                            self.owner.ask_again();
                            ticks.reset_immediately();
                        }
                        Err(NoReply::Dismissed(why)) => return WorkerError::Refused(why),
                        Err(NoReply::Refused(why)) => tracing::warn!("its hello: {why}"),
                    }
                }
                Err(NoReply::Dismissed(why)) => return WorkerError::Refused(why),
                Err(NoReply::Refused(why)) => tracing::warn!("a beat: {why}"),
            }
        }
    }

    /// Beats once. Of components it says something only where that is new to the owner's host.
    async fn beat(
        &self,
        apps: Option<Vec<(syft_manifest::Digest, Option<String>)>>,
    ) -> Result<Replied, NoReply> {
        let beat = Beat {
            number: self.number.fetch_add(1, Ordering::Relaxed) + 1,
            claims: self.calls.claims(),
            apps,
        };
        let question = Question::Beat(beat);
        let Ok(reply) = timeout(ANSWER_WITHIN, self.owner.ask(&question)).await else {
            return Ok(Replied::Nothing);
        };
        match reply? {
            QuestionReply::Heard { void, apps } => {
                self.calls.end(&void);
                self.programs.follow(apps);
                Ok(Replied::Known)
            }
            QuestionReply::Unknown => {
                self.calls.end_all();
                Ok(Replied::Unknown)
            }
            other => Err(NoReply::Refused(format!("it answers {other:?}"))),
        }
    }
}
