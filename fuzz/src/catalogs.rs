//! What authors publish.

use syft_package::catalog::{Catalog, CatalogError, KIND, SignedCatalog};
use syft_package::{Envelope, KeyFile, Link, SecretKey};
use syft_protocol::address::{AppName, Datasite};

use crate::assert_is_short_line;
use crate::packages;

/// A catalog as it lies in the tree, what is signed of one, or the link between two keys.
pub fn catalog(bytes: &[u8]) {
    match SignedCatalog::open(bytes.to_vec(), &author()) {
        Ok(found) => check_found(&found),
        Err(error) => assert_is_short_line(&error.to_string(), 600),
    }
    match Catalog::parse(bytes) {
        Ok(catalog) => check(&catalog, bytes),
        Err(error) => assert_is_short_line(&error.to_string(), 600),
    }
    if let Ok(link) = serde_json::from_slice::<Link>(bytes) {
        let written = serde_json::to_vec(&link).expect("JSON");
        let again: Link = serde_json::from_slice(&written).expect("it was just written");
        assert_eq!(again, link);
        assert!(link.epoch() > 0 && link.old_key() != link.new_key());
    }
}

/// What is read of a file is all of it, and written again the same.
fn check_found(found: &SignedCatalog) {
    check(found.catalog(), &found.catalog().to_json());
    let again = SignedCatalog::open(found.envelope().to_vec(), &author());
    assert_eq!(again.as_ref(), Ok(found));
    let count = found.signers().len();
    assert!((1..=16).contains(&count), "{count}");
}

fn check(catalog: &Catalog, json: &[u8]) {
    assert_eq!(catalog.to_json(), json, "it has one spelling");
    assert!(catalog.issued() <= catalog.expires());
    for (name, entry) in catalog.apps() {
        assert!(AppName::parse(name.as_str()).is_ok());
        assert!(entry.epoch <= catalog.epoch());
        assert!(entry.path.names().all(|part| AppName::parse(part).is_ok()));
    }
    let key = packages::key();
    let envelope = Envelope::seal(KIND, json.to_vec(), &[&key]).to_bytes();
    match SignedCatalog::open(envelope, catalog.author()) {
        Ok(found) => assert!(found.catalog() == catalog && found.signers() == [key.public()]),
        Err(error) => assert!(matches!(
            error,
            CatalogError::NotByLast(_) | CatalogError::OwnKey | CatalogError::Envelope(_)
        )),
    }
}

pub(crate) fn author() -> Datasite {
    Datasite::parse("alice@example.org").expect("an email")
}

/// Returns another key that is the same in each run.
pub(crate) fn other_key() -> SecretKey {
    const KEY: &[u8] = include_bytes!("../../tests/cases/signing_keys/plain");
    match KeyFile::read(KEY).expect("a key") {
        KeyFile::Open(key) => key,
        KeyFile::Locked(_) => unreachable!("it has no passphrase"),
    }
}
