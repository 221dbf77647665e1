//! Thousands of short lives of a host that crashes: the real inbox, with a tree, a state
//! and clients that are as simple as can be, and all that can happen between them in an
//! order that a seed decides.
//!
//! `SIMULATION_SEED` runs one seed and tells what happens; `SIMULATION_SEEDS` that many.

#![allow(clippy::print_stdout, reason = "for whoever looks into one seed")]

mod world;

use world::World;

/// Enough to meet each known fault when it is put back.
const SEEDS: u64 = 2_000;

#[test]
fn whatever_happens_each_request_counts_once_and_is_answered() {
    let number = |name: &str| Some(std::env::var(name).ok()?.parse().expect("a number"));
    if let Some(seed) = number("SIMULATION_SEED") {
        World::new(seed, true).live();
        return;
    }
    let mut total = world::Counts::default();
    for seed in 0..number("SIMULATION_SEEDS").unwrap_or(SEEDS) {
        let lived = std::panic::catch_unwind(|| World::new(seed, false).live());
        match lived {
            Ok(counts) => total.add(&counts),
            Err(_) => panic!("SIMULATION_SEED={seed} shows it"),
        }
    }
    // What never happens is not tested.
    assert!(total.are_all_there(), "{total:?}");
}
