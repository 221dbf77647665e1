//! Who asks for calls takes turns at workers.

use uuid::Uuid;

use super::fleet::{Fleet, Worker};
use super::gate::Gate;
use super::{ON_WORKERS_ALONE, asking_app};
use crate::support::client::{Sent, request};
use crate::support::site::Site;
use crate::support::wait_for;

/// Has somebody call the app that asks the gate, with their name.
fn ask_as(site: &Site, gate: &Gate, sender: &str) -> Sent {
    let id = Uuid::new_v4();
    let body = format!(r#"{{"url": "{}/{sender}"}}"#, gate.origin());
    let request = request(id, sender, "send", Some(body.as_bytes()));
    let folder = site.rpc("asks").join("send").join(sender);
    Sent::write(&folder, id, request.to_string().as_bytes())
}

fn wait_for_queue(fleet: &Fleet<'_>, n_calls: usize) {
    wait_for("calls in the queue", || {
        let status = fleet.workers();
        (status["queued"] == n_calls).then_some(())
    });
}

#[test]
fn a_flood_of_one_sender_does_not_stand_before_the_call_of_another() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let _worker = Worker::start(&fleet, "one", &["--concurrency", "2"]);
    let gate = Gate::start();
    asking_app(&fleet, &gate);
    let _host = fleet.serve(ON_WORKERS_ALONE);
    let flood: Vec<Sent> = (0..42)
        .map(|_| ask_as(&site, &gate, "eve@example.com"))
        .collect();
    gate.wait_for(2);
    wait_for_queue(&fleet, 40);
    let sent = ask_as(&site, &gate, "bob@example.com");
    wait_for_queue(&fleet, 41);
    gate.open();
    assert_eq!(sent.answer().status(), 200);
    for sent in flood {
        assert_eq!(sent.answer().status(), 200);
    }
    let arrived = gate.arrived();
    let place = arrived.iter().position(|path| path.contains("bob"));
    // The call that becomes free first is Bob's. Its request may arrive after that of one more.
    assert!(place.is_some_and(|place| place <= 3), "{arrived:?}");
}
