//! Builds a guest crate into a component.

mod handlers;
mod metadata;

use std::fs;
use std::path::{Path, PathBuf};

use syft_manifest::section;

use crate::agreement::Agreement;
use crate::built_app::{self, BuiltApp};
use crate::error::CommandError;
use crate::rust_toolchain::{self, RustTool, add_target, standard_library};
use crate::ui::Ui;
use metadata::Metadata;
use syft_runtime::child::End;

pub(crate) const TARGET: &str = "wasm32-wasip2";

/// A component that was built.
#[derive(Debug)]
struct Built {
    /// The name of the package.
    package: String,
    /// The component, without a manifest.
    wasm: PathBuf,
}

/// Builds the crate in a folder and embeds its manifest. The same sources give the
/// same bytes, in this checkout and in another.
///
/// # Errors
/// The manifest is invalid, which is checked first; the user does not agree that the author's
/// programs run; or [`build`] fails.
pub(crate) fn build_app(
    ui: Ui,
    folder: &Path,
    agreement: &Agreement<'_>,
) -> Result<BuiltApp, CommandError> {
    let (manifest, warnings) = built_app::read_manifest(ui, folder)?.unwrap_or_default();
    let cargo_toml = find(folder)?;
    // Before cargo runs at all: the crate's configuration may name programs for it to start.
    agreement.ask(ui, folder)?;
    let metadata = Metadata::read(&cargo_toml)?;
    let manifest = metadata.fill(manifest)?;
    let Built { package, wasm } = build(ui, folder, &metadata)?;
    let describe = |error| CommandError::new(format!("{}: {error}", wasm.display()));
    let component = fs::read(&wasm).map_err(describe)?;
    handlers::tell_forgotten(ui, &component, metadata.library())?;
    let component = section::embed(&component, &manifest.to_section())?;
    Ok(BuiltApp {
        component,
        manifest,
        warnings,
        package,
        wasm,
        crates: metadata.folders(),
    })
}

/// Runs the tests of the crate in a folder, natively, and returns what they say and whether they
/// pass.
///
/// # Errors
/// There is no crate, the user does not agree that the author's programs run, or it does not
/// build.
pub(crate) fn test(
    ui: Ui,
    folder: &Path,
    filter: Option<&str>,
    agreement: &Agreement<'_>,
) -> Result<(Vec<u8>, bool), CommandError> {
    let manifest = find(folder)?;
    agreement.ask(ui, folder)?;
    ui.status(&format!("testing {}", folder.display()));
    let cargo = RustTool::new("cargo", folder)?.with(|cargo| {
        let cargo = cargo.args(["test", "--manifest-path"]).arg(&manifest);
        // What begins with a hyphen is no option of cargo's.
        let cargo = cargo.args(filter.iter().flat_map(|filter| ["--", filter]));
        cargo.show_stderr()
    });
    let ended = cargo.run(rust_toolchain::BUILD)?;
    let has_run = String::from_utf8_lossy(&ended.stdout).contains("test result: ");
    match ended.end {
        End::Exited(0) => Ok((ended.stdout, true)),
        End::Exited(_) if has_run => Ok((ended.stdout, false)),
        End::Exited(_) => Err(does_not_build(folder)),
        end => Err(does_not_build(folder).about(end)),
    }
}

/// Returns the `Cargo.toml` of a folder.
fn find(folder: &Path) -> Result<PathBuf, CommandError> {
    let manifest = folder.join("Cargo.toml");
    manifest.canonicalize().map_err(|error| {
        let shown = folder.display();
        let message = if folder.is_dir() {
            format!("no app is in the folder {shown}: it has no app.py and no Cargo.toml")
        } else {
            format!("{shown}: {error}")
        };
        CommandError::new(message)
            .hint("give a .wasm file, a Python program, or the folder of a guest crate")
            .hint("make a new app: `syft-host new NAME`")
    })
}

fn build(ui: Ui, folder: &Path, metadata: &Metadata) -> Result<Built, CommandError> {
    ui.status(&format!("building {}", folder.display()));
    add_target(ui, folder, TARGET)?;
    let remap = format!(
        "target.{TARGET}.rustflags={}",
        metadata.remap_flags(standard_library(folder)?)
    );
    // The toolchain file of the guest's folder decides, not ours. `RUSTFLAGS` are meant for
    // the host and not for guests.
    let cargo = RustTool::new("cargo", folder)?.with(|cargo| {
        cargo
            .args(["build", "--release", "--target", TARGET])
            .args(["--message-format", "json-render-diagnostics"])
            .arg("--manifest-path")
            .arg(&metadata.manifest)
            .args(["--config", &remap])
            .arg("--target-dir")
            .arg(metadata.target_folder())
            .show_stderr()
    });
    let ended = cargo.run(rust_toolchain::BUILD)?;
    match ended.end {
        End::Exited(0) => {}
        End::Exited(_) => return Err(does_not_build(folder)),
        end => return Err(does_not_build(folder).about(end)),
    }
    let wasm = metadata.component(&ended.stdout).ok_or_else(|| {
        CommandError::new(format!("{} builds no component", folder.display()))
            .hint("add to its Cargo.toml: [lib] crate-type = [\"cdylib\"]")
    })?;
    let package = metadata.package.name.clone();
    Ok(Built { package, wasm })
}

fn does_not_build(folder: &Path) -> CommandError {
    CommandError::new(format!("{} does not build", folder.display()))
}
