//! The owner's end of a call that a worker runs: what a call that runs here has, but for an
//! instance.

mod answers;
mod end;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use syft_manifest::{Digest, Limits};
use thiserror::Error;
use tokio::sync::{Mutex, watch};

use crate::capability::files::OwnerFiles;
use crate::capability::http::ServedHttp;
use crate::capability::keyvalue::KeyValueCtx;
use crate::capability::messages::MessagesCtx;
use crate::capability::{AppAccess, AppIdentity, CallEnvironment, Output};
use crate::memory::AppMemory;
use crate::meter::{Charge, MemoryRefused, Meter};
use crate::sandbox::{CallName, Outcome};
use crate::state::Session;
use crate::wire::{HandedCall, WireProof, Work, most_end_bytes};

/// How much longer than a call its words may take on their way. The worker is to end it by itself.
const SLACK: Duration = Duration::from_secs(5);

/// What a call wrote to files follows its end; so many bytes of that are to come in a second.
const LEAST_BYTES_PER_SECOND: u64 = 8 << 20;

/// What a host call has beside what the guest gives.
const BESIDE_BYTES: usize = 1 << 20;

/// What of all the calls of an app is needed to give them out.
pub struct HandedApp {
    /// Whom it runs for.
    pub identity: AppIdentity,
    /// What it may reach.
    pub access: Arc<AppAccess>,
    /// Its part in the memory of this process.
    pub memory: AppMemory,
    /// What each of its calls may use.
    pub limits: Limits,
    /// Its component.
    pub component: Digest,
    /// It has handlers that can be told what becomes of a message.
    pub takes_replies: bool,
}

/// A call that is given out, and begins here when a worker claims it.
pub struct PreparedOwner {
    app: Arc<HandedApp>,
    work: Work,
    /// What the work takes here.
    held: Charge,
    meter: Meter,
    state: Session,
}

/// What the owner's host has for a call that a worker runs. When it is dropped, all that the call
/// waits for ends.
pub struct OwnerSide {
    call: Arc<RunningCall>,
    app: Arc<HandedApp>,
    work: Work,
    held: Charge,
}

/// Who asks for a call: they take turns at workers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asker {
    /// Who sent a request. All whose names anybody could claim are one.
    Sender(Option<String>),
    /// The app: events, replies and what is due.
    App,
}

/// A worker broke a rule. Nothing that it says of the call counts any more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the worker broke a rule: {0}")]
pub struct RuleBroken(pub String);

/// Bytes that are held for a call, until this is dropped.
#[derive(Debug)]
pub struct HeldBytes {
    _charge: Charge,
}

/// What answers host calls, also while others wait.
struct RunningCall {
    limits: Limits,
    meter: Meter,
    /// When the time of the call is up, and that of its words.
    deadline: Instant,
    environment: Arc<CallEnvironment>,
    output: Output,
    state: Mutex<KeyValueCtx>,
    messages: Mutex<MessagesCtx>,
    http: Arc<ServedHttp>,
    files: OwnerFiles,
    /// How many host calls are answered now, and how many there were.
    n_open: AtomicUsize,
    n_asked: AtomicUsize,
    broken: OnceLock<RuleBroken>,
    /// Whether it has ended.
    is_over: watch::Sender<bool>,
}

impl PreparedOwner {
    /// Returns what is to begin for a piece of work with this state, once there is memory for it.
    pub async fn new(app: &Arc<HandedApp>, work: Work, state: Session) -> Self {
        // Once here, and once on its way.
        let bytes = 2 * work.bytes();
        let room = app.memory.calls.reserve(bytes).await;
        let meter = Meter::of_handed(&app.limits, room, bytes + most_end_bytes(&app.limits));
        let held = meter.hold(bytes).unwrap_or_else(|_| meter.nothing_held());
        Self {
            app: Arc::clone(app),
            work,
            held,
            meter,
            state,
        }
    }

    /// Returns who asks for it.
    pub fn asker(&self) -> Asker {
        match &self.work {
            Work::Request(_) => Asker::Sender(self.work.sender()),
            Work::Event(_) | Work::Reply(_) | Work::Due(_) => Asker::App,
        }
    }

    /// Begins: the time of the call runs from now on. Returns also what the worker gets.
    pub fn begin(self) -> (HandedCall, OwnerSide) {
        let Self {
            app,
            work,
            held,
            meter,
            state,
        } = self;
        let HandedApp {
            identity,
            access,
            limits,
            ..
        } = &*app;
        let begin = Instant::now();
        let name = CallName::of_work(identity, &work);
        let label = name.label(identity, access.advice);
        let mut reached = access.for_call(work.sender(), limits, &label, &meter, None, None);
        reached.messages.takes_replies = app.takes_replies;
        let (args, variables) = reached.environment.handed();
        let files = OwnerFiles::new(reached.files);
        let call = HandedCall {
            app: identity.app.to_string(),
            datasite: identity.datasite.to_string(),
            work: work.clone(),
            component: app.component.clone(),
            limits: limits.into(),
            time_left: u64::try_from(limits.time.as_micros()).unwrap_or(u64::MAX),
            idempotency_key: name.idempotency_key.to_string(),
            args,
            variables,
            files: files.handed(),
            has_state: state.check().is_ok(),
            collects_spans: name.spans.are_collected(),
        };
        let environment = reached.environment;
        let output = Output::new(limits, label, Arc::clone(&environment), None, None);
        let messages = MessagesCtx::new(
            reached.messages,
            identity,
            &name.idempotency_key,
            begin + limits.time,
            limits,
            &meter,
        );
        let state = KeyValueCtx::new(state, limits, &meter, output.clone(), None);
        let running = RunningCall {
            limits: limits.clone(),
            meter: meter.clone(),
            deadline: begin + limits.time + slack(limits),
            environment,
            output,
            state: Mutex::new(state),
            messages: Mutex::new(messages),
            http: Arc::new(ServedHttp::new(reached.http, limits.handles)),
            files,
            n_open: AtomicUsize::new(0),
            n_asked: AtomicUsize::new(0),
            broken: OnceLock::new(),
            is_over: watch::Sender::new(false),
        };
        let owner = OwnerSide {
            call: Arc::new(running),
            app,
            work,
            held,
        };
        (call, owner)
    }
}

impl OwnerSide {
    /// Returns the most bytes of one host call, and of the end, as they are written.
    pub fn most_bytes(&self) -> (usize, usize) {
        let limits = &self.call.limits;
        (limits.hostcall_bytes + BESIDE_BYTES, most_end_bytes(limits))
    }

    /// Takes bytes for something large that comes in parts, before it has come.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn hold(&self, bytes: usize) -> Result<HeldBytes, MemoryRefused> {
        let charge = self.call.meter.hold(bytes)?;
        Ok(HeldBytes { _charge: charge })
    }

    /// Returns when the call has to have ended, with the time that words take on their way. After
    /// that nothing is answered; `time_out` ends it.
    pub fn deadline(&self) -> Instant {
        self.call.deadline
    }

    /// Returns the rule that the worker has broken, if it has.
    pub fn broken(&self) -> Option<RuleBroken> {
        self.call.broken.get().cloned()
    }

    /// Ends it as one that took too long.
    pub async fn time_out(self) -> (Outcome, Session) {
        let session = self.call.finish().await;
        (Outcome::TimedOut(self.call.limits.time), session)
    }

    /// Ends it without an outcome, since its worker was lost. It can be given out again.
    pub async fn give_back(self) -> PreparedOwner {
        let state = self.call.finish().await;
        self.prepare_again(state)
    }

    fn prepare_again(mut self, state: Session) -> PreparedOwner {
        let nothing = self.call.meter.nothing_held();
        PreparedOwner {
            app: Arc::clone(&self.app),
            work: self.work.clone(),
            held: std::mem::replace(&mut self.held, nothing),
            meter: self.call.meter.clone(),
            state: state.begin_again(),
        }
    }
}

impl Drop for OwnerSide {
    fn drop(&mut self) {
        self.call.end_waiting();
    }
}

impl RunningCall {
    /// Ends all that is waited for, and what nobody can ask for any more.
    fn end_waiting(&self) {
        self.is_over.send_replace(true);
        self.http.end_all();
    }

    /// Ends it, and returns the state as far as it is known here.
    async fn finish(&self) -> Session {
        self.end_waiting();
        self.output.end_spans();
        self.state.lock().await.take_session()
    }

    fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    /// Takes note that the worker broke a rule. The first one counts.
    fn break_rule(&self, rule: impl Into<String>) -> RuleBroken {
        let broken = || RuleBroken(rule.into());
        self.broken.get_or_init(broken).clone()
    }

    /// Counts one that is answered, until what is returned is dropped.
    fn count_open(self: &Arc<Self>) -> Open {
        self.n_open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self))
    }
}

/// A host call that is answered.
struct Open(Arc<RunningCall>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.n_open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn slack(limits: &Limits) -> Duration {
    SLACK + Duration::from_secs(limits.written_bytes / LEAST_BYTES_PER_SECOND)
}

impl Work {
    /// Returns what it takes in memory, by and large.
    fn bytes(&self) -> usize {
        const BESIDE_BYTES: usize = 4 << 10;
        let headers = |headers: &[(String, String)]| -> usize {
            headers
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum()
        };
        let more = match self {
            Self::Request(request) => {
                request.body.as_ref().map_or(0, Vec::len) + headers(&request.headers)
            }
            Self::Reply(reply) => {
                reply.outcome.bytes() + reply.context.as_ref().map_or(0, Vec::len)
            }
            Self::Event(_) | Self::Due(_) => 0,
        };
        more + BESIDE_BYTES
    }

    /// Returns on whose behalf the call may read: of who is known for sure.
    fn sender(&self) -> Option<String> {
        match self {
            // A name that anybody can claim opens nothing.
            Self::Request(request) if request.sender_proof != WireProof::Claimed => {
                Some(request.sender.clone())
            }
            _ => None,
        }
    }
}

impl fmt::Debug for PreparedOwner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PreparedOwner")
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnerSide {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OwnerSide").finish_non_exhaustive()
    }
}
