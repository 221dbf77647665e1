//! What the host remembers of files.

use syft_protocol::file_events::FileStamp;

/// A stamp on the disk.
pub fn stamp(bytes: &[u8]) {
    match FileStamp::from_bytes(bytes) {
        Some(stamp) => {
            assert_eq!(FileStamp::from_bytes(&stamp.to_bytes()), Some(stamp));
            assert!(stamp.is_same_file(&stamp) && stamp.is_same_content(&stamp));
        }
        None => assert!(bytes.len() < FileStamp::BYTES),
    }
}
