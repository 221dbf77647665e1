//! What the host remembers of files.

use syft_protocol::watching::Stamp;

/// A stamp on the disk.
pub fn stamp(bytes: &[u8]) {
    match Stamp::from_bytes(bytes) {
        Some(stamp) => {
            assert_eq!(Stamp::from_bytes(&stamp.to_bytes()), Some(stamp));
            assert!(stamp.is_same_file(&stamp) && stamp.is_same_content(&stamp));
        }
        None => assert!(bytes.len() < Stamp::BYTES),
    }
}
