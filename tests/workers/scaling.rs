//! What workers bring, and what a call on one costs: measured when nobody else works.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::client::{Sent, send};
use crate::support::guests::guest;
use crate::support::host::{Host, syft_host};
use crate::support::nats::NatsServer;
use crate::support::remote::{give_calls, spawn_worker};
use crate::support::site::{OWNER, Site};

const WORKERS: [&str; 4] = ["one", "two", "three", "four"];

/// A worker runs for so long, and rests for so many times that: its share of a processor is a
/// fifth.
const SLICE: Duration = Duration::from_millis(10);
const RESTS: u32 = 4;

const CALLS: usize = 40;
const ROUNDS: usize = 5;

/// How many requests are sent one after the other to measure latencies.
const LATENCIES: usize = 400;

#[test]
#[ignore = "measures for minutes, when nobody else works: `just bench-workers`"]
fn four_workers_do_three_times_the_work_of_one() {
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let [Some(one), Some(four)] = [1, 4].map(calls_per_second) else {
            return;
        };
        eprintln!("{one:.2} calls a second on one worker, {four:.2} on four");
        ratios.push(four / one);
    }
    eprintln!("four workers to one: {}", median(&mut ratios));
}

#[test]
#[ignore = "measures for minutes, when nobody else works: `just bench-workers`"]
fn a_remote_call_beside_a_local_one() {
    for round in 0..ROUNDS {
        let local = latencies(false);
        let remote = latencies(true);
        let (Some(local), Some(remote)) = (local, remote) else {
            return;
        };
        eprintln!(
            "round {round}: p50 and p99 of a local call {:.2} and {:.2} ms, of a remote one {:.2} \
             and {:.2}",
            local[0], local[1], remote[0], remote[1]
        );
    }
}

fn calls_per_second(n_workers: usize) -> Option<f64> {
    let site = Site::in_memory();
    let server = NatsServer::start(site.path(), &WORKERS)?;
    let options = ["--concurrency", "1"];
    let start = |name: &&str| spawn_worker(&site, &server, name, &options, site.path());
    let mut workers: Vec<Child> = WORKERS[..n_workers].iter().map(start).collect();
    let host = host(&site, Some(&server));
    // All have the app ready.
    finish(&calls(&host, 4 * n_workers, 1));
    let is_over = AtomicBool::new(false);
    let took = thread::scope(|scope| {
        for (n, worker) in workers.iter().enumerate() {
            let is_over = &is_over;
            scope.spawn(move || limit(worker, n, is_over));
        }
        let begin = Instant::now();
        finish(&calls(&host, CALLS, 400_000));
        let took = begin.elapsed();
        is_over.store(true, Ordering::Relaxed);
        took
    });
    for worker in &mut workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    Some(CALLS as f64 / took.as_secs_f64())
}

/// Gives a process its share of a processor, in turns with the others.
fn limit(worker: &Child, n: usize, is_over: &AtomicBool) {
    let pid = Pid::from_child(worker);
    let turns = RESTS + 1;
    let mut next = Instant::now() + SLICE * u32::try_from(n).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        kill_process(pid, Signal::CONT).unwrap();
        thread::sleep(SLICE);
        kill_process(pid, Signal::STOP).unwrap();
        next += SLICE * turns;
    }
    kill_process(pid, Signal::CONT).unwrap();
}

fn latencies(is_remote: bool) -> Option<[f64; 2]> {
    let site = Site::in_memory();
    let server = NatsServer::start(site.path(), &WORKERS)?;
    let mut worker = spawn_worker(&site, &server, "one", &[], site.path());
    let host = host(&site, is_remote.then_some(&server));
    finish(&calls(&host, 20, 1));
    let mut times: Vec<f64> = (0..LATENCIES)
        .map(|_| {
            let begin = Instant::now();
            let call = &calls(&host, 1, 1)[0];
            while !call.response_path().exists() {
                thread::sleep(Duration::from_micros(50));
            }
            let took = begin.elapsed().as_secs_f64() * 1e3;
            assert_eq!(call.answer().status(), 200);
            took
        })
        .collect();
    worker.kill().unwrap();
    worker.wait().unwrap();
    times.sort_by(f64::total_cmp);
    Some([times[LATENCIES / 2], times[LATENCIES * 99 / 100]])
}

fn host(site: &Site, server: Option<&NatsServer>) -> Host {
    let mut command = syft_host(site);
    command.arg("run").arg(guest("probe"));
    command.args(["--name", "app", "--allow-all-requested"]);
    if let Some(server) = server {
        give_calls(&mut command, server);
    }
    command.args(["--email", OWNER, "--data-dir"]);
    command.arg(site.data_dir());
    Host::spawn(site, command)
}

/// Sends calls that each take so much work.
fn calls(host: &Host, n_calls: usize, rounds: u32) -> Vec<Sent> {
    let text = "x".repeat(64);
    let body = format!(r#"{{"text": "{text}", "rounds": {rounds}}}"#);
    (0..n_calls)
        .map(|_| send(&host.rpc, "checksum", Some(body.as_bytes())))
        .collect()
}

fn finish(calls: &[Sent]) {
    for call in calls {
        assert_eq!(call.answer().status(), 200);
    }
}

fn median(found: &mut [f64]) -> String {
    found.sort_by(f64::total_cmp);
    let [least, middle, most] = [0, found.len() / 2, found.len() - 1].map(|n| found[n]);
    format!("{middle:.2} ({least:.2} – {most:.2})")
}
