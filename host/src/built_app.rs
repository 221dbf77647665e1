//! An app built from its sources, whatever language they are in.

use std::fmt;
use std::path::{Path, PathBuf};

use syft_manifest::{Diagnostic, FILE_NAME, Manifest, private_dir};

use crate::agreement::Agreement;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;
use crate::{guest_crate, python_app};

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
}

/// Returns whether a path holds sources and not a component.
pub(crate) fn is_source(path: &Path) -> bool {
    path.is_dir() || python_app::find(path).is_some()
}

/// Builds the Python program or the guest crate at a path. Of the files beside a program
/// it takes modules, and those in `included`. `allow_native` lets the build run what the
/// author of a crate wrote.
///
/// # Errors
/// There is neither, its manifest is invalid, the user does not agree to the build, or the
/// build fails.
pub(crate) fn build(
    ui: Ui,
    overrides: &Overrides,
    path: &Path,
    included: &[String],
    allow_native: bool,
) -> Result<BuiltApp, CommandError> {
    match python_app::find(path) {
        Some(program) => python_app::build_app(ui, overrides, &program, included),
        None if !included.is_empty() => {
            Err(CommandError::new("--include is for Python programs only")
                .hint("a crate embeds files by include_str! or include_bytes!"))
        }
        None => {
            let agreements = Config::find_agreements(overrides)?;
            let agreement = Agreement {
                is_given: allow_native,
                agreements: &agreements,
            };
            guest_crate::build_app(ui, path, &agreement)
        }
    }
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
