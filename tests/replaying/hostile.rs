//! A recording may come from a stranger.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{read, recorded, run};
use crate::support::site::Site;

fn refused(site: &Site, file: &Path, recording: &Value) -> String {
    fs::write(file, recording.to_string()).unwrap();
    let error = run(site, &["replay", file.to_str().unwrap()]).refused();
    assert!(!error.contains('\u{1b}'), "{error:?}");
    error
}

#[test]
fn no_path_leads_out() {
    let (site, file) = recorded();
    let recording = read(&file);
    let outside = site.path().join("outside");
    let found = json!({"kind": "file", "size": 1, "modified": 0, "content": "x"});
    let outside = outside.to_str().unwrap();
    for path in [
        outside,
        "../outside",
        "a/../../outside",
        "..",
        "a/..",
        "a\0b",
        &"x".repeat(300),
    ] {
        let mut changed = recording.clone();
        changed["given"]["files"] = json!({path: found});
        let error = refused(&site, &file, &changed);
        assert!(error.contains("makes no sense"), "{path}: {error}");
    }
    assert!(!Path::new(outside).exists());
    let mut changed = recording.clone();
    changed["given"]["files"] = json!({"a": found, "a/b": found});
    assert!(refused(&site, &file, &changed).contains("cannot be made"));
}

#[test]
fn what_is_no_recording_is_refused() {
    let (site, file) = recorded();
    let recording = read(&file);
    let with = |pointer: &str, value: Value| {
        let mut changed = recording.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    for (changed, expected) in [
        (json!([]), "no recording"),
        (json!({"recording": 2}), "form 2"),
        (
            with("/steps", json!([{"asked": "\u{1b}[31m"}])),
            "no recording",
        ),
        (with("/request", json!({})), "no recording"),
        (with("/app/name", json!("../x")), "name"),
        (with("/app/datasite", json!("x/../y")), ""),
        (with("/app/component", json!("../../x")), ""),
        (
            with(
                "/app/requested",
                json!({"files": {"read": ["/etc/passwd"]}}),
            ),
            "makes no sense",
        ),
        (
            with("/app/approved/limits/time_ms", json!(u64::MAX)),
            "makes no sense",
        ),
        (
            with("/given/variables", json!([["a=b", ""]])),
            "makes no sense",
        ),
    ] {
        let error = refused(&site, &file, &changed);
        assert!(error.contains(expected), "{error}");
    }
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for bytes in [&b""[..], b"\xff\0", deep.as_bytes()] {
        fs::write(&file, bytes).unwrap();
        run(&site, &["replay", file.to_str().unwrap()]).refused();
    }
    // A sparse file of more than a recording has.
    fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    let error = run(&site, &["replay", file.to_str().unwrap()]).refused();
    assert!(error.contains("larger than"), "{error}");
    fs::remove_file(&file).unwrap();
    let error = run(&site, &["replay", file.to_str().unwrap()]).refused();
    assert!(error.contains("is not there"), "{error}");
}

#[test]
fn its_texts_move_no_cursor() {
    let (site, file) = recorded();
    let mut changed = read(&file);
    changed["request"]["sender"] = json!("a\u{1b}[2J\u{202e}@x");
    changed["steps"] = json!([{"asked": "log", "to": "log", "text": "\u{1b}]0;x\u{7}\nnow  y"}]);
    changed["end"]["answer"]["headers"] = json!([["\u{1b}[1m", "\r\n"]]);
    changed["given"]["secrets"] = json!(["\u{9b}31m"]);
    fs::write(&file, changed.to_string()).unwrap();
    for json in [&[][..], &["--json"]] {
        let arguments = [json, &["replay", file.to_str().unwrap()]].concat();
        let ended = run(&site, &arguments);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        let is_wrong = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!ended.stdout.contains(is_wrong), "{:?}", ended.stdout);
    }
}
