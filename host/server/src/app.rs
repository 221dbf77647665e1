//! An app: it answers requests and takes events, with its files and its state.

mod due;
mod guest_call;
mod guest_values;
mod loaded;
mod placement;
mod reply;
mod schedules;
mod watches;

use std::sync::Arc;

use syft_manifest::Limits;
use syft_manifest::clock::now;
use syft_protocol::address::{Address, AppName, Datasite, Proof, Sender};
use syft_protocol::encryption::Unopened;
use syft_protocol::file_events::Delivery;
use syft_protocol::inbox::{Refusal, Version};
use syft_protocol::message::Request;
use syft_protocol::timestamp::Timestamp;
use thiserror::Error;

use guest_call::{GuestCall, Ran, RanOnWorker};
pub use loaded::{AppError, LoadedApp};
use placement::AppPlacement;
pub use placement::{AppPlace, OnWorkers, Placement, WithoutWorkers};
pub use reply::AnswerFile;
use reply::{Replier, ReplyHead};
pub use schedules::{Schedules, SchedulesError};
pub use watches::{Watch, Watches, WatchesError};

use crate::encryption::{Encryption, EncryptionError, Opening};
use crate::recordings::{Recordings, RunningRecording};
use crate::router::Router;
use syft_runtime::capability::files::FileAccess;
use syft_runtime::capability::messages::CourierHandle;
use syft_runtime::capability::{Advice, AppAccess};
use syft_runtime::memory::Share;
use syft_runtime::meter::Meter;
use syft_runtime::program_cache::ProgramError;
use syft_runtime::remote::HandedApp;
use syft_runtime::sandbox::{Outcome, Remains};
use syft_runtime::state::{Recorded, RequestFingerprint, Session, Store, StoreError};
use syft_runtime::wit::rpc;

/// An app, ready to answer.
pub struct App {
    loaded: LoadedApp,
    placement: AppPlacement,
    /// What a call has that a worker runs.
    handed: Option<Arc<HandedApp>>,
    access: Arc<AppAccess>,
    state: Arc<Store>,
    encryption: Encryption,
    replier: Replier,
    recordings: Option<Arc<Recordings>>,
}

/// The answer to a request, ready to be published.
#[derive(Debug)]
pub enum AppAnswer {
    /// The handler ran.
    Ran(FinishedCall),
    /// The request has run before, and this answer was kept.
    Kept(Vec<u8>),
    /// It was refused: another request has run under its id, or it is encrypted and does not
    /// open.
    Refused(AnswerFile, Refusal),
}

/// A call that ended, with its answer.
#[derive(Debug)]
pub struct FinishedCall {
    /// The answer.
    pub answer: AnswerFile,
    /// The request was encrypted, with the key of its sender.
    pub is_signed: bool,
    /// How it ended, for the log.
    pub ended: EndedCall,
    /// On which worker it ran, if it did not run here.
    pub worker: Option<String>,
    /// The most memory that it took.
    pub memory_bytes: u64,
    /// Dropped once the answer is published.
    _remains: Option<Remains>,
    /// What it took here. It is reserved as long as the answer exists.
    _memory: Option<Meter>,
    /// What took note of it.
    recording: Option<RunningRecording>,
    has_failed: bool,
}

/// How a call ended, for the log.
#[derive(Debug)]
pub struct EndedCall {
    /// The kind of outcome as one word.
    pub outcome: &'static str,
    /// What the owner should know of it.
    pub detail: Option<String>,
    /// What can be done about it.
    pub hint: Option<String>,
    /// The steps that led to a failure.
    pub trace: Option<String>,
}

/// A call that answers nobody, which has ended.
#[derive(Debug)]
pub(crate) struct TakenCall {
    /// Whether the app took it, or how it failed.
    pub(crate) taken: Result<(), Outcome>,
    /// On which worker it ran, if it did not run here.
    pub(crate) worker: Option<String>,
}

/// What the host could not do with a call. It is no fault of the guest.
#[derive(Debug, Error)]
pub enum CallError {
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StoreError),
    /// The program cannot be loaded any more.
    #[error("the app cannot be loaded: {0}")]
    Program(#[from] ProgramError),
    /// Keys cannot be read or kept.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    /// No worker took it before it expired.
    #[error("no worker took it in time")]
    Expired,
    /// No worker took it before the host stopped.
    #[error("no worker took it before the host stopped")]
    Stopping,
}

impl App {
    /// Gives a loaded app what it may reach and its state. With `debug`, callers see what went wrong
    /// inside a handler.
    pub fn new(
        loaded: LoadedApp,
        mut access: AppAccess,
        state: Store,
        encryption: Encryption,
        debug: bool,
    ) -> Self {
        if !loaded.watches.is_empty() {
            access.files.track_own_writes();
        }
        Self {
            replier: Replier::new(&loaded, debug, access.advice, encryption.clone()),
            loaded,
            placement: AppPlacement::default(),
            handed: None,
            access: Arc::new(access),
            state: Arc::new(state),
            encryption,
            recordings: None,
        }
    }

    /// Has calls recorded that the owner wants to have recorded.
    #[must_use]
    pub fn with_recordings(self, recordings: Recordings) -> Self {
        Self {
            recordings: Some(Arc::new(recordings)),
            ..self
        }
    }

    /// Has calls given to workers, as the owner says and the app needs it.
    #[must_use]
    pub fn placed(self, placement: &Placement, place: &AppPlace) -> Self {
        let component = self.loaded.program.component();
        let handed = component.map(|component| HandedApp {
            identity: self.loaded.identity.clone(),
            access: Arc::clone(&self.access),
            memory: self.loaded.program.memory().clone(),
            limits: self.limits().clone(),
            component: component.clone(),
            takes_replies: self.loaded.takes_replies,
        });
        let place = AppPlace {
            is_bound_here: place.is_bound_here || handed.is_none(),
            ..place.clone()
        };
        Self {
            placement: AppPlacement::new(placement, &place, self.limits()),
            handed: handed.map(Arc::new),
            ..self
        }
    }

    /// Has no call wait for a worker from here on.
    pub(crate) fn stop_waiting(&self) {
        self.placement.close();
    }

    /// Returns the name of the app.
    pub fn name(&self) -> &AppName {
        &self.loaded.name
    }

    /// Returns the owner for whom the app runs.
    pub fn datasite(&self) -> &Datasite {
        &self.loaded.datasite
    }

    /// Returns the endpoints of the app.
    pub fn router(&self) -> &Router {
        &self.loaded.router
    }

    /// Returns what the app watches.
    pub fn watches(&self) -> &Watches {
        &self.loaded.watches
    }

    /// Returns the schedules of the app.
    pub fn schedules(&self) -> &Schedules {
        &self.loaded.schedules
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        self.loaded.limits()
    }

    /// Returns the memory that the app may take for requests that were read.
    pub(crate) fn request_memory(&self) -> &Share {
        &self.loaded.program.memory().requests
    }

    /// Returns the files that the app may use.
    pub(crate) fn files(&self) -> &FileAccess {
        &self.access.files
    }

    /// Returns whom the log advises about what the app is refused.
    pub(crate) fn advice(&self) -> Advice {
        self.access.advice
    }

    /// Has what calls wait for handed in here.
    pub(crate) fn connect_courier(&self, courier: CourierHandle) {
        self.access.messages.connect(courier);
    }

    /// Returns what opens and makes encrypted bodies for the app.
    pub(crate) fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    /// Returns what the app keeps.
    pub(crate) fn state(&self) -> &Store {
        &self.state
    }

    /// Returns why a request is not run that names another app or another datasite as its
    /// destination.
    pub(crate) fn misdirection(&self, address: &Address, request: &Request) -> Option<Refusal> {
        if !request.url.is_for_another(self.datasite(), self.name()) {
            return None;
        }
        let here = self.replier.url(address.endpoint());
        Some(Refusal::MisdirectedTo(here.as_str().to_owned()))
    }

    /// Runs the handler of a request and returns its answer. What the handler wrote to the state
    /// is kept together with the answer; a request whose answer was kept does not run again. The
    /// address decides which handler runs, whatever the URL of the request claims.
    ///
    /// # Errors
    /// The host cannot load the app, or keep the state. Nothing of the call was kept.
    pub async fn answer(
        &self,
        address: &Address,
        version: Version,
        request: Request,
        sender: Sender,
    ) -> Result<AppAnswer, CallError> {
        let head = self.replier.head(address, Some(&request), now());
        let Some(route) = self.router().route(address.endpoint()) else {
            let outcome = Outcome::Trapped(format!("no endpoint {}", address.endpoint()));
            return Ok(AppAnswer::Ran(self.finish(&head, outcome, now())));
        };
        let mut request = guest_values::request(address, route, sender, request);
        let fingerprint = || RequestFingerprint::new(version, &request);
        match self.state.recorded(address, fingerprint).await? {
            Recorded::Answer(answer) => return Ok(AppAnswer::Kept(answer)),
            Recorded::Other => {
                let answer = self.replier.refusal(&head, &Refusal::Reused, now());
                return Ok(AppAnswer::Refused(answer, Refusal::Reused));
            }
            Recorded::Nothing => {}
        }
        let as_sent = match self.open(address, version, &mut request)? {
            Ok(as_sent) => as_sent,
            Err(why) => {
                let refusal = Refusal::Unopened(Box::new(why));
                let answer = self.replier.refusal(&head, &refusal, now());
                return Ok(AppAnswer::Refused(answer, refusal));
            }
        };
        let call = Call {
            address,
            version,
            head,
            request,
            as_sent,
        };
        match self.run(&call).await {
            Ok(mut finished) => {
                Self::keep_recording(&call, &mut finished);
                Ok(AppAnswer::Ran(finished))
            }
            Err(CallError::Expired) => {
                let answer = self.replier.refusal(&call.head, &Refusal::Expired, now());
                Ok(AppAnswer::Refused(answer, Refusal::Expired))
            }
            Err(error) => Err(error),
        }
    }

    /// Has the recording of a call written, if there is one and it is wanted.
    fn keep_recording(call: &Call<'_>, finished: &mut FinishedCall) {
        if let Some(recording) = finished.recording.take() {
            let (request, has_failed) = (call.request.clone(), finished.has_failed);
            // The answer does not wait for the disk.
            tokio::task::spawn_blocking(move || recording.keep(&request, has_failed));
        }
    }

    /// Looks what the owner wants to have recorded.
    pub(crate) fn look_for_recordings(&self) {
        if let Some(recordings) = &self.recordings {
            recordings.look();
        }
    }

    /// Puts what is in an encrypted body into its place, before any handler sees the request.
    /// Returns the fingerprint of the request as it was sent, if that was encrypted; or why it
    /// does not run.
    fn open(
        &self,
        address: &Address,
        version: Version,
        request: &mut rpc::Request,
    ) -> Result<Result<Option<RequestFingerprint>, Unopened>, EncryptionError> {
        let Some(body) = &request.body else {
            return Ok(Ok(None));
        };
        Ok(
            match self.encryption.open(address, &request.sender, body)? {
                Opening::Plain => Ok(None),
                Opening::Refused(why) => Err(why),
                Opening::Opened(text) => {
                    let as_sent = RequestFingerprint::new(version, request);
                    guest_values::put_opened(request, text);
                    Ok(Some(as_sent))
                }
            },
        )
    }

    /// Runs a handler, and keeps its answer with what it wrote.
    async fn run(&self, call: &Call<'_>) -> Result<FinishedCall, CallError> {
        let end = |ran: Ran, state: &mut Session| {
            let at = now();
            let outcome = &ran.outcome;
            let has_failed = !matches!(outcome, Outcome::Answered(answer) if answer.status < 400);
            let (worker, memory_bytes) = ran
                .worker
                .map(|RanOnWorker { name, memory_bytes }| (name, memory_bytes))
                .unzip();
            let finished = FinishedCall {
                worker,
                memory_bytes: memory_bytes.unwrap_or(0),
                _remains: ran.remains,
                recording: ran.recording,
                has_failed,
                is_signed: call.as_sent.is_some(),
                ..self.finish(&call.head, ran.outcome, at)
            };
            let fingerprint = || match &call.as_sent {
                Some(as_sent) => as_sent.clone(),
                None => RequestFingerprint::new(call.version, &call.request),
            };
            let answer = &finished.answer.json;
            state.keep_answer(call.address, fingerprint, answer, at, call.head.expires);
            finished
        };
        let request = GuestCall::Request(&call.request);
        let (finished, memory) = self.call_guest(&request, |_| {}, end).await?;
        let taken_here = memory.as_ref().map(Meter::most_taken);
        Ok(FinishedCall {
            memory_bytes: taken_here.map_or(finished.memory_bytes, |bytes| bytes as u64),
            _memory: memory,
            ..finished
        })
    }

    /// Runs the guest for something that answers nobody.
    async fn take(
        &self,
        call: &GuestCall<'_>,
        begin: impl Fn(&mut Session),
    ) -> Result<TakenCall, CallError> {
        let end = |ran: Ran, _: &mut Session| TakenCall {
            worker: ran.worker.map(|worker| worker.name),
            taken: ran.outcome.into_taken(),
        };
        Ok(self.call_guest(call, begin, end).await?.0)
    }

    fn finish(&self, head: &ReplyHead, outcome: Outcome, now: Timestamp) -> FinishedCall {
        FinishedCall {
            ended: EndedCall {
                outcome: outcome.name(),
                detail: outcome.detail(),
                hint: outcome.hint(self.access.advice, self.name().as_str()),
                trace: outcome.trace().map(str::to_owned),
            },
            answer: self.replier.answer(head, outcome, now),
            is_signed: false,
            worker: None,
            memory_bytes: 0,
            _remains: None,
            _memory: None,
            recording: None,
            has_failed: false,
        }
    }

    /// Makes an instance ready for the next call: for when nobody waits for anything else.
    pub(crate) async fn make_ready(&self) {
        if let Some(program) = self.loaded.program.if_loaded() {
            program.make_spare(&self.loaded.identity).await;
        }
    }

    /// Returns the answer to a request that is not run.
    pub(crate) fn refuse(
        &self,
        address: &Address,
        request: Option<&Request>,
        refusal: &Refusal,
    ) -> AnswerFile {
        let now = now();
        let head = self.replier.head(address, request, now);
        self.replier.refusal(&head, refusal, now)
    }

    /// Returns the answer of a request that has run, if it was kept.
    ///
    /// # Errors
    /// The host cannot read its state.
    pub(crate) async fn kept_answer(
        &self,
        address: &Address,
        version: Version,
        request: &Request,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(route) = self.router().route(address.endpoint()) else {
            return Ok(None);
        };
        // Two requests that differ only in how the sender is known are the same request.
        let sender = Sender {
            email: request.sender.clone(),
            proof: Proof::Claimed,
        };
        let fingerprint = || {
            let request = guest_values::request(address, route, sender, request.clone());
            RequestFingerprint::new(version, &request)
        };
        Ok(match self.state.recorded(address, fingerprint).await? {
            Recorded::Answer(answer) => Some(answer),
            Recorded::Other | Recorded::Nothing => None,
        })
    }

    /// Takes note that the answer to a request lies beside it.
    pub(crate) fn published(&self, address: &Address) {
        self.state.published(address);
    }

    /// Forgets the answers whose time is over, once it is known which of them are still
    /// to be given.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub(crate) async fn sweep(
        &self,
        is_waiting: impl Fn(&Address) -> bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.state.publish_unless(is_waiting);
        self.state.forget_answers(now).await
    }

    /// Delivers an event of a watch to the app. If the app takes it, what it wrote to its
    /// state is kept, and the records with it.
    ///
    /// # Errors
    /// The host cannot load the app, or keep that. Nothing of the call was kept.
    pub(crate) async fn deliver(&self, delivery: &Delivery) -> Result<TakenCall, CallError> {
        let event = guest_values::event(delivery);
        let begin = |state: &mut Session| state.also_record(delivery.records.clone());
        self.take(&GuestCall::Event(&event), begin).await
    }
}

/// A request that is to run.
struct Call<'a> {
    address: &'a Address,
    version: Version,
    head: ReplyHead<'a>,
    request: rpc::Request,
    /// What tells it from others, if it was encrypted: what is in it may be in others too.
    as_sent: Option<RequestFingerprint>,
}
