//! Hosts that serve for long: what they use stays as it is.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use syft_protocol::timestamp::Timestamp;
use uuid::Uuid;

use crate::support::client::{Sent, request};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::random::Random;
use crate::support::site::Site;
use crate::watching::site::watcher;

const SETTINGS: &str = "endpoints picture\ncreated modified moved deleted\t{datasite}/public/**";
const PUBLIC: &[&str] = &["{datasite}/public/**"];
const SENDERS: usize = 4;

/// What a host uses at one moment.
#[derive(Debug, Clone, Copy)]
struct Usage {
    memory_kib: u64,
    open_files: u64,
    threads: u64,
}

impl Usage {
    fn of(host: &Host) -> Self {
        let process = PathBuf::from(format!("/proc/{}", host.pid().as_raw_nonzero()));
        let status = fs::read_to_string(process.join("status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.unwrap().split_whitespace().next().unwrap();
            number.parse().unwrap()
        };
        Self {
            memory_kib: number("VmRSS:"),
            open_files: fs::read_dir(process.join("fd")).unwrap().count() as u64,
            threads: number("Threads:"),
        }
    }
}

/// As many minutes as `SOAK_MINUTES` says.
#[test]
#[ignore = "takes half an hour: `just soak`"]
fn what_hosts_use_stays_flat_under_mixed_load() {
    let minutes = std::env::var("SOAK_MINUTES").map_or(30, |text| text.parse().unwrap());
    let time = Duration::from_secs(60 * minutes);
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let log = [
        "--log",
        "warn",
        "--allow-all-requested",
        "--keep",
        "2m",
        "--sweep-every",
        "30s",
    ];
    let start = |name: &str, component: PathBuf, options: &[&str]| {
        Host::start(
            &site,
            &component,
            &[&["--name", name], &log[..], options].concat(),
        )
    };
    let hosts = [
        start("stateful", guest("stateful"), &[]),
        start("hostile", guest("hostile"), &["--time", "300ms"]),
        start("watcher", watcher(&site, SETTINGS, PUBLIC, &[]), &[]),
    ];
    let (is_over, n_answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let usages = thread::scope(|scope| {
        for n in 0..SENDERS {
            let load = Load::new(n, &site, &is_over, &n_answered);
            scope.spawn(move || load.run());
        }
        let usages = sample(&hosts, time, &n_answered);
        is_over.store(true, Ordering::Relaxed);
        usages
    });
    for (n, name) in ["stateful", "hostile", "watcher"].into_iter().enumerate() {
        let all: Vec<Usage> = usages.iter().map(|usages| usages[n]).collect();
        // The first quarter is for whatever is filled once.
        let early = &all[all.len() / 4..all.len() / 2];
        let late = &all[all.len() * 3 / 4..];
        let most = |part: &[Usage], of: fn(&Usage) -> u64| part.iter().map(of).max().unwrap();
        // A call of a moment may use much of it.
        let memory = [early, late].map(median_memory);
        let files = [early, late].map(|part| most(part, |usage| usage.open_files));
        let threads = [early, late].map(|part| most(part, |usage| usage.threads));
        eprintln!("{name}: KiB {memory:?}, open files {files:?}, threads {threads:?}");
        assert!(memory[1] < memory[0] * 5 / 4, "{name}: {memory:?} KiB");
        assert!(files[1] <= files[0] + 16, "{name}: {files:?} open files");
        assert!(threads[1] <= threads[0] + 4, "{name}: {threads:?} threads");
    }
}

fn median_memory(part: &[Usage]) -> u64 {
    let mut all: Vec<u64> = part.iter().map(|usage| usage.memory_kib).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// Looks 60 times at what the hosts use.
fn sample(hosts: &[Host; 3], time: Duration, n_answered: &AtomicU64) -> Vec<[Usage; 3]> {
    let start = Instant::now();
    let mut usages = Vec::new();
    while start.elapsed() < time {
        thread::sleep(time / 60);
        let usage = hosts.each_ref().map(Usage::of);
        let (seconds, n) = (
            start.elapsed().as_secs(),
            n_answered.load(Ordering::Relaxed),
        );
        eprintln!("{seconds} s, {n} answered: {usage:?}");
        usages.push(usage);
    }
    usages
}

/// One sender of all kinds of requests, who takes each answer and deletes it.
struct Load<'a> {
    sender: String,
    random: Random,
    site: &'a Site,
    is_over: &'a AtomicBool,
    n_answered: &'a AtomicU64,
}

impl<'a> Load<'a> {
    fn new(n: usize, site: &'a Site, is_over: &'a AtomicBool, n_answered: &'a AtomicU64) -> Self {
        Self {
            sender: format!("user{n}@example.com"),
            random: Random(n as u64),
            site,
            is_over,
            n_answered,
        }
    }

    fn run(mut self) {
        while !self.is_over.load(Ordering::Relaxed) {
            let sent: Vec<Sent> = (0..1 + self.random.below(40))
                .map(|_| self.send())
                .collect();
            self.touch_files();
            for sent in sent {
                sent.answer();
                self.n_answered.fetch_add(1, Ordering::Relaxed);
                // Some forget to tidy up, and the host does.
                if self.random.below(20) > 0 {
                    fs::remove_file(sent.response_path()).unwrap();
                    fs::remove_file(&sent.path).unwrap();
                }
            }
        }
    }

    fn send(&mut self) -> Sent {
        let key = format!("key{}", self.random.below(500));
        let value = "x".repeat(self.random.below(5_000));
        let (app, endpoint, body) = match self.random.below(100) {
            0..40 => ("stateful", "count", json!({})),
            40..60 => ("stateful", "set", json!({"key": key, "value": value})),
            60..75 => ("stateful", "get", json!({"key": key})),
            75..80 => ("stateful", "delete", json!({"key": key})),
            80..82 => ("stateful", "set-and", json!({"value": "x", "end": "panic"})),
            82..90 => ("hostile", "ok", json!({})),
            90..92 => ("hostile", "panic", json!({})),
            92..93 => ("hostile", "allocate", json!({})),
            93..94 => ("hostile", "loop", json!({})),
            94..95 => ("hostile", "recurse", json!({})),
            95..96 => ("hostile", "print", json!({})),
            96..97 => ("hostile", "huge-response", json!({})),
            97..98 => ("hostile", "exit", json!({})),
            _ => ("watcher", "picture", json!({})),
        };
        let (id, body) = (Uuid::new_v4(), body.to_string());
        let mut request = request(id, &self.sender, endpoint, Some(body.as_bytes()));
        let end = Timestamp::from_system_time(SystemTime::now() + Duration::from_secs(120));
        request["expires"] = json!(end.to_string());
        let mut text = request.to_string();
        if self.random.below(500) == 0 {
            text.truncate(text.len() / 2);
            text.push('}');
        }
        let folder = self.site.rpc(app).join(endpoint).join(&self.sender);
        Sent::write(&folder, id, text.as_bytes())
    }

    fn touch_files(&mut self) {
        for _ in 0..self.random.below(4) {
            let name = format!("public/{}-{}", self.sender, self.random.below(100));
            let path = self.site.own(&name);
            match self.random.below(4) {
                0 if path.exists() => fs::remove_file(path).unwrap(),
                _ => fs::write(path, self.random.next().to_string()).unwrap(),
            }
        }
    }
}
