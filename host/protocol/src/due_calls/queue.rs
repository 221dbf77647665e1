//! Which call runs next, and what becomes of it: events in, actions out.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::schedules::{LastRun, ScheduleStatus, Schedules};
use super::{
    AfterFailedCall, DueAction, DueCall, DueEvent, DueKind, DueRecord, DueReport, DueResult,
    DueRun, KeptCall, Lane, LeftDue, ParkedCall,
};
use crate::file_events::{Failure, RetryPolicy};
use crate::now::Now;
use crate::schedule::Schedule;

/// The time before something is tried again that the host could not do.
const TROUBLE: Duration = Duration::from_secs(1);

/// Bounds of [`DueCalls`].
#[derive(Clone, Debug)]
pub struct DueOptions {
    /// Tells apart the calls of one app from those of others.
    pub scope: String,
    /// Calls that run at the same time.
    pub most_running: usize,
    /// Calls that stay parked. Where there are more, the oldest are dropped.
    pub most_parked: usize,
    /// When a call runs again that failed.
    pub retry: RetryPolicy,
}

/// When a call is tried next; those that are equal take turns in the order in which they came.
type Place = (Instant, u64);

/// The calls of one app that are due.
#[derive(Debug)]
pub struct DueCalls {
    options: DueOptions,
    /// All that are kept, with those that are parked.
    calls: HashMap<Uuid, KeptCall>,
    waiting: BTreeMap<Place, Uuid>,
    next_place: u64,
    running: HashMap<Uuid, DueRun>,
    busy: HashSet<Lane>,
    schedules: Schedules,
    /// Calls of which a change is not recorded yet. They do not run meanwhile: the record could
    /// come after the transaction that deletes the call, and bring it back.
    unrecorded: HashSet<Uuid>,
    /// What is yet to be recorded, and what is being recorded.
    records: Vec<DueRecord>,
    recording: Option<Vec<DueRecord>>,
    paused_until: Option<Instant>,
    /// What has been decided and was not polled yet.
    decided: VecDeque<DueAction>,
    is_closed: bool,
}

impl DueCalls {
    /// Returns the calls as earlier runs left them, of an app with these schedules.
    pub fn new(now: Now, options: DueOptions, schedules: Vec<Schedule>, left: LeftDue) -> Self {
        let scope = options.scope.clone();
        let (schedules, changed) = Schedules::new(now, scope, schedules, left.schedules);
        let changed = changed.into_iter();
        let mut queue = Self {
            options,
            calls: HashMap::new(),
            waiting: BTreeMap::new(),
            next_place: 0,
            running: HashMap::new(),
            busy: HashSet::new(),
            schedules,
            unrecorded: HashSet::new(),
            records: changed
                .map(|(name, kept)| DueRecord::Schedule(name, kept))
                .collect(),
            recording: None,
            paused_until: None,
            decided: VecDeque::from([DueAction::ListParked, DueAction::ListSchedules]),
            is_closed: false,
        };
        let mut calls = left.calls;
        calls.sort_by_key(|(id, kept)| (kept.call(*id).due, *id));
        for (id, kept) in calls {
            queue.take_left(now, id, kept);
        }
        queue
    }

    fn take_left(&mut self, now: Now, id: Uuid, kept: KeptCall) {
        if !kept.is_parked() {
            if !self.has_handler(id, kept.kind()) {
                return self.records.push(DueRecord::Call(id, None));
            }
            let since = now.wall.saturating_duration_since(kept.failed_at());
            let delay = match kept.n_failed() {
                0 => Duration::ZERO,
                n_failed => self.options.retry.delay(n_failed),
            };
            self.opened(kept.kind());
            self.wait(id, now.instant + delay.saturating_sub(since));
        }
        self.calls.insert(id, kept);
    }

    /// Reports a call of a schedule that the app no longer has.
    fn has_handler(&mut self, id: Uuid, kind: &DueKind) -> bool {
        match kind {
            DueKind::Schedule { name } if !self.schedules.has(name) => {
                let schedule = name.clone();
                self.report(DueReport::NoSchedule { id, schedule });
                false
            }
            _ => true,
        }
    }

    /// Takes note of an event. [`DueCalls::poll`] says what follows from it.
    pub fn handle(&mut self, now: Now, event: DueEvent) {
        match event {
            DueEvent::Added(call) => self.added(now.instant, &call),
            DueEvent::Ended(id, result) => self.ended(now, id, result),
            DueEvent::Recorded { is_kept } => self.recorded(now.instant, is_kept),
            DueEvent::Retry(id) => self.retry(now.instant, id),
            DueEvent::Drop(id) => self.drop_parked(id),
        }
    }

    /// Returns the next thing to do, or `None` until the next event or
    /// [`DueCalls::wakes_at`].
    pub fn poll(&mut self, now: Now) -> Option<DueAction> {
        if self.paused_until.is_some_and(|until| until <= now.instant) {
            self.paused_until = None;
        }
        self.note_schedules(now);
        if let Some(action) = self.decided.pop_front() {
            return Some(action);
        }
        self.next_records().or_else(|| self.next_run(now))
    }

    /// Returns when [`DueCalls::poll`] has something to do without an event.
    pub fn wakes_at(&self) -> Option<Instant> {
        if self.is_closed {
            return None;
        }
        let next = self.next_waiting().map(|((at, _), _)| at);
        // While nothing can run, the end of what prevents it wakes.
        let next = next.filter(|_| self.can_run()).into_iter();
        let schedules = self.schedules.wakes_at();
        next.chain(schedules).chain(self.paused_until).min()
    }

    /// Starts nothing new from here on. What runs is finished and recorded; everything else is
    /// kept for the next start.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// Tells whether everything is finished that was begun before [`DueCalls::close`].
    pub fn is_drained(&self) -> bool {
        let can_record = !self.records.is_empty() && self.paused_until.is_none();
        self.running.is_empty() && self.recording.is_none() && !can_record
    }

    /// Returns the number of calls that run.
    pub fn n_running(&self) -> usize {
        self.running.len()
    }

    /// Returns the number of calls that are parked.
    pub fn n_parked(&self) -> usize {
        self.calls.values().filter(|kept| kept.is_parked()).count()
    }

    /// Tells whether this call is parked.
    pub fn is_parked(&self, id: &Uuid) -> bool {
        self.calls.get(id).is_some_and(KeptCall::is_parked)
    }

    /// Returns the parked calls, the oldest first.
    pub fn parked(&self) -> Vec<ParkedCall> {
        let calls = self.calls.iter();
        let mut parked: Vec<ParkedCall> = calls.filter_map(|(id, kept)| kept.parked(*id)).collect();
        parked.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        parked
    }

    /// Returns the schedules as the owner sees them.
    pub fn schedules(&self) -> Vec<ScheduleStatus> {
        self.schedules.status()
    }

    fn added(&mut self, now: Instant, call: &DueCall) {
        if self.calls.contains_key(&call.id) {
            return;
        }
        self.calls.insert(call.id, KeptCall::new(call));
        self.opened(&call.kind);
        self.wait(call.id, now);
    }

    /// Takes note of the calls whose time has come.
    fn note_schedules(&mut self, now: Now) {
        if self.is_closed {
            return;
        }
        let come = self.schedules.come(now);
        if !come.kept.is_empty() {
            self.decided.push_back(DueAction::ListSchedules);
        }
        for report in come.reports {
            self.report(report);
        }
        let kept = come.kept.into_iter();
        self.records
            .extend(kept.map(|(name, kept)| DueRecord::Schedule(name, Some(kept))));
        for call in come.calls {
            // After a clock was put back, one of the same time may be parked.
            if !self.calls.contains_key(&call.id) {
                self.opened(&call.kind);
                self.keep(call.id, KeptCall::new(&call));
                self.wait(call.id, now.instant);
            }
        }
    }

    fn opened(&mut self, kind: &DueKind) {
        if let DueKind::Schedule { name } = kind {
            self.schedules.opened(name);
        }
    }

    fn closed(&mut self, kind: &DueKind) {
        if let DueKind::Schedule { name } = kind {
            self.schedules.closed(name);
        }
    }

    /// Takes note of how a call ended, for the owner.
    fn note_run(&mut self, now: Now, call: &DueCall, outcome: &str) {
        if let DueKind::Schedule { name } = &call.kind {
            let run = LastRun {
                due: call.due.micros(),
                ended: now.wall.micros(),
                outcome: outcome.to_owned(),
            };
            self.schedules.ran(name, run);
            self.decided.push_back(DueAction::ListSchedules);
        }
    }

    fn wait(&mut self, id: Uuid, at: Instant) {
        self.next_place += 1;
        self.waiting.insert((at, self.next_place), id);
    }

    // Runs.

    fn can_run(&self) -> bool {
        self.running.len() < self.options.most_running && self.paused_until.is_none()
    }

    /// Returns the first call that waits and may run.
    fn next_waiting(&self) -> Option<(Place, Uuid)> {
        let is_free = |id: &Uuid| {
            let lane = self.calls.get(id).map(|kept| kept.kind().lane());
            let is_free = lane.is_some_and(|lane| !self.busy.contains(&lane));
            is_free && !self.unrecorded.contains(id)
        };
        let mut waiting = self.waiting.iter();
        let found = waiting.find(|(_, id)| is_free(id));
        found.map(|(place, id)| (*place, *id))
    }

    fn next_run(&mut self, now: Now) -> Option<DueAction> {
        if self.is_closed || !self.can_run() {
            return None;
        }
        let (place, id) = self
            .next_waiting()
            .filter(|((at, _), _)| *at <= now.instant)?;
        self.waiting.remove(&place);
        let kept = self.calls.get(&id)?;
        let run = DueRun {
            call: kept.call(id),
            attempt: kept.n_failed() + 1,
        };
        if kept.n_failed() >= self.options.retry.attempts {
            // Had the last attempt failed, it were parked: the host crashed during it.
            let (run, kept) = (last_attempt(run), kept.clone());
            self.park(now, run, kept, Failure::crash());
            return self.decided.pop_front();
        }
        self.busy.insert(run.call.kind.lane());
        self.running.insert(id, run.clone());
        Some(DueAction::Run(run))
    }

    fn ended(&mut self, now: Now, id: Uuid, result: DueResult) {
        let Some(run) = self.running.remove(&id) else {
            return;
        };
        self.busy.remove(&run.call.kind.lane());
        match result {
            DueResult::Done => {
                self.calls.remove(&id);
                self.closed(&run.call.kind);
                self.note_run(now, &run.call, "done");
            }
            DueResult::Failed(failure) => self.failed(now, run, failure),
            DueResult::HostFailed => {
                let at = now.instant + TROUBLE;
                self.paused_until = Some(at);
                self.wait(id, at);
            }
        }
    }

    fn failed(&mut self, now: Now, run: DueRun, failure: Failure) {
        let id = run.call.id;
        let Some(kept) = self.calls.get(&id).cloned() else {
            return;
        };
        self.note_run(now, &run.call, failure.name);
        let kept = kept.after_failure(now.wall);
        if kept.n_failed() >= self.options.retry.attempts {
            return self.park(now, run, kept, failure);
        }
        let delay = self.options.retry.delay(kept.n_failed());
        self.keep(id, kept);
        self.wait(id, now.instant + delay);
        let after = AfterFailedCall::Later(delay);
        self.report(DueReport::Failed {
            run,
            failure,
            after,
        });
    }

    // Parked calls.

    fn park(&mut self, now: Now, run: DueRun, kept: KeptCall, failure: Failure) {
        self.keep(run.call.id, kept.park(failure.detail.clone(), now.wall));
        self.closed(&run.call.kind);
        let after = AfterFailedCall::Parked;
        self.report(DueReport::Failed {
            run,
            failure,
            after,
        });
        if self.n_parked() > self.options.most_parked {
            self.drop_oldest_parked();
        }
        self.decided.push_back(DueAction::ListParked);
    }

    fn drop_oldest_parked(&mut self) {
        let parked = self.calls.iter();
        let parked = parked.filter_map(|(id, kept)| Some((kept.parked_at()?, *id)));
        if let Some((at, id)) = parked.min() {
            self.report(DueReport::DroppedParked { id, at });
            self.forget(id);
        }
    }

    fn retry(&mut self, now: Instant, id: Uuid) {
        self.decided.push_back(DueAction::ListParked);
        let parked = self.calls.get(&id).filter(|kept| kept.is_parked());
        let Some(kept) = parked.cloned() else { return };
        if !self.has_handler(id, kept.kind()) {
            return self.forget(id);
        }
        self.opened(kept.kind());
        self.keep(id, kept.unpark());
        self.wait(id, now);
    }

    fn drop_parked(&mut self, id: Uuid) {
        if self.is_parked(&id) {
            self.forget(id);
        }
        self.decided.push_back(DueAction::ListParked);
    }

    // Records.

    fn keep(&mut self, id: Uuid, kept: KeptCall) {
        self.calls.insert(id, kept.clone());
        self.unrecorded.insert(id);
        self.records.push(DueRecord::Call(id, Some(kept)));
    }

    fn forget(&mut self, id: Uuid) {
        self.calls.remove(&id);
        self.records.push(DueRecord::Call(id, None));
    }

    fn next_records(&mut self) -> Option<DueAction> {
        if self.recording.is_some() || self.records.is_empty() || self.paused_until.is_some() {
            return None;
        }
        let records = std::mem::take(&mut self.records);
        self.recording = Some(records.clone());
        Some(DueAction::Record(records))
    }

    fn recorded(&mut self, now: Instant, is_kept: bool) {
        let records = self.recording.take().unwrap_or_default();
        if !is_kept {
            self.paused_until = Some(now + TROUBLE);
            self.records.splice(..0, records);
            return;
        }
        let later = self.records.iter().filter_map(|record| match record {
            DueRecord::Call(id, _) => Some(*id),
            DueRecord::Schedule(..) => None,
        });
        self.unrecorded = later.collect();
    }

    fn report(&mut self, report: DueReport) {
        self.decided.push_back(DueAction::Report(Box::new(report)));
    }
}

/// Returns the attempt that a crash of the host ended.
fn last_attempt(run: DueRun) -> DueRun {
    DueRun {
        attempt: run.attempt - 1,
        ..run
    }
}
