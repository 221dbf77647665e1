//! Ways in which an encrypted request is wrong. No handler runs.

use std::fs;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Draft, Person, did_path, publish, start, start_with_caller, start_without_keys};
use crate::support::client::{Answer, Sent};
use crate::support::host::Host;
use crate::support::site::{CALLER, OWNER, Site};

fn is_call(line: &Value) -> bool {
    line["wait_ms"].is_number()
}

/// Checks an answer, and that no handler has run for it.
fn check(host: &Host, answer: &Answer, status: u64, reason: &str) {
    let text = answer.text();
    assert_eq!(answer.status(), status, "{text}");
    assert!(text.starts_with("Encrypted request refused: "), "{text}");
    assert!(text.contains(reason), "{text}");
    let id = answer.json["id"].clone();
    let of_it = |line: &Value| line["id"] == id;
    let refused = host.wait_for_log("the refusal", of_it);
    assert_eq!(refused["message"], "refused", "{refused}");
    assert!(!host.log().iter().any(|line| of_it(line) && is_call(line)));
}

fn flipped(text: &Value) -> Value {
    let mut bytes = data_encoding::BASE64
        .decode(text.as_str().unwrap().as_bytes())
        .unwrap();
    bytes[0] ^= 1;
    data_encoding::BASE64.encode(&bytes).into()
}

#[test]
fn an_envelope_that_is_wrong_reaches_no_handler() {
    let (site, host, caller) = start_with_caller();
    let sealed = || caller.seal_for_owner(&site, "hello");
    let changed = |name: &str, value: Value| {
        let mut envelope = sealed();
        envelope[name] = value;
        envelope
    };
    let without = |name: &str| {
        let mut envelope = sealed();
        envelope.as_object_mut().unwrap().shift_remove(name);
        envelope
    };
    let does_not_open = "it does not open";
    for (envelope, status, reason) in [
        (
            changed("tag", flipped(&sealed()["tag"])),
            400,
            does_not_open,
        ),
        (
            changed("ciphertext", sealed()["tag"].clone()),
            400,
            does_not_open,
        ),
        (changed("ek", flipped(&sealed()["ek"])), 400, does_not_open),
        (
            changed("ek", json!(data_encoding::BASE64.encode(&[0; 32]))),
            400,
            does_not_open,
        ),
        (changed("iv", flipped(&sealed()["iv"])), 400, does_not_open),
        (changed("iv", json!("")), 400, "`iv` is not 12 bytes"),
        (changed("tag", json!(5)), 400, "invalid type"),
        (changed("version", json!("2.0")), 400, "its version is 2.0"),
        (
            changed("receiver", json!("bob@example.org")),
            400,
            "for bob@example.org",
        ),
        (
            changed("sender", json!("bob@example.org")),
            403,
            "by bob@example.org",
        ),
        (without("ek"), 400, "missing field `ek`"),
        (without("tag"), 400, "missing field `tag`"),
    ] {
        check(
            &host,
            &Draft::new(&host, "echo", &envelope).send(),
            status,
            reason,
        );
    }
    assert_eq!(Draft::new(&host, "echo", &sealed()).send().text(), "hello");
}

/// Not even text that is no JSON any more.
#[test]
fn an_envelope_that_is_cut_off_reaches_no_handler() {
    let (site, host, caller) = start_with_caller();
    let whole = caller.seal_for_owner(&site, "hello").to_string();
    for bytes in [whole.len() - 1, whole.len() / 2] {
        let mut draft = Draft::new(&host, "echo", &Value::Null);
        let body = data_encoding::BASE64URL.encode(&whole.as_bytes()[..bytes]);
        draft.request["body"] = body.into();
        check(&host, &draft.send(), 400, "EOF");
    }
}

#[test]
fn keys_of_others_open_nothing() {
    let (site, host, caller) = start_with_caller();
    // Made by somebody who has not the keys that the sender published.
    let thief = Person::new(CALLER, 9);
    let sealed = thief.seal_for_owner(&site, "hello");
    check(
        &host,
        &Draft::new(&host, "echo", &sealed).send(),
        400,
        "it does not open",
    );
    // Made for other keys than the owner's.
    let other = Person::new(OWNER, 11).keys.public();
    let sealed = caller.seal("hello", OWNER, &other);
    check(
        &host,
        &Draft::new(&host, "echo", &sealed).send(),
        400,
        "it does not open",
    );
}

#[test]
fn a_sender_without_a_document_is_told_so() {
    let (site, host, caller) = start_with_caller();
    let call = || {
        let sealed = caller.seal_for_owner(&site, "hello");
        Draft::new(&host, "echo", &sealed).send()
    };
    fs::remove_file(did_path(&site, CALLER)).unwrap();
    check(&host, &call(), 400, &format!("no did.json of {CALLER}"));
    let other = Person::new(CALLER, 21).did();
    let mut forged: Value = serde_json::from_str(&caller.did()).unwrap();
    let other: Value = serde_json::from_str(&other).unwrap();
    forged["keyAgreement"][0]["publicKeyJwk"]["x"] =
        other["keyAgreement"][0]["publicKeyJwk"]["x"].clone();
    publish(&site, CALLER, &forged.to_string());
    check(&host, &call(), 400, "is not signed");
    publish(&site, CALLER, "{");
    check(&host, &call(), 400, "no DID document");
    publish(&site, CALLER, &" ".repeat(65 << 10));
    check(&host, &call(), 400, "more than");
    // A link would lead to a document that the sender has not published.
    fs::remove_file(did_path(&site, CALLER)).unwrap();
    let elsewhere = site.path().join("did.json");
    fs::write(&elsewhere, caller.did()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, did_path(&site, CALLER)).unwrap();
    check(&host, &call(), 400, "no did.json");
}

#[test]
fn an_owner_without_keys_says_so() {
    let site = Site::new();
    let (host, caller) = (start_without_keys(&site, "probe"), Person::caller(&site));
    let sealed = caller.seal("hello", OWNER, &Person::new(OWNER, 13).keys.public());
    let answer = Draft::new(&host, "echo", &sealed).send();
    check(&host, &answer, 400, "this datasite has no keys");
    // Nothing was made that the owner has not asked for.
    assert!(!did_path(&site, OWNER).exists());
    assert!(!site.path().join(".syftbox").exists());
}

/// An envelope does not say for which request it was made.
#[test]
fn an_envelope_is_opened_for_one_request_alone() {
    let (site, host, caller) = start_with_caller();
    let sealed = caller.seal_for_owner(&site, "hello");
    assert_eq!(Draft::new(&host, "echo", &sealed).send().status(), 200);
    check(
        &host,
        &Draft::new(&host, "echo", &sealed).send(),
        409,
        "with another request",
    );
    // However its JSON is written, and with the bit of the key that does not count.
    let mut other = json!({"version": "1.0", "x": 1});
    for (name, value) in sealed.as_object().unwrap() {
        other[name] = value.clone();
    }
    let ek = sealed["ek"].as_str().unwrap();
    let mut ek = data_encoding::BASE64.decode(ek.as_bytes()).unwrap();
    ek[31] ^= 0x80;
    other["ek"] = data_encoding::BASE64.encode(&ek).into();
    check(
        &host,
        &Draft::new(&host, "bytes", &other).send(),
        409,
        "with another request",
    );
}

/// Somebody who publishes another's keys as their own could get the answer to that one's request.
#[test]
fn nobody_passes_off_anothers_request_as_their_own() {
    let (site, host, caller) = start_with_caller();
    let sealed = caller.seal_for_owner(&site, "hello");
    assert_eq!(Draft::new(&host, "echo", &sealed).send().status(), 200);
    let mallory = "mallory@example.org";
    publish(&site, mallory, &caller.did());
    let mut stolen = caller.seal_for_owner(&site, "secret");
    stolen["sender"] = mallory.into();
    let id = Uuid::new_v4();
    let body = stolen.to_string();
    let request = crate::support::client::request(id, mallory, "echo", Some(body.as_bytes()));
    let folder = host.rpc.join("echo").join(mallory);
    let answer = Sent::write(&folder, id, request.to_string().as_bytes()).answer();
    check(&host, &answer, 403, "that of somebody else");
}

/// The release passes on what a sender writes there.
#[test]
fn no_sender_says_that_a_request_was_opened() {
    let site = Site::new();
    let host = start(&site, "probe");
    let mut draft = Draft::new(&host, "echo", &"plain".into()).header("X-Other", "stays");
    for name in [
        "X-Syft-Decrypted",
        "x_syft_decrypted",
        "X-SYFT-ORIGINAL-SENDER",
    ] {
        draft = draft.header(name, "true");
    }
    let answer = draft.send();
    assert_eq!(answer.json["headers"], json!({"X-Other": "stays"}));
}
