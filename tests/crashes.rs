//! The host crashes: at named steps of a call, again and again, or whenever it meets a
//! certain request.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use syft_protocol::timestamp::Timestamp;
use uuid::Uuid;

use crate::support::client::{Sent, call, request, send};
use crate::support::guests::{example, guest};
use crate::support::host::{Host, output, parked, syft_host};
use crate::support::not_run;
use crate::support::random::Random;
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::wait_for;
use crate::watching::site::watcher;

const STEPS: [&str; 7] = [
    "after-read",
    "in-call",
    "handed-over",
    "before-commit",
    "after-commit",
    "before-rename",
    "after-rename",
];

/// Crashes after which a request is given up.
const CRASHES: usize = 8;

/// Serves a component as `app`, with a step at which the host crashes.
fn start(site: &Site, component: &PathBuf, failpoint: Option<&str>) -> Host {
    let mut command = syft_host(site);
    command.args(["run", "--name", "app", "--allow-all-requested"]);
    command.arg(component);
    command.args(["--email", OWNER, "--data-dir"]);
    command.arg(site.data_dir());
    if let Some(failpoint) = failpoint {
        command.env("SYFT_HOST_FAILPOINT", failpoint);
    }
    Host::spawn(site, command)
}

fn has_failpoints() -> bool {
    if !cfg!(debug_assertions) {
        not_run("a release build has no failpoints");
    }
    cfg!(debug_assertions)
}

fn set(host: &Host, key: &str) -> Sent {
    let body = json!({"key": key, "value": "1"}).to_string();
    send(&host.rpc, "set", Some(body.as_bytes()))
}

/// Returns a host that has given up a request, and what is parked of it. A panic within
/// the host's own bounds ends the call alone.
fn given_up(site: &Site, stateful: &PathBuf) -> (Host, Sent, Value) {
    let host = start(site, stateful, Some("panic:in-call@boom"));
    let poison = set(&host, "boom");
    assert_eq!(poison.answer().status(), 500);
    let found = wait_for("it to be parked", || parked(site, &[]).pop());
    (host, poison, found)
}

#[test]
fn a_request_that_crashes_the_host_is_given_up_and_parked() {
    if !has_failpoints() {
        return;
    }
    let (site, stateful) = (Site::new(), guest("stateful"));
    let mut host = start(&site, &stateful, Some("in-call@boom"));
    let poison = set(&host, "boom");
    for _ in 0..CRASHES {
        assert!(!host.wait().success());
        assert!(poison.peek().is_none());
        host = start(&site, &stateful, Some("in-call@boom"));
    }
    let answer = poison.answer();
    assert_eq!(answer.status(), 500);
    assert!(
        answer.text().contains("crashed again and again"),
        "{}",
        answer.text()
    );
    assert_eq!(set(&host, "harmless").answer().status(), 200);

    let found = wait_for("it to be parked", || parked(&site, &[]).pop());
    let id = found["id"].as_str().unwrap();
    assert_eq!(
        (&found["kind"], &found["crashes"]),
        (&json!("request"), &json!(8))
    );
    let shown = &parked(&site, &["--show", id])[0]["request"];
    assert_eq!(shown["sender"], json!(CALLER), "{shown}");
    assert!(shown["body"].as_str().unwrap().contains("boom"), "{shown}");

    // It stays given up, also when its answer gets lost.
    host.stop();
    fs::remove_file(poison.response_path()).unwrap();
    let host = start(&site, &stateful, Some("in-call@boom"));
    assert_eq!(poison.answer().status(), 500);
    host.stop();

    // A host that has been mended can try it again.
    let host = start(&site, &stateful, None);
    parked(&site, &["--retry", id]);
    let mended = wait_for("another answer", || {
        poison.peek().filter(|answer| answer.status() == 200)
    });
    assert_eq!(mended.text(), "true");
    wait_for("the list to be empty", || {
        parked(&site, &[]).is_empty().then_some(())
    });
    drop(host);
}

/// The next call may crash the host once the refusal is there.
#[test]
fn a_request_is_parked_before_its_refusal_is_seen() {
    if !has_failpoints() {
        return;
    }
    let (site, stateful) = (Site::new(), guest("stateful"));
    let mut host = start(&site, &stateful, Some("in-call@boom"));
    let poison = set(&host, "boom");
    for n in 1..=CRASHES {
        assert!(!host.wait().success());
        let failpoint = if n < CRASHES {
            "in-call@boom"
        } else {
            "after-rename=1"
        };
        host = start(&site, &stateful, Some(failpoint));
    }
    assert!(!host.wait().success());
    assert_eq!(poison.answer().status(), 500);
    let found = parked(&site, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
}

/// Under an id that was answered before there is a record of another request.
#[test]
fn a_request_that_crashes_the_host_under_a_used_id_is_given_up_too() {
    if !has_failpoints() {
        return;
    }
    let (site, stateful) = (Site::new(), guest("stateful"));
    let host = start(&site, &stateful, None);
    let folder = host.rpc.join("count").join(CALLER);
    let id = Uuid::new_v4();
    let send = || {
        let request = request(id, CALLER, "count", Some(b"{}")).to_string();
        Sent::write(&folder, id, request.as_bytes())
    };
    let first = send();
    assert_eq!(first.answer().text(), "1");
    fs::remove_file(&first.path).unwrap();
    fs::remove_file(first.response_path()).unwrap();
    host.stop();
    let again = send();
    let failpoint = format!("after-read@{id}");
    for _ in 0..CRASHES {
        assert!(!start(&site, &stateful, Some(&failpoint)).wait().success());
    }
    let _host = start(&site, &stateful, Some(&failpoint));
    assert_eq!(again.answer().status(), 500);
}

#[test]
fn a_retry_that_cannot_be_done_yet_is_done_later() {
    if !has_failpoints() {
        return;
    }
    let (site, stateful) = (Site::new(), guest("stateful"));
    let (host, poison, found) = given_up(&site, &stateful);
    host.stop();
    parked(&site, &["--retry", found["id"].as_str().unwrap()]);
    // A folder in the place of the answer cannot be removed as a file is.
    fs::remove_file(poison.response_path()).unwrap();
    fs::create_dir(poison.response_path()).unwrap();
    let host = start(&site, &stateful, None);
    host.wait_for_log("the trouble", |line| {
        line.to_string().contains("trying again later")
    });
    assert_eq!(parked(&site, &[]).len(), 1);
    fs::remove_dir(poison.response_path()).unwrap();
    assert_eq!(poison.answer().status(), 200);
    assert_eq!(parked(&site, &[]).len(), 0);
}

#[test]
fn looking_at_what_is_parked_changes_nothing() {
    let site = Site::new();
    let host = start(&site, &guest("stateful"), None);
    host.stop();
    fs::remove_dir_all(site.datasites().join(OWNER)).unwrap();
    assert!(parked(&site, &[]).is_empty());
    assert!(!site.datasites().join(OWNER).exists());
    let mistyped = output(
        syft_host(&site)
            .args(["parked", "ap", "--email", OWNER])
            .args(["--data-dir".as_ref(), site.data_dir().as_os_str()]),
    );
    assert_eq!(mistyped.status.code(), Some(2));
    let said = String::from_utf8(mistyped.stderr).unwrap();
    assert!(said.contains("did you mean `app`?"), "{said}");
}

#[test]
fn a_parked_request_can_be_forgotten() {
    if !has_failpoints() {
        return;
    }
    let (site, stateful) = (Site::new(), guest("stateful"));
    let (host, poison, found) = given_up(&site, &stateful);
    assert_eq!(set(&host, "harmless").answer().status(), 200);
    parked(&site, &["--drop", found["id"].as_str().unwrap()]);
    wait_for("the list to be empty", || {
        parked(&site, &[]).is_empty().then_some(())
    });
    // Nor is it given up anew where its file is seen again.
    fs::write(&poison.path, fs::read(&poison.path).unwrap()).unwrap();
    assert_eq!(set(&host, "harmless").answer().status(), 200);
    assert_eq!(poison.answer().status(), 500);
    assert_eq!(parked(&site, &[]).len(), 0);
    let unknown = output(
        syft_host(&site)
            .args(["parked", "app", "--email", OWNER])
            .args([
                "--data-dir".as_ref(),
                site.data_dir().as_os_str(),
                "--drop".as_ref(),
                found["id"].as_str().unwrap().as_ref(),
            ]),
    );
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn an_event_that_crashes_the_host_is_given_up_and_parked() {
    if !has_failpoints() {
        return;
    }
    let site = Site::new();
    let settings = "endpoints picture\ncreated modified moved deleted\t{datasite}/public/**";
    let component = watcher(&site, settings, &["{datasite}/public/**"], &[]);
    fs::create_dir_all(site.own("public")).unwrap();
    let failpoint = format!("in-call@file {OWNER}/public/boom");
    let mut host = start(&site, &component, Some(&failpoint));
    fs::write(site.own("public/boom"), "x").unwrap();
    let mut n_crashes = 0;
    while parked(&site, &[]).is_empty() {
        assert!(n_crashes < 11, "{n_crashes} crashes");
        // Either it crashes or it gives the event up.
        let crashed = wait_for("an end", || {
            let is_over = !host.is_running();
            (is_over || !parked(&site, &[]).is_empty()).then_some(is_over)
        });
        if crashed {
            n_crashes += 1;
            host = start(&site, &component, Some(&failpoint));
        }
    }
    assert_eq!(n_crashes, 10, "as many as `--retry-attempts`");
    fs::write(site.own("public/other"), "x").unwrap();
    wait_for("the app to be told of others", || {
        call(&host.rpc, "picture", "")
            .text()
            .contains("public/other")
            .then_some(())
    });
    let found = parked(&site, &[]).pop().unwrap();
    assert_eq!(
        (&found["kind"], &found["event"]),
        (&json!("event"), &json!("created"))
    );
}

#[test]
fn a_request_that_has_run_is_not_told_that_it_expired_before() {
    if !has_failpoints() {
        return;
    }
    let (site, stateful) = (Site::new(), guest("stateful"));
    let host = start(&site, &stateful, Some("before-rename=1"));
    let id = Uuid::new_v4();
    let mut request = request(id, CALLER, "count", Some(b"{}"));
    let end = SystemTime::now() + Duration::from_secs(2);
    request["expires"] = json!(Timestamp::from_system_time(end).to_string());
    let folder = host.rpc.join("count").join(CALLER);
    let sent = Sent::write(&folder, id, request.to_string().as_bytes());
    assert!(!host.wait().success());
    wait_for("it to expire", || (SystemTime::now() > end).then_some(()));
    let _host = start(&site, &stateful, None);
    let answer = sent.answer();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "1"));
}

/// Whoever was at work beside it when the host crashed is answered.
#[test]
fn a_crash_costs_nobody_else_an_answer() {
    if !has_failpoints() {
        return;
    }
    let (site, stateful) = (Site::new(), guest("stateful"));
    let folder = site.rpc("app").join("set").join(CALLER);
    let sent: Vec<Sent> = (0..60)
        .map(|n| {
            let key = if n % 20 == 7 {
                "boom".to_owned()
            } else {
                format!("key{n}")
            };
            let body = json!({"key": key, "value": "1"}).to_string();
            let id = Uuid::new_v4();
            let request = request(id, CALLER, "set", Some(body.as_bytes()));
            Sent::write(&folder, id, request.to_string().as_bytes())
        })
        .collect();
    let mut n_crashes = 0;
    loop {
        let mut host = start(&site, &stateful, Some("in-call@boom"));
        let is_done = || sent.iter().all(|sent| sent.response_path().exists());
        let done = wait_for("an end", || {
            let is_running = host.is_running();
            (is_done() || !is_running).then(is_done)
        });
        if done {
            break;
        }
        n_crashes += 1;
    }
    let statuses: Vec<u64> = sent.iter().map(|sent| sent.answer().status()).collect();
    for (n, status) in statuses.iter().enumerate() {
        let expected = if n % 20 == 7 { 500 } else { 200 };
        assert_eq!(*status, expected, "{n} of {statuses:?}");
    }
    assert!(
        n_crashes <= 3 * CRASHES,
        "{n_crashes} crashes for three such requests"
    );
}

#[test]
fn each_request_counts_once_however_often_the_host_is_killed() {
    if has_failpoints() {
        kill(7, 50, 40);
    }
}

#[test]
#[ignore = "takes minutes: `just kill`"]
fn each_of_1000_requests_counts_once_over_200_kills() {
    if !has_failpoints() {
        return;
    }
    let said = std::env::var("KILL_SEED").ok();
    kill(said.map_or(1, |text| text.parse().unwrap()), 250, 200);
}

/// Has four senders send so many requests each to the counter, and kills the host from
/// outside and at each step until all are answered, at least so many times.
fn kill(seed: u64, n_each: usize, n_kills: usize) {
    let (site, counter) = (Site::new(), example("counter"));
    let mut random = Random(seed);
    let mut sent = increments(&site, 4 * n_each);
    // So many answers for each life that there are kills enough for all of them.
    let most = (sent.len() / n_kills).max(2);
    let mut kills = [0; STEPS.len() + 1];
    let is_enough = |kills: &[usize]| kills.iter().sum::<usize>() >= n_kills;
    while !is_enough(&kills) || kills.contains(&0) || n_answered(&sent) < sent.len() {
        // How much a host answers before it is killed is chance.
        if n_answered(&sent) == sent.len() {
            sent.extend(increments(&site, 2 * most));
        }
        let way = random.below(kills.len());
        let times = 1 + random.below(2 * most) as u64;
        let failpoint = STEPS.get(way).map(|step| format!("{step}={times}"));
        let mut host = start(&site, &counter, failpoint.as_deref());
        let enough = match failpoint {
            Some(_) => sent.len(),
            None => (n_answered(&sent) + times as usize).min(sent.len()),
        };
        let crashed = wait_for("a crash or answers", || {
            let crashed = !host.is_running();
            (crashed || n_answered(&sent) >= enough).then_some(crashed)
        });
        drop(host); // kills it
        kills[way] += usize::from(crashed || failpoint.is_none());
    }
    let counts: BTreeSet<u64> = sent.iter().map(count).collect();
    assert_eq!(counts, (1..=sent.len() as u64).collect());
    let host = start(&site, &counter, None);
    let last = send(&host.rpc, "increment", None);
    last.answer();
    assert_eq!(count(&last), sent.len() as u64 + 1);
    eprintln!("killed {kills:?} times, from outside last");
}

fn increments(site: &Site, n_requests: usize) -> Vec<Sent> {
    let requests = (0..n_requests).map(|n| {
        let (id, sender) = (Uuid::new_v4(), format!("user{}@example.com", n % 4));
        let folder = site.rpc("app").join("increment").join(&sender);
        let request = request(id, &sender, "increment", None).to_string();
        Sent::write(&folder, id, request.as_bytes())
    });
    requests.collect()
}

fn n_answered(sent: &[Sent]) -> usize {
    let answered = sent.iter().filter(|sent| sent.response_path().exists());
    answered.count()
}

fn count(sent: &Sent) -> u64 {
    let answer = sent.peek().unwrap();
    let text = answer.text();
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    json["counter"].as_u64().unwrap()
}
