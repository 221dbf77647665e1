//! `python-inbox`: encrypted letters from one owner to another.

use serde_json::{Value, json};

use super::{ALICE, BOB, call_as, folder_of};
use crate::python::venv;
use crate::support::host::{Ended, Host, output, output_of_build, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

/// Starts the example for one of two owners of a tree, who has keys. It has a home of its own.
fn start(tree: &Site, owner: &str) -> (Site, Host) {
    let home = Site::new();
    let config = tree.config(owner);
    let mut command = syft_host(&home);
    command.args(["encryption", "setup", "--config"]);
    Ended::of(&output(command.arg(&config))).succeeded();
    let mut command = syft_host(&home);
    command.arg("run").arg(folder_of("python-inbox"));
    // What it asks for stands in its text alone.
    command.args(["--allow-send", "*/app_data/python-inbox/rpc/deliver"]);
    command.arg("--config").arg(config);
    let host = Host::spawn(&home, command);
    (home, host)
}

/// Calls an app as its owner.
fn ask(tree: &Site, owner: &str, endpoint: &str, body: &Value) -> Value {
    let url = format!("syft://{owner}/app_data/python-inbox/rpc/{endpoint}");
    let mut command = syft_host(tree);
    command.args(["call", &url, "--body", &body.to_string(), "--config"]);
    let called = Ended::of(&output(command.arg(tree.config(owner)))).succeeded();
    serde_json::from_str(&called.stdout).unwrap()
}

#[test]
fn letters_arrive_and_their_writer_learns_of_it() {
    if venv::python().is_none() {
        return;
    }
    let tree = Site::new();
    let (_alices, host) = start(&tree, OWNER);
    let (_bobs, _bob) = start(&tree, BOB);
    let letter = json!({"to": BOB, "text": "Grüße"});
    assert_eq!(ask(&tree, OWNER, "write", &letter), json!({"number": 1}));
    let none = json!({});
    let sent = wait_for("the letter to be delivered", || {
        let sent = ask(&tree, OWNER, "sent", &none);
        (sent[0]["is"] != "on its way").then_some(sent)
    });
    assert_eq!(sent[0]["is"], "delivered", "{sent}");
    let letters = ask(&tree, BOB, "read", &none);
    assert_eq!(letters[0]["from"], OWNER, "{letters}");
    assert_eq!(letters[0]["text"], "Grüße");

    let stranger = call_as(&host, ALICE, "deliver", &json!({"text": "plain"}));
    assert_eq!(
        (stranger.status(), &*stranger.text()),
        (400, "Letters have to be encrypted.")
    );
    assert_eq!(call_as(&host, ALICE, "read", &none).status(), 403);
    // Somebody without keys cannot be written to.
    ask(&tree, OWNER, "write", &json!({"to": ALICE, "text": "x"}));
    let refused = wait_for("the letter to be refused", || {
        let sent = ask(&tree, OWNER, "sent", &none);
        (sent[0]["is"] != "on its way").then_some(sent)
    });
    let is = refused[0]["is"].as_str().unwrap();
    assert!(is.starts_with("not delivered: "), "{is}");
}

#[test]
fn its_own_tests_pass() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let mut command = syft_host(&site);
    command.arg("test").arg(folder_of("python-inbox"));
    let tested = Ended::of(&output_of_build(&mut command)).succeeded();
    assert!(tested.stdout.contains("4 passed"), "{}", tested.stdout);
}
