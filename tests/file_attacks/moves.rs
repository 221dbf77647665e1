//! Folders that are renamed, which takes along what may be written at both places or nothing.

use std::fs;
use std::os::unix::net::UnixListener;

use serde_json::json;

use super::{Attack, done, error, ok};
use crate::support::apps::{Approved, start_files};
use crate::support::planted::{planted, seen};
use crate::support::site::Site;

fn out(path: &str) -> String {
    seen(&format!("app_data/app/out/{path}"))
}

fn own(path: &str) -> String {
    format!("app_data/app/out/{path}")
}

#[test]
fn a_folder_is_moved_with_all_that_is_in_it() {
    let attack = Attack::new(|site| {
        site.write(&own("sub/x"), "x");
        site.write(&own("sub/deep/er/y"), "y");
        fs::create_dir(site.own(&own("sub/empty"))).unwrap();
        fs::create_dir(site.own(&own("there"))).unwrap();
        site.write(&own("full/x"), "x");
        let folder = fs::File::open(site.own(&own("sub/deep"))).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        folder.set_modified(time).unwrap();
    });
    let listed = json!([["deep", "folder"], ["empty", "folder"], ["x", "file"]]);
    attack.check(&[
        (json!({"rename": [out("sub"), out("sub")]}), done()),
        (json!({"rename": [out("sub"), out("moved")]}), done()),
        (json!({"stat": out("sub")}), error("NotFound")),
        (json!({"list": out("moved")}), ok(listed)),
        (json!({"read": out("moved/deep/er/y")}), ok("y")),
        (
            json!({"stat": out("moved/deep")}),
            ok(json!({"kind": "folder", "len": 0, "modified": 1_000_000})),
        ),
        // Into a folder that is there, if nothing is in it.
        (json!({"rename": [out("moved"), out("there/")]}), done()),
        (json!({"read": out("there/deep/er/y")}), ok("y")),
        (json!({"rename": [out("there/deep"), out("up")]}), done()),
        (json!({"read": out("up/er/y")}), ok("y")),
        (
            json!({"rename": [out("up"), out("full")]}),
            error("Uncategorized"),
        ),
        (
            json!({"rename": [out("up"), out("up/er/up")]}),
            error("InvalidInput"),
        ),
        (
            json!({"rename": [out("up"), out("old.txt")]}),
            error("NotADirectory"),
        ),
        (
            json!({"rename": [out("up"), out("none/up")]}),
            error("NotFound"),
        ),
        (
            json!({"rename": [out("up"), seen("public/up")]}),
            error("PermissionDenied"),
        ),
        (
            json!({"rename": [seen("public/sub"), out("got")]}),
            error("PermissionDenied"),
        ),
        (json!({"read": out("up/er/y")}), ok("y")),
    ]);
}

/// Checks that what lies in a folder keeps all of it where it is.
fn check_kept(plant: impl FnOnce(&Site)) {
    let approved = Approved::new(
        &[],
        &["{app_data}/out/**"],
        &["{app_data}/out/*/sub/denied", "{app_data}/out/moved/sub/z"],
    );
    let attack = Attack::with(&approved, |site| {
        site.write(&own("folder/a"), "a");
        site.write(&own("folder/sub/b"), "b");
        plant(site);
    });
    let tree = || {
        let below = walkdir::WalkDir::new(attack.site.own("app_data/app/out"));
        let paths = below.sort_by_file_name().into_iter();
        paths
            .map(|entry| entry.unwrap().into_path())
            .collect::<Vec<_>>()
    };
    let before = tree();
    attack.check(&[(
        json!({"rename": [out("folder"), out("moved")]}),
        error("PermissionDenied"),
    )]);
    assert_eq!(tree(), before);
}

#[test]
fn what_may_not_be_written_keeps_a_folder_where_it_is() {
    check_kept(|site| drop(site.write(&own("folder/sub/syft.pub.yaml"), "rules: []")));
    check_kept(|site| drop(site.write(&own("folder/sub/DID.json"), "{}")));
    check_kept(|site| drop(site.write(&own("folder/rpc/x"), "x")));
    check_kept(|site| drop(site.write(&own("folder/sub/denied/x"), "x")));
    check_kept(|site| site.link("b", &own("folder/sub/link")));
    check_kept(|site| {
        let path = site.own(&own("folder/sub/socket"));
        drop(UnixListener::bind(path).unwrap());
    });
    check_kept(|site| {
        let path = site.own(&own("folder/sub/hard"));
        fs::hard_link(site.own(&own("folder/a")), path).unwrap();
    });
    // It may be written here and not there.
    check_kept(|site| drop(site.write(&own("folder/sub/z"), "z")));
}

/// Programs copy what cannot be renamed.
#[test]
fn a_folder_that_cannot_be_moved_at_once_is_said_to_be_elsewhere() {
    let site = planted();
    for name in 0..10_001 {
        site.write(&own(&format!("many/{name}")), "");
    }
    let host = start_files(&site, &Approved::new(&[], &["{app_data}/out/**"], &[]), &[]);
    let outcomes = crate::support::apps::ops(
        &host,
        &json!([
            {"rename": [out("many"), out("moved")]},
            {"stat": out("moved")},
            {"count": out("many")},
        ]),
    );
    let expected = json!([error("CrossesDevices"), error("NotFound"), ok(10_001)]);
    assert_eq!(outcomes, expected);
}
