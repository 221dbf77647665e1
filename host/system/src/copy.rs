//! Copying what a file holds, without copying it where the file system can do that.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Has a file share what another one holds, and tells whether it does: with some file systems of
/// Linux. Elsewhere it is copied.
pub fn clone_into(from: &File, to: &File) -> bool {
    #[cfg(target_os = "linux")]
    return rustix::fs::ioctl_ficlone(to, from).is_ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (from, to);
        false
    }
}

/// Copies so many bytes from the beginning of a file to where another one stands.
///
/// # Errors
/// The disk.
pub fn bytes(from: &File, to: &File, n_bytes: u64) -> io::Result<()> {
    let (mut from, mut to) = (from, to);
    from.seek(SeekFrom::Start(0))?;
    io::copy(&mut from.take(n_bytes), &mut to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::positions::{read_at, write_all_at};

    #[test]
    fn so_much_is_copied_as_was_said() {
        let (from, to) = (tempfile::tempfile(), tempfile::tempfile());
        let (from, to) = (from.expect("a file"), to.expect("a file"));
        write_all_at(&from, b"hello world", 0).expect("written");
        bytes(&from, &to, 5).expect("copied");
        let mut found = [0; 16];
        assert_eq!(read_at(&to, &mut found, 0).expect("read"), 5);
        assert_eq!(&found[..5], b"hello");
    }

    #[test]
    fn what_is_shared_is_the_same() {
        let (from, to) = (tempfile::tempfile(), tempfile::tempfile());
        let (from, to) = (from.expect("a file"), to.expect("a file"));
        write_all_at(&from, b"hello", 0).expect("written");
        let length = if clone_into(&from, &to) { 5 } else { 0 };
        assert_eq!(to.metadata().expect("looked").len(), length);
    }
}
