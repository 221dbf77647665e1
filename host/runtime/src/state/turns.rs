//! Calls on a key of which several want to change the value take turns, so that none of them
//! runs in vain.
//!
//! Which keys a call will read is not known before. So it waits where it reads such a key
//! first, for one key at most, and not for long: whoever waits in vain goes on, and runs
//! again where it meets a conflict. A call that holds a turn never waits for another one.
//!
//! Why: docs/decisions/65-commits-are-ordered-before-they-are-forced.md

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time;

/// Keys of one slot take turns together. Which they are is chance, and nobody can aim at it.
const N_SLOTS: usize = 256;

/// Turns after a conflict, or after one for which somebody had to wait.
const TURNS: u32 = 64;

/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Turns {
    hasher: RandomState,
    slots: Vec<Slot>,
}

#[derive(Default)]
struct Slot {
    /// How many more calls take turns.
    n_left: AtomicU32,
    turn: Arc<Mutex<()>>,
}

/// Whose turn it is, until this is dropped.
pub(super) struct KeyTurn {
    _held: OwnedMutexGuard<()>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            slots: (0..N_SLOTS).map(|_| Slot::default()).collect(),
        }
    }

    /// Takes note that a call had to run again, since the value of this key was changed.
    pub(super) fn met_conflict(&self, key: &str) {
        self.slot(key).n_left.store(TURNS, Ordering::Relaxed);
    }

    /// Tells whether calls that read this key take turns.
    pub(super) fn are_taken(&self, key: &str) -> bool {
        self.slot(key).n_left.load(Ordering::Relaxed) > 0
    }

    /// Waits for the turn of a call, in the order in which calls come.
    pub(super) async fn wait(&self, key: &str) -> Option<KeyTurn> {
        let slot = self.slot(key);
        let turn = || Arc::clone(&slot.turn);
        let held = match turn().try_lock_owned() {
            Ok(held) => {
                // Whoever has the turn is alone in that.
                let left = slot.n_left.load(Ordering::Relaxed);
                slot.n_left.store(left.saturating_sub(1), Ordering::Relaxed);
                held
            }
            Err(_) => {
                slot.n_left.store(TURNS, Ordering::Relaxed);
                time::timeout(PATIENCE, turn().lock_owned()).await.ok()?
            }
        };
        Some(KeyTurn { _held: held })
    }

    fn slot(&self, key: &str) -> &Slot {
        &self.slots[self.hasher.hash_one(key) as usize % N_SLOTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_are_taken_after_a_conflict_and_for_a_while() {
        let turns = Turns::new();
        assert!(!turns.are_taken("a"));
        turns.met_conflict("a");
        for n in 0..TURNS {
            assert!(turns.are_taken("a"), "after {n} turns");
            drop(turns.wait("a").await.expect("nobody else has it"));
        }
        assert!(!turns.are_taken("a"));
    }

    #[tokio::test]
    async fn who_comes_first_is_first_and_they_go_on_while_some_wait() {
        let turns = Arc::new(Turns::new());
        turns.met_conflict("a");
        let first = turns.wait("a").await.expect("nobody else has it");
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let others = (1..=3).map(|n| {
            let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
            tokio::spawn(async move {
                let _turn = turns.wait("a").await.expect("the others are quick");
                order.lock().expect("no panic").push(n);
            })
        });
        let others: Vec<_> = others.collect();
        tokio::task::yield_now().await;
        drop(first);
        for other in others {
            other.await.expect("no panic");
        }
        assert_eq!(*order.lock().expect("no panic"), [1, 2, 3]);
        assert_eq!(turns.slot("a").n_left.load(Ordering::Relaxed), TURNS);
    }

    /// Somebody may sleep in his turn.
    #[tokio::test]
    async fn who_waits_in_vain_goes_on() {
        let turns = Turns::new();
        turns.met_conflict("a");
        let _turn = turns.wait("a").await.expect("nobody else has it");
        assert!(turns.wait("a").await.is_none());
    }
}
