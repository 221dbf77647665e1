//! A site with an app that watches, and what was delivered to it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::apps::granted;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

/// All kinds of events of all files, one after another, in a journal.
pub const ALL: &str = "endpoints journal\ncreated modified moved deleted\t**";

/// Returns the guest `watcher` with these settings, asking for these files.
pub fn watcher(site: &Site, settings: &str, read: &[&str], write: &[&str]) -> PathBuf {
    granted(site, &unasking(site, settings), read, write, &[])
}

/// Returns the guest `watcher` with these settings, which asks for nothing.
pub fn unasking(site: &Site, settings: &str) -> PathBuf {
    let mut bytes = fs::read(guest("watcher")).unwrap();
    let mark = b"SETTINGS OF THE WATCHER\n";
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark)
        .expect("the settings of the guest");
    bytes[at..][..mark.len()].fill(b' ');
    bytes[at..][..settings.len()].copy_from_slice(settings.as_bytes());
    let path = site.path().join("watcher.wasm");
    fs::write(&path, bytes).unwrap();
    path
}

/// Serves the guest `watcher` as `app`; it gets all that it asks for, and is told of
/// one event at a time.
pub fn start(site: &Site, settings: &str, read: &[&str], write: &[&str]) -> Host {
    start_with(site, settings, read, write, &["--concurrency", "1"])
}

pub fn start_with(
    site: &Site,
    settings: &str,
    read: &[&str],
    write: &[&str],
    options: &[&str],
) -> Host {
    let component = watcher(site, settings, read, write);
    let usual = ["--name", "app", "--allow-all-requested"];
    Host::start(site, &component, &[&usual, options].concat())
}

/// Returns what was delivered to the app so far.
pub fn journal(host: &Host) -> Vec<Value> {
    let answer = call(&host.rpc, "journal", "");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

/// Says an event in a few words, its path below the owner's folder.
pub fn brief(event: &Value) -> String {
    let own = format!("{OWNER}/");
    let word = |key: &str| {
        let word = event[key].as_str()?;
        Some(word.strip_prefix(&own).unwrap_or(word).to_owned())
    };
    let words = ["kind", "from", "path"].map(word);
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Makes files whose events are delivered last, waits for them, and returns what was
/// delivered before, since the last time.
pub fn delivered(site: &Site, host: &Host) -> Vec<Value> {
    let before = journal(host);
    let known = before.iter().rposition(is_fence).map_or(0, |at| at + 1);
    let n_fences = before.iter().filter(|event| is_fence(event)).count();
    let wait = |fence: &str| {
        wait_for("the app to get its events", || {
            let all = journal(host);
            let is_it = |event: &Value| brief(event).ends_with(fence);
            all.iter().any(is_it).then_some(all)
        })
    };
    // As long as it is open its event is delivered as late as any.
    let (slow, fence) = (
        format!("fence-{n_fences}"),
        format!("fence-{}", n_fences + 1),
    );
    let file = site.own("public").join(&slow);
    fs::create_dir_all(site.own("public")).unwrap();
    let open = fs::File::create(file).unwrap();
    wait(&slow);
    drop(open);
    site.write(&format!("public/{fence}"), "");
    let all = wait(&fence);
    all[known..]
        .iter()
        .filter(|event| !is_fence(event))
        .cloned()
        .collect()
}

fn is_fence(event: &Value) -> bool {
    event["path"].as_str().unwrap().contains("/fence-")
}

/// As [`delivered`], in brief.
pub fn delivered_briefly(site: &Site, host: &Host) -> Vec<String> {
    delivered(site, host).iter().map(brief).collect()
}

/// Writes a file whole, so that nobody sees a part of it.
pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
