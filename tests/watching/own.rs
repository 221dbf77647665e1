//! No event is delivered of what an app did itself.

use std::fs;

use super::site::{ALL, delivered_briefly, start, unasking};
use crate::support::apps::with_manifest;
use crate::support::client::call;
use crate::support::host::Host;
use crate::support::site::{OWNER, Site};

const PUBLIC: &[&str] = &["{datasite}/public/**"];

#[test]
fn what_an_app_does_when_an_event_is_delivered_is_no_event() {
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let host = start(&site, ALL, &[], PUBLIC);
    for (name, left, text) in [
        ("append.txt", "append.txt", "x+"),
        ("rewrite.txt", "rewrite.txt", "rewritten"),
        ("copy.txt", "copied.txt", "x"),
        ("rename.txt", "renamed.txt", "x"),
    ] {
        let path = site.write(&format!("public/{name}"), "x");
        let expected = format!("created public/{name}");
        assert_eq!(delivered_briefly(&site, &host), [expected], "{name}");
        let left = path.with_file_name(left);
        assert_eq!(fs::read_to_string(&left).unwrap(), text, "{name}");
        assert_eq!(delivered_briefly(&site, &host), [""; 0], "{name}");
    }
    let path = site.write("public/remove.txt", "x");
    assert_eq!(
        delivered_briefly(&site, &host),
        ["created public/remove.txt"]
    );
    assert!(!path.exists());
    assert_eq!(delivered_briefly(&site, &host), [""; 0]);
}

#[test]
fn what_others_do_afterwards_is_an_event() {
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let host = start(&site, ALL, &[], PUBLIC);
    let path = site.write("public/append.txt", "x");
    assert_eq!(
        delivered_briefly(&site, &host),
        ["created public/append.txt"]
    );
    for round in 1..4 {
        fs::write(&path, format!("by hand {round}")).unwrap();
        assert_eq!(
            delivered_briefly(&site, &host),
            ["modified public/append.txt"]
        );
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "by hand 3+");
    fs::remove_file(&path).unwrap();
    assert_eq!(
        delivered_briefly(&site, &host),
        ["deleted public/append.txt"]
    );
}

#[test]
fn what_an_app_does_in_a_request_is_no_event() {
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let host = start(&site, ALL, &[], PUBLIC);
    for text in ["one", "more", "longer still"] {
        let body = format!("{OWNER}/public/a.txt\n{text}");
        assert_eq!(call(&host.rpc, "write", &body).status(), 200);
        assert_eq!(delivered_briefly(&site, &host), [""; 0]);
    }
    site.write("public/a.txt", "by hand");
    assert_eq!(delivered_briefly(&site, &host), ["modified public/a.txt"]);
}

/// The app writes over a change that it has not heard of yet.
#[test]
fn a_change_by_others_is_delivered_though_the_app_wrote_after_it() {
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let host = start(&site, ALL, &[], PUBLIC);
    let path = site.write("public/a.txt", "x");
    assert_eq!(delivered_briefly(&site, &host), ["created public/a.txt"]);
    // Open for writing, it does not rest before the app has written as well.
    let file = fs::File::options().append(true).open(&path).unwrap();
    file.set_len(0).unwrap();
    let body = format!("{OWNER}/public/a.txt\nby the app");
    assert_eq!(call(&host.rpc, "write", &body).status(), 200);
    drop(file);
    assert_eq!(delivered_briefly(&site, &host), ["modified public/a.txt"]);
}

/// What an app does before it fails is its own, too: it does not try for ever. Others see it only
/// where the app wants that.
#[test]
fn an_app_that_writes_and_fails_is_done_some_time() {
    for (immediate, left) in [(false, "x"), (true, "x+++++")] {
        let site = Site::new();
        fs::create_dir_all(site.own("public")).unwrap();
        let manifest = format!("[files]\nwrite = {PUBLIC:?}\nimmediate-writes = {immediate}\n");
        let app = with_manifest(&site, &unasking(&site, ALL), &manifest);
        let options = ["--name", "app", "--allow-all-requested"];
        let retries = ["--retry-first", "20ms", "--retry-attempts", "5"];
        let host = Host::start(&site, &app, &[options.as_slice(), &retries].concat());
        let path = site.write("public/spoil.txt", "x");
        host.wait_for_log("the end", |line| line.to_string().contains("given up"));
        assert_eq!(delivered_briefly(&site, &host), [""; 0]);
        assert_eq!(fs::read_to_string(path).unwrap(), left);
        let failures = host
            .log()
            .into_iter()
            .filter(|line| line["event"] == "created");
        let mut ids: Vec<_> = failures
            .filter(|failure| failure["path"].as_str().unwrap().ends_with("spoil.txt"))
            .map(|failure| failure["id"].to_string())
            .collect();
        assert_eq!(ids.len(), 5);
        ids.dedup();
        assert_eq!(ids.len(), 1);
    }
}
