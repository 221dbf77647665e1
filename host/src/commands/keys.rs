//! Keys as options name them.

use std::fs;
use std::path::{Path, PathBuf};

use syft_package::{KeyError, KeyFile, PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::files;
use super::passphrase::Passphrase;
use crate::config::{Config, Overrides};
use crate::error::CommandError;

/// Reads a secret key, and asks for its passphrase if it has one.
pub(super) fn read_secret(
    passphrase: &Passphrase<'_>,
    path: &Path,
) -> Result<SecretKey, CommandError> {
    let wrong = |error: CommandError| error.about(format!("cannot sign with {}", path.display()));
    let explain = |error: KeyError| wrong(files::explain_key(error));
    let text = fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| wrong(error.into()))?;
    match KeyFile::read(&text).map_err(explain)? {
        KeyFile::Open(key) => Ok(key),
        KeyFile::Locked(key) => {
            let given = passphrase.given();
            if let Some(key) = given.and_then(|given| key.unlock(&given).ok()) {
                return Ok(key);
            }
            let question = format!("Passphrase of {} ({}):", path.display(), key.fingerprint());
            let passphrase = passphrase
                .get(&question, "a key without one")
                .map_err(wrong)?;
            key.unlock(&passphrase).map_err(explain)
        }
    }
}

/// Returns the path of the key to sign with: the one that is named, or that of `syft-host keygen`.
pub(super) fn secret_path(
    overrides: &Overrides,
    said: Option<&Path>,
) -> Result<PathBuf, CommandError> {
    if let Some(path) = said {
        return Ok(path.to_owned());
    }
    let path = Config::find_key_file(overrides, None)?;
    if path.exists() {
        return Ok(path);
    }
    let message = format!("there is no key to sign with at {}", path.display());
    Err(CommandError::new(message).hint("make one with `syft-host keygen`, or give --key FILE"))
}

/// Reads a public key from the option itself, or from the file that it names.
pub(super) fn read_public(said: &str) -> Result<PublicKey, CommandError> {
    let text = if said.starts_with("ssh-") {
        said.as_bytes().to_owned()
    } else {
        fs::read(said)?
    };
    PublicKey::read(&text).map_err(files::explain_key)
}
