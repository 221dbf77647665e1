//! Who vouches for an app that is run in the foreground.

use syft_package::trust::{Claim, Refused, Standing, TrustStore, Via, did_key, digests};
use syft_package::{Package, PackageError, Verified};
use syft_protocol::address::AppName;

use super::{files, offer};
use crate::config::Config;
use crate::error::CommandError;
use crate::install::data_owner;
use crate::ui::Ui;

/// Finds out who vouches for a component, and says so. Nobody has to, unless it is required; what is
/// signed has to be in order.
pub(super) fn vouch(
    ui: Ui,
    config: &Config,
    component: &[u8],
    is_required: bool,
) -> Result<Option<Standing>, CommandError> {
    let package = match Package::read(component) {
        Ok(package) => package,
        Err(PackageError::Unsigned) if is_required => {
            return Err(CommandError::new(
                "nobody has signed it, and a signature is required",
            ));
        }
        Err(PackageError::Unsigned) => {
            ui.status("warning: nobody has signed this app, so it may be anybody's");
            return Ok(None);
        }
        // Whoever loads it says more about that.
        Err(PackageError::Component(_)) if !is_required => return Ok(None),
        Err(error) => return Err(files::explain(error)),
    };
    let verified = match package.verify(&[]) {
        // As other tools sign.
        Err(PackageError::Nameless) if !is_required => {
            ui.status("warning: nothing says who has signed this app, so it may be anybody's");
            return Ok(None);
        }
        verified => verified.map_err(|error| offer::explain(error.into()))?,
    };
    let trust = TrustStore::open(&config.trust)?;
    let standing = standing(config, &trust, &verified, is_required);
    let standing = standing.map_err(|error| offer::explain(error.into()))?;
    let (author, key) = (standing.author(), standing.key());
    match standing.via() {
        Via::FirstUse { .. } if is_required => {
            return Err(CommandError::new(format!(
                "it is signed by {key}, and nothing says that this is {author}"
            ))
            .hint(format!(
                "if {author} told you that fingerprint: `syft-host trust add {author} \
                 --fingerprint {key}`"
            )));
        }
        Via::FirstUse { .. } => ui.status(&format!(
            "warning: this app is signed by {key}, and nothing says that this is {author}"
        )),
        Via::Pinned | Via::Succeeded { .. } => {
            ui.status(&format!("Signed by {author}, {key}"));
        }
    }
    if let Some(alarm) = standing.alarm() {
        ui.status(&format!("ALARM: {alarm}"));
    }
    Ok(Some(standing))
}

fn standing(
    config: &Config,
    trust: &TrustStore,
    verified: &Verified<'_>,
    is_required: bool,
) -> Result<Standing, Refused> {
    let author = &verified.release().author;
    let standing = trust.standing(&Claim {
        author: author.clone(),
        signers: verified.signers().to_vec(),
        lineage: Vec::new(),
        did_key: did_key(&config.datasites, author),
    })?;
    if is_required {
        trust.check_release(verified, &standing, true)?;
    }
    match trust.is_revoked(author, &digests(verified))? {
        Some((digest, by)) => Err(Refused::RevokedDigest { digest, by }),
        None => Ok(standing),
    }
}

/// Refuses an app that would get what an installed app of the same name kept, unless it is of the
/// same author.
pub(super) fn check_name(
    config: &Config,
    name: &AppName,
    standing: Option<&Standing>,
) -> Result<(), CommandError> {
    let Some(author) = data_owner(&config.app_folder(name))? else {
        return Ok(());
    };
    let is_known = |it: &&Standing| !matches!(it.via(), Via::FirstUse { .. });
    if standing
        .filter(is_known)
        .is_some_and(|it| *it.author() == author)
    {
        return Ok(());
    }
    let message = format!("`{name}` is an app of {author} that is or was installed");
    Err(CommandError::new(message).hint("give this one another name with --name"))
}
