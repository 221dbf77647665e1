use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::*;
use crate::address::Datasite;

/// A message that the released syft-crypto 0.1.2 encrypted, with the keys of both sides.
fn release() -> Value {
    let text = include_str!("../../../../tests/cases/encryption/release.json");
    serde_json::from_str(text).expect("it is there")
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value
        .pointer(path)
        .expect("it is there")
        .as_str()
        .expect("it is there")
}

fn keys(side: &str) -> OwnKeys {
    OwnKeys::read(release()[side]["pvt_jwks"].to_string().as_bytes()).expect("it is there")
}

fn public(side: &str) -> PublicKeys {
    PublicKeys::read(release()[side]["did"].to_string().as_bytes()).expect("it is there")
}

fn fresh() -> Fresh {
    let release = release();
    let ephemeral = HEXLOWER
        .decode(text(&release, "/ephemeral_private_hex").as_bytes())
        .expect("it is there");
    let iv = data_encoding::BASE64
        .decode(text(&release, "/payload/iv").as_bytes())
        .expect("it is there");
    Fresh {
        ephemeral: Zeroizing::new(ephemeral.try_into().expect("it is there")),
        iv: iv.try_into().expect("it is there"),
    }
}

fn open(payload: &Value) -> Option<Vec<u8>> {
    let envelope = SealedBody::read(payload.to_string().as_bytes()).expect("it is there");
    envelope.open(&keys("receiver"), &public("sender"))
}

#[test]
fn opens_what_the_release_sealed() {
    let release = release();
    let payload = text(&release, "/payload_json").as_bytes();
    assert!(is_envelope(payload));
    let envelope = SealedBody::read(payload).expect("it is there");
    assert_eq!(envelope.sender, "guest@example.com");
    assert_eq!(envelope.receiver, "owner@example.com");
    let opened = envelope
        .open(&keys("receiver"), &public("sender"))
        .expect("it is there");
    assert_eq!(opened, text(&release, "/plaintext").as_bytes());
}

#[test]
fn seals_as_the_release_byte_for_byte() {
    let release = release();
    let envelope = SealedBody::seal(
        text(&release, "/plaintext").into(),
        (&keys("sender"), "guest@example.com"),
        (&public("receiver"), "owner@example.com"),
        &fresh(),
    );
    let json = envelope.expect("it is there").to_json();
    assert_eq!(json, text(&release, "/payload_json").as_bytes());
}

#[test]
fn writes_keys_and_did_documents_as_the_release() {
    for side in ["sender", "receiver"] {
        let (release, keys) = (release(), keys(side));
        assert_eq!(
            *keys.to_json(),
            format!("{:#}", release[side]["pvt_jwks"]),
            "{side}"
        );
        let owner = Datasite::parse(text(&release[side], "/email")).expect("it is there");
        let did = keys.to_did(&owner, "127.0.0.1");
        assert_eq!(did, format!("{:#}", release[side]["did"]), "{side}");
        assert_eq!(
            PublicKeys::read(did.as_bytes()).expect("it is there"),
            keys.public()
        );
        assert_eq!(keys.public(), public(side));
    }
}

#[test]
fn quotes_an_email_as_python_does() {
    let owner = Datasite::parse("zoë+a~b@ex-am_ple.org").expect("it is there");
    let did = OwnKeys::of_random(&[1; 32], &[2; 32]).to_did(&owner, "x.org");
    // >>> urllib.parse.quote("zoë+a~b@ex-am_ple.org", safe="")
    let id = r#""id": "did:web:x.org:zo%C3%AB%2Ba~b%40ex-am_ple.org","#;
    assert!(did.contains(id), "{did}");
}

/// Whatever is changed, it does not open.
#[test]
fn what_was_changed_does_not_open() {
    let payload = release()["payload"].clone();
    for name in ["ek", "iv", "ciphertext", "tag"] {
        let mut changed = payload.clone();
        let mut bytes = data_encoding::BASE64
            .decode(text(&payload, &format!("/{name}")).as_bytes())
            .expect("it is there");
        bytes[3] ^= 1;
        changed[name] = json!(data_encoding::BASE64.encode(&bytes));
        assert_eq!(open(&changed), None, "{name}");
    }
    assert!(open(&payload).is_some());
}

#[test]
fn opens_with_the_keys_of_the_two_alone() {
    let payload = release()["payload"].to_string();
    let envelope = || SealedBody::read(payload.as_bytes()).expect("it is there");
    let stranger = OwnKeys::of_random(&[3; 32], &[4; 32]);
    for (own, sender) in [
        (&keys("receiver"), stranger.public()),
        (&stranger, public("sender")),
        (&keys("sender"), public("sender")),
        (&keys("receiver"), public("receiver")),
    ] {
        assert_eq!(envelope().open(own, &sender), None);
    }
}

/// Keys of small order, with which anybody knows the product.
#[test]
fn keys_of_small_order_agree_upon_nothing() {
    let payload = release()["payload"].clone();
    let mut one = [0; 32];
    one[0] = 1;
    for point in [[0; 32], one] {
        let mut changed = payload.clone();
        changed["ek"] = json!(data_encoding::BASE64.encode(&point));
        assert_eq!(open(&changed), None);
        let mut receiver = public("receiver");
        receiver.prekey = point.into();
        let own = (&keys("sender"), "guest@example.com");
        let sealed = SealedBody::seal(b"x".to_vec(), own, (&receiver, "x@example.com"), &fresh());
        assert_eq!(sealed, None);
    }
}

#[test]
fn an_envelope_is_known_by_its_members() {
    let whole = text(&release(), "/payload_json").to_owned();
    let payload = release()["payload"].clone();
    for (body, why) in [
        (whole.clone(), "the release's"),
        (format!("{payload:#}"), "with spaces"),
        (format!(" \n{whole}"), "after spaces"),
        (format!("\u{feff}{whole}"), "after a mark"),
        (whole[..whole.len() - 1].to_owned(), "cut off at its end"),
        (whole[..180].to_owned(), "cut off within"),
        (format!("{whole}{whole}"), "twice"),
        (whole.replace("\"ek\"", "\"eek\""), "without its key"),
        (whole.replace("\"ek\"", "\"\\u0065k\""), "with an escape"),
        (whole.replace("guest", "\\ud800"), "with half a character"),
        (r#"{"ek":1,"iv":2}"#.to_owned(), "of other types"),
        (
            r#"{"iv":"","ciphertext":"","tag":"","sender":""}"#.to_owned(),
            "without names",
        ),
    ] {
        assert!(is_envelope(body.as_bytes()), "{why}: {body}");
    }
    for name in ["ek", "iv", "ciphertext", "tag", "sender", "receiver"] {
        let mut incomplete = payload.clone();
        incomplete
            .as_object_mut()
            .expect("it is there")
            .shift_remove(name);
        assert!(is_envelope(incomplete.to_string().as_bytes()), "{name}");
    }
}

#[test]
fn other_bodies_are_no_envelopes() {
    for body in [
        "",
        "{}",
        "null",
        "[]",
        "Ada",
        "{",
        r#"{"ek":"x"}"#,
        r#"{"sender":"a","receiver":"b","version":"1.0"}"#,
        r#"{"iv":"a","ciphertext":"b","tag":"c"}"#,
        r#"{"x":{"ek":1,"iv":2,"ciphertext":3,"tag":4}}"#,
        r#"[{"ek":1,"iv":2,"ciphertext":3,"tag":4}]"#,
        r#"{"EK":1,"IV":2,"CIPHERTEXT":3,"TAG":4}"#,
        r#""{\"ek\":1,\"iv\":2}""#,
    ] {
        assert!(!is_envelope(body.as_bytes()), "{body}");
    }
}

#[test]
fn what_is_no_envelope_is_refused_with_its_reason() {
    let payload = release()["payload"].clone();
    let long = "x".repeat(crate::message::MAX_SENDER_BYTES + 1);
    for (name, value, expected) in [
        ("ek", json!("AAAA"), "`ek` is not 32 bytes in padded base64"),
        (
            "ek",
            json!(
                payload["ek"]
                    .as_str()
                    .expect("it is there")
                    .trim_end_matches('=')
            ),
            "`ek` is not 32",
        ),
        (
            "ek",
            json!(
                payload["ek"]
                    .as_str()
                    .expect("it is there")
                    .replace('/', "_")
            ),
            "`ek` is not 32",
        ),
        ("iv", json!(""), "`iv` is not 12 bytes"),
        ("iv", json!("AAAAAAAAAAAAAAAAAAAA"), "`iv` is not 12 bytes"),
        ("tag", json!("AAAAAAAAAAAAAAAA"), "`tag` is not 16 bytes"),
        ("ciphertext", json!("!"), "`ciphertext` is not something"),
        ("ciphertext", json!(null), "invalid type: null"),
        ("sender", json!(5), "invalid type: integer"),
        ("sender", json!(long), "`sender` is longer"),
        ("receiver", json!(long), "`receiver` is longer"),
        ("version", json!("9.9"), "its version is 9.9"),
    ] {
        let mut changed = payload.clone();
        changed[name] = value;
        let error = SealedBody::read(changed.to_string().as_bytes()).expect_err("it is refused");
        assert!(error.to_string().starts_with(expected), "{name}: {error}");
    }
    let whole = payload.to_string();
    let twice = whole.replacen('{', r#"{"ek":"","#, 1);
    for (body, expected) in [
        (&whole[..100], "EOF"),
        (&twice, "duplicate field `ek`"),
        (r#"{"ek":"x","iv":"y"}"#, "missing field `ciphertext`"),
    ] {
        let error = SealedBody::read(body.as_bytes()).expect_err("it is refused");
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
}

/// As in the release: a version is not needed, and other members are passed over.
#[test]
fn an_envelope_may_say_less_and_more() {
    let mut payload = release()["payload"].clone();
    payload["more"] = json!({"a": 1});
    payload
        .as_object_mut()
        .expect("it is there")
        .shift_remove("version");
    assert!(open(&payload).is_some());
}

#[test]
fn did_documents_of_no_use_are_refused_with_their_reason() {
    let did = release()["sender"]["did"].clone();
    let other = release()["receiver"]["did"].clone();
    let (identity, prekey) = (
        "/verificationMethod/0/publicKeyJwk/x",
        "/keyAgreement/0/publicKeyJwk/x",
    );
    let signature = "/keyAgreement/0/publicKeyJwk/signature";
    // A key with which every signature can be made.
    let weak = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (path, value, expected) in [
        (
            identity,
            other.pointer(identity).expect("it is there").clone(),
            "is not signed",
        ),
        (
            prekey,
            other.pointer(prekey).expect("it is there").clone(),
            "is not signed",
        ),
        (
            signature,
            other.pointer(signature).expect("it is there").clone(),
            "is not signed",
        ),
        (signature, json!(null), "is not signed"),
        (signature, json!("AA"), "is not signed"),
        (identity, json!(weak), "anybody can sign with it"),
        (
            identity,
            json!("AA"),
            "`#identity-key` cannot be used: it is not 32 bytes",
        ),
        (
            prekey,
            json!("AA"),
            "`#signed-prekey` cannot be used: it is not 32 bytes",
        ),
        (
            "/keyAgreement/0/publicKeyJwk/crv",
            json!("P-256"),
            "it is of another kind",
        ),
        (
            "/verificationMethod/0/publicKeyJwk/kty",
            json!("EC"),
            "it is of another kind",
        ),
        (
            "/verificationMethod/0/id",
            json!("did:web:x#other"),
            "ends with `#identity-key`",
        ),
        (
            "/keyAgreement/0/id",
            json!("signed-prekey"),
            "ends with `#signed-prekey`",
        ),
        ("/keyAgreement", json!([]), "ends with `#signed-prekey`"),
        ("/verificationMethod", json!({}), "it is no DID document"),
    ] {
        let mut changed = did.clone();
        *changed.pointer_mut(path).expect("it is there") = value;
        let error = PublicKeys::read(changed.to_string().as_bytes()).expect_err("it is refused");
        assert!(error.to_string().contains(expected), "{path}: {error}");
    }
    for text in ["", "5", "null", "SYC2"] {
        let error = PublicKeys::read(text.as_bytes()).expect_err("it is refused");
        assert!(matches!(error, DidError::Shape(_)), "{text}: {error}");
    }
    for text in ["{}", "[]"] {
        let error = PublicKeys::read(text.as_bytes()).expect_err("it is refused");
        assert_eq!(error, DidError::Missing("identity-key"), "{text}");
    }
}

#[test]
fn files_of_secret_keys_are_whole_or_refused() {
    let keys = release()["sender"]["pvt_jwks"].clone();
    let other = release()["receiver"]["pvt_jwks"].clone();
    for (path, value) in [
        ("/identity_key/d", other["identity_key"]["d"].clone()),
        ("/identity_key/x", other["identity_key"]["x"].clone()),
        ("/identity_key/d", json!(null)),
        ("/identity_key/crv", json!("X25519")),
        ("/signed_prekey/d", other["signed_prekey"]["d"].clone()),
        ("/signed_prekey/x", other["signed_prekey"]["x"].clone()),
        ("/signed_prekey/d", json!("AA")),
        ("/signed_prekey", json!(5)),
        ("/identity_key", json!({})),
    ] {
        let mut changed = keys.clone();
        *changed.pointer_mut(path).expect("it is there") = value;
        let error = OwnKeys::read(changed.to_string().as_bytes());
        let error = error.err().map(|error| error.to_string());
        let error = error.unwrap_or_else(|| panic!("{path} is taken"));
        let secret = text(&keys, "/identity_key/d");
        assert!(!error.contains(secret), "{path}: {error}");
    }
}

#[test]
fn a_key_is_shown_as_openssh_shows_it() {
    // $ ssh-keygen -lf, of the same key as a line of OpenSSH.
    let key = public("sender").identity();
    let shown = key.to_string();
    assert!(shown.starts_with("SHA256:") && shown.len() == 50, "{shown}");
    assert_eq!(IdentityKey::parse(&key.to_text()), Ok(key));
    assert_ne!(public("receiver").identity().to_string(), shown);
}

proptest! {
    #[test]
    fn what_is_sealed_opens_and_is_known(body: Vec<u8>, ephemeral: [u8; 32], iv: [u8; 12]) {
        let fresh = Fresh { ephemeral: Zeroizing::new(ephemeral), iv };
        let envelope = SealedBody::seal(
            body.clone(),
            (&keys("sender"), "a@example.org"),
            (&public("receiver"), "b@example.org"),
            &fresh,
        ).expect("it is there");
        let json = envelope.to_json();
        prop_assert!(is_envelope(&json));
        let read = SealedBody::read(&json).expect("it is there");
        prop_assert_eq!(&read, &envelope);
        prop_assert_eq!(read.open(&keys("receiver"), &public("sender")), Some(body));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        drop((is_envelope(&bytes), SealedBody::read(&bytes)));
        drop((PublicKeys::read(&bytes), OwnKeys::read(&bytes)));
    }
}
