//! The state of one call: everything a guest can reach.
//!
//! Why: docs/decisions/15-a-fresh-instance-for-each-call.md

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::limits::Limits;
use super::meter::{Charge, Limiter, Meter, Part};
use super::output::Output;
use crate::capability::files::Guard;
use crate::state::Session;

/// Whom a guest runs for.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The name of the app.
    pub app: Arc<str>,
    /// The email of the owner.
    pub datasite: Arc<str>,
}

/// What the host holds for one call. A guest reaches nothing that is not here.
pub(crate) struct CallState {
    wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) files: Guard,
    pub(crate) state: Session,
    limiter: Limiter,
    pub(crate) meter: Meter,
    /// What is on its way to the guest: the result of the last operation that had one worth
    /// counting. It may have arrived by now.
    pub(crate) passing: Charge,
    pub(crate) identity: Identity,
    pub(crate) output: Output,
    pub(crate) deadline: Instant,
}

impl CallState {
    pub(crate) fn limits(&self) -> &Limits {
        self.limiter.limits()
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// Returns a store for one call, in which there are the files that were granted
/// and nothing else: no argument, no environment variable, no network.
pub(super) fn new(
    engine: &Engine,
    limits: &Limits,
    meter: &Meter,
    identity: Identity,
    files: Guard,
    state: Session,
    output: Output,
) -> Store<CallState> {
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles);
    let wasi = WasiCtx::builder()
        .stdout(output.stream("stdout"))
        .stderr(output.stream("stderr"))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(limits.random_bytes)
        .build();
    let state = CallState {
        wasi,
        table,
        files,
        state,
        limiter: Limiter::new(limits.clone(), meter),
        meter: meter.clone(),
        passing: meter.nothing(Part::Held),
        identity,
        output,
        deadline: Instant::now() + limits.time,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(limits.hostcall_bytes);
    store.set_max_component_handles(limits.handles);
    // Without a deadline a store with epochs traps at once.
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    store
}
