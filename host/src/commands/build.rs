//! `syft-host build`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use syft_manifest::{Digest, WantedSchedule, section};

use super::{Exit, files};
use crate::app_builder::{self, NativeBuild, ProgramInputs};
use crate::built_app::BuiltApp;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::prepared_app::try_component;
use crate::ui::Ui;

/// Build an app: a component that carries its manifest
///
/// Builds the guest crate and embeds `syft-app.toml`, if the folder has one. Name,
/// version and description are the crate's where the manifest has no others. The
/// same sources give the same bytes. What no host could serve is not written. Building a crate runs what its author wrote outside of any
/// sandbox (`build.rs`, macros, and the like of all that it depends on), so you are asked before,
/// unless you said for good that you trust the folder.
///
/// A Python program is one of SyftEvent. Without a manifest the app has the name that the
/// program gives it, and asks to read what it watches. Nothing of it runs outside of a sandbox.
#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// Folder of the guest crate; Python program, or folder with `app.py`; or component that
    /// something else has built, which gets the `syft-app.toml` beside it
    #[arg(default_value = ".", value_name = "PATH")]
    path: PathBuf,

    /// Where the app is written [default: the name of the app, `+` for each slash in it, with
    /// `.wasm`, in the current folder]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Build the crate though that runs what its author wrote outside of any sandbox:
    /// `build.rs`, macros, and the like of all that it depends on
    #[arg(long)]
    allow_native_build: bool,

    /// File beside a Python program that goes into the app, where everybody who gets it
    /// can read it; may be given more than once
    #[arg(long, value_name = "FILE")]
    include: Vec<String>,

    /// Arguments of a Python program, after `--`: what it finds in `sys.argv`. They go into the
    /// app, where everybody who gets it can read them
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

pub(super) async fn build(
    ui: Ui,
    overrides: &Overrides,
    args: &BuildArgs,
) -> Result<Exit, CommandError> {
    let BuiltApp {
        mut component,
        mut manifest,
        warnings,
        package,
        ..
    } = app_builder::build(
        ui,
        overrides,
        &args.path,
        ProgramInputs {
            included: &args.include,
            arguments: &args.arguments,
            variables: &[],
        },
        NativeBuild::by_option(args.allow_native_build),
    )?;
    let (name, file) = match &manifest.name {
        Some(name) => (name.as_str(), name.file_name()),
        None => (&*package, package.clone()),
    };
    // What runs a Python program is the same for all, and takes half a minute to compile.
    if !app_builder::is_program(&args.path) {
        let config = Config::load(overrides)?;
        let tried = try_component(&config, &manifest, component.clone()).await;
        let tried =
            tried.map_err(|error| error.about(format!("{name} was built and cannot run")))?;
        // Whoever installs it sees when it acts before any of it runs.
        if !tried.schedules.is_empty() {
            manifest.schedules = tried.schedules.iter().map(WantedSchedule::of).collect();
            manifest
                .schedules
                .sort_by(|one, other| one.name.cmp(&other.name));
            component = section::embed(&component, &manifest.to_section())?;
        }
    }
    let path = match &args.output {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{file}.wasm")),
    };
    files::write(&path, &component)?;
    let sha256 = Digest::of(&component);
    let warnings: Vec<_> = warnings
        .iter()
        .map(|warning| {
            let problem = warning.problem();
            json!({"line": warning.line(), "message": problem.message, "help": problem.help})
        })
        .collect();
    ui.json(&json!({
        "event": "built",
        "name": name,
        "version": manifest.version.as_ref().map(ToString::to_string),
        "sequence": manifest.sequence,
        "path": path,
        "bytes": component.len(),
        "sha256": sha256,
        "warnings": warnings,
    }))?;
    ui.line(&format!("Wrote    {}", path.display()))?;
    ui.line(&format!("Size     {} bytes", component.len()))?;
    ui.line(&format!("SHA-256  {sha256}"))?;
    Ok(Exit::Success)
}
