//! Showing a release to the owner, asking for consent, and reporting the result.

use serde_json::{Value, json};
use syft_manifest::sanitize::{plain, quoted};
use syft_manifest::{Digest, Manifest, WantedSchedule};
use syft_package::trust::{AuthorTrust, TrustBasis};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;

use super::secret;
use crate::config::Config;
use crate::error::CommandError;
use crate::install::{Candidate, InstallError};
use crate::installed::{Installed, InstalledRelease, more_often};
use crate::layout::one_line;
use crate::settings::{AppRules, HostSettings};
use crate::supervisor::HostStatus;
use crate::ui::Ui;

/// Returns why it could not be done, with what to do about it.
pub(super) fn explain(error: InstallError) -> CommandError {
    error.explained()
}

/// Shows a release: what it is, who made it, what it asks for, and last what it says of
/// itself.
pub(super) fn show(ui: Ui, candidate: &Candidate<'_>, denied: &[PathPattern]) {
    let verified = candidate.verified();
    let release = verified.release();
    let mut lines = vec![format!(
        "{} {} (release {})",
        release.name, release.version, release.sequence
    )];
    lines.push(format!("Author   {}", release.author));
    lines.push(format!("Key      {}", candidate.author_trust.key()));
    lines.push(format!("         {}", in_words(&candidate.author_trust)));
    lines.push(format!("SHA-256  {}", Digest::of(candidate.component())));
    lines.push(format!("From     {}", plain(&candidate.source())));
    match candidate.before() {
        Some(before) => {
            let current = &before.current;
            lines.push(format!(
                "Replaces {} (release {})",
                current.version, current.sequence
            ));
            if candidate.added_permissions.is_empty() {
                lines.push("It asks for nothing that is not approved already.".to_owned());
            }
        }
        None if candidate.added_permissions.is_empty() => {
            lines.push("It asks for nothing but to answer requests.".to_owned());
        }
        None => {}
    }
    if verified.manifest().files.immediate_writes {
        let what = "Others see at once what it writes to files, also where a call of it fails.";
        lines.push(what.to_owned());
    }
    lines.extend(careful(verified.manifest()));
    if candidate.inherits {
        lines.push(format!(
            "  careful: an app that was run as `{}` has kept data here, and this one would get it",
            release.name
        ));
    }
    if candidate.meets_secrets {
        lines.push(format!(
            "  careful: there are secrets that you set for `{}`, and this one would get those that \
             it asks for",
            release.name
        ));
    }
    if let Some(folder) = &candidate.meets {
        lines.push(plain(&format!(
            "  careful: {} is there already: it gets what lies there, and answers what waits there",
            folder.display()
        )));
    }
    lines.extend(denial(denied));
    if let Some(alarm) = candidate.author_trust.alarm() {
        lines.push(format!("ALARM: {alarm}"));
    }
    if let Some(known) = &candidate.resembles {
        lines.push(format!(
            "ALARM: this is not `{}` of {}, which is installed, but the names look alike",
            known.name, known.author
        ));
    }
    // From here on, a stranger speaks.
    let title = match candidate.before() {
        Some(_) => "It asks for more than that, to",
        None => "It asks to",
    };
    lines.extend(block(title, &candidate.added_permissions));
    let schedules = verified.manifest().schedules.iter();
    let schedules: Vec<String> = schedules.map(WantedSchedule::in_words).collect();
    lines.extend(block("It acts by the clock", &schedules));
    let worker = &verified.manifest().worker;
    if worker.is_some() {
        // These words are ours; where calls run is no right, and decided by the owner.
        let needs = worker.in_words();
        lines.push(format!(
            "It wants of the machine that runs its calls: {needs}"
        ));
    }
    if let Some(before) = candidate.before() {
        let more = more_often(&before.current.approved, verified.manifest());
        lines.extend(block("Of that more often than before", &more));
    }
    let description = verified.manifest().description.as_slice();
    lines.extend(block("It says of itself", description));
    for line in lines {
        ui.status(&line);
    }
}

/// Returns what the owner denies an app and lets it use. What is shown of it is shown also where
/// the config file is not in order.
pub(super) fn rules(ui: Ui, app: &AppName) -> AppRules {
    match HostSettings::load() {
        Ok(settings) => settings.rules_of(app),
        Err(error) => {
            ui.error(&error);
            AppRules::default()
        }
    }
}

/// Returns what is wide in what an app asks for, or may.
pub(super) fn careful(rights: &Manifest) -> Vec<String> {
    let warnings = rights.warnings().into_iter();
    warnings
        .map(|warning| one_line(&format!("  careful: {}", warning.message)))
        .collect()
}

/// Returns what the owner denies, if anything.
pub(super) fn denial(patterns: &[PathPattern]) -> Vec<String> {
    let title = (!patterns.is_empty()).then(|| "You deny it".to_owned());
    let patterns = patterns
        .iter()
        .map(|pattern| one_line(&format!("  {pattern}")));
    title.into_iter().chain(patterns).collect()
}

/// Returns a title, and below it what others wrote, marked as such; nothing if there is
/// none.
pub(super) fn block(title: &str, texts: &[String]) -> Vec<String> {
    if texts.is_empty() {
        return Vec::new();
    }
    let texts = texts.iter().map(|text| quoted(text));
    std::iter::once(title.to_owned()).chain(texts).collect()
}

/// Returns what is known of the key.
fn in_words(author_trust: &AuthorTrust) -> String {
    let author = author_trust.author();
    match author_trust.basis() {
        TrustBasis::Pinned => format!("which you know as the key of {author}"),
        TrustBasis::Succeeded { .. } => {
            format!("which follows the key of {author} that you know, as that one says")
        }
        TrustBasis::FirstUse { is_in_did: true } => format!(
            "which you do not know yet; the did.json of {author} shows it too, as whoever can write \
             there could arrange"
        ),
        TrustBasis::FirstUse { is_in_did: false } => "which you do not know yet".to_owned(),
    }
}

/// Asks the owner for an app that was shown; an error is a no.
pub(super) fn ask_for(ui: Ui, candidate: &Candidate<'_>) -> Result<(), CommandError> {
    let author = candidate.author_trust.author();
    let is_new = matches!(candidate.author_trust.basis(), TrustBasis::FirstUse { .. });
    if !ui.can_ask() {
        let digest = Digest::of(candidate.component());
        let error = CommandError::new("nobody is there to be asked");
        let error = error.hint(format!(
            "install these very bytes with --yes --expect-digest {digest}"
        ));
        return Err(if is_new {
            error
        } else {
            error.hint("or install what its author signed, whom you know, with --yes")
        });
    }
    if let Some(known) = candidate.author_trust.resembles() {
        ui.status(&format!(
            "This is not {known}, however much the names look alike."
        ));
    }
    if is_new {
        ui.status(&format!("Nothing but its fingerprint says whose key this is. Compare it with what {author} told you"));
        ui.status("by another way: from now on you will trust it.");
    }
    ask(ui, "Install it? [y]es, [n]o:", "Not installed.")
}

/// Returns why an author is not taken whom nobody was asked about.
pub(super) fn lookalike(author: &Datasite, known: &Datasite) -> CommandError {
    CommandError::new(format!(
        "{author} is not {known}, whom you trust, but looks alike"
    ))
    .hint("compare each letter with what its author told you")
    .hint("if you know that it is somebody else, and whom: --accept-lookalike")
}

/// Asks whether to go on; an error is a no.
pub(super) fn ask(ui: Ui, question: &str, otherwise: &str) -> Result<(), CommandError> {
    loop {
        match ui.ask(question)?.as_str() {
            "y" | "yes" => return Ok(()),
            "n" | "no" | "" => return Err(CommandError::declined(otherwise)),
            _ => ui.status("Please answer y or n."),
        }
    }
}

/// Tells what is installed now.
pub(super) fn tell_installed(
    ui: Ui,
    config: &Config,
    installed: &Installed,
) -> Result<(), CommandError> {
    ui.json(&to_json("installed", installed))?;
    let Installed { name, current, .. } = installed;
    let (version, sequence) = (&current.version, current.sequence);
    ui.line(&format!("Installed {name} {version} (release {sequence})."))?;
    for command in secret::to_set(config, name, &current.approved.secrets)? {
        ui.line(&format!("It needs a secret from you: `{command}`"))?;
    }
    ui.line(match HostStatus::read(&config.serving) {
        Ok(Some(_)) => "The host that serves what is installed takes it up now.",
        _ => "`syft-host serve` serves what is installed.",
    })?;
    Ok(())
}

/// Tells that a release waits.
pub(super) fn tell_waits(
    ui: Ui,
    installed: &Installed,
    added_permissions: &[String],
) -> Result<(), CommandError> {
    let mut json = to_json("waits", installed);
    json["wants"] = Value::from(added_permissions.to_vec());
    ui.json(&json)?;
    let name = &installed.name;
    if let Some(waiting) = &installed.waiting {
        ui.line(&format!(
            "{name} {} waits for your approval, since it wants to",
            waiting.version
        ))?;
    }
    for wish in added_permissions {
        ui.line(&quoted(wish))?;
    }
    let waiting = installed.waiting.iter();
    for line in waiting.flat_map(|waiting| careful(&waiting.approved)) {
        ui.line(&line)?;
    }
    ui.line(&format!(
        "{} is served until then. Look at it with `syft-host approve {name}`.",
        installed.current.version
    ))?;
    Ok(())
}

/// Returns that there is nothing to approve.
pub(super) fn nothing_waits(name: &AppName) -> CommandError {
    explain(InstallError::NothingWaits(name.to_string()))
}

/// Returns what is installed of an app, for scripts.
pub(super) fn to_json(event: &str, installed: &Installed) -> Value {
    json!({
        "event": event,
        "name": installed.name.as_str(),
        "author": installed.author.as_str(),
        "source": installed.source,
        "current": release_json(&installed.current),
        "previous": installed.previous().map(release_json),
        "earlier": installed.earlier.iter().map(release_json).collect::<Vec<_>>(),
        "waiting": installed.waiting.as_ref().map(release_json),
    })
}

fn release_json(release: &InstalledRelease) -> Value {
    json!({
        "version": release.version.to_string(),
        "sequence": release.sequence,
        "epoch": release.epoch,
        "signer": release.signer,
        "sha256": release.sha256.as_str(),
        "signed_sha256": release.signed_sha256.as_str(),
        "since": release.since.to_string(),
        "denied": release.denied.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
