//! `syft-host wheels`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::Exit;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::python_app::Wheels;
use crate::ui::Ui;

/// List or build the packages with native code that Python programs can use
///
/// Of these, pydantic above all, the index has nothing that fits the sandbox. They are built once,
/// of their sources on the index, which are known by their hashes.
#[derive(Debug, Args)]
pub(super) struct WheelsArgs {
    #[command(subcommand)]
    command: WheelsCommand,
}

#[derive(Debug, Subcommand)]
enum WheelsCommand {
    /// Show which there are
    List,
    /// Build those that are missing: some minutes, with a Rust toolchain of rustup
    Build(BuildWheelsArgs),
}

#[derive(Debug, Args)]
struct BuildWheelsArgs {
    /// Put all of them into this folder, for another machine: there they belong into
    /// `share/syft-host/wheels` beside the `bin` of syft-host
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

pub(super) fn wheels(
    ui: Ui,
    overrides: &Overrides,
    args: &WheelsArgs,
) -> Result<Exit, CommandError> {
    let folder = Config::find_python_folder(overrides)?;
    let wheels = Wheels::of(&folder);
    if let WheelsCommand::Build(args) = &args.command {
        let n_built = wheels.build(ui, &folder, args.into.as_deref())?;
        ui.json(&json!({ "event": "built_wheels", "built": n_built }))?;
        if let Some(into) = &args.into {
            ui.line(&format!("{n_built} built into {}", into.display()))?;
            return Ok(Exit::Success);
        }
    }
    for wheel in wheels.list() {
        ui.json(&json!({
            "event": "wheel",
            "name": wheel.name,
            "version": wheel.version,
            "path": wheel.path,
        }))?;
        let place = match &wheel.path {
            Some(path) => path.display().to_string(),
            None => "not built: syft-host wheels build".to_owned(),
        };
        ui.line(&format!("{:<14} {:<10} {place}", wheel.name, wheel.version))?;
    }
    Ok(Exit::Success)
}
