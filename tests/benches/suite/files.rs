//! What it costs to open a file through the policy, beside plain wasmtime-wasi.
//!
//! The same guest opens the same file, two folders down, again and again: once with
//! the files of `syft-host`, granted by a pattern, and once with a preopened folder
//! of wasmtime-wasi's own. Both work on the calling thread. The time of a call that
//! opens nothing is taken off.

use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use syft_manifest::{Files, Grants, Limits};
use syft_protocol::address::{Address, AppName, Datasite, Folder, Proof, RequestId, Sender};
use syft_protocol::grant::PathPattern;
use syft_protocol::inbox::{Stamp, Version};
use syft_protocol::message::{Headers, Method, Request, Response};
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;
use syft_runtime::capability::AppAccess;
use syft_runtime::capability::files::FileAccess;
use syft_runtime::child;
use syft_runtime::memory::Memory;
use syft_runtime::sandbox::{CompileLimits, Compiling, Sandbox};
use syft_runtime::state;
use syft_server::app::{App, AppAnswer, LoadedApp};
use syft_server::encryption::{Encryption, KeyPlaces, OpenedEnvelopes};
use tokio::runtime::Builder;
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

use crate::case::{Case, Measured, OPEN};
use crate::site::Place;
use crate::support::guests;

const FILE: &str = "/datasites/a@example.com/public/x.txt";

/// Enters both. Each measures a call that opens the file so often, less one that opens
/// nothing.
pub(crate) fn enter(case: &mut Case, opens: u32) -> anyhow::Result<()> {
    let place = tempfile::tempdir_in(Place::Memory.folder())?;
    let datasites = place.path().join("datasites");
    let public = datasites.join("a@example.com/public");
    fs::create_dir_all(&public)?;
    fs::write(public.join("x.txt"), "x")?;
    let component = fs::read(guests::guest("probe"))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ours = runtime.block_on(Ours::new(place.path(), &datasites, &component));
    let stock = StockFiles::new(&datasites, &component);
    // The first call of each warms up.
    runtime.block_on(ours.time(opens));
    runtime.block_on(stock.time(opens));
    // The files stay until both are done.
    let stage = Rc::new((runtime, place));
    let of_stock = Rc::clone(&stage);
    case.enter(OURS, move || {
        let times = [opens, 0].map(|opens| stage.0.block_on(ours.time(opens)));
        Ok(each(times, opens))
    });
    case.enter(STOCK, move || {
        let times = [opens, 0].map(|opens| of_stock.0.block_on(stock.time(opens)));
        Ok(each(times, opens))
    });
    Ok(())
}

pub(crate) const OURS: &str = "syft-host";
pub(crate) const STOCK: &str = "wasmtime-wasi";

fn each([all, none]: [Duration; 2], opens: u32) -> Measured {
    let micros = all.saturating_sub(none).as_secs_f64() * 1e6;
    Measured::new(0).with(&OPEN, micros / f64::from(opens))
}

fn body(opens: u32) -> Vec<u8> {
    format!(r#"{{"path":"{FILE}","n":{opens}}}"#).into_bytes()
}

struct Ours {
    app: App,
    address: Address,
}

#[expect(clippy::unwrap_used, reason = "what fails ends it")]
impl Ours {
    async fn new(place: &Path, datasites: &Path, component: &[u8]) -> Self {
        let limits = Limits {
            time: Duration::from_secs(600),
            ..Limits::default()
        };
        child::launch_by(Path::new(env!("CARGO_BIN_EXE_syft-host")));
        let memory = Memory::unbounded();
        let compiling = CompileLimits::default();
        let sandbox = Sandbox::new(limits, compiling, &place.join("compiled"), &memory);
        let sandbox = sandbox.unwrap();
        let name = AppName::parse("app").unwrap();
        let owner = Datasite::parse("owner@example.com").unwrap();
        let files = Files {
            read: vec![PathPattern::parse("*/public/*.txt").unwrap()],
            ..Files::default()
        };
        let grants = Grants {
            requested: files.clone(),
            approved: files,
            ..Grants::default()
        };
        let files = FileAccess::new(datasites, &grants, &owner, &name).unwrap();
        let state = state::Store::open(
            &place.join("state"),
            sandbox.limits(),
            &state::StoreOptions::default(),
        )
        .unwrap();
        let program = sandbox.load(component, Compiling::Alone).unwrap();
        let keys = KeyPlaces {
            datasites: datasites.to_owned(),
            owner: owner.clone(),
            own_keys: place.join("pvt.jwks.json"),
            server_host: "127.0.0.1".to_owned(),
            senders: place.join("senders"),
        };
        let encryption = Encryption::new(keys, name.clone(), OpenedEnvelopes::default());
        let loaded = LoadedApp::ask(program.into(), name, owner, &[])
            .await
            .unwrap();
        let access = AppAccess {
            files,
            ..AppAccess::default()
        };
        let app = App::new(loaded, access, state, encryption, false);
        let id = RequestId::parse("c9c22855-686a-49f9-b6f2-11c98f11b79a").unwrap();
        let folder = Folder::parse(&["open-many"]).unwrap();
        let address = Address::new(Arc::new(folder), id);
        Self { app, address }
    }

    async fn time(&self, opens: u32) -> Duration {
        let now = Timestamp::from_system_time(SystemTime::now());
        let request = Request {
            id: None,
            sender: "a@example.com".to_owned(),
            url: SyftUrl::parse("syft://owner@example.com/app_data/app/rpc/open-many").unwrap(),
            body: Some(body(opens)),
            headers: Headers::default(),
            created: now,
            expires: now.saturating_add(Duration::from_secs(600)),
            method: Method::Post,
        };
        let sender = Sender {
            email: request.sender.clone(),
            proof: Proof::Folder,
        };
        let version = Version::unread(Stamp {
            inode: 0,
            bytes: 0,
            changed: 0,
        });
        let start = Instant::now();
        let answer = self.app.answer(&self.address, version, request, sender);
        let answer = answer.await.unwrap();
        let took = start.elapsed();
        let AppAnswer::Ran(call) = answer else {
            panic!("nothing ran before: {answer:?}")
        };
        let response = Response::from_json(&call.answer.json, now).unwrap();
        assert_eq!(response.body, Some(opens.to_string().into_bytes()));
        took
    }
}

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "generated")]
    wasmtime::component::bindgen!({
        path: "runtime/wit",
        // What the guest uses of the world of apps.
        inline: "
            package syft:bench;
            world stock {
                import syft:app/context@0.1.0;
                import syft:app/log@0.1.0;
                export syft:app/rpc@0.1.0;
            }
        ",
        imports: { default: trappable },
        exports: { default: async },
    });
}

/// The same world with wasmtime-wasi's own files.
struct StockFiles {
    engine: Engine,
    pre: bindings::StockPre<State>,
    datasites: std::path::PathBuf,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl bindings::syft::app::types::Host for State {}

impl bindings::syft::app::context::Host for State {
    fn datasite(&mut self) -> wasmtime::Result<String> {
        Ok(String::new())
    }

    fn app(&mut self) -> wasmtime::Result<String> {
        Ok(String::new())
    }

    fn time_left(&mut self) -> wasmtime::Result<u64> {
        Ok(0)
    }

    fn idempotency_key(&mut self) -> wasmtime::Result<String> {
        Ok(String::new())
    }
}

impl bindings::syft::app::log::Host for State {
    fn write(&mut self, _: bindings::syft::app::log::Level, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
}

#[expect(clippy::unwrap_used, reason = "what fails ends it")]
impl StockFiles {
    fn new(datasites: &Path, component: &[u8]) -> Self {
        let mut config = Config::new();
        config.wasm_component_model(true).epoch_interruption(true);
        let engine = Engine::new(&config).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        bindings::Stock::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)
            .unwrap();
        let component = Component::from_binary(&engine, component).unwrap();
        let pre = bindings::StockPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        Self {
            engine,
            pre,
            datasites: datasites.to_owned(),
        }
    }

    async fn time(&self, opens: u32) -> Duration {
        use bindings::exports::syft::app::rpc;
        let request = rpc::Request {
            id: String::new(),
            endpoint: "/open-many".to_owned(),
            sender: String::new(),
            sender_proof: bindings::syft::app::types::SenderProof::Folder,
            url: String::new(),
            method: bindings::syft::app::types::Method::Post,
            headers: Vec::new(),
            body: Some(body(opens)),
            created: 0,
            expires: 0,
        };
        let wasi = WasiCtx::builder()
            .allow_blocking_current_thread(true)
            .preopened_dir(&self.datasites, "/datasites", FsPerms::ReadOnly)
            .unwrap()
            .build();
        let state = State {
            wasi,
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, state);
        store.set_epoch_deadline(u64::MAX / 2);
        let start = Instant::now();
        let app = self.pre.instantiate_async(&mut store).await.unwrap();
        let answer = app
            .syft_app_rpc()
            .call_handle(&mut store, &request)
            .await
            .unwrap();
        let took = start.elapsed();
        assert_eq!(answer.unwrap().body, Some(opens.to_string().into_bytes()));
        took
    }
}
