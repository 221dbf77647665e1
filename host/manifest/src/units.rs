//! Amounts of time and memory, as people write and read them.

use std::time::Duration;

use syft_protocol::retention::parse_interval;

const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];

/// Returns the time that a text such as `500ms`, `10s` or `1m30s` names.
pub fn parse_time(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(number) => whole(number).map(Duration::from_millis),
        None => parse_interval(text).ok(),
    }
}

/// Returns the time that a text such as `30s` or `30d` names: at most ten years,
/// which can be added to any time.
pub fn parse_long_time(text: &str) -> Result<Duration, String> {
    parse_interval(text)
        .ok()
        .filter(|time| *time <= Duration::from_secs(3650 * 24 * 60 * 60))
        .ok_or_else(|| "expected a time such as `90s`, `15m`, `1h` or `30d`".to_owned())
}

/// Returns the bytes that a text such as `64MiB` names.
pub fn parse_size(text: &str) -> Option<usize> {
    let (number, shift) = UNITS
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))?;
    usize::try_from(whole(number)?)
        .ok()?
        .checked_mul(1 << shift)
}

/// Digits only: `parse` would also take a sign.
fn whole(number: &str) -> Option<u64> {
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| is_number)
}

/// Returns the time as text, exact to the millisecond.
pub fn show_time(time: Duration) -> String {
    let (seconds, millis) = (time.as_secs(), time.subsec_millis());
    match (seconds, millis) {
        (0, millis) => format!("{millis} ms"),
        (seconds, 0) if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        (seconds, 0) => format!("{seconds} s"),
        _ => format!("{} ms", time.as_millis()),
    }
}

/// Returns the milliseconds of a time with one decimal, as the log has them.
pub fn log_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}

/// Returns the size as text, exact, in the largest unit that is.
pub fn show_size(bytes: u64) -> String {
    UNITS
        .iter()
        .find(|(_, shift)| bytes != 0 && bytes.is_multiple_of(1 << shift))
        .map_or_else(
            || format!("{bytes} bytes"),
            |(unit, shift)| format!("{} {unit}", bytes >> shift),
        )
}

/// Returns the size as text, in mebibytes with one decimal place.
pub fn show_mib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("0ms", 0),
        ] {
            assert_eq!(
                parse_time(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "5",
            "ms",
            "+5ms",
            "-1s",
            "1.5s",
            "5 s",
            "5S",
            "99999999999999999999ms",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [
            ("64KiB", 64 << 10),
            ("128MiB", 128 << 20),
            ("4GiB", 4 << 30),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "5",
            "MiB",
            "+5MiB",
            "64MB",
            "64 MiB",
            "1.5GiB",
            "99999999999999999GiB",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn shows_amounts() {
        for (millis, text) in [
            (1, "1 ms"),
            (1_500, "1500 ms"),
            (90_000, "90 s"),
            (120_000, "2 min"),
        ] {
            assert_eq!(show_time(Duration::from_millis(millis)), text);
        }
        assert_eq!(log_ms(Duration::from_nanos(529_893)), 0.5);
        assert_eq!(log_ms(Duration::from_secs(2)), 2000.0);
        for (bytes, text) in [
            (0, "0 bytes"),
            (1_000, "1000 bytes"),
            (4 << 30, "4 GiB"),
            (1536 << 20, "1536 MiB"),
            ((3 << 20) - (4 << 10), "3068 KiB"),
        ] {
            assert_eq!(show_size(bytes), text);
        }
    }
}
