//! Others change files while a call is at them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use super::{assert_nothing_staged, begin, listed, path, plant, start, wait_for_staged};
use crate::support::client::call;
use crate::support::planted::planted;

/// Calls of one app that run at the same time do not lose what another one of them wrote: who
/// changed a file that was changed meanwhile runs again.
#[test]
fn calls_that_change_the_same_file_come_one_after_the_other() {
    const CALLS: usize = 6;
    let site = planted();
    plant(&site);
    let host = start(&site, &["--concurrency", "6"]);
    let calls: Vec<_> = (0..CALLS)
        .map(|n| {
            let ops = json!([
                {"append": [path("old"), format!(" {n}")]},
                {"wait_for": path("go")},
            ]);
            begin(&host, &ops)
        })
        .collect();
    // All of them have read the same file.
    wait_for_staged(&site, CALLS);
    fs::write(site.own("public/go"), "").unwrap();
    for call in calls {
        assert!(!call.answer().text().contains("error"));
    }
    let text = fs::read_to_string(site.own("public/old")).unwrap();
    let mut words: Vec<&str> = text.split(' ').collect();
    words.sort_unstable();
    assert_eq!(words, ["0", "1", "2", "3", "4", "5", "old"]);
    assert_nothing_staged(&site);
}

/// Somebody else has put things in the way of what a call wrote.
#[test]
fn what_others_put_in_the_way_is_neither_followed_nor_deleted() {
    let site = planted();
    plant(&site);
    let outside = site.path().join("outside/key.txt");
    let host = start(&site, &[]);
    let call = begin(
        &host,
        &json!([
            {"write": [path("link"), "text"]},
            {"write": [path("folder"), "text"]},
            {"rmdir": path("empty")},
            {"write": [path("fine"), "text"]},
            {"wait_for": path("go")},
        ]),
    );
    wait_for_staged(&site, 3);
    let public = site.own("public");
    symlink(&outside, public.join("link")).unwrap();
    fs::create_dir(public.join("folder")).unwrap();
    fs::write(public.join("empty/x"), "no longer").unwrap();
    fs::write(public.join("go"), "").unwrap();
    let answer = call.answer().text();
    assert!(!answer.contains("error"), "{answer}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "SECRET outside");
    assert!(public.join("link").is_symlink() && public.join("folder").is_dir());
    let kept = fs::read_to_string(public.join("empty/x")).unwrap();
    assert_eq!(kept, "no longer");
    assert_eq!(fs::read_to_string(public.join("fine")).unwrap(), "text");
    host.wait_for_log("what is lost", |line| {
        line.to_string()
            .contains("others have changed what is there")
    });
    assert_nothing_staged(&site);
}

/// What a call has looked at is another thing meanwhile: it runs again, and meets that.
#[test]
fn what_others_changed_meanwhile_is_met_by_a_call_that_runs_again() {
    let site = planted();
    plant(&site);
    let folder = site.path().join("outside/folder");
    let host = start(&site, &[]);
    let call = begin(
        &host,
        &json!([
            {"unlink": path("gone")},
            {"mkdir": path("made")},
            {"write": [path("made/x"), "text"]},
            {"append": [path("old"), "!"]},
            {"read": path("other")},
            {"write": [path("other"), "replaced"]},
            {"wait_for": path("go")},
        ]),
    );
    wait_for_staged(&site, 3);
    let public = site.own("public");
    symlink(&folder, public.join("made")).unwrap();
    fs::write(public.join("other"), "another text").unwrap();
    fs::write(public.join("go"), "").unwrap();
    let answer: Value = serde_json::from_str(&call.answer().text()).unwrap();
    let expected = json!([
        {"ok": null}, {"error": "AlreadyExists"}, {"error": "NotFound"}, {"ok": null},
        {"ok": "another text"}, {"ok": null}, {"ok": null},
    ]);
    assert_eq!(answer, expected);
    assert_eq!(listed(&folder), ["key.txt"]);
    assert_eq!(fs::read_to_string(public.join("old")).unwrap(), "old!");
    assert_eq!(
        fs::read_to_string(public.join("other")).unwrap(),
        "replaced"
    );
    assert!(!public.join("gone").exists());
    assert_nothing_staged(&site);
}

/// Puts another thing at a place for a moment.
fn swap(place: &Path, thing: &Path, aside: &Path) {
    if fs::rename(place, aside).is_ok() {
        drop(fs::rename(thing, place));
        std::thread::yield_now();
        drop(fs::rename(place, thing));
        drop(fs::rename(aside, place));
    }
}

/// Somebody swaps a folder for a link, and a file for a pipe, while what calls wrote is put in
/// its place.
#[test]
fn what_is_swapped_meanwhile_leads_nowhere() {
    const CALLS: usize = 300;
    let site = planted();
    plant(&site);
    let (public, outside) = (site.own("public"), site.path().join("outside/folder"));
    let aside = site.path().join("aside");
    fs::create_dir(public.join("sub")).unwrap();
    fs::create_dir(&aside).unwrap();
    symlink(&outside, aside.join("link")).unwrap();
    let pipe = aside.join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let host = start(&site, &["--concurrency", "2"]);
    let done = AtomicBool::new(false);
    let n_swaps = std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let mut n_swaps = 0;
            while !done.load(Ordering::Relaxed) {
                swap(&public.join("sub"), &aside.join("link"), &aside.join("sub"));
                swap(&public.join("old"), &pipe, &aside.join("old"));
                n_swaps += 1;
            }
            n_swaps
        });
        for n in 0..CALLS {
            let steps = json!([
                {"write": [path(&format!("sub/{n}")), "text"]},
                {"write": [path("sub/key.txt"), "text"]},
                {"append": [path("old"), "+"]},
                {"unlink": path(&format!("sub/{}", n.saturating_sub(3)))},
                {"mkdir": path(&format!("sub/folder-{n}"))},
            ]);
            let answer = call(&host.rpc, "ops", &steps.to_string());
            assert_eq!(answer.status(), 200, "{}", answer.text());
        }
        done.store(true, Ordering::Relaxed);
        swapper.join().unwrap()
    });
    assert!(n_swaps > 50, "only {n_swaps} swaps");
    assert_eq!(listed(&outside), ["key.txt"]);
    let key = fs::read_to_string(outside.join("key.txt")).unwrap();
    assert_eq!(key, "SECRET outside");
    assert_nothing_staged(&site);
}
