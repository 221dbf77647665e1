//! What apps and manifests say of their times.

use syft_protocol::schedule::{Timing, Zone};
use syft_protocol::timestamp::Timestamp;

/// A cron expression has times that go on, and says the same when it is read again.
pub fn cron(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let timing = match Timing::cron(text) {
        Ok(timing) => timing,
        Err(error) => return crate::assert_is_short_line(&error.to_string(), 500),
    };
    assert_eq!(Timing::cron(&timing.in_words()), Ok(timing.clone()));
    let clock = Zone::utc().clock;
    let mut last = Timestamp::from_micros(1_772_445_600_000_000);
    for _ in 0..20 {
        let Some(next) = timing.next_after(last, &clock) else {
            return;
        };
        assert!(next > last, "{text:?}");
        assert_eq!(
            timing.last_until(next, last, &clock),
            Some(next),
            "{text:?}"
        );
        last = next;
    }
}
