//! Runs the guest, wherever that is, in a transaction of the state.

use std::sync::Arc;

use syft_manifest::clock::now;
use syft_protocol::timestamp::Timestamp;

use super::placement::{AppWorkers, End, Next, Place, WaitEnd};
use super::{App, CallError};
use crate::recordings::{Recordings, RunningRecording};
use syft_runtime::meter::Meter;
use syft_runtime::program_cache::ProgramGuard;
use syft_runtime::remote::{NotRun, PreparedOwner, RanOn};
use syft_runtime::sandbox::{Admission, Answer, Outcome, Remains};
use syft_runtime::state::Session;
use syft_runtime::wire::Work;
use syft_runtime::wit::{replies, rpc, schedules, watch};

/// What the guest is called with.
pub(super) enum GuestCall<'a> {
    Request(&'a rpc::Request),
    Event(&'a watch::Event),
    Reply(&'a replies::Reply),
    Due(&'a schedules::Due),
}

/// Returns how a call ended that answers nobody.
fn of_taken(taken: Result<(), Outcome>) -> Outcome {
    let nothing = Answer {
        status: 200,
        headers: Vec::new(),
        body: None,
    };
    taken.map_or_else(|failed| failed, |()| Outcome::Answered(nothing))
}

/// An attempt to run the guest, and what is left of it.
pub(super) struct Ran {
    /// How it ended. An event, a reply or a call that is due which was taken counts as answered.
    pub(super) outcome: Outcome,
    /// What took note of it.
    pub(super) recording: Option<RunningRecording>,
    /// Where it ran, if not here.
    pub(super) worker: Option<RanOnWorker>,
    pub(super) remains: Option<Remains>,
    not_run: Option<NotRun>,
}

/// What is known of a call that ran on a worker.
#[derive(Debug)]
pub(super) struct RanOnWorker {
    pub(super) name: String,
    pub(super) memory_bytes: u64,
}

impl GuestCall<'_> {
    /// Returns the id by which logs name it.
    fn id(&self) -> &str {
        match self {
            Self::Request(request) => &request.id,
            Self::Event(event) => &event.id,
            Self::Reply(reply) => &reply.message_id,
            Self::Due(due) => &due.id,
        }
    }

    /// Returns when nobody waits for it any more.
    fn expires(&self) -> Option<Timestamp> {
        match self {
            Self::Request(request) => Some(Timestamp::from_micros(request.expires)),
            Self::Event(_) | Self::Reply(_) | Self::Due(_) => None,
        }
    }

    fn work(&self) -> Work {
        match self {
            Self::Request(request) => Work::from(*request),
            Self::Event(event) => Work::from(*event),
            Self::Reply(reply) => Work::from(*reply),
            Self::Due(due) => Work::from(*due),
        }
    }
}

impl Ran {
    fn here(outcome: Outcome) -> Self {
        Self {
            outcome,
            recording: None,
            worker: None,
            remains: None,
            not_run: None,
        }
    }

    fn end(&self) -> End {
        match &self.not_run {
            Some(why) => End::NotRun(why.clone()),
            None => End::of(&self.outcome),
        }
    }
}

impl App {
    /// Runs the guest until a call has ended: again from the beginning if another call has changed
    /// meanwhile what it read, if the memory of all apps was used up, or if its worker was lost.
    /// What it wrote is kept if it ended well, with what `begin` and `end` add to it. Returns what
    /// `end` made of the last attempt, and what that took here.
    ///
    /// # Errors
    /// The host cannot load the app, or keep the state; or nobody runs it any more. Nothing of
    /// the call was kept.
    pub(super) async fn call_guest<T>(
        &self,
        call: &GuestCall<'_>,
        begin: impl Fn(&mut Session),
        end: impl Fn(Ran, &mut Session) -> T,
    ) -> Result<(T, Option<Meter>), CallError> {
        let mut placing = self.placement.begin(self.is_recorded(call));
        // From here on it would be told of what is new.
        let mut pool = self.placement.workers().map(|workers| workers.pool.clone());
        loop {
            let (place, here) = match placing.place {
                Place::Here(admission) => (placing.place, Some(self.admit(admission).await?)),
                Place::Worker => (placing.place, None),
            };
            let (admitted, begin, end) = (here.as_ref(), &begin, &end);
            let attempt = |mut state: Session| async move {
                begin(&mut state);
                let (ran, mut state) = match admitted {
                    Some((program, meter)) => self.run_here(program, meter, call, state).await,
                    None => self.run_on_worker(call, state).await,
                };
                let ended = ran.end();
                let value = end(ran, &mut state);
                ((ended, value), state)
            };
            let ended_well = |(ended, _): &(End, T)| *ended == End::Answered;
            let transaction = self.state.transact(self.limits(), attempt, ended_well);
            let (ended, value) = transaction.await?;
            match (placing.next(&ended), &mut pool) {
                (Next::AgainLater, Some(pool)) => {
                    drop(value);
                    self.log_again(call, place, &ended, "once there is a worker");
                    match self.placement.wait(pool, call.expires(), now()).await {
                        WaitEnd::SomethingIsNew => {}
                        WaitEnd::Expired => return Err(CallError::Expired),
                        WaitEnd::Closing => return Err(CallError::Stopping),
                    }
                }
                (Next::Again, _) => {
                    let on = match placing.place {
                        Place::Worker => "on a worker",
                        Place::Here(_) => "here",
                    };
                    self.log_again(call, place, &ended, on);
                }
                (Next::Done | Next::AgainLater, _) => {
                    return Ok((value, here.map(|(_, meter)| meter)));
                }
            }
        }
    }

    /// Tells whether a call is to be recorded, for which it has to run here.
    fn is_recorded(&self, call: &GuestCall<'_>) -> bool {
        let recordings = self.recordings.as_deref();
        match call {
            GuestCall::Request(request) => {
                recordings.is_some_and(|recordings| recordings.wants(request))
            }
            GuestCall::Event(_) | GuestCall::Reply(_) | GuestCall::Due(_) => false,
        }
    }

    /// Loads the program, and waits for memory for a call.
    async fn admit(&self, admission: Admission) -> Result<(ProgramGuard, Meter), CallError> {
        let program = self.loaded.program.program().await?;
        let meter = program.admit(admission).await;
        Ok((program, meter))
    }

    async fn run_here(
        &self,
        program: &ProgramGuard,
        meter: &Meter,
        call: &GuestCall<'_>,
        state: Session,
    ) -> (Ran, Session) {
        let (identity, access) = (&self.loaded.identity, &*self.access);
        let (taken, state) = match call {
            GuestCall::Request(request) => {
                let recording = self.begin_recording(request, program);
                let recorder = recording.as_ref().map(RunningRecording::recorder);
                let called = program.call(identity, meter, access, state, request, recorder);
                let (outcome, state, remains) = called.await;
                let ran = Ran {
                    recording,
                    remains: Some(remains),
                    ..Ran::here(outcome)
                };
                return (ran, state);
            }
            GuestCall::Event(event) => {
                program
                    .on_event(identity, meter, access, state, event)
                    .await
            }
            GuestCall::Reply(reply) => {
                program
                    .on_reply(identity, meter, access, state, reply)
                    .await
            }
            GuestCall::Due(due) => program.on_due(identity, meter, access, state, due).await,
        };
        (Ran::here(of_taken(taken)), state)
    }

    fn begin_recording(
        &self,
        request: &rpc::Request,
        program: &ProgramGuard,
    ) -> Option<RunningRecording> {
        let recordings: &Arc<Recordings> = self.recordings.as_ref()?;
        recordings.begin(request, || program.recorder())
    }

    async fn run_on_worker(&self, call: &GuestCall<'_>, state: Session) -> (Ran, Session) {
        let result = match self.placement.workers() {
            Some(workers) => self.hand_out(workers, call, state).await,
            None => Err(NotRun::NoWorker),
        };
        match result {
            Ok(RanOn {
                outcome,
                session,
                worker,
                memory_bytes,
            }) => {
                let worker = Some(RanOnWorker {
                    name: worker,
                    memory_bytes,
                });
                let ran = Ran {
                    worker,
                    ..Ran::here(outcome)
                };
                (ran, session)
            }
            Err(why) => {
                let ran = Ran {
                    not_run: Some(why.clone()),
                    ..Ran::here(Outcome::Trapped(why.to_string()))
                };
                (ran, Session::of_nothing(self.limits()))
            }
        }
    }

    async fn hand_out(
        &self,
        workers: &AppWorkers,
        call: &GuestCall<'_>,
        state: Session,
    ) -> Result<RanOn, NotRun> {
        let app = self.handed.as_ref().ok_or(NotRun::NoWorker)?;
        let owner = PreparedOwner::new(app, call.work(), state).await;
        let (named, needs) = ((self.name().as_str(), call.id()), workers.needs.clone());
        workers.pool.run(named, &app.component, needs, owner).await
    }

    /// Says that a call runs once more, and why.
    fn log_again(&self, call: &GuestCall<'_>, place: Place, ended: &End, on: &str) {
        let (app, request) = (self.name().as_str(), call.id());
        match (place, ended) {
            // It gets all that it may take before it runs once more, so that it cannot run into
            // the total again.
            (Place::Here(_), _) => tracing::warn!(
                app,
                request,
                "the memory of all apps together is used up (--memory-total): the call was ended, \
                 and runs again once there is all that it may take"
            ),
            (Place::Worker, End::NotRun(NotRun::NoWorker)) => {
                tracing::debug!(app, request, "no worker takes the call: it runs {on}");
            }
            (Place::Worker, End::NotRun(why)) => {
                tracing::warn!(app, request, "{why}: the call runs again {on}");
            }
            (Place::Worker, _) => tracing::warn!(
                app,
                request,
                "the memory of the worker is used up: the call was ended, and runs again {on}"
            ),
        }
    }
}
