//! `syft-host verify`

use std::path::PathBuf;

use clap::Args;
use data_encoding::HEXLOWER;
use serde_json::json;
use syft_manifest::{Digest, Limits};
use syft_package::{Package, PackageError, PublicKey, Verified};

use super::{Exit, files, keys};
use crate::error::CommandError;
use crate::ui::Ui;

/// Check who signed an app, and that nobody changed it since
///
/// It ends with 0 only if each key that is given has signed the app. Without any, the
/// fingerprints of the keys are shown that did; whose keys these are nothing says.
/// Nothing of the app runs.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Component file
    app: PathBuf,

    /// Public key that must have signed it: a `.pub` file, a line `ssh-ed25519 AAAA…`, or
    /// the did.json of a datasite; may be given more than once
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
}

pub(super) fn verify(ui: Ui, args: &VerifyArgs) -> Result<Exit, CommandError> {
    let wrong =
        |error: CommandError| error.about(format!("{} is not verified", args.app.display()));
    let explain = |error: PackageError| match error {
        PackageError::Release(error) => wrong(error.into()).hint(
            "only its author can fix that: in syft-app.toml, and then build and sign it again",
        ),
        error => wrong(files::explain(error)),
    };
    let given = args.key.iter().map(|said| {
        keys::read_public(said).map_err(|error| error.about(format!("cannot verify with {said}")))
    });
    let given: Vec<PublicKey> = given.collect::<Result<_, _>>()?;
    let limit = Limits::default().component_bytes;
    let bytes = files::read_bounded(&args.app, limit).map_err(wrong)?;
    let package = Package::read(&bytes).map_err(explain)?;
    let verified = package.verify(&given).map_err(explain)?;
    show_json(ui, args, &given, &verified)?;
    show(ui, args, &given, &verified)?;
    Ok(Exit::Success)
}

fn show(
    ui: Ui,
    args: &VerifyArgs,
    given: &[PublicKey],
    verified: &Verified<'_>,
) -> Result<(), CommandError> {
    let app = args.app.display();
    ui.line(&format!(
        "{app} is signed, and as it was when it was signed."
    ))?;
    ui.line("")?;
    for line in files::release_lines(verified.release()) {
        ui.line(&line)?;
    }
    ui.line(&format!(
        "SHA-256      {}",
        Digest::of(verified.component())
    ))?;
    ui.line(&format!("Signed       {}", signed_digest(verified)))?;
    for key in verified.signers() {
        let whose = if given.contains(key) {
            "  (a key that you gave)"
        } else {
            ""
        };
        ui.line(&format!("Signed by    {key}{whose}"))?;
    }
    if verified.n_unnamed() > 0 {
        let count = verified.n_unnamed();
        ui.line(&format!(
            "Besides      {count} that do not say whose they are"
        ))?;
    }
    if given.is_empty() {
        ui.line("")?;
        ui.line("Nothing here says whose keys these are: anybody can sign in any author's name.")?;
        ui.line("Compare them with what the author told you, or give the author's --key.")?;
    }
    Ok(())
}

fn show_json(
    ui: Ui,
    args: &VerifyArgs,
    given: &[PublicKey],
    verified: &Verified<'_>,
) -> Result<(), CommandError> {
    let signers = verified.signers().iter();
    let signers: Vec<_> = signers
        .map(|key| {
            json!({
                "fingerprint": key.to_string(),
                "public_key": key.to_openssh(),
                "given": given.contains(key),
            })
        })
        .collect();
    let release = verified.release();
    ui.json(&json!({
        "event": "verified",
        "path": args.app,
        "name": release.name.as_str(),
        "version": release.version.to_string(),
        "sequence": release.sequence,
        "author": release.author.as_str(),
        "sha256": Digest::of(verified.component()).as_str(),
        "signed_sha256": signed_digest(verified),
        "signers": signers,
        "unnamed": verified.n_unnamed(),
    }))?;
    Ok(())
}

fn signed_digest(verified: &Verified<'_>) -> String {
    HEXLOWER.encode(verified.signed_digest())
}
