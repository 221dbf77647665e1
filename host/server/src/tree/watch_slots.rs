//! Which folders of senders are watched, as there may be more than can be watched: those of
//! active senders before others, and of these the ones that were active last.
//!
//! Why: docs/decisions/03-watches-go-to-active-senders.md

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Folders of senders that are watched of one endpoint, and of one app. Of an app with
/// very many endpoints each has a few all the same.
const MOST_OF_ENDPOINT: usize = 4_096;
const MOST_OF_APP: usize = 16_384;
const FEWEST_OF_ENDPOINT: usize = 64;

/// What is known of a sender's folder that is to be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderGrade {
    /// It was found, with nothing that waits in it.
    Idle,
    /// It was made just now.
    New,
    /// A request was there.
    Active,
}

/// Whether there is a slot for a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SlotClaim {
    /// A slot is free.
    Free,
    /// It takes the slot of another folder.
    Instead(Arc<str>),
    /// All slots are taken.
    Full,
}

/// The folders that are watched, by their endpoints.
#[derive(Debug)]
pub(super) struct WatchSlots {
    most: usize,
    endpoints: HashMap<Arc<str>, Order>,
    clock: u64,
}

/// When it was last active, and whether it ever was. The first one goes first.
type Key = (bool, u64);

#[derive(Debug, Default)]
struct Order {
    order: BTreeMap<Key, Arc<str>>,
    keys: HashMap<Arc<str>, Key>,
}

impl WatchSlots {
    /// Returns the slots of an app with so many endpoints.
    pub(super) fn new(n_endpoints: usize) -> Self {
        let most = MOST_OF_APP / n_endpoints.max(1);
        Self {
            most: most.clamp(FEWEST_OF_ENDPOINT, MOST_OF_ENDPOINT),
            endpoints: HashMap::new(),
            clock: 0,
        }
    }

    /// Gives a folder a slot, if it can have one.
    pub(super) fn claim(
        &mut self,
        endpoint: &str,
        path: &Arc<str>,
        grade: FolderGrade,
    ) -> SlotClaim {
        self.clock += 1;
        let key = (grade == FolderGrade::Active, self.clock);
        let order = self.endpoints.entry(Arc::from(endpoint)).or_default();
        if let Some(before) = order.keys.get(path).copied() {
            if grade != FolderGrade::Idle {
                order.remove(path);
                order.insert(path, (key.0 || before.0, key.1));
            }
            return SlotClaim::Free;
        }
        if order.keys.len() < self.most {
            order.insert(path, key);
            return SlotClaim::Free;
        }
        match order.first_for(grade) {
            None => SlotClaim::Full,
            Some(first) => {
                order.remove(&first);
                order.insert(path, key);
                SlotClaim::Instead(first)
            }
        }
    }

    /// Records a request in a folder that has a slot.
    pub(super) fn touch(&mut self, endpoint: &str, path: &str) {
        self.clock += 1;
        if let Some(order) = self.endpoints.get_mut(endpoint)
            && let Some((path, key)) = order.keys.remove_entry(path)
        {
            order.order.remove(&key);
            order.insert(&path, (true, self.clock));
        }
    }

    /// Gives a folder the slot of another one, as no other can be had.
    pub(super) fn replace(
        &mut self,
        endpoint: &str,
        path: &Arc<str>,
        grade: FolderGrade,
    ) -> Option<Arc<str>> {
        let order = self.endpoints.get_mut(endpoint)?;
        let key = order.remove(path)?;
        let first = order.first_for(grade)?;
        order.remove(&first);
        order.insert(path, key);
        Some(first)
    }

    /// Takes the slot of a folder away.
    pub(super) fn leave(&mut self, endpoint: &str, path: &str) {
        if let Some(order) = self.endpoints.get_mut(endpoint) {
            order.remove(path);
        }
    }

    /// Frees the slots of all folders that are no longer watched.
    pub(super) fn retain(&mut self, is_watched: impl Fn(&str) -> bool) {
        for order in self.endpoints.values_mut() {
            let gone: Vec<Arc<str>> = order.keys.keys().cloned().collect();
            for path in gone.iter().filter(|path| !is_watched(path)) {
                order.remove(path);
            }
        }
    }
}

impl Order {
    fn insert(&mut self, path: &Arc<str>, key: Key) {
        self.order.insert(key, Arc::clone(path));
        self.keys.insert(Arc::clone(path), key);
    }

    fn remove(&mut self, path: &str) -> Option<Key> {
        let key = self.keys.remove(path)?;
        self.order.remove(&key);
        Some(key)
    }

    /// Returns who gives way.
    fn first_for(&self, grade: FolderGrade) -> Option<Arc<str>> {
        let ((is_active, _), first) = self.order.first_key_value()?;
        let gives_way = match grade {
            FolderGrade::Idle => false,
            FolderGrade::New => !is_active,
            FolderGrade::Active => true,
        };
        gives_way.then(|| Arc::clone(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(slots: &mut WatchSlots, path: &str, grade: FolderGrade) -> String {
        match slots.claim("echo", &Arc::from(path), grade) {
            SlotClaim::Free => "free".to_owned(),
            SlotClaim::Full => "full".to_owned(),
            SlotClaim::Instead(other) => format!("not {other}"),
        }
    }

    #[test]
    fn who_was_active_last_stays_and_who_never_was_goes_first() {
        let mut slots = WatchSlots {
            most: 3,
            ..WatchSlots::new(1)
        };
        for (path, grade, expected) in [
            ("a", FolderGrade::Active, "free"),
            ("b", FolderGrade::Idle, "free"),
            ("c", FolderGrade::Idle, "free"),
            ("d", FolderGrade::Idle, "full"),
            ("d", FolderGrade::New, "not b"),
            ("e", FolderGrade::Active, "not c"),
            ("c", FolderGrade::New, "not d"),
            ("c", FolderGrade::Active, "free"),
            ("f", FolderGrade::New, "full"),
            ("a", FolderGrade::Active, "free"),
            ("f", FolderGrade::Active, "not e"),
            ("g", FolderGrade::Active, "not c"),
        ] {
            assert_eq!(claim(&mut slots, path, grade), expected, "{path} {grade:?}");
        }
    }

    #[test]
    fn who_is_gone_leaves_a_slot_and_endpoints_have_slots_of_their_own() {
        let mut slots = WatchSlots {
            most: 1,
            ..WatchSlots::new(1)
        };
        let other = slots.claim("other", &Arc::from("x"), FolderGrade::Idle);
        assert_eq!(other, SlotClaim::Free);
        assert_eq!(claim(&mut slots, "a", FolderGrade::Idle), "free");
        slots.retain(|path| path != "a");
        assert_eq!(claim(&mut slots, "b", FolderGrade::Idle), "free");
        slots.leave("echo", "b");
        assert_eq!(claim(&mut slots, "c", FolderGrade::New), "free");
        assert_eq!(
            slots.replace("echo", &Arc::from("c"), FolderGrade::Active),
            None
        );
    }
}
