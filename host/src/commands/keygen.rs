//! `syft-host keygen`

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use syft_package::SecretKey;
use syft_system::{private, rights};
use zeroize::Zeroizing;

use super::Exit;
use super::passphrase::Passphrase;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;

/// Make a key to sign apps with
///
/// It is an Ed25519 key in the format of OpenSSH, encrypted with a passphrase; beside it
/// lies its public key, with `.pub`. No file is overwritten, and none written into the folder
/// that is synced.
#[derive(Debug, Args)]
pub(super) struct KeygenArgs {
    /// Where the key is written [default: `keys/signing` in the host's config folder]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Take the passphrase from the first line of this file instead of asking
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// Do not encrypt the key: whoever reads the file can sign with it
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,
}

pub(super) fn keygen(
    ui: Ui,
    overrides: &Overrides,
    args: &KeygenArgs,
) -> Result<Exit, CommandError> {
    let path = Config::find_key_file(overrides, args.output.as_deref())?;
    let public_path = with_pub(&path);
    // Before anybody is asked for anything.
    for path in [&path, &public_path] {
        if fs::symlink_metadata(path).is_ok() {
            return Err(exists(path));
        }
    }
    let passphrase = if args.no_passphrase {
        None
    } else {
        Some(new_passphrase(ui, args.passphrase_file.as_deref())?)
    };
    let key = SecretKey::generate()?;
    let text = key.to_openssh(passphrase.as_ref().map(|passphrase| passphrase.as_str()))?;
    write_new(&path, text.as_bytes(), 0o600)?;
    let public = key.public();
    let line = format!("{}\n", public.to_openssh());
    write_new(&public_path, line.as_bytes(), 0o644)?;
    ui.json(&json!({
        "event": "made",
        "path": path,
        "public_path": public_path,
        "public_key": public.to_openssh(),
        "fingerprint": public.to_string(),
        "encrypted": passphrase.is_some(),
    }))?;
    ui.line(&format!("Secret key   {}", path.display()))?;
    ui.line(&format!("Public key   {}", public_path.display()))?;
    ui.line(&format!("Fingerprint  {public}"))?;
    ui.line("Tell the fingerprint to those who are to trust your apps. Keep a copy of the")?;
    ui.line("secret key in a safe place: without it nobody can sign as you.")?;
    Ok(Exit::Success)
}

/// Returns the passphrase of a new key, which is asked for twice.
fn new_passphrase(ui: Ui, file: Option<&Path>) -> Result<Zeroizing<String>, CommandError> {
    let none = || {
        CommandError::new("the passphrase is empty")
            .hint("a key without one has to be asked for: --no-passphrase")
    };
    let source = Passphrase::new(ui, file);
    let passphrase = source.get("Passphrase for the new key:", "--no-passphrase")?;
    if passphrase.is_empty() {
        return Err(none());
    }
    if source.is_asked() && *source.get("The same again:", "--no-passphrase")? != *passphrase {
        return Err(CommandError::new(
            "these passphrases differ; no key was made",
        ));
    }
    Ok(passphrase)
}

fn with_pub(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".pub");
    name.into()
}

fn exists(path: &Path) -> CommandError {
    CommandError::new(format!("{} is already there", path.display()))
        .hint("give another place with --output; a key that is lost cannot be made again")
}

/// Writes a file where none is, all of it or nothing.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CommandError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let write = || -> std::io::Result<bool> {
        private::make_folders(folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(".syft-host-")
            .tempfile_in(folder)?;
        rights::set_mode(file.as_file(), mode)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.error),
        }
    };
    match write() {
        Ok(true) => Ok(()),
        Ok(false) => Err(exists(path)),
        Err(error) => Err(CommandError::new(format!(
            "write {}: {error}",
            path.display()
        ))),
    }
}
