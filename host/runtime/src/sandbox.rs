//! Runs guests: each call in a fresh instance, within limits.

mod cache;
mod call_name;
mod compiler;
mod engine;
mod exports;
mod handed;
mod handlers;
mod limiter;
mod linker;
mod outcome;
mod recorded;
mod scheduled;
mod sockets;
mod spare;
mod store;
mod wasi;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use syft_manifest::worlds::{ASYNC_RPC, RPC, is_offered};
use syft_manifest::{Digest, Limits};
use thiserror::Error;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Instance, InstancePre, Linker};
use wasmtime::{Engine, Store};
use wasmtime_wasi::I32Exit;

use cache::Cache;
pub use cache::is_being_compiled;
pub(crate) use call_name::CallName;
use compiler::{CompileFailure, Kind};
pub use compiler::{CompileLimits, Turn, compile_job, turn};
pub use engine::can_find_written_pages;
use engine::{Clearing, Running};
use exports::Exports;
pub use outcome::{Answer, Outcome};
use recorded::RecordedCall;
use spare::{Spare, SpareSlot};
use store::CallState;
use wasi::Wasi;

use crate::capability::files::DatasitesDir;
use crate::capability::{AppAccess, AppIdentity, CallAccess, CallContext, Output};
use crate::memory::{AppMemory, Memory};
use crate::meter::{MemoryRefused, Meter};
use crate::recording::{Recorder, Recording};
use crate::state::Session;
use crate::wit::types::{Method, SenderProof};
use crate::wit::{rpc, watch};

/// Loads the programs of an app. It holds nothing of them.
pub struct Sandbox {
    cache: Cache,
    limits: Limits,
    compile_limits: CompileLimits,
    memory: AppMemory,
    program_files: Option<Arc<DatasitesDir>>,
}

/// A component that fits our world and is ready to run, in an engine of its own.
pub struct Program {
    engine: Engine,
    /// Its engine finds what a call has written by asking which pages are in memory.
    relies_on_presence: bool,
    limits: Limits,
    memory: AppMemory,
    /// What each call finds of the program beside the component.
    files: Option<Arc<DatasitesDir>>,
    /// What calls of late took beside what each takes.
    usual_bytes: AtomicUsize,
    pre: InstancePre<CallState>,
    exports: Exports,
    spare: SpareSlot,
}

/// What is left of a call that ended. Clearing its memory for another one takes a while, so this
/// is dropped when nobody waits for the result any more.
pub struct Remains {
    store: Store<CallState>,
}

impl fmt::Debug for Remains {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Remains").finish_non_exhaustive()
    }
}

/// What is set aside for a call before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// What calls of late took. It may turn out to be too little.
    Usual,
    /// All that a call may take.
    Full,
}

/// A call that is about to run.
struct Ready<'a> {
    identity: &'a AppIdentity,
    meter: &'a Meter,
    access: CallAccess,
    state: Session,
    name: CallName,
}

/// What a call that is known to nobody yet is expected to take.
const FIRST_CALL_BYTES: usize = 2 << 20;

/// Whether a component is compiled while apps answer requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiling {
    /// Nobody waits for anything else: several processors take part.
    Alone,
    /// One processor is enough, and it stands back, so that apps are served meanwhile.
    BesideOthers,
}

/// Why a component cannot be an app.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It is larger than this many bytes.
    #[error("the component has {bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// It is a core module and not a component.
    #[error("this is a core WebAssembly module, not a component")]
    CoreModule,
    /// It is not valid.
    #[error("this is not a valid component: {0}")]
    Invalid(String),
    /// It has more of something than any app needs.
    #[error("the component is not compiled: {0}")]
    Refused(String),
    /// The compiler needs more than it may have, or crashes.
    #[error("the component is not compiled: {0}")]
    Costly(String),
    /// It imports what no host offers to apps.
    #[error("the component imports `{0}`, which no app can have")]
    UnknownImport(String),
    /// It exports no handlers.
    #[error("the component does not export `{RPC}` or `{ASYNC_RPC}`")]
    NotAnApp,
    /// Its types differ from ours, or it needs more than the limits allow.
    #[error("the component does not fit: {0}")]
    Unfit(String),
    /// The engine that it is to run in does not start, which is not its fault.
    #[error("the engine does not start: {0}")]
    Engine(String),
    /// The compiler does not start, or what it wrote cannot be kept, which is not its fault.
    #[error("the component cannot be compiled now: {0}")]
    Compiler(String),
}

impl From<CompileFailure> for LoadError {
    fn from(failure: CompileFailure) -> Self {
        let why = failure.in_words();
        match failure.kind {
            Kind::Invalid => Self::Invalid(why),
            Kind::Refused => Self::Refused(why),
            Kind::Costly | Kind::Crashed => Self::Costly(why),
            Kind::Host => Self::Compiler(why),
        }
    }
}

impl Sandbox {
    /// Returns a sandbox that keeps compiled code in a private folder.
    ///
    /// # Errors
    /// The folder is not private.
    pub fn new(
        limits: Limits,
        compile_limits: CompileLimits,
        cache: &Path,
        memory: &Memory,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            cache: Cache::open(cache)?,
            limits,
            compile_limits,
            memory: memory.share(),
            program_files: None,
        })
    }

    /// Shows each call a folder as that of the program's own files, to read.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn with_program_files(mut self, folder: &Path) -> io::Result<Self> {
        self.program_files = Some(Arc::new(DatasitesDir::open(folder)?));
        Ok(self)
    }

    /// Returns the part that the app has in the memory of the process.
    pub(crate) fn memory(&self) -> &AppMemory {
        &self.memory
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Has a component compiled, unless it was before, and checks that it fits our world. It
    /// is compiled in a process of its own.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(&self, bytes: &[u8], compiling: Compiling) -> Result<Program, LoadError> {
        let (size, limit) = (bytes.len() as u64, self.limits.component_bytes);
        if size > limit {
            return Err(LoadError::TooLarge { bytes: size, limit });
        }
        if bytes.starts_with(b"\0asm\x01\0\0\0") {
            return Err(LoadError::CoreModule);
        }
        let (clearing, wasi) = (Clearing::of_this_machine(), Wasi::of(bytes));
        let running = engine::new(&self.limits, clearing, wasi).map_err(no_engine)?;
        let component = self.cache.load(
            &running.engine,
            wasi,
            bytes,
            compiling,
            &self.compile_limits,
        )?;
        self.program(running, clearing, wasi, &component)
    }

    /// Loads a component that was compiled before; `None` where its code was not kept.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn reload(&self, digest: &Digest) -> Result<Option<Program>, LoadError> {
        let Some(wasi) = self.cache.has(digest) else {
            return Ok(None);
        };
        let clearing = Clearing::of_this_machine();
        let running = engine::new(&self.limits, clearing, wasi).map_err(no_engine)?;
        let component = self.cache.read(&running.engine, wasi, digest)?;
        let program = |component| self.program(running, clearing, wasi, &component);
        component.map(program).transpose()
    }

    fn program(
        &self,
        running: Running,
        clearing: Clearing,
        wasi: Wasi,
        component: &Component,
    ) -> Result<Program, LoadError> {
        let Running { engine, is_pooled } = running;
        let memory = self.memory.clone();
        let mut limits = self.limits.clone();
        if wasi == Wasi::V0_2 {
            limits.tasks = 0;
        }
        let linker = linker::new(&engine, wasi).map_err(|error| no_engine(error.into()))?;
        let program = Program::new(engine, clearing, limits, memory, &linker, component)?;
        if !is_pooled {
            // There is little address space, of which a spare would take as much as a call.
            program.spare.fail(false);
        }
        Ok(Program {
            files: self.program_files.clone(),
            ..program
        })
    }

    /// Tells whether the compiled code of a component was kept.
    pub fn is_compiled(&self, digest: &Digest) -> bool {
        self.cache.has(digest).is_some()
    }
}

impl Program {
    fn new(
        engine: Engine,
        clearing: Clearing,
        limits: Limits,
        memory: AppMemory,
        linker: &Linker<CallState>,
        component: &Component,
    ) -> Result<Self, LoadError> {
        let exports = Exports::of(component)?;
        let ty = component.component_type();
        for (name, item) in ty.imports(&engine) {
            let is_instance = matches!(item.ty, ComponentItem::ComponentInstance(_));
            if !is_instance || !is_offered(name) {
                return Err(LoadError::UnknownImport(name.to_owned()));
            }
        }
        let pre = linker.instantiate_pre(component);
        let pre = pre.map_err(|error| LoadError::Unfit(format!("{error:#}")))?;
        Ok(Self {
            engine,
            relies_on_presence: clearing == Clearing::WhatIsPresent,
            limits,
            memory,
            files: None,
            usual_bytes: AtomicUsize::new(FIRST_CALL_BYTES),
            pre,
            exports,
            spare: SpareSlot::default(),
        })
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the part that the app has in the memory of the process.
    pub(crate) fn memory(&self) -> &AppMemory {
        &self.memory
    }

    /// Tells whether an instance can be trusted to find nothing of those before it. Where
    /// pages can be swapped out since it was loaded it has to be loaded anew.
    pub(crate) fn is_clean(&self) -> bool {
        !self.relies_on_presence || !syft_system::machine::may_swap()
    }

    /// Waits until there is memory for a call.
    pub async fn admit(&self, admission: Admission) -> Meter {
        let bytes = match admission {
            Admission::Usual => self.limits.base_bytes() + self.usual_bytes.load(Ordering::Relaxed),
            Admission::Full => self.limits.call_bytes(),
        };
        Meter::new(&self.limits, self.memory.calls.reserve(bytes).await)
    }

    /// Takes note of what a call took: one that took much is remembered for a while.
    fn note_taken(&self, meter: &Meter) {
        let usual = self.usual_bytes.load(Ordering::Relaxed);
        let usual_now = meter.most_taken().max(usual - usual / 16);
        if usual_now != usual {
            self.usual_bytes.store(usual_now, Ordering::Relaxed);
        }
    }

    /// Asks it for its endpoints, in an instance of its own.
    ///
    /// # Errors
    /// The guest gave no answer; the outcome says why.
    pub async fn endpoints(
        &self,
        identity: &AppIdentity,
        meter: &Meter,
    ) -> Result<Vec<rpc::Endpoint>, Outcome> {
        let name = CallName::of_host(identity, "endpoints");
        let state = Session::new(None, &self.limits);
        let ready = self.ready_alone((identity, meter), &AppAccess::default(), state, name);
        let (endpoints, ..) = self
            .within_limits(ready, async |store, app| {
                let endpoints = app.get_typed_func(&mut *store, self.exports.endpoints)?;
                let (endpoints,) = endpoints.call_async(store, ()).await?;
                Ok(endpoints)
            })
            .await;
        endpoints
    }

    /// Asks it what it watches, in an instance of its own.
    ///
    /// # Errors
    /// The guest gave no answer; the outcome says why.
    pub async fn watches(
        &self,
        identity: &AppIdentity,
        meter: &Meter,
    ) -> Result<Vec<watch::Watch>, Outcome> {
        let Some(exports) = &self.exports.watching else {
            return Ok(Vec::new());
        };
        let name = CallName::of_host(identity, "watches");
        let state = Session::new(None, &self.limits);
        let ready = self.ready_alone((identity, meter), &AppAccess::default(), state, name);
        let (watches, ..) = self
            .within_limits(ready, async |store, app| {
                let watches = app.get_typed_func(&mut *store, exports.watches)?;
                let (watches,) = watches.call_async(store, ()).await?;
                Ok(watches)
            })
            .await;
        watches
    }

    /// Has a program that is apart from its component try itself out, in an instance of its own, or
    /// run one of the tests that it has found so. Returns what it says of that.
    ///
    /// # Errors
    /// The guest gave no answer; the outcome says why.
    pub async fn try_out(
        &self,
        identity: &AppIdentity,
        meter: &Meter,
        access: &AppAccess,
        test: Option<&str>,
    ) -> Result<Vec<u8>, Outcome> {
        // It is no request. One for an endpoint names that with a slash before it.
        let request = rpc::Request {
            id: test.unwrap_or("try-out").to_owned(),
            endpoint: test.unwrap_or_default().to_owned(),
            sender: String::new(),
            sender_proof: SenderProof::Claimed,
            url: String::new(),
            method: Method::Post,
            headers: Vec::new(),
            body: None,
            created: 0,
            expires: 0,
        };
        let state = Session::new(None, &self.limits);
        let (outcome, ..) = self
            .call(identity, meter, access, state, &request, None)
            .await;
        match outcome {
            Outcome::Answered(answer) => Ok(answer.body.unwrap_or_default()),
            outcome => Err(outcome),
        }
    }

    /// Runs the handler of a request in a fresh instance. Returns the outcome, the state as the
    /// call left it, of which nothing is kept yet, and what is left of the call.
    pub async fn call(
        &self,
        identity: &AppIdentity,
        meter: &Meter,
        access: &AppAccess,
        state: Session,
        request: &rpc::Request,
        recorder: Option<&Recorder>,
    ) -> (Outcome, Session, Remains) {
        let name = CallName::of_request(identity, request);
        // A name that anybody can claim opens nothing.
        let is_known = request.sender_proof != SenderProof::Claimed;
        let sender = is_known.then(|| request.sender.clone());
        let access = self.access(access, sender, identity, &name, meter, recorder);
        let recorded = recorder.map(|recorder| RecordedCall::begin(recorder, request, &access));
        let ready = Ready {
            identity,
            meter,
            access,
            state,
            name,
        };
        let (outcome, state, remains) = self.handle(ready, request).await;
        if let Some(recorded) = recorded {
            recorded.end(&outcome, meter);
        }
        (outcome, state, remains)
    }

    /// Tells whether it is told what becomes of its messages.
    pub fn takes_replies(&self) -> bool {
        self.exports.on_reply.is_some()
    }

    /// Returns what takes note of a call; none where there is no memory for it.
    pub fn recorder(&self) -> Option<Recorder> {
        Recorder::new(&self.memory.calls)
    }

    /// Returns what has a call run again as it was recorded; none where there is no memory for it.
    pub fn recorder_again(&self, recording: &Recording) -> Option<Recorder> {
        Recorder::again(&self.memory.calls, recording)
    }

    /// Makes an instance ready for the next call, unless there is one: for when nobody waits for
    /// anything else.
    pub async fn make_spare(&self, identity: &AppIdentity) {
        if !self.spare.begin() {
            return;
        }
        let name = CallName::of_host(identity, "spare");
        let meter = Meter::of_spare(&self.limits, &self.memory.calls);
        let state = Session::new(None, &self.limits);
        let ready = self.ready_alone((identity, &meter), &AppAccess::default(), state, name);
        let (call, _) = self.call_state(ready);
        let mut store = store::new(&self.engine, &self.limits, call);
        let instantiated = self.pre.instantiate_async(&mut store);
        let app = tokio::time::timeout(self.limits.time, instantiated).await;
        let was_asked = store::was_asked(&mut store);
        match app {
            Ok(Ok(app)) if !was_asked => {
                self.spare.put(Spare { store, app }, &self.memory.calls);
            }
            // It starts by asking for something, or for ever.
            Ok(_) if was_asked => self.spare.fail(false),
            Err(_) => self.spare.fail(false),
            // For want of memory, perhaps.
            Ok(_) => self.spare.fail(true),
        }
    }

    /// Returns a store for a call, with the instance that waits for it if there is one.
    fn store(&self, call: CallState, meter: &Meter) -> (Store<CallState>, Option<Instance>) {
        let spare = self.spare.take().and_then(|spare| {
            let limiter = spare.store.data().limiter_by(meter).ok()?;
            Some((spare, limiter))
        });
        match spare {
            Some((Spare { mut store, app }, limiter)) => {
                store::give(&mut store, &self.limits, call, limiter);
                (store, Some(app))
            }
            None => (store::new(&self.engine, &self.limits, call), None),
        }
    }

    /// Returns what the host holds for a call, and what it says.
    fn call_state(&self, ready: Ready<'_>) -> (CallState, Output) {
        let Ready {
            identity,
            meter,
            access,
            state,
            name,
        } = ready;
        let environment = Arc::clone(&access.environment);
        let label = name.label(identity, access.advice);
        let recorder = access.recorder.clone();
        let log = access.log.clone();
        let output = Output::new(&self.limits, label, environment, recorder.clone(), log);
        let context = CallContext {
            identity: identity.clone(),
            deadline: Instant::now() + access.time,
            idempotency_key: name.idempotency_key,
            recorder,
        };
        let call = CallState::new(&self.limits, meter, context, access, state, output.clone());
        (call, output)
    }

    /// Returns what a call may reach.
    fn access(
        &self,
        access: &AppAccess,
        sender: Option<String>,
        identity: &AppIdentity,
        name: &CallName,
        meter: &Meter,
        recorder: Option<&Recorder>,
    ) -> CallAccess {
        let files = self.files.as_ref();
        let label = name.label(identity, access.advice);
        let mut access = access.for_call(sender, &self.limits, &label, meter, files, recorder);
        access.messages.takes_replies = self.exports.on_reply.is_some();
        access
    }

    /// Runs guest code. The epoch makes it give way, the timeout ends it also
    /// while it waits in a host call; each alone would leave a hole. The store
    /// is used for nothing else in every case: after a dropped call it is not usable.
    async fn within_limits<T>(
        &self,
        ready: Ready<'_>,
        run: impl AsyncFnOnce(&mut Store<CallState>, Instance) -> wasmtime::Result<T>,
    ) -> (Result<T, Outcome>, Session, Remains) {
        let (limit, meter) = (ready.access.time, ready.meter);
        let (call, output) = self.call_state(ready);
        let (mut store, spare) = self.store(call, meter);
        let started = async {
            let app = match spare {
                Some(app) => app,
                None => self.pre.instantiate_async(&mut store).await?,
            };
            run(&mut store, app).await
        };
        let result = match tokio::time::timeout(limit, started).await {
            // Whatever the guest made of it, it was to get what it asked for.
            Ok(Ok(_)) if meter.refused() == Some(MemoryRefused::Total) => Err(Outcome::Exhausted),
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.fault(meter, &output, &error)),
            Err(_) => Err(Outcome::TimedOut(limit)),
        };
        // What looked like a panic and ended no call.
        output.end(false);
        output.end_spans();
        self.note_taken(meter);
        let mut session = store.data_mut().take_session();
        if let Some(staged) = store.data().take_staged().filter(|_| result.is_ok()) {
            session.also_do(staged);
        }
        (result, session, Remains { store })
    }

    fn fault(&self, meter: &Meter, output: &Output, error: &wasmtime::Error) -> Outcome {
        if output.exceeded() {
            return Outcome::TooMuchOutput(self.limits.output_bytes);
        }
        if let Some(wish) = meter.refused_wish() {
            return Outcome::OutOfMemory(wish);
        }
        match meter.refused() {
            Some(MemoryRefused::Held(limit)) => return Outcome::TooMuchHeld(limit),
            Some(MemoryRefused::Total) => return Outcome::Exhausted,
            Some(MemoryRefused::Own(_)) | None => {}
        }
        if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
            return Outcome::Trapped(format!("the guest exited with code {code}"));
        }
        // wasmtime has no public type for this error.
        if format!("{error:#}").contains("fuel allocated for hostcalls") {
            return Outcome::TooMuchData(self.limits.hostcall_bytes);
        }
        match error.downcast_ref::<wasmtime::Trap>() {
            Some(trap) => {
                // By which the standard library ends a call that panicked.
                let may_panic = *trap == wasmtime::Trap::UnreachableCodeReached;
                let panic = output.end(may_panic);
                Outcome::Trapped(panic.unwrap_or_else(|| trap.to_string()))
            }
            None => Outcome::Trapped(format!("{error:#}")),
        }
    }
}

fn no_engine(error: anyhow::Error) -> LoadError {
    LoadError::Engine(format!("{error:#}"))
}
