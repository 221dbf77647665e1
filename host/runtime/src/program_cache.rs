//! An LRU cache of loaded programs: those at work, and those that were used last.
//!
//! An engine with its pool and the compiled code cost megabytes, hundreds of mappings and a
//! good part of the address space. One of many apps therefore has them only from its first
//! call until others need the room. Its compiled code stays on the disk, so loading it again
//! takes a few milliseconds.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::thread;
use std::time::Instant;

use anyhow::Context;
use syft_manifest::units::log_ms;
use syft_manifest::{Digest, Limits};
use syft_protocol::address::AppName;
use thiserror::Error;
use tokio::sync::{self, Semaphore, oneshot};

use crate::memory::AppMemory;
use crate::sandbox::{Compiling, LoadError, Program, Sandbox, Turn, turn};

/// Where an app gets its program from.
pub enum ProgramSource {
    /// It is loaded as long as the app is served.
    Always(Box<LoadedProgram>),
    /// It is loaded when it is used.
    Cached(CachedProgram),
}

/// Why there is no program. An error of the component itself returns at each attempt.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// The component does not fit.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The component is not there as it was installed.
    #[error("{0:#}")]
    Component(anyhow::Error),
    /// The host cannot.
    #[error("{0:#}")]
    Host(anyhow::Error),
}

// Why: docs/decisions/52-programs-are-loaded-when-used.md
/// A program in use. As long as this is held it stays loaded.
pub struct ProgramGuard {
    program: Arc<Program>,
    /// Dropped after the program.
    _end: Option<End>,
}

impl ProgramSource {
    /// Returns the program, which may have to be loaded first.
    ///
    /// # Errors
    /// See [`ProgramError`].
    pub async fn program(&self) -> Result<ProgramGuard, ProgramError> {
        match self {
            Self::Always(loaded) => Ok(ProgramGuard {
                program: loaded.program().await?,
                _end: None,
            }),
            Self::Cached(program) => program.program().await,
        }
    }

    /// Returns the program if it is loaded.
    pub fn if_loaded(&self) -> Option<ProgramGuard> {
        match self {
            Self::Always(loaded) => Some(ProgramGuard {
                program: loaded.if_clean()?,
                _end: None,
            }),
            Self::Cached(program) => program.slot.program().map(|loaded| program.begin(loaded)),
        }
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        match self {
            Self::Always(loaded) => &loaded.limits,
            Self::Cached(program) => program.sandbox.limits(),
        }
    }

    /// Returns the digest of its component, where that is known.
    pub fn component(&self) -> Option<&Digest> {
        match self {
            Self::Always(loaded) => loaded.source.as_ref().map(|(_, digest)| digest),
            Self::Cached(program) => Some(&program.digest),
        }
    }

    /// Returns the part that the app has in the memory of the process.
    pub fn memory(&self) -> &AppMemory {
        match self {
            Self::Always(loaded) => &loaded.memory,
            Self::Cached(program) => program.sandbox.memory(),
        }
    }
}

/// A program that stays loaded. Its engine is replaced when it cannot be used again.
pub struct LoadedProgram {
    program: RwLock<Arc<Program>>,
    limits: Limits,
    memory: AppMemory,
    /// What it is loaded from again.
    source: Option<(Arc<Sandbox>, Digest)>,
}

impl LoadedProgram {
    /// Returns the program of a component, as it was loaded.
    pub fn new(sandbox: Arc<Sandbox>, digest: Digest, program: Program) -> Self {
        Self {
            source: Some((sandbox, digest)),
            ..program.into()
        }
    }

    fn if_clean(&self) -> Option<Arc<Program>> {
        let program = self.program.read().expect("no holder of this lock panics");
        program.is_clean().then(|| Arc::clone(&program))
    }

    async fn program(&self) -> Result<Arc<Program>, ProgramError> {
        if let Some(program) = self.if_clean() {
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

impl From<Program> for LoadedProgram {
    fn from(program: Program) -> Self {
        Self {
            limits: program.limits().clone(),
            memory: program.memory().clone(),
            program: RwLock::new(Arc::new(program)),
            source: None,
        }
    }
}

impl From<Program> for ProgramSource {
    fn from(program: Program) -> Self {
        Self::Always(Box::new(program.into()))
    }
}

impl Deref for ProgramGuard {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

/// Reads the component with a digest, unless it has more than so many bytes.
pub type ReadComponent = Box<dyn Fn(&Digest, u64) -> anyhow::Result<Vec<u8>> + Send + Sync>;

/// The programs of a process's apps that are loaded.
pub struct ProgramCache {
    read_component: ReadComponent,
    /// How many programs stay loaded. Beyond that only those at work are.
    most: usize,
    loaded: Mutex<Vec<Arc<Slot>>>,
    n_loaded: AtomicUsize,
    /// Counts uses, so that each has a number higher than those before it.
    n_uses: AtomicU64,
    /// As many load at a time as there are processors.
    loading: Semaphore,
}

/// Where a program is while it is loaded.
struct Slot {
    app: AppName,
    program: RwLock<Option<Arc<Program>>>,
    /// The number of the last use.
    used: AtomicU64,
}

/// A program that is loaded when it is used, and evicted when others need the room.
pub struct CachedProgram {
    cache: Arc<ProgramCache>,
    sandbox: Arc<Sandbox>,
    digest: Digest,
    /// Whose component it is: authors take turns at the compiler.
    author: String,
    slot: Arc<Slot>,
    /// Calls that wait for the program load it once.
    turn: sync::Mutex<()>,
}

/// The end of a use, upon which there may be room to make.
struct End {
    cache: Arc<ProgramCache>,
    slot: Arc<Slot>,
}

impl ProgramCache {
    /// Returns what keeps so many programs loaded.
    pub fn new(read_component: ReadComponent, most: usize) -> Self {
        let n_processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            read_component,
            most,
            loaded: Mutex::default(),
            n_loaded: AtomicUsize::new(0),
            n_uses: AtomicU64::new(0),
            loading: Semaphore::new(n_processors),
        }
    }

    /// Returns how many programs stay loaded.
    pub fn most(&self) -> usize {
        self.most
    }

    fn loaded(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.loaded.lock().expect("no holder of this lock panics")
    }

    fn count(&self, loaded: &[Arc<Slot>]) {
        self.n_loaded.store(loaded.len(), Ordering::Relaxed);
    }

    fn add(&self, slot: &Arc<Slot>) {
        let mut loaded = self.loaded();
        // One that was loaded anew is there already.
        loaded.retain(|other| !Arc::ptr_eq(other, slot));
        loaded.push(Arc::clone(slot));
        self.count(&loaded);
    }

    fn remove(&self, slot: &Arc<Slot>) {
        let mut loaded = self.loaded();
        loaded.retain(|other| !Arc::ptr_eq(other, slot));
        self.count(&loaded);
    }

    /// Drops programs beyond the bound, those first that were not used for longest.
    fn make_room(&self) {
        if self.n_loaded.load(Ordering::Relaxed) <= self.most {
            return;
        }
        let mut loaded = self.loaded();
        loaded.sort_unstable_by_key(|slot| slot.used.load(Ordering::Relaxed));
        let mut n_surplus = loaded.len().saturating_sub(self.most);
        let mut evicted = Vec::new();
        loaded.retain(|slot| {
            let program = (n_surplus > 0).then(|| slot.evict()).flatten();
            let stays = program.is_none();
            if let Some(program) = program {
                n_surplus -= 1;
                tracing::debug!(app = %slot.app, "not loaded any more");
                evicted.push(program);
            }
            stays
        });
        self.count(&loaded);
        drop(loaded);
        // Returning memory takes a while, so it happens outside of the lock.
        drop(evicted);
    }
}

impl Slot {
    fn program(&self) -> Option<Arc<Program>> {
        let program = self.program.read().expect("no holder of this lock panics");
        program.clone().filter(|program| program.is_clean())
    }

    fn take_place(&self, program: &Arc<Program>) {
        let mut place = self.program.write().expect("no holder of this lock panics");
        *place = Some(Arc::clone(program));
    }

    /// Takes the program out, unless it is at work.
    fn evict(&self) -> Option<Arc<Program>> {
        let mut place = self.program.write().expect("no holder of this lock panics");
        // Whoever begins to use it takes its copy under the lock.
        place.take_if(|program| Arc::strong_count(program) == 1)
    }
}

impl CachedProgram {
    /// Returns the program of a component, which is not loaded yet.
    pub fn new(
        cache: &Arc<ProgramCache>,
        sandbox: Sandbox,
        app: &AppName,
        digest: Digest,
        author: &str,
    ) -> Self {
        let slot = Slot {
            app: app.clone(),
            program: RwLock::default(),
            used: AtomicU64::new(0),
        };
        Self {
            cache: Arc::clone(cache),
            sandbox: Arc::new(sandbox),
            digest,
            author: author.to_owned(),
            slot: Arc::new(slot),
            turn: sync::Mutex::default(),
        }
    }

    async fn program(&self) -> Result<ProgramGuard, ProgramError> {
        if let Some(program) = self.slot.program() {
            return Ok(self.begin(program));
        }
        let _turn = self.turn.lock().await;
        if let Some(program) = self.slot.program() {
            return Ok(self.begin(program));
        }
        let start = Instant::now();
        let program = Arc::new(self.load().await?);
        let ms = log_ms(start.elapsed());
        self.slot.take_place(&program);
        self.cache.add(&self.slot);
        let guard = self.begin(program);
        self.cache.make_room();
        tracing::debug!(app = %self.slot.app, ms, "loaded");
        Ok(guard)
    }

    fn begin(&self, program: Arc<Program>) -> ProgramGuard {
        let end = End {
            cache: Arc::clone(&self.cache),
            slot: Arc::clone(&self.slot),
        };
        end.note_use();
        ProgramGuard {
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
        let (cache, digest) = (Arc::clone(&self.cache), self.digest.clone());
        let limit = self.sandbox.limits().component_bytes;
        let read = move || (cache.read_component)(&digest, limit);
        let component = tokio::task::spawn_blocking(read).await.map_err(host)?;
        let component = component.map_err(ProgramError::Component)?;
        let sandbox = Arc::clone(&self.sandbox);
        let compiled = compile(sandbox, component, Compiling::BesideOthers, turn).await;
        Ok(compiled.map_err(ProgramError::Host)??)
    }

    /// Loads what was compiled before.
    async fn reload(&self) -> Result<Option<Program>, ProgramError> {
        let _turn = (self.cache.loading.acquire().await).map_err(host)?;
        let (sandbox, digest) = (Arc::clone(&self.sandbox), self.digest.clone());
        let reload = tokio::task::spawn_blocking(move || sandbox.reload(&digest));
        Ok(reload.await.map_err(host)??)
    }
}

impl Drop for CachedProgram {
    fn drop(&mut self) {
        self.cache.remove(&self.slot);
    }
}

impl End {
    fn note_use(&self) {
        let number = self.cache.n_uses.fetch_add(1, Ordering::Relaxed);
        self.slot.used.store(number, Ordering::Relaxed);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.note_use();
        self.cache.make_room();
    }
}

fn host(error: impl std::error::Error + Send + Sync + 'static) -> ProgramError {
    ProgramError::Host(error.into())
}

/// Has a component compiled in its turn, and waits for that in a thread of its own. Compiling
/// goes on even if nobody waits for it any more, since the code is kept.
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
