//! Registries: where an app is in one, and what one has of it.

use syft_package::oci::{ImageManifest, OciDigest, Reference, ReferenceVersion};

use crate::assert_is_short_line;

/// A reference, or a manifest.
pub fn registry(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    reference(text);
    manifest(bytes);
    if let Some(digest) = OciDigest::parse(text) {
        assert_eq!(digest.to_string(), text);
    }
}

fn reference(text: &str) {
    let reference: Reference = match text.parse() {
        Ok(reference) => reference,
        Err(error) => return assert_is_short_line(&error.to_string(), 250),
    };
    assert_eq!(reference.to_string(), text);
    assert!(text.is_ascii() && !text.contains(['%', '?', '#', '\\', ' ']));
    assert!(!text.contains("..") || matches!(reference.version(), ReferenceVersion::Tag(_)));
    assert!(reference.registry().len() <= 255 && reference.repository().len() <= 255);
    let pinned = reference.pinned(&OciDigest::of(b""));
    assert_eq!(pinned.to_string().parse(), Ok(pinned));
}

fn manifest(bytes: &[u8]) {
    match ImageManifest::read(bytes) {
        Ok(manifest) => {
            let written = serde_json::to_vec(&manifest).expect("JSON");
            let again = ImageManifest::read(&written).expect("what was written");
            assert_eq!(again.component(), manifest.component());
        }
        Err(error) => assert_is_short_line(&error.to_string(), 1_000),
    }
}
