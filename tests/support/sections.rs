//! Sections of components, byte by byte.

/// The bytes that every component begins with.
pub const HEADER: &[u8; 8] = b"\0asm\x0d\0\x01\0";

/// Returns a number in LEB128, in its shortest form.
pub fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Returns bytes after their number.
pub fn counted(bytes: &[u8]) -> Vec<u8> {
    [number(bytes.len()), bytes.to_vec()].concat()
}

/// Returns a section as it stands in a component.
pub fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [vec![id], counted(body)].concat()
}

/// Returns a section that exports handlers, which there need not be.
pub fn handlers() -> Vec<u8> {
    let name = counted(syft_manifest::worlds::RPC.as_bytes());
    // An instance: the first one.
    section(11, &[&[1, 0][..], &name, &[5, 0, 0]].concat())
}

/// Returns a custom section.
pub fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    section(0, &[&counted(name.as_bytes()), content].concat())
}
