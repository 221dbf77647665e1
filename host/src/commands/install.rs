//! `syft-host install`

use clap::Args;
use serde_json::json;
use syft_manifest::Digest;
use syft_manifest::sanitize::plain;
use syft_manifest::units::show_mib;
use syft_package::catalog::CATALOG_FILE;
use syft_package::source::AppSource;
use syft_package::trust::TrustBasis;
use syft_protocol::address::AppName;
use syft_protocol::grant::PathPattern;

use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::{Candidate, InstallError, Installer, ReleaseChange};
use crate::installed::Installed;
use crate::typos;
use crate::ui::Ui;
use syft_server::subscriptions::Subscriptions;

/// The most other apps that are named where none is found.
const MAX_OTHERS: usize = 10;

/// Install a signed app, or another release of it
///
/// Shows who made the app and what it asks for, and asks once. `syft-host serve` serves what is
/// installed; one that runs takes it up by itself. What runs is a copy in a private folder of the
/// host, whatever becomes of the source.
#[derive(Debug, Args)]
pub(super) struct InstallArgs {
    /// Component file, `syft://EMAIL/public/syft-apps/NAME`, or
    /// `oci://HOST/REPOSITORY:TAG` or `…@sha256:DIGEST`
    source: String,

    /// Do not ask: needs --expect-digest, or an author whose key is known already. Without
    /// --expect-digest a release that wants more than the one before waits for `approve`
    #[arg(long)]
    yes: bool,

    /// SHA-256 that the app must have: of the file, or of what was signed
    #[arg(long, value_name = "SHA256", value_parser = Digest::parse)]
    expect_digest: Option<Digest>,

    /// Deny the app these files with all below them, whatever it asks for, also in later
    /// releases; may be given more than once
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse)]
    deny: Vec<PathPattern>,

    /// Take the app of an author who is not trusted yet although their name looks like that of
    /// one who is
    #[arg(long)]
    accept_lookalike: bool,

    /// Take a release that is older than one that was here before
    #[arg(long)]
    allow_downgrade: bool,
}

pub(super) async fn install(
    ui: Ui,
    overrides: &Overrides,
    args: &InstallArgs,
) -> Result<Exit, CommandError> {
    let wrong = |error: CommandError| error.about(format!("cannot install {}", args.source));
    let config = Config::load(overrides)?;
    let installer = Installer::open(&config).map_err(consent::explain)?;
    let source = AppSource::parse(&args.source).map_err(|error| wrong(error.into()))?;
    let refused = |error| wrong(consent::explain(error));
    warn_of_unsynced(ui, &config, &source);
    let waiting = ui.wait(&format!("fetching {}", args.source));
    let fetched = installer.fetch(&source).await;
    drop(waiting);
    let fetched = fetched.map_err(|error| {
        let hints = others(&installer, &args.source, &error);
        refused(error).with_hints(hints)
    })?;
    let candidate = installer
        .examine(&fetched, args.expect_digest.as_ref(), args.allow_downgrade)
        .map_err(refused)?;
    if candidate.change == ReleaseChange::Same {
        installer.renew(&candidate).map_err(refused)?;
        return stay(ui, &config, &installer, &candidate, &args.deny).map_err(wrong);
    }
    consent::show(ui, &candidate, &candidate.denied_with(&args.deny));
    if let Some(known) = candidate.author_trust.resembles()
        && !args.accept_lookalike
        && (args.yes || !ui.can_ask())
    {
        let author = candidate.author_trust.author();
        return Err(wrong(consent::lookalike(author, known)));
    }
    if !args.yes {
        consent::ask_for(ui, &candidate).map_err(wrong)?;
    } else if args.expect_digest.is_none() {
        may_go_unasked(&candidate).map_err(wrong)?;
    }
    let is_more = candidate.before().is_some() && !candidate.added_permissions.is_empty();
    if args.yes && args.expect_digest.is_none() && is_more {
        let installed = installer.hold(&candidate, &args.deny).map_err(refused)?;
        consent::tell_waits(ui, &installed, &candidate.added_permissions)?;
        return Ok(Exit::Success);
    }
    let waiting = ui.wait(&compiling(candidate.name(), candidate.component()));
    installer.try_out(&candidate).await.map_err(refused)?;
    drop(waiting);
    let installed = installer.install(&candidate, &args.deny).map_err(refused)?;
    consent::tell_installed(ui, &config, &installed)?;
    Ok(Exit::Success)
}

/// Returns what is done with a component that takes a while.
fn compiling(name: &AppName, component: &[u8]) -> String {
    format!("compiling {name}, {}", show_mib(component.len() as u64))
}

/// Returns what else could be meant where nothing is called as it was typed.
fn others(installer: &Installer<'_>, typed: &str, error: &InstallError) -> Vec<String> {
    let (name, author) = match (AppSource::parse(typed), error) {
        (Ok(AppSource::Datasite(url)), InstallError::NotListed(_)) => {
            (url.app().to_string(), Some(url.author().clone()))
        }
        // A file is named by its path.
        (Ok(AppSource::File(path)), InstallError::File(_)) if !path.exists() => {
            if typed.ends_with(".wasm") || AppName::parse(typed).is_err() {
                return Vec::new();
            }
            (typed.to_owned(), None)
        }
        _ => return Vec::new(),
    };
    let published = installer.published(author.as_ref());
    let meant = typos::meant(&name, published.iter().map(|url| url.app().as_str()));
    if let Some(meant) = meant {
        let meant = published.iter().filter(|url| url.app().as_str() == meant);
        let meant = meant.take(MAX_OTHERS);
        return meant
            .map(|url| format!("did you mean `syft-host install {url}`?"))
            .collect();
    }
    let shown: Vec<String> = published
        .iter()
        .take(MAX_OTHERS)
        .map(ToString::to_string)
        .collect();
    if shown.is_empty() {
        let hint = "an app is a .wasm file, `syft://EMAIL/public/syft-apps/NAME`, or \
                    `oci://HOST/REPOSITORY:TAG`; no datasite on this machine publishes any";
        return vec![hint.to_owned()];
    }
    vec![format!("this is published: {}", shown.join(", "))]
}

/// Warns where what an author publishes does not come to this machine.
fn warn_of_unsynced(ui: Ui, config: &Config, source: &AppSource) {
    let AppSource::Datasite(url) = source else {
        return;
    };
    let names = [url.author().as_str(), "public", "syft-apps", CATALOG_FILE];
    let subscriptions = Subscriptions::find(&config.datasites, &config.email);
    if let Some(missing) = subscriptions.missing(&names, "public/syft-apps/**") {
        ui.status(&format!(
            "warning: SyftBox's client does not sync what {} publishes: {missing}",
            url.author()
        ));
    }
}

/// Leaves the release that is installed, but for what is denied to it now and where updates come
/// from.
fn stay(
    ui: Ui,
    config: &Config,
    installer: &Installer<'_>,
    candidate: &Candidate<'_>,
    denied: &[PathPattern],
) -> Result<Exit, CommandError> {
    let source = candidate.source();
    let is_as_before = |before: &Installed| {
        before.denied_with(denied) == before.current.denied && before.source == source
    };
    match candidate.before() {
        Some(before) if !is_as_before(before) => {
            let installed = installer.adjust(before, denied, source);
            let installed = installed.map_err(consent::explain)?;
            consent::tell_installed(ui, config, &installed)?;
            ui.line(&format!("Updates come from {}.", plain(&installed.source)))?;
        }
        _ => {
            ui.json(&json!({"event": "unchanged", "name": candidate.name().as_str()}))?;
            ui.line(&format!("{} is installed already.", candidate.name()))?;
        }
    }
    Ok(Exit::Success)
}

/// Checks that the owner knows the author, where they neither are asked nor said which bytes
/// they want.
fn may_go_unasked(candidate: &Candidate<'_>) -> Result<(), CommandError> {
    let author = candidate.author_trust.author();
    match candidate.author_trust.basis() {
        TrustBasis::Pinned | TrustBasis::Succeeded { .. } => Ok(()),
        TrustBasis::FirstUse { .. } => {
            let digest = Digest::of(candidate.component());
            let error = CommandError::new(format!(
                "no key of {author} is known yet, so --yes is not enough"
            ));
            Err(error
                .hint(format!("say which bytes you want: --yes --expect-digest {digest}"))
                .hint(format!("or whose key it is, if {author} told you: `syft-host trust add {author} --fingerprint {}`", candidate.author_trust.key())))
        }
    }
}
