//! `pingpong`: the released client and another app play against a Rust app.

use serde_json::json;

use super::{ALICE, BOB, call_as, folder_of, json_of, start, start_of};
use crate::python::{released, venv};
use crate::support::host::output;
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::wait_for;

#[test]
fn plays_back() {
    let site = Site::new();
    let host = start(&site, "pingpong");
    let mut pong = json_of(&call_as(&host, ALICE, "ping", &json!({"n": 41})));
    assert!(pong["ms"].take().is_u64());
    assert_eq!(
        pong,
        json!({"n": 42, "from": OWNER, "to": ALICE, "ms": null})
    );
    let too_high = json!({"n": u64::MAX});
    assert_eq!(call_as(&host, ALICE, "ping", &too_high).status(), 400);
    assert_eq!(call_as(&host, ALICE, "ping", &json!({})).status(), 400);
}

#[test]
fn two_apps_play() {
    let site = Site::new();
    let _host = start(&site, "pingpong");
    let (_home, player) = start_of(&site, BOB, "pingpong-player");
    let played = json!({"datasite": OWNER, "rounds": 4});
    let pong = json_of(&call_as(&player, ALICE, "play", &played));
    assert_eq!(pong, json!({"n": 4, "from": OWNER}));

    let served = json!({"datasites": [OWNER, OWNER]});
    let ids = json_of(&call_as(&player, ALICE, "serve", &served));
    assert_eq!(ids.as_array().unwrap().len(), 2);
    let score = wait_for("the score", || {
        let score = json_of(&call_as(&player, ALICE, "score", &json!({})));
        (score["returned"] == 2).then_some(score)
    });
    assert_eq!(score, json!({"returned": 2, "missed": 0, "highest": 1}));
}

#[test]
fn the_script_of_the_other_side_plays() {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let host = start(&site, "pingpong");
    let script = folder_of("pingpong").join("ping.py");
    let mut command = released(python, &site, &script, OWNER);
    let output = output(command.arg("3"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}{stderr}");
    let expected = [(0, 1), (2, 3), (4, 5)]
        .map(|(ping, pong)| format!("ping {ping} -> pong {pong} from {OWNER}\n"));
    assert_eq!(stdout, expected.concat());
    // The client takes the files of an answered request away.
    let left = host.rpc.join("ping").join(CALLER).read_dir().unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".syftkeep"]);
}
