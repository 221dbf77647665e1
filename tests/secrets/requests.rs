//! Secrets that the host adds to requests.

use serde_json::{Value, json};

use super::{SECRET, SERVER, ask, files_with, secret, set, stderr};
use crate::support::apps::with_manifest;
use crate::support::guests::guest;
use crate::support::host::{Ended, Host, output};
use crate::support::site::Site;

/// Starts the guest that sends requests. It asks for a secret for the server by its address, and
/// may send requests to it by its name too.
fn start(site: &Site, options: &[&str]) -> Host {
    let origin = SERVER.origin();
    let toml = format!(
        "[http]\nallow = ['{origin}', '{}']\n[secrets.KEY]\nsend-to = '{origin}'\n",
        by_name("")
    );
    let app = with_manifest(site, &guest("web"), &toml);
    Host::start(site, &app, &[&["--name", "app"], options].concat())
}

fn start_allowed(site: &Site) -> Host {
    start(site, &["--allow-all-requested", "--log", "trace"])
}

fn by_name(path: &str) -> String {
    format!("http://localhost:{}{path}", SERVER.port)
}

fn by_address(path: &str) -> String {
    format!("{}{path}", SERVER.origin())
}

/// Sends a request with a header of the guest's own, and returns what the server got.
fn sent(host: &Host, url: &str) -> String {
    let answer = ask(host, "send", &json!({"url": url, "secret": "Bearer own"}));
    answer["body"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

fn assert_unlogged(site: &Site) {
    let log = stderr(site);
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn the_host_adds_it_where_it_belongs_and_nowhere_else() {
    let site = Site::new();
    set(&site, "KEY", &format!("{SECRET}\n"));
    let host = start_allowed(&site);
    let got = sent(&host, &by_address("/echo"));
    assert_eq!(got.matches("authorization: ").count(), 1, "{got}");
    assert!(
        got.contains(&format!("\nauthorization: Bearer {SECRET}\n")),
        "{got}"
    );
    let got = sent(&host, &by_name("/echo"));
    assert!(got.contains("\nauthorization: Bearer own\n"), "{got}");
    assert!(!got.contains(SECRET), "{got}");
    assert_unlogged(&site);
}

#[test]
fn a_redirect_takes_it_nowhere() {
    let site = Site::new();
    set(&site, "KEY", SECRET);
    let host = start_allowed(&site);
    let around = by_address(&format!("/redirect?{}", by_name("/echo")));
    let steps = ask(&host, "follow", &json!({"url": around}));
    let last = steps[1][1]["body"].as_str().unwrap();
    assert!(last.starts_with("GET /echo "), "{steps}");
    assert!(!steps.to_string().contains(SECRET), "{steps}");
    // Back to where it belongs, it is there again.
    let around = by_name(&format!("/redirect?{}", by_address("/echo")));
    let steps = ask(&host, "follow", &json!({"url": around}));
    assert!(steps[1][1].to_string().contains(SECRET), "{steps}");
    assert_unlogged(&site);
}

/// It lies in the owner's private folder, and nowhere else on the disk.
#[test]
fn it_is_in_no_file_of_the_tree() {
    let site = Site::new();
    set(&site, "KEY", SECRET);
    let host = start_allowed(&site);
    let answer = ask(&host, "send", &json!({"url": by_address("/json")}));
    assert_eq!(answer["status"], 200);
    host.stop();
    let found = files_with(site.path(), SECRET);
    let [file] = &found[..] else {
        panic!("{found:?}");
    };
    assert!(
        file.ends_with("apps/owner@example.com/app/secrets/KEY"),
        "{found:?}"
    );
}

#[test]
fn what_servers_do_wrong_shows_it_to_nobody() {
    let site = Site::new();
    set(&site, "KEY", SECRET);
    let host = start_allowed(&site);
    for path in [
        "/gibberish",
        "/cut-off",
        "/endless-headers",
        "/many-headers",
    ] {
        let answer = ask(&host, "send", &json!({"url": by_address(path)}));
        assert!(answer["error"].is_string(), "{path}: {answer}");
        assert!(!answer.to_string().contains(SECRET), "{path}: {answer}");
    }
    let refused = json!({"url": by_address("/"), "method": "BREW"});
    assert_eq!(ask(&host, "send", &refused)["error"], "Malformed");
    assert_unlogged(&site);
}

#[test]
fn what_the_owner_did_not_allow_is_not_added() {
    let site = Site::new();
    set(&site, "KEY", SECRET);
    let host = start(&site, &["--allow-http", &SERVER.origin()]);
    let got = sent(&host, &by_address("/echo"));
    assert!(got.contains("\nauthorization: Bearer own\n"), "{got}");
    assert_eq!(ask(&host, "variables", &json!({})), json!([[], []]));
    let told = stderr(&site);
    for line in [
        "note: the app asks for the secret KEY and does not get it",
        "hint: to allow it, run the app with: --allow-secret KEY",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

#[test]
fn one_that_is_allowed_by_name_is_added() {
    let site = Site::new();
    set(&site, "KEY", SECRET);
    let options = ["--allow-http", &SERVER.origin(), "--allow-secret", "KEY"];
    let host = start(&site, &options);
    assert!(sent(&host, &by_address("/echo")).contains(SECRET));
    let stand_in = json!([["KEY", "added-by-the-host-KEY"]]);
    assert_eq!(ask(&host, "variables", &json!({})), json!([[], stand_in]));
}

#[test]
fn a_missing_one_is_named_with_the_command_and_counts_once_it_is_set() {
    let site = Site::new();
    let host = start(&site, &["--allow-all-requested"]);
    let line = host.wait_for_log("the secret", |line| line["hint"].is_string());
    assert_eq!(line["hint"], "set it with: syft-host secret set app KEY");
    assert_eq!(
        line["message"],
        "the app does not get its secret KEY: it is not set"
    );
    let is_added = || -> bool {
        let got = sent(&host, &by_address("/echo"));
        assert_ne!(got.contains(SECRET), got.contains("Bearer own"), "{got}");
        got.contains(SECRET)
    };
    assert!(!is_added());
    set(&site, "KEY", SECRET);
    assert!(is_added());
    Ended::of(&output(&mut secret(&site, &["remove", "app", "KEY"]))).succeeded();
    assert!(!is_added());
    set(&site, "KEY", "no\nheader");
    assert!(!is_added());
    let log: Vec<Value> = host.log();
    let told = "the app does not get its secret KEY: it has characters that no header can have";
    assert!(log.iter().any(|line| line["message"] == told), "{log:?}");
}
