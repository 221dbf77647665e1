//! What is published is there for others, and the next release follows it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use syft_package::{Package, catalog};

use super::{ALICE, Author, NAME, alice, case, files_below, json, refused, signed};
use crate::signing::signer::{Signer, sha256};
use crate::signing::{component, write};
use crate::support::blessed;
use crate::support::sections::{custom, handlers};

/// Replaces what is another each time.
fn without_times(mut catalog: Value) -> Value {
    for key in ["issued", "expires"] {
        assert!(catalog[key].as_str().unwrap().ends_with("+00:00"));
        catalog[key] = json!(key);
    }
    catalog
}

#[test]
fn what_is_wrong_with_an_app_is_said_before_a_passphrase_is_asked_for() {
    let author = Author::new();
    let (site, passphrase) = (&author.site, write(&author.site, "passphrase", "letters\n"));
    let key = site.path().join("locked").to_str().unwrap().to_owned();
    let make = ["keygen", "-o", &key, "--passphrase-file", &passphrase];
    author.run(&make).succeeded();
    let unsigned = component(&[custom("code", b""), handlers()].concat());
    let unsigned = write(site, "unsigned.wasm", unsigned);
    let of_bob = signed(&author.key, NAME, "bob@example.org", 17, "");
    let of_bob = write(site, "of-bob.wasm", of_bob);
    for (app, expected) in [
        (&unsigned, "--sign"),
        (&of_bob, "the author of the app is bob@example.org"),
        (&author.release(18), "a passphrase is needed"),
    ] {
        let ended = author.run(&["publish", app, "--key", &key]);
        assert!(refused(&ended).contains(expected), "{expected}: {ended:?}");
    }
}

#[test]
fn a_release_is_there_for_others_and_named_in_a_signed_catalog() {
    let author = Author::new();
    let app = author.release(17);
    let ended = author.publish(&[&app]).succeeded();

    let envelope: Value = serde_json::from_slice(author.catalog().envelope()).unwrap();
    let payload = BASE64.decode(envelope["payload"].as_str().unwrap().as_bytes());
    let payload = without_times(serde_json::from_slice(&payload.unwrap()).unwrap());
    let shown = serde_json::to_string_pretty(&payload).unwrap() + "\n";
    blessed(&case("catalog.json"), &shown);
    assert_eq!(envelope["signatures"][0]["keyid"], author.key.line());

    let bytes = fs::read(&app).unwrap();
    let entry = author.entry();
    let fetched = catalog::fetch(&author.site.datasites(), &alice(), &entry, 1 << 20);
    assert_eq!(fetched.unwrap(), bytes);
    let verified = Package::read(&bytes).unwrap().verify(&[]).unwrap();
    assert_eq!(entry.signed_sha256, *verified.signed_digest());
    assert_eq!(entry.sha256, sha256(&bytes));

    let folder = format!("{}/", author.site.path().display());
    let expires = author.catalog().catalog().expires().to_string();
    let shown = ended.stdout.replace(&folder, "").replace(&expires, "…");
    blessed(&case("publish.out"), &shown);
    assert_eq!(ended.stderr, "");
}

#[test]
fn everybody_may_read_it_and_nothing_else_is_left() {
    let author = Author::new();
    author.publishes(17);
    let names: Vec<String> = files_below(&author.shelf(""))
        .into_keys()
        .map(|path| {
            path.strip_prefix(author.shelf(""))
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(
        names,
        ["catalog.json", "leaderboard/17.wasm", "syft.pub.yaml"]
    );
    for path in ["catalog.json", "leaderboard/17.wasm"] {
        let path = format!("{ALICE}/public/syft-apps/{path}");
        let asked = author.run(&["--json", "access", "bob@example.com", &path]);
        let asked = json(&asked.succeeded());
        assert_eq!(
            (&asked["read"], &asked["write"]),
            (&json!(true), &json!(false))
        );
    }
}

#[test]
fn the_owners_rules_stay_and_it_is_said_where_they_close() {
    let author = Author::new();
    author.publishes(17);
    let rules = author.shelf("syft.pub.yaml");
    let closed = "rules:\n- pattern: '**'\n  access: {read: [bob@example.com]}\n";
    fs::write(&rules, closed).unwrap();
    let ended = author.publishes(18);
    assert!(
        ended
            .stderr
            .contains("note: by your rules not everybody may read it")
    );
    assert_eq!(fs::read_to_string(rules).unwrap(), closed);
}

#[test]
fn a_higher_release_takes_its_place_and_the_last_two_stay() {
    let author = Author::new();
    author.publishes(17);
    let others = [
        author.shelf("leaderboard/readme.txt"),
        author.shelf("16.wasm"),
    ];
    for path in &others {
        fs::write(path, "kept").unwrap();
    }
    for (sequence, expected) in [
        (18, vec!["17.wasm", "18.wasm"]),
        (30, vec!["18.wasm", "30.wasm"]),
        (31, vec!["30.wasm", "31.wasm"]),
        // The same again deletes nothing.
        (31, vec!["30.wasm", "31.wasm"]),
    ] {
        let ended = author
            .publish(&["--json", &author.release(sequence)])
            .succeeded();
        let published = json(&ended);
        assert_eq!(published["apps"][0]["sequence"], sequence);
        assert_eq!(author.entry().sequence, sequence);
        let expected = [expected, vec!["readme.txt"]].concat();
        assert_eq!(author.releases(), expected);
    }
    assert!(others.iter().all(|path| path.exists()));
    assert_eq!(author.catalog().catalog().counter(), 5);
}

#[test]
fn a_lower_release_and_another_of_the_same_number_are_refused() {
    let author = Author::new();
    author.publishes(17);
    let before = author.everything();
    let lower = author.publish(&[&author.release(16)]);
    assert!(
        refused(&lower).contains("release 17 of the app is published already, which is higher")
    );
    assert!(
        lower
            .stderr
            .contains("hint: raise `sequence` in syft-app.toml")
    );
    let other = author.publish(&[&author.release_by(&author.key, 17, "other code")]);
    assert!(
        refused(&other).contains("release 17 of the app is published already, with other bytes")
    );
    assert_eq!(author.everything(), before);
}

#[test]
fn the_same_release_may_be_signed_by_others_too() {
    let author = Author::new();
    author.publishes(17);
    let (before, file) = (
        author.entry(),
        fs::read(author.shelf("leaderboard/17.wasm")),
    );
    let app = author.release(17);
    let bob = Signer::bob().jwks(&author.site);
    author.run(&["sign", &app, "--key", &bob]).succeeded();
    author.publish(&[&app]).succeeded();
    let now = author.entry();
    assert_eq!(now.signed_sha256, before.signed_sha256);
    assert_ne!(now.sha256, before.sha256);
    let path = author.shelf("leaderboard/17.wasm");
    assert_ne!(fs::read(&path).unwrap(), file.unwrap());
    assert_eq!(fs::read(path).unwrap(), fs::read(app).unwrap());
}

#[test]
fn what_is_not_the_owners_is_not_published() {
    let author = Author::new();
    let mallory = signed(&author.key, "game", "mallory@example.org", 1, "");
    let of_mallory = write(&author.site, "game.wasm", mallory);
    let by_bob = author.release_by(&Signer::bob(), 17, "");
    let unsigned = {
        let path = author.release(18);
        let bytes = fs::read(&path).unwrap();
        let verified = Package::read(&bytes).unwrap().verify(&[]).unwrap();
        fs::write(&path, verified.without_signatures()).unwrap();
        path
    };
    let changed = {
        let path = author.release(19);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        path
    };
    for (app, expected) in [
        (of_mallory, "the author of the app is mallory@example.org"),
        (by_bob, "the app is not signed by SHA256:"),
        (unsigned, "the app is not signed"),
        (changed, "the app is not what was signed"),
    ] {
        let ended = author.publish(&[&app]);
        assert!(refused(&ended).contains(expected), "{}", ended.stderr);
        assert!(!author.shelf("catalog.json").exists());
        assert!(!author.shelf("game").exists());
    }
}

#[test]
fn no_datasite_is_made() {
    let author = Author::new();
    fs::remove_dir(author.site.datasites().join(ALICE)).unwrap();
    let ended = author.publish(&[&author.release(17)]);
    assert!(
        refused(&ended).contains("hint: there has to be"),
        "{}",
        ended.stderr
    );
    assert_eq!(author.everything().len(), 0);
}

#[test]
fn the_own_copy_is_for_the_owner_alone() {
    let author = Author::new();
    author.publishes(17);
    let folder = format!(".local/share/syft-host/published/{ALICE}");
    let folder = author.site.path().join(folder);
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.clone()), 0o700);
    assert_eq!(mode(folder.join("catalog.json")), 0o600);
    let copy = fs::read(folder.join("catalog.json")).unwrap();
    assert_eq!(copy, author.catalog().envelope());
    let home = author.site.datasites().join("x");
    let mut command = crate::support::host::syft_host(&author.site);
    command
        .env("SYFT_HOST_HOME", &home)
        .args([
            "publish",
            "--refresh",
            "--key",
            "k",
            "--email",
            ALICE,
            "--data-dir",
        ])
        .arg(author.site.data_dir());
    let output = crate::support::host::output(&mut command);
    assert!(String::from_utf8_lossy(&output.stderr).contains("lies inside the synced folder"));
}

#[test]
fn several_at_once_lose_nothing() {
    let author = Author::new();
    let names: Vec<String> = (0..6).map(|number| format!("app-{number}")).collect();
    let key = author.key.jwks(&author.site);
    std::thread::scope(|scope| {
        for name in &names {
            let app = signed(&author.key, name, ALICE, 1, "");
            let app = write(&author.site, name, app);
            let (author, key) = (&author, &key);
            scope.spawn(move || author.run(&["publish", &app, "--key", key]).succeeded());
        }
    });
    let found = author.catalog();
    let found = found.catalog();
    let published: Vec<String> = found.apps().keys().map(ToString::to_string).collect();
    assert_eq!((found.counter(), published), (6, names));
}

#[test]
fn it_is_said_how_to_ask_for_less_than_nothing() {
    let author = Author::new();
    let ended = author.publish(&[]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("required"), "{}", ended.stderr);
    let digest = HEXLOWER.encode(&[7; 32]);
    let ended = author.publish(&["--revoke", &digest]);
    assert!(refused(&ended).contains("give --app NAME"));
}

#[test]
fn an_app_can_be_signed_as_it_is_published() {
    let author = Author::new();
    let manifest = serde_json::json!({"app": {
        "name": NAME, "version": "1.1.0", "sequence": 1, "author": ALICE,
    }});
    let manifest = custom("syft:manifest", manifest.to_string().as_bytes());
    let sections = [handlers(), manifest].concat();
    let app = write(&author.site, "unsigned.wasm", component(&sections));
    let why = refused(&author.publish(&[&app])).to_owned();
    assert!(why.contains("not signed"), "{why}");
    author.publish(&[&app, "--sign"]).succeeded();
    assert_eq!(author.entry().sequence, 1);
    let bytes = fs::read(&app).unwrap();
    let verified = Package::read(&bytes).unwrap().verify(&[]).unwrap();
    assert_eq!(verified.signers().len(), 1);
}

#[test]
fn a_name_of_parts_is_as_many_folders() {
    let author = Author::new();
    for (name, sequence) in [("llm", 1), ("llm/x", 17), ("llm/x", 18), ("llm/x", 19)] {
        let bytes = signed(&author.key, name, ALICE, sequence, "");
        let app = write(&author.site, &format!("{sequence}.wasm"), bytes);
        author.publish(&[&app]).succeeded();
    }
    let lies = |path: &str| author.shelf(path).is_file();
    assert!(lies("llm/1.wasm") && lies("llm/x/18.wasm") && lies("llm/x/19.wasm"));
    assert!(!lies("llm/x/17.wasm"), "only two are kept");
    let catalog = author.catalog();
    let paths = catalog.catalog().apps().iter();
    let paths: Vec<_> = paths
        .map(|(name, entry)| (name.to_string(), entry.path.to_string()))
        .collect();
    let expected = [("llm", "llm/1.wasm"), ("llm/x", "llm/x/19.wasm")];
    assert_eq!(
        paths,
        expected.map(|(name, path)| (name.to_owned(), path.to_owned()))
    );
    author
        .publish(&["--revoke", "18", "--app", "llm/x"])
        .succeeded();
}
