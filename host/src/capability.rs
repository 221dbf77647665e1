//! What guests can be given, one file a capability.

mod context;
pub mod files;
mod log;
pub mod state;

use wasmtime::component::{HasSelf, Linker};

use crate::sandbox::bindings::App;
use crate::sandbox::bindings::syft::app::types;
use crate::sandbox::store::CallState;

impl types::Host for CallState {}

/// Links our own interfaces. They are always there; what was not granted
/// answers so.
pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    files::link(linker)?;
    App::add_to_linker::<CallState, HasSelf<CallState>>(linker, |state| state)
}
