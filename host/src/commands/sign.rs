//! `syft-host sign`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use syft_manifest::{Digest, Limits};
use syft_package::{PackageError, SecretKey, Signable};

use super::passphrase::Passphrase;
use super::{Exit, files, keys};
use crate::config::Overrides;
use crate::error::CommandError;
use crate::prepared_app::expect_app;
use crate::ui::Ui;

/// Sign an app, so that others can know who made it and that nobody changed it
///
/// Signing is the last step: whatever changes the file afterwards breaks the signature.
/// What is signed says which release of which app it is, and whose: `name`, `version`,
/// `sequence` and `author` below `[app]` in syft-app.toml. An app that is signed already
/// gets one more signature; the same key replaces its own. What is no app is not signed.
#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// Component file
    app: PathBuf,

    /// Key to sign with: of `syft-host keygen` or `ssh-keygen -t ed25519`, or SyftBox's
    /// pvt.jwks.json; may be given more than once [default: the key of `syft-host keygen`]
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,

    /// Where the signed app is written [default: in its place]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Take the passphrase of encrypted keys from the first line of this file instead of
    /// asking
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub(super) fn sign(ui: Ui, overrides: &Overrides, args: &SignArgs) -> Result<Exit, CommandError> {
    let wrong = |error: CommandError| error.about(format!("cannot sign {}", args.app.display()));
    let explain = |error: PackageError| wrong(files::explain(error));
    let limit = Limits::default().component_bytes;
    let component = files::read_bounded(&args.app, limit).map_err(wrong)?;
    let signable = Signable::read(&component).map_err(explain)?;
    expect_app(&component).map_err(wrong)?;
    let release = signable.release().clone();
    let passphrase = Passphrase::new(ui, args.passphrase_file.as_deref());
    let paths = match args.key.as_slice() {
        [] => vec![keys::secret_path(overrides, None).map_err(wrong)?],
        said => said.to_vec(),
    };
    let keys = paths
        .iter()
        .map(|path| keys::read_secret(&passphrase, path));
    let keys: Vec<SecretKey> = keys.collect::<Result<_, _>>()?;
    let signed = signable.sign(&keys).map_err(explain)?;
    let output = args.output.as_ref().unwrap_or(&args.app);
    files::write(output, &signed)?;
    let sha256 = Digest::of(&signed);
    let signers: Vec<String> = keys.iter().map(|key| key.public().to_string()).collect();
    ui.json(&json!({
        "event": "signed",
        "path": output,
        "name": release.name.as_str(),
        "version": release.version.to_string(),
        "sequence": release.sequence,
        "author": release.author.as_str(),
        "sha256": sha256,
        "signers": signers,
    }))?;
    for line in files::release_lines(&release) {
        ui.line(&line)?;
    }
    ui.line(&format!("File         {}", output.display()))?;
    ui.line(&format!("SHA-256      {sha256}"))?;
    for signer in signers {
        ui.line(&format!("Signed by    {signer}"))?;
    }
    Ok(Exit::Success)
}
