//! When an app acts by the clock: a name, the times at which a call is due, and what becomes of
//! those that were missed.
//!
//! Times of a cron expression are those of a clock on a wall in a time zone. Where such a clock
//! is put forward, a time that it leaves out comes when it goes on: `30 2 * * *` at 3:00. Where it
//! is put back, a time that it shows twice comes the first time. What comes each hour or more often
//! (`*` or steps for minutes or hours) goes on as if nothing was: it comes in both hours, and not
//! in one that is left out.

mod cron;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::tz::TimeZone;
use thiserror::Error;

pub use cron::{CronError, CronExpression};

use crate::timestamp::Timestamp;

/// The shortest and the longest time between two calls.
pub const MIN_EVERY: Duration = Duration::from_secs(1);
/// See [`MIN_EVERY`].
pub const MAX_EVERY: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The most characters of a name.
pub const MAX_NAME: usize = 64;

/// Times that are looked at to tell how often something is due.
const COUNTED: u32 = 10_000;

/// A schedule of an app.
#[derive(Debug, Clone)]
pub struct Schedule {
    name: String,
    timing: Timing,
    zone: Zone,
    missed: Missed,
}

/// When calls are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timing {
    /// At the times of a cron expression.
    Cron(Box<CronExpression>),
    /// So long after the one before, from [`MIN_EVERY`] to [`MAX_EVERY`].
    Every(Duration),
}

/// A time zone with the name by which it was found.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// What its clocks show.
    pub clock: TimeZone,
}

/// What becomes of calls that were due while the app was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missed {
    /// One call stands for all of them.
    #[default]
    RunOnce,
    /// Nothing.
    Drop,
}

/// Why there cannot be such a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// Its name cannot be.
    #[error("a name has up to {MAX_NAME} letters, digits, `-` and `_`")]
    Name,
    /// Its expression cannot be.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// It is due too often, or hardly ever.
    #[error("the time between two calls is from 1 second to 366 days")]
    Every,
}

impl Missed {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunOnce => "run-once",
            Self::Drop => "drop",
        }
    }

    /// Returns what a word stands for.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::RunOnce, Self::Drop];
        all.into_iter().find(|missed| missed.as_str() == text)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Zone {
    /// Returns the one of Greenwich.
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            clock: TimeZone::UTC,
        }
    }
}

impl Timing {
    /// Returns the times of a cron expression.
    ///
    /// # Errors
    /// It is none, or its times never come.
    pub fn cron(text: &str) -> Result<Self, ScheduleError> {
        Ok(Self::Cron(Box::new(CronExpression::parse(text)?)))
    }

    /// Returns times that are so far apart.
    ///
    /// # Errors
    /// They are too close or too far apart.
    pub fn every(time: Duration) -> Result<Self, ScheduleError> {
        if (MIN_EVERY..=MAX_EVERY).contains(&time) {
            Ok(Self::Every(time))
        } else {
            Err(ScheduleError::Every)
        }
    }

    /// Returns the time between two calls, on average over ten thousand of them.
    pub fn mean_interval(&self) -> Duration {
        let cron = match self {
            Timing::Every(time) => return *time,
            Timing::Cron(cron) => cron,
        };
        // The first Monday of a year.
        let begin = Timestamp::from_micros(1_767_571_200_000_000);
        let Some(first) = cron.next_after(begin, &TimeZone::UTC) else {
            return MAX_EVERY;
        };
        let (mut last, mut n_times) = (first, 0);
        while n_times < COUNTED
            && let Some(next) = cron.next_after(last, &TimeZone::UTC)
            && next.saturating_duration_since(begin) <= 2 * MAX_EVERY
        {
            (last, n_times) = (next, n_times + 1);
        }
        match n_times {
            0 => MAX_EVERY,
            n_times => last.saturating_duration_since(first) / n_times,
        }
    }

    /// Returns them in words, without the time zone: `*/5 * * * *`, `every 15m`.
    pub fn in_words(&self) -> String {
        match self {
            Self::Cron(cron) => cron.as_str().to_owned(),
            Self::Every(time) => format!("every {}", in_words(*time)),
        }
    }

    /// Returns the first time that is due after a moment; after the last call, for times that are
    /// so far apart.
    pub fn next_after(&self, after: Timestamp, clock: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next_after(after, clock),
            Self::Every(time) => after.checked_add(*time),
        }
    }

    /// Returns the last time that is due until a moment, if one is due after the last call.
    pub fn last_until(
        &self,
        now: Timestamp,
        last: Timestamp,
        clock: &TimeZone,
    ) -> Option<Timestamp> {
        let found = match self {
            Self::Cron(cron) => cron.last_until(now, clock)?,
            Self::Every(time) => {
                let since = now.saturating_duration_since(last).as_micros();
                let whole = since - since % time.as_micros();
                let whole = Duration::from_micros(u64::try_from(whole).unwrap_or(u64::MAX));
                last.saturating_add(whole)
            }
        };
        (found > last).then_some(found)
    }
}

impl Schedule {
    /// Returns a schedule.
    ///
    /// # Errors
    /// The name cannot be one.
    pub fn new(
        name: &str,
        timing: Timing,
        zone: Zone,
        missed: Missed,
    ) -> Result<Self, ScheduleError> {
        Ok(Self {
            name: check_name(name)?,
            timing,
            zone,
            missed,
        })
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns when its calls are due.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Returns the time zone of its clock.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Returns what becomes of calls that were missed.
    pub fn missed(&self) -> Missed {
        self.missed
    }

    /// Returns its times in words: `*/5 * * * * (Europe/Berlin)`.
    pub fn times_in_words(&self) -> String {
        let times = self.timing.in_words();
        match self.timing {
            Timing::Cron(_) => format!("{times} ({})", self.zone.name),
            Timing::Every(_) => times,
        }
    }

    /// Returns it in words: `digest: 0 8 * * * (UTC), missed: drop`.
    pub fn words(&self) -> String {
        let missed = match self.missed {
            Missed::RunOnce => "",
            Missed::Drop => ", missed ones are dropped",
        };
        format!("{}: {}{missed}", self.name, self.times_in_words())
    }
}

/// Checks the name of a schedule.
///
/// # Errors
/// It is empty, too long, or has other characters than letters, digits, `-` and `_`.
pub fn check_name(name: &str) -> Result<String, ScheduleError> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_name = (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_fit);
    is_name.then(|| name.to_owned()).ok_or(ScheduleError::Name)
}

/// Returns a time in its largest whole unit.
pub fn in_words(time: Duration) -> String {
    let micros = time.as_micros();
    let units = [
        (86_400_000_000, "d"),
        (3_600_000_000, "h"),
        (60_000_000, "m"),
        (1_000_000, "s"),
        (1_000, "ms"),
    ];
    let unit = units
        .into_iter()
        .find(|(size, _)| micros.is_multiple_of(*size));
    let (size, unit) = unit.unwrap_or((1, "µs"));
    format!("{}{unit}", micros / size)
}
