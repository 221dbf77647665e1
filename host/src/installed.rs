//! Which apps are installed for an owner, and what of each.
//!
//! - A record a app, in a private folder of the owner's: replaced by a rename, so that who
//!   reads it has the old one or the new one. What is not in a record does not run.
//! - Components by their digest, in a private folder that all owners share. What is read is
//!   hashed again, so that a record names bytes and not a file.

mod components;
mod permission_diff;
mod record;
mod schedule_diff;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use syft_protocol::address::AppName;
use syft_system::lock::{self, Lock};
use syft_system::private;
use thiserror::Error;

pub use components::Components;
pub use permission_diff::added_permissions;
pub use record::{Installed, InstalledRelease, MAX_EARLIER};
pub use schedule_diff::more_often;

/// The most bytes of a record: two manifests fit, and more.
const MAX_BYTES: u64 = 1 << 20;

const EXTENSION: &str = "json";

/// Errors of the records of installed apps.
#[derive(Debug, Error)]
pub enum InstalledError {
    /// The disk.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// Somebody changed a record, or an other version of the host wrote it.
    #[error("{} is not as it was written: {why}", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A component is not as it was installed.
    #[error("{} is not as it was installed: it has other bytes", path.display())]
    Changed {
        /// Which file.
        path: PathBuf,
    },
}

impl InstalledError {
    fn io(path: &Path, error: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            error,
        }
    }
}

/// What is installed for an owner.
#[derive(Debug, Clone)]
pub struct InstalledRecords {
    folder: PathBuf,
}

impl InstalledRecords {
    /// Opens the records in a private folder, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: &Path) -> Result<Self, InstalledError> {
        private::make_folder(folder).map_err(|error| InstalledError::io(folder, error))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Returns where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a number that is another one once a record was changed.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub(crate) fn stamp(&self) -> Result<u64, InstalledError> {
        private::stamp(&self.folder).map_err(|error| InstalledError::io(&self.folder, error))
    }

    /// Waits until nobody else changes what is installed.
    ///
    /// # Errors
    /// The lock cannot be had.
    pub(crate) fn lock(&self) -> Result<Lock, InstalledError> {
        let path = self.folder.join("lock");
        lock::wait_for(&path).map_err(|error| InstalledError::io(&path, error))
    }

    /// Returns the apps that have a record, by name. Whether it can be read is another
    /// question.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn names(&self) -> Result<Vec<AppName>, InstalledError> {
        let wrong = |error| InstalledError::io(&self.folder, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(wrong)? {
            let name = PathBuf::from(entry.map_err(wrong)?.file_name());
            if name
                .extension()
                .is_some_and(|extension| extension == EXTENSION)
            {
                let name = name.file_stem().and_then(|stem| stem.to_str());
                names.extend(name.and_then(AppName::of_file_name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Returns what is installed of an app.
    ///
    /// # Errors
    /// There is a record, and it cannot be read.
    pub fn get(&self, name: &AppName) -> Result<Option<Installed>, InstalledError> {
        let path = self.path(name);
        let json = private::read(&path, MAX_BYTES);
        let Some(json) = json.map_err(|error| InstalledError::io(&path, error))? else {
            return Ok(None);
        };
        let wrong = |why: String| InstalledError::Record {
            path: path.clone(),
            why,
        };
        let installed: Installed =
            serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))?;
        if installed.name == *name {
            Ok(Some(installed))
        } else {
            Err(wrong(format!("it is about `{}`", installed.name)))
        }
    }

    /// Writes what is installed of an app, and returns once it is on the disk.
    ///
    /// # Errors
    /// The disk.
    pub fn put(&self, installed: &Installed) -> Result<(), InstalledError> {
        let path = self.path(&installed.name);
        let write = || -> io::Result<()> {
            let mut json = serde_json::to_vec_pretty(installed)?;
            json.push(b'\n');
            private::write(&path, &json)
        };
        write().map_err(|error| InstalledError::io(&path, error))
    }

    /// Forgets an app.
    ///
    /// # Errors
    /// The disk.
    pub fn remove(&self, name: &AppName) -> Result<(), InstalledError> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(|error| InstalledError::io(&path, error))
    }

    fn path(&self, name: &AppName) -> PathBuf {
        self.folder
            .join(format!("{}.{EXTENSION}", name.file_name()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;

    use syft_protocol::address::Datasite;
    use syft_protocol::grant::PathPattern;
    use syft_protocol::timestamp::Timestamp;

    use super::*;
    use syft_manifest::Digest;
    use syft_manifest::Manifest;

    fn release(sequence: u64) -> InstalledRelease {
        let asked = "[files]\nread = ['*/public/**']\n[limits]\ntime = '20s'";
        InstalledRelease {
            version: semver::Version::new(1, 0, sequence),
            sequence,
            epoch: 0,
            signer: "SHA256:x".to_owned(),
            sha256: Digest::of(format!("file {sequence}").as_bytes()),
            signed_sha256: Digest::of(format!("signed {sequence}").as_bytes()),
            since: Timestamp::from_micros(1_000_000),
            approved: Manifest::from_toml("x", asked).expect("a manifest").0,
            denied: vec![PathPattern::parse("*/public/x").expect("a pattern")],
        }
    }

    fn installed(name: &str) -> Installed {
        Installed {
            name: AppName::parse(name).expect("a name"),
            author: Datasite::parse("alice@example.org").expect("an email"),
            source: "oci://x/y:1".to_owned(),
            current: release(2),
            earlier: vec![release(1)],
            waiting: None,
            skipped: vec![Digest::of(b"skipped")],
        }
    }

    #[test]
    fn reads_what_was_written_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let records = InstalledRecords::open(&folder.path().join("installed")).expect("records");
        let app = installed("app");
        assert_eq!(records.get(&app.name).expect("none"), None);
        records.put(&app).expect("written");
        assert_eq!(records.get(&app.name).expect("a record"), Some(app.clone()));
        assert_eq!(
            records.names().expect("names"),
            std::slice::from_ref(&app.name)
        );

        let path = records.folder().join("app.json");
        let text = fs::read_to_string(&path).expect("a record");
        for (old, new, why) in [
            ("\"installed\": 1", "\"installed\": 2", "form 2"),
            ("\"name\": \"app\"", "\"name\": \"other\"", "about `other`"),
            ("\"name\": \"app\"", "\"name\": \"../app\"", "app"),
            ("\"source\"", "\"sauce\"", "unknown field `sauce`"),
            ("\"epoch\": 0", "\"epoch\": -1", "-1"),
            ("\"time_ms\": 20000", "\"time_ms\": 0", "limits.time_ms"),
            ("*/public/x", "../x", "`..`"),
            (
                app.current.sha256.as_str(),
                "../../x",
                "64 hexadecimal digits",
            ),
        ] {
            let changed = text.replace(old, new);
            assert_ne!(changed, text, "{old}");
            fs::write(&path, changed).expect("written");
            let error = records.get(&app.name).expect_err(new).to_string();
            assert!(error.contains(why), "{new}: {error}");
        }
        records.remove(&app.name).expect("removed");
        assert_eq!(records.names().expect("names"), []);
    }

    #[test]
    fn a_record_of_one_earlier_release_is_still_read() {
        let app = installed("app");
        let mut json = serde_json::to_value(&app).expect("a record");
        let object = json.as_object_mut().expect("an object");
        let earlier = object.remove("earlier").expect("releases");
        object.insert("previous".to_owned(), earlier[0].clone());
        let skipped = object.remove("skipped").expect("digests");
        object.insert("skipped".to_owned(), skipped[0].clone());
        let read: Installed = serde_json::from_value(json).expect("a record");
        assert_eq!(read, app);
    }

    #[test]
    fn going_back_never_leads_to_what_is_newer() {
        let mut app = installed("app");
        for sequence in 3..=5 {
            app = app.replaced_by(release(sequence), String::new());
        }
        let numbers = |releases: Vec<&InstalledRelease>| -> Vec<u64> {
            releases.iter().map(|release| release.sequence).collect()
        };
        assert_eq!(numbers(app.earlier.iter().collect()), [4, 3, 2, 1]);
        let app = app.back_at(release(3));
        assert_eq!(numbers(app.older()), [2, 1]);
        let app = app.back_at(release(2)).back_at(release(1));
        assert_eq!((numbers(app.older()), app.current.sequence), (vec![], 1));
        assert!(app.skipped.len() >= 3, "{:?}", app.skipped);
        // Someone took an older one on purpose: back from there is no way to the newer one.
        let app = installed("app").replaced_by(release(1), String::new());
        assert_eq!(numbers(app.older()), [0; 0]);
    }

    #[test]
    fn each_app_has_a_record_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let records = InstalledRecords::open(&folder.path().join("installed")).expect("records");
        let apps = ["llm", "llm-x", "llm.x", "llm/x", "llm/x/y"].map(installed);
        for app in &apps {
            records.put(app).expect("written");
        }
        let names = records.names().expect("names");
        assert_eq!(names, apps.each_ref().map(|app| app.name.clone()));
        records.remove(&apps[3].name).expect("removed");
        for app in &apps {
            let is_there = app.name != apps[3].name;
            let expected = is_there.then(|| app.clone());
            assert_eq!(records.get(&app.name).expect("records"), expected);
        }
    }

    #[test]
    fn a_component_is_what_its_digest_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let components = Components::open(folder.path()).expect("components");
        let one = components.keep(b"one").expect("kept");
        let two = components.keep(b"two").expect("kept");
        assert_eq!(components.read(&one, 3).expect("it"), b"one");
        assert!(matches!(
            components.read(&one, 2),
            Err(InstalledError::Io { .. })
        ));

        let path = folder.path().join(format!("{one}.wasm"));
        fs::write(&path, b"eno").expect("written");
        let changed = components.read(&one, 3);
        assert!(matches!(changed, Err(InstalledError::Changed { .. })));
        components.keep(b"one").expect("kept");
        assert_eq!(components.read(&one, 3).expect("mended"), b"one");

        fs::write(folder.path().join("notes.wasm"), b"of somebody").expect("written");
        fs::write(folder.path().join(".new-a1B2c3"), b"half").expect("written");
        let deleted = components.keep_only(&HashSet::from([two]));
        assert_eq!(deleted.expect("cleaned"), [one]);
        assert!(!path.exists() && !folder.path().join(".new-a1B2c3").exists());
        assert!(folder.path().join("notes.wasm").exists());
    }
}
