//! What is no file and no folder, and what is not what it was.

use std::fs;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use serde_json::json;

use super::{Attack, error};
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
            error("IsADirectory"),
        ),
        (
            json!({"rmdir_all": out("old.txt/x")}),
            error("NotADirectory"),
        ),
    ]);
}
