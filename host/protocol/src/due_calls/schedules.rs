//! The schedules of an app: which of their times have come.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{DueCall, DueKind, DueReport};
use crate::now::Now;
use crate::schedule::{Missed, Schedule, Timing};
use crate::timestamp::Timestamp;

/// How late a call may be that is not run once it was missed.
const LATE: Duration = Duration::from_secs(60);
/// A clock that is put back further than that was wrong. Before that, times that came once do not
/// come again.
const CORRECTION: Duration = Duration::from_secs(3 * 60 * 60);
/// How often the clock on the wall is looked at: it may jump while the other one goes on.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A schedule as it is kept in the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSchedule {
    /// Its times in words. Where an app has others, they count from then on.
    times: String,
    /// Until when its times were seen to, in microseconds since the epoch.
    last: i64,
    last_run: Option<LastRun>,
}

/// The last call of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// When it was due, in microseconds since the epoch.
    pub due: i64,
    /// When it ended.
    pub ended: i64,
    /// How: `done`, or the failure in one word.
    pub outcome: String,
}

/// A schedule as the owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleStatus {
    /// Its name.
    pub name: String,
    /// Its times in words.
    pub times: String,
    /// What becomes of those that were missed.
    pub missed: String,
    /// When it is due next, in microseconds since the epoch.
    pub next: Option<i64>,
    /// Its last call.
    pub last_run: Option<LastRun>,
}

/// The schedules of one app.
#[derive(Debug)]
pub(super) struct Schedules {
    scope: String,
    all: Vec<Entry>,
    /// When the clocks were looked at last.
    seen: Now,
}

#[derive(Debug)]
struct Entry {
    schedule: Schedule,
    kept: KeptSchedule,
    next: Option<Timestamp>,
    /// Calls of it that are not over. While there is one, no other is due.
    n_open: u32,
}

/// What has come of the schedules.
#[derive(Debug, Default)]
pub(super) struct Come {
    pub(super) calls: Vec<DueCall>,
    pub(super) kept: Vec<(String, KeptSchedule)>,
    pub(super) reports: Vec<DueReport>,
}

impl KeptSchedule {
    fn new(schedule: &Schedule, now: Timestamp) -> Self {
        Self {
            times: schedule.times_in_words(),
            last: now.micros(),
            last_run: None,
        }
    }

    /// Returns the schedule that a text holds, if it holds one.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the schedule as text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }
}

impl Schedules {
    /// Returns the schedules of an app, and what is to be kept of them: those that are new, or
    /// have other times, count from now.
    pub(super) fn new(
        now: Now,
        scope: String,
        schedules: Vec<Schedule>,
        mut left: Vec<(String, KeptSchedule)>,
    ) -> (Self, Vec<(String, Option<KeptSchedule>)>) {
        let (mut all, mut changed) = (Vec::new(), Vec::new());
        for schedule in schedules {
            let at = left.iter().position(|(name, _)| name == schedule.name());
            let before = at.map(|at| left.swap_remove(at).1);
            let mut kept = KeptSchedule::new(&schedule, now.wall);
            match before {
                Some(before) if before.times == kept.times => kept = before,
                before => {
                    kept.last_run = before.and_then(|before| before.last_run);
                    changed.push((schedule.name().to_owned(), Some(kept.clone())));
                }
            }
            all.push(Entry::new(schedule, kept));
        }
        changed.extend(left.into_iter().map(|(name, _)| (name, None)));
        let seen = now;
        (Self { scope, all, seen }, changed)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.all.iter().any(|entry| entry.schedule.name() == name)
    }

    /// Returns all of them as the owner sees them.
    pub(super) fn status(&self) -> Vec<ScheduleStatus> {
        self.all.iter().map(Entry::status).collect()
    }

    /// Takes note that a call of a schedule is kept that is not over.
    pub(super) fn opened(&mut self, name: &str) {
        if let Some(entry) = self.get_mut(name) {
            entry.n_open += 1;
        }
    }

    /// Takes note that a call of a schedule is over, or parked.
    pub(super) fn closed(&mut self, name: &str) {
        if let Some(entry) = self.get_mut(name) {
            entry.n_open = entry.n_open.saturating_sub(1);
        }
    }

    /// Takes note of how a call of a schedule ended. It is kept with the next call.
    pub(super) fn ran(&mut self, name: &str, run: LastRun) {
        if let Some(entry) = self.get_mut(name) {
            entry.kept.last_run = Some(run);
        }
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Entry> {
        let mut all = self.all.iter_mut();
        all.find(|entry| entry.schedule.name() == name)
    }

    /// Returns what is due by now, one call of a schedule at most.
    pub(super) fn come(&mut self, now: Now) -> Come {
        self.seen = now;
        let mut come = Come::default();
        for entry in &mut self.all {
            entry.come(now.wall, &self.scope, &mut come);
        }
        come
    }

    /// Returns when something may be due.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let free = self.all.iter().filter(|entry| entry.n_open == 0);
        let times = free.map(|entry| match entry.next {
            Some(next) => next.saturating_duration_since(self.seen.wall),
            None => LOOK_AGAIN,
        });
        let time = times.min()?.min(LOOK_AGAIN);
        Some(self.seen.instant + time)
    }
}

impl Entry {
    fn new(schedule: Schedule, kept: KeptSchedule) -> Self {
        let mut entry = Self {
            schedule,
            kept,
            next: None,
            n_open: 0,
        };
        entry.find_next();
        entry
    }

    fn last(&self) -> Timestamp {
        Timestamp::from_micros(self.kept.last)
    }

    fn find_next(&mut self) {
        let clock = &self.schedule.zone().clock;
        self.next = self.schedule.timing().next_after(self.last(), clock);
    }

    fn status(&self) -> ScheduleStatus {
        ScheduleStatus {
            name: self.schedule.name().to_owned(),
            times: self.schedule.times_in_words(),
            missed: self.schedule.missed().as_str().to_owned(),
            next: self.next.map(Timestamp::micros),
            last_run: self.kept.last_run.clone(),
        }
    }

    fn come(&mut self, now: Timestamp, scope: &str, come: &mut Come) {
        if self.n_open > 0 {
            return;
        }
        self.follow_clock(now, come);
        let Some(first) = self.next.filter(|next| *next <= now) else {
            return;
        };
        let clock = &self.schedule.zone().clock;
        let last = self.schedule.timing().last_until(now, self.last(), clock);
        // It can be told from the first alone where looking back finds less than looking forward.
        let due = last.unwrap_or(first).max(first);
        let is_late = now.saturating_duration_since(due) > LATE;
        let runs = !is_late || self.schedule.missed() == Missed::RunOnce;
        let name = self.schedule.name().to_owned();
        if is_late || due > first {
            come.reports.push(DueReport::Missed {
                schedule: name.clone(),
                first,
                last: due,
                runs,
            });
        }
        self.kept.last = due.micros();
        self.find_next();
        come.kept.push((name.clone(), self.kept.clone()));
        if runs {
            come.calls.push(DueCall {
                id: id(scope, &name, due),
                kind: DueKind::Schedule { name },
                due,
            });
        }
    }

    /// Has the times count from now where the clock was put back so far that it was wrong before.
    /// What is due so long after the last call waits for no clock.
    fn follow_clock(&mut self, now: Timestamp, come: &mut Come) {
        let last = self.last();
        let ahead = last.saturating_duration_since(now);
        let may_wait = match self.schedule.timing() {
            Timing::Cron(_) => CORRECTION,
            Timing::Every(_) => Duration::ZERO,
        };
        if ahead <= may_wait {
            return;
        }
        self.kept.last = now.micros();
        self.find_next();
        let schedule = self.schedule.name().to_owned();
        come.kept.push((schedule.clone(), self.kept.clone()));
        come.reports
            .push(DueReport::ClockPutBack { schedule, last });
    }
}

/// Returns the id of a call: the same whenever the same time of the schedule comes.
fn id(scope: &str, name: &str, due: Timestamp) -> Uuid {
    let mut hash = Sha256::new();
    for part in [scope.as_bytes(), name.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(due.micros().to_be_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
