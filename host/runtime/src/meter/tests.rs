//! The meter against a list of charges.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::memory::MemoryPool;

const BASE: usize = 100;

/// Small limits, so that each of them is met.
fn limits(memory_bytes: usize, held_bytes: usize) -> Limits {
    Limits {
        memory_bytes,
        held_bytes,
        ..Limits::default()
    }
}

fn meter(limits: &Limits, pool: &MemoryPool) -> Meter {
    let room = pool.share().try_reserve(BASE).expect("room for a call");
    let meter = Meter::new(limits, room);
    meter.books().base = BASE;
    meter
}

#[derive(Debug, Clone)]
enum Step {
    Take(bool, usize),
    Resize(usize, usize),
    Grow(usize, usize),
    Drop(usize),
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![0..40_usize, 0..2_000_usize, Just(usize::MAX)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (any::<bool>(), sizes()).prop_map(|(is_own, bytes)| Step::Take(is_own, bytes)),
        (any::<usize>(), sizes()).prop_map(|(which, bytes)| Step::Resize(which, bytes)),
        (any::<usize>(), sizes()).prop_map(|(which, bytes)| Step::Grow(which, bytes)),
        any::<usize>().prop_map(Step::Drop),
    ];
    vec(step, 0..60)
}

proptest! {
    /// Whatever is taken, resized and given back: the meter says what a list of charges says,
    /// and what is refused changes nothing.
    #[test]
    fn it_counts_as_a_list_does(steps in steps(), own in 0..500_usize, held in 0..500_usize, total in 0..900_usize) {
        let pool = MemoryPool::new(BASE + total);
        let meter = meter(&limits(own, held), &pool);
        let mut charges: Vec<Charge> = Vec::new();
        let mut model: Vec<(Part, usize)> = Vec::new();
        let sum = |model: &[(Part, usize)], part| -> usize {
            model.iter().filter(|(of, _)| *of == part).map(|(_, bytes)| bytes).sum()
        };
        for step in steps {
            // What was set aside stays so, and the pool leaves a ninth for others.
            let room = meter.books().room.bytes();
            let fits = |model: &[(Part, usize)], part: Part, bytes: usize| {
                let limit = if part == Part::Own { own } else { held };
                if bytes > limit || sum(model, part) + bytes > limit {
                    return false;
                }
                let needed = BASE + sum(model, Part::Own) + sum(model, Part::Held) + bytes;
                let left = pool.total().checked_sub(needed);
                needed <= room || left.is_some_and(|left| needed <= 8 * left)
            };
            match step {
                Step::Take(is_own, bytes) => {
                    let part = if is_own { Part::Own } else { Part::Held };
                    let mut charge = meter.nothing(part);
                    let is_taken = charge.resize(bytes).is_ok();
                    prop_assert_eq!(is_taken, fits(&model, part, bytes));
                    charges.push(charge);
                    model.push((part, if is_taken { bytes } else { 0 }));
                }
                _ if charges.is_empty() => {}
                Step::Resize(which, bytes) => {
                    let which = which % charges.len();
                    let (part, before) = model[which];
                    let expected = bytes <= before || fits(&model, part, bytes - before);
                    prop_assert_eq!(charges[which].resize(bytes).is_ok(), expected);
                    if expected {
                        model[which].1 = bytes;
                    }
                }
                Step::Grow(which, bytes) => {
                    let which = which % charges.len();
                    let expected = fits(&model, model[which].0, bytes);
                    prop_assert_eq!(charges[which].grow(bytes).is_ok(), expected);
                    if expected {
                        model[which].1 += bytes;
                    }
                }
                Step::Drop(which) => {
                    let which = which % charges.len();
                    charges.swap_remove(which);
                    model.swap_remove(which);
                }
            }
            let books = meter.books();
            prop_assert_eq!(books.taken, [sum(&model, Part::Own), sum(&model, Part::Held)]);
            prop_assert!(BASE + books.taken[0] + books.taken[1] <= books.room.bytes());
            prop_assert!(books.room.bytes() <= pool.total());
        }
        drop(charges);
        prop_assert_eq!(meter.books().taken, [0, 0]);
    }
}
