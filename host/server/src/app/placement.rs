//! Where a call runs: on this machine, or on another one of the owner.
//!
//! Why: docs/decisions/89-calls-that-ask-for-it-go-to-workers.md

use syft_manifest::{Limits, WorkerNeeds};
use syft_protocol::timestamp::Timestamp;
use syft_runtime::remote::{Needs, NotRun, Pool};
use syft_runtime::sandbox::{Admission, Outcome};
use tokio::sync::watch;

/// After so many workers that were lost with a call this machine runs it, if it may: its journal
/// knows what to do with calls that crash whoever runs them.
const MOST_LOST: u32 = 3;

/// After so many it is given up where this machine may not run it.
const GIVEN_UP: u32 = 8;

/// Where calls of all apps run, as the owner says.
#[derive(Debug, Clone, Default)]
pub struct Placement {
    /// Where calls are given out, if there are to be workers.
    pub pool: Option<Pool>,
    /// Whose calls are.
    pub on_workers: OnWorkers,
    /// What becomes of them where no worker takes them.
    pub without_workers: WithoutWorkers,
}

/// Whose calls are given to workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnWorkers {
    /// Those of apps that ask for it.
    #[default]
    Asked,
    /// Those of all apps.
    All,
}

/// What becomes of a call that is for workers while none takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WithoutWorkers {
    /// This machine runs it.
    #[default]
    Run,
    /// It waits.
    Wait,
}

/// What decides of an app where its calls may run.
#[derive(Debug, Clone, Default)]
pub struct AppPlace {
    /// What it needs of a worker.
    pub needs: WorkerNeeds,
    /// Its calls run here, whatever it or the owner says.
    pub is_bound_here: bool,
}

impl Placement {
    /// Tells whether calls of an app are given to workers.
    pub fn is_for_workers(&self, app: &AppPlace) -> bool {
        let is_wanted = self.on_workers == OnWorkers::All || app.needs.is_some();
        self.pool.is_some() && is_wanted && !app.is_bound_here
    }
}

/// Where the calls of an app run.
#[derive(Debug)]
pub(super) struct AppPlacement {
    workers: Option<AppWorkers>,
    is_closing: watch::Sender<bool>,
}

/// Where an app gives its calls out.
#[derive(Debug)]
pub(super) struct AppWorkers {
    pub(super) pool: Pool,
    pub(super) needs: Needs,
    without: WithoutWorkers,
}

/// Where one attempt to run a call does so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Here(Admission),
    Worker,
}

/// How an attempt ended, in so far as it decides what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Answered,
    Exhausted,
    NotRun(NotRun),
    Otherwise,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Done,
    Again,
    /// Once something is known of workers that is not known now.
    AgainLater,
}

/// Why nothing waits for a worker any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitEnd {
    SomethingIsNew,
    Expired,
    Closing,
}

/// The places of a call, one after the other.
#[derive(Debug)]
pub(super) struct Placing {
    pub(super) place: Place,
    without: WithoutWorkers,
    n_lost: u32,
}

impl Default for AppPlacement {
    fn default() -> Self {
        Self {
            workers: None,
            is_closing: watch::Sender::new(false),
        }
    }
}

impl AppPlacement {
    pub(super) fn new(placement: &Placement, app: &AppPlace, limits: &Limits) -> Self {
        let pool = placement.pool.clone();
        let pool = pool.filter(|_| placement.is_for_workers(app));
        let least = app.needs.memory_bytes.unwrap_or(0);
        let needs = Needs {
            cpu: app.needs.cpu,
            memory_bytes: least.max(limits.memory_bytes as u64),
            labels: app.needs.labels.iter().map(ToString::to_string).collect(),
        };
        Self {
            workers: pool.map(|pool| AppWorkers {
                pool,
                needs,
                without: placement.without_workers,
            }),
            ..Self::default()
        }
    }

    /// Returns where calls are given out, if they are.
    pub(super) fn workers(&self) -> Option<&AppWorkers> {
        self.workers.as_ref()
    }

    /// Begins to look for a place for a call, which may have to run here.
    pub(super) fn begin(&self, is_bound_here: bool) -> Placing {
        match &self.workers {
            Some(workers) if !is_bound_here => Placing {
                place: Place::Worker,
                without: workers.without,
                n_lost: 0,
            },
            _ => Placing {
                place: Place::Here(Admission::Usual),
                without: WithoutWorkers::Run,
                n_lost: 0,
            },
        }
    }

    /// Nothing waits for a worker from here on.
    pub(super) fn close(&self) {
        self.is_closing.send_replace(true);
    }

    /// Waits until something is new about workers, as far as a call can wait.
    pub(super) async fn wait(
        &self,
        pool: &mut Pool,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> WaitEnd {
        let mut closing = self.is_closing.subscribe();
        let expired = async {
            match expires {
                Some(expires) => tokio::time::sleep(expires.saturating_duration_since(now)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => WaitEnd::Closing,
            () = expired => WaitEnd::Expired,
            () = pool.changed() => WaitEnd::SomethingIsNew,
        }
    }
}

impl Placing {
    /// Decides what follows from the end of an attempt.
    pub(super) fn next(&mut self, end: &End) -> Next {
        match (self.place, end) {
            (_, End::Answered | End::Otherwise)
            | (Place::Here(Admission::Full), End::Exhausted)
            | (Place::Here(_), End::NotRun(_)) => Next::Done,
            (Place::Here(Admission::Usual), End::Exhausted) => self.again_here(Admission::Full),
            (Place::Worker, End::NotRun(NotRun::NoWorker)) => match self.without {
                WithoutWorkers::Run => self.again_here(Admission::Usual),
                WithoutWorkers::Wait => Next::AgainLater,
            },
            // There may be memory on another one.
            (Place::Worker, End::NotRun(NotRun::Lost(_)) | End::Exhausted) => {
                self.n_lost += 1;
                match self.without {
                    WithoutWorkers::Run if self.n_lost >= MOST_LOST => {
                        self.again_here(Admission::Usual)
                    }
                    WithoutWorkers::Wait if self.n_lost >= GIVEN_UP => Next::Done,
                    _ => Next::Again,
                }
            }
        }
    }

    fn again_here(&mut self, admission: Admission) -> Next {
        self.place = Place::Here(admission);
        Next::Again
    }
}

impl End {
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Answered(_) => Self::Answered,
            Outcome::Exhausted => Self::Exhausted,
            _ => Self::Otherwise,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use syft_manifest::WorkerLabel;

    use super::*;

    /// Returns the places of a call whose attempts end so, and what follows the last of them.
    fn places(without: WithoutWorkers, ends: &[&str]) -> String {
        let mut placing = Placing {
            place: Place::Worker,
            without,
            n_lost: 0,
        };
        let mut shown = Vec::new();
        for end in ends {
            let end = match *end {
                "ok" => End::Answered,
                "failed" => End::Otherwise,
                "full" => End::Exhausted,
                "nobody" => End::NotRun(NotRun::NoWorker),
                "lost" => End::NotRun(NotRun::Lost("it was killed".to_owned())),
                other => panic!("{other}"),
            };
            shown.push(match placing.next(&end) {
                Next::Done => "done",
                Next::AgainLater => "waits",
                Next::Again => match placing.place {
                    Place::Worker => "worker",
                    Place::Here(Admission::Usual) => "here",
                    Place::Here(Admission::Full) => "here-alone",
                },
            });
        }
        shown.join(" ")
    }

    #[test]
    fn each_end_of_an_attempt_has_a_next_place() {
        use WithoutWorkers::{Run, Wait};
        for (without, ends, expected) in [
            (Run, &["ok"][..], "done"),
            (Wait, &["ok"], "done"),
            (Run, &["failed"], "done"),
            (Run, &["nobody", "ok"], "here done"),
            (Run, &["nobody", "full", "full"], "here here-alone done"),
            (Wait, &["nobody", "nobody", "ok"], "waits waits done"),
            (
                Run,
                &["lost", "lost", "lost", "ok"],
                "worker worker here done",
            ),
            (Run, &["lost", "ok"], "worker done"),
            (
                Run,
                &["full", "lost", "full", "ok"],
                "worker worker here done",
            ),
            (Run, &["lost", "nobody", "failed"], "worker here done"),
            (
                Wait,
                &[
                    "lost", "lost", "lost", "lost", "lost", "lost", "lost", "lost",
                ],
                "worker worker worker worker worker worker worker done",
            ),
            (
                Wait,
                &["lost", "nobody", "full", "ok"],
                "worker waits worker done",
            ),
        ] {
            assert_eq!(places(without, ends), expected, "{without:?} {ends:?}");
        }
    }

    #[test]
    fn a_call_is_for_workers_where_app_and_owner_say_so() {
        let asks = AppPlace {
            needs: WorkerNeeds {
                cpu: true,
                ..WorkerNeeds::default()
            },
            is_bound_here: false,
        };
        let bound = AppPlace {
            is_bound_here: true,
            ..asks.clone()
        };
        let silent = AppPlace::default();
        let pool = Some(Pool::new().0);
        for (pool, on_workers, app, expected) in [
            (pool.clone(), OnWorkers::Asked, &asks, true),
            (pool.clone(), OnWorkers::Asked, &silent, false),
            (pool.clone(), OnWorkers::All, &silent, true),
            (pool.clone(), OnWorkers::All, &bound, false),
            (None, OnWorkers::All, &asks, false),
        ] {
            let placement = Placement {
                pool,
                on_workers,
                without_workers: WithoutWorkers::Run,
            };
            assert_eq!(placement.is_for_workers(app), expected);
            let of_app = AppPlacement::new(&placement, app, &Limits::default());
            let expected = if expected {
                Place::Worker
            } else {
                Place::Here(Admission::Usual)
            };
            assert_eq!(of_app.begin(false).place, expected);
            assert_eq!(of_app.begin(true).place, Place::Here(Admission::Usual));
        }
    }

    #[test]
    fn a_worker_has_as_much_memory_as_a_call_may_use_and_an_app_asks_for() {
        let label = WorkerLabel::parse("gpu").expect("a label");
        let limits = Limits::default();
        for (asked, expected) in [
            (None, limits.memory_bytes as u64),
            (Some(1 << 20), limits.memory_bytes as u64),
            (Some(2 << 30), 2 << 30),
        ] {
            let app = AppPlace {
                needs: WorkerNeeds {
                    cpu: true,
                    memory_bytes: asked,
                    labels: vec![label.clone()],
                },
                is_bound_here: false,
            };
            let placement = Placement {
                pool: Some(Pool::new().0),
                ..Placement::default()
            };
            let of_app = AppPlacement::new(&placement, &app, &limits);
            let needs = &of_app.workers().expect("it is for workers").needs;
            assert_eq!((needs.cpu, needs.memory_bytes), (true, expected));
            assert_eq!(needs.labels, ["gpu"]);
        }
    }

    #[tokio::test]
    async fn nothing_waits_beyond_its_time_nor_for_a_server_that_stops() {
        let (mut pool, end) = Pool::new();
        let placement = AppPlacement::default();
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let wait = placement.wait(&mut pool, Some(at(1)), at(2));
        assert_eq!(wait.await, WaitEnd::Expired);
        end.stats.send_modify(|stats| stats.is_connected = true);
        let wait = placement.wait(&mut pool, Some(at(1_000)), at(2));
        assert_eq!(wait.await, WaitEnd::SomethingIsNew);
        let wait = placement.wait(&mut pool, None, at(2));
        let closes = async {
            tokio::task::yield_now().await;
            placement.close();
        };
        let both = async { tokio::join!(wait, closes).0 };
        let ended = tokio::time::timeout(Duration::from_secs(60), both).await;
        assert_eq!(ended, Ok(WaitEnd::Closing));
    }
}
