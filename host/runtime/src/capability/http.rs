//! `wasi:http`: requests to where the owner allowed.
//!
//! Each request is decided by its origin and its method, goes to an address that was checked,
//! and is bounded by what is left to its call.
//!
//! Why: docs/decisions/56-http-goes-to-checked-addresses.md

mod body;
mod connect;
mod elsewhere;
mod exchange;
mod guard;
mod interface;
mod lease;
mod parts;
mod policy;
mod recorded;
mod served;
mod tls;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use syft_manifest::{HttpGrants, Limits};
use tokio::sync::Semaphore;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi_http::WasiHttpCtx;
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};

use super::CallLabel;
use super::environment::CallEnvironment;
use crate::meter::{Charge, Meter};
use crate::recording::Recorder;
use exchange::Hooks;
pub(crate) use guard::HttpGuard;
use policy::HttpPolicy;
pub(crate) use served::{NoSuchGuest, ServedHttp};

/// What an app may send: nothing, as long as nothing was granted.
#[derive(Clone, Default)]
pub struct HttpAccess {
    policy: Arc<HttpPolicy>,
    /// Places for connections of all its calls; none where it has only those of each call.
    connections: Option<Arc<Semaphore>>,
}

impl HttpAccess {
    /// Returns what grants allow.
    pub fn new(grants: &HttpGrants, limits: &Limits) -> Self {
        Self {
            policy: Arc::new(HttpPolicy::new(grants)),
            connections: Some(Arc::new(Semaphore::new(limits.http_app_connections))),
        }
    }

    /// Returns what one call may send.
    pub(super) fn for_call(
        &self,
        limits: &Limits,
        label: &CallLabel,
        meter: &Meter,
        environment: &Arc<CallEnvironment>,
        recorder: Option<&Recorder>,
    ) -> HttpGuard {
        let deadline = Instant::now() + limits.time;
        let places = lease::Places::new(limits, self.connections.clone(), meter);
        let log = guard::RequestLog::new(label);
        let (policy, environment) = (Arc::clone(&self.policy), Arc::clone(environment));
        HttpGuard::new(policy, environment, limits, places, deadline, log).recorded_by(recorder)
    }
}

/// What one call has of HTTP.
pub(crate) struct HttpCtx {
    wasi: WasiHttpCtx,
    hooks: Hooks,
    meter: Meter,
    /// What is buffered of the bodies of requests that were not sent yet, by their handle.
    bodies: HashMap<u32, Charge>,
}

impl HttpCtx {
    /// Returns what a call has that may send so much.
    pub(crate) fn new(guard: HttpGuard, meter: &Meter) -> Self {
        let mut wasi = WasiHttpCtx::new();
        wasi.set_field_size_limit(lease::HEADERS_BYTES);
        Self {
            wasi,
            hooks: Hooks::new(guard),
            meter: meter.clone(),
            bodies: HashMap::new(),
        }
    }
}

/// All that the operations can reach.
pub(crate) struct HttpView<'a> {
    pub(crate) ctx: &'a mut HttpCtx,
    pub(crate) table: &'a mut ResourceTable,
}

struct HttpData;

impl HasData for HttpData {
    type Data<'a> = HttpView<'a>;
}

/// Links the operations, each of which gets this view of a call.
pub(crate) fn add_to_linker<T: Send>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> HttpView<'_>,
) -> wasmtime::Result<()> {
    let options = LinkOptions::default();
    outgoing_handler::add_to_linker::<T, HttpData>(linker, view)?;
    types::add_to_linker::<T, HttpData>(linker, &(&options).into(), view)
}
