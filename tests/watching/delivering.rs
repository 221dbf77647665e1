//! Which events are delivered to an app.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::site::{ALL, brief, delivered, delivered_briefly, journal, start, start_with, write};
use crate::support::client::{call, send};
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::{PATIENCE, wait_for};

const PUBLIC: &[&str] = &["{datasite}/public/**", "guest@example.com/public/**"];

/// Does something with a tree, given the owner's folder `public`.
type Deed = fn(&Path);

#[test]
fn every_change_is_an_event() {
    let cases: &[(&str, Deed, &[&str])] = &[
        (
            "a file",
            |public| write(&public.join("a"), "1"),
            &["created public/a"],
        ),
        (
            "other text",
            |public| write(&public.join("a"), "22"),
            &["modified public/a"],
        ),
        (
            "appended to",
            |public| {
                let mut file = File::options().append(true).open(public.join("a")).unwrap();
                file.write_all(b"3").unwrap();
            },
            &["modified public/a"],
        ),
        (
            "put in its place",
            |public| {
                write(&public.join(".tmp"), "4");
                fs::rename(public.join(".tmp"), public.join("a")).unwrap();
            },
            &["modified public/a"],
        ),
        (
            "renamed",
            |public| fs::rename(public.join("a"), public.join("b")).unwrap(),
            &["moved public/a public/b"],
        ),
        (
            "read, and with another mode",
            |public| {
                fs::read(public.join("b")).unwrap();
                fs::set_permissions(public.join("b"), fs::Permissions::from_mode(0o600)).unwrap();
            },
            &[],
        ),
        (
            "new folders with a file at once",
            |public| write(&public.join("x/y/z/c"), "5"),
            &["created public/x/y/z/c"],
        ),
        (
            "a folder renamed",
            |public| fs::rename(public.join("x"), public.join("w")).unwrap(),
            &["moved public/x/y/z/c public/w/y/z/c"],
        ),
        (
            "into the renamed folder",
            |public| write(&public.join("w/y/z/d"), "6"),
            &["created public/w/y/z/d"],
        ),
        (
            "moved out of the tree",
            |public| fs::rename(public.join("w/y/z/d"), outside(public)).unwrap(),
            &["deleted public/w/y/z/d"],
        ),
        (
            "moved into the tree",
            |public| fs::rename(outside(public), public.join("e")).unwrap(),
            &["created public/e"],
        ),
        (
            "made and deleted",
            |public| {
                // An empty file is not delivered at once.
                write(&public.join("f"), "");
                fs::remove_file(public.join("f")).unwrap();
            },
            &[],
        ),
        (
            "deleted with its folders",
            |public| fs::remove_dir_all(public.join("w")).unwrap(),
            &["deleted public/w/y/z/c"],
        ),
        (
            "a folder of a file's name",
            |public| fs::create_dir(public.join("g.json")).unwrap(),
            &[],
        ),
    ];
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let host = start(&site, ALL, PUBLIC, &[]);
    for (what, deed, expected) in cases {
        deed(&site.own("public"));
        assert_eq!(delivered_briefly(&site, &host), *expected, "{what}");
    }
}

fn outside(public: &Path) -> std::path::PathBuf {
    let root = public.ancestors().nth(4).unwrap();
    root.join("outside")
}

#[test]
fn an_event_says_what_it_is_about() {
    let site = Site::new();
    let settings = "endpoints journal\ndeleted\t*.txt\ncreated\t*.json\t!b.json\t*.md";
    let host = start(&site, settings, PUBLIC, &[]);
    assert_eq!(
        host.ready["watches"],
        json!([
            {"patterns": ["*.txt"], "events": ["deleted"]},
            {"patterns": ["*.json", "!b.json", "*.md"], "events": ["created"]},
        ])
    );
    for name in ["b.json", "c.txt", "a.json"] {
        site.write(&format!("public/{name}"), name);
    }
    let event = wait_for("an event", || journal(&host).pop());
    let id = event["id"].as_str().unwrap();
    assert!(uuid::Uuid::parse_str(id).is_ok(), "{id}");
    let expected = json!({
        "id": id,
        "watch": 1,
        "kind": "created",
        "path": "owner@example.com/public/a.json",
        "from": null,
        "attempt": 1,
        "text": "a.json",
    });
    assert_eq!(event, expected);
}

#[test]
fn a_file_of_two_watches_is_delivered_to_both() {
    let site = Site::new();
    let settings = "endpoints journal\ncreated\t*.json\ncreated\t**\ncreated\t*.txt";
    let host = start(&site, settings, PUBLIC, &[]);
    site.write("public/a.json", "");
    let mut watches = wait_for("two events", || {
        let all = journal(&host);
        let watches: Vec<_> = all.iter().map(|event| event["watch"].clone()).collect();
        (watches.len() == 2).then_some(watches)
    });
    watches.sort_by_key(ToString::to_string);
    assert_eq!(watches, [json!(0), json!(1)]);
}

/// Paths that no app may read, and things that do not exist for apps, make no events.
#[test]
fn only_files_that_the_app_may_read_are_delivered() {
    let site = Site::new();
    site.write("private/key", "SECRET");
    let host = start_with(
        &site,
        ALL,
        &["**"],
        &[],
        &["--concurrency", "1", "--deny", "{datasite}/private"],
    );
    site.write("private/other", "SECRET");
    site.write("app_data/app/rpc/x/a.txt", "in rpc");
    site.write("app_data/other/rpc/x/a.txt", "in another rpc");
    call(&host.rpc, "journal", "");
    send(&host.rpc, "nowhere", None);
    site.write("public/real", "");
    site.link(site.own("private/key"), "public/link");
    site.link(site.own("private"), "public/folder");
    fs::hard_link(site.own("private/key"), site.own("public/hard")).unwrap();
    mknodat(CWD, site.own("public/fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let events = delivered_briefly(&site, &host);
    assert_eq!(
        events,
        ["created public/real"],
        "no links, no FIFOs, nothing private"
    );
}

#[test]
fn files_of_other_datasites_are_delivered_as_far_as_granted() {
    let site = Site::new();
    let host = start(&site, ALL, PUBLIC, &[]);
    for folder in ["public", "private"] {
        write(&site.datasites().join(CALLER).join(folder).join("a"), "");
        write(
            &site
                .datasites()
                .join("other@example.com")
                .join(folder)
                .join("a"),
            "",
        );
    }
    let events = delivered_briefly(&site, &host);
    assert_eq!(events, ["created guest@example.com/public/a"]);
}

#[test]
fn a_file_is_delivered_when_it_is_whole() {
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let host = start(&site, ALL, PUBLIC, &[]);
    // It stays open for writing while an event of another one is delivered.
    let mut file = File::create(site.own("public/slow")).unwrap();
    file.write_all(b"first ").unwrap();
    let start = Instant::now();
    site.write("public/other", "");
    let is_other = |event: &Value| brief(event) == "created public/other";
    let events = wait_for("the other one", || {
        let all = journal(&host);
        all.iter().any(is_other).then_some(all)
    });
    // A machine that is busy elsewhere may take so long that it counts as at rest.
    assert!(events.len() == 1 || start.elapsed() > Duration::from_millis(900));
    file.write_all(b"second").unwrap();
    drop(file);
    let events = delivered(&site, &host);
    assert_eq!(events.last().unwrap()["text"], "first second");
}

/// Empty files are delivered when they have rested, so those that are delivered at once come
/// before them.
#[test]
#[cfg_attr(
    feature = "portable",
    ignore = "Linux alone says that a file was closed; elsewhere it rests first"
)]
fn a_file_that_was_closed_is_delivered_at_once() {
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let host = start(&site, ALL, PUBLIC, &[]);
    // A machine that is busy elsewhere may take longer than files rest, but not each time.
    let is_so = |round: u32| {
        for (what, text) in [("empty", ""), ("whole", "x")] {
            for n in 0..8 {
                site.write(&format!("public/{round}/{what}-{n}"), text);
            }
        }
        let events = delivered_briefly(&site, &host);
        assert_eq!(events.len(), 16, "each once: {events:?}");
        events[..8].iter().all(|event| event.contains("whole"))
    };
    assert!((0..5).any(is_so));
}

#[test]
fn a_burst_of_changes_is_one_event() {
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let host = start(&site, ALL, PUBLIC, &[]);
    for count in 0..300 {
        site.write("public/a", &format!("{count}"));
    }
    let events = delivered(&site, &host);
    let last = events.last().unwrap();
    assert_eq!(last["text"], "299");
    // A machine that is busy elsewhere may let it rest in between.
    assert!(events.len() <= 5, "{events:?}");
}

#[test]
fn many_files_in_new_folders_are_all_delivered() {
    let site = Site::new();
    let settings = "endpoints picture\ncreated\t**";
    let host = start_with(&site, settings, PUBLIC, &[], &[]);
    for folder in 0..20 {
        for file in 0..50 {
            let path = format!("public/{folder}/deep/{file}");
            site.write(&path, "");
        }
    }
    let start = Instant::now();
    loop {
        let picture: Value = serde_json::from_str(&call(&host.rpc, "picture", "").text()).unwrap();
        let count = picture.as_object().unwrap().len();
        if count == 1_000 {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{count} of 1000");
    }
}

#[test]
fn a_change_of_one_kind_that_is_not_asked_for_is_silent() {
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let settings = "endpoints journal\ncreated modified\t**";
    let host = start(&site, settings, PUBLIC, &[]);
    site.write("public/a", "1");
    assert_eq!(delivered_briefly(&site, &host), ["created public/a"]);
    fs::rename(site.own("public/a"), site.own("public/b")).unwrap();
    // As a move it is not asked for, yet there is a new file.
    assert_eq!(delivered_briefly(&site, &host), ["created public/b"]);
    fs::remove_file(site.own("public/b")).unwrap();
    let events = delivered(&site, &host);
    assert!(
        events.is_empty(),
        "{:?}",
        events.iter().map(brief).collect::<Vec<_>>()
    );
}

/// Stopped, the host cannot read the kernel's queue, which holds some 16,000 events.
#[test]
fn what_happens_while_events_are_lost_is_delivered() {
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let settings = "endpoints picture\ncreated modified deleted\t**";
    let host = start_with(
        &site,
        settings,
        PUBLIC,
        &[],
        &["--log", "syft_server=debug"],
    );
    site.write("public/changes", "before");
    site.write("public/goes", "");
    let picture = || -> BTreeMap<String, String> {
        serde_json::from_str(&call(&host.rpc, "picture", "").text()).unwrap()
    };
    wait_for("two files", || (picture().len() == 2).then_some(()));
    host.signal(Signal::STOP);
    for count in 0..2_000 {
        site.write(&format!("public/{}/{count}", count % 10), "x");
    }
    for count in 0..10_000 {
        // No two events in a row are of one file: the kernel would make one of them.
        site.write(&format!("public/noise-{}", count % 2), "x");
    }
    site.write("public/changes", "after");
    fs::remove_file(site.own("public/goes")).unwrap();
    host.signal(Signal::CONT);
    host.wait_for_log("the loss", |line| {
        line.to_string().contains("too much happened at once")
    });
    let start = Instant::now();
    loop {
        let picture = picture();
        let text = |name: &str| picture.get(&format!("{OWNER}/public/{name}"));
        if picture.len() == 2_003 && text("changes").is_some_and(|content| content == "after") {
            assert_eq!(text("goes"), None);
            break;
        }
        assert!(start.elapsed() < 4 * PATIENCE, "{} files", picture.len());
    }
}

#[test]
fn requests_are_answered_while_events_are_delivered() {
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let host = start_with(&site, ALL, PUBLIC, &[], &["--concurrency", "2"]);
    for count in 0..30 {
        site.write(&format!("public/{count}.slow.txt"), "");
    }
    host.wait_for_log("an event", |line| line["message"] == "delivered");
    // Each takes half a second, one after another: requests have a place of their own.
    assert!(journal(&host).len() < 15);
}
