//! Giving a signed app to a registry.

use serde_json::json;
use syft_manifest::sanitize::plain;
use syft_package::catalog::{self, CatalogReadError};
use syft_package::oci::{self, Auth, OciError, Reference, TransferBounds};
use syft_package::{Link, Verified};

use crate::config::Config;
use crate::error::CommandError;
use crate::ui::Ui;

/// Pushes an app to a registry, with the lineage of its author's keys from the local catalog.
pub(super) async fn push(
    ui: Ui,
    config: &Config,
    verified: &Verified<'_>,
    to: &Reference,
) -> Result<(), CommandError> {
    let release = verified.release();
    let mut annotations = oci::annotations(release);
    let lineage = lineage(ui, config, verified)?;
    if !lineage.is_empty() {
        annotations.insert(oci::LINEAGE.to_owned(), serde_json::to_string(&lineage)?);
    }
    let auth = Auth::find(config.docker_config.as_deref(), to).map_err(explain)?;
    let (component, reference) = (verified.component().to_owned(), to.clone());
    let pushed = tokio::task::spawn_blocking(move || {
        oci::push(
            &component,
            &reference,
            &annotations,
            &auth,
            &TransferBounds::default(),
        )
    });
    let waiting = ui.wait(&format!("pushing to {to}"));
    let digest = pushed.await?.map_err(explain)?;
    drop(waiting);
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

/// Returns how the author went over from key to key, as far as that is known here. Where the
/// last key of that has not signed the app, nobody who knows of it would take the app.
fn lineage(ui: Ui, config: &Config, verified: &Verified<'_>) -> Result<Vec<Link>, CommandError> {
    let author = &verified.release().author;
    let lineage = match catalog::read(&config.datasites, author) {
        Ok(found) => found.catalog().lineage().to_vec(),
        Err(CatalogReadError::NotThere(_)) => Vec::new(),
        Err(error) => {
            ui.status(&plain(&format!(
                "note: it goes without the earlier keys of {author}: {error}"
            )));
            Vec::new()
        }
    };
    match lineage.last().map(Link::new_key) {
        Some(key) if !verified.signers().contains(key) => Err(CommandError::new(format!(
            "by the catalog of {author} their key is {key}, which has not signed this"
        ))
        .hint("sign it with that one: `syft-host sign`")),
        _ => Ok(lineage),
    }
}

fn explain(error: OciError) -> CommandError {
    let hints = error.hints();
    CommandError::from(error).with_hints(hints)
}
