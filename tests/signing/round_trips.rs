//! What is signed is taken, runs, and can be had back as it was.

use std::fs;

use serde_json::Value;
use syft_manifest::section;
use syft_package::Package;

use super::signer::{Signer, entry, sha256, signatures};
use super::{MANIFEST, component, content, read, run, write};
use crate::support::client;
use crate::support::guests::example;
use crate::support::host::Host;
use crate::support::sections::custom;
use crate::support::site::Site;

fn hello() -> Vec<u8> {
    let hello = fs::read(example("hello")).unwrap();
    section::embed(&hello, MANIFEST.as_bytes()).unwrap()
}

#[test]
fn a_signed_app_runs_and_without_its_signatures_is_what_it_was() {
    let site = Site::new();
    let unsigned = hello();
    let app = write(&site, "app.wasm", &unsigned);
    let jwks = Signer::alice().jwks(&site);
    run(&site, &["sign", &app, "--key", &jwks]).succeeded();

    let signed = fs::read(&app).unwrap();
    let verified = Package::read(&signed).unwrap().verify(&[]).unwrap();
    assert_eq!(verified.without_signatures(), unsigned);
    assert_eq!(verified.component(), signed);
    let host = Host::start(&site, app.as_ref(), &[]);
    assert_eq!(host.ready["app"], "leaderboard");
    let answer = client::call(&host.rpc, "hello", r#"{"name":"Ada"}"#);
    assert_eq!(answer.text(), "Hello, Ada!");
}

#[test]
fn verify_says_who_and_what() {
    let site = Site::new();
    let app = write(&site, "app.wasm", component(&content()));
    let (alice, bob) = (Signer::alice(), Signer::bob());
    run(
        &site,
        &[
            "sign",
            &app,
            "--key",
            &alice.jwks(&site),
            "--key",
            &bob.jwks(&site),
        ],
    )
    .succeeded();
    let did = write(&site, "did.json", alice.did());

    let plain = run(&site, &["verify", &app]).succeeded();
    for expected in [
        "app.wasm is signed, and as it was when it was signed.\n",
        "Name         leaderboard\nVersion      1.2.0\nSequence     17\n",
        "Author       alice@example.org (so it says)\n",
        "Nothing here says whose keys these are",
    ] {
        assert!(plain.stdout.contains(expected), "{}", plain.stdout);
    }
    assert_eq!(plain.stdout.matches("Signed by    SHA256:").count(), 2);
    let given = run(
        &site,
        &["verify", &app, "--key", &did, "--key", &bob.line()],
    )
    .succeeded();
    assert_eq!(given.stdout.matches("(a key that you gave)").count(), 2);
    assert!(
        !given.stdout.contains("Nothing here says"),
        "{}",
        given.stdout
    );

    let json = run(&site, &["verify", &app, "--key", &did, "--json"]).succeeded();
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["name"], "leaderboard");
    assert_eq!(json["version"], "1.2.0");
    assert_eq!(json["sequence"], 17);
    assert_eq!(json["author"], "alice@example.org");
    assert_eq!(json["signers"][0]["public_key"], alice.line());
    assert_eq!(json["signers"][0]["given"], true);
    assert_eq!(json["signers"][1]["public_key"], bob.line());
    assert_eq!(json["signers"][1]["given"], false);
    let digest = |bytes: &[u8]| data_encoding::HEXLOWER.encode(&sha256(bytes));
    assert_eq!(json["sha256"], digest(&fs::read(&app).unwrap()));
    assert_eq!(json["signed_sha256"], digest(&content()));
}

#[test]
fn signing_again_adds_and_the_same_key_replaces() {
    let site = Site::new();
    let app = write(&site, "app.wasm", component(&content()));
    let (alice, bob) = (Signer::alice().jwks(&site), Signer::bob().jwks(&site));
    let sign = |from: &str, keys: &[&str], to: &str| {
        let keys = keys.iter().flat_map(|key| ["--key", *key]);
        let arguments: Vec<&str> = ["sign", from, "-o", to].into_iter().chain(keys).collect();
        run(&site, &arguments).succeeded();
        read(&site, to)
    };
    let once = sign(&app, &[&alice], "once.wasm");
    assert_eq!(sign("once.wasm", &[&alice], "twice.wasm"), once);
    let both = sign("once.wasm", &[&bob], "both.wasm");
    assert_eq!(sign(&app, &[&alice, &bob], "other.wasm"), both);
    assert_eq!(sign("both.wasm", &[&alice], "other.wasm"), both);
    assert_eq!(sign("both.wasm", &[&bob, &bob], "other.wasm"), both);
    assert_eq!(
        read(&site, &app),
        component(&content()),
        "-o leaves it alone"
    );
    // What Alice signed is the same for Bob.
    let names = |bytes: &[u8]| {
        let verified = Package::read(bytes).unwrap().verify(&[]).unwrap();
        let signers = verified.signers().iter();
        (
            *verified.signed_digest(),
            signers.map(|key| *key.as_bytes()).collect::<Vec<_>>(),
        )
    };
    let keys = [Signer::alice().public(), Signer::bob().public()];
    assert_eq!(names(&both), (sha256(&content()), keys.to_vec()));
}

#[test]
fn sixteen_can_sign_and_no_more() {
    let site = Site::new();
    let app = write(&site, "app.wasm", component(&content()));
    let keys: Vec<String> = (1..=17).map(|seed| Signer::new(seed).jwks(&site)).collect();
    let sign = |keys: &[String]| {
        let keys = keys.iter().flat_map(|key| ["--key", key.as_str()]);
        let arguments: Vec<&str> = ["sign", &app, "-o", "out.wasm"]
            .into_iter()
            .chain(keys)
            .collect();
        run(&site, &arguments)
    };
    sign(&keys[..16]).succeeded();
    let shown = run(&site, &["verify", "out.wasm"]).succeeded();
    assert_eq!(shown.stdout.matches("Signed by    SHA256:").count(), 16);
    let refused = sign(&keys);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("holds more than 32 signatures"),
        "{}",
        refused.stderr
    );
}

/// Other tools name keys otherwise or not at all.
#[test]
fn a_signature_without_a_name_is_found_by_its_key() {
    let site = Site::new();
    let (alice, bob) = (Signer::alice(), Signer::bob());
    let hash = sha256(&content());
    let entries = [
        entry(b"of alice", &alice.sign(&[hash])),
        entry(b"", &bob.sign(&[hash])),
    ];
    let section = custom("signature", &signatures(&[hash], &entries));
    let app = write(&site, "app.wasm", component(&[section, content()].concat()));
    let verified = run(&site, &["verify", &app, "--key", &alice.line()]).succeeded();
    assert_eq!(verified.stdout.matches("Signed by    SHA256:").count(), 1);
    let besides = "Besides      1 that do not say whose they are";
    assert!(verified.stdout.contains(besides), "{}", verified.stdout);
    // Signing it says whose it is.
    run(&site, &["sign", &app, "--key", &bob.jwks(&site)]).succeeded();
    let verified = run(&site, &["verify", &app, "--key", &alice.line()]).succeeded();
    assert_eq!(verified.stdout.matches("Signed by    SHA256:").count(), 2);
    assert!(!verified.stdout.contains("Besides"), "{}", verified.stdout);
}

#[test]
fn inspect_says_who_has_signed() {
    let site = Site::new();
    let unsigned = hello();
    let app = write(&site, "app.wasm", &unsigned);
    let shown = run(&site, &["inspect", &app]).succeeded();
    assert!(
        shown.stdout.contains("\nSequence     17\n"),
        "{}",
        shown.stdout
    );
    assert!(
        shown.stdout.contains("\nSigned by    nobody\n"),
        "{}",
        shown.stdout
    );
    let json = |app: &str| -> Value {
        let shown = run(&site, &["inspect", app, "--json"]).succeeded();
        serde_json::from_str(&shown.stdout).unwrap()
    };
    assert_eq!(json(&app)["signed"], Value::Null);

    run(
        &site,
        &["sign", &app, "--key", &Signer::alice().jwks(&site)],
    )
    .succeeded();
    let shown = run(&site, &["inspect", &app]).succeeded();
    let expected = "(nothing here says whose key it is)\n";
    assert!(shown.stdout.contains(expected), "{}", shown.stdout);
    assert_eq!(json(&app)["signed"]["valid"], true);

    let changed = [fs::read(&app).unwrap(), custom("more", b"")].concat();
    let app = write(&site, "changed.wasm", changed);
    let shown = run(&site, &["inspect", &app]).succeeded();
    let expected = "\nSignature    not valid: the app is not what was signed";
    assert!(shown.stdout.contains(expected), "{}", shown.stdout);
    assert_eq!(json(&app)["signed"]["valid"], false);
}
