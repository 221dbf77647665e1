//! What guests may import, and which part of a call's state each import is given.
//!
//! Why: docs/decisions/69-apps-for-wasi-0-3-run-beside-others.md

use wasmtime::component::{HasData, HasSelf, Linker};
use wasmtime::{Engine, Result};
use wasmtime_wasi::p3;

use super::sockets;
use super::store::CallState;
use super::wasi::Wasi;
use crate::capability::{self, CallContext, Output};
use crate::wit::{context, log, types};

/// Returns a linker with WASI and our own interfaces. They are always there; one that was
/// not granted says so when it is called.
pub(super) fn new(engine: &Engine, wasi: Wasi) -> Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    // Our files take the place of those that WASI's own implementation has, and so do refusals.
    linker.allow_shadowing(true);
    capability::files::add_to_linker(&mut linker, CallState::files)?;
    sockets::refuse(&mut linker)?;
    linker.allow_shadowing(false);
    capability::http::add_to_linker(&mut linker, CallState::http)?;
    capability::keyvalue::add_to_linker(&mut linker, CallState::keyvalue)?;
    capability::messages::add_to_linker(&mut linker, CallState::messages)?;
    types::add_to_linker::<_, NoFunctions>(&mut linker, |_| NoFunctions)?;
    context::add_to_linker::<_, HasSelf<CallContext>>(&mut linker, CallState::context)?;
    log::add_to_linker::<_, HasSelf<Output>>(&mut linker, CallState::output)?;
    if wasi == Wasi::V0_3 {
        add_wasi_0_3(&mut linker)?;
    }
    Ok(linker)
}

/// Adds what there is of WASI 0.3. wasmtime's sockets and HTTP of that version know nothing of
/// grants, so they are not among it.
fn add_wasi_0_3(linker: &mut Linker<CallState>) -> Result<()> {
    p3::cli::add_to_linker(linker)?;
    // Our output takes the place of wasmtime's.
    linker.allow_shadowing(true);
    capability::standard_output::add_to_linker(linker, CallState::standard_output)?;
    linker.allow_shadowing(false);
    capability::files::add_0_3_to_linker(linker, CallState::files)?;
    p3::clocks::add_to_linker(linker)?;
    p3::random::add_to_linker(linker)
}

/// An interface of types alone needs nothing of a call.
struct NoFunctions;

impl HasData for NoFunctions {
    type Data<'a> = Self;
}

impl types::Host for NoFunctions {}
