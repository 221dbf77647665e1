//! Links that somebody planted, and links that the guest would make.

use std::fs;

use serde_json::json;

use super::{Attack, done, error, ok};
use crate::support::planted::{FRIEND, seen};
use crate::support::site::{OWNER, Site};

/// Plants a link in the folder to read and one in the folder to write, and does
/// everything to and through it.
fn check_link(target: impl Fn(&Site) -> std::path::PathBuf) {
    let attack = Attack::new(|site| {
        site.link(target(site), "public/link");
        site.link(target(site), "app_data/app/out/link");
    });
    for folder in ["public", "app_data/app/out"] {
        let (link, below) = (
            seen(&format!("{folder}/link")),
            format!("{OWNER}/{folder}/link"),
        );
        let child = format!("{link}/key.txt");
        attack.check_refused(&[
            json!({"read": link}),
            json!({"read": child}),
            json!({"write": [link, "x"]}),
            json!({"write": [child, "x"]}),
            json!({"write": [format!("{link}/new"), "x"]}),
            json!({"append": [link, "x"]}),
            json!({"create_new": [link, "x"]}),
            json!({"set_len": [link, 0]}),
            json!({"stat": link}),
            json!({"lstat": link}),
            json!({"stat": child}),
            json!({"list": link}),
            json!({"list": format!("{link}/")}),
            json!({"readlink": link}),
            json!({"canonicalize": link}),
            json!({"copy": [link, seen("app_data/app/out/copy")]}),
            json!({"mkdir": link}),
            json!({"mkdir": format!("{link}/new")}),
            json!({"rmdir": link}),
            json!({"rmdir_all": child}),
            json!({"unlink": link}),
            json!({"unlink": child}),
            json!({"rename": [link, seen("app_data/app/out/moved")]}),
            json!({"rename": [child, seen("app_data/app/out/moved")]}),
            json!({"rename": [seen("app_data/app/out/old.txt"), format!("{link}/new")]}),
            json!({"raw": {"open": ["root", below, "rf", "h"]}}),
            json!({"raw": {"open": ["root", format!("{below}/."), "rf", "h"]}}),
            json!({"raw": {"open": ["root", below, "drf", "h"]}}),
            json!({"raw": {"open": ["root", below, "cwf", "h"]}}),
            json!({"raw": {"stat_at": ["root", below]}}),
            json!({"raw": {"set_times_at": ["root", below, 1]}}),
            json!({"raw": {"metadata_hash_at": ["root", below]}}),
        ]);
        let list = json!([{"list": seen(folder)}]);
        assert!(
            !attack.run(list).to_string().contains("link"),
            "a link is no entry"
        );
    }
    assert!(fs::symlink_metadata(attack.site.own("app_data/app/out/link")).is_ok());
}

#[test]
fn an_absolute_symlink_out_of_the_datasites_is_no_way() {
    check_link(|site| site.path().join("outside/key.txt"));
}

#[test]
fn an_absolute_symlink_to_a_folder_is_no_way() {
    check_link(|site| site.path().join("outside"));
}

#[test]
fn a_relative_symlink_is_no_way() {
    check_link(|_| "../private/key.txt".into());
}

#[test]
fn a_relative_symlink_to_a_folder_is_no_way() {
    check_link(|site| site.own("private"));
}

#[test]
fn a_symlink_that_climbs_out_is_no_way() {
    check_link(|_| "../../../../../../../../../../etc/passwd".into());
}

#[test]
fn a_dangling_symlink_is_no_way_to_make_a_file() {
    check_link(|site| site.path().join("outside/new.txt"));
}

#[test]
fn a_loop_of_symlinks_ends() {
    check_link(|_| "link".into());
}

#[test]
fn a_symlink_to_what_is_granted_is_no_way_either() {
    check_link(|site| site.own("public/sub"));
}

#[test]
fn a_symlink_to_this_process_is_no_way() {
    check_link(|_| "/proc/self".into());
    check_link(|_| "/proc/self/environ".into());
    check_link(|_| "/proc/self/fd/0".into());
}

/// Strangers may write to their own public folders, which apps read.
#[test]
fn a_symlink_that_a_stranger_planted_is_no_way() {
    let attack = Attack::new(|site| {
        let public = site.datasites().join("stranger@example.com/public");
        fs::create_dir_all(&public).unwrap();
        std::os::unix::fs::symlink(site.own("private/key.txt"), public.join("scores.json"))
            .unwrap();
        let whole = site.datasites().join("eve@example.com");
        fs::create_dir(&whole).unwrap();
        std::os::unix::fs::symlink(site.own("private"), whole.join("public")).unwrap();
        site.write("private/scores.json", "SECRET");
        std::os::unix::fs::symlink(OWNER, site.datasites().join("bob@example.com")).unwrap();
        site.write("public/scores.json", "mine");
    });
    let scores = |who: &str| format!("/datasites/{who}@example.com/public/scores.json");
    attack.check(&[
        (json!({"read": scores("stranger")}), error("NotFound")),
        (json!({"read": scores("eve")}), error("NotFound")),
        (json!({"read": scores("bob")}), error("NotFound")),
        (json!({"read": scores("friend")}), ok("scores")),
        (
            json!({"list": "/datasites/stranger@example.com/public"}),
            ok(json!([])),
        ),
        (json!({"list": "/datasites/eve@example.com"}), ok(json!([]))),
    ]);
}

#[test]
fn symlinks_are_not_made() {
    let attack = Attack::new(|_| {});
    let out = |name: &str| seen(&format!("app_data/app/out/{name}"));
    let below = format!("{OWNER}/app_data/app/out/link");
    attack.check_refused(&[
        json!({"symlink": [seen("private/key.txt"), out("link")]}),
        json!({"symlink": ["../../../private/key.txt", out("link")]}),
        json!({"symlink": ["old.txt", out("link")]}),
        json!({"raw": {"symlink_at": ["root", "x", below]}}),
        json!({"raw": {"symlink_at": ["root", "/etc/passwd", below]}}),
    ]);
    assert!(fs::symlink_metadata(attack.site.own("app_data/app/out/link")).is_err());
}

#[test]
fn hard_links_are_not_made() {
    let attack = Attack::new(|_| {});
    let out = |name: &str| seen(&format!("app_data/app/out/{name}"));
    let below = |path: &str| format!("{OWNER}/{path}");
    attack.check(&[
        (
            json!({"link": [seen("private/key.txt"), out("link")]}),
            error("PermissionDenied"),
        ),
        (
            json!({"link": [seen("public/open.txt"), out("link")]}),
            error("PermissionDenied"),
        ),
        (
            json!({"link": [out("old.txt"), out("link")]}),
            error("PermissionDenied"),
        ),
        (
            json!({"raw": {"open": ["root", below("public"), "dr", "from"]}}),
            done(),
        ),
        (
            json!({"raw": {"open": ["root", below("app_data/app/out"), "dr", "to"]}}),
            done(),
        ),
        (
            json!({"raw": {"link_at": ["from", "open.txt", "to", "link"]}}),
            error("not-permitted"),
        ),
        (
            json!({"raw": {"link_at": ["from", "../private/key.txt", "to", "link"]}}),
            error("not-permitted"),
        ),
        (
            json!({"raw": {"link_at": ["to", "old.txt", "from", "link"]}}),
            error("not-permitted"),
        ),
    ]);
    assert!(!attack.site.own("app_data/app/out/link").exists());
}

/// Whoever has a login here can make them, and the other name may be anybody's.
#[test]
fn hard_links_that_somebody_made_are_not_opened() {
    let attack = Attack::new(|site| {
        for name in ["public/hard.txt", "app_data/app/out/hard.txt"] {
            fs::hard_link(site.own("private/key.txt"), site.own(name)).unwrap();
        }
        let outside = site.path().join("outside/key.txt");
        fs::hard_link(outside, site.own("app_data/app/out/outside.txt")).unwrap();
    });
    let below = format!("{OWNER}/app_data/app/out/hard.txt");
    for name in [
        "public/hard.txt",
        "app_data/app/out/hard.txt",
        "app_data/app/out/outside.txt",
    ] {
        let path = seen(name);
        attack.check_refused(&[
            json!({"read": path}),
            json!({"write": [path, "x"]}),
            json!({"append": [path, "x"]}),
            json!({"open": [path, "rw", ""]}),
            json!({"set_len": [path, 0]}),
            json!({"set_times": [path, 1]}),
            json!({"copy": [path, seen("app_data/app/out/copy")]}),
            json!({"raw": {"open": ["root", below, "t", "h"]}}),
            json!({"raw": {"set_times_at": ["root", below, 1]}}),
        ]);
    }
}

#[test]
fn a_symlink_in_place_of_a_folder_that_is_held_is_not_followed() {
    let attack = Attack::at_once(|_| {});
    let site = &attack.site;
    let (folder, sub) = (format!("{OWNER}/public/sub"), site.own("public/sub"));
    let swap = std::thread::scope(|scope| {
        let swap = scope.spawn(|| {
            crate::support::wait_for("the guest", || {
                site.own("app_data/app/out/ready").exists().then_some(())
            });
            fs::rename(&sub, site.path().join("outside/sub")).unwrap();
            std::os::unix::fs::symlink(site.own("private"), &sub).unwrap();
            fs::write(site.own("app_data/app/out/go"), "").unwrap();
        });
        let outcomes = crate::support::apps::ops(
            &attack.host,
            &json!([
                {"raw": {"open": ["root", folder, "dr", "held"]}},
                {"raw": {"read_directory": "held"}},
                {"write": [seen("app_data/app/out/ready"), ""]},
                {"wait_for": seen("app_data/app/out/go")},
                {"raw": {"read_directory": "held"}},
                {"raw": {"open": ["held", "key.txt", "r", "h"]}},
                {"raw": {"stat_at": ["held", "key.txt"]}},
                {"raw": {"stat": "held"}},
                {"raw": {"metadata_hash": "held"}},
            ]),
        );
        swap.join().unwrap();
        outcomes
    });
    let expected = json!([
        done(),
        ok(json!(["deep.txt"])),
        done(),
        done(),
        error("no-entry"),
        error("no-entry"),
        error("no-entry"),
        error("no-entry"),
        error("no-entry"),
    ]);
    assert_eq!(swap, expected);
}

/// The folder is held while it is moved to where nothing is granted, and new
/// secrets come into it.
#[test]
fn a_folder_that_is_held_is_gone_when_it_is_moved() {
    let attack = Attack::at_once(|_| {});
    let site = &attack.site;
    let outcomes = std::thread::scope(|scope| {
        scope.spawn(|| {
            crate::support::wait_for("the guest", || {
                site.own("app_data/app/out/ready").exists().then_some(())
            });
            fs::rename(site.own("public/sub"), site.own("private/sub")).unwrap();
            fs::write(site.own("private/sub/deep.txt"), "SECRET").unwrap();
            fs::write(site.own("app_data/app/out/go"), "").unwrap();
        });
        crate::support::apps::ops(
            &attack.host,
            &json!([
                {"raw": {"open": ["root", format!("{OWNER}/public/sub"), "dr", "held"]}},
                {"write": [seen("app_data/app/out/ready"), ""]},
                {"wait_for": seen("app_data/app/out/go")},
                {"raw": {"open": ["held", "deep.txt", "r", "h"]}},
                {"raw": {"read_directory": "held"}},
                {"read": format!("/datasites/{FRIEND}/public/scores.json")},
            ]),
        )
    });
    let gone = || error("no-entry");
    assert_eq!(
        outcomes,
        json!([done(), done(), done(), gone(), gone(), ok("scores")])
    );
}
