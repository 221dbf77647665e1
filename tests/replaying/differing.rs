//! Another build does something else, which is found.

use std::fs;

use serde_json::json;

use super::{ends, folder, patched, read, recorded, replay, run, start_recorded, wait_for_kept};
use crate::support::client::call;
use crate::support::guests::{example, guest};
use crate::support::installed::Installation;
use crate::support::site::Site;

#[test]
fn another_answer_is_shown() {
    let (site, file) = recorded();
    let changed = patched(&site, &example("hello"), "Hello, ", "Hallo, ");
    let (code, report) = replay(&site, &file, &["--with", changed.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(report["same"], false);
    assert_eq!(ends(&report), ["body of the answer"]);
    let part = &report["parts"]["end"][0];
    assert_eq!(part["recorded"], json!(["Hello, Ada!"]));
    assert_eq!(part["now"], json!(["Hallo, Ada!"]));
    // And for people.
    let with = [
        "replay",
        file.to_str().unwrap(),
        "--with",
        changed.to_str().unwrap(),
    ];
    let ended = run(&site, &with);
    assert_eq!(ended.code, Some(1));
    for line in ["recorded  Hello, Ada!", "now       Hallo, Ada!"] {
        assert!(ended.stdout.contains(line), "{}", ended.stdout);
    }
}

#[test]
fn the_first_thing_that_is_asked_for_otherwise_is_shown() {
    let site = Site::new();
    let host = start_recorded(&site, &guest("stateful"), &[]);
    let body = json!({"value": "v", "end": "answer"}).to_string();
    call(&host.rpc, "set-and", &body);
    let file = wait_for_kept(&site, 1);
    let changed = patched(&site, &guest("stateful"), "ended", "endid");
    let (code, report) = replay(&site, &file, &["--with", changed.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{report:#}");
    let step = &report["parts"]["step"];
    assert_eq!(step["what"], "the 1st thing that it asked for");
    assert_eq!(step["recorded"], json!(["state set `ended`", "v"]));
    assert_eq!(step["now"], json!(["state set `endid`", "v"]));
    assert_eq!(ends(&report), ["state `ended`", "state `endid`"]);
}

#[test]
fn what_the_recording_does_not_have_is_named() {
    let site = Site::new();
    let host = start_recorded(&site, &guest("stateful"), &[]);
    call(&host.rpc, "get", &json!({"key": "asked"}).to_string());
    let file = wait_for_kept(&site, 1);
    let mut changed = read(&file);
    changed["request"]["body"] = json!(r#"{"key":"other"}"#);
    fs::write(&file, changed.to_string()).unwrap();
    let (code, report) = replay(&site, &file, &[]);
    assert_eq!(code, Some(1), "{report:#}");
    let lack = json!({"after": 0, "what": "the value of `other` in the state"});
    assert_eq!(report["lacks"], json!([lack]));
    let now = report["parts"]["end"].to_string();
    assert!(
        now.contains("the recording does not have this"),
        "{report:#}"
    );
}

#[test]
fn an_installed_app_takes_part_by_its_name() {
    let (site, file) = recorded();
    let changed = patched(&site, &example("hello"), "Hello, ", "Howdy, ");
    Installation::new(&site).put("greeter", &fs::read(changed).unwrap());
    let (code, report) = replay(&site, &file, &["--with", "greeter"]);
    assert_eq!(code, Some(1));
    assert_eq!(report["parts"]["end"][0]["now"], json!(["Howdy, Ada!"]));
    let path = file.to_str().unwrap();
    let error = run(&site, &["replay", path, "--with", "nothing"]).refused();
    assert!(error.contains("no installed app"), "{error}");
}

#[test]
fn a_component_that_is_gone_is_said_to_be() {
    let (site, file) = recorded();
    let mut changed = read(&file);
    changed["app"]["component"] = json!("0".repeat(64));
    fs::write(&file, changed.to_string()).unwrap();
    let error = run(&site, &["replay", file.to_str().unwrap()]).refused();
    assert!(error.contains("not on this machine any more"), "{error}");
    assert!(error.contains("--with COMPONENT"), "{error}");
    assert!(folder(&site).is_dir());
}
