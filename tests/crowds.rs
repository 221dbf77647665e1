//! Folders full of names that mean nothing: nobody waits for them longer than it takes to
//! read past.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::support::client::{Sent, request};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::Site;

const ENDPOINT: &str = "echo";

fn start(site: &Site) -> Host {
    let options = ["--name", "app", "--log", "warn"];
    Host::start(site, &guest("probe"), &options)
}

fn folder(site: &Site) -> std::path::PathBuf {
    site.rpc("app").join(ENDPOINT)
}

fn send(folder: &Path, sender: &str) -> Sent {
    let id = Uuid::new_v4();
    let request = request(id, sender, ENDPOINT, Some(b"x"));
    Sent::write(&folder.join(sender), id, request.to_string().as_bytes())
}

/// Makes so many names of each kind in an endpoint's folder.
fn crowd(folder: &Path, n_names: usize) {
    fs::create_dir_all(folder).unwrap();
    for n in 0..n_names {
        drop(File::create(folder.join(format!("junk-{n}"))).unwrap());
    }
}

/// Makes so many empty folders that look like those of senders.
fn senders(folder: &Path, n_senders: usize) {
    for n in 0..n_senders {
        fs::create_dir_all(folder.join(format!("junk{n}@example.com"))).unwrap();
    }
}

/// Returns how many folders a host watches.
fn n_watched(host: &Host) -> usize {
    let info = format!("/proc/{}/fdinfo", host.pid().as_raw_nonzero());
    let files = fs::read_dir(info)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter_map(|path| fs::read_to_string(path).ok())
        .map(|text| {
            text.lines()
                .filter(|line| line.starts_with("inotify"))
                .count()
        })
        .sum()
}

fn all_within(sent: &[Sent], time: Duration) {
    let start = Instant::now();
    loop {
        let n_left = sent.iter().filter(|sent| sent.peek().is_none()).count();
        if n_left == 0 {
            return;
        }
        assert!(start.elapsed() < time, "{n_left} of {} wait", sent.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Before the start, and in the folder of the endpoint, of a sender and beside both.
fn answer_among(n_names: usize, n_senders: usize) {
    let site = Site::in_memory();
    let folder = folder(&site);
    let first: Vec<Sent> = (0..10)
        .map(|n| send(&folder, &format!("a{n}@x.org")))
        .collect();
    crowd(&folder, n_names);
    crowd(&folder.join("a0@x.org"), n_names / 10);
    senders(&folder, n_senders);
    let mut all: Vec<Sent> = (0..9)
        .map(|n| send(&folder, &format!("b{n}@x.org")))
        .collect();
    all.push(send(&folder, "a0@x.org"));
    all.extend(first);
    let host = start(&site);
    all_within(&all, Duration::from_secs(60));
    for n in 0..5 {
        send(&folder, &format!("new{n}@x.org")).answer();
    }
    eprintln!(
        "{n_names} names, {n_senders} folders: {} MiB, {} watched",
        host.peak_memory() >> 20,
        n_watched(&host)
    );
    assert!(host.peak_memory() < 150 << 20, "{}", host.peak_memory());
    assert!(n_watched(&host) < 5_000, "{}", n_watched(&host));
    host.stop();
}

#[test]
fn junk_names_hide_no_request_and_use_up_no_watches() {
    answer_among(60_000, 6_000);
}

#[test]
#[ignore = "takes minutes: `just crowds`"]
fn more_than_a_million_junk_names_delay_and_do_not_hide() {
    answer_among(1_200_000, 150_000);
}

/// Who has sent something is watched before those who never did, however many they are.
#[test]
fn active_senders_are_watched_before_others() {
    let site = Site::in_memory();
    let folder = folder(&site);
    senders(&folder, 6_000);
    let host = start(&site);
    let sent = send(&folder, "bob@x.org");
    sent.answer();
    for n in 0..6_000 {
        fs::create_dir_all(folder.join(format!("later{n}@example.com"))).unwrap();
    }
    // Found by the watch: in that time there are many scans, or none.
    for _ in 0..5 {
        send(&folder, "bob@x.org").answer();
    }
    assert!(n_watched(&host) < 5_000, "{}", n_watched(&host));
    host.stop();
}
