//! Functions that the host calls by the clock.
//!
//! [`#[schedule]`](macro@crate::schedule) has the times of a cron expression, and
//! [`#[every]`](macro@crate::every) those that are so far apart:
//!
//! ```
//! use syft_guest::prelude::*;
//!
//! #[schedule("0 8 * * MON-FRI", time_zone = "Europe/Berlin")]
//! fn digest(due: Due) -> Result<(), Error> {
//!     state::set("last-digest", &due.due.0)?;
//!     Ok(())
//! }
//!
//! #[every("15m", missed = "drop")]
//! fn clean() -> Result<(), Error> {
//!     state::delete("old")?;
//!     Ok(())
//! }
//!
//! syft_guest::app!(digest, clean);
//! # fn main() {}
//! ```
//!
//! A call is a transaction: what it wrote to the state is kept with the fact that it ran, so that
//! it runs once for each time, whatever stops the host. One that fails is called again later,
//! and after some attempts no more. `syft-app.toml` may give a schedule other times.

use std::time::Duration;

use crate::bindings::exports::syft::app::schedules;
use crate::{Failure, Timestamp};

/// A time of a schedule has come: a function with [`#[schedule]`](macro@crate::schedule) or
/// [`#[every]`](macro@crate::every) takes it as its parameter, if it wants to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Due {
    /// A UUID, the same each time that this call runs again.
    pub id: String,
    /// The name of the schedule.
    pub schedule: String,
    /// The time that has come. It is earlier than now where calls were missed.
    pub due: Timestamp,
    /// 1, or more where earlier attempts failed.
    pub attempt: u32,
}

impl Due {
    /// Returns what a function gets at a time, for tests: the first attempt.
    pub fn new(due: Timestamp) -> Due {
        Due {
            id: "00000000-0000-4000-a000-000000000000".to_owned(),
            schedule: "schedule".to_owned(),
            due,
            attempt: 1,
        }
    }
}

impl From<schedules::Due> for Due {
    fn from(due: schedules::Due) -> Due {
        Due {
            id: due.id,
            schedule: due.schedule,
            due: Timestamp(due.due),
            attempt: due.attempt,
        }
    }
}

/// When a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timing {
    /// At the times of a cron expression.
    Cron(&'static str),
    /// So long after the call before.
    Every(Duration),
    /// When `[schedules.NAME]` of `syft-app.toml` says.
    Manifest,
}

/// What becomes of calls that were due while the app was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// One call stands for all of them.
    RunOnce,
    /// Nothing.
    Drop,
}

/// A schedule, as [`app!`](crate::app!) takes it.
///
/// [`#[schedule]`](macro@crate::schedule) and [`#[every]`](macro@crate::every) implement it for a
/// type with the name of the function. Use it in tests, to call a function the way the host does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no schedule",
    note = "put `#[schedule(\"0 8 * * *\")]` or `#[every(\"15m\")]` on the function"
)]
pub trait Scheduled {
    /// Its name, of no other schedule of the app.
    const NAME: &'static str;

    /// When it is due.
    const TIMING: Timing;

    /// In which time zone, for a cron expression; UTC without it.
    const TIME_ZONE: Option<&'static str> = None;

    /// What becomes of calls that were missed.
    const MISSED: Missed = Missed::RunOnce;

    /// Its name and where it is, by which `syft-host build` finds one that `app!` does not list.
    #[doc(hidden)]
    const MARK: &'static str = "";

    /// Calls the function.
    fn call(due: Due) -> Result<(), Failure>;
}

/// A schedule of an app, at run time.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleRoute {
    pub(crate) name: &'static str,
    timing: Timing,
    time_zone: Option<&'static str>,
    missed: Missed,
    pub(crate) mark: &'static str,
    pub(crate) call: fn(Due) -> Result<(), Failure>,
}

impl ScheduleRoute {
    /// Returns the schedule `S`.
    pub const fn of<S: Scheduled>() -> ScheduleRoute {
        ScheduleRoute {
            name: S::NAME,
            timing: S::TIMING,
            time_zone: S::TIME_ZONE,
            missed: S::MISSED,
            mark: S::MARK,
            call: S::call,
        }
    }
}

impl From<ScheduleRoute> for schedules::Schedule {
    fn from(it: ScheduleRoute) -> schedules::Schedule {
        schedules::Schedule {
            name: it.name.to_owned(),
            timing: match it.timing {
                Timing::Cron(text) => schedules::Timing::Cron(text.to_owned()),
                Timing::Every(time) => {
                    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
                    schedules::Timing::Every(micros)
                }
                Timing::Manifest => schedules::Timing::Manifest,
            },
            time_zone: it.time_zone.map(str::to_owned),
            missed: match it.missed {
                Missed::RunOnce => schedules::Missed::RunOnce,
                Missed::Drop => schedules::Missed::Drop,
            },
        }
    }
}
