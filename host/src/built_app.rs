//! What a build leaves, whatever language the sources are in.

use std::fmt;
use std::path::{Path, PathBuf};

use syft_manifest::{Diagnostic, FILE_NAME, Manifest, private_dir};

use crate::error::CommandError;
use crate::ui::Ui;

/// Far more than any manifest needs: a component may hold 64 KiB of it.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// A component with its manifest.
#[derive(Debug)]
pub(crate) struct BuiltApp {
    /// The component, the manifest embedded.
    pub(crate) component: Vec<u8>,
    /// The manifest, completed by what the sources say.
    pub(crate) manifest: Manifest,
    /// What an owner should know of it.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The name of the package or program.
    pub(crate) package: String,
    /// Where the builder left the component, without the manifest.
    pub(crate) wasm: PathBuf,
    /// The folders of the crates on this machine that it was built of.
    pub(crate) crates: Vec<PathBuf>,
}

/// Reads the manifest in a folder, if there is one, and prints its diagnostics.
///
/// # Errors
/// It is not readable, or not a valid manifest.
pub(crate) fn read_manifest(
    ui: Ui,
    folder: &Path,
) -> Result<Option<(Manifest, Vec<Diagnostic>)>, CommandError> {
    let path = folder.join(FILE_NAME);
    let shown = path.display().to_string();
    let describe = |error: &dyn fmt::Display| CommandError::new(format!("read {shown}: {error}"));
    let read = private_dir::read(&path, MAX_MANIFEST_BYTES).map_err(|error| describe(&error))?;
    let Some(bytes) = read else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|error| describe(&error))?;
    let (read, diagnostics) = match Manifest::from_toml(&shown, &text) {
        Ok((manifest, warnings)) => (Some(manifest), warnings),
        Err(diagnostics) => (None, diagnostics),
    };
    for diagnostic in &diagnostics {
        ui.status(&format!("{diagnostic}\n"));
    }
    match read {
        Some(manifest) => Ok(Some((manifest, diagnostics))),
        None => Err(CommandError::new(format!(
            "{shown} is not a valid manifest"
        ))),
    }
}
