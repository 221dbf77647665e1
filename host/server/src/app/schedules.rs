//! What an app does by the clock, as it says itself when it is loaded, and as its manifest says.

use std::time::Duration;

use syft_manifest::sanitize::plain_excerpt;
use syft_manifest::{MAX_SCHEDULES, WantedSchedule, time_zone};
use syft_protocol::schedule::{MAX_NAME, Missed, Schedule, ScheduleError, Timing, Zone};
use thiserror::Error;

use syft_runtime::wit::schedules;

/// The schedules of an app, in its order.
#[derive(Debug, Default)]
pub struct Schedules(Vec<Schedule>);

/// Why the schedules of an app cannot be had.
#[derive(Debug, Error)]
pub enum SchedulesError {
    /// There are too many.
    #[error("the app has {0} schedules; at most {MAX_SCHEDULES} are allowed")]
    TooMany(usize),
    /// Two have one name.
    #[error("the app has two schedules `{0}`")]
    Twice(String),
    /// One cannot be.
    #[error("schedule `{name}` of the app: {error}")]
    Schedule {
        /// Which.
        name: String,
        /// What is wrong.
        error: ScheduleError,
    },
    /// There is no such time zone.
    #[error("schedule `{name}` of the app: there is no time zone `{zone}`")]
    Zone {
        /// Which.
        name: String,
        /// The time zone.
        zone: String,
    },
    /// Nobody says when it is due.
    #[error(
        "nothing says when schedule `{0}` of the app is due: add to its syft-app.toml \
         [schedules.{0}] with `cron = \"0 8 * * *\"` or `every = \"15m\"`"
    )]
    NoTimes(String),
    /// The manifest names one that there is not.
    #[error(
        "syft-app.toml has [schedules.{name}], and the app has {}",
        in_words(known)
    )]
    Unknown {
        /// Its name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
}

impl Schedules {
    /// Returns the schedules that a guest named, with what the manifest says of them.
    pub(crate) fn new(
        named: Vec<schedules::Schedule>,
        wanted: &[WantedSchedule],
    ) -> Result<Self, SchedulesError> {
        if named.len() > MAX_SCHEDULES {
            return Err(SchedulesError::TooMany(named.len()));
        }
        let mut all: Vec<Schedule> = Vec::with_capacity(named.len());
        for named in named {
            let wanted = wanted.iter().find(|wanted| wanted.name == named.name);
            let schedule = schedule(named, wanted)?;
            if all.iter().any(|other| other.name() == schedule.name()) {
                return Err(SchedulesError::Twice(schedule.name().to_owned()));
            }
            all.push(schedule);
        }
        let known = |wanted: &&WantedSchedule| all.iter().any(|one| one.name() == wanted.name);
        if let Some(unknown) = wanted.iter().find(|wanted| !known(wanted)) {
            return Err(SchedulesError::Unknown {
                name: unknown.name.clone(),
                known: all.iter().map(|one| one.name().to_owned()).collect(),
            });
        }
        Ok(Self(all))
    }

    /// Returns whether the app does nothing by the clock.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the schedules.
    pub fn all(&self) -> &[Schedule] {
        &self.0
    }
}

fn schedule(
    named: schedules::Schedule,
    wanted: Option<&WantedSchedule>,
) -> Result<Schedule, SchedulesError> {
    let shown = plain_excerpt(&named.name, MAX_NAME);
    let wrong = |error| SchedulesError::Schedule {
        name: shown.clone(),
        error,
    };
    let timing = match wanted.and_then(|wanted| wanted.timing.clone()) {
        Some(timing) => timing,
        None => timing(named.timing)
            .map_err(wrong)?
            .ok_or_else(|| SchedulesError::NoTimes(shown.clone()))?,
    };
    let zone = match (
        wanted.and_then(|wanted| wanted.zone.clone()),
        named.time_zone,
    ) {
        (Some(zone), _) => zone,
        (None, Some(zone)) => time_zone::find(&zone).ok_or_else(|| SchedulesError::Zone {
            name: shown.clone(),
            zone: plain_excerpt(&zone, MAX_NAME),
        })?,
        (None, None) => Zone::utc(),
    };
    let missed = wanted.and_then(|wanted| wanted.missed);
    let missed = missed.unwrap_or(match named.missed {
        schedules::Missed::RunOnce => Missed::RunOnce,
        schedules::Missed::Drop => Missed::Drop,
    });
    Schedule::new(&named.name, timing, zone, missed).map_err(wrong)
}

/// Returns the times that a guest named; nothing where only the manifest does.
fn timing(timing: schedules::Timing) -> Result<Option<Timing>, ScheduleError> {
    Ok(Some(match timing {
        schedules::Timing::Cron(text) => Timing::cron(&text)?,
        schedules::Timing::Every(micros) => Timing::every(Duration::from_micros(micros))?,
        schedules::Timing::Manifest => return Ok(None),
    }))
}

fn in_words(known: &[String]) -> String {
    match known {
        [] => "no schedules".to_owned(),
        known => format!("no such schedule, but {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, timing: schedules::Timing, zone: Option<&str>) -> schedules::Schedule {
        schedules::Schedule {
            name: name.to_owned(),
            timing,
            time_zone: zone.map(str::to_owned),
            missed: schedules::Missed::RunOnce,
        }
    }

    fn cron(text: &str) -> schedules::Timing {
        schedules::Timing::Cron(text.to_owned())
    }

    fn wanted(name: &str) -> WantedSchedule {
        WantedSchedule {
            name: name.to_owned(),
            timing: None,
            zone: None,
            missed: None,
        }
    }

    fn words(
        named: Vec<schedules::Schedule>,
        wanted: &[WantedSchedule],
    ) -> Result<Vec<String>, String> {
        let all = Schedules::new(named, wanted).map_err(|error| error.to_string())?;
        Ok(all.all().iter().map(Schedule::words).collect())
    }

    #[test]
    fn the_manifest_has_the_last_word() {
        let berlin = time_zone::find("Europe/Berlin");
        let app = || named("digest", cron("0 8 * * *"), None);
        let hourly = Some(Timing::every(Duration::from_secs(3_600)).expect("a time"));
        for (wanted, expected) in [
            (wanted("digest"), "digest: 0 8 * * * (UTC)"),
            (
                WantedSchedule {
                    zone: berlin,
                    ..wanted("digest")
                },
                "digest: 0 8 * * * (Europe/Berlin)",
            ),
            (
                WantedSchedule {
                    timing: hourly.clone(),
                    missed: Some(Missed::Drop),
                    ..wanted("digest")
                },
                "digest: every 1h, missed ones are dropped",
            ),
        ] {
            assert_eq!(words(vec![app()], &[wanted]), Ok(vec![expected.to_owned()]));
        }
        let without = || vec![named("digest", schedules::Timing::Manifest, None)];
        let added = WantedSchedule {
            timing: hourly,
            ..wanted("digest")
        };
        assert_eq!(
            words(without(), &[added]),
            Ok(vec!["digest: every 1h".to_owned()])
        );
        let error = words(without(), &[]).expect_err("no times");
        assert!(error.contains("[schedules.digest]"), "{error}");
    }

    #[test]
    fn what_cannot_be_is_refused_in_words() {
        let every = schedules::Timing::Every;
        let one = || named("one", cron("0 8 * * *"), None);
        for (all, expected) in [
            (vec![one(), one()], "two schedules `one`"),
            (
                vec![named("one", cron("8"), None)],
                "`one` of the app: a cron",
            ),
            (vec![named("one", every(999_999), None)], "from 1 second"),
            (vec![named("one", every(u64::MAX), None)], "366 days"),
            (
                vec![named("one", cron("0 8 * * *"), Some("../x"))],
                "no time zone `../x`",
            ),
            (
                vec![named("o\u{1b}ne", every(1_000_000), None)],
                "a name has",
            ),
            (
                (0..=MAX_SCHEDULES)
                    .map(|n| named(&format!("n{n}"), every(1_000_000), None))
                    .collect(),
                "at most 100",
            ),
        ] {
            let error = words(all, &[]).expect_err(expected);
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains('\u{1b}'), "{error:?}");
        }
        let error = words(vec![one()], &[wanted("oen")]).expect_err("unknown");
        assert!(error.ends_with("no such schedule, but one"), "{error}");
    }
}
