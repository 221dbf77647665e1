//! `syft-host inspect`

mod imports;
mod installed_app;
mod limits;
mod report;

use std::path::PathBuf;

use clap::Args;
use syft_manifest::sanitize::plain_excerpt;
use syft_manifest::units::show_mib;
use syft_manifest::{Digest, Limits, Manifest, ManifestError, component};
use syft_package::{Package, PackageError};

use super::{Exit, files};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::prepared_app::try_component;
use crate::ui::Ui;
use imports::Imports;
use installed_app::InstalledApp;
use report::{Report, Signed};

/// Show what an app is, what it asks for and what it may use at most
///
/// Of an installed app it shows too who signed it, what was granted and denied, and which
/// releases are kept. The app is asked for its endpoints, watches and schedules in the sandbox, with nothing
/// granted. Nothing else of it runs. Exit code: 0, or 2 where it cannot run; the reason is among
/// what is shown.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Component file, or name of an installed app
    app: PathBuf,
}

pub(super) async fn inspect(
    ui: Ui,
    overrides: &Overrides,
    args: &InspectArgs,
) -> Result<Exit, CommandError> {
    let wrong = |error: CommandError| error.about(format!("cannot inspect {}", args.app.display()));
    let limits = Limits::default();
    let config = Config::load(overrides)?;
    let installed = InstalledApp::find(ui, &config, &args.app)?;
    let (path, bytes) = match &installed {
        Some(app) => (app.path.clone(), app.component.clone()),
        None => {
            let bytes = files::read_bounded(&args.app, limits.component_bytes);
            let hint = |error| installed_app::hint(&config, &args.app, error);
            (args.app.clone(), bytes.map_err(hint).map_err(wrong)?)
        }
    };
    let manifest = Manifest::from_component(&bytes).map_err(|error| wrong(explain(error)))?;
    let surface = component::surface(&bytes).map_err(|error| wrong(error.into()))?;
    let signed = match (&installed, signed(&bytes)) {
        (Some(app), Signed::By(_)) => app.signed(),
        (_, signed) => signed,
    };
    let asked = manifest.clone().unwrap_or_default();
    let size = show_mib(bytes.len() as u64);
    let waiting = ui.wait(&format!("compiling {}, {size}", args.app.display()));
    let serves = try_component(&config, &asked, bytes.clone()).await;
    drop(waiting);
    let report = Report {
        path: &path,
        bytes: bytes.len(),
        sha256: Digest::of(&bytes).to_string(),
        signed,
        has_manifest: manifest.is_some(),
        limits: match &installed {
            Some(app) => app.limits(),
            None => asked.limits.over(limits),
        },
        warnings: asked.warnings(),
        manifest: asked,
        imports: Imports::new(&surface.imports),
        serves,
    };
    let mut json = report.to_json();
    let mut lines = report.to_lines();
    if let Some(app) = &installed {
        json["installed"] = app.to_json();
        lines.extend(app.to_lines());
    }
    ui.json(&json)?;
    for line in lines {
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
