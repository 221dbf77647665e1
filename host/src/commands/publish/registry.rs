//! Giving a signed app to a registry.

use serde_json::json;

use crate::catalog;
use crate::config::Config;
use crate::error::CommandError;
use crate::oci::{self, Auth, Bounds, OciError, Reference};
use crate::package::Verified;
use crate::ui::Ui;

/// Gives an app to a registry, with how its author went over from key to key, as far as the
/// author's catalog says so here.
pub(super) async fn push(
    ui: Ui,
    config: &Config,
    verified: &Verified<'_>,
    to: &Reference,
) -> Result<(), CommandError> {
    let release = verified.release();
    let mut annotations = oci::annotations(release);
    if let Ok(found) = catalog::read(&config.datasites, &release.author)
        && !found.catalog().lineage().is_empty()
    {
        let lineage = serde_json::to_string(found.catalog().lineage())?;
        annotations.insert(oci::LINEAGE.to_owned(), lineage);
    }
    let auth = Auth::find(&config.docker_config, to).map_err(explain)?;
    let (component, reference) = (verified.component().to_owned(), to.clone());
    let pushed = tokio::task::spawn_blocking(move || {
        oci::push(
            &component,
            &reference,
            &annotations,
            &auth,
            &Bounds::default(),
        )
    });
    let digest = pushed.await?.map_err(explain)?;
    let pinned = to.pinned(&digest);
    ui.json(&json!({
        "event": "pushed",
        "name": release.name.as_str(),
        "version": release.version.to_string(),
        "sequence": release.sequence,
        "author": release.author.as_str(),
        "reference": to.to_string(),
        "pinned": pinned.to_string(),
    }))?;
    let (name, version, sequence) = (&release.name, &release.version, release.sequence);
    ui.line(&format!(
        "App          {name} {version} (release {sequence})"
    ))?;
    ui.line(&format!("Pushed to    {to}"))?;
    ui.line("")?;
    ui.line("Others can have it, and what follows it under this tag, with")?;
    ui.line(&format!("  syft-host install {to}"))?;
    ui.line("and this release alone with")?;
    ui.line(&format!("  syft-host install {pinned}"))?;
    Ok(())
}

fn explain(error: OciError) -> CommandError {
    let hints = error.hints();
    let error = CommandError::from(error);
    hints.into_iter().fold(error, CommandError::hint)
}
