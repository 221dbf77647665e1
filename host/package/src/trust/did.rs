//! What a datasite says of its own key.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use syft_protocol::address::Datasite;
use syft_system::{Dir, Open};

use crate::package::{KeyError, PublicKey};

/// The most bytes of a `did.json`, which takes one or two KiB.
const MAX_BYTES: u64 = 64 << 10;

/// Returns the key in the `did.json` of a datasite. Whoever can write into the datasite, as
/// the sync server can, can write that file: it introduces a key and proves nothing. What
/// cannot be read introduces nobody.
pub fn did_key(datasites: &Path, author: &Datasite) -> Option<PublicKey> {
    let text = read(datasites, author).ok().flatten()?;
    // A line of OpenSSH would be a key as well, and is no did.json.
    let is_json = text.trim_ascii_start().starts_with(b"{");
    match PublicKey::read(&text) {
        Ok(key) => Some(key).filter(|_| is_json),
        Err(error @ KeyError::Encrypted(_)) => {
            tracing::warn!(%author, "did.json is not read: {error}");
            None
        }
        Err(_) => None,
    }
}

fn read(datasites: &Path, author: &Datasite) -> io::Result<Option<Vec<u8>>> {
    let root = Dir::open_ambient(&fs::canonicalize(datasites)?)?;
    let path = format!("{author}/public/did.json");
    let opened = root.open_file_below(&path, Open::READ)?;
    let mut text = Vec::new();
    opened.file.take(MAX_BYTES + 1).read_to_end(&mut text)?;
    Ok((text.len() as u64 <= MAX_BYTES).then_some(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    const DID: &str = r##"{"verificationMethod": [{"id": "did:web:x#identity-key",
        "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519",
            "x": "DLqadAwzW2QX8yayGlQd7w3e7xhLWr8IncCjrApRkuk"}}]}"##;
    const LINE: &str = include_str!("../../../../tests/cases/signing_keys/plain.pub");

    fn alice() -> Datasite {
        Datasite::parse("alice@example.org").expect("an email")
    }

    struct Site(tempfile::TempDir);

    impl Site {
        fn new() -> Self {
            let site = Self(tempfile::tempdir().expect("a folder"));
            fs::create_dir_all(site.public()).expect("folders");
            site
        }

        fn public(&self) -> PathBuf {
            self.0.path().join("alice@example.org/public")
        }

        fn did(&self) -> PathBuf {
            self.public().join("did.json")
        }

        fn key(&self) -> Option<PublicKey> {
            did_key(self.0.path(), &alice())
        }
    }

    #[test]
    fn introduces_the_identity_key() {
        let site = Site::new();
        assert_eq!(site.key(), None);
        fs::write(site.did(), DID).expect("written");
        let key = PublicKey::read(DID.as_bytes()).expect("a key");
        assert_eq!(site.key(), Some(key));
        let spaces = " ".repeat(MAX_BYTES as usize - DID.len());
        fs::write(site.did(), format!("{spaces}{DID}")).expect("written");
        assert_eq!(site.key(), Some(key));
    }

    #[test]
    fn what_is_none_introduces_nobody() {
        let site = Site::new();
        let spaces = " ".repeat(MAX_BYTES as usize + 1 - DID.len());
        for text in ["", "{}", "\u{0}", "SYC2{}", LINE, &format!("{spaces}{DID}")] {
            fs::write(site.did(), text).expect("written");
            assert_eq!(site.key(), None, "{} bytes", text.len());
        }
        fs::remove_file(site.did()).expect("removed");
        fs::create_dir(site.did()).expect("a folder");
        assert_eq!(site.key(), None);
    }

    #[test]
    fn links_and_fifos_introduce_nobody() {
        let site = Site::new();
        let elsewhere = site.0.path().join("elsewhere");
        fs::create_dir(&elsewhere).expect("a folder");
        let real = elsewhere.join("did.json");
        fs::write(&real, DID).expect("written");
        symlink(&real, site.did()).expect("a link");
        assert_eq!(site.key(), None);
        fs::remove_file(site.did()).expect("removed");
        // Also one that stays where it is.
        fs::write(site.public().join("other.json"), DID).expect("written");
        symlink("other.json", site.did()).expect("a link");
        assert_eq!(site.key(), None);
        fs::remove_file(site.did()).expect("removed");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, site.did(), kind, mode, 0).expect("a FIFO");
        assert_eq!(site.key(), None);
        fs::remove_dir_all(site.public()).expect("removed");
        symlink(&elsewhere, site.public()).expect("a link");
        assert_eq!(site.key(), None);
        fs::remove_dir_all(site.0.path().join("alice@example.org")).expect("removed");
        fs::create_dir_all(site.0.path().join("real/public")).expect("folders");
        fs::rename(&real, site.0.path().join("real/public/did.json")).expect("moved");
        symlink("real", site.0.path().join("alice@example.org")).expect("a link");
        assert_eq!(site.key(), None);
    }
}
