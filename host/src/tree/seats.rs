//! Which folders of senders are watched, as there may be far more than can be: those of
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
pub(super) enum Grade {
    /// It was found, with nothing that waits in it.
    Idle,
    /// It was made just now.
    New,
    /// A request was there.
    Active,
}

/// Whether there is room for a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// There is.
    Free,
    /// There is in the place of another one.
    Instead(Arc<str>),
    /// There is none.
    Full,
}

/// The folders that are watched, by their endpoints.
#[derive(Debug)]
pub(super) struct Seats {
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

impl Seats {
    /// Returns the seats of an app with so many endpoints.
    pub(super) fn new(n_endpoints: usize) -> Self {
        let most = MOST_OF_APP / n_endpoints.max(1);
        Self {
            most: most.clamp(FEWEST_OF_ENDPOINT, MOST_OF_ENDPOINT),
            endpoints: HashMap::new(),
            clock: 0,
        }
    }

    /// Gives a folder a seat if there is one for it.
    pub(super) fn claim(&mut self, endpoint: &str, path: &Arc<str>, grade: Grade) -> Claim {
        self.clock += 1;
        let key = (grade == Grade::Active, self.clock);
        let order = self.endpoints.entry(Arc::from(endpoint)).or_default();
        if let Some(before) = order.keys.get(path).copied() {
            if grade != Grade::Idle {
                order.remove(path);
                order.insert(path, (key.0 || before.0, key.1));
            }
            return Claim::Free;
        }
        if order.keys.len() < self.most {
            order.insert(path, key);
            return Claim::Free;
        }
        match order.first_for(grade) {
            None => Claim::Full,
            Some(first) => {
                order.remove(&first);
                order.insert(path, key);
                Claim::Instead(first)
            }
        }
    }

    /// Takes note of a request in a folder that has a seat.
    pub(super) fn touch(&mut self, endpoint: &str, path: &str) {
        self.clock += 1;
        if let Some(order) = self.endpoints.get_mut(endpoint)
            && let Some((path, key)) = order.keys.remove_entry(path)
        {
            order.order.remove(&key);
            order.insert(&path, (true, self.clock));
        }
    }

    /// Gives a folder the seat of another one, as no other can be had.
    pub(super) fn replace(
        &mut self,
        endpoint: &str,
        path: &Arc<str>,
        grade: Grade,
    ) -> Option<Arc<str>> {
        let order = self.endpoints.get_mut(endpoint)?;
        let key = order.remove(path)?;
        let first = order.first_for(grade)?;
        order.remove(&first);
        order.insert(path, key);
        Some(first)
    }

    /// Takes the seat of a folder away.
    pub(super) fn leave(&mut self, endpoint: &str, path: &str) {
        if let Some(order) = self.endpoints.get_mut(endpoint) {
            order.remove(path);
        }
    }

    /// Takes the seats of all away that are not watched any more.
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
    fn first_for(&self, grade: Grade) -> Option<Arc<str>> {
        let ((is_active, _), first) = self.order.first_key_value()?;
        let gives_way = match grade {
            Grade::Idle => false,
            Grade::New => !is_active,
            Grade::Active => true,
        };
        gives_way.then(|| Arc::clone(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(seats: &mut Seats, path: &str, grade: Grade) -> String {
        match seats.claim("echo", &Arc::from(path), grade) {
            Claim::Free => "free".to_owned(),
            Claim::Full => "full".to_owned(),
            Claim::Instead(other) => format!("not {other}"),
        }
    }

    #[test]
    fn who_was_active_last_stays_and_who_never_was_goes_first() {
        let mut seats = Seats {
            most: 3,
            ..Seats::new(1)
        };
        for (path, grade, expected) in [
            ("a", Grade::Active, "free"),
            ("b", Grade::Idle, "free"),
            ("c", Grade::Idle, "free"),
            ("d", Grade::Idle, "full"),
            ("d", Grade::New, "not b"),
            ("e", Grade::Active, "not c"),
            ("c", Grade::New, "not d"),
            ("c", Grade::Active, "free"),
            ("f", Grade::New, "full"),
            ("a", Grade::Active, "free"),
            ("f", Grade::Active, "not e"),
            ("g", Grade::Active, "not c"),
        ] {
            assert_eq!(claim(&mut seats, path, grade), expected, "{path} {grade:?}");
        }
    }

    #[test]
    fn who_is_gone_leaves_a_seat_and_endpoints_have_seats_of_their_own() {
        let mut seats = Seats {
            most: 1,
            ..Seats::new(1)
        };
        let other = seats.claim("other", &Arc::from("x"), Grade::Idle);
        assert_eq!(other, Claim::Free);
        assert_eq!(claim(&mut seats, "a", Grade::Idle), "free");
        seats.retain(|path| path != "a");
        assert_eq!(claim(&mut seats, "b", Grade::Idle), "free");
        seats.leave("echo", "b");
        assert_eq!(claim(&mut seats, "c", Grade::New), "free");
        assert_eq!(seats.replace("echo", &Arc::from("c"), Grade::Active), None);
    }
}
