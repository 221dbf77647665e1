//! The outermost layer of a component: its sections, what it imports and exports.
//!
//! Only lengths are believed here, and each is checked. Whether a component is
//! valid is for the sandbox to say. Nothing is collected of which there may be many: whoever
//! writes 60 MiB of empty sections is answered in no time and no memory.

use std::ops::Range;

use syft_protocol::message::envelope;
use thiserror::Error;
use wasmparser::{
    BinaryReader, BinaryReaderError, ComponentExportSectionReader, ComponentImportSectionReader,
};

/// The first bytes of a component, and of a core module.
const COMPONENT: &[u8; 8] = b"\0asm\x0d\0\x01\0";
const CORE_MODULE: &[u8; 8] = b"\0asm\x01\0\0\0";
/// Those of native code, as wasmtime compiles components to.
const ELF: &[u8; 4] = b"\x7fELF";

/// The id of custom sections.
pub const CUSTOM: u8 = 0;
const MODULE: u8 = 1;
const IMPORTS: u8 = 10;
const EXPORTS: u8 = 11;

/// Why bytes are no component.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ComponentError {
    /// They are a core module.
    #[error("this is a core WebAssembly module, not a component")]
    CoreModule,
    /// They are code that a compiler made of a component.
    #[error("this is native code of unknown origin; only components are accepted")]
    Compiled,
    /// They are an envelope of the SyftBox SDK.
    #[error(
        "this is encrypted for the SyftBox SDK ({0}): decrypt it first, or have it published unencrypted"
    )]
    Encrypted(&'static str),
    /// They begin like nothing of WebAssembly.
    #[error("this is not a WebAssembly component")]
    Foreign,
    /// It has more of something than any app needs.
    #[error("the component has more than {1} {0}, which no app needs")]
    TooMany(&'static str, usize),
    /// A section is cut off or otherwise broken.
    #[error("this is not a valid component: {0}")]
    Broken(String),
}

impl From<BinaryReaderError> for ComponentError {
    fn from(error: BinaryReaderError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// A section of the outermost layer. What modules and components within it hold
/// lies inside the body of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentSection {
    /// Its kind.
    pub id: u8,
    /// Where it is, with its id and length.
    pub whole: Range<usize>,
    /// Where its content is.
    pub body: Range<usize>,
}

/// The most sections of a component, far above what toolchains write.
const MAX_SECTIONS: usize = 100_000;

/// The most imports, and exports. Those of an app are some dozens.
const MAX_NAMES: usize = 1_000;

/// The sections of a component in their order, up to the first that is broken.
#[derive(Debug, Clone)]
pub struct Sections<'a> {
    reader: BinaryReader<'a>,
    n_read: usize,
}

/// Returns the sections of a component in their order.
pub fn sections(component: &[u8]) -> Result<Sections<'_>, ComponentError> {
    if component.starts_with(CORE_MODULE) {
        return Err(ComponentError::CoreModule);
    }
    if component.starts_with(ELF) {
        return Err(ComponentError::Compiled);
    }
    if let Some(kind) = envelope(component) {
        return Err(ComponentError::Encrypted(kind));
    }
    if !component.starts_with(COMPONENT) {
        return Err(ComponentError::Foreign);
    }
    let mut reader = BinaryReader::new(component, 0);
    reader.read_bytes(COMPONENT.len())?;
    Ok(Sections { reader, n_read: 0 })
}

impl Iterator for Sections<'_> {
    type Item = Result<ComponentSection, ComponentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.eof() {
            return None;
        }
        let section = self.read();
        if section.is_err() {
            // It ends with that.
            self.reader = BinaryReader::new(&[], 0);
        }
        Some(section)
    }
}

impl Sections<'_> {
    fn read(&mut self) -> Result<ComponentSection, ComponentError> {
        self.n_read += 1;
        if self.n_read > MAX_SECTIONS {
            return Err(ComponentError::TooMany("sections", MAX_SECTIONS));
        }
        let start = self.reader.original_position();
        let id = self.reader.read_u8()?;
        let body = self.reader.read_reader()?.range();
        let whole = start..body.end;
        Ok(ComponentSection { id, whole, body })
    }
}

/// Returns the name of a custom section.
pub fn custom_name<'a>(
    component: &'a [u8],
    section: &ComponentSection,
) -> Result<&'a str, ComponentError> {
    let body = &component[section.body.clone()];
    Ok(BinaryReader::new(body, section.body.start).read_string()?)
}

/// The names of what a component imports and exports, as it spells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surface {
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
}

/// Returns what a component imports and exports.
///
/// # Errors
/// See [`ComponentError`].
pub fn surface(component: &[u8]) -> Result<Surface, ComponentError> {
    let mut surface = Surface::default();
    for section in sections(component)? {
        let section = section?;
        let body = BinaryReader::new(&component[section.body.clone()], section.body.start);
        match section.id {
            IMPORTS => {
                for import in ComponentImportSectionReader::new(body)? {
                    push(&mut surface.imports, "imports", import?.name.name)?;
                }
            }
            EXPORTS => {
                for export in ComponentExportSectionReader::new(body)? {
                    push(&mut surface.exports, "exports", export?.name.name)?;
                }
            }
            _ => {}
        }
    }
    Ok(surface)
}

/// Returns what the custom sections of a name hold in the core modules of a component, in their
/// order.
///
/// # Errors
/// See [`ComponentError`].
pub fn custom_in_modules<'a>(
    component: &'a [u8],
    name: &str,
) -> Result<Vec<&'a [u8]>, ComponentError> {
    let mut found = Vec::new();
    for section in sections(component)? {
        let section = section?;
        let module = &component[section.body];
        if section.id != MODULE || !module.starts_with(CORE_MODULE) {
            continue;
        }
        let mut reader = BinaryReader::new(module, 0);
        reader.read_bytes(CORE_MODULE.len())?;
        for section in (Sections { reader, n_read: 0 }) {
            let section = section?;
            if section.id == CUSTOM {
                let mut body = BinaryReader::new(&module[section.body], 0);
                if body.read_string()? == name {
                    found.push(body.read_bytes(body.bytes_remaining())?);
                }
            }
        }
    }
    Ok(found)
}

fn push(names: &mut Vec<String>, what: &'static str, name: &str) -> Result<(), ComponentError> {
    if names.len() == MAX_NAMES {
        return Err(ComponentError::TooMany(what, MAX_NAMES));
    }
    names.push(name.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_no_component() {
        let all = |bytes: &[u8]| sections(bytes)?.collect::<Result<Vec<_>, _>>();
        let broken = |tail: &[u8]| all(&[COMPONENT, tail].concat());
        assert_eq!(all(CORE_MODULE), Err(ComponentError::CoreModule));
        assert_eq!(all(b"\x7fELF\x02"), Err(ComponentError::Compiled));
        assert_eq!(all(b"SYC2\x01"), Err(ComponentError::Encrypted("SYC2")));
        assert_eq!(all(b""), Err(ComponentError::Foreign));
        assert_eq!(all(b"(component)"), Err(ComponentError::Foreign));
        assert_eq!(broken(b""), Ok(Vec::new()));
        for tail in [
            &b"\0"[..],
            b"\0\x02a",
            b"\0\xff\xff\xff\xff\x0f",
            b"\0\xff\xff\xff\xff\xff",
        ] {
            assert!(
                matches!(broken(tail), Err(ComponentError::Broken(_))),
                "{tail:?}"
            );
        }
    }

    #[test]
    fn what_there_may_be_many_of_has_a_bound() {
        let names = |id: u8, n: usize| {
            let one = [&[id, 8, 1, 0, 3][..], b"a:b", b"\x05\0"].concat();
            [COMPONENT.as_slice(), &one.repeat(n)].concat()
        };
        let imports = |n| surface(&names(IMPORTS, n)).map(|surface| surface.imports.len());
        assert_eq!(imports(MAX_NAMES), Ok(MAX_NAMES));
        let error = |what, limit| Err(ComponentError::TooMany(what, limit));
        assert_eq!(imports(MAX_NAMES + 1), error("imports", MAX_NAMES));
        let custom = [COMPONENT.as_slice(), &b"\0\x01\0".repeat(MAX_SECTIONS + 1)].concat();
        let sections = surface(&custom).map(|surface| surface.imports.len());
        assert_eq!(sections, error("sections", MAX_SECTIONS));
    }

    #[test]
    fn finds_custom_sections_of_modules() {
        let custom = b"\0\x04\x01nab\0\x03\x01mx\0\x03\x01nc";
        let module = [&CORE_MODULE[..], custom].concat();
        let head = [MODULE, u8::try_from(module.len()).expect("it is small")];
        let component = [&COMPONENT[..], &head, &module, b"\0\x03\x01nz"].concat();
        let found = custom_in_modules(&component, "n").expect("it is a component");
        assert_eq!(found, [&b"ab"[..], b"c"]);
        let cut = component[..component.len() - 8].to_vec();
        assert!(custom_in_modules(&cut, "n").is_err());
    }

    #[test]
    fn reads_names_from_import_and_export_sections() {
        let bytes = [
            &COMPONENT[..],
            b"\x0a\x08\x01\0\x03a:b\x05\0",
            b"\x0b\x09\x01\0\x03c/d\x05\0\0",
        ]
        .concat();
        let surface = surface(&bytes).expect("a component");
        assert_eq!(surface.imports, ["a:b"]);
        assert_eq!(surface.exports, ["c/d"]);
    }
}
