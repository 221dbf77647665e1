//! More apps than are loaded at one time.

use std::fs::{self, DirEntry};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::{counter, hello, howdy};
use crate::support::client::{Sent, call, send};
use crate::support::guests::guest;
use crate::support::installed::{Installation, Serving, serve};
use crate::support::site::Site;
use crate::support::{PATIENCE, wait_for};

/// Returns how many programs are loaded: the code of each is mapped from its file once.
fn n_loaded(serving: &Serving) -> usize {
    let maps = format!("/proc/{}/maps", serving.pid().as_raw_nonzero());
    let maps = fs::read_to_string(maps).unwrap();
    let is_first_part = |line: &&str| line.contains(" 00000000 ") && line.ends_with(".cwasm");
    maps.lines().filter(is_first_part).count()
}

/// Returns how many threads write state.
fn n_writers(serving: &Serving) -> usize {
    let threads = format!("/proc/{}/task", serving.pid().as_raw_nonzero());
    let threads = fs::read_dir(threads).unwrap();
    let name = |thread: DirEntry| fs::read_to_string(thread.path().join("comm"));
    let names = threads.filter_map(|thread| name(thread.unwrap()).ok());
    names.filter(|name| name == "state\n").count()
}

fn name(n: usize) -> String {
    format!("app-{n}")
}

#[test]
fn few_of_many_apps_are_loaded_and_all_answer() {
    const APPS: usize = 40;
    const LOADED: usize = 3;
    let site = Site::new();
    let installed = Installation::new(&site);
    for n in 0..APPS {
        installed.put(&name(n), &counter(1));
    }
    let serving = Serving::start(&site, &["--loaded", &LOADED.to_string()]);
    assert_eq!(
        n_loaded(&serving),
        LOADED,
        "those that were asked what they serve last"
    );
    for round in 1..=2 {
        for n in 0..APPS {
            let answer = call(&site.rpc(&name(n)), "increment", "{}");
            // What it kept outlasts its program.
            assert_eq!(answer.text(), format!(r#"{{"counter":{round}}}"#), "{n}");
            wait_for("as many as may be", || {
                (n_loaded(&serving) == LOADED).then_some(())
            });
        }
    }
    // All at once: however many have to be loaded, few stay.
    let sent: Vec<Sent> = (0..APPS)
        .map(|n| send(&site.rpc(&name(n)), "increment", Some(b"{}")))
        .collect();
    for answer in &sent {
        assert_eq!(answer.answer().text(), r#"{"counter":3}"#);
    }
    wait_for("room", || (n_loaded(&serving) <= LOADED).then_some(()));
    wait_for("the threads that write state to end", || {
        (n_writers(&serving) == 0).then_some(())
    });
    let answer = call(&site.rpc(&name(0)), "increment", "{}");
    assert_eq!(answer.text(), r#"{"counter":4}"#);
    assert_eq!(n_writers(&serving), 1);
    serving.stop();
}

#[test]
fn an_app_with_a_call_in_progress_stays_loaded() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let probe = fs::read(guest("probe")).unwrap();
    installed.put("busy", &probe);
    for n in 0..4 {
        installed.put(&name(n), &hello());
    }
    let serving = Serving::start(&site, &["--loaded", "1"]);
    let slow = send(&site.rpc("busy"), "sleep-loudly", Some(br#"{"ms":2000}"#));
    wait_for("the call to begin", || {
        serving.log().contains("sleeping").then_some(())
    });
    for n in 0..4 {
        assert_eq!(call(&site.rpc(&name(n)), "hello", "{}").status(), 200);
    }
    assert!(slow.peek().is_none(), "it sleeps still");
    assert_eq!(slow.answer().status(), 200);
    wait_for("room", || (n_loaded(&serving) <= 1).then_some(()));
}

#[test]
fn an_app_is_replaced_while_it_is_not_loaded() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &hello());
    installed.put("other", &counter(1));
    let serving = Serving::start(&site, &["--loaded", "1"]);
    let greet = || call(&site.rpc("app"), "hello", r#"{"name":"Ada"}"#).text();
    assert_eq!(greet(), "Hello, Ada!");
    call(&site.rpc("other"), "increment", "{}");
    installed.put("app", &howdy());
    serving.wait_for_nth(1, "app-replaced", "app");
    call(&site.rpc("other"), "increment", "{}");
    assert_eq!(greet(), "Howdy, Ada!");
    installed.remove("app");
    serving.wait_for_nth(1, "app-stopped", "app");
    wait_for("its program to go", || {
        (n_loaded(&serving) <= 1).then_some(())
    });
}

/// Neither its compiled code nor the component itself is needed for an app that is loaded, and
/// the request of one that cannot be loaded waits.
#[test]
fn a_request_waits_until_its_app_can_be_loaded() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let cache = site.path().join("cache");
    let app = installed.put("app", &hello());
    installed.put("other", &counter(1));
    let mut command = serve(&site, &["--loaded", "1"]);
    command.env("XDG_CACHE_HOME", &cache);
    let serving = Serving::spawn(&site, command);
    serving.wait_for("it to be ready", |event| event["event"] == "ready");
    call(&site.rpc("other"), "increment", "{}");
    let (kept, away) = (installed.component(&app), site.path().join("away"));
    fs::rename(&kept, &away).unwrap();
    fs::remove_dir_all(&cache).unwrap();
    fs::create_dir_all(&cache).unwrap();
    let sent = send(&site.rpc("app"), "hello", Some(br#"{"name":"Ada"}"#));
    wait_for("the trouble", || {
        serving.log().contains("cannot be loaded").then_some(())
    });
    assert!(sent.peek().is_none());
    fs::rename(&away, &kept).unwrap();
    assert_eq!(sent.answer().text(), "Hello, Ada!");
}

/// What a process uses at one moment.
#[derive(Debug, Clone, Copy)]
struct Usage {
    memory_mib: usize,
    threads: usize,
    open_files: usize,
    mappings: usize,
    /// Of all processors together, in hundredths of a second.
    ticks: usize,
}

impl Usage {
    fn of(serving: &Serving) -> Self {
        let process = PathBuf::from(format!("/proc/{}", serving.pid().as_raw_nonzero()));
        let read = |name: &str| fs::read_to_string(process.join(name)).unwrap();
        let status = read("status");
        let number = |name: &str| -> usize {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.unwrap().split_whitespace().next().unwrap();
            number.parse().unwrap()
        };
        let stat = read("stat");
        let behind_the_name = stat.rsplit(')').next().unwrap().split_whitespace();
        let ticks = behind_the_name.skip(11).take(2);
        Self {
            memory_mib: number("VmRSS:") >> 10,
            threads: number("Threads:"),
            open_files: fs::read_dir(process.join("fd")).unwrap().count(),
            mappings: read("maps").lines().count(),
            ticks: ticks.map(|text| text.parse::<usize>().unwrap()).sum(),
        }
    }
}

/// As many apps as `MANY_APPS` says, and what they use that nobody calls.
#[test]
#[ignore = "takes two minutes: `just many`"]
fn a_thousand_idle_apps_use_little() {
    const IDLE: Duration = Duration::from_secs(60);
    let n_apps = std::env::var("MANY_APPS").map_or(1_000, |text| text.parse().unwrap());
    let site = Site::new();
    let installed = Installation::new(&site);
    for n in 0..n_apps {
        installed.put(&name(n), &counter(1));
    }
    let start = Instant::now();
    let serving = Serving::spawn(&site, serve(&site, &["--log", "warn"]));
    let first = serving.wait_for("the first app", |event| event["event"] == "app-started");
    eprintln!("{} is served after {:.1?}", first["app"], start.elapsed());
    while !serving
        .events()
        .iter()
        .any(|event| event["event"] == "ready")
    {
        assert!(start.elapsed() < 20 * PATIENCE, "they do not get ready");
        thread::sleep(Duration::from_millis(10));
    }
    eprintln!("all {n_apps} are after {:.1?}", start.elapsed());
    assert_eq!(serving.events().last().unwrap()["serving"], n_apps);
    thread::sleep(IDLE / 4);
    let before = Usage::of(&serving);
    thread::sleep(IDLE);
    let idle = Usage::of(&serving);
    let seconds = (idle.ticks - before.ticks) as f64 / 100.0;
    eprintln!("{seconds:.2} s of a processor in {IDLE:?}; {idle:#?}");
    let mut times: Vec<Duration> = (0..n_apps)
        .step_by(n_apps.div_ceil(50))
        .map(|n| {
            let start = Instant::now();
            assert_eq!(call(&site.rpc(&name(n)), "increment", "{}").status(), 200);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    eprintln!("an idle app answers after {median:.1?}, {worst:.1?} at worst");
    let used = Usage::of(&serving);
    assert!(used.memory_mib < 100 + n_apps / 2, "{used:?}");
    assert!(used.mappings < 20_000 + 2 * n_apps, "{used:?}");
    assert!(used.open_files < 200 + 6 * n_apps, "{used:?}");
    assert!(used.threads < 600, "{used:?}");
    serving.stop();
}
