//! Others change files while a call is at them.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::{begin, path, plant, staged, start, wait_for_staged};
use crate::support::planted::planted;
use crate::support::wait_for;

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
    wait_for("nothing to be staged", || {
        staged(&site).is_empty().then_some(())
    });
}

/// Somebody else has put things in the way of what a call wrote.
#[test]
fn what_others_put_in_the_way_is_neither_followed_nor_deleted() {
    let site = planted();
    plant(&site);
    let outside = site.path().join("outside/key.txt");
    let folder = site.path().join("outside/folder");
    let host = start(&site, &[]);
    let call = begin(
        &host,
        &json!([
            {"write": [path("link"), "text"]},
            {"append": [path("old"), "!"]},
            {"unlink": path("gone")},
            {"mkdir": path("made")},
            {"write": [path("made/x"), "text"]},
            {"write": [path("folder"), "text"]},
            {"rmdir": path("empty")},
            {"write": [path("fine"), "text"]},
            {"wait_for": path("go")},
        ]),
    );
    wait_for_staged(&site, 5);
    let public = site.own("public");
    symlink(&outside, public.join("link")).unwrap();
    symlink(&folder, public.join("made")).unwrap();
    fs::remove_file(public.join("gone")).unwrap();
    fs::write(public.join("gone"), "another one").unwrap();
    fs::create_dir(public.join("folder")).unwrap();
    fs::write(public.join("empty/x"), "no longer").unwrap();
    fs::write(public.join("go"), "").unwrap();
    let answer = call.answer().text();
    assert!(!answer.contains("error"), "{answer}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "SECRET outside");
    assert!(!folder.join("x").exists());
    assert_eq!(fs::read_to_string(public.join("old")).unwrap(), "old!");
    assert_eq!(
        fs::read_to_string(public.join("gone")).unwrap(),
        "another one"
    );
    assert!(public.join("folder").is_dir());
    assert_eq!(
        fs::read_to_string(public.join("empty/x")).unwrap(),
        "no longer"
    );
    assert_eq!(fs::read_to_string(public.join("fine")).unwrap(), "text");
    host.wait_for_log("what is lost", |line| {
        line.to_string()
            .contains("others have changed what is there")
    });
    wait_for("nothing to be staged", || {
        staged(&site).is_empty().then_some(())
    });
}
