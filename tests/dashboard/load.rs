//! What the dashboard costs under load, and that pages stay live.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

use super::Opened;
use crate::serve::hello;
use crate::support::client::{Sent, request};
use crate::support::http_client::open;
use crate::support::installed::{Installation, Serving};
use crate::support::site::{CALLER, Site};
use crate::support::wait_for;

/// Requests a second, and for how long they come.
const RATE: u32 = 500;
const SECONDS: u32 = 10;
const ROUNDS: usize = 3;

/// How the host is looked at.
#[derive(Debug, Clone, Copy)]
enum Looked {
    /// It has no dashboard.
    None,
    /// It has one, and nobody looks.
    Closed,
    /// A page is open, which is fetched again each second as the script does.
    Open,
}

/// Returns the time on processors that a process has used, in milliseconds. Linux counts it in
/// hundredths of a second.
fn used_ms(serving: &Serving) -> f64 {
    let path = format!("/proc/{}/stat", serving.pid().as_raw_nonzero());
    let stat = fs::read_to_string(path).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<f64> = fields
        .split(' ')
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    (fields[11] + fields[12]) * 10.0
}

/// Sends requests at an even rate, and returns the milliseconds of processor that each took.
fn load(serving: &Serving, site: &Site) -> f64 {
    let rpc = site.rpc("hello").join("hello");
    let (start, before) = (Instant::now(), used_ms(serving));
    let mut last = None;
    for n in 0..RATE * SECONDS {
        let due = start + Duration::from_secs(1) * n / RATE;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let id = Uuid::new_v4();
        let message = request(id, CALLER, "hello", Some(b"{}"));
        last = Some(Sent::write(&rpc, id, message.to_string().as_bytes()));
    }
    last.unwrap().answer();
    let of_hello =
        |path: &fs::DirEntry| path.path().extension().is_some_and(|end| end == "response");
    wait_for("all answers", || {
        let answers = fs::read_dir(&rpc)
            .unwrap()
            .filter(|entry| of_hello(entry.as_ref().unwrap()));
        (answers.count() >= (RATE * SECONDS) as usize).then_some(())
    });
    (used_ms(serving) - before) / f64::from(RATE * SECONDS)
}

/// Begins to listen as a page does: what happens from now on is told.
fn listen(dashboard: &Opened) -> BufReader<TcpStream> {
    let (host, bearer) = (
        dashboard.host(),
        format!("Authorization: Bearer {}", dashboard.token),
    );
    let events = open(dashboard.address, "GET /api/events", &[&host, &bearer], "");
    let (mut events, mut head) = (BufReader::new(events), String::new());
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(events.read_line(&mut head).unwrap(), 0, "{head}");
    }
    events
}

/// Looks at a page as a browser does, and counts what it hears of.
fn look(
    dashboard: &Opened,
    events: BufReader<TcpStream>,
    n_heard: &AtomicU64,
    is_over: &AtomicBool,
) {
    let mut fetched = Instant::now();
    for line in events.lines().map_while(Result::ok) {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let Some(data) = line.strip_prefix("data: {\"entries\"") else {
            continue;
        };
        let data: Value = serde_json::from_str(&format!("{{\"entries\"{data}")).unwrap();
        let n_entries = data["entries"].as_array().unwrap().len() as u64;
        n_heard.fetch_add(
            n_entries + data["n_more"].as_u64().unwrap(),
            Ordering::Relaxed,
        );
        if fetched.elapsed() > Duration::from_secs(1) {
            fetched = Instant::now();
            assert!(dashboard.get("/").body.contains("Last requests"));
        }
    }
}

fn measure(looked: Looked) -> f64 {
    let site = Site::in_memory();
    Installation::new(&site).put("hello", &hello());
    let (serving, dashboard) = match looked {
        Looked::None => (Serving::start(&site, &[]), None),
        Looked::Closed | Looked::Open => {
            let (serving, dashboard) = Opened::start(&site);
            (serving, Some(dashboard))
        }
    };
    let (n_heard, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let cost = thread::scope(|scope| {
        let page = dashboard
            .as_ref()
            .filter(|_| matches!(looked, Looked::Open));
        if let Some(dashboard) = page {
            let events = listen(dashboard);
            let (n_heard, is_over) = (&n_heard, &is_over);
            scope.spawn(move || look(dashboard, events, n_heard, is_over));
        }
        let cost = load(&serving, &site);
        if page.is_some() {
            let all = u64::from(RATE * SECONDS);
            wait_for("the page to hear of all", || {
                (n_heard.load(Ordering::Relaxed) >= all).then_some(())
            });
        }
        is_over.store(true, Ordering::Relaxed);
        cost
    });
    serving.stop();
    cost
}

#[test]
#[ignore = "measures for two minutes, when nobody else works: `just dashboard-load`"]
fn a_page_hears_of_500_requests_a_second_and_costs_little() {
    let mut table = String::new();
    for round in 0..ROUNDS {
        let [none, closed, open] = [Looked::None, Looked::Closed, Looked::Open].map(measure);
        let more = |cost: f64| (cost / none - 1.0) * 100.0;
        table += &format!(
            "round {round}: {none:.3} ms of processor a request without a dashboard; with one \
             {closed:.3} ({:+.1} %), with a page that is open {open:.3} ({:+.1} %)\n",
            more(closed),
            more(open)
        );
    }
    eprintln!("{table}");
}
