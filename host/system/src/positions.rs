//! Reading and writing at a place in a file. On Windows that moves the file's own position, which
//! nobody of the host uses.

use std::fs::File;
use std::io;

/// Reads what is at a place; fewer bytes, or none, where the file ends.
///
/// # Errors
/// The disk.
pub fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, bytes, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, bytes, offset);
}

/// Writes all of the bytes to a place.
///
/// # Errors
/// The disk.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let (mut rest, mut at) = (bytes, offset);
    while !rest.is_empty() {
        #[cfg(unix)]
        let written = std::os::unix::fs::FileExt::write_at(file, rest, at);
        #[cfg(windows)]
        let written = std::os::windows::fs::FileExt::seek_write(file, rest, at);
        match written {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                rest = &rest[n..];
                at += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_at_a_place_is_there() {
        let file = tempfile::tempfile().expect("a file");
        write_all_at(&file, b"world", 6).expect("written");
        write_all_at(&file, b"hello ", 0).expect("written");
        let mut bytes = [0; 16];
        assert_eq!(read_at(&file, &mut bytes, 3).expect("read"), 8);
        assert_eq!(&bytes[..8], b"lo world");
        assert_eq!(read_at(&file, &mut bytes, 11).expect("the end"), 0);
    }
}
