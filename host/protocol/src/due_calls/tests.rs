use std::time::{Duration, Instant};

use uuid::Uuid;

use super::*;
use crate::file_events::{Failure, RetryPolicy};
use crate::now::Now;
use crate::schedule::{Missed, Schedule, Timing, Zone};
use crate::timestamp::Timestamp;

const RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(1),
    attempts: 3,
};
const HOUR: Duration = Duration::from_secs(3_600);

/// A queue, its clocks, and what is kept.
struct Bench {
    now: Now,
    queue: DueCalls,
    kept: LeftDue,
    reports: Vec<DueReport>,
}

fn schedule(name: &str, timing: Timing, missed: Missed) -> Schedule {
    Schedule::new(name, timing, Zone::utc(), missed).expect("a schedule")
}

/// At every full hour.
fn hourly(missed: Missed) -> Schedule {
    let timing = Timing::cron("0 * * * *").expect("an expression");
    schedule("hourly", timing, missed)
}

fn every(seconds: u64) -> Schedule {
    let timing = Timing::every(Duration::from_secs(seconds)).expect("a time");
    schedule("every", timing, Missed::RunOnce)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-03-02T{text}+00:00")).expect("a time")
}

fn begin() -> Now {
    Now {
        instant: Instant::now(),
        wall: at("10:07:00"),
    }
}

fn reply(n: u128) -> DueCall {
    let message = Uuid::from_u128(n);
    DueCall {
        id: message,
        kind: DueKind::Reply {
            message,
            url: "syft://bob@example.org/app_data/pingpong/rpc/ping".to_owned(),
            handler: "ponged".to_owned(),
        },
        due: at("10:07:00"),
    }
}

impl Bench {
    fn new(schedules: Vec<Schedule>) -> Self {
        Self::at(begin(), schedules, LeftDue::default())
    }

    fn at(now: Now, schedules: Vec<Schedule>, kept: LeftDue) -> Self {
        let options = DueOptions {
            scope: "o@x.org/app".to_owned(),
            most_running: 2,
            most_parked: 2,
            retry: RETRY,
        };
        Self {
            now,
            queue: DueCalls::new(now, options, schedules, kept.clone()),
            kept,
            reports: Vec::new(),
        }
    }

    /// The host is killed, and begins anew with what is kept.
    fn restarted(self, schedules: Vec<Schedule>) -> Self {
        Self::at(self.now, schedules, self.kept)
    }

    fn handle(&mut self, event: DueEvent) {
        self.queue.handle(self.now, event);
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall = self.now.wall.saturating_add(time);
    }

    fn keep(&mut self, records: Vec<DueRecord>) {
        for record in records {
            match record {
                DueRecord::Call(id, kept) => {
                    self.kept.calls.retain(|(known, _)| *known != id);
                    self.kept.calls.extend(kept.map(|kept| (id, kept)));
                }
                DueRecord::Schedule(name, kept) => {
                    self.kept.schedules.retain(|(known, _)| *known != name);
                    self.kept.schedules.extend(kept.map(|kept| (name, kept)));
                }
            }
        }
    }

    /// Does all that is to be done; what is recorded is kept at once. Returns what runs.
    fn poll(&mut self) -> Vec<DueRun> {
        let mut runs = Vec::new();
        while let Some(action) = self.queue.poll(self.now) {
            match action {
                DueAction::Run(run) => runs.push(run),
                DueAction::Record(records) => {
                    self.keep(records);
                    self.handle(DueEvent::Recorded { is_kept: true });
                }
                DueAction::Report(report) => self.reports.push(*report),
                DueAction::ListParked | DueAction::ListSchedules => {}
            }
        }
        runs
    }

    fn one(&mut self) -> DueRun {
        let mut runs = self.poll();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }

    fn none(&mut self) {
        let runs = self.poll();
        assert!(runs.is_empty(), "{runs:?}");
    }

    /// A call ends well: its transaction deletes what is kept of it.
    fn done(&mut self, run: &DueRun) {
        self.keep(vec![DueRecord::Call(run.call.id, None)]);
        self.handle(DueEvent::Ended(run.call.id, DueResult::Done));
    }

    fn fail(&mut self, run: &DueRun) {
        let failure = Failure {
            name: "failed",
            detail: "on fire".to_owned(),
        };
        self.handle(DueEvent::Ended(run.call.id, DueResult::Failed(failure)));
    }

    fn wakes_in(&self) -> Option<Duration> {
        let at = self.queue.wakes_at()?;
        Some(at.saturating_duration_since(self.now.instant))
    }
}

#[test]
fn a_schedule_runs_once_for_each_of_its_times() {
    let mut bench = Bench::new(vec![hourly(Missed::RunOnce)]);
    bench.none();
    // It looks at the clock now and then, which may jump.
    assert_eq!(bench.wakes_in(), Some(Duration::from_secs(10)));
    let mut ids = Vec::new();
    for hour in ["11:00:00", "12:00:00"] {
        bench.now.wall = at(hour);
        let run = bench.one();
        assert_eq!((run.call.due, run.attempt), (at(hour), 1));
        assert_eq!(run.call.kind.handler(), "hourly");
        bench.none();
        bench.done(&run);
        bench.none();
        ids.push(run.call.id);
    }
    assert_ne!(ids[0], ids[1]);
    assert!(bench.kept.calls.is_empty());
    let status = bench.queue.schedules().remove(0);
    assert_eq!(status.next, Some(at("13:00:00").micros()));
    let last = status.last_run.expect("it ran");
    assert_eq!(
        (last.due, &*last.outcome),
        (at("12:00:00").micros(), "done")
    );
}

#[test]
fn a_call_that_is_kept_runs_after_a_crash_and_no_other() {
    let mut bench = Bench::new(vec![hourly(Missed::RunOnce)]);
    bench.none();
    bench.now.wall = at("11:00:00");
    let run = bench.one();
    // Killed while it runs, or before its transaction is forced.
    let mut bench = bench.restarted(vec![hourly(Missed::RunOnce)]);
    let again = bench.one();
    assert_eq!(again.call, run.call);
    bench.done(&again);
    let mut bench = bench.restarted(vec![hourly(Missed::RunOnce)]);
    bench.none();
}

#[test]
fn nothing_runs_before_it_is_recorded() {
    let mut bench = Bench::new(vec![hourly(Missed::RunOnce)]);
    bench.none();
    bench.now.wall = at("11:00:00");
    let mut n_records = 0;
    while let Some(action) = bench.queue.poll(bench.now) {
        match action {
            DueAction::Record(_) => n_records += 1,
            DueAction::Run(run) => panic!("{run:?}"),
            _ => {}
        }
    }
    assert_eq!(n_records, 1);
    bench.handle(DueEvent::Recorded { is_kept: false });
    bench.none();
    bench.pass(Duration::from_secs(1));
    let run = bench.one();
    bench.done(&run);
    bench.none();
}

#[test]
fn times_that_were_missed_run_once_or_not_at_all() {
    for (missed, n_runs) in [(Missed::RunOnce, 1), (Missed::Drop, 0)] {
        let mut bench = Bench::new(vec![hourly(missed)]);
        bench.none();
        bench.now.wall = at("15:30:00");
        let mut bench = bench.restarted(vec![hourly(missed)]);
        let runs = bench.poll();
        assert_eq!(runs.len(), n_runs, "{missed:?}");
        for run in &runs {
            assert_eq!(run.call.due, at("15:00:00"));
            bench.done(run);
        }
        let reports: Vec<_> = bench.reports.drain(..).collect();
        let [
            DueReport::Missed {
                first, last, runs, ..
            },
        ] = reports.as_slice()
        else {
            panic!("{reports:?}");
        };
        assert_eq!((*first, *last), (at("11:00:00"), at("15:00:00")));
        assert_eq!(*runs, n_runs == 1);
        bench.none();
        bench.now.wall = at("16:00:00");
        assert_eq!(bench.one().call.due, at("16:00:00"));
    }
}

#[test]
fn what_comes_a_little_late_was_not_missed() {
    let mut bench = Bench::new(vec![hourly(Missed::Drop)]);
    bench.none();
    bench.now.wall = at("11:00:59");
    let mut bench = bench.restarted(vec![hourly(Missed::Drop)]);
    assert_eq!(bench.one().call.due, at("11:00:00"));
}

#[test]
fn times_that_come_while_a_call_runs_or_waits_count_once() {
    let mut bench = Bench::new(vec![every(10)]);
    bench.none();
    bench.pass(Duration::from_secs(10));
    let first = bench.one();
    assert_eq!(first.call.due, at("10:07:10"));
    bench.pass(Duration::from_secs(35));
    bench.none();
    bench.fail(&first);
    bench.none();
    bench.pass(Duration::from_secs(1));
    let again = bench.one();
    assert_eq!((&again.call, again.attempt), (&first.call, 2));
    bench.done(&again);
    let next = bench.one();
    assert_eq!(next.call.due, at("10:07:40"));
    bench.done(&next);
    bench.none();
    assert_eq!(bench.wakes_in(), Some(Duration::from_secs(4)));
}

#[test]
fn a_new_schedule_counts_from_now_and_so_does_one_with_other_times() {
    let mut bench = Bench::new(vec![every(60)]);
    bench.none();
    bench.pass(Duration::from_secs(30));
    // The same goes on.
    let mut bench = bench.restarted(vec![every(60)]);
    bench.none();
    assert_eq!(
        bench.queue.schedules()[0].next,
        Some(at("10:08:00").micros())
    );
    let mut bench = bench.restarted(vec![every(120)]);
    bench.none();
    assert_eq!(
        bench.queue.schedules()[0].next,
        Some(at("10:09:30").micros())
    );
    // One that is no longer there is forgotten.
    let mut bench = bench.restarted(Vec::new());
    bench.none();
    assert!(bench.kept.schedules.is_empty());
}

#[test]
fn calls_of_a_schedule_that_is_gone_are_dropped() {
    let mut bench = Bench::new(vec![hourly(Missed::RunOnce)]);
    bench.none();
    bench.now.wall = at("11:00:00");
    let run = bench.one();
    let mut bench = bench.restarted(vec![every(60)]);
    bench.none();
    assert!(bench.kept.calls.is_empty());
    assert!(matches!(bench.reports[0], DueReport::NoSchedule { id, .. } if id == run.call.id));
}

#[test]
fn a_clock_that_is_put_back_repeats_nothing_unless_it_was_wrong() {
    let mut bench = Bench::new(vec![hourly(Missed::RunOnce)]);
    bench.none();
    bench.now.wall = at("15:00:00");
    let run = bench.one();
    bench.done(&run);
    bench.none();
    // An hour back, as for winter: 15:00 comes again and is over.
    bench.now.wall = at("14:00:00");
    bench.none();
    bench.now.wall = at("15:00:00");
    bench.none();
    bench.now.wall = at("16:00:00");
    let run = bench.one();
    bench.done(&run);
    // It was in the future before.
    bench.now.wall = at("10:30:00");
    bench.none();
    assert!(matches!(
        bench.reports.last(),
        Some(DueReport::ClockPutBack { .. })
    ));
    bench.now.wall = at("11:00:00");
    assert_eq!(bench.one().call.due, at("11:00:00"));

    let mut bench = Bench::new(vec![every(60)]);
    bench.none();
    bench.now.wall = at("10:00:00");
    bench.none();
    bench.now.wall = at("10:01:00");
    assert_eq!(bench.one().call.due, at("10:01:00"));
}

#[test]
fn a_clock_that_is_put_forward_counts_as_time_that_passed() {
    let mut bench = Bench::new(vec![hourly(Missed::RunOnce)]);
    bench.none();
    bench.now.wall = at("23:59:00");
    let run = bench.one();
    assert_eq!(run.call.due, at("23:00:00"));
    bench.done(&run);
    bench.none();
}

#[test]
fn calls_that_fail_are_tried_again_and_parked_in_the_end() {
    let mut bench = Bench::new(Vec::new());
    bench.kept.calls = vec![(reply(1).id, KeptCall::new(&reply(1)))];
    bench.handle(DueEvent::Added(reply(1)));
    for (attempt, delay) in [(1, 1), (2, 2), (3, 0)] {
        let run = bench.one();
        assert_eq!(run.attempt, attempt);
        bench.fail(&run);
        bench.none();
        bench.pass(Duration::from_secs(delay));
    }
    bench.pass(HOUR);
    bench.none();
    let parked = bench.queue.parked();
    assert_eq!(
        (parked.len(), parked[0].attempts, &*parked[0].error),
        (1, 3, "on fire")
    );
    // It is so after a restart, and runs again if the owner wants.
    let mut bench = bench.restarted(Vec::new());
    bench.none();
    assert_eq!(bench.queue.n_parked(), 1);
    bench.handle(DueEvent::Retry(reply(1).id));
    let run = bench.one();
    assert_eq!(run.attempt, 1);
    bench.done(&run);
    bench.none();
    assert!(bench.kept.calls.is_empty());
    assert_eq!(bench.queue.n_parked(), 0);
}

#[test]
fn a_call_that_failed_waits_after_a_restart_for_the_rest_of_its_time() {
    let mut bench = Bench::new(Vec::new());
    bench.kept.calls = vec![(reply(1).id, KeptCall::new(&reply(1)))];
    bench.handle(DueEvent::Added(reply(1)));
    let run = bench.one();
    bench.fail(&run);
    bench.none();
    bench.pass(Duration::from_millis(400));
    let mut bench = bench.restarted(Vec::new());
    bench.none();
    assert_eq!(bench.wakes_in(), Some(Duration::from_millis(600)));
    bench.pass(Duration::from_millis(600));
    assert_eq!(bench.one().attempt, 2);
}

#[test]
fn a_call_during_which_the_host_crashed_too_often_is_parked() {
    let mut bench = Bench::new(Vec::new());
    let mut kept = KeptCall::new(&reply(1));
    for _ in 0..RETRY.attempts {
        kept = kept.after_failure(bench.now.wall);
    }
    bench.kept.calls = vec![(reply(1).id, kept)];
    bench.pass(HOUR);
    let mut bench = bench.restarted(Vec::new());
    bench.none();
    assert!(bench.queue.parked()[0].error.contains("crashed"));
}

#[test]
fn the_owner_drops_what_is_parked_and_there_is_a_bound() {
    let mut bench = Bench::new(Vec::new());
    for n in 1..=3 {
        bench.handle(DueEvent::Added(reply(n)));
        for _ in 0..RETRY.attempts {
            let run = bench.one();
            bench.fail(&run);
            bench.none();
            bench.pass(Duration::from_secs(5));
        }
    }
    assert_eq!(bench.queue.n_parked(), 2);
    assert!(!bench.queue.is_parked(&reply(1).id));
    let is_dropped = |report: &DueReport| matches!(report, DueReport::DroppedParked { .. });
    assert!(bench.reports.iter().any(is_dropped));
    bench.handle(DueEvent::Drop(reply(2).id));
    bench.none();
    assert_eq!(bench.queue.n_parked(), 1);
    assert_eq!(bench.kept.calls.len(), 1);
}

#[test]
fn a_lane_has_one_call_at_a_time_and_all_have_a_bound() {
    let mut bench = Bench::new(vec![every(10), hourly(Missed::RunOnce)]);
    bench.none();
    for n in 1..=4 {
        bench.handle(DueEvent::Added(reply(n)));
    }
    let runs = bench.poll();
    assert_eq!(runs.len(), 2);
    bench.handle(DueEvent::Added(reply(1)));
    bench.none();
    bench.done(&runs[0]);
    assert_eq!(bench.one().call.id, reply(3).id);
}

#[test]
fn where_the_host_fails_nothing_runs_for_a_while() {
    let mut bench = Bench::new(Vec::new());
    bench.handle(DueEvent::Added(reply(1)));
    let run = bench.one();
    bench.handle(DueEvent::Ended(run.call.id, DueResult::HostFailed));
    bench.handle(DueEvent::Added(reply(2)));
    bench.none();
    assert_eq!(bench.wakes_in(), Some(Duration::from_secs(1)));
    bench.pass(Duration::from_secs(1));
    let runs = bench.poll();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run.attempt == 1));
}

#[test]
fn a_closed_queue_finishes_what_it_began() {
    let mut bench = Bench::new(vec![every(10)]);
    bench.none();
    bench.handle(DueEvent::Added(reply(1)));
    let run = bench.one();
    bench.handle(DueEvent::Added(reply(2)));
    bench.queue.close();
    bench.pass(HOUR);
    bench.poll();
    assert!(!bench.queue.is_drained());
    assert_eq!(bench.wakes_in(), None);
    bench.fail(&run);
    bench.none();
    assert!(bench.queue.is_drained());
    let kept = bench.kept.calls.iter();
    let n_failed: Vec<u32> = kept.map(|(_, kept)| kept.n_failed()).collect();
    assert_eq!(n_failed, [1]);
}

#[test]
fn what_is_kept_is_read_again() {
    let kept = KeptCall::new(&reply(7)).after_failure(at("11:00:00"));
    assert_eq!(KeptCall::read(&kept.text()), Some(kept));
    assert_eq!(KeptCall::read("{}"), None);
    let mut bench = Bench::new(vec![every(60)]);
    bench.none();
    let (_, kept) = bench.kept.schedules[0].clone();
    assert_eq!(KeptSchedule::read(&kept.text()), Some(kept));
}
