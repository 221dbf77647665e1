//! Files of calls that a worker runs: the guest finds and does what it finds and does beside the
//! tree, and what a worker says of files is a stranger's word.

mod content;
mod hostile;
mod random;
mod twins;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};
use syft_manifest::Limits;

use crate::support::planted::{FRIEND, seen};
use crate::support::site::Site;
use twins::{Asks, Twins};

fn path(name: &str) -> String {
    seen(&format!("public/{name}"))
}

/// What a guest can do with files, by the standard library, in a folder that it may write.
fn operations() -> Value {
    json!([
        {"read": path("open.txt")},
        {"stat": path("open.txt")},
        {"list": path("")},
        {"list": "/datasites"},
        {"read": path("nothing")},
        {"write": [path("new"), "text"]},
        {"read": path("new")},
        {"stat": path("new/below")},
        {"append": [path("open.txt"), " and more"]},
        {"read": path("open.txt")},
        {"append": [path("new"), " and more"]},
        {"create_new": [path("new"), "x"]},
        {"create_new": [path("newer"), "x"]},
        {"set_len": [path("newer"), 5]},
        {"mkdir": path("folder")},
        {"mkdir": path("folder")},
        {"mkdir": path("sub")},
        {"mkdir_all": path("a/b/c")},
        {"write": [path("a/b/c/deep"), "deep"]},
        {"rename": [path("sub/deep.txt"), path("a/moved")]},
        {"rename": [path("a/moved"), path("a/again")]},
        {"list": path("sub")},
        {"list": path("a")},
        {"rmdir": path("a")},
        {"rmdir": path("sub")},
        {"rename": [path("a/b"), path("b")]},
        {"read": path("b/c/deep")},
        {"unlink": path("newer")},
        {"unlink": path("newer")},
        {"set_times": [path("new"), 1_000_000]},
        {"stat": path("new")},
        {"copy": [path("new"), path("copy")]},
        {"rename": [path("copy"), path("open.txt")]},
        {"read": path("open.txt")},
        {"link": [path("new"), path("hard")]},
        {"symlink": ["new", path("soft")]},
        {"readlink": path("new")},
        {"exists": path("../public/new")},
        {"exists": path("nowhere/../new")},
        {"rmdir_all": path("b")},
        {"list": path("")},
    ])
}

#[test]
fn a_guest_finds_and_does_the_same() {
    let twins = Twins::new(&Asks::writing(&[
        "{datasite}/public/**",
        "{datasite}/public",
    ]));
    let outcomes = twins.same(&operations());
    let is_done = |outcome: &&Value| outcome.get("ok").is_some();
    let n_done = outcomes.as_array().unwrap().iter().filter(is_done).count();
    assert!(n_done >= 28, "{outcomes}");
    // What one call left is what the next one finds.
    twins.same(&json!([
        {"read": path("new")},
        {"stat": path("new")},
        {"read": path("open.txt")},
        {"write": [path("new"), "again"]},
        {"rename": [path("a"), path("z")]},
    ]));
    twins.same(&json!([{"list": path("z")}, {"read": path("new")}]));
    assert_eq!(twins.there.staged(), Vec::<std::path::PathBuf>::new());
}

/// What is refused is refused with the same word, and logged once, with the same hint.
#[test]
fn what_is_not_granted_is_refused_alike() {
    let asks = Asks {
        read: vec!["*/public/scores.json".to_owned()],
        write: vec!["{datasite}/public/sub/**".to_owned()],
        on_behalf: vec!["{datasite}/private/**".to_owned()],
        deny: vec!["{datasite}/public/sub/denied/**".to_owned()],
        own_folder: true,
    };
    let twins = Twins::with(&asks, Limits::default(), |site: &Site| {
        site.write("public/sub/denied/x", "SECRET");
    });
    let friend = |name: &str| format!("/datasites/{FRIEND}/{name}");
    let outcomes = twins.same(&json!([
        {"read": friend("public/scores.json")},
        {"read": friend("public/else.txt")},
        {"read": friend("private/key.txt")},
        {"list": friend("public")},
        {"list": friend("")},
        {"write": [friend("public/scores.json"), "x"]},
        {"read": seen("private/key.txt")},
        {"list": seen("private")},
        {"read": path("open.txt")},
        {"read": path("open.txt")},
        {"write": [path("open.txt"), "x"]},
        {"read": path("sub/deep.txt")},
        {"write": [path("sub/deep.txt"), "deeper"]},
        {"read": path("sub/denied/x")},
        {"write": [path("sub/denied/y"), "x"]},
        {"list": path("sub/denied")},
        {"rename": [path("sub"), path("elsewhere")]},
        {"rmdir_all": path("sub")},
        {"write": [path("sub/syft.pub.yaml"), "rules"]},
        {"mkdir": seen("app_data/app/rpc/x")},
        {"read": seen("app_data/app/rpc/x/1.request")},
        {"write": [seen("app_data/app/mine"), "x"]},
        {"read": seen("app_data/other/data.txt")},
        {"exists": "/datasites/../etc"},
        {"read": "/datasites/nobody@example.com/x"},
    ]));
    assert!(!outcomes.to_string().contains("SECRET"), "{outcomes}");
}

/// Links, pipes, files with two names, and files that nobody but the host can read.
#[test]
fn what_does_not_exist_for_guests_is_as_little_there() {
    let plant = |site: &Site| {
        site.link("../private/key.txt", "public/link");
        site.link("../private", "public/linked");
        symlink("nowhere", site.own("public/dangling")).unwrap();
        fs::hard_link(site.own("private/key.txt"), site.own("public/hard")).unwrap();
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            site.own("public/pipe"),
            rustix::fs::Mode::from_raw_mode(0o600),
        )
        .unwrap();
        site.write("public/.hidden", "hidden");
        let odd: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(b"\xff".to_vec());
        fs::write(site.own("public").join(odd), "no text").unwrap();
        let run = site.write("public/run", "#!");
        fs::set_permissions(run, fs::Permissions::from_mode(0o750)).unwrap();
    };
    let asks = Asks::writing(&["{datasite}/public/**", "{datasite}/public"]);
    let twins = Twins::with(&asks, Limits::default(), plant);
    let names = [
        "link",
        "linked",
        "linked/key.txt",
        "dangling",
        "hard",
        "pipe",
        ".hidden",
        "run",
    ];
    let each = names.into_iter().flat_map(|name| {
        let path = path(name);
        [
            json!({"read": path}),
            json!({"stat": path}),
            json!({"lstat": path}),
            json!({"list": path}),
            json!({"append": [path, "x"]}),
            json!({"create_new": [path, "x"]}),
            json!({"mkdir": path}),
            json!({"rename": [path, format!("{path}2")]}),
            json!({"unlink": path}),
            json!({"rmdir": path}),
        ]
    });
    let mut ops: Vec<Value> = vec![json!({"list": path("")})];
    ops.extend(each);
    ops.push(json!({"rename": [path(""), seen("public/elsewhere")]}));
    ops.push(json!({"list": path("")}));
    let outcomes = twins.same(&Value::Array(ops));
    assert!(!outcomes.to_string().contains("SECRET"), "{outcomes}");
}

/// What the standard library hides: open folders, offsets, streams, and the order of a folder.
#[test]
fn descriptors_do_the_same() {
    let asks = Asks::writing(&["{datasite}/public/**", "{datasite}/public"]);
    let twins = Twins::with(&asks, Limits::default(), |site: &Site| {
        for n in 0..40 {
            site.write(&format!("public/many/{}", n * 7919 % 1_000), "x");
        }
    });
    let below = |name: &str| format!("owner@example.com/public/{name}");
    let raw = |op: Value| json!({"raw": op});
    let mut ops = vec![
        raw(json!({"open": ["root", below("open.txt"), "rw", "file"]})),
        raw(json!({"open": ["root", below("sub"), "d", "folder"]})),
        raw(json!({"stat": "file"})),
        raw(json!({"read": ["file", 2, 1]})),
        raw(json!({"write": ["file", "OPEN AND MORE", 2]})),
        raw(json!({"read": ["file", 100, 0]})),
        raw(json!({"read_via_stream": ["file", 3]})),
        raw(json!({"append_via_stream": ["file", " at the end"]})),
        raw(json!({"set_size": ["file", 6]})),
        raw(json!({"stat": "file"})),
        raw(json!({"stat_at": ["root", below("open.txt")]})),
        raw(json!({"set_times": ["folder", 1_000]})),
        raw(json!({"set_times_at": ["root", below("sub/deep.txt"), 2_000]})),
        json!({"stat": path("sub")}),
        json!({"stat": path("sub/deep.txt")}),
        raw(json!({"metadata_hash": "folder"})),
        raw(json!({"metadata_hash_at": ["root", below("nothing")]})),
        raw(json!({"rename_at": ["folder", "deep.txt", "folder", "deeper.txt"]})),
        raw(json!({"read_directory": "folder"})),
        raw(json!({"open": ["folder", "../open.txt", "r", "out"]})),
        raw(json!({"open": ["folder", "deeper.txt/", "r", "slash"]})),
        raw(json!({"unlink_file_at": ["folder", "."]})),
        raw(json!({"remove_directory_at": ["root", below("sub/.")]})),
        raw(json!({"create_directory_at": ["folder", "x/.."]})),
        raw(json!({"open": ["root", below("sub"), "dc", "made"]})),
        raw(json!({"open": ["root", below("sub"), "w", "written"]})),
        raw(json!({"sync": "file"})),
        raw(json!({"sync": "folder"})),
        raw(json!({"listing": ["root", "of-root"]})),
        raw(json!({"next": "of-root"})),
        raw(json!({"next": "of-root"})),
        raw(json!({"next": "of-root"})),
        raw(json!({"open": ["root", below("many"), "d", "many"]})),
        raw(json!({"read_directory": "many"})),
        raw(json!({"hold_open": ["root", below("open.txt"), 200]})),
    ];
    ops.push(json!({"hold": [path("sub/deeper.txt"), 3]}));
    twins.same(&Value::Array(ops));
}

/// Folders show what is in them in the order in which the host finds it.
#[test]
fn a_folder_is_listed_in_the_order_of_its_host() {
    let asks = Asks::writing(&["{datasite}/public/**", "{datasite}/public"]);
    let twins = Twins::with(&asks, Limits::default(), |site: &Site| {
        for n in 0..2_500 {
            site.write(&format!("public/many/{}", n * 7919 % 10_007), "");
        }
    });
    let folder = twins.there.site.own("public/many");
    let listed = fs::read_dir(folder).unwrap();
    let expected: Vec<String> = listed
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut ops = vec![
        json!({"raw": {"open": ["root", "owner@example.com/public/many", "d", "many"]}}),
        json!({"raw": {"listing": ["many", "all"]}}),
    ];
    ops.extend((0..=expected.len()).map(|_| json!({"raw": {"next": "all"}})));
    let (outcome, _) = twins.run_there(&Value::Array(ops));
    let outcomes = twins::answered(&outcome);
    let found = outcomes.as_array().unwrap()[2..].iter();
    let found: Vec<Option<&str>> = found.map(|outcome| outcome["ok"].as_str()).collect();
    let expected = expected.iter().map(|name| Some(name.as_str()));
    assert_eq!(found, expected.chain([None]).collect::<Vec<_>>());
    // Changed by the call, and moved as a whole.
    twins.same(&json!([
        {"unlink": path("many/7919")},
        {"write": [path("many/new"), "x"]},
        {"count": path("many")},
        {"rename": [path("many"), path("moved")]},
        {"count": path("moved")},
        {"rmdir": path("moved")},
        {"exists": path("many")},
    ]));
}

#[test]
fn the_own_and_the_temporary_folder_are_there() {
    let asks = Asks {
        own_folder: true,
        ..Asks::default()
    };
    let twins = Twins::new(&asks);
    let own = |name: &str| seen(&format!("app_data/app/{name}"));
    twins.same(&json!([
        {"list": "/tmp"},
        {"write": ["/tmp/x", "text"]},
        {"write": [own("kept"), "text"]},
        {"rename": ["/tmp/x", own("from-tmp")]},
        {"list": "/tmp"},
        {"list": own("")},
        {"mkdir": own("rpc")},
        {"rename": [own("kept"), "/tmp/y"]},
        {"read": own("from-tmp")},
    ]));
    twins.same(&json!([{"list": "/tmp"}, {"read": own("from-tmp")}]));
}

/// A call that fails leaves nothing, here and there.
#[test]
fn a_call_that_fails_leaves_nothing() {
    let twins = Twins::new(&Asks::writing(&["{datasite}/public/**"]));
    let before = twins.there.tree();
    let ops = json!([
        {"write": [path("new"), "text"]},
        {"append": [path("open.txt"), " and more"]},
        {"rename": [path("sub/deep.txt"), path("moved")]},
        {"panic": "at the end"},
    ]);
    let (outcome, _) = twins.run_there(&ops);
    assert_eq!(
        format!("{outcome:?}"),
        format!("{:?}", twins.run_here(&ops).0)
    );
    assert_eq!(twins.there.tree(), before);
    assert_eq!(twins.there.staged(), Vec::<std::path::PathBuf>::new());
}

/// Bytes, names and open files are counted as beside the tree.
#[test]
fn limits_are_the_same() {
    let limits = Limits {
        written_bytes: 1 << 20,
        open_files: 8,
        ..Limits::default()
    };
    let asks = Asks::writing(&["{datasite}/public/**", "{datasite}/public"]);
    let plant = |site: &Site| {
        site.write("public/large", &"x".repeat(700_000));
        site.write("public/larger", &"x".repeat(1_200_000));
    };
    let twins = Twins::with(&asks, limits, plant);
    for ops in [
        json!([{"fill": [path("filled"), 100_000, 20]}, {"read": path("open.txt")}]),
        json!([{"make": [path("made-"), 400]}]),
        json!([{"hold": [path("open.txt"), 20]}]),
        json!([{"hold": [path("large"), 20]}]),
        json!([{"set_len": [path("open.txt"), 2_000_000]}]),
        json!([{"append": [path("large"), "x"]}, {"stat": path("large")}]),
        json!([{"append": [path("larger"), "x"]}, {"stat": path("larger")}]),
        json!([{"write": [path("larger"), "x"]}, {"append": [path("large"), "y"]}]),
    ] {
        twins.same(&ops);
    }
}

/// Apps of WASI 0.3 wait for files beside each other.
#[test]
fn a_guest_of_wasi_0_3_finds_and_does_the_same() {
    let asks = Asks::writing(&["{datasite}/public/**", "{datasite}/public"]);
    let plant = |site: &Site| {
        site.write("public/large", &"0123456789".repeat(100_000));
    };
    let twins = Twins::of("files-0-3", &asks, Limits::default(), plant);
    let below = |name: &str| format!("owner@example.com/public/{name}");
    let raw = |op: Value| json!({"raw": op});
    twins.same(&json!([
        raw(json!({"open": ["root", below("open.txt"), "rw", "file"]})),
        raw(json!({"open": ["root", below("sub"), "d", "folder"]})),
        raw(json!({"stat": "file"})),
        raw(json!({"stat_at": ["folder", "deep.txt"]})),
        raw(json!({"read_via_stream": ["file", 1]})),
        raw(json!({"append_via_stream": ["file", " at the end"]})),
        raw(json!({"read_via_stream": ["file", 0]})),
        raw(json!({"read_directory": "folder"})),
        raw(json!({"read_directory": "root"})),
        raw(json!({"rename_at": ["folder", "deep.txt", "folder", "deeper.txt"]})),
        raw(json!({"create_directory_at": ["folder", "new"]})),
        raw(json!({"remove_directory_at": ["folder", "new"]})),
        raw(json!({"unlink_file_at": ["folder", "deeper.txt"]})),
        raw(json!({"stat_at": ["root", below("../private/key.txt")]})),
        raw(json!({"open": ["root", below("large"), "r", "large"]})),
        raw(json!({"read_via_stream": ["large", 500_000]})),
    ]));
}
