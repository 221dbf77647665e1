//! The memories and tables of a call, bounded by its meter.

use syft_manifest::Limits;
use wasmtime::ResourceLimiter;

use crate::meter::{Charge, MemoryRefused, Meter, Part};

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

    /// Returns a limiter that counts the same by another meter.
    pub(super) fn by(&self, meter: &Meter) -> Result<Self, MemoryRefused> {
        let mut own = meter.nothing(Part::Own);
        own.resize(self.own.bytes())?;
        Ok(Self {
            limits: self.limits.clone(),
            own,
            table_elements: self.table_elements,
        })
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
            Err(MemoryRefused::Total) => Err(MemoryRefused::Total.into()),
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
mod tests {
    use super::*;
    use crate::memory::MemoryPool;

    /// Returns the meter of a call that may take this much beside what each call takes.
    fn meter(limits: &Limits, more: usize) -> Meter {
        let base = limits.base_bytes();
        let pool = MemoryPool::new(base.saturating_add(more));
        let room = pool.share().try_reserve(base).expect("room for a call");
        Meter::new(limits, room)
    }

    fn limits(memory_bytes: usize) -> Limits {
        Limits {
            memory_bytes,
            ..Limits::default()
        }
    }

    #[test]
    fn memories_share_one_limit() {
        let limits = limits(100);
        let meter = meter(&limits, usize::MAX);
        let mut limiter = Limiter::new(limits, &meter);
        let mut grow = |current, desired| limiter.memory_growing(current, desired, None).ok();
        assert_eq!(grow(0, 60), Some(true));
        assert_eq!(grow(0, 41), Some(false), "a second memory");
        assert_eq!(grow(0, 40), Some(true));
        assert_eq!(grow(60, 61), Some(false));
        assert_eq!(meter.refused(), Some(MemoryRefused::Own(100)));
        assert_eq!(
            meter.nothing(Part::Own).resize(1),
            Err(MemoryRefused::Own(100))
        );
        drop(limiter);
        assert_eq!(meter.nothing(Part::Own).resize(100), Ok(()));
    }

    #[test]
    fn what_was_counted_goes_over_to_another_meter() {
        let limits = limits(100);
        let (before, after) = (meter(&limits, usize::MAX), meter(&limits, usize::MAX));
        let mut limiter = Limiter::new(limits, &before);
        assert_eq!(limiter.memory_growing(0, 60, None).ok(), Some(true));
        assert_eq!(limiter.table_growing(0, 5, None).ok(), Some(true));
        let mut other = limiter.by(&after).expect("there is room");
        assert_eq!(other.memory_growing(60, 101, None).ok(), Some(false));
        assert_eq!(other.table_elements, 5);
        assert_eq!(other.by(&before).err(), Some(MemoryRefused::Own(100)));
        drop(limiter);
        assert_eq!(before.nothing(Part::Own).resize(100), Ok(()));
    }

    #[test]
    fn a_guest_that_the_total_refuses_is_ended() {
        let limits = limits(1 << 30);
        let meter = meter(&limits, 10);
        let mut limiter = Limiter::new(limits, &meter);
        assert!(limiter.memory_growing(0, 11, None).is_err());
        assert_eq!(meter.refused(), Some(MemoryRefused::Total));
    }
}
