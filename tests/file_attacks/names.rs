//! Paths and names, as strange as they come.

use serde_json::{Value, json};

use super::{Attack, done, error, ok};
use crate::support::apps::Approved;
use crate::support::planted::seen;
use crate::support::site::OWNER;

fn raw_open(path: &str, flags: &str) -> Value {
    json!({"raw": {"open": ["root", path, flags, "h"]}})
}

#[test]
fn dot_dot_leads_nowhere_new() {
    let attack = Attack::new(|_| {});
    attack.check(&[
        (
            json!({"read": seen("public/../private/key.txt")}),
            error("NotFound"),
        ),
        (
            json!({"read": seen("public/sub/../../private/key.txt")}),
            error("NotFound"),
        ),
        (
            json!({"read": seen("app_data/app/out/../../../private/key.txt")}),
            error("NotFound"),
        ),
        (
            json!({"write": [seen("app_data/app/out/../x"), "x"]}),
            error("PermissionDenied"),
        ),
        (
            json!({"write": [seen("app_data/app/out/../../other/x"), "x"]}),
            error("PermissionDenied"),
        ),
        (
            json!({"mkdir": seen("app_data/app/out/../../../x")}),
            error("PermissionDenied"),
        ),
        (
            json!({"rename": [seen("app_data/app/out/old.txt"), seen("app_data/app/out/../x")]}),
            error("PermissionDenied"),
        ),
        (
            json!({"list": seen("public/../private")}),
            error("NotFound"),
        ),
        (
            json!({"read": seen("private/../public/open.txt")}),
            error("NotFound"),
        ),
        (json!({"read": seen("public/sub/../open.txt")}), ok("open")),
        (
            json!({"read": seen("public/./sub/..//open.txt")}),
            ok("open"),
        ),
    ]);
}

/// Each operation on a path, seen from a folder that is held.
fn each_operation(path: &str) -> Vec<Value> {
    let raw = |operation: &str, arguments: Value| json!({"raw": {operation: arguments}});
    vec![
        raw("open", json!(["out", path, "r", "h"])),
        raw("open", json!(["out", path, "cw", "h"])),
        raw("open", json!(["out", path, "dr", "h"])),
        raw("stat_at", json!(["out", path])),
        raw("metadata_hash_at", json!(["out", path])),
        raw("set_times_at", json!(["out", path, 1])),
        raw("readlink_at", json!(["out", path])),
        raw("create_directory_at", json!(["out", path])),
        raw("remove_directory_at", json!(["out", path])),
        raw("unlink_file_at", json!(["out", path])),
        raw("symlink_at", json!(["out", "old.txt", path])),
        raw("link_at", json!(["out", path, "out", "new"])),
        raw("link_at", json!(["out", "old.txt", "out", path])),
        raw("rename_at", json!(["out", path, "out", "new"])),
        raw("rename_at", json!(["out", "old.txt", "out", path])),
    ]
}

#[test]
fn a_folder_that_is_held_confines_each_operation() {
    let attack = Attack::new(|site| {
        site.write("app_data/app/out/sub/deep/x", "x");
        site.link("sub", "app_data/app/out/link");
    });
    let out = format!("{OWNER}/app_data/app/out");
    let absolute = format!("/datasites/{out}/old.txt");
    let mut steps = vec![(json!({"raw": {"open": ["root", out, "dr", "out"]}}), done())];
    for (path, expected) in [
        ("..", "not-permitted"),
        ("../out/old.txt", "not-permitted"),
        ("sub/../../out/old.txt", "not-permitted"),
        ("./sub/deep/../../../out", "not-permitted"),
        ("/", "not-permitted"),
        (&absolute, "not-permitted"),
        ("none/../old.txt", "no-entry"),
        ("sub/none/../../old.txt", "no-entry"),
        ("none/../../out/old.txt", "no-entry"),
        ("link/../old.txt", "no-entry"),
        ("old.txt/../old.txt", "not-directory"),
        ("sub/deep/x/../x", "not-directory"),
        ("", "no-entry"),
    ] {
        let each = each_operation(path).into_iter();
        steps.extend(each.map(|step| (step, error(expected))));
    }
    attack.check(&steps);
    attack.check(&[
        steps[0].clone(),
        (
            json!({"raw": {"stat_at": ["out", "sub/deep/../../old.txt"]}}),
            ok(json!({"type": "DescriptorType::RegularFile", "size": 3, "links": 1})),
        ),
        (
            json!({"raw": {"open": ["out", "sub/..", "dr", "again"]}}),
            done(),
        ),
        (
            json!({"raw": {"is_same_object": ["out", "again"]}}),
            ok(true),
        ),
        (
            json!({"raw": {"open": ["again", "..", "dr", "above"]}}),
            error("not-permitted"),
        ),
    ]);
}

/// A name that a path ends with is what operations on names are about.
#[test]
fn dots_at_the_end_are_no_names() {
    let attack = Attack::new(|site| {
        site.write("app_data/app/out/sub/x", "x");
        std::fs::create_dir(site.own("app_data/app/out/empty")).unwrap();
    });
    let out = |name: &str| format!("{OWNER}/app_data/app/out/{name}");
    let raw = |operation: &str, path: &str| json!({"raw": {operation: ["root", out(path)]}});
    let rename =
        |from: &str, to: &str| json!({"raw": {"rename_at": ["root", out(from), "root", out(to)]}});
    attack.check(&[
        (raw("remove_directory_at", "empty/."), error("invalid")),
        (raw("remove_directory_at", "sub/.."), error("not-empty")),
        (raw("create_directory_at", "new/."), error("no-entry")),
        (raw("create_directory_at", "sub/.."), error("exist")),
        (raw("unlink_file_at", "sub/."), error("is-directory")),
        (rename("empty/.", "new"), error("busy")),
        (rename("sub/..", "new"), error("busy")),
        (rename("old.txt", "empty/."), error("busy")),
        (raw("stat_at", "old.txt/"), error("not-directory")),
        (raw("metadata_hash_at", "old.txt/"), error("not-directory")),
        (raw("readlink_at", "old.txt/"), error("not-directory")),
        (raw("readlink_at", "old.txt"), error("invalid")),
    ]);
}

#[test]
fn dot_dot_does_not_leave_the_datasites() {
    let attack = Attack::new(|_| {});
    attack.check(&[
        (raw_open("..", "dr"), error("not-permitted")),
        (
            raw_open("../../outside/key.txt", "r"),
            error("not-permitted"),
        ),
        (
            raw_open(&format!("{OWNER}/../../../outside/key.txt"), "r"),
            error("not-permitted"),
        ),
        (raw_open(&format!("{OWNER}/public"), "dr"), done()),
        (
            json!({"raw": {"open": ["h", "../../../outside/key.txt", "r", "i"]}}),
            error("not-permitted"),
        ),
        (
            json!({"raw": {"open": ["h", "../private/key.txt", "r", "i"]}}),
            error("not-permitted"),
        ),
        (
            json!({"raw": {"stat_at": ["h", "../../.."]}}),
            error("not-permitted"),
        ),
        (
            json!({"raw": {"create_directory_at": ["h", "../../../outside/x"]}}),
            error("not-permitted"),
        ),
    ]);
    attack.check_refused(&[
        json!({"read": "/datasites/../outside/key.txt"}),
        json!({"write": ["/datasites/../../outside/new", "x"]}),
        json!({"list": "/datasites/../../outside"}),
        json!({"list": "/datasites/.."}),
    ]);
}

#[test]
fn absolute_empty_and_zero_paths_are_refused() {
    let attack = Attack::new(|_| {});
    let absolute = attack.site.own("public/open.txt").display().to_string();
    attack.check(&[
        (raw_open("/", "dr"), error("not-permitted")),
        (raw_open("/etc/passwd", "r"), error("not-permitted")),
        (raw_open(&absolute, "r"), error("not-permitted")),
        (raw_open("//", "dr"), error("not-permitted")),
        (raw_open("", "r"), error("no-entry")),
        (raw_open("", "dr"), error("no-entry")),
        (
            raw_open(&format!("{OWNER}/public/open.txt\0.json"), "r"),
            error("invalid"),
        ),
        (raw_open("\0", "r"), error("invalid")),
        (
            json!({"raw": {"create_directory_at": ["root", ""]}}),
            error("no-entry"),
        ),
        (
            json!({"raw": {"unlink_file_at": ["root", ""]}}),
            error("no-entry"),
        ),
        (
            json!({"raw": {"stat_at": ["root", "/"]}}),
            error("not-permitted"),
        ),
    ]);
    let denied = attack.host.wait_for_log("the refusal", |line| {
        line["path"] == "/etc/passwd" || line["path"] == "/"
    });
    assert_eq!(denied["access"], "open");
    let hint = denied["hint"].as_str().unwrap();
    assert!(
        hint.contains("below /datasites") && hint.contains("[files] read = "),
        "{hint}"
    );
    attack.check_refused(&[
        json!({"read": "/etc/passwd"}),
        json!({"read": absolute}),
        json!({"list": "/"}),
        json!({"read": "/proc/self/environ"}),
        json!({"list": "/proc/self/fd"}),
        json!({"read": "/dev/zero"}),
        json!({"write": ["/tmp/x", "x"]}),
        json!({"read": "public/open.txt"}),
        json!({"list": "."}),
    ]);
}

#[test]
fn trailing_slashes_and_dots_change_nothing() {
    let attack = Attack::new(|_| {});
    let out = |name: &str| seen(&format!("app_data/app/out/{name}"));
    attack.check(&[
        (
            json!({"read": seen("public/open.txt/")}),
            error("NotADirectory"),
        ),
        (
            json!({"read": seen("public/open.txt/.")}),
            error("NotADirectory"),
        ),
        (
            json!({"stat": seen("public/open.txt/")}),
            error("NotADirectory"),
        ),
        (json!({"read": seen("private/key.txt/")}), error("NotFound")),
        (
            json!({"read": seen("private/key.txt/.")}),
            error("NotFound"),
        ),
        (json!({"list": seen("private/")}), error("NotFound")),
        (json!({"list": seen("private/.")}), error("NotFound")),
        (
            json!({"list": seen("public/sub/.")}),
            ok(json!([["deep.txt", "file"]])),
        ),
        (json!({"read": seen("public//sub///deep.txt")}), ok("deep")),
        (
            raw_open(&format!("{OWNER}/public/new/"), "c"),
            error("no-entry"),
        ),
        (
            raw_open(&format!("{OWNER}/public/open.txt/"), "w"),
            error("not-directory"),
        ),
        (
            raw_open(&format!("{OWNER}/private/new/"), "c"),
            error("not-permitted"),
        ),
        (
            json!({"rename": [out("old.txt/"), out("x")]}),
            error("NotADirectory"),
        ),
        (
            json!({"rename": [out("old.txt"), out("x/")]}),
            error("NotADirectory"),
        ),
        (json!({"unlink": out("old.txt/")}), error("NotADirectory")),
        (json!({"mkdir": out("sub/")}), done()),
        (json!({"mkdir": out("sub/.")}), error("AlreadyExists")),
        (json!({"rmdir": out("sub/")}), done()),
        (json!({"read": out("old.txt")}), ok("old")),
    ]);
    attack.check_refused(&[
        raw_open(&format!("{OWNER}/app_data/app/out/new/"), "cw"),
        raw_open(&format!("{OWNER}/app_data/app/out/old.txt/"), "tw"),
        raw_open(&format!("{OWNER}/app_data/app/out/new/."), "c"),
    ]);
    assert!(!attack.site.own("app_data/app/out/new").exists());
}

#[test]
fn twins_in_case_are_other_files() {
    let approved = Approved::new(
        &["{datasite}/public/Open.txt", "{datasite}/PRIVATE/**"],
        &[],
        &[],
    );
    let attack = Attack::with(&approved, |site| {
        site.write("public/open.txt", "SECRET twin");
        site.write("public/Open.txt", "granted");
    });
    attack.check(&[
        (json!({"read": seen("public/Open.txt")}), ok("granted")),
        (json!({"read": seen("public/open.txt")}), error("NotFound")),
        (json!({"read": seen("public/OPEN.TXT")}), error("NotFound")),
        (json!({"read": seen("private/key.txt")}), error("NotFound")),
        (json!({"read": seen("PRIVATE/key.txt")}), error("NotFound")),
        (
            json!({"list": seen("public")}),
            ok(json!([["Open.txt", "file"]])),
        ),
    ]);
}

/// Letters that look the same in two spellings: one code point, or two.
#[test]
fn twins_in_unicode_are_other_files() {
    let (one, two) = ("caf\u{e9}.txt", "cafe\u{301}.txt");
    let read = format!("{{datasite}}/public/{one}");
    let attack = Attack::with(&Approved::new(&[&read], &[], &[]), |site| {
        site.write(&format!("public/{one}"), "granted");
        site.write(&format!("public/{two}"), "SECRET twin");
    });
    attack.check(&[
        (
            json!({"read": seen(&format!("public/{one}"))}),
            ok("granted"),
        ),
        (
            json!({"read": seen(&format!("public/{two}"))}),
            error("NotFound"),
        ),
        (json!({"list": seen("public")}), ok(json!([[one, "file"]]))),
    ]);
}

#[test]
fn names_have_up_to_255_bytes() {
    let attack = Attack::new(|_| {});
    let out = |name: &str| seen(&format!("app_data/app/out/{name}"));
    let (most, more) = ("n".repeat(255), "n".repeat(256));
    let wide = "\u{20ac}".repeat(85);
    attack.check(&[
        (json!({"write": [out(&most), "x"]}), done()),
        (json!({"read": out(&most)}), ok("x")),
        (json!({"write": [out(&wide), "x"]}), done()),
        (
            json!({"write": [out(&more), "x"]}),
            error("InvalidFilename"),
        ),
        (
            json!({"write": [out(&format!("{wide}x")), "x"]}),
            error("InvalidFilename"),
        ),
        (json!({"mkdir": out(&more)}), error("InvalidFilename")),
        (
            json!({"rename": [out(&most), out(&more)]}),
            error("InvalidFilename"),
        ),
        (
            json!({"stat": seen(&format!("private/{more}"))}),
            error("InvalidFilename"),
        ),
    ]);
    attack.check_refused(&[
        json!({"read": out(&"d/".repeat(3000))}),
        json!({"read": out(&"x".repeat(100_000))}),
    ]);
}

/// A grant is for names as they are: nothing in them is a line, a quote or a glob.
#[test]
fn control_characters_in_names_are_only_characters() {
    let names = [
        "a\nb",
        "a\r\nb.txt",
        "\u{1b}[31m",
        "a\tb",
        "\u{7f}",
        "\"",
        "%2e%2e",
        "*",
        "\\..\\x",
        "\u{202e}txt",
    ];
    let attack = Attack::new(|site| {
        site.write("private/a\nb", "SECRET");
        site.write("private/*", "SECRET");
    });
    for name in names {
        let (out, private) = (
            seen(&format!("app_data/app/out/{name}")),
            seen(&format!("private/{name}")),
        );
        attack.check(&[
            (json!({"write": [out, "x"]}), done()),
            (json!({"read": out}), ok("x")),
            (
                json!({"list": seen("app_data/app/out")}),
                ok(json!([[name, "file"], ["old.txt", "file"]])
                    .as_array()
                    .map(|entries| {
                        let mut entries = entries.clone();
                        entries.sort_by_key(|entry| entry[0].as_str().unwrap().to_owned());
                        entries
                    })
                    .unwrap()),
            ),
            (json!({"unlink": out}), done()),
            (json!({"read": private}), error("NotFound")),
        ]);
    }
    // In the log a line stays a line.
    let lines = attack.host.log();
    assert!(
        lines.iter().all(|line| line["level"].is_string()),
        "{lines:#?}"
    );
}

#[test]
fn names_that_are_no_text_are_not_there() {
    use std::os::unix::ffi::OsStrExt;
    let attack = Attack::new(|site| {
        let name = std::ffi::OsStr::from_bytes(b"bad\xff.txt");
        std::fs::write(site.own("public").join(name), "SECRET").unwrap();
    });
    attack.check(&[
        (
            json!({"list": seen("public")}),
            ok(json!([["open.txt", "file"], ["sub", "folder"]])),
        ),
        (
            json!({"read": seen("public/bad\u{fffd}.txt")}),
            error("NotFound"),
        ),
    ]);
}

#[test]
fn the_datasites_folder_itself_is_only_seen() {
    let attack = Attack::with(&Approved::new(&["**"], &["**"], &["*/private"]), |_| {});
    attack.check_refused(&[
        json!({"rmdir": "/datasites"}),
        json!({"rmdir": "/datasites/."}),
        json!({"unlink": "/datasites"}),
        json!({"rename": ["/datasites", seen("x")]}),
        json!({"rename": [seen("public/open.txt"), "/datasites"]}),
        json!({"mkdir": "/datasites"}),
        json!({"write": ["/datasites", "x"]}),
        json!({"raw": {"remove_directory_at": ["root", "."]}}),
        json!({"raw": {"unlink_file_at": ["root", "."]}}),
        json!({"raw": {"rename_at": ["root", ".", "root", "x"]}}),
        json!({"raw": {"set_times_at": ["root", ".", 1]}}),
        json!({"raw": {"set_times": ["root", 1]}}),
        raw_open(".", "cw"),
    ]);
}
