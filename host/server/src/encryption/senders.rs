//! Which keys senders have, in a private folder: the first that was seen, or what the owner
//! accepted since.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use syft_manifest::Digest;
use syft_protocol::address::Datasite;
use syft_protocol::encryption::IdentityKey;
use syft_protocol::timestamp::Timestamp;
use syft_system::lock::{self, Lock};
use syft_system::private;

/// The most senders whose keys are kept.
const MOST: usize = 4_096;

/// The most bytes of a file; it takes less than one KiB.
const MAX_BYTES: u64 = 16 << 10;

const EXTENSION: &str = "json";

/// Which keys senders have.
#[derive(Debug, Clone)]
pub struct SenderKeys {
    folder: PathBuf,
}

/// A sender whose key is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedSender {
    /// Who it is.
    pub email: Datasite,
    /// The key.
    pub key: IdentityKey,
    /// Since when it is kept.
    pub since: Timestamp,
}

/// What came of keeping the first key of a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pinning {
    /// It was known.
    Known,
    /// It is from now on.
    First,
    /// Another one is known.
    Changed(IdentityKey),
    /// It is known as somebody else's.
    OfAnother(Datasite),
    /// No more are kept.
    TooMany,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    email: String,
    key: String,
    fingerprint: String,
    since: String,
}

impl SenderKeys {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Returns what is known of a sender.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(&self, email: &Datasite) -> io::Result<Option<PinnedSender>> {
        let path = self.path(email);
        match read(&path)? {
            Some(other) if other.email != *email => {
                let why = format!("{} is about somebody else", path.display());
                Err(io::Error::other(why))
            }
            found => Ok(found),
        }
    }

    /// Returns all senders that are known, by email.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn all(&self) -> io::Result<Vec<PinnedSender>> {
        let mut all = Vec::new();
        for path in self.paths()? {
            all.extend(read(&path)?);
        }
        all.sort_by(|a, b| a.email.cmp(&b.email));
        Ok(all)
    }

    /// Keeps a key, whatever was known.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, pinned: &PinnedSender) -> io::Result<()> {
        let _lock = self.lock()?;
        self.write(pinned)
    }

    /// Forgets a sender. Returns whether one was known.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget(&self, email: &Datasite) -> io::Result<bool> {
        let _lock = self.lock()?;
        match fs::remove_file(self.path(email)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => removed.map(|()| true),
        }
    }

    /// Keeps the key of a sender of whom none is known.
    pub(super) fn pin_first(
        &self,
        email: &Datasite,
        key: IdentityKey,
        now: Timestamp,
    ) -> io::Result<Pinning> {
        if let Some(known) = self.of(email)? {
            return Ok(known.compared_with(key));
        }
        let _lock = self.lock()?;
        // Known by their names: to read them all for each that is one too many takes time.
        if self.paths()?.len() >= MOST {
            return Ok(Pinning::TooMany);
        }
        let all = self.all()?;
        if let Some(known) = all.iter().find(|known| known.email == *email) {
            return Ok(known.compared_with(key));
        }
        // Else somebody could pass off another's encrypted request as their own, by that one's
        // keys in their own document, and get the answer to it.
        if let Some(other) = all.iter().find(|known| known.key == key) {
            return Ok(Pinning::OfAnother(other.email.clone()));
        }
        self.write(&PinnedSender {
            email: email.clone(),
            key,
            since: now,
        })?;
        Ok(Pinning::First)
    }

    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == EXTENSION) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    fn lock(&self) -> io::Result<Lock> {
        private::make_folder(&self.folder)?;
        lock::wait_for(&self.folder.join("lock"))
    }

    fn write(&self, pinned: &PinnedSender) -> io::Result<()> {
        let file = File {
            email: pinned.email.to_string(),
            key: pinned.key.to_text(),
            fingerprint: pinned.key.to_string(),
            since: pinned.since.to_string(),
        };
        let mut json = serde_json::to_vec_pretty(&file)?;
        json.push(b'\n');
        private::write(&self.path(&pinned.email), &json)
    }

    /// Emails may be what file systems take for something else.
    fn path(&self, email: &Datasite) -> PathBuf {
        let name = Digest::of(email.as_str().as_bytes());
        self.folder.join(format!("{name}.{EXTENSION}"))
    }
}

impl PinnedSender {
    fn compared_with(&self, key: IdentityKey) -> Pinning {
        if self.key == key {
            Pinning::Known
        } else {
            Pinning::Changed(self.key)
        }
    }
}

fn read(path: &Path) -> io::Result<Option<PinnedSender>> {
    let Some(json) = private::read(path, MAX_BYTES)? else {
        return Ok(None);
    };
    let wrong = |why: String| io::Error::other(format!("{}: {why}", path.display()));
    let file: File = serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))?;
    let email = Datasite::parse(&file.email).map_err(|error| wrong(error.to_string()))?;
    let key = IdentityKey::parse(&file.key).map_err(|why| wrong(why.to_owned()))?;
    let since = Timestamp::parse(&file.since).ok_or_else(|| wrong("no time".to_owned()))?;
    Ok(Some(PinnedSender { email, key, since }))
}

#[cfg(test)]
mod tests {
    use syft_protocol::encryption::OwnKeys;

    use super::*;

    fn key(number: u8) -> IdentityKey {
        let keys = OwnKeys::of_random(&[number; 32], &[number; 32]);
        keys.public().identity()
    }

    fn somebody(name: &str) -> Datasite {
        Datasite::parse(&format!("{name}@example.org")).expect("an email")
    }

    #[test]
    fn the_first_key_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let senders = SenderKeys::new(&folder.path().join("senders"));
        assert_eq!(senders.all().expect("none"), []);
        let (alice, bob, now) = (
            somebody("alice"),
            somebody("bob"),
            Timestamp::from_micros(5),
        );
        let pin = |email, number| senders.pin_first(email, key(number), now).expect("written");
        assert_eq!(pin(&alice, 1), Pinning::First);
        assert_eq!(pin(&alice, 1), Pinning::Known);
        assert_eq!(pin(&alice, 2), Pinning::Changed(key(1)));
        assert_eq!(pin(&bob, 1), Pinning::OfAnother(alice.clone()));
        assert_eq!(pin(&bob, 3), Pinning::First);
        let pinned = |email: &Datasite, number| PinnedSender {
            email: email.clone(),
            key: key(number),
            since: now,
        };
        assert_eq!(
            senders.all().expect("two"),
            [pinned(&alice, 1), pinned(&bob, 3)]
        );
        senders.put(&pinned(&alice, 2)).expect("written");
        assert_eq!(senders.of(&alice).expect("read"), Some(pinned(&alice, 2)));
        assert_eq!(pin(&alice, 1), Pinning::Changed(key(2)));
        assert!(senders.forget(&alice).expect("removed"));
        assert!(!senders.forget(&alice).expect("gone"));
        assert_eq!(pin(&alice, 1), Pinning::First);
    }

    /// What cannot be read is an error, and never a sender who is new.
    #[test]
    fn a_damaged_file_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let senders = SenderKeys::new(folder.path());
        let (alice, now) = (somebody("alice"), Timestamp::from_micros(5));
        let pin = || senders.pin_first(&alice, key(1), now);
        assert_eq!(pin().expect("written"), Pinning::First);
        let path = senders.path(&alice);
        let whole = fs::read_to_string(&path).expect("a file");
        for text in ["", "{}", &whole[..20], &whole.replace("alice@", "al@")] {
            fs::write(&path, text).expect("written");
            pin().expect_err(text);
        }
    }
}
