//! `wasi:clocks` and `wasi:random` of a call that is recorded: readings are noted, or are those of
//! before, and all random numbers follow from one seed.

use std::time::Duration;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use wasmtime_wasi::clocks::{MonotonicClock, WallClock};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use crate::recording::{Clock, Recorder};

/// Has a call's clocks and random numbers recorded.
pub(crate) fn record(wasi: &mut WasiCtxBuilder, recorder: &Recorder) {
    let mut random = ChaCha12Rng::from_seed(recorder.seed());
    let mut seed = [0; 32];
    random.fill_bytes(&mut seed);
    let insecure = ChaCha12Rng::from_seed(seed);
    let mut seed = [0; 16];
    random.fill_bytes(&mut seed);
    wasi.insecure_random_seed(u128::from_le_bytes(seed))
        .insecure_random(insecure)
        .secure_random(random)
        .wall_clock(RecordedClock {
            recorder: recorder.clone(),
            clock: WallClock::new(),
        })
        .monotonic_clock(RecordedClock {
            recorder: recorder.clone(),
            clock: MonotonicClock::new(),
        });
}

/// A clock whose readings are noted.
struct RecordedClock<C> {
    recorder: Recorder,
    clock: C,
}

impl HostWallClock for RecordedClock<WallClock> {
    fn resolution(&self) -> Duration {
        self.clock.resolution()
    }

    fn now(&self) -> Duration {
        let now = || u64::try_from(self.clock.now().as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.recorder.read(Clock::Wall, now))
    }
}

impl HostMonotonicClock for RecordedClock<MonotonicClock> {
    fn resolution(&self) -> u64 {
        self.clock.resolution()
    }

    fn now(&self) -> u64 {
        self.recorder.read(Clock::Monotonic, || self.clock.now())
    }
}
