//! Sections of components, byte by byte.

/// The bytes that every component begins with.
pub const HEADER: &[u8; 8] = b"\0asm\x0d\0\x01\0";

/// Returns bytes after their number, which has its shortest form.
pub fn counted(bytes: &[u8]) -> Vec<u8> {
    let mut counted = Vec::new();
    let mut length = bytes.len();
    while length >= 0x80 {
        counted.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    counted.push(length as u8);
    counted.extend_from_slice(bytes);
    counted
}

/// Returns a section as it stands in a component.
pub fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [vec![id], counted(body)].concat()
}

/// Returns a custom section.
pub fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    section(0, &[&counted(name.as_bytes()), content].concat())
}
