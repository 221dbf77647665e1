//! What is no file and no folder, and what is not what it was.

use std::fs;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use serde_json::json;

use super::{Attack, error, ok};
use crate::support::planted::seen;
use crate::support::site::{OWNER, Site};

/// Checks that what lies at a name in both folders is neither opened nor listed.
fn check_thing(plant: impl Fn(&Site, &str)) {
    let attack = Attack::new(|site| {
        plant(site, "public/thing");
        plant(site, "app_data/app/out/thing");
    });
    for folder in ["public", "app_data/app/out"] {
        let (thing, below) = (
            seen(&format!("{folder}/thing")),
            format!("{OWNER}/{folder}/thing"),
        );
        attack.check_refused(&[
            json!({"read": thing}),
            json!({"open": [thing, "r", ""]}),
            json!({"open": [thing, "rw", ""]}),
            json!({"open": [thing, "w", "x"]}),
            json!({"write": [thing, "x"]}),
            json!({"append": [thing, "x"]}),
            json!({"stat": thing}),
            json!({"list": thing}),
            json!({"copy": [thing, seen("app_data/app/out/copy")]}),
            json!({"rename": [thing, seen("app_data/app/out/moved")]}),
            json!({"unlink": thing}),
            json!({"raw": {"open": ["root", below, "r", "h"]}}),
            json!({"raw": {"open": ["root", below, "t", "h"]}}),
            json!({"raw": {"set_times_at": ["root", below, 1]}}),
            json!({"raw": {"metadata_hash_at": ["root", below]}}),
        ]);
        let list = attack.run(json!([{"list": seen(folder)}]));
        assert!(!list.to_string().contains("thing"), "{list}");
    }
}

/// Opening one would wait for whoever is at the other end.
#[test]
fn a_fifo_is_not_opened_and_nobody_waits() {
    check_thing(|site, name| {
        mknodat(
            CWD,
            site.own(name),
            FileType::Fifo,
            Mode::from_raw_mode(0o666),
            0,
        )
        .unwrap();
    });
}

#[test]
fn a_socket_is_not_opened() {
    check_thing(|site, name| drop(UnixListener::bind(site.own(name)).unwrap()));
}

#[test]
fn a_device_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let zero = |path: &std::path::Path| {
        let mode = Mode::from_raw_mode(0o666);
        mknodat(CWD, path, FileType::CharacterDevice, mode, makedev(1, 5))
    };
    if let Err(error) = zero(&folder.path().join("zero")) {
        eprintln!("NOT RUN: this user may not make devices: {error}");
        return;
    }
    check_thing(|site, name| zero(&site.own(name)).unwrap());
}

#[test]
fn a_folder_in_place_of_a_file_and_the_other_way_round() {
    let attack = Attack::new(|site| {
        fs::create_dir(site.own("public/folder")).unwrap();
        fs::create_dir(site.own("app_data/app/out/folder")).unwrap();
        let scores = site.datasites().join("eve@example.com/public/scores.json");
        fs::create_dir_all(&scores).unwrap();
        fs::write(scores.join("key.txt"), "SECRET").unwrap();
        fs::write(site.datasites().join("file@example.com"), "SECRET").unwrap();
    });
    let out = |name: &str| seen(&format!("app_data/app/out/{name}"));
    attack.check(&[
        (
            json!({"read": "/datasites/eve@example.com/public/scores.json/key.txt"}),
            error("NotFound"),
        ),
        (
            json!({"list": "/datasites/file@example.com"}),
            error("NotFound"),
        ),
        (
            json!({"read": "/datasites/file@example.com"}),
            error("NotFound"),
        ),
        (
            json!({"read": "/datasites/file@example.com/public/scores.json"}),
            error("NotADirectory"),
        ),
        (
            json!({"list": seen("public/open.txt")}),
            error("NotADirectory"),
        ),
        (
            json!({"read": seen("public/open.txt/x")}),
            error("NotADirectory"),
        ),
        (
            json!({"write": [out("folder"), "x"]}),
            error("IsADirectory"),
        ),
        (json!({"unlink": out("folder")}), error("IsADirectory")),
        (json!({"rmdir": out("old.txt")}), error("NotADirectory")),
        (json!({"mkdir": out("old.txt")}), error("AlreadyExists")),
        (
            json!({"create_new": [out("folder"), "x"]}),
            error("AlreadyExists"),
        ),
        (
            json!({"rename": [out("old.txt"), out("folder")]}),
            error("IsADirectory"),
        ),
        (
            json!({"rename": [out("folder"), out("old.txt")]}),
            error("NotADirectory"),
        ),
        (
            json!({"rmdir_all": out("old.txt/x")}),
            error("NotADirectory"),
        ),
    ]);
}

/// There is nothing, but for who would make something of that name.
#[test]
fn what_is_no_file_looks_the_same_to_each_operation() {
    let attack = Attack::new(|site| {
        let out = |name: &str| site.own(&format!("app_data/app/out/{name}"));
        site.link("old.txt", "app_data/app/out/link");
        site.link("../../../public/sub", "app_data/app/out/to-folder");
        site.link("nothing", "app_data/app/out/dangling");
        fs::hard_link(site.own("public/open.txt"), out("hard")).unwrap();
        let mode = Mode::from_raw_mode(0o666);
        mknodat(CWD, out("fifo"), FileType::Fifo, mode, 0).unwrap();
        drop(UnixListener::bind(out("socket")).unwrap());
    });
    let out = |name: &str| seen(&format!("app_data/app/out/{name}"));
    for name in ["link", "to-folder", "dangling", "hard", "fifo", "socket"] {
        let (it, below) = (out(name), out(&format!("{name}/x")));
        let raw = format!("{OWNER}/app_data/app/out/{name}");
        let absent = || error("NotFound");
        let taken = || error("AlreadyExists");
        attack.check(&[
            (json!({"stat": it}), absent()),
            (json!({"lstat": it}), absent()),
            (json!({"exists": it}), ok(false)),
            (json!({"read": it}), absent()),
            (json!({"open": [it, "rw", ""]}), absent()),
            (json!({"append": [it, "x"]}), absent()),
            (json!({"set_len": [it, 0]}), absent()),
            (json!({"list": it}), absent()),
            (json!({"readlink": it}), absent()),
            (json!({"unlink": it}), absent()),
            (json!({"rmdir": it}), absent()),
            (json!({"rmdir_all": it}), absent()),
            (json!({"rename": [it, out("moved")]}), absent()),
            (
                json!({"raw": {"set_times_at": ["root", raw, 1]}}),
                error("no-entry"),
            ),
            (
                json!({"raw": {"metadata_hash_at": ["root", raw]}}),
                error("no-entry"),
            ),
            (
                json!({"raw": {"open": ["root", raw, "rf", "h"]}}),
                error("no-entry"),
            ),
            (json!({"stat": below}), absent()),
            (json!({"read": below}), absent()),
            (json!({"write": [below, "x"]}), absent()),
            (json!({"mkdir": below}), absent()),
            (json!({"unlink": below}), absent()),
            (json!({"rename": [out("old.txt"), below]}), absent()),
            (
                json!({"read": out(&format!("{name}/../old.txt"))}),
                absent(),
            ),
            (json!({"write": [it, "x"]}), taken()),
            (json!({"create_new": [it, "x"]}), taken()),
            (json!({"mkdir": it}), taken()),
            (json!({"rename": [out("old.txt"), it]}), taken()),
            (
                json!({"raw": {"open": ["root", raw, "cwf", "h"]}}),
                error("exist"),
            ),
            (json!({"list": out("")}), ok(json!([["old.txt", "file"]]))),
        ]);
        assert!(fs::symlink_metadata(attack.site.own(&format!("app_data/app/out/{name}"))).is_ok());
    }
    let says = |what: &str| {
        let line = |line: &serde_json::Value| line.to_string().contains(what);
        attack.host.wait_for_log(what, line);
    };
    says("it is a symbolic link");
    says("it has several hard links");
}
