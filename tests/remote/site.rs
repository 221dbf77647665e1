//! An app twice: one whose calls run here, and one whose calls a worker runs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use syft_manifest::{
    Digest, Grants, HttpGrants, Limits, Manifest, MessageGrants, SecretValue, VariableName,
};
use syft_protocol::address::{AppName, Datasite};
use syft_runtime::capability::http::HttpAccess;
use syft_runtime::capability::messages::MessageAccess;
use syft_runtime::capability::{Advice, AppAccess, AppIdentity, EnvironmentAccess};
use syft_runtime::child;
use syft_runtime::memory::{AppMemory, Memory};
use syft_runtime::program_cache::{ProgramGuard, ProgramSource};
use syft_runtime::remote::{HandedApp, PreparedOwner};
use syft_runtime::sandbox::{Admission, CompileLimits, Compiling, Outcome, Sandbox};
use syft_runtime::secrets::SecretStore;
use syft_runtime::state::{Session, Store, StoreOptions};
use syft_runtime::wire::Work;
use syft_runtime::wit::{replies, rpc, schedules, types, watch};
use tokio::runtime::{Builder, Runtime};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use zeroize::Zeroizing;

use crate::support::guests::guest;
use crate::support::loopback;

pub(super) const OWNER: &str = "alice@example.org";

/// An app of which nothing is known to the guests but what they find.
pub(super) struct Twin {
    pub(super) runtime: Runtime,
    pub(super) app: Arc<HandedApp>,
    pub(super) program: ProgramGuard,
    /// What the app keeps whose calls run here, and the other one.
    pub(super) here: Arc<Store>,
    pub(super) there: Arc<Store>,
    _folder: tempfile::TempDir,
}

/// What is done: it is named and given as JSON, or it is no request.
pub(super) enum Given {
    Request(rpc::Request),
    Event(watch::Event),
    Reply(replies::Reply),
    Due(schedules::Due),
}

impl Twin {
    pub(super) fn new(name: &str) -> Self {
        Self::with(name, "", &[], Limits::default())
    }

    /// Returns an app that is granted all that a manifest asks for, with secrets.
    pub(super) fn with(
        name: &str,
        manifest: &str,
        secrets: &[(&str, &str)],
        limits: Limits,
    ) -> Self {
        child::launch_by(Path::new(env!("CARGO_BIN_EXE_syft-host")));
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (manifest, _) = Manifest::from_toml("syft-app.toml", manifest).unwrap();
        let access = access(&manifest, secret_store(folder.path(), secrets), &limits);
        let component = fs::read(guest(name)).unwrap();
        let (program, memory) = load(&component, &limits);
        let open = |name: &str| {
            let (folder, options) = (folder.path().join(name), StoreOptions::default());
            Arc::new(Store::open(&folder, &limits, &options).unwrap())
        };
        let identity = AppIdentity {
            app: Arc::from("twin"),
            datasite: Arc::from(OWNER),
        };
        let app = HandedApp {
            identity,
            access: Arc::new(access),
            memory,
            limits: limits.clone(),
            component: Digest::of(&component),
            takes_replies: true,
        };
        Self {
            here: open("here"),
            there: open("there"),
            runtime,
            app: Arc::new(app),
            program,
            _folder: folder,
        }
    }

    /// Does something here and there, and returns what both came to: the outcome, and what the log
    /// says.
    pub(super) fn both(&self, given: &Given) -> [(Outcome, Vec<String>); 2] {
        [true, false].map(|is_here| {
            logged(|| {
                self.runtime.block_on(async {
                    if is_here {
                        self.run_here(given).await
                    } else {
                        self.run_there(given).await
                    }
                })
            })
        })
    }

    /// Makes sure that both come to the same, and returns it.
    pub(super) fn same(&self, given: &Given) -> Outcome {
        let [here, there] = self.both(given);
        assert_eq!(shown(&here.0), shown(&there.0), "{}", given.name());
        assert_eq!(here.1, there.1, "the log of {}", given.name());
        here.0
    }

    /// Makes sure that both answer the same to a request, and returns it.
    pub(super) fn asked(&self, endpoint: &str, arguments: &Value) -> Outcome {
        self.same(&request(endpoint, arguments))
    }

    pub(super) async fn run_here(&self, given: &Given) -> Outcome {
        let HandedApp {
            identity, access, ..
        } = &*self.app;
        let run = |state| async move {
            let meter = self.program.admit(Admission::Usual).await;
            let program = &self.program;
            match given {
                Given::Request(request) => {
                    let called = program.call(identity, &meter, access, state, request, None);
                    let (outcome, state, _) = called.await;
                    (outcome, state)
                }
                Given::Event(event) => taken(
                    program
                        .on_event(identity, &meter, access, state, event)
                        .await,
                ),
                Given::Reply(reply) => taken(
                    program
                        .on_reply(identity, &meter, access, state, reply)
                        .await,
                ),
                Given::Due(due) => {
                    taken(program.on_due(identity, &meter, access, state, due).await)
                }
            }
        };
        self.here
            .transact(&self.app.limits, run, is_kept)
            .await
            .unwrap()
    }

    pub(super) async fn run_there(&self, given: &Given) -> Outcome {
        let run = |state| async move {
            let prepared = self.prepared(given, state).await;
            loopback::run(&self.program, prepared).await.unwrap()
        };
        self.there
            .transact(&self.app.limits, run, is_kept)
            .await
            .unwrap()
    }

    pub(super) async fn prepared(&self, given: &Given, state: Session) -> PreparedOwner {
        PreparedOwner::new(&self.app, given.work(), state).await
    }
}

impl Given {
    fn name(&self) -> String {
        match self {
            Self::Request(request) => {
                let body = request.body.clone().unwrap_or_default();
                format!("{} {}", request.endpoint, String::from_utf8_lossy(&body))
            }
            Self::Event(event) => format!("event of {}", event.path),
            Self::Reply(reply) => format!("reply to {}", reply.url),
            Self::Due(due) => format!("{} is due", due.schedule),
        }
    }

    pub(super) fn work(&self) -> Work {
        match self {
            Self::Request(request) => request.into(),
            Self::Event(event) => event.into(),
            Self::Reply(reply) => reply.into(),
            Self::Due(due) => due.into(),
        }
    }
}

/// Returns a request with these arguments.
pub(super) fn request(endpoint: &str, arguments: &Value) -> Given {
    Given::Request(rpc::Request {
        id: "c9c22855-686a-49f9-b6f2-11c98f11b79a".to_owned(),
        endpoint: endpoint.to_owned(),
        sender: "bob@example.org".to_owned(),
        sender_proof: types::SenderProof::Folder,
        url: format!("syft://{OWNER}/app_data/twin/rpc{endpoint}"),
        method: types::Method::Post,
        headers: vec![("X-Of".to_owned(), "bob".to_owned())],
        body: (!arguments.is_null()).then(|| arguments.to_string().into_bytes()),
        created: 1_700_000_000_000_000,
        expires: 1_800_000_000_000_000,
    })
}

/// Returns what an answer says.
pub(super) fn answered(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Answered(answer) => {
            let body = answer.body.as_deref().unwrap_or(b"null");
            serde_json::from_slice(body).unwrap()
        }
        outcome => panic!("{outcome:?}"),
    }
}

/// What came of it, without what no two calls have in common.
fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered(answer) => {
            let body = answer.body.as_deref().unwrap_or_default();
            let mut body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
            if let Some(body) = body.as_object_mut() {
                body.remove("time_left_us");
            }
            format!("{} {:?} {body}", answer.status, answer.headers)
        }
        outcome => format!("{outcome:?}"),
    }
}

pub(super) fn is_kept(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered(_))
}

fn taken((taken, state): (Result<(), Outcome>, Session)) -> (Outcome, Session) {
    let nothing = syft_runtime::sandbox::Answer {
        status: 200,
        headers: Vec::new(),
        body: None,
    };
    (
        taken.map_or_else(|outcome| outcome, |()| Outcome::Answered(nothing)),
        state,
    )
}

/// Compiles each guest once for all tests.
fn load(component: &[u8], limits: &Limits) -> (ProgramGuard, AppMemory) {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-for-remote");
    let memory = Memory::unbounded();
    let sandbox = Sandbox::new(limits.clone(), CompileLimits::default(), &cache, &memory).unwrap();
    let program: ProgramSource = sandbox.load(component, Compiling::Alone).unwrap().into();
    (program.if_loaded().unwrap(), program.memory().clone())
}

fn secret_store(folder: &Path, secrets: &[(&str, &str)]) -> SecretStore {
    let store = SecretStore::new(folder);
    for (name, value) in secrets {
        let value = SecretValue::new(Zeroizing::new((*value).to_owned())).unwrap();
        store
            .set(&VariableName::parse(name).unwrap(), &value)
            .unwrap();
    }
    store
}

fn access(manifest: &Manifest, secrets: SecretStore, limits: &Limits) -> AppAccess {
    let grants = Grants {
        http: HttpGrants {
            requested: manifest.http.clone(),
            approved: manifest.http.clone(),
            denied: Vec::new(),
        },
        messages: MessageGrants {
            requested: manifest.messages.clone(),
            approved: manifest.messages.clone(),
        },
        ..Grants::default()
    };
    let (owner, app) = (
        Datasite::parse(OWNER).unwrap(),
        AppName::parse("twin").unwrap(),
    );
    AppAccess {
        http: HttpAccess::new(&grants.http, limits),
        messages: MessageAccess::new(&grants, &owner, &app),
        environment: EnvironmentAccess::new(
            "twin",
            &manifest.args,
            manifest.env.clone(),
            secrets,
            manifest.secrets.clone(),
        ),
        advice: Advice::ToAuthor,
        ..AppAccess::default()
    }
}

/// Runs something, and returns what the log says meanwhile.
pub(super) fn logged<T>(run: impl FnOnce() -> T) -> (T, Vec<String>) {
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
        let target = event.metadata().target();
        if target == "guest"
            || target.starts_with("syft_runtime::capability")
            || target.ends_with("touched")
        {
            let mut line = Line(event.metadata().level().to_string());
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
