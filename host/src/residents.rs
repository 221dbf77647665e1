//! Which programs are in memory: those at work, and those that were used last.
//!
//! An engine with its pool and the compiled code cost megabytes, hundreds of mappings and a
//! good part of the address space. An app of many has them from its first call on, and as
//! long as no others need the room. Its code lies compiled on the disk, so that it has them
//! again in a millisecond or some.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::thread;
use std::time::Instant;

use anyhow::Context;
use syft_protocol::address::AppName;
use thiserror::Error;
use tokio::sync::{self, Semaphore, oneshot};

use crate::digest::Digest;
use crate::installed::{Components, InstalledError};
use crate::memory::AppMemory;
use crate::sandbox::{Compiling, Limits, LoadError, Program, Sandbox, Turn, turn};

/// How an app has its program.
pub enum Holding {
    /// It is loaded as long as the app is served.
    Always(Box<Standing>),
    /// It is loaded when it is used.
    OnUse(Resident),
}

/// Why there is no program. What it says of the component it says at each attempt.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// The component does not fit.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The component is not there as it was installed.
    #[error(transparent)]
    Component(#[from] InstalledError),
    /// The host cannot.
    #[error("{0:#}")]
    Host(anyhow::Error),
}

// Why: docs/decisions/52-programs-are-loaded-when-used.md
/// A program in use. As long as this is held it stays loaded.
pub struct InUse {
    program: Arc<Program>,
    /// Dropped after the program.
    _end: Option<End>,
}

impl Holding {
    /// Returns the program, which may have to be loaded first.
    ///
    /// # Errors
    /// See [`ProgramError`].
    pub async fn program(&self) -> Result<InUse, ProgramError> {
        match self {
            Self::Always(standing) => Ok(InUse {
                program: standing.program().await?,
                _end: None,
            }),
            Self::OnUse(resident) => resident.program().await,
        }
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        match self {
            Self::Always(standing) => &standing.limits,
            Self::OnUse(resident) => resident.sandbox.limits(),
        }
    }

    /// Returns the part that the app has in the memory of the process.
    pub(crate) fn memory(&self) -> &AppMemory {
        match self {
            Self::Always(standing) => &standing.memory,
            Self::OnUse(resident) => resident.sandbox.memory(),
        }
    }
}

/// A program that stays loaded, but that it is loaded anew where that has to be.
pub struct Standing {
    program: RwLock<Arc<Program>>,
    limits: Limits,
    memory: AppMemory,
    /// From where it is loaded anew.
    source: Option<(Arc<Sandbox>, Digest)>,
}

impl Standing {
    /// Returns the program of a component, as it was loaded.
    pub fn new(sandbox: Arc<Sandbox>, digest: Digest, program: Program) -> Self {
        Self {
            source: Some((sandbox, digest)),
            ..program.into()
        }
    }

    async fn program(&self) -> Result<Arc<Program>, ProgramError> {
        let program = {
            let program = self.program.read().expect("no holder of this lock panics");
            Arc::clone(&program)
        };
        if program.is_clean() {
            return Ok(program);
        }
        let program = match &self.source {
            Some((sandbox, digest)) => {
                let (sandbox, digest) = (Arc::clone(sandbox), digest.clone());
                let reload = tokio::task::spawn_blocking(move || sandbox.reload(&digest));
                reload.await.map_err(host)??
            }
            None => None,
        };
        let Some(program) = program.map(Arc::new) else {
            let error = "it has to be loaded anew and its compiled code is gone: start it again";
            return Err(ProgramError::Host(anyhow::anyhow!(error)));
        };
        let mut place = self.program.write().expect("no holder of this lock panics");
        *place = Arc::clone(&program);
        Ok(program)
    }
}

impl From<Program> for Standing {
    fn from(program: Program) -> Self {
        Self {
            limits: program.limits().clone(),
            memory: program.memory().clone(),
            program: RwLock::new(Arc::new(program)),
            source: None,
        }
    }
}

impl From<Program> for Holding {
    fn from(program: Program) -> Self {
        Self::Always(Box::new(program.into()))
    }
}

impl Deref for InUse {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

/// What is loaded of the apps of a process.
pub struct Residents {
    components: Components,
    /// Programs that stay loaded. Beyond it are only those at work.
    most: usize,
    loaded: Mutex<Vec<Arc<Seat>>>,
    n_loaded: AtomicUsize,
    /// Counts uses, so that each has a number higher than those before it.
    n_uses: AtomicU64,
    /// As many load at a time as there are processors.
    loading: Semaphore,
}

/// Where a program is while it is loaded.
struct Seat {
    app: AppName,
    program: RwLock<Option<Arc<Program>>>,
    /// The number of the last use.
    used: AtomicU64,
}

/// A program that is loaded when it is used, and dropped when others need the room.
pub struct Resident {
    residents: Arc<Residents>,
    sandbox: Arc<Sandbox>,
    digest: Digest,
    /// Whose component it is: authors take turns where it is to be compiled.
    author: String,
    seat: Arc<Seat>,
    /// Those who wait for it load it once.
    turn: sync::Mutex<()>,
}

/// The end of a use, upon which there may be room to make.
struct End {
    residents: Arc<Residents>,
    seat: Arc<Seat>,
}

impl Residents {
    /// Returns what keeps so many programs of these components loaded.
    pub fn new(components: Components, most: usize) -> Self {
        let n_processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            components,
            most,
            loaded: Mutex::default(),
            n_loaded: AtomicUsize::new(0),
            n_uses: AtomicU64::new(0),
            loading: Semaphore::new(n_processors),
        }
    }

    /// Returns how many programs stay loaded.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    fn loaded(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.loaded.lock().expect("no holder of this lock panics")
    }

    fn count(&self, loaded: &[Arc<Seat>]) {
        self.n_loaded.store(loaded.len(), Ordering::Relaxed);
    }

    fn add(&self, seat: &Arc<Seat>) {
        let mut loaded = self.loaded();
        // One that was loaded anew is there already.
        loaded.retain(|it| !Arc::ptr_eq(it, seat));
        loaded.push(Arc::clone(seat));
        self.count(&loaded);
    }

    fn remove(&self, seat: &Arc<Seat>) {
        let mut loaded = self.loaded();
        loaded.retain(|it| !Arc::ptr_eq(it, seat));
        self.count(&loaded);
    }

    /// Drops programs beyond the bound, those first that were not used for longest.
    fn make_room(&self) {
        if self.n_loaded.load(Ordering::Relaxed) <= self.most {
            return;
        }
        let mut loaded = self.loaded();
        loaded.sort_unstable_by_key(|seat| seat.used.load(Ordering::Relaxed));
        let mut n_surplus = loaded.len().saturating_sub(self.most);
        let mut vacated = Vec::new();
        loaded.retain(|seat| {
            let program = (n_surplus > 0).then(|| seat.vacate()).flatten();
            let stays = program.is_none();
            if let Some(program) = program {
                n_surplus -= 1;
                tracing::debug!(app = %seat.app, "not loaded any more");
                vacated.push(program);
            }
            stays
        });
        self.count(&loaded);
        drop(loaded);
        // Giving memory back takes a while, and keeps nobody waiting here.
        drop(vacated);
    }
}

impl Seat {
    fn program(&self) -> Option<Arc<Program>> {
        let program = self.program.read().expect("no holder of this lock panics");
        program.clone().filter(|program| program.is_clean())
    }

    fn take_place(&self, program: &Arc<Program>) {
        let mut place = self.program.write().expect("no holder of this lock panics");
        *place = Some(Arc::clone(program));
    }

    /// Takes the program away, unless it is at work.
    fn vacate(&self) -> Option<Arc<Program>> {
        let mut place = self.program.write().expect("no holder of this lock panics");
        // Whoever begins to use it takes its copy under the lock.
        place.take_if(|program| Arc::strong_count(program) == 1)
    }
}

impl Resident {
    /// Returns the program of a component, which is not loaded yet.
    pub fn new(
        residents: &Arc<Residents>,
        sandbox: Sandbox,
        app: &AppName,
        digest: Digest,
        author: &str,
    ) -> Self {
        let seat = Seat {
            app: app.clone(),
            program: RwLock::default(),
            used: AtomicU64::new(0),
        };
        Self {
            residents: Arc::clone(residents),
            sandbox: Arc::new(sandbox),
            digest,
            author: author.to_owned(),
            seat: Arc::new(seat),
            turn: sync::Mutex::default(),
        }
    }

    async fn program(&self) -> Result<InUse, ProgramError> {
        if let Some(program) = self.seat.program() {
            return Ok(self.begin(program));
        }
        let _turn = self.turn.lock().await;
        if let Some(program) = self.seat.program() {
            return Ok(self.begin(program));
        }
        let start = Instant::now();
        let program = Arc::new(self.load().await?);
        let ms = start.elapsed().as_secs_f64() * 1e3;
        self.seat.take_place(&program);
        self.residents.add(&self.seat);
        let in_use = self.begin(program);
        self.residents.make_room();
        tracing::debug!(app = %self.seat.app, ms, "loaded");
        Ok(in_use)
    }

    fn begin(&self, program: Arc<Program>) -> InUse {
        let end = End {
            residents: Arc::clone(&self.residents),
            seat: Arc::clone(&self.seat),
        };
        end.note_use();
        InUse {
            program,
            _end: Some(end),
        }
    }

    async fn load(&self) -> Result<Program, ProgramError> {
        if let Some(program) = self.reload().await? {
            return Ok(program);
        }
        let turn = turn(&self.author).await;
        // Another app of the same component may have had its turn meanwhile.
        if let Some(program) = self.reload().await? {
            return Ok(program);
        }
        let (components, digest) = (self.residents.components.clone(), self.digest.clone());
        let limit = self.sandbox.limits().component_bytes;
        let read = tokio::task::spawn_blocking(move || components.read(&digest, limit));
        let component = read.await.map_err(host)??;
        let sandbox = Arc::clone(&self.sandbox);
        let compiled = compile(sandbox, component, Compiling::BesideOthers, turn).await;
        Ok(compiled.map_err(ProgramError::Host)??)
    }

    /// Loads what was compiled before.
    async fn reload(&self) -> Result<Option<Program>, ProgramError> {
        let _turn = (self.residents.loading.acquire().await).map_err(host)?;
        let (sandbox, digest) = (Arc::clone(&self.sandbox), self.digest.clone());
        let reload = tokio::task::spawn_blocking(move || sandbox.reload(&digest));
        Ok(reload.await.map_err(host)??)
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        self.residents.remove(&self.seat);
    }
}

impl End {
    fn note_use(&self) {
        let number = self.residents.n_uses.fetch_add(1, Ordering::Relaxed);
        self.seat.used.store(number, Ordering::Relaxed);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.note_use();
        self.residents.make_room();
    }
}

fn host(error: impl std::error::Error + Send + Sync + 'static) -> ProgramError {
    ProgramError::Host(error.into())
}

/// Has a component compiled in its turn, and waits for that in a thread of its own. It goes on
/// where nobody waits for it any more: the code is kept.
///
/// # Errors
/// There is no such thread, or it panics.
pub async fn compile(
    sandbox: Arc<Sandbox>,
    component: Vec<u8>,
    compiling: Compiling,
    turn: Turn,
) -> anyhow::Result<Result<Program, LoadError>> {
    let (sender, program) = oneshot::channel();
    let work = move || {
        let loaded = sandbox.load(&component, compiling);
        drop(turn);
        if sender.send(loaded).is_err() {
            tracing::debug!("nobody waits for the program any more");
        }
    };
    thread::Builder::new()
        .name("compile".to_owned())
        .spawn(work)
        .context("start the thread that waits for the compiler")?;
    program.await.context("compiling has panicked")
}
