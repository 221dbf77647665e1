//! Workers, the NATS server and the host are killed again and again while requests count: each
//! counts once.

use std::process::Child;

use uuid::Uuid;

use crate::support::client::{Sent, request};
use crate::support::guests::guest;
use crate::support::host::{Host, syft_host};
use crate::support::nats::NatsServer;
use crate::support::random::Random;
use crate::support::remote::{give_calls, spawn_worker};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

const WORKERS: [&str; 2] = ["one", "two"];

/// At each kill fewer requests than this wait for an answer. Some do at most kills: a call whose
/// worker was killed is known as lost after some seconds, and the next kill comes meanwhile.
const MOST_OPEN: usize = 24;

/// What is killed, as the count says it at the end.
const VICTIMS: [&str; 4] = ["worker one", "worker two", "NATS server", "host"];

#[test]
fn no_request_is_lost_or_counts_twice() {
    kill(5, 60, 12);
}

#[test]
#[ignore = "takes many minutes: `just kill-workers`"]
fn of_1000_requests_none_is_lost_or_counts_twice_over_200_kills() {
    let said = std::env::var("KILL_SEED").ok();
    let seed = said.map_or(1, |text| text.parse().unwrap());
    kill(seed, 1_000, 200);
}

/// All that can be killed.
struct Machines<'a> {
    site: &'a Site,
    server: NatsServer,
    workers: [Child; 2],
    host: Option<Host>,
}

impl<'a> Machines<'a> {
    fn start(site: &'a Site) -> Option<Self> {
        let server = NatsServer::start(site.path(), &WORKERS)?;
        let workers = WORKERS.map(|name| worker(site, &server, name));
        let host = Some(host(site, &server));
        Some(Self {
            site,
            server,
            workers,
            host,
        })
    }

    /// Kills one of them, and starts it again.
    fn kill(&mut self, victim: usize) {
        match victim {
            0 | 1 => {
                self.workers[victim].kill().unwrap();
                self.workers[victim].wait().unwrap();
                self.workers[victim] = worker(self.site, &self.server, WORKERS[victim]);
            }
            2 => {
                self.server.kill();
                self.server.start_again();
            }
            _ => {
                drop(self.host.take()); // kills it
                self.host = Some(host(self.site, &self.server));
            }
        }
    }
}

impl Drop for Machines<'_> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            drop(worker.kill());
            drop(worker.wait());
        }
    }
}

fn worker(site: &Site, server: &NatsServer, name: &str) -> Child {
    spawn_worker(site, server, name, &["--concurrency", "2"], site.path())
}

fn host(site: &Site, server: &NatsServer) -> Host {
    let mut command = syft_host(site);
    command.arg("run").arg(guest("stateful"));
    command.args(["--name", "app", "--allow-all-requested"]);
    give_calls(&mut command, server);
    command.args(["--email", OWNER, "--data-dir"]);
    command.arg(site.data_dir());
    Host::spawn(site, command)
}

/// Has so many requests each count one on, in waves, and kills until all are answered, at least so
/// many times.
fn kill(seed: u64, n_requests: usize, n_kills: usize) {
    let site = Site::new();
    let Some(mut machines) = Machines::start(&site) else {
        return;
    };
    let mut random = Random(seed);
    let mut kills = [0; VICTIMS.len()];
    // While the last kills happen there is still something to do.
    let per_kill = n_requests.div_ceil(n_kills);
    let mut sent = Vec::new();
    while kills.iter().sum::<usize>() < n_kills || kills.contains(&0) {
        sent.extend((0..per_kill).map(|n| count(&site, n)));
        let n_open = random.below(MOST_OPEN);
        wait_for("answers", || {
            (sent.len() - n_answered(&sent) <= n_open).then_some(())
        });
        let victim = random.below(VICTIMS.len());
        machines.kill(victim);
        kills[victim] += 1;
    }
    while sent.len() < n_requests {
        sent.push(count(&site, sent.len()));
    }
    let mut counted: Vec<usize> = sent
        .iter()
        .map(|sent| sent.answer().text().parse().unwrap())
        .collect();
    counted.sort_unstable();
    let expected: Vec<usize> = (1..=sent.len()).collect();
    assert_eq!(counted, expected, "each counts once");
    eprintln!("{} requests; kills of {VICTIMS:?}: {kills:?}", sent.len());
}

fn count(site: &Site, n: usize) -> Sent {
    let (id, sender) = (Uuid::new_v4(), format!("user{}@example.com", n % 4));
    let folder = site.rpc("app").join("count").join(&sender);
    let request = request(id, &sender, "count", Some(b"{}"));
    Sent::write(&folder, id, request.to_string().as_bytes())
}

fn n_answered(sent: &[Sent]) -> usize {
    let answered = sent.iter().filter(|sent| sent.response_path().exists());
    answered.count()
}
