//! Random operations, here and by a worker: the same outcomes, the same log, the same trees.

use serde_json::Value;
use syft_manifest::Limits;

use super::twins::{Asks, Twins};
use crate::file_model::{DENY, READ, WRITE, plant};
use crate::support::random::Random;

const SEEDS: [u64; 2] = [7, 0xfeed_beef];
const ROUNDS: u64 = 4;
const BATCHES: usize = 2;
const OPS: usize = 120;

fn check(seed: u64, round: u64) {
    let seed = seed.wrapping_mul(1_000).wrapping_add(round);
    let mut random = Random(seed);
    let asks = Asks {
        read: random.some(READ, 1..4),
        write: random.some(WRITE, 0..3),
        deny: random.some(DENY, 0..3),
        ..Asks::default()
    };
    let planted = |site: &_| plant(site, &mut Random(seed));
    let twins = Twins::with(&asks, Limits::default(), planted);
    for _ in 0..BATCHES {
        let steps = (0..OPS).map(|_| random.operation().0);
        twins.same(&Value::Array(steps.collect()));
    }
}

#[test]
fn random_operations_come_to_the_same() {
    for seed in SEEDS {
        for round in 0..ROUNDS {
            check(seed, round);
        }
    }
}
