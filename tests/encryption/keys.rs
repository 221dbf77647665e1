//! The owner's keys: who makes them, who has them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;
use syft_protocol::encryption::OwnKeys;

use super::{Person, did_path, encryption, owner};
use crate::python::{released, run, venv};
use crate::support::apps::{Approved, ops, start_files};
use crate::support::site::{OWNER, Site};

/// Where the release keeps the keys of a site's owner.
fn key_file(site: &Site) -> PathBuf {
    site.path().join(".syftbox/b7812351/pvt.jwks.json")
}

#[test]
fn setup_makes_what_is_missing_and_changes_nothing() {
    let site = Site::new();
    let made = encryption(&site, &["setup"]).succeeded().stdout;
    let path = key_file(&site);
    let keys = fs::read(&path).unwrap();
    let own = OwnKeys::read(&keys).unwrap();
    assert_eq!(owner(&site), own.public());
    let fingerprint = own.public().identity().to_string();
    assert!(
        made.contains(&fingerprint) && made.contains(path.to_str().unwrap()),
        "{made}"
    );
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let shown = encryption(&site, &["show"]).succeeded().stdout;
    assert!(shown.contains(&fingerprint), "{shown}");

    let did = fs::read(did_path(&site, OWNER)).unwrap();
    encryption(&site, &["setup"]).succeeded();
    fs::remove_file(did_path(&site, OWNER)).unwrap();
    let again = encryption(&site, &["setup"]).succeeded().stdout;
    assert!(again.contains("of the keys that are there"), "{again}");
    assert_eq!(fs::read(did_path(&site, OWNER)).unwrap(), did);
    assert_eq!(fs::read(&path).unwrap(), keys);
}

#[test]
fn setup_replaces_no_identity() {
    let site = Site::new();
    let none = encryption(&site, &["show"]).succeeded().stdout;
    assert!(none.contains("`syft-host encryption setup`"), "{none}");
    // That of a machine whose keys are not here.
    Person::new(OWNER, 3).publish(&site);
    let error = encryption(&site, &["setup"]).refused();
    assert!(
        error.contains("the secret keys that belong to it are not"),
        "{error}"
    );
    assert!(!key_file(&site).exists());

    fs::remove_file(did_path(&site, OWNER)).unwrap();
    encryption(&site, &["setup"]).succeeded();
    Person::new(OWNER, 3).publish(&site);
    let error = encryption(&site, &["setup"]).refused();
    assert!(error.contains("is not of the keys at"), "{error}");

    fs::write(
        did_path(&site, OWNER).with_file_name("did.conflict.json"),
        "{}",
    )
    .unwrap();
    let error = encryption(&site, &["setup"]).refused();
    assert!(error.contains("did.conflict.json"), "{error}");
    fs::write(key_file(&site), "{}").unwrap();
    let error = encryption(&site, &["show"]).refused();
    assert!(error.contains("as syft-crypto writes them"), "{error}");
}

#[test]
fn released_clients_take_our_keys_and_we_theirs() {
    let Some(python) = venv::python() else {
        return;
    };
    for behaviour in ["our_keys_are_taken", "keys_are_made_by_the_release"] {
        let site = Site::new();
        if behaviour == "our_keys_are_taken" {
            encryption(&site, &["setup"]).succeeded();
        }
        let mut command = released(python, &site, "encrypted.py", behaviour);
        run(command.env("SYFTBOX_CLIENT_CONFIG_PATH", site.config(OWNER)));
        let there = encryption(&site, &["setup"]).succeeded().stdout;
        assert!(there.contains("are there already"), "{there}");
    }
}

/// Whatever is granted, it is below the datasites, and the keys are not.
#[test]
fn no_guest_reaches_the_keys() {
    let site = Site::new();
    encryption(&site, &["setup"]).succeeded();
    let approved = Approved::new(&["**"], &["{datasite}/**"], &[]);
    let host = start_files(&site, &approved, &[]);
    let file = key_file(&site);
    let below = ".syftbox/b7812351/pvt.jwks.json";
    let paths = [
        file.to_str().unwrap().to_owned(),
        format!("/datasites/../../{below}"),
        format!("/datasites/{OWNER}/../../../{below}"),
        format!("/datasites/{OWNER}/public/../../../../{below}"),
        format!("/datasites/..{}", file.display()),
        format!("/{below}"),
        format!("~/{below}"),
        format!("../../{below}"),
        "/proc/self/root/etc/passwd".to_owned(),
    ];
    let secret = fs::read_to_string(&file).unwrap();
    for steps in ["read", "list"].map(|what| paths.iter().map(move |path| json!({what: path}))) {
        let outcomes = ops(&host, &steps.collect());
        for (path, outcome) in paths.iter().zip(outcomes.as_array().unwrap()) {
            assert!(outcome["error"].is_string(), "{path}: {outcome}");
        }
    }
    // Nor does a link lead there, that somebody puts into the tree.
    let link = site.datasites().join(OWNER).join("public/link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let steps = json!([{"read": format!("/datasites/{OWNER}/public/link")}]);
    let outcomes = ops(&host, &steps);
    assert!(outcomes[0]["error"].is_string(), "{outcomes}");
    // And nobody puts other keys in the place of the owner's.
    let did = format!("/datasites/{OWNER}/public/did.json");
    let outcomes = ops(&host, &json!([{"write": [did, "{}"]}, {"unlink": did}]));
    for outcome in outcomes.as_array().unwrap() {
        assert!(outcome["error"].is_string(), "{outcomes}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), secret);
    owner(&site);
}
