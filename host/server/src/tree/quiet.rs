//! Folders that need not be read again as long as they stay as they are.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, SystemTime};

use syft_protocol::inbox::Stamp;
use syft_system::Dir;

use super::read::{look_at, stamp};

/// The age from which on a later change of a folder has another time: some file systems
/// count two seconds at once.
const SETTLED: Duration = Duration::from_secs(3);

/// Folders that are kept in mind of one app. Others are read each time.
const MOST: usize = 450_000;

/// Folders of senders that need not be read: nothing waited in them, and what comes
/// changes them. They are known by a digest of their stamps.
#[derive(Debug)]
pub(super) struct Quiet {
    before: HashSet<u64>,
    now: HashSet<u64>,
    most: usize,
    hasher: RandomState,
}

impl Quiet {
    /// Returns what is known of one of so many endpoints: nothing yet.
    pub(super) fn new(n_endpoints: usize) -> Self {
        Self {
            before: HashSet::new(),
            now: HashSet::new(),
            most: MOST / n_endpoints.max(1),
            hasher: RandomState::new(),
        }
    }

    /// Goes over to the next scan.
    pub(super) fn turn(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// Has everything read.
    pub(super) fn forget(&mut self) {
        self.before = HashSet::new();
    }

    /// Tells whether a folder need not be read.
    pub(super) fn passes(&mut self, parent: &Dir, name: &str) -> bool {
        if self.before.is_empty() {
            return false;
        }
        let found = look_at(parent, name).ok().flatten();
        let key = found.map(|found| self.hasher.hash_one(stamp(&found)));
        let known = key.filter(|key| self.before.contains(key));
        if self.now.len() < self.most {
            self.now.extend(known);
        }
        known.is_some()
    }

    #[cfg(test)]
    pub(super) fn knows(&self, stamp: Stamp) -> bool {
        self.before.contains(&self.hasher.hash_one(stamp))
    }

    /// Takes note of a folder in which nothing waits.
    pub(super) fn add(&mut self, stamp: Stamp) {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let settled = now.saturating_sub(SETTLED).as_nanos();
        if self.now.len() < self.most && stamp.changed < i128::try_from(settled).unwrap_or(0) {
            self.now.insert(self.hasher.hash_one(stamp));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_quiet_when_its_time_is_past_and_there_is_room() {
        let mut quiet = Quiet::new(MOST / 2);
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("later");
        for (inode, age, n_known) in [(1, 0, 0), (2, 2, 0), (3, 4, 1), (4, 4, 2), (5, 4, 2)] {
            let changed = now.saturating_sub(Duration::from_secs(age)).as_nanos();
            quiet.add(Stamp {
                inode,
                bytes: 0,
                changed: i128::try_from(changed).expect("it fits"),
            });
            assert_eq!(quiet.now.len(), n_known, "{inode}");
        }
    }
}
