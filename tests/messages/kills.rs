//! The host is killed again and again while apps send: no message is lost or doubled.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{BOB, ask, outbox, requests_in, start_echo, url_of};
use crate::support::apps::with_manifest;
use crate::support::client::{Sent, request};
use crate::support::guests::guest;
use crate::support::host::{Host, syft_host};
use crate::support::not_run;
use crate::support::random::Random;
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::wait_for;

/// The steps of a call, and of what it sends to an app of the same host.
const LOCAL_STEPS: [&str; 8] = [
    "after-read",
    "in-call",
    "handed-over",
    "before-commit",
    "after-commit",
    "before-rename",
    "before-end",
    "after-end",
];

/// The steps of a call, and of what it sends through the tree.
const TREE_STEPS: [&str; 9] = [
    "after-read",
    "handed-over",
    "before-commit",
    "after-commit",
    "before-send",
    "after-send",
    "before-end",
    "after-end",
    "before-clear",
];

/// Requests that are written at a time: an app may have no more than 1,000 messages to a receiver
/// that are not answered yet.
const WAVE: usize = 100;

const SEND: &str = "[messages]\nsend = ['*/app_data/*/rpc/**']\n";

fn has_failpoints() -> bool {
    if !cfg!(debug_assertions) {
        not_run("a release build has no failpoints");
    }
    cfg!(debug_assertions)
}

#[test]
fn no_message_to_an_app_of_the_host_is_lost_or_doubled() {
    if has_failpoints() {
        let site = Site::new();
        let url = format!("syft://{OWNER}/app_data/app/rpc/echo");
        kill(&site, 7, 60, 25, &url, &LOCAL_STEPS, echoed);
    }
}

#[test]
fn no_message_through_the_tree_is_lost_or_doubled() {
    if has_failpoints() {
        let site = Site::new();
        let (_home, echo) = start_echo(&site);
        let url = url_of(BOB, "echo");
        kill(&site, 7, 60, 25, &url, &TREE_STEPS, |_| {
            echoed_by_bob(&echo)
        });
    }
}

#[test]
#[ignore = "takes minutes: `just kill-messages`"]
fn of_2000_messages_none_is_lost_or_doubled_over_200_kills() {
    if !has_failpoints() {
        return;
    }
    let said = std::env::var("KILL_SEED").ok();
    let seed = said.map_or(1, |text| text.parse().unwrap());
    let site = Site::new();
    let url = format!("syft://{OWNER}/app_data/app/rpc/echo");
    kill(&site, seed, 1_000, 200, &url, &LOCAL_STEPS, echoed);
    let site = Site::new();
    let (_home, echo) = start_echo(&site);
    kill(
        &site,
        seed,
        1_000,
        200,
        &url_of(BOB, "echo"),
        &TREE_STEPS,
        |_| echoed_by_bob(&echo),
    );
}

/// Returns how many messages Bob's app has counted.
pub(super) fn echoed_by_bob(echo: &Host) -> u64 {
    let id = Uuid::new_v4();
    let mut request = request(id, CALLER, "counts", Some(b"{}"));
    request["url"] = json!(url_of(BOB, "counts"));
    let folder = echo.rpc.join("counts").join(CALLER);
    let answer = Sent::write(&folder, id, request.to_string().as_bytes()).answer();
    let counts: Value = serde_json::from_str(&answer.text()).unwrap();
    counts["echoed"].as_u64().unwrap_or(0)
}

/// Returns how many messages the app has counted itself.
fn echoed(host: &Host) -> u64 {
    ask(host, "counts", &json!({}))["echoed"]
        .as_u64()
        .unwrap_or(0)
}

/// Starts the guest, with a step at which the host is killed.
pub(super) fn start(site: &Site, failpoint: Option<&str>) -> Host {
    let app = with_manifest(site, &guest("messenger"), SEND);
    let mut command = syft_host(site);
    command.arg("run").arg(app);
    command.args([
        "--name",
        "app",
        "--allow-all-requested",
        "--email",
        OWNER,
        "--data-dir",
    ]);
    command.arg(site.data_dir());
    if let Some(failpoint) = failpoint {
        command.env("SYFT_HOST_FAILPOINT", failpoint);
    }
    Host::spawn(site, command)
}

/// Has so many requests each send two messages to a counter, and kills the host from outside and
/// at each step until all are answered, at least so many times. The counter has to come to two
/// for each request.
fn kill(
    site: &Site,
    seed: u64,
    n_requests: usize,
    n_kills: usize,
    url: &str,
    steps: &[&str],
    counted: impl Fn(&Host) -> u64,
) {
    let mut random = Random(seed);
    let mut sent = sends(site, n_requests.min(WAVE), url);
    let most = (n_requests / n_kills).max(2);
    let mut kills = vec![0; steps.len() + 1];
    let is_enough = |kills: &[usize]| kills.iter().sum::<usize>() >= n_kills;
    while !is_enough(&kills) || kills.contains(&0) || n_answered(&sent) < sent.len().max(n_requests)
    {
        if n_answered(&sent) == sent.len() {
            // An app may have so many messages open, and a host that is always killed carries few.
            let calm = start(site, None);
            let expected = 2 * sent.len() as u64;
            let is_clear = || requests_in(&outbox(site, "echo")).is_empty();
            wait_for("the messages so far", || {
                (counted(&calm) >= expected && is_clear()).then_some(())
            });
            drop(calm);
            let n_left = n_requests.saturating_sub(sent.len());
            sent.extend(sends(site, n_left.clamp(2 * most, WAVE), url));
        }
        let way = random.below(kills.len());
        let times = 1 + random.below(2 * most) as u64;
        let failpoint = steps.get(way).map(|step| format!("{step}={times}"));
        let mut host = start(site, failpoint.as_deref());
        let enough = match failpoint {
            Some(_) => sent.len(),
            None => (n_answered(&sent) + times as usize).min(sent.len()),
        };
        let is_sent = || failpoint.is_none() || requests_in(&outbox(site, "echo")).is_empty();
        let crashed = wait_for("a crash or answers", || {
            let crashed = !host.is_running();
            let is_over = n_answered(&sent) >= enough && is_sent();
            (crashed || is_over).then_some(crashed)
        });
        drop(host); // kills it
        kills[way] += usize::from(crashed || failpoint.is_none());
    }
    let host = start(site, None);
    for sent in &sent {
        let ids: Vec<Value> = serde_json::from_str(&sent.answer().text()).unwrap();
        assert!(
            ids.len() == 2 && ids.iter().all(Value::is_string),
            "{ids:?}"
        );
    }
    let expected = 2 * sent.len() as u64;
    wait_for("all messages", || {
        (counted(&host) >= expected).then_some(())
    });
    // Whatever comes later than that would come before the next one.
    let last = sends(site, 1, url);
    assert_eq!(last[0].answer().status(), 200);
    wait_for("the last ones", || {
        (counted(&host) >= expected + 2).then_some(())
    });
    assert_eq!(counted(&host), expected + 2);
    eprintln!("killed {kills:?} times, from outside last");
}

/// Writes requests that each send two messages.
fn sends(site: &Site, n_requests: usize, url: &str) -> Vec<Sent> {
    let body: Value = json!({"messages": [{"url": url, "times": 2, "timeout": 3_600_000_000_u64}]});
    let requests = (0..n_requests).map(|n| {
        let (id, sender) = (Uuid::new_v4(), format!("user{}@example.com", n % 4));
        let folder = site.rpc("app").join("send").join(&sender);
        let request = request(id, &sender, "send", Some(body.to_string().as_bytes()));
        Sent::write(&folder, id, request.to_string().as_bytes())
    });
    requests.collect()
}

fn n_answered(sent: &[Sent]) -> usize {
    let answered = sent.iter().filter(|sent| sent.response_path().exists());
    answered.count()
}
