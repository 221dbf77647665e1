//! Which WASI a component is made for, and so how its engine works.

use syft_manifest::worlds::is_async;
use wasmparser::{Parser, Payload};

/// The two ways in which guests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wasi {
    /// For one thing, or for a list of things, in a call of the host.
    V0_2,
    /// In tasks, of which a component has several at a time. It may import WASI 0.2 as well.
    V0_3,
}

impl Wasi {
    pub(super) const ALL: [Self; 2] = [Self::V0_2, Self::V0_3];

    /// Returns which one a component is made for, by the names of its imports and exports. Of one
    /// that cannot be read it is 0.2: whoever compiles it finds out what is wrong.
    pub(super) fn of(component: &[u8]) -> Self {
        match has_async_names(component) {
            Ok(true) => Self::V0_3,
            Ok(false) | Err(_) => Self::V0_2,
        }
    }
}

fn has_async_names(component: &[u8]) -> wasmparser::Result<bool> {
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports {
                    if is_async(import?.name.name) {
                        return Ok(true);
                    }
                }
            }
            Payload::ComponentExportSection(exports) if depth == 1 => {
                for export in exports {
                    if is_async(export?.name.name) {
                        return Ok(true);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_for_the_older_one() {
        for bytes in [&b""[..], b"\0asm", b"\0asm\x0d\0\x01\0", b"no component"] {
            assert_eq!(Wasi::of(bytes), Wasi::V0_2, "{bytes:?}");
        }
    }
}
