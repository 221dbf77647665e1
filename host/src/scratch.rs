//! Folders that are deleted in the end, even if whoever made them was killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

/// A private folder that is deleted when it is dropped. It is locked as long as its maker
/// lives, so that others can tell which are forgotten.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    _held: File,
}

impl Scratch {
    /// Makes an empty one in a folder, which is made if need be.
    pub(crate) fn new(parent: &Path, prefix: &str) -> io::Result<Self> {
        crate::private::make_folder(parent)?;
        loop {
            let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
            // Between the two somebody may take it for a forgotten one.
            if let Some(held) = hold(folder.path(), FlockOperation::NonBlockingLockShared)? {
                let _held = held;
                return Ok(Self { folder, _held });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Deletes a folder whose maker is gone; tells whether it did.
pub(crate) fn delete_forgotten(folder: &Path) -> io::Result<bool> {
    let Some(_held) = hold(folder, FlockOperation::NonBlockingLockExclusive)? else {
        return Ok(false);
    };
    fs::remove_dir_all(folder)?;
    Ok(true)
}

/// Locks a folder, unless others hold it or it is no longer there.
fn hold(folder: &Path, operation: FlockOperation) -> io::Result<Option<File>> {
    let found = File::open(folder).and_then(|file| {
        flock(&file, operation)?;
        let (held, there) = (file.metadata()?, fs::symlink_metadata(folder)?);
        Ok((held.ino() == there.ino() && held.dev() == there.dev()).then_some(file))
    });
    match found {
        Err(error) if is_held_or_gone(&error) => Ok(None),
        found => found,
    }
}

fn is_held_or_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotFound
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_of_nobody_are_deleted() {
        let parent = tempfile::tempdir().expect("make a folder");
        let place = parent.path().join("place");
        let scratch = Scratch::new(&place, "a-").expect("make one");
        assert!(!delete_forgotten(scratch.path()).expect("look"));
        let forgotten = place.join("a-forgotten");
        fs::create_dir(&forgotten).expect("make one");
        fs::write(forgotten.join("file"), "").expect("write");
        assert!(delete_forgotten(&forgotten).expect("look"));
        assert!(!delete_forgotten(&forgotten).expect("nothing is there"));
        drop(scratch);
        assert_eq!(fs::read_dir(&place).expect("list").count(), 0);
    }
}
