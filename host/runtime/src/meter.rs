//! What one call takes of the host's memory, counted before it is taken: its own memories
//! and tables, and all that the host holds for it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use syft_manifest::Limits;
use syft_manifest::units::show_size;
use thiserror::Error;

use crate::memory::{Room, Share};

/// What is asked of the whole process at a time, where a call takes more than was set aside
/// for it.
const STEP_BYTES: usize = 1 << 20;

/// The meter of a call. What was set aside for the call is so as long as this lives.
#[derive(Clone)]
pub struct Meter(Arc<Mutex<Books>>);

/// For what something is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The guest's own memories.
    Own,
    /// What the host holds for the guest.
    Held,
}

/// Why a call gets no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MemoryRefused {
    /// It has what a call may have.
    #[error("a call gets at most {} of memory", show_size(*.0 as u64))]
    Own(usize),
    /// The host holds for it what it may hold.
    #[error("the host holds at most {} for a call at a time", show_size(*.0 as u64))]
    Held(usize),
    /// All apps together have what they may have, or the app its part of it.
    #[error("the memory of all apps together is used up")]
    Total,
}

/// More memory of its own than a call may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryWish {
    /// The most that it may have, in bytes.
    pub limit: usize,
    /// The most that it wanted to have at one time.
    pub wanted: usize,
}

struct Books {
    room: Room,
    /// What each call takes from its beginning.
    base: usize,
    limits: [usize; 2],
    taken: [usize; 2],
    most_taken: usize,
    /// Of its own memories, also where it was refused.
    most_wanted: usize,
    refused: Option<MemoryRefused>,
}

/// Bytes that were taken, until this is dropped.
pub(crate) struct Charge {
    meter: Meter,
    part: Part,
    bytes: usize,
}

impl Meter {
    /// Returns the meter of a call for which a room was set aside.
    pub(crate) fn new(limits: &Limits, room: Room) -> Self {
        Self::with_base(limits, room, limits.base_bytes())
    }

    /// Returns the meter of a call that another machine runs: what is held here for it is counted,
    /// with so many bytes more than a call may have held, for what it says of its end.
    pub(crate) fn of_handed(limits: &Limits, room: Room, more: usize) -> Self {
        let limits = Limits {
            held_bytes: limits.held_bytes.saturating_add(more),
            ..limits.clone()
        };
        Self::with_base(&limits, room, 0)
    }

    /// Returns the meter of an instance that waits for a call: only its own memories are
    /// counted, as far as there is room for them.
    pub(crate) fn of_spare(limits: &Limits, memory: &Share) -> Self {
        Self::with_base(limits, memory.nothing(), 0)
    }

    fn with_base(limits: &Limits, room: Room, base: usize) -> Self {
        Self(Arc::new(Mutex::new(Books {
            room,
            base,
            limits: [limits.memory_bytes, limits.held_bytes],
            taken: [0, 0],
            most_taken: 0,
            most_wanted: 0,
            refused: None,
        })))
    }

    /// Returns a charge of no bytes, which can be made one of more.
    pub(crate) fn nothing(&self, part: Part) -> Charge {
        Charge {
            meter: self.clone(),
            part,
            bytes: 0,
        }
    }

    /// Returns a charge of no bytes that the host holds.
    pub(crate) fn nothing_held(&self) -> Charge {
        self.nothing(Part::Held)
    }

    /// Takes bytes for what the host holds, or changes nothing.
    pub(crate) fn hold(&self, bytes: usize) -> Result<Charge, MemoryRefused> {
        let mut charge = self.nothing(Part::Held);
        charge.resize(bytes)?;
        Ok(charge)
    }

    /// Returns why it was refused more: the last time, but that it ran into the total is
    /// not forgotten.
    pub(crate) fn refused(&self) -> Option<MemoryRefused> {
        self.books().refused
    }

    /// Returns what it wanted of memory of its own, if that is what it was refused.
    pub(crate) fn refused_wish(&self) -> Option<MemoryWish> {
        let books = self.books();
        match books.refused {
            Some(MemoryRefused::Own(limit)) => Some(MemoryWish {
                limit,
                wanted: books.most_wanted,
            }),
            _ => None,
        }
    }

    /// Returns the most bytes that it took at one time beside what each call takes.
    pub fn most_taken(&self) -> usize {
        self.books().most_taken
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Charge");
        shown.field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Meter").finish_non_exhaustive()
    }
}

impl Books {
    fn take(&mut self, part: Part, bytes: usize) -> Result<(), MemoryRefused> {
        let taken = self.try_take(part, bytes);
        if let (Err(refused), false) = (taken, self.refused == Some(MemoryRefused::Total)) {
            self.refused = Some(refused);
        }
        taken
    }

    fn try_take(&mut self, part: Part, bytes: usize) -> Result<(), MemoryRefused> {
        let limit = self.limits[part as usize];
        let own = self.taken[part as usize].checked_add(bytes);
        if part == Part::Own {
            self.most_wanted = self.most_wanted.max(own.unwrap_or(usize::MAX));
        }
        let own = own.filter(|own| *own <= limit).ok_or(match part {
            Part::Own => MemoryRefused::Own(limit),
            Part::Held => MemoryRefused::Held(limit),
        })?;
        let together = self.taken[0] + self.taken[1] + bytes;
        let needed = (self.base + together).saturating_sub(self.room.bytes());
        if needed > 0 {
            let step = needed.next_multiple_of(STEP_BYTES);
            if !self.room.grow(step) && !self.room.grow(needed) {
                return Err(MemoryRefused::Total);
            }
        }
        self.taken[part as usize] = own;
        self.most_taken = self.most_taken.max(together);
        Ok(())
    }

    fn give_back(&mut self, part: Part, bytes: usize) {
        self.taken[part as usize] -= bytes;
    }
}

impl Charge {
    /// Returns how many bytes it is for.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes more or gives some back, so that it is for so many bytes; or changes nothing.
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), MemoryRefused> {
        let mut books = self.meter.books();
        match bytes.checked_sub(self.bytes) {
            Some(more) => books.take(self.part, more)?,
            None => books.give_back(self.part, self.bytes - bytes),
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Takes more, or changes nothing.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), MemoryRefused> {
        let limit = self.meter.books().limits[self.part as usize];
        let wanted = self.bytes.checked_add(bytes);
        self.resize(wanted.ok_or(MemoryRefused::Held(limit))?)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.books().give_back(self.part, self.bytes);
    }
}

#[cfg(test)]
mod tests;
