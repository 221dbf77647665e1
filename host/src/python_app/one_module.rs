//! Links the core modules of a component into one.
//!
//! componentize-py puts a component together from dynamic libraries, which import over a thousand
//! functions and globals from each other. Each call has instances of its own, so each call would
//! pay for connecting them. In one module they are connected when it is compiled: calls are direct,
//! what the loader of the libraries has computed is constant, and the table is filled lazily.
//!
//! Why: docs/decisions/73-one-module-for-python.md

mod body;
mod graph;
mod module;
mod rewrite;
#[cfg(test)]
mod tests;

use wasmparser::{BinaryReaderError, Validator};

use graph::Graph;
use module::LinkedModule;

/// Changes with what is made of the same component.
pub(super) const VERSION: &str = "one module 1";

/// Why the modules of a component stay as they are.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unlinkable {
    /// It has something that this linker does not know.
    #[error("its core modules cannot be linked: {0}")]
    Unknown(&'static str),
    /// It is no valid component.
    #[error(transparent)]
    Invalid(#[from] BinaryReaderError),
}

impl From<wasm_encoder::reencode::Error<Unlinkable>> for Unlinkable {
    fn from(error: wasm_encoder::reencode::Error<Unlinkable>) -> Self {
        use wasm_encoder::reencode::Error;
        match error {
            Error::UserError(error) => error,
            Error::ParseError(error) => Self::Invalid(error),
            _ => Self::Unknown("an unknown section"),
        }
    }
}

/// Returns a component that does the same with one core module. Beside it only those are left that
/// connect it to what the component imports.
///
/// # Errors
/// It is no component whose modules can be linked.
pub(super) fn link(component: &[u8]) -> Result<Vec<u8>, Unlinkable> {
    // From here on, every number in it is of something that there is.
    Validator::new().validate_all(component)?;
    let graph = Graph::read(component)?;
    let members = graph.members();
    let needed = graph.needed(&members);
    let module = LinkedModule::of(&graph, &members, &needed)?;
    rewrite::rewrite(component, &graph, &members, &module)
}
