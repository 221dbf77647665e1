//! Parts of files of other machines that calls have read, kept for calls to come: in a private
//! folder, within a bound of bytes.
//!
//! A part is found by whose file it is, which state of which file, and which part. So a call gets at
//! it only if the owner's host has opened that very state for the call, and nothing is found of a
//! file that was changed. Each ends with a hash of it, by which one is known that was not written to
//! its end.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use syft_system::private;

use super::UNPOISONED;
use crate::cache_bounds;
use crate::wire::Seen;

const HASH_BYTES: usize = 32;

/// What a file takes of a disk besides its bytes.
const FILE_COST_BYTES: u64 = 4096;

/// Where parts are kept.
pub(super) struct PartCache {
    folder: PathBuf,
    most_bytes: u64,
    known: Mutex<Known>,
}

/// What lies there.
#[derive(Default)]
struct Known {
    parts: HashMap<String, Part>,
    bytes: u64,
    /// Counts uses.
    clock: u64,
}

struct Part {
    bytes: u64,
    /// When it was used last, by the clock.
    used: u64,
}

/// Which state of which file of which owner.
pub(super) struct PartKey(Sha256);

impl PartKey {
    pub(super) fn new(owner: &str, seen: &Seen) -> Self {
        let mut hash = Sha256::new();
        hash.update((owner.len() as u64).to_le_bytes());
        hash.update(owner);
        hash.update(crate::wire::encode(&(seen.device, seen.stamp)));
        Self(hash)
    }

    fn of(&self, part: u64) -> [u8; HASH_BYTES] {
        let hash = self.0.clone().chain_update(part.to_le_bytes());
        hash.finalize().into()
    }
}

impl PartCache {
    /// Opens the folder, which is made if need be. It keeps at most so many bytes.
    pub(super) fn open(folder: PathBuf, most_bytes: u64) -> io::Result<Self> {
        private::make_folder(&folder)?;
        cache_bounds::delete_forgotten(&folder, SystemTime::now())?;
        let mut entries = cache_bounds::entries(&folder)?;
        entries.sort_by_key(|entry| entry.used);
        let mut known = Known::default();
        for entry in &entries {
            if let Some(name) = entry.name() {
                known.add(name.to_owned(), entry.bytes + FILE_COST_BYTES);
            }
        }
        let cache = Self {
            folder,
            most_bytes,
            known: Mutex::new(known),
        };
        cache.make_room(0);
        Ok(cache)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect(UNPOISONED)
    }

    /// Returns a part, if it is kept and as long as it should be.
    pub(super) fn get(&self, key: &PartKey, part: u64, bytes: usize) -> Option<Vec<u8>> {
        let (path, name) = self.path(key, part);
        if !self.known().uses(&name) {
            return None;
        }
        let read = read(&path, &key.of(part), bytes);
        match &read {
            Some(_) => cache_bounds::touch(&path),
            None => self.forget(&name),
        }
        read
    }

    /// Keeps a part, if there is room for it. Who needs it has it already.
    pub(super) fn put(&self, key: &PartKey, part: u64, content: &[u8]) {
        let cost = content.len() as u64 + HASH_BYTES as u64 + FILE_COST_BYTES;
        if cost > self.most_bytes {
            return;
        }
        self.make_room(cost);
        let (path, name) = self.path(key, part);
        match write(&self.folder, &path, &key.of(part), content) {
            Ok(()) => self.known().add(name, cost),
            Err(error) => {
                tracing::warn!("a part of a file is not kept: {error}");
            }
        }
    }

    fn path(&self, key: &PartKey, part: u64) -> (PathBuf, String) {
        let name = HEXLOWER.encode(&key.of(part));
        (self.folder.join(&name), name)
    }

    /// Deletes what was not used for longest until so many bytes fit.
    fn make_room(&self, bytes: u64) {
        let mut known = self.known();
        while known.bytes + bytes > self.most_bytes {
            let Some(name) = known.oldest() else {
                return;
            };
            known.remove(&name);
            self.delete(&name);
        }
    }

    fn forget(&self, name: &str) {
        self.known().remove(name);
        self.delete(name);
    }

    fn delete(&self, name: &str) {
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("a part of a file cannot be deleted: {error}");
            }
            _ => {}
        }
    }
}

impl Known {
    fn add(&mut self, name: String, bytes: u64) {
        self.clock += 1;
        let used = self.clock;
        self.bytes += bytes;
        if let Some(before) = self.parts.insert(name, Part { bytes, used }) {
            self.bytes -= before.bytes;
        }
    }

    fn uses(&mut self, name: &str) -> bool {
        self.clock += 1;
        let part = self.parts.get_mut(name);
        part.map(|part| part.used = self.clock).is_some()
    }

    fn remove(&mut self, name: &str) {
        if let Some(part) = self.parts.remove(name) {
            self.bytes -= part.bytes;
        }
    }

    fn oldest(&self) -> Option<String> {
        let oldest = self.parts.iter().min_by_key(|(_, part)| part.used);
        oldest.map(|(name, _)| name.clone())
    }
}

fn read(path: &Path, key: &[u8; HASH_BYTES], bytes: usize) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(bytes + HASH_BYTES);
    let most = (bytes + HASH_BYTES + 1) as u64;
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut content));
    read.ok()?;
    let hash = content.split_off(content.len().checked_sub(HASH_BYTES)?);
    (content.len() == bytes && hash == hash_of(key, &content)).then_some(content)
}

/// Writes a part whole, and then gives it its name.
fn write(folder: &Path, path: &Path, key: &[u8; HASH_BYTES], content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.write_all(&hash_of(key, content))?;
    file.persist(path)?;
    Ok(())
}

fn hash_of(key: &[u8; HASH_BYTES], content: &[u8]) -> [u8; HASH_BYTES] {
    let hash = Sha256::new().chain_update(key).chain_update(content);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SeenStamp;

    fn key(owner: &str, inode: u64) -> PartKey {
        let stamp = SeenStamp {
            inode,
            born: (1, 2),
            bytes: 3,
            modified: (4, 5),
            changed: (6, 7),
            mode: 0o100_644,
        };
        let seen = Seen {
            device: 8,
            stamp,
            accessed: (0, 0),
        };
        PartKey::new(owner, &seen)
    }

    fn cache(folder: &Path, most_bytes: u64) -> PartCache {
        PartCache::open(folder.join("parts"), most_bytes).expect("a cache")
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let listed = fs::read_dir(folder.join("parts")).expect("listed");
        listed
            .map(|entry| entry.expect("an entry").path())
            .collect()
    }

    #[test]
    fn a_part_is_found_by_its_owner_file_and_place_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(folder.path(), 1 << 20);
        cache.put(&key("a@x.org", 1), 0, b"text");
        assert_eq!(cache.get(&key("a@x.org", 1), 0, 4), Some(b"text".to_vec()));
        for (owner, inode, part, bytes) in [
            ("b@x.org", 1, 0, 4),
            ("a@x.org", 2, 0, 4),
            ("a@x.org", 1, 1, 4),
        ] {
            assert_eq!(cache.get(&key(owner, inode), part, bytes), None);
        }
        assert_eq!(cache.get(&key("a@x.org", 1), 0, 5), None, "another size");
    }

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(folder.path(), 3 * (FILE_COST_BYTES + 100));
        for inode in [1, 2, 3] {
            cache.put(&key("a@x.org", inode), 0, &[0; 50]);
        }
        assert!(cache.get(&key("a@x.org", 1), 0, 50).is_some());
        cache.put(&key("a@x.org", 4), 0, &[0; 50]);
        let is_there = |inode| cache.get(&key("a@x.org", inode), 0, 50).is_some();
        assert_eq!([1, 2, 3, 4].map(is_there), [true, false, true, true]);
        assert_eq!(files(folder.path()).len(), 3);
        cache.put(&key("a@x.org", 5), 0, &[0; 100_000]);
        assert_eq!(files(folder.path()).len(), 3, "more than there is room for");
    }

    #[test]
    fn it_is_there_after_a_restart_and_within_a_smaller_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let before = cache(folder.path(), 1 << 20);
        before.put(&key("a@x.org", 1), 0, &[1; 50]);
        before.put(&key("a@x.org", 2), 0, &[2; 50]);
        drop(before);
        let again = cache(folder.path(), 1 << 20);
        assert_eq!(again.get(&key("a@x.org", 1), 0, 50), Some(vec![1; 50]));
        drop(again);
        cache(folder.path(), FILE_COST_BYTES + 100);
        assert_eq!(files(folder.path()).len(), 1);
    }

    #[test]
    fn a_part_that_is_damaged_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(folder.path(), 1 << 20);
        for damage in [b"".as_slice(), b"te", &[0; 36]] {
            cache.put(&key("a@x.org", 1), 0, b"text");
            let path = &files(folder.path())[0];
            fs::write(path, damage).expect("damaged");
            assert_eq!(cache.get(&key("a@x.org", 1), 0, 4), None);
            assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
        }
    }
}
