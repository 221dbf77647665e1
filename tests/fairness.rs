//! Nobody waits for somebody else's flood.

use crate::support::client::{Sent, call, request, send};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::Site;
use crate::support::wait_for;
use uuid::Uuid;

const FLOODER: &str = "eve@example.com";

fn flood(site: &Site, n_requests: usize) -> Vec<Sent> {
    let folder = site.rpc("app").join("sleep-loudly").join(FLOODER);
    (0..n_requests)
        .map(|_| {
            let id = Uuid::new_v4();
            let request = request(id, FLOODER, "sleep-loudly", Some(br#"{"ms":50}"#));
            Sent::write(&folder, id, request.to_string().as_bytes())
        })
        .collect()
}

fn n_answered(sent: &[Sent]) -> usize {
    sent.iter().filter(|it| it.response_path().exists()).count()
}

#[test]
fn one_request_does_not_wait_for_the_flood_of_another_sender() {
    let site = Site::new();
    let flood = flood(&site, 1_000);
    let options = ["--name", "app", "--concurrency", "8", "--log", "warn"];
    let host = Host::start(&site, &guest("probe"), &options);
    wait_for("the flood to be at work", || {
        (n_answered(&flood) > 8).then_some(())
    });
    for _ in 0..3 {
        let before = n_answered(&flood);
        assert_eq!(call(&host.rpc, "echo", "quick").text(), "quick");
        let meanwhile = n_answered(&flood) - before;
        assert!(meanwhile < 100, "{meanwhile} of the flood came first");
    }
    assert!(
        n_answered(&flood) < 900,
        "the flood is over too soon to show anything"
    );
}

#[test]
fn a_sender_whose_calls_take_long_leaves_room_for_others() {
    let site = Site::new();
    let options = ["--name", "app", "--concurrency", "8", "--time", "10m"];
    let host = Host::start(&site, &guest("probe"), &options);
    let folder = host.rpc.join("sleep-loudly").join(FLOODER);
    for _ in 0..50 {
        let id = Uuid::new_v4();
        let request = request(id, FLOODER, "sleep-loudly", Some(br#"{"ms":600000}"#));
        Sent::write(&folder, id, request.to_string().as_bytes());
    }
    let is_asleep = |line: &serde_json::Value| line.to_string().contains("sleeping");
    wait_for("seven sleepers", || {
        (host.log().iter().filter(|line| is_asleep(line)).count() >= 7).then_some(())
    });
    let quick: Vec<Sent> = (0..20)
        .map(|_| send(&host.rpc, "echo", Some(b"quick")))
        .collect();
    for sent in quick {
        assert_eq!(sent.answer().text(), "quick");
    }
}
