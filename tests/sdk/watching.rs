//! Watchers of the SDK, told by the host what happens in the tree.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::apps::granted;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

fn start(site: &Site) -> Host {
    let patterns = [&*format!("{OWNER}/watched/*")];
    let component = granted(site, &guest("toolbox"), &patterns, &[], &[]);
    Host::start(
        site,
        &component,
        &["--name", "app", "--allow-all-requested"],
    )
}

/// Waits until a watcher heard of so many things, and returns them.
fn wait_for_heard(host: &Host, by: &str, n: usize) -> Vec<Value> {
    wait_for(&format!("{n} events for {by}"), || {
        let answer = call(&host.rpc, "heard", "");
        let heard: Vec<Value> = serde_json::from_str(&answer.text()).unwrap();
        let heard: Vec<Value> = heard
            .into_iter()
            .filter(|event| event["by"] == by)
            .collect();
        (heard.len() >= n).then_some(heard)
    })
}

fn folder(site: &Site) -> PathBuf {
    let folder = site.datasites().join(OWNER).join("watched");
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_watcher_is_told_of_its_files_and_of_all_that_happens_to_them() {
    let site = Site::new();
    let folder = folder(&site);
    let host = start(&site);
    let event = |kind: &str, name: &str, content: Option<&str>| {
        json!({
            "by": "on_text",
            "kind": kind,
            "path": format!("/datasites/{OWNER}/watched/{name}"),
            "moved_from": null,
            "content": content,
            "attempt": 1,
        })
    };
    fs::write(folder.join("not.txt"), "no").unwrap();
    fs::write(folder.join("a.md"), "no").unwrap();
    fs::write(folder.join("a.txt"), "one").unwrap();
    let mut expected = vec![event("Created", "a.txt", Some("one"))];
    assert_eq!(wait_for_heard(&host, "on_text", 1), expected);
    fs::write(folder.join("a.txt"), "two!").unwrap();
    expected.push(event("Modified", "a.txt", Some("two!")));
    assert_eq!(wait_for_heard(&host, "on_text", 2), expected);
    fs::rename(folder.join("a.txt"), folder.join("b.txt")).unwrap();
    let mut moved = event("Moved", "b.txt", Some("two!"));
    moved["moved_from"] = json!(format!("{OWNER}/watched/a.txt"));
    expected.push(moved);
    assert_eq!(wait_for_heard(&host, "on_text", 3), expected);
    fs::remove_file(folder.join("b.txt")).unwrap();
    expected.push(event("Deleted", "b.txt", None));
    assert_eq!(wait_for_heard(&host, "on_text", 4), expected);
}

/// What the failed attempt wrote is not kept.
#[test]
fn a_watcher_that_fails_is_told_again() {
    let site = Site::new();
    let folder = folder(&site);
    let host = start(&site);
    fs::write(folder.join("a.yaml"), "a: 1").unwrap();
    let heard = wait_for_heard(&host, "on_json", 1);
    assert_eq!(heard, [json!({"by": "on_json", "attempt": 2})]);
    host.wait_for_log("the failure", |line| {
        line.to_string().contains("not at the first attempt")
    });
}
