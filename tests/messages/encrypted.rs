//! Messages that only their receiver reads, and answers that only the owner does.

use std::fs;
use std::path::PathBuf;

use data_encoding::BASE64URL;
use serde_json::{Value, json};
use syft_protocol::address::Datasite;
use syft_protocol::encryption::{Fresh, OwnKeys, PublicKeys, SealedBody};
use zeroize::Zeroizing;

use super::{BOB, ask, outbox, requests_in, send, start, url_of};
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

fn bobs_keys() -> OwnKeys {
    OwnKeys::of_random(&[1; 32], &[2; 32])
}

fn did_path(site: &Site, email: &str) -> PathBuf {
    site.datasites().join(email).join("public/did.json")
}

/// Has Bob publish keys.
fn publish(site: &Site) {
    let path = did_path(site, BOB);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let bob = Datasite::parse(BOB).unwrap();
    fs::write(path, bobs_keys().to_did(&bob, "127.0.0.1")).unwrap();
}

/// Has the owner make keys.
fn setup(site: &Site) {
    let mut command = syft_host(site);
    command.args(["encryption", "setup", "--email", OWNER, "--data-dir"]);
    Ended::of(&output(command.arg(site.data_dir()))).succeeded();
}

fn owners_keys(site: &Site) -> PublicKeys {
    PublicKeys::read(&fs::read(did_path(site, OWNER)).unwrap()).unwrap()
}

/// Returns a text as somebody encrypts it for the owner in Bob's name.
fn sealed(site: &Site, keys: &OwnKeys, text: &str, number: u8) -> Vec<u8> {
    let fresh = Fresh {
        ephemeral: Zeroizing::new([number; 32]),
        iv: [number; 12],
    };
    let owner = owners_keys(site);
    let envelope = SealedBody::seal(text.into(), (keys, BOB), (&owner, OWNER), &fresh);
    envelope.unwrap().to_json()
}

fn message() -> Value {
    json!({"url": url_of(BOB, "echo"), "body": "for Bob", "encrypt": true})
}

fn outcome(host: &Host, id: &Value) -> Value {
    let body = json!({"ids": [id], "timeout": 5_000_000});
    wait_for("an outcome", || {
        let outcome = ask(host, "receive", &body)[0].clone();
        (!outcome.is_null()).then_some(outcome)
    })
}

/// Answers a request in Bob's place.
fn answer(site: &Site, request: &Value, body: &[u8]) {
    let answer = json!({
        "id": request["id"], "sender": BOB, "url": request["url"], "headers": {},
        "body": BASE64URL.encode(body), "created": request["created"],
        "expires": request["expires"], "status_code": 200,
    });
    let name = format!("{}.response", request["id"].as_str().unwrap());
    fs::write(outbox(site, "echo").join(name), answer.to_string()).unwrap();
}

/// Sends an encrypted message; returns its id and its request.
fn sent(site: &Site, host: &Host) -> (Value, Value) {
    let id = send(host, &message());
    let request = wait_for("the request", || {
        let mut all = requests_in(&outbox(site, "echo")).into_iter();
        all.find(|request| request["id"] == id)
    });
    (id, request)
}

#[test]
fn a_message_is_for_its_receiver_and_the_answer_for_the_owner() {
    let site = Site::new();
    publish(&site);
    setup(&site);
    let host = start(&site, &[]);
    let (id, request) = sent(&site, &host);
    let body = BASE64URL
        .decode(request["body"].as_str().unwrap().as_bytes())
        .unwrap();
    let envelope = SealedBody::read(&body).unwrap();
    assert_eq!((&*envelope.sender, &*envelope.receiver), (OWNER, BOB));
    let opened = envelope.open(&bobs_keys(), &owners_keys(&site)).unwrap();
    assert_eq!(opened, b"for Bob");
    assert_eq!(request["headers"]["X-Syft-Encrypt-Reply"], "true");

    answer(
        &site,
        &request,
        &sealed(&site, &bobs_keys(), "for the owner", 7),
    );
    assert_eq!(
        outcome(&host, &id),
        json!({"status": 200, "body": "for the owner"})
    );
}

#[test]
fn an_encrypted_answer_of_anybody_else_is_none() {
    let site = Site::new();
    publish(&site);
    setup(&site);
    let host = start(&site, &[]);
    let rejected = |body: &[u8]| {
        let (id, request) = sent(&site, &host);
        answer(&site, &request, body);
        let outcome = outcome(&host, &id);
        let said = outcome["rejected"].as_str().unwrap_or_default().to_owned();
        assert!(said.contains("does not open"), "{outcome}");
    };
    let mallory = OwnKeys::of_random(&[8; 32], &[9; 32]);
    rejected(&sealed(&site, &mallory, "from Mallory", 3));
    // Another text in the envelope of Bob.
    let envelope: Value =
        serde_json::from_slice(&sealed(&site, &bobs_keys(), "from Bob", 4)).unwrap();
    let other: Value = serde_json::from_slice(&sealed(&site, &mallory, "Mallory!", 4)).unwrap();
    let mut damaged = envelope;
    damaged["ciphertext"] = other["ciphertext"].clone();
    rejected(damaged.to_string().as_bytes());
    // One that was an answer before is not one to another message.
    let once = sealed(&site, &bobs_keys(), "once", 5);
    let (id, request) = sent(&site, &host);
    answer(&site, &request, &once);
    assert_eq!(outcome(&host, &id), json!({"status": 200, "body": "once"}));
    rejected(&once);
}

#[test]
fn what_cannot_be_encrypted_does_not_leave() {
    let site = Site::new();
    setup(&site);
    let host = start(&site, &[]);
    let id = send(&host, &message());
    let outcome = outcome(&host, &id);
    let said = outcome["rejected"].as_str().unwrap();
    assert!(
        said.contains("cannot be encrypted") && said.contains("did.json"),
        "{said}"
    );
    assert!(!outbox(&site, "echo").exists());
}
