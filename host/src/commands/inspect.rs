//! `syft-host inspect`

mod imports;
mod limits;
mod report;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use syft_protocol::address::AppName;

use super::Exit;
use crate::component;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::manifest::{Manifest, ManifestError};
use crate::plain::plain_excerpt;
use crate::router::Router;
use crate::sandbox::{Identity, Limits, LoadError, Sandbox};
use crate::ui::Ui;
use imports::Imports;
use report::Report;

/// Show what an app is, what it asks for and what it may use at most
///
/// The app is asked for its endpoints in the sandbox, with nothing granted. Nothing
/// else of it runs.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Component file
    app: PathBuf,
}

pub(super) async fn inspect(
    ui: Ui,
    overrides: &Overrides,
    args: &InspectArgs,
) -> Result<Exit, CommandError> {
    let wrong = |error: CommandError| {
        let hints = error.hints().to_vec();
        let error = CommandError::new(format!("cannot inspect {}: {error}", args.app.display()));
        hints.into_iter().fold(error, CommandError::hint)
    };
    let limits = Limits::default();
    let bytes = read_bounded(&args.app, limits.component_bytes).map_err(wrong)?;
    let manifest = Manifest::from_component(&bytes).map_err(|error| wrong(explain(error)))?;
    let surface = component::surface(&bytes).map_err(|error| wrong(error.into()))?;
    let config = Config::load(overrides)?;
    let sandbox = Sandbox::new(limits, &config.cache)?;
    let asked = manifest.clone().unwrap_or_default();
    let endpoints = endpoints(&sandbox, &asked, &bytes).await;
    let report = Report {
        path: &args.app,
        bytes: bytes.len(),
        sha256: component::digest(&bytes),
        has_manifest: manifest.is_some(),
        limits: asked.limits.over(sandbox.limits().clone()),
        warnings: asked.warnings(),
        manifest: asked,
        imports: Imports::new(&surface.imports),
        endpoints,
    };
    ui.json(&report.to_json())?;
    for line in report.to_lines() {
        ui.line(&line)?;
    }
    Ok(Exit::Success)
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, CommandError> {
    if !fs::metadata(path)?.is_file() {
        return Err(CommandError::new("it is no file")
            .hint("give a .wasm file; `syft-host build` makes one of a guest crate"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(LoadError::TooLarge {
            bytes: fs::metadata(path)?.len(),
            limit,
        }
        .into()),
        false => Ok(bytes),
    }
}

fn explain(error: ManifestError) -> CommandError {
    let hint = match &error {
        ManifestError::Value { problem, .. } => Some(problem.help.clone()),
        ManifestError::Json(_) => Some("build it again with `syft-host build`".to_owned()),
        ManifestError::Section(_) => None,
    };
    let error = CommandError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Asks the app for its endpoints, within the host's own limits whatever it wants.
/// An error is why it cannot run.
async fn endpoints(
    sandbox: &Sandbox,
    manifest: &Manifest,
    bytes: &[u8],
) -> Result<Vec<String>, String> {
    let describe = |error: &dyn std::fmt::Display| plain_excerpt(&error.to_string(), 500);
    let program = sandbox.load(bytes).map_err(|error| describe(&error))?;
    let identity = Identity {
        app: manifest.name.as_ref().map_or("app", AppName::as_str).into(),
        datasite: "nobody@example.org".into(),
    };
    let endpoints = sandbox
        .endpoints(&program, &identity)
        .await
        .map_err(|outcome| {
            let why = outcome.detail().unwrap_or_default();
            describe(&format!("the app did not name its endpoints: {why}"))
        })?;
    let router = Router::new(endpoints, sandbox.limits().endpoints).map_err(|it| describe(&it))?;
    Ok(router.endpoints().map(ToString::to_string).collect())
}
