//! An instance that is ready before its call is known, so that the call need not wait for it.
//!
//! While it is instantiated a guest may run code, and what that is told of the time, of files or
//! of anything else is for the call to say. So an instance that asked the host for something
//! meanwhile waits for no call, and its program gets no other spares.
//!
//! Why: docs/decisions/68-an-instance-waits-for-the-next-call.md

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::task::AbortHandle;
use wasmtime::Store;
use wasmtime::component::Instance;

use super::store::CallState;
use crate::memory::Share;

/// How long it waits for a call. An app that is called less often gains little by it.
const KEPT: Duration = Duration::from_secs(10);

/// An instance in which nothing has run but its own start.
pub(super) struct Spare {
    pub(super) store: Store<CallState>,
    pub(super) app: Instance,
}

/// The spare of a program, if there is one.
#[derive(Default)]
pub(super) struct SpareSlot(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    #[default]
    Absent,
    Making,
    Ready {
        spare: Spare,
        /// Drops it when nobody comes for it.
        end: AbortHandle,
    },
    /// The program cannot have one.
    Impossible,
}

impl SpareSlot {
    /// Returns the spare, which is there no more.
    pub(super) fn take(&self) -> Option<Spare> {
        let mut state = lock(&self.0);
        if !matches!(*state, State::Ready { .. }) {
            return None;
        }
        match std::mem::take(&mut *state) {
            State::Ready { spare, end } => {
                end.abort();
                Some(spare)
            }
            _ => None,
        }
    }

    /// Tells whether one is to be made. Whoever is told so has to end that by one of the two
    /// functions below.
    pub(super) fn begin(&self) -> bool {
        let mut state = lock(&self.0);
        let is_absent = matches!(*state, State::Absent);
        if is_absent {
            *state = State::Making;
        }
        is_absent
    }

    /// Keeps a spare until a call takes it, some time has passed or others want its memory.
    pub(super) fn put(&self, spare: Spare, memory: &Share) {
        let (slot, memory) = (Arc::downgrade(&self.0), memory.clone());
        let end = tokio::spawn(async move {
            tokio::select! {
                () = memory.wanted() => {}
                () = tokio::time::sleep(KEPT) => {}
            }
            let Some(slot) = slot.upgrade() else { return };
            let unused = std::mem::take(&mut *lock(&slot));
            // Clearing its memory takes a while, so it happens outside of the lock.
            drop(unused);
        });
        let end = end.abort_handle();
        *lock(&self.0) = State::Ready { spare, end };
    }

    /// Takes note that none was made, and whether there can be one at all.
    pub(super) fn fail(&self, is_possible: bool) {
        *lock(&self.0) = if is_possible {
            State::Absent
        } else {
            State::Impossible
        };
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no holder of this lock panics")
}
