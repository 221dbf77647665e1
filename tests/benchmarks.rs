//! The arithmetic of the benchmarks. They themselves are run by `just bench`.

use std::time::{Duration, Instant};

#[path = "benches/suite/arithmetic.rs"]
mod arithmetic;

use arithmetic::{Goal, Schedule, Spread, percentile, ratios};

fn milliseconds(times: &[u64]) -> Vec<Duration> {
    times.iter().copied().map(Duration::from_millis).collect()
}

#[test]
fn the_median_of_an_even_number_lies_between_two() {
    let spread = Spread::of(vec![4.0, 1.0, 3.0, 10.0]).unwrap();
    assert_eq!((spread.median, spread.min, spread.max), (3.5, 1.0, 10.0));
    let spread = Spread::of(vec![7.0, 5.0, 6.0]).unwrap();
    assert_eq!(spread.median, 6.0);
    assert_eq!(Spread::of(Vec::new()), None);
}

#[test]
fn a_spread_is_shown_with_so_many_digits() {
    let spread = Spread::of(vec![1.0, 2.3, 30.0]).unwrap();
    assert_eq!(spread.show(1), "2.3 (1.0 – 30.0)");
    assert_eq!(spread.show(0), "2 (1 – 30)");
}

#[test]
fn a_percentile_is_one_of_the_times() {
    let times = milliseconds(&(1..=200).collect::<Vec<_>>());
    let at = |percent| percentile(&times, percent).unwrap().as_millis();
    assert_eq!((at(50), at(99), at(100)), (100, 198, 200));
    let times = milliseconds(&[5, 6, 7]);
    assert_eq!(percentile(&times, 50), Some(Duration::from_millis(6)));
    assert_eq!(percentile(&times, 99), Some(Duration::from_millis(7)));
    assert_eq!(percentile(&[], 50), None);
}

#[test]
fn ratios_are_of_the_same_round() {
    let over = [Some(8.0), None, Some(9.0), Some(1.0)];
    let under = [Some(2.0), Some(3.0), Some(3.0), None];
    assert_eq!(ratios(&over, &under), [4.0, 3.0]);
}

#[test]
fn goals_are_met_at_their_bounds() {
    assert!(Goal::AtLeast(10.0).is_met(10.0) && !Goal::AtLeast(10.0).is_met(9.9));
    assert!(Goal::AtMost(1.2).is_met(1.2) && !Goal::AtMost(1.2).is_met(1.3));
    assert_eq!(Goal::AtLeast(0.5).to_string(), "≥ 0.5");
    assert_eq!(Goal::AtMost(50.0).to_string(), "≤ 50");
}

#[test]
fn requests_are_due_at_their_rate() {
    let start = Instant::now();
    let schedule = Schedule {
        start,
        per_second: 500,
    };
    assert_eq!(schedule.due(0), start);
    assert_eq!(schedule.due(1), start + Duration::from_millis(2));
    assert_eq!(schedule.due(1_500), start + Duration::from_secs(3));
}

/// Answers that all come at the end of a stall show how long each was waited for.
#[test]
fn a_stall_counts_for_all_that_were_due_in_it() {
    let schedule = Schedule {
        start: Instant::now(),
        per_second: 10,
    };
    let end = schedule.start + Duration::from_secs(1);
    let latencies: Vec<_> = (0..12)
        .map(|number| schedule.latency(number, end))
        .collect();
    assert_eq!(latencies[0], Duration::from_secs(1));
    assert_eq!(latencies[9], Duration::from_millis(100));
    assert_eq!(latencies[11], Duration::ZERO);
}
