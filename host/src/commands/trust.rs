//! `syft-host trust`

mod list;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use syft_manifest::Digest;
use syft_package::Link;
use syft_package::trust::{
    Alarm, Author, Fingerprint, GivenKey, Revocation, TrustRefusal, TrustStore, did_key,
};
use syft_protocol::address::Datasite;

use super::files::explain_refused;
use super::keys::read_public;
use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;

/// The most bytes of a lineage, far more than the longest takes.
const MAX_LINEAGE: u64 = 256 << 10;

/// Manage whose apps are trusted, by which keys
///
/// An app is accepted if the key that is pinned for its author has signed it. A key is pinned
/// when the owner accepts the first app of an author, or gives the key's fingerprint here. From
/// then on only the owner, or a link that the pinned key has signed, can replace it: a changed
/// did.json cannot.
#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    #[command(subcommand)]
    command: TrustCommand,
}

#[derive(Debug, Subcommand)]
enum TrustCommand {
    /// Show whose keys are trusted, what was seen of them, and what is revoked
    List,
    Add(AddArgs),
    Remove(RemoveArgs),
    Revoke(RevokeArgs),
}

/// Trust the key of an author, as the author told you
///
/// A fingerprint alone is enough: the key is pinned when it is first seen. If another key is
/// trusted, both are shown and you are asked. Giving the same key again accepts the author's
/// current did.json, so that you are no longer warned about it.
#[derive(Debug, Args)]
struct AddArgs {
    /// Email of the author
    #[arg(value_name = "EMAIL")]
    author: String,

    /// Fingerprint of the author's key, SHA256:…, which you have from the author
    #[arg(long, value_name = "FINGERPRINT", required_unless_present_any = ["key", "lineage"])]
    fingerprint: Option<String>,

    /// The key itself: a `.pub` file, a line `ssh-ed25519 AAAA…`, or a did.json that you
    /// trust
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Switch to the key that this lineage file leads to from the trusted one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fingerprint", "key", "replace"])]
    lineage: Option<PathBuf>,

    /// Replace another key without asking
    #[arg(long)]
    replace: bool,

    /// Trust an author whose name looks like that of a trusted one
    #[arg(long)]
    accept_lookalike: bool,
}

/// Stop trusting an author
///
/// Nothing new from the author is accepted without asking you. Installed apps stay. The host
/// still remembers which releases it has seen, so that no older one comes back unnoticed if you
/// trust the same key again.
#[derive(Debug, Args)]
struct RemoveArgs {
    /// Email of the author
    #[arg(value_name = "EMAIL")]
    author: String,
}

/// Revoke a key or a release on this host
///
/// This applies whoever it belongs to, until it is undone. Nothing new that a revoked key has
/// signed is accepted; installed apps stay. A revoked release does not run.
#[derive(Debug, Args)]
struct RevokeArgs {
    /// Fingerprint or line of a key, or a `.pub` file; or the SHA-256 of an app's file or of
    /// what is signed in it, as `syft-host verify` shows them
    #[arg(value_name = "KEY|DIGEST")]
    what: String,

    /// Undo a revocation
    #[arg(long)]
    undo: bool,
}

pub(super) fn trust(ui: Ui, overrides: &Overrides, args: &TrustArgs) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let store = TrustStore::open(&config.trust).map_err(explain_refused)?;
    match &args.command {
        TrustCommand::List => list::list(ui, &store)?,
        TrustCommand::Add(args) => add(ui, &config, &store, args)?,
        TrustCommand::Remove(args) => remove(ui, &store, args)?,
        TrustCommand::Revoke(args) => revoke(ui, &store, args)?,
    }
    Ok(Exit::Success)
}

fn add(ui: Ui, config: &Config, store: &TrustStore, args: &AddArgs) -> Result<(), CommandError> {
    let email = Datasite::parse(&args.author)?;
    let did_key = did_key(&config.datasites, &email);
    let known = store.author(&email).map_err(explain_refused)?.fingerprint();
    if known.is_none() && !args.accept_lookalike {
        check_looks(ui, store, &email)?;
    }
    let author = match &args.lineage {
        Some(path) => {
            let wrong = |error: CommandError| error.about(format!("cannot use {}", path.display()));
            let lineage = read_lineage(path).map_err(wrong)?;
            store.follow(&email, lineage, did_key)
        }
        None => {
            let mut given = read_given(args)?;
            // What somebody shows is as good as what they send, if it is the right one.
            if let Some(key) = did_key.filter(|key| given.fingerprint() == Fingerprint::from(key)) {
                given = GivenKey::Key(key);
            }
            match store.add(&email, &given, did_key, None) {
                Err(error @ TrustRefusal::Replaces { .. }) => {
                    let known = agree_to_replace(ui, error, args.replace)?;
                    store.add(&email, &given, did_key, Some(&known))
                }
                added => added,
            }
        }
    };
    show_added(ui, &author.map_err(explain_refused)?, known)
}

/// Makes sure that a new author is not taken for one who is trusted.
fn check_looks(ui: Ui, store: &TrustStore, email: &Datasite) -> Result<(), CommandError> {
    let Some(known) = store.resembled(email).map_err(explain_refused)? else {
        return Ok(());
    };
    if !ui.can_ask() {
        return Err(consent::lookalike(email, &known));
    }
    let author = email.clone();
    let alarm = Alarm::Resembles { author, known };
    ui.status(&format!("ALARM: {alarm}."));
    consent::ask(ui, "Trust it all the same? [y]es, [n]o:", "Not trusted.")
}

fn read_given(args: &AddArgs) -> Result<GivenKey, CommandError> {
    let fingerprint = args.fingerprint.as_deref().map(Fingerprint::parse);
    let fingerprint = fingerprint.transpose().map_err(CommandError::new)?;
    let Some(said) = &args.key else {
        return match fingerprint {
            Some(fingerprint) => Ok(GivenKey::Fingerprint(fingerprint)),
            None => Err(CommandError::new(
                "neither a key nor a fingerprint is given",
            )),
        };
    };
    let wrong = |error: CommandError| error.about(format!("cannot trust {said}"));
    let given = GivenKey::Key(read_public(said).map_err(wrong)?);
    let found = given.fingerprint();
    match fingerprint.filter(|other| *other != found) {
        None => Ok(given),
        Some(other) => Err(wrong(CommandError::new(format!(
            "it has the fingerprint {found}, not {other}"
        )))),
    }
}

/// Reads one link, or several one after the other.
fn read_lineage(path: &Path) -> Result<Vec<Link>, CommandError> {
    let mut json = Vec::new();
    File::open(path)?
        .take(MAX_LINEAGE + 1)
        .read_to_end(&mut json)?;
    if json.len() as u64 > MAX_LINEAGE {
        return Err(CommandError::new(format!(
            "it is larger than {MAX_LINEAGE} bytes"
        )));
    }
    let wrong = |error| {
        CommandError::new(format!("it is no lineage: {error}"))
            .hint("its author makes one with `syft-host rotate`")
    };
    if json.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice(&json).map_err(wrong)
    } else {
        serde_json::from_slice(&json)
            .map(|link| vec![link])
            .map_err(wrong)
    }
}

/// Returns the key that the owner lets go, having seen both.
fn agree_to_replace(
    ui: Ui,
    replaces: TrustRefusal,
    is_said: bool,
) -> Result<Fingerprint, CommandError> {
    let shown = replaces.to_string();
    let TrustRefusal::Replaces { known, .. } = &replaces else {
        return Err(explain_refused(replaces));
    };
    if is_said {
        return Ok(known.clone());
    }
    if !ui.can_ask() {
        return Err(explain_refused(replaces));
    }
    ui.status(&format!("{shown}."));
    ui.status("Release numbers start over for it. Compare it with what the author told you.");
    match ui.ask("Replace it? [y]es, [n]o:")?.as_str() {
        "y" | "yes" => Ok(known.clone()),
        _ => Err(CommandError::declined("Not replaced.")),
    }
}

fn show_added(ui: Ui, author: &Author, known: Option<Fingerprint>) -> Result<(), CommandError> {
    let (email, fingerprint) = (&author.email, author.fingerprint());
    let replaced = known.filter(|known| Some(known) != fingerprint.as_ref());
    let is_seen = author.current().is_some();
    ui.json(&json!({
        "event": "trusted",
        "email": email.as_str(),
        "fingerprint": fingerprint,
        "key_seen": is_seen,
        "replaced": replaced,
    }))?;
    let fingerprint = fingerprint.map_or_else(String::new, |fingerprint| fingerprint.to_string());
    ui.line(&format!("{email} is trusted by the key {fingerprint}."))?;
    if !is_seen {
        ui.line("Nobody has shown that key yet: it is pinned when it is seen.")?;
    }
    if let Some(replaced) = replaced {
        ui.line(&format!("It has taken the place of {replaced}."))?;
    }
    Ok(())
}

fn remove(ui: Ui, store: &TrustStore, args: &RemoveArgs) -> Result<(), CommandError> {
    let email = Datasite::parse(&args.author)?;
    let Some(fingerprint) = store.remove(&email).map_err(explain_refused)? else {
        return Err(
            CommandError::new(format!("no key of {email} is trusted, so none is removed"))
                .hint("`syft-host trust list` shows who is"),
        );
    };
    ui.json(&json!({
        "event": "removed",
        "email": email.as_str(),
        "fingerprint": fingerprint,
    }))?;
    ui.line(&format!(
        "{email} is no longer trusted by the key {fingerprint}."
    ))?;
    ui.line("Which releases have been seen stays known: no older one comes back unseen.")?;
    Ok(())
}

fn revoke(ui: Ui, store: &TrustStore, args: &RevokeArgs) -> Result<(), CommandError> {
    let what = read_revocation(&args.what)?;
    let changed = store.revoke(&what, args.undo).map_err(explain_refused)?;
    let (kind, name, consequence) = match &what {
        Revocation::Key(key) => (
            "key",
            key.as_str(),
            "Nothing new is taken by it. What is installed stays.",
        ),
        Revocation::Digest(digest) => (
            "digest",
            digest.as_str(),
            "Nothing with it is accepted or run from now on.",
        ),
    };
    ui.json(&json!({
        "event": if args.undo { "revocation-undone" } else { "revoked" },
        "kind": kind,
        "what": name,
        "changed": changed,
    }))?;
    ui.line(&match (args.undo, changed) {
        (false, true) => format!("The {kind} {name} is revoked. {consequence}"),
        (false, false) => format!("The {kind} {name} was revoked already. {consequence}"),
        (true, true) => format!("The {kind} {name} is no longer revoked by you."),
        (true, false) => format!("The {kind} {name} was not revoked by you."),
    })?;
    Ok(())
}

fn read_revocation(said: &str) -> Result<Revocation, CommandError> {
    let digits = said.strip_prefix("sha256:").unwrap_or(said);
    if let Ok(digest) = Digest::parse(&digits.to_ascii_lowercase()) {
        return Ok(Revocation::Digest(digest));
    }
    if said.starts_with("SHA256:") {
        let key = Fingerprint::parse(said).map_err(CommandError::new)?;
        return Ok(Revocation::Key(key));
    }
    let key = read_public(said).map_err(|error| {
        error
            .about(format!("cannot revoke {said}"))
            .hint("give a fingerprint SHA256:…, a key, or a SHA-256 of 64 hexadecimal digits")
    })?;
    Ok(Revocation::Key(Fingerprint::from(&key)))
}
