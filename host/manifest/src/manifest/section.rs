//! The custom section `syft:manifest` of a component.
//!
//! It counts at depth 0 only: what a module or component inside carries under that
//! name is somebody else's, brought along by a library or planted by it.

use thiserror::Error;
use wasmparser::BinaryReader;

use crate::component::{CUSTOM, ComponentError, ComponentSection, sections};

/// The name of the section.
pub const NAME: &str = "syft:manifest";

/// The most bytes of a manifest.
pub const MAX_BYTES: usize = 64 << 10;

/// Why a component has no manifest that could be read or embedded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SectionError {
    /// It is no component.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// It has more than one, so that it could show each reader another.
    #[error("the component has {0} sections `{NAME}`; one is allowed")]
    Several(usize),
    /// It is too large.
    #[error("the section `{NAME}` has {0} bytes; at most {MAX_BYTES} are allowed")]
    TooLarge(usize),
}

/// Returns the content of the section, if there is one.
///
/// # Errors
/// See [`SectionError`].
pub fn read(component: &[u8]) -> Result<Option<Vec<u8>>, SectionError> {
    let found = manifests(component)?;
    let [(_, content)] = found.as_slice() else {
        return match found.len() {
            0 => Ok(None),
            several => Err(SectionError::Several(several)),
        };
    };
    check_size(content)?;
    Ok(Some(content.to_vec()))
}

/// Returns the component with this as the section's content, in the place of any
/// that it had. The same input gives the same bytes.
///
/// # Errors
/// See [`SectionError`].
pub fn embed(component: &[u8], json: &[u8]) -> Result<Vec<u8>, SectionError> {
    check_size(json)?;
    let mut embedded = Vec::with_capacity(component.len() + json.len() + 64);
    let mut kept_to = 0;
    for (section, _) in manifests(component)? {
        embedded.extend_from_slice(&component[kept_to..section.whole.start]);
        kept_to = section.whole.end;
    }
    embedded.extend_from_slice(&component[kept_to..]);
    embedded.push(CUSTOM);
    let mut name = Vec::new();
    push_length(&mut name, NAME.len());
    name.extend_from_slice(NAME.as_bytes());
    push_length(&mut embedded, name.len() + json.len());
    embedded.extend_from_slice(&name);
    embedded.extend_from_slice(json);
    Ok(embedded)
}

/// Returns all such sections with their contents.
fn manifests(component: &[u8]) -> Result<Vec<(ComponentSection, &[u8])>, ComponentError> {
    let mut found = Vec::new();
    for section in sections(component)? {
        let section = section?;
        if section.id != CUSTOM {
            continue;
        }
        let body = &component[section.body.clone()];
        let mut reader = BinaryReader::new(body, section.body.start);
        if reader.read_string()? == NAME {
            let content = reader.read_bytes(reader.bytes_remaining())?;
            found.push((section, content));
        }
    }
    Ok(found)
}

fn check_size(json: &[u8]) -> Result<(), SectionError> {
    match json.len() {
        size if size > MAX_BYTES => Err(SectionError::TooLarge(size)),
        _ => Ok(()),
    }
}

/// Appends a length in LEB128, in as few bytes as it takes.
fn push_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    /// Returns a section with some content.
    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![id];
        push_length(&mut bytes, content.len());
        [bytes.as_slice(), content].concat()
    }

    fn custom(name: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_length(&mut bytes, name.len());
        section(CUSTOM, &[&bytes, name.as_bytes(), content].concat())
    }

    #[test]
    fn what_is_embedded_is_read_and_there_once() {
        for size in [0, 1, 113, 114, 127, 128, 16_383, 16_384, MAX_BYTES] {
            let json = vec![b'x'; size];
            let once = embed(EMPTY, &json).expect("a component");
            assert_eq!(read(&once), Ok(Some(json.clone())), "{size}");
            assert_eq!(embed(&once, &json), Ok(once), "{size}");
        }
    }

    #[test]
    fn everything_else_stays_as_it_was() {
        let (before, after) = (custom("name", b"a"), section(1, b"core"));
        let old = custom(NAME, b"old");
        let component = [EMPTY, &old, &before, &old, &after, &old].concat();
        assert_eq!(read(&component), Err(SectionError::Several(3)));
        let embedded = embed(&component, b"new").expect("a component");
        let expected = [EMPTY, &before, &after, &custom(NAME, b"new")].concat();
        assert_eq!(embedded, expected);
    }

    #[test]
    fn those_of_inner_modules_and_components_do_not_count() {
        let inner = custom(NAME, b"inner");
        let module = section(1, &[b"\0asm\x01\0\0\0", inner.as_slice()].concat());
        let component = section(4, &[EMPTY, &inner].concat());
        let outer = [EMPTY, &module, &component, &custom("x", &inner)].concat();
        assert_eq!(read(&outer), Ok(None));
        let embedded = embed(&outer, b"{}").expect("a component");
        assert_eq!(embedded, [outer, custom(NAME, b"{}")].concat());
    }

    #[test]
    fn a_name_is_all_of_a_name() {
        for name in [
            "syft:manifest\0",
            "syft:manifes",
            "Syft:manifest",
            " syft:manifest",
        ] {
            let component = [EMPTY, &custom(name, b"{}")].concat();
            assert_eq!(read(&component), Ok(None), "{name:?}");
        }
    }

    #[test]
    fn it_has_a_size() {
        let huge = vec![b' '; MAX_BYTES + 1];
        let error = Err(SectionError::TooLarge(MAX_BYTES + 1));
        assert_eq!(embed(EMPTY, &huge), error.clone());
        let component = [EMPTY, &custom(NAME, &huge)].concat();
        assert_eq!(read(&component).map(|_| Vec::new()), error);
    }

    /// Every cut and every changed byte of a component gives an answer.
    #[test]
    fn hostile_bytes_are_answered() {
        let inner = section(1, b"\0asm\x01\0\0\0");
        let component = [EMPTY, &inner, &custom("a", b"b"), &custom(NAME, b"{}")].concat();
        for at in 0..component.len() {
            drop(read(&component[..at]));
            for byte in 0..=u8::MAX {
                let mut changed = component.clone();
                changed[at] = byte;
                if let Ok(embedded) = embed(&changed, b"[]") {
                    assert_eq!(read(&embedded), Ok(Some(b"[]".to_vec())), "{at} {byte}");
                }
            }
        }
    }
}
