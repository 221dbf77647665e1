//! How long messages stay before they are cleaned up.
//!
//! Why: docs/decisions/14-the-wall-clock-decides-expiry-only.md

use std::time::Duration;

use crate::excerpt::excerpt;
use crate::timestamp::Timestamp;

/// How long a request and its response stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The age at which both are deleted.
    pub keep: Duration,
}

impl Retention {
    /// Returns whether a request created at `created` is to be deleted.
    ///
    /// By `created`, as the released SyftEvent does, never by the file's time
    /// or by `expires`. A request from the future is not due.
    pub fn is_due(&self, created: Timestamp, now: Timestamp) -> bool {
        now.saturating_duration_since(created) > self.keep
    }
}

impl Default for Retention {
    /// Returns the 30 days of the released SyftEvent.
    fn default() -> Retention {
        Retention {
            keep: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}

/// Compares the two clocks from one clean-up to the next. What has been deleted does
/// not come back when a clock that was wrong is set right.
#[derive(Debug, Default)]
pub struct Steadiness {
    last: Option<(Duration, Timestamp)>,
}

/// How far the clocks may part from one clean-up to the next.
const TOLERANCE: Duration = Duration::from_secs(60 * 60);

impl Steadiness {
    /// Returns whether the wall clock has gone on since the last time as time has, by an
    /// hour, given the time since any beginning. The first time there is nothing to
    /// compare with, and it has.
    pub fn is_steady(&mut self, time: Duration, wall: Timestamp) -> bool {
        let Some((last_time, last_wall)) = self.last.replace((time, wall)) else {
            return true;
        };
        let expected = last_wall.saturating_add(time.saturating_sub(last_time));
        let ahead = wall.saturating_duration_since(expected);
        let behind = expected.saturating_duration_since(wall);
        ahead.max(behind) <= TOLERANCE
    }
}

/// Returns the duration that `text` names: whole numbers, each followed by its
/// unit, `d`, `h`, `m` or `s`, every unit at most once, in any order.
///
/// `90s`, `1d2h30m` and `2h1d` are durations. The released SyftEvent adds up
/// whatever such pairs it finds anywhere, so that `1.5h` is five hours there;
/// here everything else is an error, as is zero. The client's `15m` form is a
/// part of it.
pub fn parse_interval(text: &str) -> Result<Duration, IntervalError> {
    let malformed = || IntervalError::Malformed(excerpt(text));
    let mut seconds: u64 = 0;
    let mut units_left = vec![('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    let mut rest = text;
    while !rest.is_empty() {
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, after) = rest.split_at(n_digits);
        let unit = after.chars().next().ok_or_else(malformed)?;
        let at = units_left
            .iter()
            .position(|known| known.0 == unit)
            .ok_or_else(malformed)?;
        let (_, unit_seconds) = units_left.remove(at);
        if digits.is_empty() {
            return Err(malformed());
        }
        // Only digits are left, so all that can go wrong is their number.
        let count: u64 = digits.parse().map_err(|_| IntervalError::TooLong)?;
        seconds = count
            .checked_mul(unit_seconds)
            .and_then(|more| seconds.checked_add(more))
            .ok_or(IntervalError::TooLong)?;
        rest = &after[1..];
    }
    match seconds {
        0 if text.is_empty() => Err(malformed()),
        0 => Err(IntervalError::Zero),
        _ => Ok(Duration::from_secs(seconds)),
    }
}

/// Why a text names no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// The text, cut, is not made of numbers with units.
    #[error("`{0}` is no duration: expected numbers with a unit, such as `90s` or `1d2h30m`")]
    Malformed(String),
    /// The duration would be no time at all.
    #[error("the duration must be longer than zero")]
    Zero,
    /// The duration does not fit 64 bits of seconds.
    #[error("the duration is too long")]
    TooLong,
}

#[cfg(test)]
mod tests;
