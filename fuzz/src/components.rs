//! The outermost layer of components.

use syft_manifest::component::surface;
use syft_manifest::section::{self, SectionError};
use wasmparser::{Encoding, Parser, Payload};

use crate::assert_is_short_line;

/// A component with nothing in it.
pub const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

const MANIFEST: &[u8] = br#"{"app":{"name":"app"}}"#;

/// The bytes of a component, with or without those that begin every one.
pub fn component(bytes: &[u8]) {
    check(bytes);
    check(&[EMPTY, bytes].concat());
}

fn check(bytes: &[u8]) {
    let read = section::read(bytes);
    if let Err(error) = &read {
        assert_is_short_line(&error.to_string(), 300);
    }
    if let Ok(names) = surface(bytes) {
        let names = names.imports.iter().chain(&names.exports);
        assert!(names.map(String::len).sum::<usize>() < bytes.len());
    }
    // It does not mind a component within that is cut off.
    if let Some(manifests) = outermost_manifests(bytes)
        && !matches!(read, Err(SectionError::Component(_)))
    {
        let expected = match manifests.as_slice() {
            [] => Ok(None),
            [one] if one.len() > section::MAX_BYTES => Err(SectionError::TooLarge(one.len())),
            [one] => Ok(Some(one.to_vec())),
            several => Err(SectionError::Several(several.len())),
        };
        assert_eq!(read, expected);
    }
    let Ok(embedded) = section::embed(bytes, MANIFEST) else {
        return;
    };
    assert_eq!(section::read(&embedded), Ok(Some(MANIFEST.to_vec())));
    assert_eq!(section::embed(&embedded, MANIFEST).as_ref(), Ok(&embedded));
    assert_eq!(surface(&embedded).ok(), surface(bytes).ok());
}

/// Returns what another reader finds, which goes down into all that is within; `None` if
/// it does not take these bytes for a component.
fn outermost_manifests(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return None,
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(custom) if depth == 1 && custom.name() == section::NAME => {
                found.push(custom.data());
            }
            _ => {}
        }
    }
    Some(found)
}
