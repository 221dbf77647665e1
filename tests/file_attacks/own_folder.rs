//! The app's own folder, and the temporary folder of a call.

use std::fs::{self, File};

use serde_json::{Value, json};

use super::{error, ok};
use crate::support::apps::{embed, ops};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::planted::{SECRET, planted, snapshot};
use crate::support::site::{OWNER, Site};

use syft_manifest::{Files, Manifest};

/// Starts the guest with its own folder, for which nobody was asked.
fn start(site: &Site, options: &[&str]) -> Host {
    let manifest = Manifest {
        files: Files {
            own_folder: true,
            ..Files::default()
        },
        ..Manifest::default()
    };
    let component = embed(site, &guest("files"), &manifest);
    Host::start(site, &component, &[&["--name", "app"], options].concat())
}

fn own(path: &str) -> String {
    format!("/datasites/{OWNER}/app_data/app/{path}")
}

#[test]
fn the_own_folder_is_all_that_needs_no_approval() {
    let site = planted();
    let host = start(&site, &["--deny", "{app_data}/shut"]);
    let before = snapshot(&site);
    let outcomes = ops(
        &host,
        &json!([
            {"mkdir_all": own("a/b")},
            {"write": [own("a/b/x"), "text"]},
            {"read": own("a/b/x")},
            {"rename": [own("a/b/x"), own("y")]},
            {"write": [own("syft.pub.yaml"), "rules: []"]},
            {"write": [own("a/syft.pub.yaml"), "rules: []"]},
            {"list": own("rpc")},
            {"write": [own("rpc/x.request"), "{}"]},
            {"write": [own("shut/x"), "text"]},
            {"write": [own("../app2/x"), "text"]},
            {"list": format!("/datasites/{OWNER}")},
            {"read": format!("/datasites/{OWNER}/public/open.txt")},
            {"unlink": own("y")},
            {"rmdir_all": own("a")},
        ]),
    );
    let expected = json!([
        ok(Value::Null),
        ok(Value::Null),
        ok("text"),
        ok(Value::Null),
        error("PermissionDenied"),
        error("PermissionDenied"),
        error("NotFound"),
        error("PermissionDenied"),
        error("PermissionDenied"),
        error("PermissionDenied"),
        ok(json!([["app_data", "folder"]])),
        error("NotFound"),
        ok(Value::Null),
        ok(Value::Null),
    ]);
    assert_eq!(outcomes, expected);
    let app = site.rpc("app").parent().unwrap().to_owned();
    let after = snapshot(&site);
    for (path, state) in before.iter().filter(|(path, _)| !path.starts_with(&app)) {
        assert_eq!(after.get(path), Some(state), "{}", path.display());
    }
}

#[test]
fn the_own_folder_is_bounded() {
    let site = planted();
    let host = start(&site, &[]);
    // Sparse, so it takes nothing.
    let big = site.rpc("app").parent().unwrap().to_owned().join("big");
    File::create(&big).unwrap().set_len(1 << 30).unwrap();
    let write = json!([{"write": [own("x"), "text"]}]);
    assert!(ops(&host, &write)[0]["error"].is_string());
    let moved = ops(
        &host,
        &json!([{"write": ["/tmp/x", "text"]}, {"rename": ["/tmp/x", own("x")]}, {"stat": own("x")}]),
    );
    assert_eq!(
        (&moved[0], &moved[2]),
        (&ok(Value::Null), &error("NotFound"))
    );
    assert!(moved[1]["error"].is_string(), "{moved}");
    host.wait_for_log("the bound", |line| {
        line.to_string().contains("own folder holds at most")
    });
    fs::remove_file(&big).unwrap();
    assert_eq!(ops(&host, &write), json!([ok(Value::Null)]));
}

#[test]
fn each_call_has_a_temporary_folder_of_its_own() {
    let site = planted();
    let secret = site.path().join("secret.txt");
    fs::write(&secret, SECRET).unwrap();
    let host = start(&site, &[]);
    let deep = format!("/tmp/{}", vec!["n"; 40].join("/"));
    let climbing = format!("/tmp/../{}", secret.display());
    let outcomes = ops(
        &host,
        &json!([
            {"list": "/tmp"},
            {"read": secret},
            {"read": climbing},
            {"mkdir": "/tmp/a"},
            {"write": ["/tmp/a/x", "text"]},
            {"rename": ["/tmp/a/x", own("x")]},
            {"read": own("x")},
            {"symlink": [secret, "/tmp/link"]},
            {"mkdir_all": deep},
            {"list": "/tmp"},
            {"fill": ["/tmp/full", 1 << 20, 100]},
        ]),
    );
    assert!(!outcomes.to_string().contains(SECRET), "{outcomes}");
    assert_eq!(outcomes[0], ok(json!([])));
    for index in [1, 2, 7, 8] {
        assert!(outcomes[index]["error"].is_string(), "{index}: {outcomes}");
    }
    assert_eq!(outcomes[6], ok("text"), "{outcomes}");
    let n_filled = outcomes[10]["ok"]["written"].as_u64().unwrap_or_default();
    assert!(n_filled < 64, "{outcomes}");
    assert_eq!(
        ops(&host, &json!([{"list": "/tmp"}])),
        json!([ok(json!([]))])
    );
}
