//! The components that a worker can run. Each is fetched once, and checked here: its bytes, its
//! signatures, whether it compiles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use syft_manifest::{Digest, Limits};
use syft_package::{Package, PackageError};
use syft_protocol::address::AppName;
use syft_runtime::memory::Memory;
use syft_runtime::program_cache::{
    CachedProgram, ProgramCache, ProgramError, ProgramGuard, ProgramSource,
};
use syft_runtime::sandbox::{CompileLimits, LoadError, Sandbox};
use syft_runtime::wire::CallLimits;
use syft_system::private;
use tokio::sync::watch;

use super::owner::OwnerHost;
use super::{Authors, WorkerOptions};
use crate::words::{OfferedApp, Question, QuestionReply};

/// Programs that stay loaded.
const MOST_LOADED: usize = 32;

/// Programs of one component, by the limits of calls. An owner changes these now and then.
const MOST_OF_COMPONENT: usize = 4;

/// How long to wait before what failed by no fault of a component is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long a component is kept that the owner does not offer any more.
const FORGET_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

const UNPOISONED: &str = "no holder of this lock panics";

pub(super) struct Programs {
    owner: Arc<OwnerHost>,
    folder: PathBuf,
    code: PathBuf,
    apps: BTreeSet<String>,
    authors: Authors,
    concurrency: usize,
    memory: Memory,
    compile: CompileLimits,
    cache: Arc<ProgramCache>,
    loaded: Mutex<Vec<Loaded>>,
    /// What can be run, and why not what cannot.
    checked: Mutex<BTreeMap<Digest, Option<String>>>,
    changes: watch::Sender<u64>,
    /// Another number than before, if the owner has other apps.
    offers: watch::Sender<u64>,
}

struct Loaded {
    component: Digest,
    limits: CallLimits,
    program: Arc<ProgramSource>,
}

/// Why a component is not ready.
enum NotReady {
    /// It is refused.
    Refused(String),
    /// Something else is in the way, and it is tried again.
    NotNow(anyhow::Error),
}

impl Programs {
    pub(super) fn open(options: &WorkerOptions, owner: &Arc<OwnerHost>) -> anyhow::Result<Self> {
        let folder = options.cache.join("components");
        private::make_folder(&folder)?;
        let components = folder.clone();
        let read = move |digest: &Digest, most: u64| {
            let bytes = private::read(&components.join(digest.as_str()), most)?;
            let bytes = bytes.context("the component is gone")?;
            anyhow::ensure!(Digest::of(&bytes) == *digest, "the component was changed");
            Ok(bytes)
        };
        Ok(Self {
            owner: Arc::clone(owner),
            folder,
            code: options.code.clone(),
            apps: options.apps.iter().cloned().collect(),
            authors: options.authors.clone(),
            concurrency: options.concurrency,
            memory: options.memory.clone(),
            compile: options.compile.clone(),
            cache: Arc::new(ProgramCache::new(Box::new(read), MOST_LOADED)),
            loaded: Mutex::default(),
            checked: Mutex::default(),
            changes: watch::Sender::new(0),
            offers: watch::Sender::new(0),
        })
    }

    /// Returns what tells that more is ready, or refused.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Returns what can be run, and why not what cannot.
    pub(super) fn readiness(&self) -> Vec<(Digest, Option<String>)> {
        let checked = self.checked.lock().expect(UNPOISONED);
        checked.clone().into_iter().collect()
    }

    /// Takes in which apps the owner has.
    pub(super) fn follow(&self, offers: u64) {
        self.offers
            .send_if_modified(|known| std::mem::replace(known, offers) != offers);
    }

    /// Makes everything ready that the owner offers, as long as this is not dropped.
    pub(super) async fn prepare_all(&self) {
        let mut offers = self.offers.subscribe();
        loop {
            if offers.changed().await.is_err() {
                return;
            }
            while let Err(error) = self.prepare_offered().await {
                tracing::warn!("apps are not ready yet: {error:#}");
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }

    async fn prepare_offered(&self) -> anyhow::Result<()> {
        let QuestionReply::Apps { apps, .. } = self.owner.ask(&Question::Apps).await? else {
            anyhow::bail!("the owner's host does not say which there are");
        };
        let is_wanted = |app: &OfferedApp| self.apps.is_empty() || self.apps.contains(&app.name);
        let wanted: Vec<OfferedApp> = apps.into_iter().filter(is_wanted).collect();
        self.forget_all_but(&wanted);
        let mut in_the_way = None;
        for app in wanted {
            if self.is_checked(&app.component) {
                continue;
            }
            let refused = match self.prepare(&app).await {
                Ok(()) => {
                    tracing::info!(app = app.name, "ready");
                    None
                }
                Err(NotReady::Refused(why)) => {
                    tracing::warn!(app = app.name, "refused: {why}");
                    Some(why)
                }
                // Others do not wait for it.
                Err(NotReady::NotNow(error)) => {
                    in_the_way = Some(error.context(app.name));
                    continue;
                }
            };
            self.checked
                .lock()
                .expect(UNPOISONED)
                .insert(app.component, refused);
            self.changes.send_modify(|changes| *changes += 1);
        }
        in_the_way.map_or(Ok(()), Err)
    }

    fn is_checked(&self, component: &Digest) -> bool {
        self.checked
            .lock()
            .expect(UNPOISONED)
            .contains_key(component)
    }

    /// Forgets what the owner does not offer any more.
    fn forget_all_but(&self, wanted: &[OfferedApp]) {
        let is_wanted = |digest: &Digest| wanted.iter().any(|app| app.component == *digest);
        self.loaded
            .lock()
            .expect(UNPOISONED)
            .retain(|loaded| is_wanted(&loaded.component));
        self.checked
            .lock()
            .expect(UNPOISONED)
            .retain(|digest, _| is_wanted(digest));
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !Digest::parse(&name).is_ok_and(|digest| is_wanted(&digest))
                && is_old(&entry)
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::debug!("{}: {error}", entry.path().display());
            }
        }
    }

    async fn prepare(&self, app: &OfferedApp) -> Result<(), NotReady> {
        let path = self.folder.join(app.component.as_str());
        let component = self.component(app, &path).await?;
        check_signatures(&self.authors, &component)?;
        drop(component);
        let program = self.program(&app.name, &app.component, &app.limits, &app.author);
        match program.map_err(NotReady::Refused)?.program().await {
            Ok(_) => Ok(()),
            Err(ProgramError::Load(LoadError::Engine(why) | LoadError::Compiler(why))) => {
                Err(NotReady::NotNow(anyhow::anyhow!(why)))
            }
            Err(ProgramError::Load(error)) => Err(NotReady::Refused(error.to_string())),
            Err(ProgramError::Component(error) | ProgramError::Host(error)) => {
                Err(NotReady::NotNow(error))
            }
        }
    }

    /// Returns a component that has the digest by which it was offered.
    async fn component(&self, app: &OfferedApp, path: &Path) -> Result<Vec<u8>, NotReady> {
        let most = Limits::default().component_bytes;
        if app.bytes > most {
            let why = format!(
                "the component has {} bytes; at most {most} are allowed",
                app.bytes
            );
            return Err(NotReady::Refused(why));
        }
        if let Ok(Some(kept)) = private::read(path, most)
            && Digest::of(&kept) == app.component
        {
            note_use(path);
            return Ok(kept);
        }
        let fetched = self.fetch_checked(app).await?;
        let written = private::write(path, &fetched);
        written.map_err(|error| NotReady::NotNow(error.into()))?;
        Ok(fetched)
    }

    /// Fetches a component, once more where what came is another one: the owner's host may have
    /// put it there anew meanwhile.
    async fn fetch_checked(&self, app: &OfferedApp) -> Result<Vec<u8>, NotReady> {
        for _ in 0..2 {
            tracing::info!(app = app.name, bytes = app.bytes, "fetching its component");
            let fetched = self.fetch(app).await.map_err(NotReady::NotNow)?;
            if Digest::of(&fetched) == app.component {
                return Ok(fetched);
            }
        }
        let why = "its bytes are not those that its digest names";
        Err(NotReady::Refused(why.to_owned()))
    }

    async fn fetch(&self, app: &OfferedApp) -> anyhow::Result<Vec<u8>> {
        let mut component = Vec::new();
        let mut after = 0;
        while (component.len() as u64) < app.bytes {
            let piece = self.owner.piece(&app.component, after).await?;
            let (number, piece) = piece.context("the component ends too early")?;
            anyhow::ensure!(
                number > after && !piece.is_empty(),
                "its pieces are in disorder"
            );
            anyhow::ensure!(
                (component.len() + piece.len()) as u64 <= app.bytes,
                "the component has more bytes than was said"
            );
            component.extend_from_slice(&piece);
            after = number;
        }
        Ok(component)
    }

    /// Returns the program that runs a call.
    ///
    /// # Errors
    /// It was not made ready, or does not fit: why, in words.
    pub(super) async fn get(
        &self,
        app: &str,
        component: &Digest,
        limits: &CallLimits,
    ) -> Result<ProgramGuard, String> {
        let checked = self
            .checked
            .lock()
            .expect(UNPOISONED)
            .get(component)
            .cloned();
        match checked {
            None => return Err("its component is not ready".to_owned()),
            Some(Some(why)) => return Err(why),
            Some(None) => {}
        }
        let program = self.program(app, component, limits, "")?;
        program.program().await.map_err(|error| error.to_string())
    }

    fn program(
        &self,
        app: &str,
        component: &Digest,
        limits: &CallLimits,
        author: &str,
    ) -> Result<Arc<ProgramSource>, String> {
        let known = |loaded: &Loaded| loaded.component == *component && loaded.limits == *limits;
        let mut loaded = self.loaded.lock().expect(UNPOISONED);
        if let Some(loaded) = loaded.iter().find(|loaded| known(loaded)) {
            return Ok(Arc::clone(&loaded.program));
        }
        let own = Limits {
            concurrency: self.concurrency,
            kept_bytes: self.memory.kept_by_each(MOST_LOADED),
            ..limits.to_limits()
        };
        if own.call_bytes() > self.memory.most_of_a_call() {
            return Err("a call of it may take more memory than there is".to_owned());
        }
        let name = AppName::parse(app).map_err(|error| error.to_string())?;
        let sandbox = Sandbox::new(own, self.compile.clone(), &self.code, &self.memory);
        let sandbox = sandbox.map_err(|error| format!("{error:#}"))?;
        let component = component.clone();
        let cached = CachedProgram::new(&self.cache, sandbox, &name, component.clone(), author);
        let program = Arc::new(ProgramSource::Cached(cached));
        let of_component = loaded.iter().filter(|loaded| loaded.component == component);
        if of_component.count() >= MOST_OF_COMPONENT
            && let Some(first) = loaded
                .iter()
                .position(|loaded| loaded.component == component)
        {
            loaded.remove(first);
        }
        loaded.push(Loaded {
            component,
            limits: limits.clone(),
            program: Arc::clone(&program),
        });
        Ok(program)
    }
}

/// Tells whether a component was not used for long: other workers of this user may use it.
fn is_old(entry: &fs::DirEntry) -> bool {
    let used = entry.metadata().and_then(|file| file.modified());
    let unused = used.map(|used| used.elapsed().unwrap_or_default());
    unused.is_ok_and(|unused| unused > FORGET_AFTER)
}

fn note_use(path: &Path) {
    let now = std::time::SystemTime::now();
    let noted = fs::File::open(path).and_then(|file| file.set_modified(now));
    if let Err(error) = noted {
        tracing::debug!("{}: {error}", path.display());
    }
}

/// Checks that a component is signed by whom this worker trusts. That the owner's host says so is
/// not enough.
fn check_signatures(authors: &Authors, component: &[u8]) -> Result<(), NotReady> {
    let verified = match Package::read(component) {
        Err(PackageError::Unsigned) if *authors == Authors::All => return Ok(()),
        Ok(package) => package.verify(&[]),
        Err(error) => Err(error),
    };
    let verified = verified.map_err(|error| NotReady::Refused(error.to_string()))?;
    match authors {
        Authors::All | Authors::Signed => Ok(()),
        Authors::These(keys) if keys.iter().any(|key| verified.signers().contains(key)) => Ok(()),
        Authors::These(_) => {
            let why = "it is signed by none of the keys of --author";
            Err(NotReady::Refused(why.to_owned()))
        }
    }
}
