//! `syft-host rollback`

use clap::Args;
use syft_manifest::sanitize::plain;
use syft_protocol::address::AppName;

use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::{InstallError, Installer};
use crate::installed::{Installed, InstalledRelease};
use crate::ui::Ui;

/// Go back to an older release
///
/// That is the one before, or the one that you name: the last four are kept. Once more goes
/// further back, and never forward. The release gets what was approved for it, less what was
/// denied since, and what the app keeps stays as the newer one left it. `syft-host update` does
/// not take the newer ones again; `syft-host install` does.
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// Name of the app
    app: String,

    /// Version or sequence of the release [default: the one before]
    #[arg(value_name = "VERSION|SEQUENCE")]
    release: Option<String>,
}

pub(super) fn rollback(
    ui: Ui,
    overrides: &Overrides,
    args: &RollbackArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let installer = Installer::open(&config).map_err(consent::explain)?;
    let seen = installer.installed(&AppName::parse(&args.app)?);
    let seen = seen.map_err(consent::explain)?;
    let wanted = args.release.as_deref().map(|text| find(&seen, text));
    let wanted = wanted.transpose()?;
    let installed = installer
        .rollback(&seen, wanted)
        .map_err(|error| explain(error, &seen, wanted))?;
    ui.json(&consent::to_json("rolled-back", &installed))?;
    let (name, current) = (&installed.name, installed.current.in_words());
    ui.line(&format!("{name} is at {current} again."))?;
    let newer = seen.current.in_words();
    let source = plain(&installed.source);
    ui.line(&format!(
        "`syft-host update` does not take {newer} again; `syft-host install {source}` does."
    ))?;
    Ok(Exit::Success)
}

/// Returns the sequence of the older release that a text names.
fn find(seen: &Installed, text: &str) -> Result<u64, CommandError> {
    let named = |release: &&InstalledRelease| {
        release.version.to_string() == text || release.sequence.to_string() == text
    };
    let older = seen.older();
    if let Some(release) = older.iter().copied().find(named) {
        return Ok(release.sequence);
    }
    let (name, current) = (&seen.name, seen.current.in_words());
    let error = CommandError::new(if named(&&seen.current) {
        format!("{name} is at {current} already")
    } else {
        format!("no release `{text}` of `{name}` that is older than {current} is kept")
    });
    Err(error.hint(kept(&older)))
}

fn kept(older: &[&InstalledRelease]) -> String {
    let kept: Vec<String> = older.iter().map(|release| release.in_words()).collect();
    match kept.as_slice() {
        [] => "none that is older is kept".to_owned(),
        kept => format!("these are kept: {}", kept.join(", ")),
    }
}

/// One that was revoked is in the way of those before it.
fn explain(error: InstallError, seen: &Installed, wanted: Option<u64>) -> CommandError {
    let is_refused = matches!(error, InstallError::Refused(_));
    let error = consent::explain(error);
    match seen.older().get(1) {
        Some(next) if is_refused && wanted.is_none() => error.hint(format!(
            "go further back: `syft-host rollback {} {}`",
            seen.name, next.sequence
        )),
        _ => error,
    }
}
