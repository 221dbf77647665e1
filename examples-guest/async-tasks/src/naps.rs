//! Several naps in one call.

use std::time::{Duration, Instant};

use serde::Serialize;
use syft_guest::prelude::*;
use syft_guest::time::sleep;

/// More than this, and nobody knows who they sleep for.
const MAX_NAPS: usize = 1000;

syft_guest::router!(pub router: together, twice);

/// How long naps took, in milliseconds.
#[derive(Debug, Serialize)]
pub struct Slept {
    longest_ms: u64,
    sum_ms: u64,
    took_ms: u64,
    /// What it took, as a part of the sum.
    ratio: f64,
}

/// Sleeps several naps at a time.
#[on_request("/together")]
pub async fn together(#[default(vec![100, 200, 300])] ms: Vec<u32>) -> Result<Slept, Error> {
    if ms.len() > MAX_NAPS {
        let text = format!("at most {MAX_NAPS} naps at a time");
        return Err(Error::bad_request(text));
    }
    let start = Instant::now();
    let naps = ms.iter().map(|ms| nap(*ms));
    let slept = syft_guest::join_all(naps).await;
    Ok(Slept::new(&slept, start.elapsed()))
}

/// Sleeps two naps at a time.
#[on_request("/twice")]
pub async fn twice(#[default(100)] ms: u32) -> Slept {
    let start = Instant::now();
    let (a, b) = syft_guest::join!(nap(ms), nap(ms));
    Slept::new(&[a, b], start.elapsed())
}

async fn nap(ms: u32) -> u64 {
    let ms = u64::from(ms);
    sleep(Duration::from_millis(ms)).await;
    ms
}

impl Slept {
    fn new(naps_ms: &[u64], took: Duration) -> Self {
        let sum_ms: u64 = naps_ms.iter().sum();
        Self {
            longest_ms: naps_ms.iter().copied().max().unwrap_or(0),
            sum_ms,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            ratio: took.as_secs_f64() / Duration::from_millis(sum_ms.max(1)).as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use syft_guest::test::block_on;

    use super::*;

    #[test]
    fn naps_together_take_as_long_as_the_longest() {
        let slept = block_on(together(vec![100; 20])).unwrap();
        assert_eq!((slept.longest_ms, slept.sum_ms), (100, 2000));
        assert!(slept.took_ms >= 100 && slept.ratio < 0.5, "{slept:?}");
    }

    #[test]
    fn two_naps() {
        let slept = block_on(twice(5));
        assert_eq!(slept.sum_ms, 10);
    }

    #[test]
    fn no_nap_takes_no_time() {
        assert_eq!(block_on(together(vec![])).unwrap().sum_ms, 0);
    }

    #[test]
    fn too_many_naps_are_refused() {
        let error = block_on(together(vec![0; MAX_NAPS + 1])).unwrap_err();
        assert_eq!(error.status(), 400);
    }
}
