//! What guests may import, and which part of a call's state each import is given.

use wasmtime::component::{HasData, HasSelf, Linker};
use wasmtime::{Engine, Result};

use super::sockets;
use super::store::CallState;
use crate::capability::{self, CallContext, Output};
use crate::wit::{context, log, types};

/// Returns a linker with WASI and our own interfaces. They are always there; one that was
/// not granted says so when it is called.
pub(super) fn new(engine: &Engine) -> Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    // Our files take the place of those that WASI's own implementation has, and so do refusals.
    linker.allow_shadowing(true);
    capability::files::add_to_linker(&mut linker, CallState::files)?;
    sockets::refuse(&mut linker)?;
    linker.allow_shadowing(false);
    capability::http::add_to_linker(&mut linker, CallState::http)?;
    capability::keyvalue::add_to_linker(&mut linker, CallState::keyvalue)?;
    types::add_to_linker::<_, NoFunctions>(&mut linker, |_| NoFunctions)?;
    context::add_to_linker::<_, HasSelf<CallContext>>(&mut linker, CallState::context)?;
    log::add_to_linker::<_, HasSelf<Output>>(&mut linker, CallState::output)?;
    Ok(linker)
}

/// An interface of types alone needs nothing of a call.
struct NoFunctions;

impl HasData for NoFunctions {
    type Data<'a> = Self;
}

impl types::Host for NoFunctions {}
