//! `syft-host rotate`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use syft_manifest::clock::now;
use syft_manifest::units::parse_long_time;
use syft_package::Link;
use syft_package::catalog::PublishError;

use super::passphrase::Passphrase;
use super::{Exit, files, keys, publish};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;

/// Switch to a new signing key; users who trust the old one follow automatically
///
/// Both keys sign a link from the old key to the new one, and the link goes into your catalog.
/// From then on the catalog is signed with the new key, so stop using the old one. Sign and
/// publish your apps again afterwards.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// The key that signs your catalog today
    #[arg(long, value_name = "FILE")]
    old: PathBuf,

    /// The new key
    #[arg(long, value_name = "FILE")]
    new: PathBuf,

    /// Take the passphrase of encrypted keys from the first line of this file instead of
    /// asking
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// How long until the catalog expires
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_long_time)]
    expires: Duration,

    /// Write the chain of your keys to this file too, for those who do not read your catalog
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn rotate(
    ui: Ui,
    overrides: &Overrides,
    args: &RotateArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let wrong = |error: CommandError| error.about("cannot switch to another key");
    let explain = |error: PublishError| wrong(publish::explain(error));
    let passphrase = Passphrase::new(ui, args.passphrase_file.as_deref());
    let old = keys::read_secret(&passphrase, &args.old)?;
    let new = keys::read_secret(&passphrase, &args.new)?;
    let mut publisher = publish::open(&config, &old, false).map_err(wrong)?;
    let base = publisher.base();
    let catalog = publisher.catalog();
    let link = Link::sign(
        config.email.clone(),
        catalog.epoch().saturating_add(1),
        &old,
        &new,
    )
    .map_err(|error| wrong(error.into()))?;
    catalog
        .follow(link)
        .map_err(|error| explain(error.into()))?;
    let lineage = serde_json::to_string(catalog.lineage())? + "\n";
    if let Some(output) = &args.output {
        // Before the catalog, which cannot be taken back.
        files::write(output, lineage.as_bytes())?;
    }
    let published = publisher
        .publish(&new, now(), args.expires)
        .map_err(explain)?;
    publish::tell_notes(ui, &config, base, &published);
    let catalog = &published.catalog;
    let stale = catalog.apps().iter();
    let stale = stale.filter(|(_, entry)| entry.epoch < catalog.epoch());
    let stale: Vec<&str> = stale.map(|(name, _)| name.as_str()).collect();
    let mut json = publish::to_json("rotated", &published.path, catalog);
    json["old"] = json!(old.public().to_string());
    json["new"] = json!(new.public().to_string());
    json["sign_again"] = json!(stale);
    ui.json(&json)?;
    ui.line(&format!("Old key      {}", old.public()))?;
    ui.line(&format!(
        "New key      {} (epoch {})",
        new.public(),
        catalog.epoch()
    ))?;
    publish::tell_catalog(ui, &published)?;
    if let Some(output) = &args.output {
        ui.line(&format!("Chain        {}", output.display()))?;
    }
    if !stale.is_empty() {
        ui.line("")?;
        ui.line(&format!(
            "Sign and publish again with the new key: {}",
            stale.join(", ")
        ))?;
    }
    Ok(Exit::Success)
}
