//! A moment, to the microsecond, as it stands in messages.

mod parse;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// A moment in UTC, in microseconds since 1970, within the years 1 to 9999.
///
/// Both bounds are Python's: a moment outside could not be written in a way
/// that the released client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first moment of year 1.
    pub const MIN: Timestamp = Timestamp(-62_135_596_800 * MICROS_PER_SECOND);

    /// The last microsecond of year 9999.
    pub const MAX: Timestamp = Timestamp(253_402_300_800 * MICROS_PER_SECOND - 1);

    /// Returns the moment `micros` microseconds after 1970, or the nearest one
    /// that exists.
    pub fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros.clamp(Timestamp::MIN.0, Timestamp::MAX.0))
    }

    /// Returns the microseconds since 1970, negative before it.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Returns `time` cut to the microsecond, or the nearest moment that exists.
    pub fn from_system_time(time: SystemTime) -> Timestamp {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp::from_micros(whole_micros(after)),
            Err(before) => Timestamp::from_micros(-whole_micros(before.duration())),
        }
    }

    /// Returns the moment `duration` later, or `None` after year 9999. What is
    /// shorter than a microsecond is cut off.
    pub fn checked_add(self, duration: Duration) -> Option<Timestamp> {
        let micros = self.0.checked_add(whole_micros(duration))?;
        (micros <= Timestamp::MAX.0).then_some(Timestamp(micros))
    }

    /// Returns the moment `duration` later, or [`Timestamp::MAX`].
    pub fn saturating_add(self, duration: Duration) -> Timestamp {
        self.checked_add(duration).unwrap_or(Timestamp::MAX)
    }

    /// Returns the time from `earlier` to `self`, zero if it is the later one.
    pub fn saturating_duration_since(self, earlier: Timestamp) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// Writes Python's `isoformat` in UTC, `2026-11-24T00:26:20.866623+00:00`,
/// without the fraction when it is zero: so the released client writes it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(MICROS_PER_SECOND);
        let micros = self.0.rem_euclid(MICROS_PER_SECOND);
        let at =
            OffsetDateTime::from_unix_timestamp(seconds).expect("years 1 to 9999 exist in `time`");
        let (year, month, day) = at.to_calendar_date();
        let (hour, minute, second) = at.to_hms();
        write!(
            f,
            "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}",
            u8::from(month)
        )?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        f.write_str("+00:00")
    }
}

fn whole_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_as_python_does() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00+00:00"),
            (1, "1970-01-01T00:00:00.000001+00:00"),
            (-1, "1969-12-31T23:59:59.999999+00:00"),
            (1_795_479_980_866_623, "2026-11-24T00:26:20.866623+00:00"),
            (1_795_479_980_000_000, "2026-11-24T00:26:20+00:00"),
            (i64::MIN, "0001-01-01T00:00:00+00:00"),
            (i64::MAX, "9999-12-31T23:59:59.999999+00:00"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), expected);
        }
    }

    #[test]
    fn reads_the_system_clock() {
        let at = |seconds, nanos| {
            Timestamp::from_system_time(UNIX_EPOCH + Duration::new(seconds, nanos))
        };
        assert_eq!(at(1, 1_999).micros(), 1_000_001);
        let before = Timestamp::from_system_time(UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(before.micros(), -1_000_000);
        assert_eq!(at(1 << 40, 0), Timestamp::MAX);
    }

    #[test]
    fn arithmetic_stays_in_range() {
        let at = Timestamp::from_micros;
        let second = Duration::from_secs(1);
        assert_eq!(at(5).checked_add(second), Some(at(1_000_005)));
        assert_eq!(Timestamp::MAX.checked_add(Duration::from_micros(1)), None);
        assert_eq!(
            Timestamp::MAX.checked_add(Duration::from_nanos(999)),
            Some(Timestamp::MAX)
        );
        assert_eq!(Timestamp::MAX.checked_add(Duration::MAX), None);
        assert_eq!(Timestamp::MIN.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(at(1_000_005).saturating_duration_since(at(5)), second);
        assert_eq!(
            at(5).saturating_duration_since(at(1_000_005)),
            Duration::ZERO
        );
        let all = Timestamp::MAX.saturating_duration_since(Timestamp::MIN);
        assert_eq!(all, Duration::from_micros(315_537_897_600_000_000 - 1));
    }
}
