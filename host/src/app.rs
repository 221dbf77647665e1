//! An app: a program that fits our world, the endpoints it serves, and whom it
//! runs for.

mod watches;

use std::fmt::Display;
use std::sync::Arc;

use syft_manifest::Limits;
use syft_protocol::address::{Address, AppName, Datasite, Sender};
use syft_protocol::file_events::{Delivery, EventKind};
use syft_protocol::inbox::Version;
use syft_protocol::message::{self, Method};
use syft_protocol::timestamp::Timestamp;
use thiserror::Error;

pub use watches::{Watch, Watches, WatchesError};

use crate::capability::Identity;
use crate::capability::files::FileAccess;
use crate::memory::Share;
use crate::meter::Meter;
use crate::program_cache::{ProgramError, ProgramSource};
use crate::reply::Conclusion;
use crate::router::{Route, Router, RouterError};
use crate::sandbox::{Admission, Outcome};
use crate::state::{Mark, Recorded, Session, Store, StoreError};
use crate::wit::{rpc, types, watch};

/// An app, ready to answer.
pub struct App {
    name: AppName,
    datasite: Datasite,
    identity: Identity,
    files: FileAccess,
    state: Arc<Store>,
    program: ProgramSource,
    router: Router,
    watches: Watches,
}

/// A program that fits our world, and what it says of itself. Nothing of its own was
/// touched yet, so an older release of the app may run meanwhile.
pub struct LoadedApp {
    name: AppName,
    datasite: Datasite,
    identity: Identity,
    program: ProgramSource,
    router: Router,
    watches: Watches,
}

/// What came of a request.
#[derive(Debug)]
pub enum Called {
    /// It ran.
    Concluded(Ran),
    /// It has run before; this answer was kept.
    Before(Vec<u8>),
    /// Another request has run under its id.
    Reused,
}

/// What came of a request that ran.
#[derive(Debug)]
pub struct Ran {
    /// What came of it.
    pub conclusion: Conclusion,
    /// Its memory is set aside as long as there is the answer.
    pub(crate) _memory: Option<Meter>,
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
}

/// Why a component could not be made an app.
#[derive(Debug, Error)]
pub enum AppError {
    /// There is no program.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// It did not say which endpoints it has.
    #[error("the app did not name its endpoints: {0}")]
    Silent(String),
    /// Its endpoints cannot be served.
    #[error(transparent)]
    Router(#[from] RouterError),
    /// It did not say what it watches.
    #[error("the app did not say what it watches: {0}")]
    Unwatching(String),
    /// What it watches cannot be watched.
    #[error(transparent)]
    Watches(#[from] WatchesError),
}

impl LoadedApp {
    /// Asks a program for its endpoints and for what it watches.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn ask(
        program: ProgramSource,
        name: AppName,
        datasite: Datasite,
    ) -> Result<Self, AppError> {
        let identity = identity(&name, &datasite);
        let guard = program.program().await?;
        let meter = guard.admit(Admission::Full).await;
        let endpoints = guard
            .endpoints(&identity, &meter)
            .await
            .map_err(|outcome| AppError::Silent(outcome.detail().unwrap_or_default()))?;
        let watches = guard
            .watches(&identity, &meter)
            .await
            .map_err(|outcome| AppError::Unwatching(outcome.detail().unwrap_or_default()))?;
        let watches = Watches::new(watches, &datasite, &name)?;
        if endpoints.is_empty() && watches.is_empty() {
            return Err(RouterError::Empty.into());
        }
        let router = Router::new(endpoints, program.limits())?;
        drop(guard);
        Ok(Self {
            name,
            datasite,
            identity,
            program,
            router,
            watches,
        })
    }

    /// Returns the name of the app.
    pub fn name(&self) -> &AppName {
        &self.name
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        self.program.limits()
    }

    /// Returns the endpoints of the app.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Returns what the app watches.
    pub fn watches(&self) -> &Watches {
        &self.watches
    }
}

impl App {
    /// Gives a loaded app its files and its state.
    pub fn new(loaded: LoadedApp, mut files: FileAccess, state: Store) -> Self {
        let LoadedApp {
            name,
            datasite,
            identity,
            program,
            router,
            watches,
        } = loaded;
        if !watches.is_empty() {
            files.track_own_writes();
        }
        Self {
            name,
            datasite,
            identity,
            files,
            state: Arc::new(state),
            program,
            router,
            watches,
        }
    }

    /// Returns the name of the app.
    pub fn name(&self) -> &AppName {
        &self.name
    }

    /// Returns the owner for whom the app runs.
    pub fn datasite(&self) -> &Datasite {
        &self.datasite
    }

    /// Returns the endpoints of the app.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Returns what the app watches.
    pub fn watches(&self) -> &Watches {
        &self.watches
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        self.program.limits()
    }

    /// Returns the memory that the app may take for requests that were read.
    pub(crate) fn request_memory(&self) -> &Share {
        &self.program.memory().requests
    }

    /// Returns the files that the app may use.
    pub(crate) fn files(&self) -> &FileAccess {
        &self.files
    }

    /// Returns what the app keeps.
    pub(crate) fn state(&self) -> &Store {
        &self.state
    }

    /// Tells whether a request names another app or another datasite as its destination.
    pub fn is_misdirected(&self, request: &message::Request) -> bool {
        request.url.is_for_another(&self.datasite, &self.name)
    }

    /// Delivers an event to the app. If the app takes it, what it wrote to its state is kept,
    /// and the records with it.
    ///
    /// # Errors
    /// The host cannot load the app, or keep that. Nothing of the call was kept.
    pub(crate) async fn deliver(
        &self,
        delivery: &Delivery,
    ) -> Result<Result<(), Outcome>, CallError> {
        let program = self.program.program().await?;
        let event = &delivery.event;
        let event = watch::Event {
            id: delivery.id.to_string(),
            watch: u32::try_from(delivery.watch).unwrap_or(u32::MAX),
            kind: kind(event.kind),
            path: event.path.to_string(),
            moved_from: event.moved_from.as_deref().map(str::to_owned),
            attempt: event.attempt,
        };
        let attempt = async |admission| {
            let meter = program.admit(admission).await;
            let call = |mut state: Session| {
                state.also_record(delivery.records.clone());
                program.on_event(&self.identity, &meter, &self.files, state, &event)
            };
            let result = self.state.transact(self.limits(), call, Result::is_ok);
            result.await
        };
        match attempt(Admission::Usual).await? {
            Err(Outcome::Exhausted) => {
                self.say_exhausted(delivery.id);
                Ok(attempt(Admission::Full).await?)
            }
            result => Ok(result),
        }
    }

    /// Says that a call ran into the total, and gets all that it may take before it runs once
    /// more: it cannot run into it again.
    fn say_exhausted(&self, id: impl Display) {
        let app = self.name.as_str();
        tracing::warn!(
            app,
            request = %id,
            "the memory of all apps together is used up (--memory-total): the call was ended, \
             and runs again once there is all that it may take"
        );
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

    /// Takes note that the answer to a request lies beside it.
    pub fn published(&self, address: &Address) {
        self.state.published(address);
    }

    /// Returns the answer of a request that has run, if it was kept.
    ///
    /// # Errors
    /// The host cannot read its state.
    pub async fn answer_before(
        &self,
        address: &Address,
        version: Version,
        request: &message::Request,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(route) = self.router.route(address.endpoint()) else {
            return Ok(None);
        };
        // How the sender is known does not tell requests apart.
        let sender = Sender {
            email: request.sender.clone(),
            proof: syft_protocol::address::Proof::Claimed,
        };
        let mark = || {
            let request = guest_request(address, route, sender, request.clone());
            Mark::new(version, &request)
        };
        Ok(match self.state.recorded(address, mark).await? {
            Recorded::Answer(answer) => Some(answer),
            Recorded::Other | Recorded::Nothing => None,
        })
    }

    /// Runs the handler of a request, and keeps what it wrote to its state, and with it
    /// its answer, if it answered. The address says where it goes, whatever its URL
    /// claims. `conclude` makes the answer; it is called again if the call runs again.
    /// A request that has run already and whose answer was kept is not run.
    ///
    /// # Errors
    /// The host cannot load the app, or keep the state. Nothing of the call was kept.
    pub async fn call(
        &self,
        address: &Address,
        version: Version,
        sender: Sender,
        request: message::Request,
        conclude: impl Fn(Outcome) -> Conclusion,
    ) -> Result<Called, CallError> {
        let Some(route) = self.router.route(address.endpoint()) else {
            let detail = format!("no endpoint {}", address.endpoint());
            return Ok(Called::Concluded(Ran {
                conclusion: conclude(Outcome::Trapped(detail)),
                _memory: None,
            }));
        };
        let expires = request.expires;
        let request = guest_request(address, route, sender, request);
        let mark = || Mark::new(version, &request);
        match self.state.recorded(address, mark).await? {
            Recorded::Answer(answer) => return Ok(Called::Before(answer)),
            Recorded::Other => return Ok(Called::Reused),
            Recorded::Nothing => {}
        }
        let program = &self.program.program().await?;
        let (request, mark, conclude) = (&request, &mark, &conclude);
        let attempt = async |admission| {
            let meter = program.admit(admission).await;
            let counted = &meter;
            let call = |state| async move {
                let called = program.call(&self.identity, counted, &self.files, state, request);
                let (outcome, mut state) = called.await;
                let end = End::of(&outcome);
                let conclusion = conclude(outcome);
                state.keep_answer(
                    address,
                    mark,
                    &conclusion.reply.json,
                    conclusion.at,
                    expires,
                );
                ((end, conclusion), state)
            };
            let ended_well = |(end, _): &(End, Conclusion)| *end == End::Answered;
            let transaction = self.state.transact(self.limits(), call, ended_well);
            let (end, conclusion) = transaction.await?;
            let ran = Ran {
                conclusion,
                _memory: Some(meter),
            };
            Ok::<_, CallError>((end, ran))
        };
        let (end, mut ran) = attempt(Admission::Usual).await?;
        if end == End::Exhausted {
            // Its memory is the first that it waits for.
            drop(ran);
            self.say_exhausted(&request.id);
            (_, ran) = attempt(Admission::Full).await?;
        }
        Ok(Called::Concluded(ran))
    }
}

/// How a call ended, as far as it matters to what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Answered,
    Exhausted,
    Otherwise,
}

impl End {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Answered(_) => Self::Answered,
            Outcome::Exhausted => Self::Exhausted,
            _ => Self::Otherwise,
        }
    }
}

fn guest_request(
    address: &Address,
    route: &Route,
    sender: Sender,
    request: message::Request,
) -> rpc::Request {
    rpc::Request {
        id: address.id().uuid().to_string(),
        endpoint: route.name.to_string(),
        sender: sender.email,
        sender_proof: proof(sender.proof),
        url: request.url.as_str().to_owned(),
        method: method(request.method),
        headers: request.headers.into_iter().collect(),
        body: request.body,
        created: request.created.micros(),
        expires: request.expires.micros(),
    }
}

fn identity(name: &AppName, datasite: &Datasite) -> Identity {
    Identity {
        app: Arc::from(name.as_str()),
        datasite: Arc::from(datasite.as_str()),
    }
}

fn kind(kind: EventKind) -> watch::EventKind {
    match kind {
        EventKind::Created => watch::EventKind::Created,
        EventKind::Modified => watch::EventKind::Modified,
        EventKind::Moved => watch::EventKind::Moved,
        EventKind::Deleted => watch::EventKind::Deleted,
    }
}

fn proof(proof: syft_protocol::address::Proof) -> types::SenderProof {
    use syft_protocol::address::Proof;
    match proof {
        Proof::Claimed => types::SenderProof::Claimed,
        Proof::Folder => types::SenderProof::Folder,
        Proof::Signed => types::SenderProof::Signed,
    }
}

fn method(method: Method) -> types::Method {
    match method {
        Method::Get => types::Method::Get,
        Method::Head => types::Method::Head,
        Method::Post => types::Method::Post,
        Method::Put => types::Method::Put,
        Method::Patch => types::Method::Patch,
        Method::Delete => types::Method::Delete,
    }
}
