//! What a call writes to files is seen by others once it has ended well, and never in part.

mod conflicts;
mod crashes;
mod disk;
mod together;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::apps::{Approved, ops, start_files, with_manifest};
use crate::support::client::{Sent, call, send};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::planted::{planted, seen};
use crate::support::site::Site;
use crate::support::wait_for;

/// Starts the probing guest, which may write all of the owner's public folder.
fn start(site: &Site, options: &[&str]) -> Host {
    start_files(site, &approved(), options)
}

fn approved() -> Approved {
    Approved::new(&[], &["{datasite}/public/**", "{datasite}/public"], &[])
}

fn path(name: &str) -> String {
    seen(&format!("public/{name}"))
}

/// Begins a call and does not wait for its answer.
fn begin(host: &Host, ops: &Value) -> Sent {
    send(&host.rpc, "ops", Some(ops.to_string().as_bytes()))
}

/// Returns the files that calls of the app have staged.
fn staged(site: &Site) -> Vec<PathBuf> {
    staged_below(&site.path().join(".local/share/syft-host/apps"))
}

fn staged_below(data: &Path) -> Vec<PathBuf> {
    let found = walkdir::WalkDir::new(data).into_iter().flatten();
    let found = found.map(walkdir::DirEntry::into_path);
    let is_staged = |path: &PathBuf| path.parent().is_some_and(|path| path.ends_with("staged"));
    found.filter(is_staged).collect()
}

/// Checks that nothing is left of calls that have ended: what failed is deleted in a moment.
fn assert_nothing_staged(site: &Site) {
    wait_for("nothing to be staged", || {
        staged(site).is_empty().then_some(())
    });
}

fn wait_for_staged(site: &Site, n: usize) {
    wait_for("staged files", || (staged(site).len() >= n).then_some(()));
}

fn listed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// All ways to change files, in a folder with `old`, `other`, `gone` and the folder `empty`.
fn changes() -> Value {
    json!([
        {"write": [path("new"), "text"]},
        {"append": [path("old"), " and more"]},
        {"rename": [path("other"), path("moved")]},
        {"unlink": path("gone")},
        {"rmdir": path("empty")},
        {"mkdir_all": path("a/b")},
        {"write": [path("a/b/deep"), "deep"]},
        {"set_times": [path("new"), 1_000_000]},
        {"create_new": [path("kept.tmp"), "x"]},
        {"rename": [path("kept.tmp"), path("kept")]},
    ])
}

fn plant(site: &Site) {
    fs::remove_dir_all(site.own("public")).unwrap();
    for name in ["old", "other", "gone"] {
        site.write(&format!("public/{name}"), name);
    }
    fs::create_dir(site.own("public/empty")).unwrap();
}

/// Returns what others see of the changes before them, and after them.
fn before() -> Vec<&'static str> {
    vec!["empty", "gone", "old", "other"]
}

fn after() -> Vec<&'static str> {
    vec!["a", "kept", "moved", "new", "old"]
}

fn assert_all_changed(site: &Site) {
    let public = site.own("public");
    assert_eq!(listed(&public), after());
    for (name, text) in [
        ("new", "text"),
        ("old", "old and more"),
        ("moved", "other"),
        ("a/b/deep", "deep"),
        ("kept", "x"),
    ] {
        assert_eq!(fs::read_to_string(public.join(name)).unwrap(), text);
    }
    let modified = fs::metadata(public.join("new"))
        .unwrap()
        .modified()
        .unwrap();
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(since.as_secs(), 1_000_000);
}

/// The guest sees its own changes at once, others when the call has ended.
#[test]
fn others_see_what_a_call_wrote_when_it_has_ended() {
    let site = planted();
    plant(&site);
    let host = start(&site, &[]);
    let public = site.own("public");
    let own_view = [
        (json!({"read": path("new")}), json!("text")),
        (json!({"read": path("old")}), json!("old and more")),
        (json!({"read": path("moved")}), json!("other")),
        (json!({"exists": path("gone")}), json!(false)),
        (json!({"exists": path("other")}), json!(false)),
        (
            json!({"list": path("")}),
            json!([
                ["a", "folder"],
                ["kept", "file"],
                ["moved", "file"],
                ["new", "file"],
                ["old", "file"]
            ]),
        ),
        (json!({"list": path("a/b")}), json!([["deep", "file"]])),
        (
            json!({"stat": path("new")}),
            json!({"kind": "file", "len": 4, "modified": 1_000_000}),
        ),
    ];
    let mut steps = changes().as_array().unwrap().clone();
    let n_changes = steps.len();
    steps.extend(own_view.iter().map(|(step, _)| step.clone()));
    // Once this is staged all before it was done.
    steps.push(json!({"write": [path("done"), ""]}));
    steps.push(json!({"wait_for": path("go")}));
    let sent = begin(&host, &Value::Array(steps));
    // `new`, the copy of `old`, `deep`, `kept` and `done`.
    wait_for_staged(&site, 5);
    assert_eq!(listed(&public), before());
    assert_eq!(fs::read_to_string(public.join("old")).unwrap(), "old");
    fs::write(public.join("go"), "").unwrap();
    let answer: Value = serde_json::from_str(&sent.answer().text()).unwrap();
    let outcomes = answer.as_array().unwrap();
    for outcome in &outcomes[..n_changes] {
        assert_eq!(outcome, &json!({"ok": null}), "{answer}");
    }
    for ((step, expected), outcome) in own_view.iter().zip(&outcomes[n_changes..]) {
        assert_eq!(outcome, &json!({"ok": expected}), "{step}");
    }
    fs::remove_file(public.join("go")).unwrap();
    fs::remove_file(public.join("done")).unwrap();
    assert_all_changed(&site);
    assert_nothing_staged(&site);
}

#[test]
fn a_call_that_fails_leaves_no_trace() {
    let site = planted();
    plant(&site);
    let host = start(&site, &["--time", "1s"]);
    let ends = [
        json!({"panic": "on purpose"}),
        json!({"sleep": 60_000}),
        json!({"allocate": 3_u64 << 30}),
    ];
    for end in ends {
        let mut steps = changes().as_array().unwrap().clone();
        steps.push(end);
        let answer = call(&host.rpc, "ops", &Value::Array(steps).to_string());
        assert!(answer.status() >= 500, "{}", answer.text());
        assert_eq!(listed(&site.own("public")), before());
        let old = fs::read_to_string(site.own("public/old")).unwrap();
        assert_eq!(old, "old");
        assert_nothing_staged(&site);
    }
    // And the next one starts from there.
    ops(&host, &changes());
    assert_all_changed(&site);
    assert_nothing_staged(&site);
}

#[test]
fn an_app_can_have_its_writes_seen_at_once() {
    let site = planted();
    plant(&site);
    let manifest = "[files]\nwrite = ['{datasite}/public/**']\nimmediate-writes = true\n";
    let component = with_manifest(&site, &guest("files"), manifest);
    let host = Host::start(
        &site,
        &component,
        &["--name", "app", "--allow-all-requested"],
    );
    let steps = json!([{"write": [path("new"), "text"]}, {"panic": "on purpose"}]);
    let answer = call(&host.rpc, "ops", &steps.to_string());
    assert_eq!(answer.status(), 500);
    assert_eq!(fs::read_to_string(site.own("public/new")).unwrap(), "text");
}

/// A name is used again for something else, and files change their places.
#[test]
fn names_are_used_again() {
    let site = planted();
    plant(&site);
    let host = start(&site, &[]);
    let outcomes = ops(
        &host,
        &json!([
            // They swap their names.
            {"rename": [path("old"), path("x")]},
            {"rename": [path("other"), path("old")]},
            {"rename": [path("x"), path("other")]},
            // A folder takes the place of a file, and a file that of a folder.
            {"unlink": path("gone")},
            {"mkdir": path("gone")},
            {"write": [path("gone/in"), "in"]},
            {"rmdir": path("empty")},
            {"write": [path("empty"), "no folder"]},
            // What was made and deleted leaves nothing.
            {"mkdir": path("short")},
            {"write": [path("short/lived"), "x"]},
            {"rmdir_all": path("short")},
            {"open": [path("empty"), "w", "NO"]},
            {"set_len": [path("empty"), 2]},
            {"read": path("empty")},
        ]),
    );
    for outcome in outcomes.as_array().unwrap() {
        assert!(outcome["error"].is_null(), "{outcomes}");
    }
    assert_eq!(outcomes[13], json!({"ok": "NO"}));
    let public = site.own("public");
    assert_eq!(listed(&public), ["empty", "gone", "old", "other"]);
    for (name, text) in [
        ("old", "other"),
        ("other", "old"),
        ("gone/in", "in"),
        ("empty", "NO"),
    ] {
        assert_eq!(fs::read_to_string(public.join(name)).unwrap(), text);
    }
    // Logs that are rotated: each takes the place of the one before it.
    let outcomes = ops(
        &host,
        &json!([
            {"rename": [path("other"), path("third")]},
            {"rename": [path("old"), path("other")]},
            {"write": [path("old"), "fresh"]},
            {"rename": [path("gone"), path("folder")]},
        ]),
    );
    for outcome in outcomes.as_array().unwrap() {
        assert_eq!(outcome, &json!({"ok": null}), "{outcomes}");
    }
    for (name, text) in [
        ("third", "old"),
        ("other", "other"),
        ("old", "fresh"),
        ("folder/in", "in"),
    ] {
        assert_eq!(fs::read_to_string(public.join(name)).unwrap(), text);
    }
    assert_nothing_staged(&site);
}

#[test]
fn what_is_changed_in_place_is_bounded() {
    let site = planted();
    plant(&site);
    let large = fs::File::create(site.own("public/large")).unwrap();
    large.set_len(100 << 20).unwrap();
    let host = start(&site, &[]);
    let outcomes = ops(
        &host,
        &json!([
            {"append": [path("large"), "x"]},
            {"rename": [path("large"), path("moved")]},
            {"open": [path("moved"), "w", "x"]},
            {"write": [path("moved"), "replaced"]},
            {"append": [path("moved"), "!"]},
        ]),
    );
    let is_cloned = outcomes[0]["ok"].is_null() && outcomes[0]["error"].is_null();
    if !is_cloned {
        assert_eq!(outcomes[0]["error"], json!("Uncategorized"));
        assert_eq!(outcomes[2]["error"], json!("Uncategorized"));
        host.wait_for_log("the advice", |line| {
            line.to_string().contains("immediate-writes = true")
        });
    }
    for n in [1, 3, 4] {
        assert_eq!(outcomes[n], json!({"ok": null}), "{outcomes}");
    }
    let moved = fs::read_to_string(site.own("public/moved")).unwrap();
    assert_eq!(moved, "replaced!");
    assert!(!site.own("public/large").exists());
}
