//! Who vouches for an app that is run in the foreground.

use syft_package::trust::{
    AuthorTrust, SignerClaim, TrustBasis, TrustRefusal, TrustStore, did_key, digests,
};
use syft_package::{Package, PackageError, Verified};
use syft_protocol::address::AppName;

use super::{consent, files};
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
    accepts_lookalike: bool,
) -> Result<Option<AuthorTrust>, CommandError> {
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
        verified => verified.map_err(|error| consent::explain(error.into()))?,
    };
    let trust = TrustStore::open(&config.trust)?;
    let author_trust = author_trust(config, &trust, &verified, is_required);
    let author_trust = author_trust.map_err(|error| consent::explain(error.into()))?;
    let (author, key) = (author_trust.author(), author_trust.key());
    match author_trust.basis() {
        TrustBasis::FirstUse { .. } if is_required => {
            return Err(CommandError::new(format!(
                "it is signed by {key}, and nothing says that this is {author}"
            ))
            .hint(format!(
                "if {author} told you that fingerprint: `syft-host trust add {author} \
                 --fingerprint {key}`"
            )));
        }
        TrustBasis::FirstUse { .. } => ui.status(&format!(
            "warning: this app is signed by {key}, and nothing says that this is {author}"
        )),
        TrustBasis::Pinned | TrustBasis::Succeeded { .. } => {
            ui.status(&format!("Signed by {author}, {key}"));
        }
    }
    if let Some(alarm) = author_trust.alarm() {
        ui.status(&format!("ALARM: {alarm}"));
    }
    if let Some(known) = author_trust.resembles()
        && !accepts_lookalike
    {
        return Err(consent::lookalike(author, known));
    }
    Ok(Some(author_trust))
}

fn author_trust(
    config: &Config,
    trust: &TrustStore,
    verified: &Verified<'_>,
    is_required: bool,
) -> Result<AuthorTrust, TrustRefusal> {
    let author = &verified.release().author;
    let author_trust = trust.author_trust(&SignerClaim {
        author: author.clone(),
        signers: verified.signers().to_vec(),
        lineage: Vec::new(),
        did_key: did_key(&config.datasites, author),
    })?;
    if is_required {
        trust.check_release(verified, &author_trust, true)?;
    }
    match trust.is_revoked(author, &digests(verified))? {
        Some((digest, by)) => Err(TrustRefusal::RevokedDigest { digest, by }),
        None => Ok(author_trust),
    }
}

/// Refuses an app that would get what an installed app of the same name kept, unless it is of the
/// same author.
pub(super) fn check_name(
    config: &Config,
    name: &AppName,
    author_trust: Option<&AuthorTrust>,
) -> Result<(), CommandError> {
    let Some(author) = data_owner(&config.app_folder(name))? else {
        return Ok(());
    };
    let is_known = |trust: &&AuthorTrust| !matches!(trust.basis(), TrustBasis::FirstUse { .. });
    if author_trust
        .filter(is_known)
        .is_some_and(|trust| *trust.author() == author)
    {
        return Ok(());
    }
    let message = format!("`{name}` is an app of {author} that is or was installed");
    Err(CommandError::new(message).hint("give this one another name with --name"))
}
