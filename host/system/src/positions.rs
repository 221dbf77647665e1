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

/// Reads as many bytes at a place as there is room for.
///
/// # Errors
/// The disk, or the file ends before.
pub fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    let mut n_read = 0;
    while n_read < bytes.len() {
        match read_at(file, &mut bytes[n_read..], offset + n_read as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => n_read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
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

/// Writes all of the bytes behind what is in the file, wherever that ends by then.
///
/// # Errors
/// The disk.
pub fn append(file: &File, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match append_some(file, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = &rest[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn append_some(file: &File, bytes: &[u8]) -> io::Result<usize> {
    use rustix::io::{ReadWriteFlags, pwritev2};
    // The offset does not count for an append.
    let written = pwritev2(file, &[io::IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND);
    Ok(written?)
}

/// Whoever else writes by this very handle meanwhile appends as well.
#[cfg(all(unix, not(target_os = "linux")))]
fn append_some(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use std::io::Write;
    let flags = fcntl_getfl(file)?;
    fcntl_setfl(file, flags | OFlags::APPEND)?;
    let written = file.write(bytes);
    fcntl_setfl(file, flags)?;
    written
}

/// As `WriteFile` has it, this place is the end.
#[cfg(windows)]
fn append_some(file: &File, bytes: &[u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_at_the_end_of_what_others_wrote() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let one = file.as_file();
        let other = file.reopen().expect("it opens again");
        append(one, b"one").expect("appended");
        append(&other, b" two").expect("appended");
        write_all_at(one, b"O", 0).expect("a place is one still");
        append(one, b" three").expect("appended");
        let text = std::fs::read_to_string(file.path()).expect("its text");
        assert_eq!(text, "One two three");
    }

    #[test]
    fn what_is_written_at_a_place_is_there() {
        let file = tempfile::tempfile().expect("a file");
        write_all_at(&file, b"world", 6).expect("written");
        write_all_at(&file, b"hello ", 0).expect("written");
        let mut bytes = [0; 16];
        assert_eq!(read_at(&file, &mut bytes, 3).expect("read"), 8);
        assert_eq!(&bytes[..8], b"lo world");
        assert_eq!(read_at(&file, &mut bytes, 11).expect("the end"), 0);
        read_exact_at(&file, &mut bytes[..5], 6).expect("all of it");
        assert_eq!(&bytes[..5], b"world");
        read_exact_at(&file, &mut bytes[..6], 6).expect_err("it ends before");
    }
}
