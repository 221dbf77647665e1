//! Calls that this machine runs for the host of an owner elsewhere.
//!
//! Why: docs/decisions/88-the-owner-decides-about-remote-calls.md

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::handlers::TakenCall;
use super::{CallName, Outcome, Program, Ready, Remains};
use crate::capability::files::{Guard, MirrorPlace};
use crate::capability::{AppAccess, AppIdentity, CallAccess, CallEnvironment, CallSpans, OwnerLog};
use crate::meter::Meter;
use crate::state::Session;
use crate::wire::{
    CallEnd, CallTaken, FileEffect, HandedCall, Lost, OutcomeEnd, OwnerLink, Unanswered,
    WireAnswer, Work,
};
use crate::wit::{replies, rpc, schedules, watch};

/// How a call ended, as its owner is told.
type Ended = (OutcomeEnd, Session, Remains);

impl Program {
    /// Runs a call for the host of its owner, of which all is asked that is not here. It has to be
    /// a program with the limits of the call (`CallLimits::to_limits`). What it reads and writes of
    /// files lies in a private place of this machine meanwhile. Returns how it ended, as it is
    /// written (a [`CallEnd`]), and what is left of it.
    ///
    /// # Errors
    /// That host was lost meanwhile: nothing of the call counts.
    pub async fn run_handed(
        &self,
        call: HandedCall,
        meter: &Meter,
        owner: OwnerLink,
        place: &Arc<MirrorPlace>,
    ) -> Result<(Vec<u8>, Remains), Lost> {
        let begin = Instant::now();
        let identity = AppIdentity {
            app: Arc::from(call.app.as_str()),
            datasite: Arc::from(call.datasite.as_str()),
        };
        let (work, ready) = self.ready_for(call, &identity, meter, &owner, place)?;
        let files = ready.access.files.clone();
        let lost = || Lost("the connection ended".to_owned());
        let (outcome, session, remains) = tokio::select! {
            biased;
            ended = self.work(work, ready) => ended,
            // Also a guest that asks for nothing is to end.
            () = owner.closed() => return Err(lost()),
        };
        let files = give(&files, has_ended_well(&outcome)).await?;
        remains.store.data().end_lines();
        let lines = owner.end().await;
        let outcome = match owner.unanswered() {
            Some(Unanswered::Lost(lost)) => return Err(lost),
            // It was to end, whatever it made of that.
            Some(Unanswered::Exhausted) => OutcomeEnd::Exhausted,
            None => outcome,
        };
        let (writes, files) = if has_ended_well(&outcome) {
            (session.into_writes(), files)
        } else {
            Default::default()
        };
        let end = CallEnd {
            outcome,
            writes,
            files,
            lines,
            taken: CallTaken {
                memory_bytes: meter.most_taken() as u64,
                micros: u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX),
            },
        };
        Ok((end.written_within(&self.limits), remains))
    }

    /// Makes a call ready that asks its owner for everything.
    fn ready_for<'a>(
        &self,
        call: HandedCall,
        identity: &'a AppIdentity,
        meter: &'a Meter,
        owner: &OwnerLink,
        place: &Arc<MirrorPlace>,
    ) -> Result<(Work, Ready<'a>), Lost> {
        let log = OwnerLog {
            link: owner.clone(),
            takes_marks: call.collects_spans,
        };
        // It is the owner's host that has secrets to hide, and spans to collect.
        let name = CallName {
            idempotency_key: Arc::from(call.idempotency_key.as_str()),
            spans: CallSpans::default(),
            ..CallName::of_work(identity, &call.work)
        };
        let environment = CallEnvironment::of_handed(call.args, call.variables);
        let environment = environment.map_err(Lost)?;
        let time = Duration::from_micros(call.time_left).min(self.limits.time);
        let mut access: CallAccess =
            self.access(&AppAccess::default(), None, identity, &name, meter, None);
        let label = name.label(identity, access.advice);
        let (datasite, link) = (&call.datasite, owner.clone());
        let files = Guard::mirrored(
            place,
            (datasite, &call.files),
            link,
            &self.limits,
            &label,
            meter,
        );
        access.files = files.map_err(|error| Lost(format!("this worker has no files: {error}")))?;
        let state = if call.has_state {
            Session::elsewhere(owner.clone(), &self.limits)
        } else {
            Session::new(None, &self.limits)
        };
        let ready = Ready {
            identity,
            meter,
            access: access.through(log, environment, time),
            state,
            name,
        };
        Ok((call.work, ready))
    }

    async fn work(&self, work: Work, ready: Ready<'_>) -> Ended {
        match work {
            Work::Request(request) => {
                let request = rpc::Request::from(request);
                let (outcome, session, remains) = self.handle(ready, &request).await;
                (outcome.into(), session, remains)
            }
            Work::Event(event) => taken(self.take_event(ready, &watch::Event::from(event)).await),
            Work::Reply(reply) => taken(self.take_reply(ready, &replies::Reply::from(reply)).await),
            Work::Due(due) => taken(self.take_due(ready, &schedules::Due::from(due)).await),
        }
    }
}

/// Gives the owner's host what a call has changed in files.
async fn give(files: &Guard, has_ended_well: bool) -> Result<Vec<FileEffect>, Lost> {
    match files.finish_mirror(has_ended_well).await {
        Ok(changed) => Ok(changed),
        // What becomes of the call is known to the link.
        Err(Unanswered::Exhausted) => Ok(Vec::new()),
        Err(Unanswered::Lost(lost)) => Err(lost),
    }
}

fn has_ended_well(outcome: &OutcomeEnd) -> bool {
    matches!(outcome, OutcomeEnd::Answered(_) | OutcomeEnd::Taken)
}

fn taken((taken, session, remains): TakenCall) -> Ended {
    let outcome = taken.map_or_else(OutcomeEnd::from, |()| OutcomeEnd::Taken);
    (outcome, session, remains)
}

impl From<Outcome> for OutcomeEnd {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Answered(answer) => Self::Answered(WireAnswer {
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
            }),
            Outcome::InvalidArguments(message) => Self::InvalidArguments(message),
            Outcome::Failed {
                kind,
                message,
                handler,
                refused,
            } => Self::Failed {
                kind,
                message,
                handler,
                wanted: refused.map(|wish| wish.wanted as u64),
            },
            Outcome::TimedOut(_) => Self::TimedOut,
            Outcome::OutOfMemory(wish) => Self::OutOfMemory {
                wanted: wish.wanted as u64,
            },
            Outcome::TooMuchHeld(_) => Self::TooMuchHeld,
            Outcome::Exhausted => Self::Exhausted,
            Outcome::TooMuchOutput(_) => Self::TooMuchOutput,
            Outcome::TooMuchData(_) => Self::TooMuchData,
            Outcome::Trapped(why) => Self::Trapped(why),
        }
    }
}
