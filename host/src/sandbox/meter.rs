//! What one call takes of the host's memory, counted before it is taken: its own memories
//! and tables, and all that the host holds for it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use syft_manifest::Limits;
use thiserror::Error;
use wasmtime::ResourceLimiter;

use crate::memory::Room;

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
pub(crate) enum Refused {
    /// It has what a call may have.
    #[error("a call gets at most {0} bytes of memory")]
    Own(usize),
    /// The host holds for it what it may hold.
    #[error("the host holds at most {0} bytes for a call at a time")]
    Held(usize),
    /// All apps together have what they may have, or the app its part of it.
    #[error("the memory of all apps together is used up")]
    Total,
}

struct Books {
    room: Room,
    /// What each call takes from its beginning.
    base: usize,
    limits: [usize; 2],
    taken: [usize; 2],
    most_taken: usize,
    refused: Option<Refused>,
}

/// Bytes that were taken, until this is dropped.
pub struct Charge {
    meter: Meter,
    part: Part,
    bytes: usize,
}

impl Meter {
    /// Returns the meter of a call for which a room was set aside.
    pub(crate) fn new(limits: &Limits, room: Room) -> Self {
        Self(Arc::new(Mutex::new(Books {
            room,
            base: limits.base_bytes(),
            limits: [limits.memory_bytes, limits.held_bytes],
            taken: [0, 0],
            most_taken: 0,
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

    /// Takes bytes for what the host holds, or changes nothing.
    pub(crate) fn hold(&self, bytes: usize) -> Result<Charge, Refused> {
        let mut charge = self.nothing(Part::Held);
        charge.resize(bytes)?;
        Ok(charge)
    }

    /// Returns why it was refused more: the last time, but that it ran into the total is
    /// not forgotten.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.books().refused
    }

    /// Returns the most bytes that it took at one time beside what each call takes.
    pub(crate) fn most_taken(&self) -> usize {
        self.books().most_taken
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Meter").finish_non_exhaustive()
    }
}

impl Books {
    fn take(&mut self, part: Part, bytes: usize) -> Result<(), Refused> {
        let taken = self.try_take(part, bytes);
        if let (Err(refused), false) = (taken, self.refused == Some(Refused::Total)) {
            self.refused = Some(refused);
        }
        taken
    }

    fn try_take(&mut self, part: Part, bytes: usize) -> Result<(), Refused> {
        let limit = self.limits[part as usize];
        let own = self.taken[part as usize].checked_add(bytes);
        let own = own.filter(|own| *own <= limit).ok_or(match part {
            Part::Own => Refused::Own(limit),
            Part::Held => Refused::Held(limit),
        })?;
        let together = self.taken[0] + self.taken[1] + bytes;
        let needed = (self.base + together).saturating_sub(self.room.bytes());
        if needed > 0 {
            let step = needed.next_multiple_of(STEP_BYTES);
            if !self.room.grow(step) && !self.room.grow(needed) {
                return Err(Refused::Total);
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
    /// Takes more or gives some back, so that it is for so many bytes; or changes nothing.
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), Refused> {
        let mut books = self.meter.books();
        match bytes.checked_sub(self.bytes) {
            Some(more) => books.take(self.part, more)?,
            None => books.give_back(self.part, self.bytes - bytes),
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Takes more, or changes nothing.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        let limit = self.meter.books().limits[self.part as usize];
        let wanted = self.bytes.checked_add(bytes);
        self.resize(wanted.ok_or(Refused::Held(limit))?)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.books().give_back(self.part, self.bytes);
    }
}

/// Counts what the memories and tables of one store use. wasmtime's own limiter bounds each
/// of them alone, so two memories would double the limit.
pub(super) struct Limiter {
    limits: Limits,
    own: Charge,
    table_elements: usize,
}

impl Limiter {
    pub(super) fn new(limits: Limits, meter: &Meter) -> Self {
        Self {
            limits,
            own: meter.nothing(Part::Own),
            table_elements: 0,
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Where growing fails after it was allowed, what was counted for it stays: wasmtime tells of
/// failures also where it has not asked, so nothing can be taken back without being taken
/// back twice.
impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        match self.own.grow(desired.saturating_sub(current)) {
            Ok(()) => Ok(true),
            // Nothing that the guest can do about it is of use: it runs again later.
            Err(Refused::Total) => Err(Refused::Total.into()),
            Err(_) => Ok(false),
        }
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let wanted = self.table_elements.saturating_add(more);
        // All that there may be are counted from the beginning.
        let fits = wanted <= self.limits.table_elements;
        if fits {
            self.table_elements = wanted;
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}

#[cfg(test)]
mod tests;
