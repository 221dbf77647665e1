//! Calls on workers: a real NATS server, real workers, and signed apps with requests in the tree.

mod accounts;
mod another_host;
mod by_hand;
mod fleet;
mod gate;
mod hostile;
mod kills;
mod scaling;
mod showing;
mod turns;

use fleet::{Fleet, Worker, app, unsigned_app};
use gate::Gate;
use hostile::n_queued;

use crate::support::client::{Sent, call, send};
use crate::support::guests::guest;
use crate::support::nats::NatsServer;
use crate::support::site::Site;
use crate::support::tools::certificate;
use crate::support::{not_run, wait_for};

/// Has requests wait for workers, so that what is answered was run by one.
const ON_WORKERS_ALONE: &[&str] = &["--without-workers", "wait"];

/// Installs an app that asks the gate.
fn asking_app(fleet: &Fleet<'_>, gate: &Gate) {
    let http = format!("[http]\nallow = ['{}']\n", gate.origin());
    app(fleet, "asks", &guest("web"), &http);
}

/// Calls it.
fn ask(site: &Site, gate: &Gate) -> Sent {
    let body = format!(r#"{{"url": "{}/x"}}"#, gate.origin());
    send(&site.rpc("asks"), "send", Some(body.as_bytes()))
}

#[test]
fn calls_of_signed_apps_run_on_workers_and_commit_here() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one", "two"]) else {
        return;
    };
    let [one, two] = ["one", "two"].map(|name| Worker::start(&fleet, name, &[]));
    app(&fleet, "counts", &guest("stateful"), "");
    let host = fleet.serve(ON_WORKERS_ALONE);
    let rpc = site.rpc("counts");
    let sent: Vec<_> = (0..24).map(|_| send(&rpc, "count", Some(b"{}"))).collect();
    let mut counted: Vec<u64> = sent
        .iter()
        .map(|sent| sent.answer().text().parse().unwrap())
        .collect();
    counted.sort_unstable();
    assert_eq!(counted, (1..=24).collect::<Vec<u64>>(), "each counts once");
    let status = fleet.workers();
    assert!(status["finished"].as_u64().unwrap() >= 24, "{status}");
    assert_eq!(status["workers"].as_array().unwrap().len(), 2, "{status}");
    for worker in [one, two] {
        assert!(worker.stop(), "it ends by itself");
    }
    host.stop();
}

#[test]
fn the_call_of_a_killed_worker_is_given_to_another() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one", "two"]) else {
        return;
    };
    let mut workers = ["one", "two"].map(|name| Worker::start(&fleet, name, &[]));
    let gate = Gate::start();
    asking_app(&fleet, &gate);
    let _host = fleet.serve(ON_WORKERS_ALONE);
    let sent = ask(&site, &gate);
    gate.wait_for(1);
    let running = fleet.running();
    let worker = workers.iter_mut().find(|worker| worker.name == running);
    worker.unwrap().kill();
    gate.wait_for(2);
    gate.open();
    assert_eq!(sent.answer().status(), 200);
    let status = fleet.workers();
    assert_eq!(status["redelivered"], 1, "{status}");
    assert_eq!(status["lost"], 1, "{status}");
}

#[test]
fn calls_go_on_when_the_server_comes_back() {
    let site = Site::new();
    let Some(mut fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let _worker = Worker::start(&fleet, "one", &[]);
    let gate = Gate::start();
    asking_app(&fleet, &gate);
    app(&fleet, "counts", &guest("stateful"), "");
    let _host = fleet.serve(ON_WORKERS_ALONE);
    assert_eq!(call(&site.rpc("counts"), "count", "{}").text(), "1");
    let sent = ask(&site, &gate);
    gate.wait_for(1);
    fleet.server.kill();
    gate.open();
    let waits = send(&site.rpc("counts"), "count", Some(b"{}"));
    fleet.server.start_again();
    assert_eq!(sent.answer().status(), 200);
    assert_eq!(waits.answer().text(), "2");
    assert_eq!(gate.n_arrived(), 1, "the call was not run again");
}

#[test]
fn what_nobody_signed_runs_on_no_worker_that_was_not_told_so() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one", "two"]) else {
        return;
    };
    let careful = Worker::start(&fleet, "one", &[]);
    unsigned_app(&fleet, "counts", &guest("stateful"));
    let _host = fleet.serve(ON_WORKERS_ALONE);
    careful.wait_for_log("refused: the app is not signed");
    let sent = send(&site.rpc("counts"), "count", Some(b"{}"));
    let _careless = Worker::start(&fleet, "two", &["--allow-unsigned"]);
    assert_eq!(sent.answer().text(), "1");
    assert_eq!(fleet.done_by("one"), 0);
}

#[test]
fn an_app_of_another_author_is_refused() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let key = fleet.author.public_key();
    let other = crate::support::people::Person::new(&site, "other@example.org", 77);
    let strict = Worker::start(&fleet, "one", &["--author", &other.public_key()]);
    app(&fleet, "counts", &guest("stateful"), "");
    let _host = fleet.serve(ON_WORKERS_ALONE);
    strict.wait_for_log("refused: it is signed by none of the keys of --author");
    drop(strict);
    let sent = send(&site.rpc("counts"), "count", Some(b"{}"));
    let _known = Worker::start(&fleet, "one", &["--author", &key]);
    assert_eq!(sent.answer().text(), "1");
}

#[test]
fn a_stopped_worker_finishes_its_call_first() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let worker = Worker::start(&fleet, "one", &[]);
    let gate = Gate::start();
    asking_app(&fleet, &gate);
    let _host = fleet.serve(ON_WORKERS_ALONE);
    let sent = ask(&site, &gate);
    gate.wait_for(1);
    worker.ask_to_stop();
    worker.wait_for_log("it takes no more calls");
    gate.open();
    assert_eq!(sent.answer().status(), 200);
    assert!(worker.stop());
    assert_eq!(gate.n_arrived(), 1);
}

#[test]
fn a_worker_is_reached_by_tls() {
    let site = Site::new();
    let Some((certificate, key)) = certificate(&site) else {
        return not_run("there is no openssl");
    };
    let tls = Some((certificate.clone(), key));
    let Some(server) = NatsServer::start_with(site.path(), &["one"], tls) else {
        return;
    };
    let fleet = Fleet::of(&site, server);
    let strange = Worker::try_start(&fleet, "one", &[]);
    let refused = strange.refused();
    assert!(refused.contains("no encrypted connection"), "{refused}");
    assert!(refused.contains("--ca FILE"), "{refused}");
    let ca = certificate.to_str().unwrap();
    let _worker = Worker::start(&fleet, "one", &["--ca", ca]);
    app(&fleet, "counts", &guest("stateful"), "");
    let options = [ON_WORKERS_ALONE, &["--workers-ca", ca]].concat();
    let _host = fleet.serve(&options);
    assert_eq!(call(&site.rpc("counts"), "count", "{}").text(), "1");
}

#[test]
fn a_server_without_tls_is_not_spoken_to_where_it_has_to_be_encrypted() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let url = fleet.server.url().replace("nats://", "tls://");
    let refused = Worker::try_start_at(&fleet, "one", &url, &[]).refused();
    assert!(refused.contains("no encrypted connection"), "{refused}");
}

/// What waits for a worker can be counted at the server.
#[test]
fn a_call_that_waits_is_in_the_queue() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let _worker = Worker::start(&fleet, "one", &["--concurrency", "1"]);
    let gate = Gate::start();
    asking_app(&fleet, &gate);
    let _host = fleet.serve(ON_WORKERS_ALONE);
    let first = ask(&site, &gate);
    gate.wait_for(1);
    let second = ask(&site, &gate);
    wait_for("a message in the queue", || {
        (n_queued(&fleet) == 1).then_some(())
    });
    gate.open();
    assert_eq!(
        (first.answer().status(), second.answer().status()),
        (200, 200)
    );
    wait_for("an empty queue", || (n_queued(&fleet) == 0).then_some(()));
}
