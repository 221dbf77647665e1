//! What the standard library does not let a guest do: `wasi:filesystem` by hand.

use serde_json::{Value, json};

use super::{Attack, done, error, ok};
use crate::support::site::OWNER;

fn open(path: &str, flags: &str, name: &str) -> Value {
    json!({"raw": {"open": ["root", format!("{OWNER}/{path}"), flags, name]}})
}

#[test]
fn a_descriptor_opened_to_read_writes_nothing() {
    let attack = Attack::new(|_| {});
    // The second path may be written, and given times; this descriptor may not be written.
    for (path, times) in [
        ("public/open.txt", error("not-permitted")),
        ("app_data/app/out/old.txt", done()),
    ] {
        attack.check(&[
            (open(path, "r", "h"), done()),
            (
                json!({"raw": {"write": ["h", "x", 0]}}),
                error("bad-descriptor"),
            ),
            (
                json!({"raw": {"write_via_stream": ["h", "x", 0]}}),
                error("bad-descriptor"),
            ),
            (
                json!({"raw": {"append_via_stream": ["h", "x"]}}),
                error("bad-descriptor"),
            ),
            (
                json!({"raw": {"write_zeroes": ["h", 1]}}),
                error("bad-descriptor"),
            ),
            (
                json!({"raw": {"set_size": ["h", 0]}}),
                error("bad-descriptor"),
            ),
            (json!({"raw": {"set_times": ["h", 1]}}), times),
            (
                json!({"raw": {"splice": ["h", "h"]}}),
                error("bad-descriptor"),
            ),
            (json!({"raw": {"sync": "h"}}), done()),
            (
                json!({"raw": {"get_flags": "h"}}),
                ok("DescriptorFlags(READ)"),
            ),
        ]);
    }
}

#[test]
fn a_descriptor_opened_to_write_reads_nothing() {
    let attack = Attack::new(|_| {});
    attack.check(&[
        (open("app_data/app/out/old.txt", "w", "h"), done()),
        (
            json!({"raw": {"read": ["h", 10, 0]}}),
            error("bad-descriptor"),
        ),
        (
            json!({"raw": {"read_via_stream": ["h", 0]}}),
            error("bad-descriptor"),
        ),
        (
            json!({"raw": {"splice": ["h", "h"]}}),
            error("bad-descriptor"),
        ),
        (json!({"raw": {"write": ["h", "n", 0]}}), ok(1)),
        (json!({"raw": {"append_via_stream": ["h", "+"]}}), done()),
        (open("app_data/app/out/old.txt", "r", "i"), done()),
        (json!({"raw": {"read": ["i", 10, 0]}}), ok("nld+")),
        (json!({"raw": {"splice": ["i", "h"]}}), ok(4)),
        (
            json!({"raw": {"read_via_stream": ["i", 0]}}),
            ok("nld+nld+"),
        ),
    ]);
}

#[test]
fn a_descriptor_without_access_does_nothing() {
    let attack = Attack::new(|_| {});
    for flags in ["c", "t", "ct", "", "m"] {
        attack.check(&[
            (open("app_data/app/out/new.txt", "cw", "new"), done()),
            (open("app_data/app/out/new.txt", flags, "h"), done()),
            (
                json!({"raw": {"read": ["h", 10, 0]}}),
                error("bad-descriptor"),
            ),
            (
                json!({"raw": {"write": ["h", "x", 0]}}),
                error("bad-descriptor"),
            ),
            (
                json!({"raw": {"set_size": ["h", 0]}}),
                error("bad-descriptor"),
            ),
        ]);
    }
}

#[test]
fn odd_flags_open_nothing_new() {
    let attack = Attack::new(|_| {});
    let file = "public/open.txt";
    let private = "private/key.txt";
    let no_entry = || error("no-entry");
    let denied = || error("not-permitted");
    attack.check(&[
        (open(file, "rm", "h"), done()),
        (open(file, "rx", "h"), done()),
        (open(file, "cx", "h"), denied()),
        (open(file, "cxr", "h"), denied()),
        (open(file, "dr", "h"), error("not-directory")),
        (open(file, "cd", "h"), error("not-directory")),
        (open(file, "cdt", "h"), error("not-directory")),
        (open("public/new", "cd", "h"), no_entry()),
        (open("public/sub", "cd", "h"), error("is-directory")),
        (open("public/sub", "dw", "h"), error("is-directory")),
        (open("public/sub", "w", "h"), denied()),
        (open("public/sub", "rm", "h"), done()),
        (open("public/sub", "dt", "h"), error("is-directory")),
        (open(private, "m", "h"), no_entry()),
        (open(private, "", "h"), no_entry()),
        (open(private, "x", "h"), no_entry()),
        (open(private, "d", "h"), no_entry()),
        (open(private, "drm", "h"), no_entry()),
        (open("private", "drm", "h"), no_entry()),
        (open(private, "cd", "h"), denied()),
        (open(private, "dw", "h"), denied()),
        (open(private, "rf", "h"), no_entry()),
    ]);
}

#[test]
fn a_folder_held_with_all_flags_gives_no_more_than_its_grants() {
    let attack = Attack::new(|_| {});
    let denied = || error("not-permitted");
    attack.check(&[
        (open("public", "drm", "pub"), done()),
        (open("app_data/app/out", "drm", "out"), done()),
        (
            json!({"raw": {"get_type": "pub"}}),
            ok("DescriptorType::Directory"),
        ),
        (
            json!({"raw": {"create_directory_at": ["pub", "new"]}}),
            denied(),
        ),
        (
            json!({"raw": {"unlink_file_at": ["pub", "open.txt"]}}),
            denied(),
        ),
        (
            json!({"raw": {"set_times_at": ["pub", "open.txt", 1]}}),
            denied(),
        ),
        (json!({"raw": {"set_times": ["pub", 1]}}), denied()),
        (
            json!({"raw": {"set_size": ["pub", 1]}}),
            error("is-directory"),
        ),
        (
            json!({"raw": {"read": ["pub", 1, 0]}}),
            error("is-directory"),
        ),
        (
            json!({"raw": {"write": ["pub", "x", 0]}}),
            error("is-directory"),
        ),
        (
            json!({"raw": {"append_via_stream": ["pub", "x"]}}),
            error("is-directory"),
        ),
        (
            json!({"raw": {"rename_at": ["pub", "open.txt", "out", "got"]}}),
            denied(),
        ),
        (
            json!({"raw": {"rename_at": ["out", "old.txt", "pub", "put"]}}),
            denied(),
        ),
        (
            json!({"raw": {"rename_at": ["out", "old.txt", "pub", "open.txt"]}}),
            denied(),
        ),
        (
            json!({"raw": {"rename_at": ["pub", "../app_data/app/out/old.txt", "out", "new.txt"]}}),
            denied(),
        ),
        (
            json!({"raw": {"is_same_object": ["pub", "out"]}}),
            ok(false),
        ),
        (
            json!({"raw": {"read_directory": "out"}}),
            ok(json!(["old.txt"])),
        ),
    ]);
}

/// What a guest is told of writes that are to reach the disk is true: the kernel is asked for it.
#[test]
fn synchronous_writes_are_synchronous() {
    let attack = Attack::at_once(|_| {});
    let (host, site) = (attack.host.pid(), &attack.site);
    let opened = |name: &str| {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", host.as_raw_pid())).unwrap();
        let mut paths = fds.filter_map(|fd| fd.ok().map(|fd| fd.path()));
        let file = site.own(&format!("app_data/app/out/{name}"));
        let fd = paths.find(|path| std::fs::read_link(path).is_ok_and(|target| target == file));
        let info = fd
            .unwrap()
            .display()
            .to_string()
            .replace("/fd/", "/fdinfo/");
        let info = std::fs::read_to_string(info).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        u32::from_str_radix(flags.unwrap().trim(), 8).unwrap()
    };
    std::thread::scope(|scope| {
        let look = scope.spawn(|| {
            crate::support::wait_for("the guest", || {
                site.own("app_data/app/out/ready").exists().then_some(())
            });
            let flags = ["plain", "data", "file", "reads"].map(opened);
            std::fs::write(site.own("app_data/app/out/go"), "").unwrap();
            flags
        });
        let out = |name: &str| crate::support::planted::seen(&format!("app_data/app/out/{name}"));
        let outcomes = crate::support::apps::ops(
            &attack.host,
            &json!([
                open("app_data/app/out/plain", "cw", "plain"),
                open("app_data/app/out/data", "cwD", "data"),
                open("app_data/app/out/file", "cws", "file"),
                open("app_data/app/out/reads", "cwrR", "reads"),
                {"write": [out("ready"), ""]},
                {"wait_for": out("go")},
                {"raw": {"write": ["file", "text", 0]}},
                {"raw": {"append_via_stream": ["data", "text"]}},
                {"raw": {"get_flags": "file"}},
                {"raw": {"sync": "file"}},
                open("app_data/app/out", "dr", "folder"),
                {"raw": {"sync": "folder"}},
            ]),
        );
        let flags = "DescriptorFlags(WRITE | FILE_INTEGRITY_SYNC)";
        assert_eq!((&outcomes[6], &outcomes[8]), (&ok(4), &ok(flags)));
        for at in [7, 9, 10, 11] {
            assert_eq!(outcomes[at], done(), "{at}");
        }
        let all = 0o4_010_000;
        let found = look.join().unwrap().map(|flags| flags & all);
        // More than the data may be synced, where only that was asked for.
        assert!(
            matches!(found, [0, 0o10_000 | 0o4_010_000, ..]),
            "{found:?}"
        );
        assert_eq!(found[2..], [all, all]);
    });
}

/// A folder that others moved away is not there to be synced.
#[test]
fn what_is_gone_is_not_synced() {
    let attack = Attack::new(|_| {});
    attack.check(&[
        (open("app_data/app/out", "dr", "out"), done()),
        (
            json!({"raw": {"create_directory_at": ["out", "x"]}}),
            done(),
        ),
        (open("app_data/app/out/x", "dr", "x"), done()),
        (
            json!({"raw": {"remove_directory_at": ["out", "x"]}}),
            done(),
        ),
        (json!({"raw": {"sync": "x"}}), error("no-entry")),
    ]);
}

#[test]
fn times_of_folders_are_set_where_they_may_be_made() {
    let attack = Attack::new(|_| {});
    let denied = || error("not-permitted");
    let below = |path: &str| format!("{OWNER}/{path}");
    let set_at = |path: &str| json!({"raw": {"set_times_at": ["root", below(path), 1_000_000]}});
    attack.check(&[
        (
            json!({"mkdir": crate::support::planted::seen("app_data/app/out/sub")}),
            done(),
        ),
        (set_at("app_data/app/out/sub"), done()),
        (set_at("app_data/app/out/sub/"), done()),
        (set_at("app_data/app/out/old.txt"), done()),
        (set_at("app_data/app/out/old.txt/"), error("not-directory")),
        (set_at("app_data/app/out/none"), error("no-entry")),
        (set_at("public"), denied()),
        (set_at("public/sub"), denied()),
        (set_at("private"), denied()),
        (set_at("private/none"), denied()),
        (open("app_data/app/out", "dr", "out"), done()),
        (json!({"raw": {"set_times": ["out", 2_000_000]}}), done()),
        (json!({"raw": {"set_times": ["root", 1]}}), denied()),
    ]);
    let modified = |path: &str| {
        let time = std::fs::metadata(attack.site.own(path)).unwrap().modified();
        time.unwrap()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    assert_eq!(modified("app_data/app/out/sub"), 1_000_000);
    assert_eq!(modified("app_data/app/out"), 2_000_000);
}

#[test]
fn a_file_is_no_folder_to_start_from() {
    let attack = Attack::new(|_| {});
    let no_folder = || error("not-directory");
    attack.check(&[
        (open("public/open.txt", "r", "h"), done()),
        (
            json!({"raw": {"open": ["h", "../../private/key.txt", "r", "i"]}}),
            no_folder(),
        ),
        (json!({"raw": {"open": ["h", ".", "r", "i"]}}), no_folder()),
        (json!({"raw": {"read_directory": "h"}}), no_folder()),
        (json!({"raw": {"stat_at": ["h", ".."]}}), no_folder()),
        (
            json!({"raw": {"create_directory_at": ["h", "x"]}}),
            no_folder(),
        ),
        (
            json!({"raw": {"rename_at": ["root", OWNER, "h", "x"]}}),
            no_folder(),
        ),
    ]);
}

/// A file that is held stays the one that was opened, as everywhere.
#[test]
fn a_file_that_is_held_outlives_its_name() {
    let attack = Attack::new(|_| {});
    let out = format!("{OWNER}/app_data/app/out");
    attack.check(&[
        (open("app_data/app/out/old.txt", "rw", "h"), done()),
        (
            json!({"raw": {"unlink_file_at": ["root", format!("{out}/old.txt")]}}),
            done(),
        ),
        (
            json!({"raw": {"create_directory_at": ["root", format!("{out}/old.txt")]}}),
            done(),
        ),
        (json!({"raw": {"read": ["h", 10, 0]}}), ok("old")),
        (json!({"raw": {"write": ["h", "new", 0]}}), ok(3)),
        (
            json!({"raw": {"stat": "h"}}),
            ok(json!({"type": "DescriptorType::RegularFile", "size": 3, "links": 1})),
        ),
        (
            json!({"raw": {"remove_directory_at": ["root", format!("{out}/old.txt")]}}),
            done(),
        ),
    ]);
}

#[test]
fn a_listing_that_is_held_shows_no_more_than_a_new_one() {
    let attack = Attack::new(|site| {
        for name in ["a", "b", "c"] {
            site.write(&format!("public/many/{name}"), name);
        }
    });
    let outcomes = attack.run(json!([
        open("public/many", "dr", "h"),
        {"raw": {"listing": ["h", "l"]}},
        {"raw": {"drop": "h"}},
        {"raw": {"next": "l"}},
        {"raw": {"next": "l"}},
        {"raw": {"next": "l"}},
        {"raw": {"next": "l"}},
        {"raw": {"next": "l"}},
    ]));
    let mut names: Vec<_> = (3..6)
        .map(|at| outcomes[at]["ok"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!((&outcomes[6], &outcomes[7]), (&done(), &done()));
}

#[test]
fn offsets_and_sizes_at_the_end_of_numbers_are_refused() {
    let attack = Attack::new(|_| {});
    attack.check(&[(open("app_data/app/out/old.txt", "rw", "h"), done())]);
    let most = u64::MAX;
    for offset in [most, most - 1, 1 << 63, (1 << 63) - 1, 1 << 62] {
        attack.check_refused(&[
            json!({"raw": {"open": ["root", format!("{OWNER}/x"), "w", "h"]}}),
            json!({"raw": {"set_size": ["h", offset]}}),
        ]);
        let outcomes = attack.run(json!([
            open("app_data/app/out/old.txt", "rw", "h"),
            {"raw": {"write": ["h", "x", offset]}},
            {"raw": {"write_via_stream": ["h", "x", offset]}},
            {"raw": {"set_size": ["h", offset]}},
            {"raw": {"read": ["h", most, 0]}},
        ]));
        for at in 1..4 {
            assert!(outcomes[at]["error"].is_string(), "{offset}: {outcomes}");
        }
        assert_eq!(outcomes[4], ok("old"));
    }
}
