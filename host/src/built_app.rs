//! What a build leaves, whatever language the sources are in.

use std::fmt;
use std::path::{Path, PathBuf};

use syft_manifest::{Diagnostic, FILE_NAME, Limits, Manifest, section};
use syft_system::private;

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

/// Gives a component that something else has built the manifest in its folder.
///
/// # Errors
/// There is no manifest, it is invalid, or the file is no component.
pub(crate) fn of_component(ui: Ui, path: &Path) -> Result<BuiltApp, CommandError> {
    let shown = path.display();
    let folder = path.parent().unwrap_or(path);
    let Some((manifest, warnings)) = read_manifest(ui, folder)? else {
        let message = format!("{shown} is built already, and no {FILE_NAME} lies beside it");
        return Err(CommandError::new(message)
            .hint("write one, which says what the app is called and what it asks for"));
    };
    let limit = Limits::default().component_bytes;
    let wrong = |error: CommandError| error.about(format!("read {shown}"));
    let component = private::read(path, limit).map_err(|error| wrong(error.into()))?;
    let component = component.unwrap_or_default();
    let component = section::embed(&component, &manifest.to_section());
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(BuiltApp {
        component: component.map_err(|error| wrong(error.into()))?,
        manifest,
        warnings,
        package: stem.into_owned(),
        wasm: path.to_owned(),
        crates: Vec::new(),
    })
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
    let read = private::read(&path, MAX_MANIFEST_BYTES).map_err(|error| describe(&error))?;
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
