//! What the owner keeps secret for an app: a file for each, in the app's private folder.
//!
//! Why: docs/decisions/59-the-host-adds-secrets.md

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use syft_manifest::{SecretValue, VariableName};
use syft_system::private;
use zeroize::Zeroizing;

/// The name of the folder in that of an app.
pub const FOLDER: &str = "secrets";

/// The secrets of one app, as the owner has set them.
#[derive(Debug, Clone)]
pub struct SecretStore {
    folder: PathBuf,
}

impl SecretStore {
    /// Returns the secrets of the app whose private folder this is.
    pub fn new(app_folder: &Path) -> Self {
        Self {
            folder: app_folder.join(FOLDER),
        }
    }

    /// Keeps a secret in the place of any that has the name.
    ///
    /// # Errors
    /// The disk, or others can write to the folder.
    pub fn set(&self, name: &VariableName, value: &SecretValue) -> io::Result<()> {
        private::make_folder(&self.folder)?;
        private::write(&self.path(name), value.reveal().as_bytes())
    }

    /// Returns a secret, if it is set.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn get(&self, name: &VariableName) -> io::Result<Option<SecretValue>> {
        let Some(bytes) = private::read(&self.path(name), SecretValue::MAX_BYTES as u64)? else {
            return Ok(None);
        };
        let bytes = Zeroizing::new(bytes);
        // An error of the library would keep the bytes.
        let text = str::from_utf8(&bytes).map_err(|_| io::Error::other("it is no text"))?;
        let value = SecretValue::new(Zeroizing::new(text.to_owned()));
        value.map(Some).map_err(io::Error::other)
    }

    /// Forgets a secret, and tells whether there was one.
    ///
    /// # Errors
    /// The disk.
    pub fn remove(&self, name: &VariableName) -> io::Result<bool> {
        match fs::remove_file(self.path(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns which are set, by name.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn names(&self) -> io::Result<Vec<VariableName>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            names.extend(
                name.to_str()
                    .and_then(|name| VariableName::parse(name).ok()),
            );
        }
        names.sort();
        Ok(names)
    }

    /// Returns a number that is another one once a secret was set or removed.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn stamp(&self) -> io::Result<u64> {
        match private::stamp(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            stamp => stamp,
        }
    }

    fn path(&self, name: &VariableName) -> PathBuf {
        self.folder.join(name.as_str())
    }
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use syft_system::Stat;

    use super::*;

    fn name(text: &str) -> VariableName {
        VariableName::parse(text).expect("a name")
    }

    fn value(text: &str) -> SecretValue {
        SecretValue::new(Zeroizing::new(text.to_owned())).expect("a value")
    }

    #[test]
    fn what_is_set_is_there_until_it_is_removed() {
        let site = tempfile::tempdir().expect("a folder");
        let store = SecretStore::new(&site.path().join("apps/demo"));
        assert_eq!(store.names().expect("none"), []);
        let before = store.stamp().expect("a stamp");
        store.set(&name("B"), &value("one")).expect("set");
        store.set(&name("A"), &value("two")).expect("set");
        store.set(&name("B"), &value("three")).expect("set");
        assert_ne!(store.stamp().expect("a stamp"), before);
        assert_eq!(store.names().expect("names"), [name("A"), name("B")]);
        assert_eq!(store.get(&name("B")).expect("one"), Some(value("three")));
        assert!(store.remove(&name("B")).expect("removed"));
        assert!(!store.remove(&name("B")).expect("none"));
        assert_eq!(store.get(&name("B")).expect("none"), None);
    }

    // Elsewhere the folder of the user's profile says it.
    #[cfg(unix)]
    #[test]
    fn it_is_its_users_alone() {
        let site = tempfile::tempdir().expect("a folder");
        let store = SecretStore::new(site.path());
        store.set(&name("A"), &value("one")).expect("set");
        let mode = |path: &Path| Stat::at(path).expect("it is there").mode;
        assert_eq!(mode(&store.folder) & 0o777, 0o700);
        assert_eq!(mode(&store.path(&name("A"))) & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_secret_is_named_and_not_shown() {
        let site = tempfile::tempdir().expect("a folder");
        let store = SecretStore::new(site.path());
        store.set(&name("A"), &value("one")).expect("set");
        for bytes in [&b"s3cret\xff"[..], b"s3cret\0", b"", &[b'x'; 9 << 10]] {
            fs::write(store.path(&name("A")), bytes).expect("written");
            let error = store.get(&name("A")).expect_err("it is none");
            assert!(
                !format!("{error} {error:?}").contains("s3cret"),
                "{error:?}"
            );
        }
    }
}
