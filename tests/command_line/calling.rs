//! Names that are called: as they are typed, mistyped, not known here, or served by nobody.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{as_owner, call, probe, publish_schema};
use crate::support::guests::guest;
use crate::support::host::{output, syft_host};
use crate::support::installed::{Installation, Serving};
use crate::support::people::Person;
use crate::support::site::{CALLER, OWNER, Site};

#[test]
fn call_takes_the_name_of_an_app_and_an_endpoint() {
    let (site, _host) = probe();
    for (target, expected) in [
        ("app/text", 0),
        (&format!("{OWNER}/app/text"), 0),
        (&format!("{OWNER}/app_data/app/rpc/text"), 0),
        ("app/deep/er", 0),
        ("app/refuse?x=1", 1),
    ] {
        let called = as_owner(&site, &["call", target, "--json", "--body", "World"]);
        assert_eq!(called.code, Some(expected), "{target}: {called:?}");
        let answer: Value = serde_json::from_str(&called.stdout).unwrap();
        let url = answer["url"].as_str().unwrap();
        let start = format!("syft://{OWNER}/app_data/app/rpc/");
        assert!(url.starts_with(&start), "{url}");
    }
}

/// With nothing but a time to wait, nobody would know that the name is wrong.
#[test]
fn a_mistyped_name_is_no_call_and_no_wait() {
    let site = Site::new();
    publish_schema(&site, OWNER, "greeter", r#"{"/hello": {}, "/divide": {}}"#);
    publish_schema(&site, CALLER, "chat", r#"{"/say": {}}"#);
    fs::create_dir_all(site.datasites().join(CALLER).join("app_data/old")).unwrap();
    let wrong = |target: &str| {
        let called = as_owner(&site, &["call", target, "--timeout", "1h"]);
        assert_eq!(called.code, Some(2), "{target}: {called:?}");
        assert!(called.stderr.contains("--no-check"), "{called:?}");
        called.stderr
    };
    for (target, expected) in [
        (
            "greeter/divde",
            "error: `greeter` has no endpoint /divde\nhint: did you mean `greeter/divide`?\n",
        ),
        ("greeter/subtract", "hint: there are `/hello`, `/divide`\n"),
        ("greeter", "error: no endpoint of `greeter` is named\n"),
        (
            "greter/hello",
            "has no app `greter`\nhint: did you mean `greeter`?\n",
        ),
        ("chat/say", "has no app `chat`\nhint: there are `greeter`\n"),
        (
            &format!("{CALLER}/chat/sya"),
            &format!("hint: did you mean `{CALLER}/chat/say`?\n"),
        ),
        (
            &format!("{CALLER}/chatt/say"),
            "hint: did you mean `chat`?\n",
        ),
        (
            "syft://geust@example.com/app_data/chat/rpc/say",
            &format!("is not on this machine\nhint: did you mean {CALLER}?\n"),
        ),
    ] {
        let stderr = wrong(target);
        assert!(stderr.contains(expected), "{target}: {stderr}");
    }
    assert!(
        !site.rpc("greeter").join("divde").exists(),
        "nothing is made for it"
    );
}

/// A folder that was made for a mistyped name would make it one that is known.
#[test]
fn what_is_not_on_this_machine_is_called_by_who_asks_for_it() {
    let site = Site::new();
    publish_schema(&site, CALLER, "chat", r#"{"/say": {}}"#);
    for (target, expected, folder) in [
        (
            "somebody@elsewhere.org/chat/say",
            "error: the datasite somebody@elsewhere.org is not on this machine\n",
            "somebody@elsewhere.org",
        ),
        (
            &format!("{CALLER}/leaderboard/top"),
            &format!("error: the app `leaderboard` of {CALLER} is not on this machine\n"),
            &format!("{CALLER}/app_data/leaderboard"),
        ),
    ] {
        let folder = site.datasites().join(folder);
        // Twice: what the first one leaves makes nothing known.
        for _ in 0..2 {
            let stderr = as_owner(&site, &["call", target, "--timeout", "1h"]).refused();
            assert!(stderr.starts_with(expected), "{stderr}");
            assert!(stderr.contains("--no-check"), "{stderr}");
            assert!(!folder.exists(), "nothing is made for it");
        }
        let options = ["call", target, "--timeout", "1s", "--no-check"];
        assert_eq!(as_owner(&site, &options).code, Some(3));
        assert!(folder.exists());
    }
}

#[test]
fn who_sits_at_a_terminal_is_asked_about_what_is_not_known() {
    let site = Site::new();
    let owner = Person::new(&site, OWNER, 1);
    let call = ["call", "somebody@elsewhere.org/chat/say", "--timeout", "1s"];
    let Some((called, shown)) = owner.on_terminal(&site, &["n"], &call) else {
        return;
    };
    let folder = site.datasites().join("somebody@elsewhere.org");
    assert!(!called && shown.contains("Not called."), "{shown}");
    assert!(!shown.contains("error") && !folder.exists(), "{shown}");
    let (called, shown) = owner.on_terminal(&site, &["y"], &call).unwrap();
    assert!(!called && shown.contains("no answer within 1 s"), "{shown}");
    assert!(folder.exists());
}

#[test]
fn an_own_app_that_no_host_serves_is_not_waited_for() {
    let (site, host) = probe();
    let call = || as_owner(&site, &["call", "app/text", "--timeout", "1h"]);
    assert_eq!(call().code, Some(0));
    host.stop();
    let stderr = call().refused();
    let expected =
        "error: no host of this machine serves `app`\nhint: serve it with `syft-host run`";
    assert!(stderr.starts_with(expected), "{stderr}");
    assert!(stderr.contains("--no-check"), "{stderr}");
    let left = fs::read_dir(site.rpc("app").join("text").join(OWNER)).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(
        left,
        [".syftkeep"],
        "no request is left to be answered later"
    );

    let installation = Installation::new(&site);
    // It has not been served yet, so it has no folder.
    installation.put("counter", &fs::read(guest("probe")).unwrap());
    let stderr = as_owner(&site, &["call", "counter/text"]).refused();
    assert!(
        stderr.starts_with("error: no host of this machine serves `counter`\n"),
        "{stderr}"
    );
    let stderr = as_owner(&site, &["call", "countre/text"]).refused();
    assert!(
        stderr.contains("hint: did you mean `counter`?\n"),
        "{stderr}"
    );
    installation.put("app", &fs::read(guest("probe")).unwrap());
    let stderr = call().refused();
    assert!(
        stderr.contains("hint: start `syft-host serve`\n"),
        "{stderr}"
    );
    let _serving = Serving::start(&site, &[]);
    assert_eq!(call().code, Some(0));
}

/// Such as one under SyftEvent.
#[test]
fn an_own_app_of_another_program_is_waited_for() {
    let site = Site::new();
    publish_schema(&site, OWNER, "other", r#"{"/say": {}}"#);
    let called = as_owner(&site, &["call", "other/say", "--timeout", "1s"]);
    assert_eq!(called.code, Some(3), "{called:?}");
    let note = "note: no host of this machine serves `other`: waiting up to 1 s for whoever does";
    assert!(called.stderr.contains(note), "{called:?}");
}

#[test]
fn an_error_says_which_request_the_log_has() {
    let (site, host) = probe();
    let refused = call(&site, "refuse", &[]);
    let (_, id) = refused
        .2
        .split_once("finds it in the host's log, id ")
        .unwrap();
    host.wait_for_log("the request", |line| line["id"] == id.trim_end());
    let own = as_owner(&site, &["call", "app/refuse"]).stderr;
    let (_, id) = own.split_once("hint: `syft-host logs --id ").unwrap();
    let (id, _) = id.split_once('`').unwrap();
    host.wait_for_log("the request", |line| line["id"] == id);
    let refused = call(&site, "refuse", &["--json"]);
    let answer: Value = serde_json::from_str(&refused.1).unwrap();
    host.wait_for_log("the request", |line| line["id"] == answer["id"]);
}

#[test]
fn each_command_knows_which_app_is_meant() {
    let site = Site::new();
    let installation = Installation::new(&site);
    installation.put("greeter", &fs::read(guest("probe")).unwrap());
    fs::create_dir_all(installation.app_folder("greeter")).unwrap();
    for command in [
        "status", "logs", "record", "parked", "resume", "update", "approve", "rollback", "remove",
        "inspect", "describe",
    ] {
        let stderr = as_owner(&site, &[command, "greter"]).refused();
        assert!(
            stderr.contains("hint: did you mean `"),
            "{command}: {stderr}"
        );
        assert!(stderr.contains("greeter`?"), "{command}: {stderr}");
    }
}

/// A command that is broken for want of room is none any more.
#[test]
fn the_demo_is_called_by_what_it_prints() {
    let site = Site::new();
    let mut command = syft_host(&site);
    command
        .env("COLUMNS", "80")
        .args(["demo", "--keep-serving"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut demo = command.spawn().unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut shown = lines.map_while(Result::ok);
    shown.find(|line| line.contains("In another terminal"));
    let mut call = String::new();
    for line in shown {
        call += &format!("{line}\n");
        if line.contains("--body") {
            break;
        }
    }
    let mut typed = Command::new("sh");
    typed.args(["-c", &call]).env("HOME", site.path());
    let called = output(&mut typed);
    kill_process(Pid::from_child(&demo), Signal::TERM).unwrap();
    demo.wait().unwrap();
    assert_eq!(called.stdout, b"Hello, Grace!\n", "{call}\n{called:?}");
}
