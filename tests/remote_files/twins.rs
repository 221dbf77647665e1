//! Two trees that are alike, and the same app for each: of one the calls run here, of the other a
//! worker runs them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use syft_manifest::{Digest, Files, Grants, Limits};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;
use syft_runtime::capability::files::{FileAccess, MirrorPlace};
use syft_runtime::capability::{Advice, AppAccess, AppIdentity};
use syft_runtime::child;
use syft_runtime::memory::{AppMemory, Memory};
use syft_runtime::program_cache::{ProgramGuard, ProgramSource};
use syft_runtime::remote::{HandedApp, OwnerSide, PreparedOwner, RuleBroken};
use syft_runtime::sandbox::{Admission, CompileLimits, Compiling, Outcome, Sandbox};
use syft_runtime::state::{Session, Store, StoreOptions};
use syft_runtime::wire::{CallEnd, HostCall};
use syft_runtime::wit::{rpc, types};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::support::guests::guest;
use crate::support::loopback;
use crate::support::planted::planted;
use crate::support::site::{OWNER, Site};

/// What an app asks for, and what its owner denies.
#[derive(Debug, Clone, Default)]
pub(super) struct Asks {
    pub(super) read: Vec<String>,
    pub(super) write: Vec<String>,
    pub(super) on_behalf: Vec<String>,
    pub(super) deny: Vec<String>,
    pub(super) own_folder: bool,
}

impl Asks {
    pub(super) fn writing(patterns: &[&str]) -> Self {
        Self {
            write: patterns.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    fn grants(&self) -> Grants {
        let patterns = |texts: &[String]| -> Vec<PathPattern> {
            let parsed = texts.iter().map(|text| PathPattern::parse(text).unwrap());
            parsed.collect()
        };
        let files = Files {
            read: patterns(&self.read),
            write: patterns(&self.write),
            on_behalf_of_sender: patterns(&self.on_behalf),
            own_folder: self.own_folder,
            ..Files::default()
        };
        Grants {
            requested: files.clone(),
            approved: files,
            denied: patterns(&self.deny),
            ..Grants::default()
        }
    }
}

/// The app for one of the trees.
pub(super) struct Twin {
    pub(super) site: Site,
    app: Arc<HandedApp>,
    store: Arc<Store>,
}

pub(super) struct Twins {
    pub(super) runtime: Runtime,
    program: ProgramGuard,
    limits: Limits,
    pub(super) here: Twin,
    pub(super) there: Twin,
    pub(super) place: Arc<MirrorPlace>,
    /// That of the worker.
    pub(super) folder: TempDir,
}

/// What came of a call: its outcome, and what the log says.
pub(super) type Came = (Outcome, Vec<String>);

impl Twins {
    pub(super) fn new(asks: &Asks) -> Self {
        Self::with(asks, Limits::default(), |_| ())
    }

    pub(super) fn with(asks: &Asks, limits: Limits, plant: impl Fn(&Site)) -> Self {
        Self::of("files", asks, limits, plant)
    }

    /// Returns twins of a guest in trees that are planted alike.
    pub(super) fn of(guest_name: &str, asks: &Asks, limits: Limits, plant: impl Fn(&Site)) -> Self {
        child::launch_by(Path::new(env!("CARGO_BIN_EXE_syft-host")));
        let component = fs::read(guest(guest_name)).unwrap();
        let (program, memory) = load(&component, &limits);
        let twin = || {
            let site = planted();
            plant(&site);
            Twin::new(site, asks, &limits, &memory, &component)
        };
        let (folder, place) = loopback::place();
        Self {
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            here: twin(),
            there: twin(),
            program,
            limits,
            place,
            folder,
        }
    }

    /// Has both do the same, and makes sure that it comes to the same: outcomes, what the log says,
    /// and the trees.
    pub(super) fn same(&self, ops: &Value) -> Value {
        let (here, there) = (self.run_here(ops), self.run_there(ops));
        let [outcomes, others] = [&here.0, &there.0].map(|outcome| normal(answered(outcome)));
        let steps = ops.as_array().unwrap().iter();
        for ((step, one), other) in steps.zip(&outcomes).zip(&others) {
            assert_eq!(one, other, "left is here: {step} of {ops}");
        }
        assert_eq!(here.1, there.1, "left is the log here: {ops}");
        assert_eq!(self.here.tree(), self.there.tree(), "left is here: {ops}");
        Value::Array(outcomes)
    }

    pub(super) fn run_here(&self, ops: &Value) -> Came {
        let twin = &self.here;
        let request = request(ops);
        let run = |state| async {
            let meter = self.program.admit(Admission::Usual).await;
            let HandedApp {
                identity, access, ..
            } = &*twin.app;
            let called = self
                .program
                .call(identity, &meter, access, state, &request, None);
            let (outcome, state, _) = called.await;
            (outcome, state)
        };
        logged(|| {
            let kept = twin.store.transact(&self.limits, run, is_kept);
            self.runtime.block_on(kept).unwrap()
        })
    }

    pub(super) fn run_there(&self, ops: &Value) -> Came {
        self.run_there_with(ops, |_| ())
    }

    /// As [`Twins::run_there`], with something to be done before each host call is answered.
    pub(super) fn run_there_with(&self, ops: &Value, before: impl Fn(&HostCall)) -> Came {
        let request = request(ops);
        let run = |state| async {
            let prepared = self.there.prepared(&request, state).await;
            let before = async |call: &HostCall| before(call);
            let ran = loopback::run_at(&self.program, prepared, &self.place, before).await;
            ran.unwrap()
        };
        logged(|| {
            let kept = self.there.store.transact(&self.limits, run, is_kept);
            self.runtime.block_on(kept).unwrap()
        })
    }

    /// Has a call run by a worker of the test's own, which does with the owner's end whatever it
    /// likes. Returns the outcome, or why what it says is refused.
    pub(super) fn run_by(
        &self,
        work: impl AsyncFn(&OwnerSide) -> CallEnd,
    ) -> (Result<Outcome, RuleBroken>, Vec<String>) {
        let request = request(&Value::Null);
        let broken = RefCell::new(None);
        let run = |state| async {
            let prepared = self.there.prepared(&request, state).await;
            let (_, owner) = prepared.begin();
            let end = work(&owner).await;
            match owner.end(end).await {
                Ok(ended) => ended,
                Err((why, prepared)) => {
                    broken.replace(Some(why));
                    prepared.begin().1.time_out().await
                }
            }
        };
        let (outcome, lines) = logged(|| {
            let kept = self.there.store.transact(&self.limits, run, is_kept);
            self.runtime.block_on(kept).unwrap()
        });
        (broken.take().map_or(Ok(outcome), Err), lines)
    }
}

impl Twin {
    fn new(site: Site, asks: &Asks, limits: &Limits, memory: &AppMemory, component: &[u8]) -> Self {
        let store = Store::open(&site.path().join("state"), limits, &StoreOptions::default());
        let store = Arc::new(store.unwrap());
        let (owner, app) = (
            Datasite::parse(OWNER).unwrap(),
            AppName::parse("app").unwrap(),
        );
        let files = FileAccess::new(&site.datasites(), &asks.grants(), &owner, &app).unwrap();
        let files = files.with_temporary(site.path().join("temporary")).unwrap();
        let files = files.with_staging(&site.path().join("staged"), &owner, &store);
        let access = AppAccess {
            files: files.unwrap(),
            advice: Advice::ToAuthor,
            ..AppAccess::default()
        };
        let app = HandedApp {
            identity: AppIdentity {
                app: Arc::from("app"),
                datasite: Arc::from(OWNER),
            },
            access: Arc::new(access),
            memory: memory.clone(),
            limits: limits.clone(),
            component: Digest::of(component),
            takes_replies: false,
        };
        Self {
            site,
            app: Arc::new(app),
            store,
        }
    }

    async fn prepared(&self, request: &rpc::Request, state: Session) -> PreparedOwner {
        PreparedOwner::new(&self.app, request.into(), state).await
    }

    /// Returns what is in the tree: kinds, rights and contents.
    pub(super) fn tree(&self) -> BTreeMap<PathBuf, String> {
        let root = self.site.datasites();
        let entries = walkdir::WalkDir::new(&root).min_depth(1);
        let described = entries.into_iter().map(|entry| {
            let entry = entry.unwrap();
            let path = entry.path().strip_prefix(&root).unwrap().to_owned();
            (path, described(entry.path()))
        });
        described.collect()
    }

    /// Returns what calls have staged and is still there.
    pub(super) fn staged(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(self.site.path().join("staged")).unwrap();
        listed.map(|entry| entry.unwrap().path()).collect()
    }
}

fn described(path: &Path) -> String {
    let metadata = fs::symlink_metadata(path).unwrap();
    let content = match metadata.file_type() {
        kind if kind.is_file() => Digest::of(&fs::read(path).unwrap()).to_string(),
        kind if kind.is_symlink() => "a link".to_owned(),
        _ => String::new(),
    };
    format!("{:o} {content}", metadata.mode())
}

/// Leaves out times that no call has set: the trees are not of the same moment.
fn normal(outcomes: Value) -> Vec<Value> {
    const LATEST_SET: u64 = 10_000_000;
    let Value::Array(mut outcomes) = outcomes else {
        panic!("{outcomes}");
    };
    for outcome in &mut outcomes {
        if let Some(modified) = outcome.pointer_mut("/ok/modified")
            && modified
                .as_u64()
                .is_some_and(|seconds| seconds > LATEST_SET)
        {
            *modified = Value::Null;
        }
    }
    outcomes
}

pub(super) fn request(ops: &Value) -> rpc::Request {
    rpc::Request {
        id: "c9c22855-686a-49f9-b6f2-11c98f11b79a".to_owned(),
        endpoint: "/ops".to_owned(),
        sender: "bob@example.org".to_owned(),
        sender_proof: types::SenderProof::Folder,
        url: format!("syft://{OWNER}/app_data/app/rpc/ops"),
        method: types::Method::Post,
        headers: Vec::new(),
        body: Some(ops.to_string().into_bytes()),
        created: 1_700_000_000_000_000,
        expires: 1_800_000_000_000_000,
    }
}

pub(super) fn answered(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Answered(answer) => {
            serde_json::from_slice(answer.body.as_deref().unwrap_or(b"null")).unwrap()
        }
        outcome => panic!("{outcome:?}"),
    }
}

fn is_kept(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered(_))
}

/// Compiles each guest once for all tests.
fn load(component: &[u8], limits: &Limits) -> (ProgramGuard, AppMemory) {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-for-remote");
    let memory = Memory::unbounded();
    let sandbox = Sandbox::new(limits.clone(), CompileLimits::default(), &cache, &memory).unwrap();
    let program: ProgramSource = sandbox.load(component, Compiling::Alone).unwrap().into();
    (program.if_loaded().unwrap(), program.memory().clone())
}

/// Runs something, and returns what the log says of files meanwhile.
fn logged<T>(run: impl FnOnce() -> T) -> (T, Vec<String>) {
    let lines = Arc::default();
    let layer = Lines(Arc::clone(&lines));
    let subscriber = tracing_subscriber::registry().with(layer);
    let result = tracing::subscriber::with_default(subscriber, run);
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    (result, lines)
}

struct Lines(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let name = event.metadata().name();
        if ["denied_file", "touched_file"].contains(&name) {
            let mut line = Line(format!("{} {name}", event.metadata().level()));
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}
