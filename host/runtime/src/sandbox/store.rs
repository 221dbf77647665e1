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
use crate::capability::messages::{MessagesCtx, MessagesView};
use crate::capability::recorded_chance;
use crate::capability::standard_output::StandardOutput;
use crate::capability::{CallAccess, CallContext, Output};
use crate::meter::{MemoryRefused, Meter};
use crate::state::{Effects, Session};

/// What the host holds for one call. A guest reaches nothing that is not here, and each of
/// its imports only the part that one of these methods returns. Each takes note that it was
/// asked for.
pub(super) struct CallState {
    wasi: WasiCtx,
    table: ResourceTable,
    files: Guard,
    http: HttpCtx,
    keyvalue: KeyValueCtx,
    messages: MessagesCtx,
    context: CallContext,
    output: Output,
    standard_output: StandardOutput,
    limiter: Limiter,
    was_asked: bool,
}

impl CallState {
    /// Returns the state of one call, in which there are the files, requests, arguments and
    /// variables that were granted and nothing else: none of the host's own, and no socket.
    pub(super) fn new(
        limits: &Limits,
        meter: &Meter,
        context: CallContext,
        access: CallAccess,
        session: Session,
        output: Output,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let mut wasi = WasiCtx::builder();
        access.environment.give(&mut wasi);
        if let Some(recorder) = &access.recorder {
            recorded_chance::record(&mut wasi, recorder);
        }
        let standard_output = StandardOutput::new(&output);
        let messages = MessagesCtx::new(
            access.messages,
            &context.identity,
            &context.idempotency_key,
            context.deadline,
            limits,
            meter,
        );
        let wasi = wasi
            .stdout(standard_output.stdout.clone())
            .stderr(standard_output.stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(limits.random_bytes)
            .build();
        Self {
            wasi,
            table,
            files: access.files,
            http: HttpCtx::new(access.http, meter),
            keyvalue: KeyValueCtx::new(session, limits, meter, output.clone(), access.recorder),
            messages,
            context,
            output,
            standard_output,
            limiter: Limiter::new(limits.clone(), meter),
            was_asked: false,
        }
    }

    /// Returns a limiter that has counted what this one has, by the meter of another call.
    pub(super) fn limiter_by(&self, meter: &Meter) -> Result<Limiter, MemoryRefused> {
        self.limiter.by(meter)
    }

    pub(super) fn files(&mut self) -> FilesView<'_> {
        self.was_asked = true;
        FilesView {
            files: &self.files,
            table: &mut self.table,
        }
    }

    pub(super) fn http(&mut self) -> HttpView<'_> {
        self.was_asked = true;
        HttpView {
            ctx: &mut self.http,
            table: &mut self.table,
        }
    }

    pub(super) fn keyvalue(&mut self) -> KeyValueView<'_> {
        self.was_asked = true;
        KeyValueView {
            ctx: &mut self.keyvalue,
            table: &mut self.table,
        }
    }

    pub(super) fn messages(&mut self) -> MessagesView<'_> {
        self.was_asked = true;
        MessagesView {
            ctx: &mut self.messages,
            session: self.keyvalue.session(),
        }
    }

    pub(super) fn context(&mut self) -> &mut CallContext {
        self.was_asked = true;
        &mut self.context
    }

    pub(super) fn output(&mut self) -> &mut Output {
        self.was_asked = true;
        &mut self.output
    }

    pub(super) fn standard_output(&mut self) -> &mut StandardOutput {
        self.was_asked = true;
        &mut self.standard_output
    }

    /// Ends the lines that the guest has not ended.
    pub(super) fn end_lines(&self) {
        self.standard_output.end();
    }

    /// Returns what the call has changed in files and nobody else has seen.
    pub(super) fn take_staged(&self) -> Option<Box<dyn Effects>> {
        self.files.take_staged()
    }

    /// Returns the app's state as the call left it, with the messages that leave if it is kept.
    pub(super) fn take_session(&mut self) -> Session {
        let mut session = self.keyvalue.take_session();
        session.also_send(self.messages.take_queued());
        session
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.was_asked = true;
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// Returns a store for one call.
pub(super) fn new(engine: &Engine, limits: &Limits, state: CallState) -> Store<CallState> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    begin(&mut store, limits);
    store
}

/// Gives a store in which an instance waits to a call, whose limiter has counted that instance.
pub(super) fn give(
    store: &mut Store<CallState>,
    limits: &Limits,
    state: CallState,
    limiter: Limiter,
) {
    *store.data_mut() = CallState { limiter, ..state };
    begin(store, limits);
}

/// Tells whether the guest has asked the host for anything, or waits for something.
pub(super) fn was_asked(store: &mut Store<CallState>) -> bool {
    let tasks = store.concurrent_resource_table();
    let is_waiting = tasks.is_some_and(|tasks| !tasks.is_empty());
    is_waiting || store.data().was_asked
}

fn begin(store: &mut Store<CallState>, limits: &Limits) {
    store.set_hostcall_fuel(limits.hostcall_bytes);
    store.set_max_component_handles(limits.handles);
    if let Some(tasks) = store.concurrent_resource_table() {
        tasks.set_max_capacity(limits.tasks);
    }
    // Without a deadline a store with epochs traps at once.
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
}
