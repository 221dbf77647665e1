//! What the process does that compiles: the only place where a compiler runs.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use syft_manifest::Limits;
use syft_system::private;

use super::bounds;
use crate::sandbox::engine;
use crate::sandbox::wasi::Wasi;

/// The name of the job.
pub(super) const NAME: &str = "compile";

/// Has one thread do it, so that the others of the machine are for other things.
pub(super) const ALONE: &str = "alone";

/// The files in its folder: what it reads, and what it writes.
pub(super) const COMPONENT: &str = "component.wasm";
pub(super) const CODE: &str = "code.cwasm";

/// The codes with which it ends. The reason is on standard output.
pub(super) const REFUSED: u8 = 10;
pub(super) const INVALID: u8 = 11;
pub(super) const FAILED: u8 = 12;

/// Compiles the component in the folder it works in.
///
/// It runs in a process of its own, within limits: see [`crate::child`].
pub fn compile(arguments: &[OsString]) -> ExitCode {
    let is_parallel = arguments.iter().any(|argument| argument == ALONE);
    match run(is_parallel) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, why)) => {
            // Whoever does not hear it knows by the code.
            io::stdout().write_all(why.as_bytes()).ok();
            code.into()
        }
    }
}

fn run(is_parallel: bool) -> Result<(), (u8, String)> {
    let failed = |error: io::Error| (FAILED, error.to_string());
    let component = fs::read(COMPONENT).map_err(failed)?;
    bounds::check(&component, &Limits::default()).map_err(|error| match error {
        bounds::OutOfBounds::Broken(why) => (INVALID, why),
        error @ bounds::OutOfBounds::TooMuch { .. } => (REFUSED, error.to_string()),
    })?;
    let invalid = |error: wasmtime::Error| (INVALID, format!("{error:#}"));
    let engine = engine::compiling(is_parallel, Wasi::of(&component)).map_err(invalid)?;
    let code = engine.precompile_component(&component).map_err(invalid)?;
    private::create_new(Path::new(CODE))
        .and_then(|mut file| file.write_all(&code))
        .map_err(failed)
}
