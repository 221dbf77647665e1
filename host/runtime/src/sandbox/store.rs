//! The state of one call: everything a guest can reach.
//!
//! Why: docs/decisions/15-a-fresh-instance-for-each-call.md

use syft_manifest::Limits;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::limiter::Limiter;
use crate::capability::files::{FilesView, Guard};
use crate::capability::http::{HttpCtx, HttpView};
use crate::capability::keyvalue::{KeyValueCtx, KeyValueView};
use crate::capability::{CallAccess, CallContext, Output};
use crate::meter::Meter;
use crate::state::Session;

/// What the host holds for one call. A guest reaches nothing that is not here, and each of
/// its imports only the part that one of these methods returns.
pub(super) struct CallState {
    wasi: WasiCtx,
    table: ResourceTable,
    files: Guard,
    http: HttpCtx,
    keyvalue: KeyValueCtx,
    context: CallContext,
    output: Output,
    limiter: Limiter,
}

impl CallState {
    pub(super) fn files(&mut self) -> FilesView<'_> {
        FilesView {
            files: &self.files,
            table: &mut self.table,
        }
    }

    pub(super) fn http(&mut self) -> HttpView<'_> {
        HttpView {
            ctx: &mut self.http,
            table: &mut self.table,
        }
    }

    pub(super) fn keyvalue(&mut self) -> KeyValueView<'_> {
        KeyValueView {
            ctx: &mut self.keyvalue,
            table: &mut self.table,
        }
    }

    pub(super) fn context(&mut self) -> &mut CallContext {
        &mut self.context
    }

    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Returns the app's state as the call left it.
    pub(super) fn into_session(self) -> Session {
        self.keyvalue.into_session()
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

/// Returns a store for one call, in which there are the files, requests, arguments and variables
/// that were granted and nothing else: none of the host's own, and no socket.
pub(super) fn new(
    engine: &Engine,
    limits: &Limits,
    meter: &Meter,
    context: CallContext,
    access: CallAccess,
    session: Session,
    output: Output,
) -> Store<CallState> {
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles);
    let mut wasi = WasiCtx::builder();
    access.environment.give(&mut wasi);
    let wasi = wasi
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
        files: access.files,
        http: HttpCtx::new(access.http, meter),
        keyvalue: KeyValueCtx::new(session, limits, meter),
        context,
        output,
        limiter: Limiter::new(limits.clone(), meter),
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
