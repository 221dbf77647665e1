//! Where calls run, with a pool behind which there is what the test says: no worker, lost ones, or
//! nobody for a while. Workers that run something are in `workers`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use syft_manifest::{Digest, Grants, Limits, WorkerNeeds};
use syft_protocol::address::{Address, AppName, Datasite, Folder, Proof, RequestId, Sender};
use syft_protocol::inbox::{Refusal, Stamp, Version};
use syft_protocol::message::{Headers, Method, Request, Response};
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;
use syft_runtime::capability::AppAccess;
use syft_runtime::capability::files::FileAccess;
use syft_runtime::memory::Memory;
use syft_runtime::program_cache::{LoadedProgram, ProgramSource};
use syft_runtime::remote::{NotRun, Pool, PoolEnd};
use syft_runtime::sandbox::{CompileLimits, Compiling, Sandbox};
use syft_runtime::state::{Store, StoreOptions};
use syft_server::app::{App, AppAnswer, AppPlace, LoadedApp, Placement, WithoutWorkers};
use syft_server::encryption::{Encryption, KeyPlaces, OpenedEnvelopes};
use tokio::runtime::Runtime;

use crate::children::launch;
use crate::support::apps::with_manifest;
use crate::support::guests::{example, guest};
use crate::support::host::{Ended, as_owner, output, syft_host};
use crate::support::site::Site;

/// An app that counts, and what its calls are given to.
struct Placed {
    runtime: Runtime,
    app: Arc<App>,
    /// How often a call was given out.
    given: Arc<AtomicU32>,
    n_called: AtomicU32,
    _folder: tempfile::TempDir,
}

impl Placed {
    /// Returns one whose calls are given to a pool that says of each call why it was not run.
    fn new(without_workers: WithoutWorkers, why: NotRun) -> Self {
        let given = Arc::new(AtomicU32::new(0));
        let (pool, end) = Pool::new();
        let placed = Self::with(pool, without_workers, given);
        let given = Arc::clone(&placed.given);
        placed.runtime.spawn(async move {
            let PoolEnd { mut calls, stats } = end;
            while let Some(call) = calls.recv().await {
                given.fetch_add(1, Ordering::SeqCst);
                assert!(call.needs.cpu);
                call.reply.send(Ok(Err(why.clone()))).ok();
                // Something is new, so who waits tries again.
                stats.send_modify(|stats| stats.refused += 1);
            }
        });
        placed
    }

    fn with(pool: Pool, without_workers: WithoutWorkers, given: Arc<AtomicU32>) -> Self {
        launch();
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let app = runtime.block_on(app(folder.path()));
        let placement = Placement {
            pool: Some(pool),
            without_workers,
            ..Placement::default()
        };
        let place = AppPlace {
            needs: WorkerNeeds {
                cpu: true,
                ..WorkerNeeds::default()
            },
            is_bound_here: false,
        };
        Self {
            app: Arc::new(app.placed(&placement, &place)),
            runtime,
            given,
            n_called: AtomicU32::new(0),
            _folder: folder,
        }
    }

    /// Calls it with a request that expires after a while.
    fn call(&self, expires_in: Duration) -> AppAnswer {
        let n = self.n_called.fetch_add(1, Ordering::SeqCst);
        let now = Timestamp::from_system_time(SystemTime::now());
        let request = Request {
            id: None,
            sender: "bob@example.com".to_owned(),
            url: SyftUrl::parse("syft://owner@example.com/app_data/app/rpc/increment").unwrap(),
            body: Some(b"{}".to_vec()),
            headers: Headers::default(),
            created: now,
            expires: now.saturating_add(expires_in),
            method: Method::Post,
        };
        let sender = Sender {
            email: request.sender.clone(),
            proof: Proof::Folder,
        };
        let id = RequestId::parse(&format!("00000000-0000-4000-8000-{n:012}")).unwrap();
        let address = Address::new(Arc::new(Folder::parse(&["increment"]).unwrap()), id);
        let version = Version::unread(Stamp {
            inode: n.into(),
            bytes: 0,
            changed: 0,
        });
        let answer = self.app.answer(&address, version, request, sender);
        self.runtime.block_on(answer).unwrap()
    }

    fn n_given(&self) -> u32 {
        self.given.load(Ordering::SeqCst)
    }
}

async fn app(folder: &Path) -> App {
    let (limits, memory) = (Limits::default(), Memory::unbounded());
    let compiled = folder.join("compiled");
    let sandbox = Sandbox::new(limits.clone(), CompileLimits::default(), &compiled, &memory);
    let sandbox = Arc::new(sandbox.unwrap());
    let component = fs::read(example("counter")).unwrap();
    let program = sandbox.load(&component, Compiling::Alone).unwrap();
    let program = LoadedProgram::new(sandbox, Digest::of(&component), program);
    let name = AppName::parse("app").unwrap();
    let owner = Datasite::parse("owner@example.com").unwrap();
    let program = ProgramSource::Always(Box::new(program));
    let loaded = LoadedApp::ask(program, name.clone(), owner.clone(), &[]).await;
    let datasites = folder.join("datasites");
    fs::create_dir_all(&datasites).unwrap();
    let files = FileAccess::new(&datasites, &Grants::default(), &owner, &name).unwrap();
    let keys = KeyPlaces {
        datasites,
        owner,
        own_keys: folder.join("pvt.jwks.json"),
        server_host: "127.0.0.1".to_owned(),
        senders: folder.join("senders"),
    };
    let state = Store::open(&folder.join("state"), &limits, &StoreOptions::default());
    let access = AppAccess {
        files,
        ..AppAccess::default()
    };
    let encryption = Encryption::new(keys, name, OpenedEnvelopes::default());
    App::new(loaded.unwrap(), access, state.unwrap(), encryption, false)
}

fn answered_here(answer: AppAnswer, expected: &str) {
    let AppAnswer::Ran(call) = answer else {
        panic!("it did not run: {answer:?}")
    };
    let now = Timestamp::from_system_time(SystemTime::now());
    let response = Response::from_json(&call.answer.json, now).unwrap();
    assert_eq!(call.worker, None);
    assert_eq!(response.status.code(), 200);
    let body = String::from_utf8(response.body.unwrap()).unwrap();
    assert_eq!(body, expected);
}

const LONG: Duration = Duration::from_secs(600);

#[test]
fn a_call_runs_here_where_no_worker_takes_it() {
    let placed = Placed::new(WithoutWorkers::Run, NotRun::NoWorker);
    answered_here(placed.call(LONG), r#"{"counter":1}"#);
    answered_here(placed.call(LONG), r#"{"counter":2}"#);
    assert_eq!(placed.n_given(), 2);
}

#[test]
fn a_call_runs_here_once_its_workers_were_lost() {
    let lost = NotRun::Lost("it was killed".to_owned());
    let placed = Placed::new(WithoutWorkers::Run, lost);
    answered_here(placed.call(LONG), r#"{"counter":1}"#);
    assert_eq!(placed.n_given(), 3);
}

#[test]
fn a_call_that_all_its_workers_were_lost_with_fails() {
    let lost = NotRun::Lost("it was killed".to_owned());
    let placed = Placed::new(WithoutWorkers::Wait, lost);
    let AppAnswer::Ran(call) = placed.call(LONG) else {
        panic!("it was not given up")
    };
    assert_eq!((call.ended.outcome, placed.n_given()), ("trapped", 8));
    let detail = call.ended.detail.unwrap();
    assert!(
        detail.contains("its worker was lost: it was killed"),
        "{detail}"
    );
    // Nothing of it was kept, and it can be asked again.
    drop(call.answer);
}

#[test]
fn a_request_that_waits_for_a_worker_expires_as_others_do() {
    let placed = Placed::new(WithoutWorkers::Wait, NotRun::NoWorker);
    let answer = placed.call(Duration::from_millis(50));
    let AppAnswer::Refused(answer, Refusal::Expired) = answer else {
        panic!("it did not expire: {answer:?}")
    };
    assert_eq!(answer.status.code(), 419);
    assert!(placed.n_given() > 0);
}

#[test]
fn a_pool_that_is_gone_is_one_without_workers() {
    let (pool, end) = Pool::new();
    drop(end);
    let placed = Placed::with(pool, WithoutWorkers::Run, Arc::default());
    answered_here(placed.call(LONG), r#"{"counter":1}"#);
}

#[test]
fn inspect_shows_what_an_app_wants_of_the_machine_that_runs_its_calls() {
    let site = Site::new();
    let manifest = "[worker]\ncpu = true\nmemory = '2GiB'\nlabels = ['gpu', 'eu']\n";
    let app = with_manifest(&site, &guest("probe"), manifest);
    let path = app.to_str().unwrap();
    let words = as_owner(&site, &["inspect", path]).succeeded().stdout;
    let expected = "Wants of the machine that runs its calls:\n  \
        processor time, 2 GiB of memory, the label eu, the label gpu\n";
    assert!(words.contains(expected), "{words}");
    let json = as_owner(&site, &["--json", "inspect", path])
        .succeeded()
        .stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let expected = json!({"cpu": true, "memory_bytes": 2_u64 << 30, "labels": ["eu", "gpu"]});
    assert_eq!(json["worker"], expected);
}

#[test]
fn options_of_workers_are_checked_before_anything_is_served() {
    let site = Site::new();
    for (options, expected) in [
        (&["--on-workers", "most"][..], "possible values: asked, all"),
        (&["--without-workers", "fail"], "possible values: run, wait"),
        (
            &["--workers", "nats://127.0.0.1:4222"],
            "the owner makes keys with `syft-host workers setup`",
        ),
        (
            &["--workers", "http://127.0.0.1"],
            "write it as `nats://HOST:4222`",
        ),
    ] {
        let mut command = syft_host(&site);
        let ended = Ended::of(&output(command.arg("serve").args(options)));
        let error = ended.refused();
        assert!(error.contains(expected), "{options:?}: {error}");
    }
}
