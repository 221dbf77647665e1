//! `broadcast`: apps of several owners ask each other, through the tree.

use serde_json::json;

use super::{ALICE, BOB, CAROL, call_as, json_of, start, start_of};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

#[test]
fn counts_the_votes_of_those_who_answer() {
    let site = Site::new();
    let host = start(&site, "broadcast");
    let (_homes, others): (Vec<_>, Vec<_>) = [ALICE, BOB, CAROL]
        .map(|owner| start_of(&site, owner, "broadcast"))
        .into_iter()
        .unzip();
    for (other, (owner, vote)) in others
        .iter()
        .zip([(ALICE, "yes"), (BOB, "yes"), (CAROL, "no")])
    {
        let said = call_as(other, owner, "opinion", &json!({"vote": vote}));
        assert_eq!(said.status(), 200, "{}", said.text());
    }
    let asked = json!({"question": "Tea?", "datasites": [ALICE, BOB, CAROL, OWNER]});
    assert_eq!(call_as(&host, ALICE, "ask", &asked).status(), 403);
    let poll = call_as(&host, OWNER, "ask", &asked).text();
    let count = wait_for("the votes", || {
        let count = json_of(&call_as(&host, ALICE, "count", &json!({"poll": poll})));
        let voted = ["yes", "no", "silent"].map(|key| count[key].as_u64().unwrap());
        (voted.iter().sum::<u64>() == 4).then_some(count)
    });
    // The owner has no opinion.
    assert_eq!(count, json!({"asked": 4, "yes": 2, "no": 1, "silent": 1}));
    let nobodys = call_as(&host, ALICE, "count", &json!({"poll": "x"}));
    assert_eq!(nobodys.status(), 404);
}
