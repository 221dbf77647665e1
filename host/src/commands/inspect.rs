//! `syft-host inspect`

mod imports;
mod limits;
mod report;

use std::path::PathBuf;

use clap::Args;
use syft_manifest::sanitize::plain_excerpt;
use syft_manifest::{Digest, Limits, Manifest, ManifestError, component};
use syft_package::{Package, PackageError};

use super::{Exit, files};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::prepared_app::try_component;
use crate::ui::Ui;
use imports::Imports;
use report::{Report, Signed};

/// Show what an app is, what it asks for and what it may use at most
///
/// The app is asked for its endpoints and watches in the sandbox, with nothing granted.
/// Nothing else of it runs. Exit code: 0, or 2 where it cannot run; the reason is among what is
/// shown.
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
    let wrong = |error: CommandError| error.about(format!("cannot inspect {}", args.app.display()));
    let limits = Limits::default();
    let bytes = files::read_bounded(&args.app, limits.component_bytes).map_err(wrong)?;
    let manifest = Manifest::from_component(&bytes).map_err(|error| wrong(explain(error)))?;
    let surface = component::surface(&bytes).map_err(|error| wrong(error.into()))?;
    let signed = signed(&bytes);
    let config = Config::load(overrides)?;
    let asked = manifest.clone().unwrap_or_default();
    let serves = try_component(&config, &asked, bytes.clone()).await;
    let report = Report {
        path: &args.app,
        bytes: bytes.len(),
        sha256: Digest::of(&bytes).to_string(),
        signed,
        has_manifest: manifest.is_some(),
        limits: asked.limits.over(limits),
        warnings: asked.warnings(),
        manifest: asked,
        imports: Imports::new(&surface.imports),
        serves,
    };
    ui.json(&report.to_json())?;
    for line in report.to_lines() {
        ui.line(&line)?;
    }
    match report.serves {
        Ok(_) => Ok(Exit::Success),
        Err(error) => {
            for hint in error.hints() {
                ui.status(&format!("hint: {hint}"));
            }
            Ok(Exit::Failure)
        }
    }
}

/// Finds out who has signed, or why that does not count.
fn signed(bytes: &[u8]) -> Signed {
    let verified = Package::read(bytes).and_then(|package| package.verify(&[]));
    match verified {
        Ok(verified) => Signed::By(verified.signers().to_vec()),
        Err(PackageError::Unsigned) => Signed::No,
        Err(error) => Signed::Invalid(plain_excerpt(&error.to_string(), 500)),
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
