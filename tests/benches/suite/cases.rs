//! The cases.

use std::thread;

use crate::arithmetic::Goal;
use crate::case::{COST, CPU, Case, OPEN, P50, P99, RATE, START, TOOK};
use crate::files;
use crate::measure::{self, Backlog};
use crate::native::{self, Handler, Loop};
use crate::program::{self, Guest, Program};
use crate::site::Place;
use crate::workload::{CHECKSUM, ECHO, HELLO, INCREMENT, INCREMENT_ONE, SLEEP, Workload};

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// A twentieth of the usual.
    pub(crate) is_quick: bool,
    /// Also what takes many minutes.
    pub(crate) is_large: bool,
}

impl Plan {
    fn n(self, usual: usize) -> usize {
        if self.is_quick {
            usual.div_ceil(20)
        } else {
            usual
        }
    }
}

/// A case that can be chosen.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// About how many seconds a round takes on two idle cores.
    pub(crate) seconds: usize,
    pub(crate) make: fn(Plan) -> anyhow::Result<Case>,
}

pub(crate) const KINDS: [Kind; 14] = [
    Kind {
        name: "backlog",
        about: "hello requests of 8 callers that lie there at the start",
        seconds: 45,
        make: backlog,
    },
    Kind {
        name: "live",
        about: "hello requests that come at a rate, each timed from the moment at which it was due",
        seconds: 45,
        make: live,
    },
    Kind {
        name: "flood",
        about: "hello requests that come all at once to a server that has an instance ready",
        seconds: 10,
        make: flood,
    },
    Kind {
        name: "traced",
        about: "hello requests that lie there at the start, with and without traces of them",
        seconds: 12,
        make: traced,
    },
    Kind {
        name: "slow",
        about: "async handlers that wait for a second each",
        seconds: 13,
        make: slow,
    },
    Kind {
        name: "cpu",
        about: "handlers that each take a million steps of a checksum",
        seconds: 12,
        make: cpu,
    },
    Kind {
        name: "state",
        about: "increments of 256 callers, kept in memory",
        seconds: 7,
        make: state,
    },
    Kind {
        name: "durable",
        about: "requests on a disk: the state outlives a failure of the power, and in the strict and the native case each answer does",
        seconds: 60,
        make: durable,
    },
    Kind {
        name: "large-bodies",
        about: "bodies of 200 KB, given back",
        seconds: 8,
        make: large_bodies,
    },
    Kind {
        name: "python",
        about: "hello, written in Python: in the sandbox and as ever",
        seconds: 20,
        make: python,
    },
    Kind {
        name: "pydantic",
        about: "hello with a model of pydantic: in the sandbox, with its build, and as ever",
        seconds: 80,
        make: pydantic,
    },
    Kind {
        name: "watch",
        about: "files that an app copies which watches them: at a rate, and all at once",
        seconds: 20,
        make: watch,
    },
    Kind {
        name: "start",
        about: "from the start of the process to the first answer, compiled before (warm) or not (cold)",
        seconds: 5,
        make: start,
    },
    Kind {
        name: "files",
        about: "opening a file two folders down, through the policy and as wasmtime-wasi does it",
        seconds: 3,
        make: opening,
    },
];

const OURS: &str = "syft-host";
const PEER: &str = "syft-event";

fn backlog(plan: Plan) -> anyhow::Result<Case> {
    let mut case = Case::default();
    let (ours, peer) = pair(program::example("hello")?, "hello");
    let sizes = [1_000, 10_000, 100_000].map(|usual| plan.n(usual));
    let [small, medium, large] = sizes.map(count);
    for n_requests in sizes {
        let backlog = in_memory(HELLO, n_requests);
        let n = count(n_requests);
        enter(&mut case, format!("{OURS}, {n}"), &ours, backlog);
        if n != large || plan.is_large {
            enter(&mut case, format!("{PEER}, {n}"), &peer, backlog);
        }
        for n_threads in threads() {
            let name = format!("{}, {n}", native_name(n_threads));
            enter_native(&mut case, name, native::hello, n_threads, backlog);
        }
    }
    let all_cores = native_name(n_cores());
    for n in [&small, &medium, &large] {
        let goal = (*n == medium).then_some(Goal::AtLeast(15.0));
        case.compare(
            &RATE,
            &format!("{OURS}, {n}"),
            &format!("{PEER}, {n}"),
            goal,
        );
        case.compare(
            &RATE,
            &format!("{OURS}, {n}"),
            &format!("{all_cores}, {n}"),
            None,
        );
    }
    let (few, many) = (format!("{OURS}, {small}"), format!("{OURS}, {large}"));
    case.compare(&COST, &many, &few, Goal::AtMost(1.1));
    case.expect(&CPU, &format!("{OURS}, {medium}"), Goal::AtMost(60.0));
    Ok(case)
}

fn flood(plan: Plan) -> anyhow::Result<Case> {
    let mut case = Case::default();
    let (ours, peer) = pair(program::example("hello")?, "hello");
    let n_requests = plan.n(2_000);
    for (name, program) in [(OURS, Some(ours.clone())), (PEER, peer)] {
        let Some(program) = program else { continue };
        case.enter(name, move || measure::flood(&program, HELLO, n_requests));
    }
    let at_start = format!("{OURS}, there at the start");
    enter(&mut case, &at_start, &ours, in_memory(HELLO, n_requests));
    case.compare(&RATE, OURS, PEER, None);
    case.compare(&RATE, OURS, &at_start, None);
    Ok(case)
}

fn traced(plan: Plan) -> anyhow::Result<Case> {
    let mut case = Case::default();
    let guest = program::example("hello")?;
    let backlog = in_memory(HELLO, plan.n(100_000));
    let traced = format!("{OURS}, traced");
    enter(&mut case, OURS, &Program::Ours(guest.clone()), backlog);
    enter(&mut case, &traced, &Program::Ours(guest.traced()?), backlog);
    case.compare(&RATE, &traced, OURS, Goal::AtLeast(0.98));
    Ok(case)
}

fn live(plan: Plan) -> anyhow::Result<Case> {
    let mut case = Case::default();
    let (ours, peer) = pair(program::example("hello")?, "hello");
    for (per_second, n_requests) in [(1, 8), (50, 200), (500, 2_000)] {
        let n_requests = plan.n(n_requests);
        let [of, to] = [OURS, PEER].map(|name| format!("{name}, {per_second}/s"));
        enter_live(&mut case, of.clone(), &ours, per_second, n_requests);
        enter_live(&mut case, to.clone(), &peer, per_second, n_requests);
        case.compare(&P50, &of, &to, Goal::AtMost(0.3));
        case.compare(&P99, &of, &to, None);
    }
    Ok(case)
}

fn slow(plan: Plan) -> anyhow::Result<Case> {
    let mut case = Case::default();
    let (ours, peer) = pair(program::example("async-tasks")?, "sleep");
    let name = format!("{OURS}, 100");
    let backlog = in_memory(SLEEP, 100);
    case.enter(&name, move || backlog.of_seconds(&ours));
    if let Some(peer) = peer {
        // One after the other.
        let backlog = in_memory(SLEEP, plan.n(10));
        let name = format!("{PEER}, {}", backlog.n_requests);
        case.enter(name, move || backlog.of_seconds(&peer));
    }
    case.expect(&TOOK, &name, Goal::AtMost(1.1));
    Ok(case)
}

fn cpu(plan: Plan) -> anyhow::Result<Case> {
    let mut case = Case::default();
    let (ours, peer) = pair(program::test_guest("probe")?, "checksum");
    let backlog = in_memory(CHECKSUM, plan.n(2_000));
    enter(&mut case, OURS, &ours, backlog);
    enter(&mut case, PEER, &peer, in_memory(CHECKSUM, plan.n(40)));
    let native = native_name(n_cores());
    enter_native(&mut case, &native, native::checksum, n_cores(), backlog);
    case.compare(&RATE, OURS, PEER, None);
    case.compare(&RATE, OURS, &native, None);
    Ok(case)
}

fn state(plan: Plan) -> anyhow::Result<Case> {
    let mut case = Case::default();
    enter_increments(&mut case, Place::Memory, plan.n(2_000))?;
    case.compare(&RATE, EACH_KEY, PEER_INCREMENTS, None);
    case.compare(&RATE, ONE_KEY, PEER_INCREMENTS, None);
    Ok(case)
}

const EACH_KEY: &str = "syft-host, increments, a key each";
const ONE_KEY: &str = "syft-host, increments, one key";
const PEER_INCREMENTS: &str = "syft-event, increments, not kept";

fn enter_increments(case: &mut Case, place: Place, n_requests: usize) -> anyhow::Result<()> {
    let (ours, peer) = pair(program::test_guest("stateful")?, "increment");
    let [each, one] = [INCREMENT, INCREMENT_ONE].map(|workload| Backlog {
        workload,
        place,
        n_requests,
    });
    enter(case, EACH_KEY, &ours, each);
    enter(case, ONE_KEY, &ours, one);
    enter(case, PEER_INCREMENTS, &peer, each);
    Ok(())
}

fn durable(plan: Plan) -> anyhow::Result<Case> {
    const HELLO_BATCHED: &str = "syft-host, hello";
    const HELLO_STRICT: &str = "syft-host, hello, strict";
    let mut case = Case::default();
    let guest = program::example("hello")?;
    let strict = guest.clone().with(&["--durability", "strict"]);
    let (ours, peer) = pair(guest, "hello");
    let backlog = Backlog {
        place: Place::Disk,
        ..in_memory(HELLO, plan.n(10_000))
    };
    enter(&mut case, HELLO_BATCHED, &ours, backlog);
    enter(&mut case, HELLO_STRICT, &Program::Ours(strict), backlog);
    enter(&mut case, "syft-event, hello, not forced", &peer, backlog);
    enter_increments(&mut case, Place::Disk, backlog.n_requests)?;
    let native = Loop {
        handler: native::hello,
        n_threads: n_cores(),
        is_forced: true,
    };
    let forced = format!("{}, hello, fsync each", native_name(n_cores()));
    case.enter(&forced, move || backlog.of_native(native));
    case.compare(&RATE, HELLO_BATCHED, &forced, Goal::AtLeast(3.0));
    case.compare(&RATE, EACH_KEY, &forced, Goal::AtLeast(3.0));
    case.compare(&RATE, ONE_KEY, &forced, Goal::AtLeast(1.5));
    case.compare(&RATE, HELLO_STRICT, &forced, None);
    Ok(case)
}

fn large_bodies(plan: Plan) -> anyhow::Result<Case> {
    let mut case = Case::default();
    let (ours, peer) = pair(program::test_guest("probe")?, "echo");
    let backlog = in_memory(ECHO, plan.n(500));
    enter(&mut case, OURS, &ours, backlog);
    enter(&mut case, PEER, &peer, backlog);
    let native = native_name(n_cores());
    enter_native(&mut case, &native, native::echo, n_cores(), backlog);
    case.compare(&RATE, OURS, PEER, None);
    case.compare(&RATE, OURS, &native, None);
    Ok(case)
}

fn python(plan: Plan) -> anyhow::Result<Case> {
    hello_in_python(plan, "hello_guest")
}

fn pydantic(plan: Plan) -> anyhow::Result<Case> {
    const GUEST: &str = "hello_model_guest";
    program::make_wheels()?;
    let mut case = hello_in_python(plan, GUEST)?;
    case.enter(format!("{OURS}, build"), || program::time_build(GUEST));
    Ok(case)
}

fn hello_in_python(plan: Plan, guest: &str) -> anyhow::Result<Case> {
    let mut case = Case::default();
    let (ours, peer) = pair(program::python_guest(guest)?, "hello");
    let backlog = in_memory(HELLO, plan.n(1_000));
    let (of, to) = (format!("{OURS}, backlog"), format!("{PEER}, backlog"));
    enter(&mut case, &of, &ours, backlog);
    enter(&mut case, &to, &peer, backlog);
    case.compare(&RATE, &of, &to, Goal::AtLeast(1.1));
    let (of, to) = (format!("{OURS}, 20/s"), format!("{PEER}, 20/s"));
    enter_live(&mut case, &of, &ours, 20, plan.n(100));
    enter_live(&mut case, &to, &peer, 20, plan.n(100));
    case.compare(&P50, &of, &to, Goal::AtMost(0.9));
    enter_start(&mut case, format!("{OURS}, warm start"), &ours, 1);
    Ok(case)
}

fn watch(plan: Plan) -> anyhow::Result<Case> {
    let mut case = Case::default();
    let (ours, peer) = pair(program::copying_guest()?, "copy");
    for (name, program) in [(OURS, Some(ours)), (PEER, peer)] {
        let Some(program) = program else { continue };
        let (n_files, again) = (plan.n(100), program.clone());
        case.enter(format!("{name}, 20/s"), move || {
            measure::watch(&again, 20, n_files)
        });
        let n_files = plan.n(1_000);
        case.enter(format!("{name}, all at once"), move || {
            measure::watch_burst(&program, n_files)
        });
    }
    let names = |what| [OURS, PEER].map(|name| format!("{name}, {what}"));
    let [of, to] = names("20/s");
    case.compare(&P50, &of, &to, Goal::AtMost(1.3));
    let [of, to] = names("all at once");
    case.compare(&RATE, &of, &to, Goal::AtLeast(1.5));
    Ok(case)
}

fn start(plan: Plan) -> anyhow::Result<Case> {
    const WARM: &str = "syft-host, warm";
    let mut case = Case::default();
    let guest = program::example("hello")?;
    let cold = Program::Ours(guest.clone().cold());
    let (ours, peer) = pair(guest, "hello");
    enter_start(&mut case, WARM, &ours, plan.n(10));
    enter_start(&mut case, "syft-host, cold", &cold, 1);
    enter_start(&mut case, PEER, &peer, 1);
    case.expect(&START, WARM, Goal::AtMost(10.0));
    case.compare(&START, PEER, WARM, None);
    Ok(case)
}

fn opening(plan: Plan) -> anyhow::Result<Case> {
    let mut case = Case::default();
    files::enter(&mut case, if plan.is_quick { 1_000 } else { 20_000 })?;
    case.compare(&OPEN, files::OURS, files::STOCK, Goal::AtMost(1.1));
    Ok(case)
}

/// Returns a guest of ours, and the released server with the same handler where it runs.
fn pair(guest: Guest, what: &'static str) -> (Program, Option<Program>) {
    (Program::Ours(guest), program::syft_event_for(what))
}

fn in_memory(workload: Workload, n_requests: usize) -> Backlog {
    Backlog {
        workload,
        place: Place::Memory,
        n_requests,
    }
}

/// Enters a program that finds requests at the start, if it runs here.
fn enter<'a>(
    case: &mut Case,
    name: impl Into<String>,
    program: impl Into<Option<&'a Program>>,
    backlog: Backlog,
) {
    if let Some(program) = program.into().cloned() {
        case.enter(name, move || backlog.of(&program));
    }
}

fn enter_native(
    case: &mut Case,
    name: impl Into<String>,
    handler: Handler,
    n_threads: usize,
    backlog: Backlog,
) {
    let native = Loop {
        handler,
        n_threads,
        is_forced: false,
    };
    case.enter(name, move || backlog.of_native(native));
}

fn enter_live<'a>(
    case: &mut Case,
    name: impl Into<String>,
    program: impl Into<Option<&'a Program>>,
    per_second: u32,
    n_requests: usize,
) {
    if let Some(program) = program.into().cloned() {
        case.enter(name, move || {
            measure::live(&program, HELLO, per_second, n_requests)
        });
    }
}

fn enter_start<'a>(
    case: &mut Case,
    name: impl Into<String>,
    program: impl Into<Option<&'a Program>>,
    n_starts: usize,
) {
    if let Some(program) = program.into().cloned() {
        case.enter(name, move || measure::start(&program, HELLO, n_starts));
    }
}

/// Returns how many threads the native loop is run with: one, and one for each core.
fn threads() -> Vec<usize> {
    let mut threads = vec![1, n_cores()];
    threads.dedup();
    threads
}

pub(crate) fn n_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn native_name(n_threads: usize) -> String {
    match n_threads {
        1 => "native, 1 thread".to_owned(),
        n => format!("native, {n} threads"),
    }
}

fn count(n: usize) -> String {
    match n % 1_000 {
        0 => format!("{}k", n / 1_000),
        _ => n.to_string(),
    }
}
