//! The times at which an app asks to act, where they stand in its manifest.

use std::time::Duration;

use syft_protocol::schedule::{self, MAX_NAME, Missed, Schedule, ScheduleError, Timing, Zone};

use super::check::{self, Problem};
use crate::sanitize::plain_excerpt;
use crate::time_zone::{self, LOCAL};
use crate::units::parse_time;

/// The most schedules of an app.
pub const MAX_SCHEDULES: usize = 100;

/// What a manifest says of one of the app's schedules; the app itself says the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedSchedule {
    /// The name of the schedule in the app.
    pub name: String,
    /// When it is due.
    pub timing: Option<Timing>,
    /// In which time zone.
    pub zone: Option<Zone>,
    /// What becomes of calls that were missed.
    pub missed: Option<Missed>,
}

/// A schedule as it is written.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) cron: Option<Timing>,
    pub(super) every: Option<Timing>,
    pub(super) zone: Option<Zone>,
    pub(super) missed: Option<Missed>,
}

impl WantedSchedule {
    /// Returns what a manifest says that says all of a schedule.
    pub fn of(schedule: &Schedule) -> Self {
        let is_cron = matches!(schedule.timing(), Timing::Cron(_));
        Self {
            name: schedule.name().to_owned(),
            timing: Some(schedule.timing().clone()),
            zone: is_cron.then(|| schedule.zone().clone()),
            missed: Some(schedule.missed()),
        }
    }

    /// Returns it in words for people.
    pub fn in_words(&self) -> String {
        let times = self.timing.as_ref().map(Timing::in_words);
        let zone = self.zone.as_ref().map(|zone| format!("({})", zone.name));
        let is_dropped = self.missed == Some(Missed::Drop);
        let missed = is_dropped.then_some("missed ones are dropped");
        let words: Vec<String> = times
            .into_iter()
            .chain(zone)
            .chain(missed.map(str::to_owned))
            .collect();
        format!("{}: {}", self.name, words.join(" "))
    }
}

impl Parts {
    /// Puts them together.
    pub(super) fn finish(self, name: String) -> Result<WantedSchedule, Problem> {
        let Self {
            cron,
            every,
            zone,
            missed,
        } = self;
        if cron.is_some() && every.is_some() {
            let message = "`cron` and `every` both say when it is due";
            return Err(Problem::new(message, "leave one of them out"));
        }
        if every.is_some() && zone.is_some() {
            let message = "`every` knows no time zone";
            return Err(Problem::new(
                message,
                "leave out `time-zone`, or write a `cron`",
            ));
        }
        if cron.is_none() && every.is_none() && zone.is_none() && missed.is_none() {
            return Err(Problem::new(
                "this says nothing of the schedule",
                "say when it is due, as in `cron = \"0 8 * * MON-FRI\"` or `every = \"15m\"`",
            ));
        }
        Ok(WantedSchedule {
            name,
            timing: cron.or(every),
            zone,
            missed,
        })
    }
}

pub(super) fn check_name(text: &str) -> Result<String, Problem> {
    schedule::check_name(text).map_err(|_| {
        let shown = plain_excerpt(text, MAX_NAME);
        let help = "it is the name that the app gives its schedule, such as `daily_digest`";
        Problem::new(format!("`{shown}` is no name of a schedule"), help)
    })
}

pub(super) fn check_cron(text: &str) -> Result<Timing, Problem> {
    Timing::cron(text).map_err(|error| {
        let help = "write minute, hour, day of the month, month and day of the week, as in \
                    `0 8 * * MON-FRI` or `*/15 * * * *`";
        Problem::new(error.to_string(), help)
    })
}

pub(super) fn check_every(text: &str) -> Result<Timing, Problem> {
    let time = parse_time(text).ok_or_else(|| {
        let message = format!("`{}` is no time", plain_excerpt(text, 40));
        Problem::new(message, EVERY)
    })?;
    every_in_bounds(time)
}

pub(super) fn every_in_bounds(time: Duration) -> Result<Timing, Problem> {
    Timing::every(time).map_err(|error: ScheduleError| Problem::new(error.to_string(), EVERY))
}

const EVERY: &str = "write a number and its unit, as in `30s`, `15m`, `6h` or `7d`";

pub(super) fn check_zone(text: &str) -> Result<Zone, Problem> {
    time_zone::find(text).ok_or_else(|| {
        let message = format!("`{}` is no time zone", plain_excerpt(text, 40));
        let help = format!("write its name, as in `Europe/Berlin`, `UTC`, or `{LOCAL}` for the one of the owner's machine");
        Problem::new(message, help)
    })
}

pub(super) fn check_missed(text: &str) -> Result<Missed, Problem> {
    Missed::parse(text).ok_or_else(|| {
        Problem::new(
            format!("`missed` is not `{}`", plain_excerpt(text, 20)),
            "write `run-once` for one call after times were missed, or `drop` for none",
        )
    })
}

pub(super) fn check_number(count: usize) -> Result<(), Problem> {
    check::number("schedules", count, MAX_SCHEDULES)
}
