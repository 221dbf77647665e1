//! Signed apps.

use syft_package::{KeyFile, Package, SecretKey, Signable};

use crate::assert_is_short_line;
use crate::components::EMPTY;

/// The bytes of a component, with or without those that begin every one.
pub fn package(bytes: &[u8]) {
    check(bytes);
    check(&[EMPTY, bytes].concat());
}

fn check(bytes: &[u8]) {
    let verified = Package::read(bytes).and_then(|package| package.verify(&[]));
    if let Err(error) = &verified {
        assert_is_short_line(&error.to_string(), 1_000);
    }
    let Ok(signable) = Signable::read(bytes) else {
        assert!(verified.is_err(), "what was signed can be signed");
        return;
    };
    let key = key();
    let public = key.public();
    // It may have as many signatures as it can.
    let Ok(signed) = signable.sign(&[key]) else {
        return;
    };
    let again = Package::read(&signed)
        .and_then(|package| package.verify(&[public]))
        .expect("it was just signed");
    assert!(again.signers().contains(&public));
    let stripped = again.without_signatures();
    assert!(bytes.len() >= stripped.len() && bytes.ends_with(&stripped[EMPTY.len()..]));
    if let Ok(verified) = verified {
        assert_eq!(verified.without_signatures(), stripped);
        assert_eq!(verified.signed_digest(), again.signed_digest());
    }
}

/// Returns a key that is the same in each run.
pub(crate) fn key() -> SecretKey {
    const JWKS: &[u8] = br#"{"identity_key":{"kty":"OKP","crv":"Ed25519",
        "x":"DLqadAwzW2QX8yayGlQd7w3e7xhLWr8IncCjrApRkuk",
        "d":"yQOdO8EslJsharYaWADjM1_kXv1J3NvgtuqqoplOcHk"}}"#;
    match KeyFile::read(JWKS).expect("a key") {
        KeyFile::Open(key) => key,
        KeyFile::Locked(_) => unreachable!("it has no passphrase"),
    }
}
