//! Times and sizes for people.

use std::time::Duration;

use syft_protocol::timestamp::Timestamp;

/// Returns a moment to the millisecond, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    let text = at.to_string();
    let millis = at.micros().rem_euclid(1_000_000) / 1_000;
    format!("{} {}.{millis:03}Z", &text[..10], &text[11..19])
}

/// Returns how long ago something was.
pub(super) fn ago(age: Duration) -> String {
    match age.as_secs() {
        seconds @ ..120 => format!("{seconds} s ago"),
        seconds @ 120..7_200 => format!("{} min ago", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

/// Returns a time in milliseconds, or in seconds where that is shorter.
pub(super) fn millis(ms: f64) -> String {
    if ms < 10_000.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{:.1} s", ms / 1e3)
    }
}

/// Returns how many there are of something.
pub(super) fn count(n: u64, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    }
}

/// Returns how many calls there were, and how many of them failed.
pub(super) fn calls_in_words(n_calls: u64, n_errors: u64) -> String {
    format!("{}, {}", count(n_calls, "call"), count(n_errors, "error"))
}

/// Returns a size, to a tenth.
pub(super) fn size(bytes: u64) -> String {
    let tenths = |unit: u32| {
        let tenths = bytes.saturating_mul(10) >> unit;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        ..1_048_576 => format!("{} KiB", tenths(10)),
        _ => format!("{} MiB", tenths(20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_short() {
        let at = Timestamp::from_micros(1_795_479_980_006_623);
        assert_eq!(time(at), "2026-11-24 00:26:20.006Z");
        let ages = [59, 120, 7_200, 200_000].map(|seconds| ago(Duration::from_secs(seconds)));
        assert_eq!(ages, ["59 s ago", "2 min ago", "2 h ago", "2 days ago"]);
        assert_eq!([1, 2].map(|n| count(n, "call")), ["1 call", "2 calls"]);
        let times = [0.529_83, 9_999.0, 12_345.0].map(millis);
        assert_eq!(times, ["0.5 ms", "9999.0 ms", "12.3 s"]);
        let sizes = [0, 1_536, 2_200_000].map(size);
        assert_eq!(sizes, ["0.0 KiB", "1.5 KiB", "2.0 MiB"]);
    }
}
