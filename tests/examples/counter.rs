//! `counter` counts each call once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{BOB, built, call_as, call_claiming, json_of, start};
use crate::support::client::{Sent, call, send};
use crate::support::host::Host;
use crate::support::site::{OWNER, Site};

#[test]
fn answers_as_the_readme_of_syftevent_says() {
    let site = Site::new();
    let host = start(&site, "counter");
    for n in 1..=3 {
        assert_eq!(
            call(&host.rpc, "increment", "").text(),
            json!({"counter": n}).to_string()
        );
    }
    assert_eq!(
        json_of(&call(&host.rpc, "value", "")),
        json!({"counter": 3})
    );
}

#[test]
fn loses_no_call_of_many_at_a_time() {
    const N_CALLS: u64 = 200;
    let site = Site::new();
    let host = start(&site, "counter");
    let sent: Vec<Sent> = (0..N_CALLS)
        .map(|_| send(&host.rpc, "increment", None))
        .collect();
    let counted = sent.iter().map(|sent| {
        let answer: Value = json_of(&sent.answer());
        answer["counter"].as_u64().unwrap()
    });
    let counted: BTreeSet<u64> = counted.collect();
    assert_eq!(counted, (1..=N_CALLS).collect());
}

#[test]
fn goes_on_after_a_restart() {
    let site = Site::new();
    let host = start(&site, "counter");
    call(&host.rpc, "increment", "");
    host.stop();
    let host = Host::start(&site, &built("counter"), &[]);
    assert_eq!(
        json_of(&call(&host.rpc, "increment", "")),
        json!({"counter": 2})
    );
}

#[test]
fn begins_anew_for_its_owner_alone() {
    let site = Site::new();
    let host = start(&site, "counter");
    call(&host.rpc, "increment", "");
    assert_eq!(call_as(&host, BOB, "reset", &json!({})).status(), 403);
    assert_eq!(
        call_claiming(&host, OWNER, "reset", &json!({})).status(),
        403
    );
    assert_eq!(
        json_of(&call(&host.rpc, "value", "")),
        json!({"counter": 1})
    );
    assert_eq!(call_as(&host, OWNER, "reset", &json!({})).status(), 200);
    assert_eq!(
        json_of(&call(&host.rpc, "increment", "")),
        json!({"counter": 1})
    );
}
