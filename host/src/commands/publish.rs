//! `syft-host publish`

mod registry;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use syft_manifest::Limits;
use syft_manifest::clock::now;
use syft_manifest::units::parse_long_time;
use syft_package::catalog::{
    CATALOG_FILE, Catalog, CatalogBase, Entry, PublishError, Published, Publisher,
};
use syft_package::oci::{self, Reference};
use syft_package::{Package, PackageError, PublicKey, SecretKey, Signable, Verified};
use syft_protocol::acl::Access;
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::app_url::SyftAppUrl;

use super::passphrase::Passphrase;
use super::{Exit, files, keys};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::prepared_app::expect_app;
use crate::ui::Ui;
use syft_runtime::capability::files::{Broken, DatasitesDir, Rules};

/// Somebody of whom no rule knows.
const ANYBODY: &str = "anybody@example.org";

/// Publish a signed app in your datasite or a registry, for others to install
///
/// The app is copied to `public/syft-apps/` in your datasite, which SyftBox syncs to others, and
/// listed in the catalog there, which the same key signs. The catalog names the newest release
/// and lists what you revoked. It expires, so that nobody can withhold newer ones unnoticed:
/// publish or `--refresh` in time. The last two releases of an app stay.
///
/// A registry gets the app with its own signature only: it has no catalog of the newest release
/// and of revocations.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(super) struct PublishArgs {
    /// Signed component; in your datasite only one of which you are the author
    #[arg(group = "what", value_name = "FILE", value_parser = parse_file)]
    app_file: Option<PathBuf>,

    /// Registry that it goes to instead, `oci://HOST/REPOSITORY:TAG`; who you are there is
    /// taken from docker's config.json
    #[arg(
        value_name = "oci://…",
        requires = "app_file",
        conflicts_with_all = ["key", "sign", "passphrase_file", "expires", "refresh", "app", "revoke", "min_sequence", "revoke_key", "replace_catalog"],
    )]
    to: Option<Reference>,

    /// Your key: the one that signed the app [default: the key of `syft-host keygen`]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Sign the app first, with the same key, and write it in its place
    #[arg(long, requires = "app_file")]
    sign: bool,

    /// Take the passphrase of an encrypted key from the first line of this file instead of
    /// asking
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// How long until the catalog expires
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_long_time)]
    expires: Duration,

    /// Only renew the catalog's signature and expiry
    #[arg(long, group = "what")]
    refresh: bool,

    /// App that `--revoke` and `--min-sequence` apply to [default: that of FILE]
    #[arg(long, value_name = "NAME", value_parser = parse_app_name)]
    app: Option<AppName>,

    /// Revoke a release, so that hosts no longer install or start it: its sequence, or a
    /// SHA-256 that `verify` shows; may be given more than once
    #[arg(long, group = "what", value_name = "SEQUENCE|SHA256", value_parser = parse_revoked)]
    revoke: Vec<Revoked>,

    /// Revoke all releases below this one
    #[arg(long, group = "what", value_name = "SEQUENCE")]
    min_sequence: Option<u64>,

    /// Revoke a key that you no longer use; may be given more than once
    #[arg(long, group = "what", value_name = "KEY")]
    revoke_key: Vec<String>,

    /// Overwrite a catalog that is not yours
    #[arg(long)]
    replace_catalog: bool,
}

/// A release that is revoked, as it is named.
#[derive(Debug, Clone)]
enum Revoked {
    Sequence(u64),
    Digest([u8; 32]),
}

pub(super) async fn publish(
    ui: Ui,
    overrides: &Overrides,
    args: &PublishArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let file = args.app_file.as_deref();
    let limit = Limits::default().component_bytes;
    let wrong = |error: CommandError| match file {
        Some(file) => error.about(format!("cannot publish {}", file.display())),
        None => error.about("cannot publish"),
    };
    let bytes = file.map(|file| files::read_bounded(file, limit));
    let bytes = bytes.transpose().map_err(wrong)?;
    if let (Some(to), Some(bytes)) = (&args.to, &bytes) {
        let verified = verify(bytes, &[]).map_err(wrong)?;
        registry::push(ui, &config, &verified, to)
            .await
            .map_err(wrong)?;
        return Ok(Exit::Success);
    }
    // What is wrong with it anyway is said before a passphrase is asked for.
    if let Some(bytes) = &bytes {
        check(bytes, args.sign, &config.email).map_err(wrong)?;
    }
    let passphrase = Passphrase::new(ui, args.passphrase_file.as_deref());
    let key = keys::secret_path(overrides, args.key.as_deref()).map_err(wrong)?;
    let key = keys::read_secret(&passphrase, &key)?;
    let bytes = match (file, bytes) {
        (Some(file), Some(bytes)) if args.sign => {
            let sign = || Signable::read(&bytes)?.sign(std::slice::from_ref(&key));
            let signed = sign().map_err(|error| wrong(files::explain(error)))?;
            files::write(file, &signed)?;
            Some(signed)
        }
        (_, bytes) => bytes,
    };
    let verified = bytes.as_deref().map(|bytes| verify(bytes, &[key.public()]));
    let verified = verified.transpose().map_err(wrong)?;
    let mut publisher = open(&config, &key, args.replace_catalog).map_err(wrong)?;
    let base = publisher.base();
    if let Some(verified) = &verified {
        publisher
            .add(verified)
            .map_err(|error| wrong(explain(error)))?;
    }
    let named = verified.as_ref().map(|verified| &verified.release().name);
    let app = args.app.as_ref().or(named);
    change(&mut publisher, args, app, &key).map_err(wrong)?;
    let published = publisher
        .publish(&key, now(), args.expires)
        .map_err(|error| wrong(explain(error)))?;
    tell_notes(ui, &config, base, &published);
    tell(ui, &config, named, &published)?;
    Ok(Exit::Success)
}

/// Opens the catalog of the owner.
pub(super) fn open<'a>(
    config: &Config,
    key: &SecretKey,
    replaces: bool,
) -> Result<Publisher<'a>, CommandError> {
    let Config {
        datasites,
        published,
        email,
        ..
    } = config;
    Publisher::open(datasites, published, email, &key.public(), replaces).map_err(explain)
}

/// Returns why nothing is published, with what to do about it.
pub(super) fn explain(error: PublishError) -> CommandError {
    let hints = error.hints();
    CommandError::from(error).with_hints(hints)
}

/// Makes sure that an app can be published by its author, whoever signed it or will.
fn check(bytes: &[u8], signs: bool, owner: &Datasite) -> Result<(), CommandError> {
    let author = if signs {
        let signable = Signable::read(bytes).map_err(files::explain)?;
        expect_app(bytes)?;
        signable.release().author.clone()
    } else {
        verify(bytes, &[])?.release().author.clone()
    };
    if author == *owner {
        return Ok(());
    }
    Err(explain(PublishError::Author(author, owner.clone())))
}

fn verify<'a>(bytes: &'a [u8], keys: &[PublicKey]) -> Result<Verified<'a>, CommandError> {
    let verified = Package::read(bytes).and_then(|package| package.verify(keys));
    let verified = verified.map_err(|error| match error {
        PackageError::NotBy(_) => CommandError::from(error)
            .hint("sign it with `syft-host sign`, and publish it with the same --key"),
        PackageError::Unsigned => CommandError::from(error)
            .hint("sign it with `syft-host sign`, or as it is published: --sign"),
        error => files::explain(error),
    })?;
    expect_app(bytes)?;
    Ok(verified)
}

/// Makes the changes that are no release.
fn change(
    publisher: &mut Publisher<'_>,
    args: &PublishArgs,
    app: Option<&AppName>,
    key: &SecretKey,
) -> Result<(), CommandError> {
    let wrong = |error| explain(PublishError::Change(error));
    let app = || {
        app.ok_or_else(|| CommandError::new("it is not said of which app").hint("give --app NAME"))
    };
    for revoked in &args.revoke {
        let app = app()?;
        match revoked {
            Revoked::Digest(digest) => publisher.catalog().revoke(app, *digest).map_err(wrong)?,
            Revoked::Sequence(sequence) => publisher
                .revoke_release(app, *sequence, Limits::default().component_bytes)
                .map_err(explain)?,
        }
    }
    if let Some(least) = args.min_sequence {
        let app = app()?;
        publisher
            .catalog()
            .set_min_sequence(app, least)
            .map_err(wrong)?;
    }
    for said in &args.revoke_key {
        let revoked = keys::read_public(said)
            .map_err(|error| error.about(format!("cannot revoke {said}")))?;
        let catalog = publisher.catalog();
        catalog.revoke_key(revoked, &key.public()).map_err(wrong)?;
    }
    Ok(())
}

/// Tells what the author may not expect.
pub(super) fn tell_notes(ui: Ui, config: &Config, base: CatalogBase, published: &Published) {
    match base {
        CatalogBase::Nothing | CatalogBase::Tree => {}
        CatalogBase::Copy => ui.status(
            "note: the catalog in the tree was not your last one; it goes on from the host's own \
             copy",
        ),
        CatalogBase::Counter => ui.status(
            "note: the last catalog was signed with another key, so this one starts over: publish \
             your apps again, and tell those who trust them the new fingerprint",
        ),
    }
    for left in &published.left {
        ui.status(&format!("note: an old release stays, {left}"));
    }
    if !is_readable(config) {
        ui.status(&format!(
            "note: by your rules not everybody may read it; `syft-host access {ANYBODY} \
             {}/public/syft-apps/{CATALOG_FILE}` says which",
            config.email
        ));
    }
    let catalog = &published.catalog;
    for (name, entry) in catalog.apps() {
        if entry.has_revoked(&entry.signed_sha256) || entry.has_revoked(&entry.sha256) {
            ui.status(&format!(
                "note: the newest release of {name}, {}, is revoked: publish a higher one",
                entry.sequence
            ));
        }
    }
}

fn is_readable(config: &Config) -> bool {
    let path = format!("{}/public/syft-apps/{CATALOG_FILE}", config.email);
    let Ok(root) = DatasitesDir::open(&config.datasites) else {
        return false;
    };
    let mut rules = Rules::new(Broken::AsServer);
    let ruling = rules.decide(&root, now(), ANYBODY, &path, Access::Read);
    ruling.decision.allowed
}

fn tell(
    ui: Ui,
    config: &Config,
    named: Option<&AppName>,
    published: &Published,
) -> Result<(), CommandError> {
    ui.json(&to_json("published", &published.path, &published.catalog))?;
    let catalog = &published.catalog;
    let shown = catalog
        .apps()
        .iter()
        .filter(|(name, _)| named.is_none_or(|named| named == *name));
    let mut urls = Vec::new();
    for (name, entry) in shown {
        ui.line(&format!(
            "App          {name} {} (release {})",
            entry.version, entry.sequence
        ))?;
        ui.line(&format!("SHA-256      {}", HEXLOWER.encode(&entry.sha256)))?;
        urls.push(SyftAppUrl::new(config.email.clone(), name.clone()));
    }
    tell_catalog(ui, published)?;
    if !urls.is_empty() {
        ui.line("")?;
        ui.line("Others can have it, once it is synced, with")?;
    }
    for url in urls {
        ui.line(&format!("  syft-host install {url}"))?;
    }
    Ok(())
}

/// Tells which catalog it is now.
pub(super) fn tell_catalog(ui: Ui, published: &Published) -> Result<(), CommandError> {
    let catalog = &published.catalog;
    ui.line(&format!(
        "Catalog      {} (number {})",
        published.path.display(),
        catalog.counter()
    ))?;
    ui.line(&format!("Expires      {}", catalog.expires()))?;
    Ok(())
}

/// Returns what is published, for scripts.
pub(super) fn to_json(event: &str, path: &Path, catalog: &Catalog) -> Value {
    let app = |(name, entry): (&AppName, &Entry)| {
        let revoked = entry.revoked.iter();
        let revoked = revoked.map(|digest| HEXLOWER.encode(digest));
        json!({
            "name": name.as_str(),
            "version": entry.version.to_string(),
            "epoch": entry.epoch,
            "sequence": entry.sequence,
            "sha256": HEXLOWER.encode(&entry.sha256),
            "signed_sha256": HEXLOWER.encode(&entry.signed_sha256),
            "size": entry.size,
            "path": entry.path.to_string(),
            "least": entry.least,
            "revoked": revoked.collect::<Vec<_>>(),
            "url": SyftAppUrl::new(catalog.author().clone(), name.clone()).to_string(),
        })
    };
    let revoked_keys = catalog.revoked_keys().iter().map(ToString::to_string);
    json!({
        "event": event,
        "path": path,
        "author": catalog.author().as_str(),
        "counter": catalog.counter(),
        "issued": catalog.issued().to_string(),
        "expires": catalog.expires().to_string(),
        "epoch": catalog.epoch(),
        "revoked_keys": revoked_keys.collect::<Vec<_>>(),
        "apps": catalog.apps().iter().map(app).collect::<Vec<_>>(),
    })
}

/// What is pushed comes before where it goes.
fn parse_file(text: &str) -> Result<PathBuf, String> {
    if text.starts_with(oci::SCHEME) {
        Err("it is not said which file goes there: `publish FILE oci://…`".to_owned())
    } else {
        Ok(text.into())
    }
}

fn parse_app_name(text: &str) -> Result<AppName, String> {
    AppName::parse(text).map_err(|error| error.to_string())
}

fn parse_revoked(text: &str) -> Result<Revoked, String> {
    let digest = HEXLOWER.decode(text.as_bytes()).ok();
    if let Some(digest) = digest.and_then(|digest| digest.try_into().ok()) {
        return Ok(Revoked::Digest(digest));
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(sequence) if is_number => Ok(Revoked::Sequence(sequence)),
        _ => Err("expected the sequence of a release, or a SHA-256 in 64 digits".to_owned()),
    }
}
