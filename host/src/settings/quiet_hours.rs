//! When no release takes the place of another by itself.
//!
//! They hold back what the host does unasked. What the owner types takes effect at once, and so does
//! a revocation: whoever sets hours does not mean to run what was revoked until the morning.

use std::fmt;
use std::time::Duration;

use jiff::ZonedDateTime;
use jiff::civil::Time;

const A_DAY: u32 = 24 * 60;

/// Hours of each day, by the clock and the time zone of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// Minutes since midnight.
    begin: u32,
    /// The first minute that is not quiet any more. It may be on the next day.
    end: u32,
}

impl QuietHours {
    /// Returns the hours that a text such as `22:00-07:00` names.
    pub fn parse(text: &str) -> Option<Self> {
        let (begin, end) = text.split_once('-')?;
        let (begin, end) = (minutes(begin.trim())?, minutes(end.trim())?);
        (begin != end).then_some(Self { begin, end })
    }

    /// Tells whether it is quiet now.
    pub fn is_now(&self) -> bool {
        self.contains(now())
    }

    /// Returns the time until it is quiet, at most a minute too long.
    pub(crate) fn until_begin(&self) -> Duration {
        let minutes = (self.begin + A_DAY - now()) % A_DAY;
        Duration::from_secs(u64::from(minutes) * 60)
    }

    fn contains(&self, minute: u32) -> bool {
        if self.begin < self.end {
            (self.begin..self.end).contains(&minute)
        } else {
            minute >= self.begin || minute < self.end
        }
    }
}

/// Returns the minute of the day.
fn now() -> u32 {
    let time: Time = ZonedDateTime::now().time();
    u32::from(time.hour().unsigned_abs()) * 60 + u32::from(time.minute().unsigned_abs())
}

fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let is_number = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hours) || !is_number(minutes) {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        write!(f, "{}-{}", show(self.begin), show(self.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_may_go_over_midnight() {
        for (text, quiet, loud) in [
            (
                "22:00-07:00",
                ["22:00", "00:00", "06:59"],
                ["07:00", "12:00", "21:59"],
            ),
            (
                "09:30-17:00",
                ["09:30", "12:00", "16:59"],
                ["09:29", "17:00", "00:00"],
            ),
        ] {
            let hours = QuietHours::parse(text).expect("hours");
            assert_eq!(hours.to_string(), text);
            for time in quiet {
                assert!(
                    hours.contains(minutes(time).expect("a time")),
                    "{text} {time}"
                );
            }
            for time in loud {
                assert!(
                    !hours.contains(minutes(time).expect("a time")),
                    "{text} {time}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "22-7",
            "22:00",
            "24:00-07:00",
            "22:00-07:60",
            "7:00-8:00",
            "07:00-07:00",
            "+7:00-08:00",
        ] {
            assert_eq!(QuietHours::parse(text), None, "{text}");
        }
    }
}
