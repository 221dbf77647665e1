//! Short lives of a host whose app has schedules and takes replies: the real queue of due calls,
//! with a state and clocks that are as simple as can be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use syft_protocol::due_calls::{
    DueAction, DueCall, DueCalls, DueEvent, DueKind, DueOptions, DueRecord, DueReport, DueResult,
    DueRun, KeptCall, KeptSchedule, Lane, LeftDue,
};
use syft_protocol::file_events::{Failure, RetryPolicy};
use syft_protocol::now::Now;
use syft_protocol::schedule::{Missed, Schedule, Timing, Zone};
use syft_protocol::timestamp::Timestamp;
use uuid::Uuid;

use super::counts::Counts;
use super::random::Random;

/// Things that happen before the world comes to rest.
const STEPS: usize = 250;
const MOST_RUNNING: usize = 3;
const HOUR: Duration = Duration::from_secs(3_600);
const RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(1),
    attempts: 4,
};

/// What has to happen in all lives together, or it is not tested.
pub(crate) const ALL: [&str; 16] = [
    "asked to drop",
    "asked to retry",
    "clock put back",
    "clock put forward",
    "committed before a crash",
    "crash",
    "done",
    "failed",
    "host failed",
    "missed and dropped",
    "missed and run",
    "not recorded",
    "other schedules",
    "parked",
    "put back far",
    "reply",
];

/// A task of the host.
#[derive(Clone, Debug)]
enum Task {
    Run(DueRun),
    Record(Vec<DueRecord>),
}

pub(crate) struct World {
    seed: u64,
    random: Random,
    is_told: bool,
    now: Now,
    /// What is on the disk.
    calls: BTreeMap<Uuid, KeptCall>,
    schedules: BTreeMap<String, KeptSchedule>,
    /// How often each call took effect.
    effects: BTreeMap<Uuid, u32>,
    /// The last time of a schedule that took effect, or was parked.
    last: BTreeMap<String, Timestamp>,
    /// All that ever was to run, and what became of it where that is no effect.
    known: BTreeSet<Uuid>,
    given_up: BTreeSet<Uuid>,
    /// Which of the schedules the app has.
    release: u64,
    queue: DueCalls,
    tasks: Vec<Task>,
    next_id: u128,
    counts: Counts,
}

impl World {
    pub(crate) fn new(seed: u64, is_told: bool) -> Self {
        let now = Now {
            instant: Instant::now(),
            wall: Timestamp::from_micros(1_772_445_600_000_000),
        };
        Self {
            seed,
            random: Random::new(seed),
            is_told,
            now,
            calls: BTreeMap::new(),
            schedules: BTreeMap::new(),
            effects: BTreeMap::new(),
            last: BTreeMap::new(),
            known: BTreeSet::new(),
            given_up: BTreeSet::new(),
            release: 0,
            queue: queue(now, &schedules(0), LeftDue::default()),
            tasks: Vec::new(),
            next_id: 1,
            counts: Counts::new(&ALL),
        }
    }

    pub(crate) fn live(mut self) -> Counts {
        for _ in 0..STEPS {
            self.step();
            self.poll();
        }
        self.rest();
        self.check();
        self.counts
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            println!("{} {}: {}", self.seed, self.now.wall, what());
        }
    }

    fn count(&mut self, name: &'static str) {
        self.tell(|| name.to_owned());
        self.counts.add_one(name);
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..45 => self.end_task(),
            45..70 => {
                let micros = 1 + self.random.below(20_000_000);
                self.pass(Duration::from_micros(micros));
            }
            70..76 => self.pass(HOUR / 4),
            76..82 => self.add_reply(),
            82..87 => self.crash(),
            87..89 => self.stop(),
            89..92 => self.put_clock(),
            92..96 => self.ask(),
            _ => self.end_task(),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall = self.now.wall.saturating_add(time);
    }

    /// The clock on the wall jumps.
    fn put_clock(&mut self) {
        let micros = 1 + self.random.below(2 * HOUR.as_micros() as u64);
        let micros = i64::try_from(micros).expect("some hours");
        let (by, what) = match self.random.below(6) {
            0..3 => (micros, "clock put forward"),
            3..5 => (-micros, "clock put back"),
            _ => (-100 * micros, "put back far"),
        };
        self.count(what);
        self.now.wall = Timestamp::from_micros(self.now.wall.micros() + by);
    }

    fn add_reply(&mut self) {
        self.count("reply");
        let id = Uuid::from_u128(self.next_id);
        self.next_id += 1;
        let call = DueCall {
            id,
            kind: DueKind::Reply {
                message: id,
                url: "syft://x".to_owned(),
                handler: "told".to_owned(),
            },
            due: self.now.wall,
        };
        self.known.insert(id);
        self.calls.insert(id, KeptCall::new(&call));
        self.queue.handle(self.now, DueEvent::Added(call));
    }

    fn ask(&mut self) {
        let parked = self.queue.parked();
        let Some(parked) = parked.first() else { return };
        let id = Uuid::parse_str(&parked.id).expect("an id");
        if self.random.below(2) == 0 {
            self.count("asked to retry");
            self.given_up.remove(&id);
            self.queue.handle(self.now, DueEvent::Retry(id));
        } else {
            self.count("asked to drop");
            self.given_up.insert(id);
            self.queue.handle(self.now, DueEvent::Drop(id));
        }
    }

    // What the host does.

    fn poll(&mut self) {
        while let Some(action) = self.queue.poll(self.now) {
            match action {
                DueAction::Run(run) => self.begin(run),
                DueAction::Record(records) => self.tasks.push(Task::Record(records)),
                DueAction::Report(report) => self.take(*report),
                DueAction::ListParked | DueAction::ListSchedules => {}
            }
        }
    }

    fn begin(&mut self, run: DueRun) {
        self.tell(|| format!("begin {run:?}"));
        assert!(self.calls.contains_key(&run.call.id), "it is kept");
        let lane = |run: &DueRun| -> Lane { run.call.kind.lane() };
        let running = self.tasks.iter().filter_map(|task| match task {
            Task::Run(run) => Some(lane(run)),
            Task::Record(_) => None,
        });
        let running: Vec<Lane> = running.collect();
        assert!(running.len() < MOST_RUNNING, "{running:?}");
        assert!(!running.contains(&lane(&run)), "{run:?}");
        self.known.insert(run.call.id);
        self.tasks.push(Task::Run(run));
    }

    fn take(&mut self, report: DueReport) {
        self.tell(|| format!("{report:?}"));
        match report {
            DueReport::Failed { run, .. } => {
                if self.queue.is_parked(&run.call.id) {
                    self.count("parked");
                    self.given_up.insert(run.call.id);
                    self.note_last(&run);
                }
            }
            DueReport::Missed { runs: true, .. } => self.count("missed and run"),
            DueReport::Missed { schedule, last, .. } => {
                self.count("missed and dropped");
                self.last.insert(schedule, last);
            }
            // Its times come once more.
            DueReport::ClockPutBack { schedule, .. } => {
                self.effects.clear();
                self.last.remove(&schedule);
            }
            DueReport::NoSchedule { id, .. } | DueReport::DroppedParked { id, .. } => {
                self.given_up.insert(id);
            }
        }
    }

    fn note_last(&mut self, run: &DueRun) {
        if let DueKind::Schedule { name } = &run.call.kind {
            self.last.insert(name.clone(), run.call.due);
        }
    }

    fn end_task(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let at = self.random.below(self.tasks.len() as u64) as usize;
        match self.tasks.remove(at) {
            Task::Record(records) => {
                let is_kept = self.random.below(10) > 0;
                if is_kept {
                    self.keep(records);
                } else {
                    self.count("not recorded");
                }
                self.queue.handle(self.now, DueEvent::Recorded { is_kept });
            }
            Task::Run(run) => self.end_run(run),
        }
    }

    fn end_run(&mut self, run: DueRun) {
        let id = run.call.id;
        let result = match self.random.below(10) {
            0..3 => {
                self.count("failed");
                DueResult::Failed(failure())
            }
            3 => {
                self.count("host failed");
                DueResult::HostFailed
            }
            _ => {
                self.count("done");
                self.commit(&run);
                DueResult::Done
            }
        };
        self.queue.handle(self.now, DueEvent::Ended(id, result));
    }

    /// The transaction of a call is forced: its effect, and that it is no longer due.
    fn commit(&mut self, run: &DueRun) {
        let id = run.call.id;
        self.calls.remove(&id);
        let count = self.effects.entry(id).or_default();
        *count += 1;
        assert_eq!(*count, 1, "{run:?} took effect twice");
        self.note_last(run);
    }

    fn keep(&mut self, records: Vec<DueRecord>) {
        for record in records {
            match record {
                DueRecord::Call(id, Some(kept)) => {
                    self.known.insert(id);
                    self.calls.insert(id, kept);
                }
                DueRecord::Call(id, None) => drop(self.calls.remove(&id)),
                DueRecord::Schedule(name, Some(kept)) => {
                    self.schedules.insert(name, kept);
                }
                DueRecord::Schedule(name, None) => drop(self.schedules.remove(&name)),
            }
        }
    }

    fn crash(&mut self) {
        self.count("crash");
        for task in std::mem::take(&mut self.tasks) {
            match task {
                Task::Record(records) if self.random.below(2) == 0 => self.keep(records),
                Task::Record(_) => {}
                Task::Run(run) if self.random.below(3) == 0 => {
                    self.count("committed before a crash");
                    self.commit(&run);
                }
                // The journal names it.
                Task::Run(run) => {
                    if let Some(kept) = self.calls.get_mut(&run.call.id) {
                        *kept = kept.clone().after_failure(self.now.wall);
                    }
                }
            }
        }
        self.start();
    }

    /// The host ends properly, with perhaps another release afterwards.
    fn stop(&mut self) {
        self.queue.close();
        self.poll();
        for _ in 0..100 {
            if self.queue.is_drained() {
                break;
            }
            self.end_task();
            self.poll();
        }
        self.tasks.clear();
        if self.random.below(2) == 0 {
            self.count("other schedules");
            self.release = self.random.below(4);
            self.last.clear();
        }
        self.start();
    }

    fn start(&mut self) {
        // The host may be away for a while.
        let away = Duration::from_micros(self.random.below(HOUR.as_micros() as u64 * 2));
        self.pass(away);
        let left = LeftDue {
            calls: self.calls.clone().into_iter().collect(),
            schedules: self.schedules.clone().into_iter().collect(),
        };
        self.queue = queue(self.now, &schedules(self.release), left);
    }

    /// Nothing fails any more, and all that waits is done.
    fn rest(&mut self) {
        for _ in 0..2_000 {
            self.poll();
            match self.tasks.pop() {
                Some(Task::Record(records)) => {
                    self.keep(records);
                    let event = DueEvent::Recorded { is_kept: true };
                    self.queue.handle(self.now, event);
                }
                Some(Task::Run(run)) => {
                    self.commit(&run);
                    let event = DueEvent::Ended(run.call.id, DueResult::Done);
                    self.queue.handle(self.now, event);
                }
                None => {
                    let only_parked = self.calls.keys().all(|id| self.queue.is_parked(id));
                    if only_parked {
                        return;
                    }
                    self.pass(Duration::from_millis(500));
                }
            }
        }
        panic!("it does not come to rest: {:?}", self.calls);
    }

    fn check(&mut self) {
        for id in &self.known {
            let has_run = self.effects.contains_key(id);
            let is_lost = !has_run && !self.given_up.contains(id) && !self.was_forgotten();
            assert!(!is_lost, "{id} did not run");
        }
        // The times of each schedule go on.
        for schedule in schedules(self.release) {
            let name = schedule.name().to_owned();
            self.last.remove(&name);
            self.pass(HOUR * 8);
            for _ in 0..6 {
                self.rest();
                self.pass(Duration::from_secs(61));
            }
            assert!(self.last.contains_key(&name), "{name} has stopped");
        }
    }

    /// Effects before a clock was put right are not known any more.
    fn was_forgotten(&self) -> bool {
        self.counts.0["put back far"] > 0 || self.counts.0["clock put back"] > 0
    }
}

fn failure() -> Failure {
    Failure {
        name: "failed",
        detail: String::new(),
    }
}

fn queue(now: Now, schedules: &[Schedule], left: LeftDue) -> DueCalls {
    let options = DueOptions {
        scope: "o@x.org/app".to_owned(),
        most_running: MOST_RUNNING,
        most_parked: 5,
        retry: RETRY,
    };
    DueCalls::new(now, options, schedules.to_vec(), left)
}

/// Returns the schedules of a release.
fn schedules(release: u64) -> Vec<Schedule> {
    let cron = |text: &str| Timing::cron(text).expect("an expression");
    let every = |seconds| Timing::every(Duration::from_secs(seconds)).expect("a time");
    let schedule = |name: &str, timing, missed| {
        Schedule::new(name, timing, Zone::utc(), missed).expect("a schedule")
    };
    let minutes = schedule("minutes", cron("*/5 * * * *"), Missed::RunOnce);
    let hours = schedule("hours", cron("0 * * * *"), Missed::Drop);
    let often = schedule("often", every(30), Missed::RunOnce);
    match release {
        0 => vec![minutes, hours, often],
        1 => vec![schedule("often", every(90), Missed::Drop), hours],
        2 => vec![often, schedule("hours", cron("30 * * * *"), Missed::Drop)],
        _ => vec![minutes],
    }
}
