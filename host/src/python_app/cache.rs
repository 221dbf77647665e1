//! Components that were built before, by the digest of all that went into them.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use syft_manifest::private_dir;

use super::tools;
use crate::error::CommandError;
use syft_runtime::cache_bounds::{self, CacheBounds, keep_within, touch};

/// Each has some 27 MB.
const BOUNDS: CacheBounds = CacheBounds {
    bytes: 1 << 30,
    age: Duration::from_secs(30 * 24 * 60 * 60),
};

/// What the name of the app lies in, beside the component.
const NAME: &str = "name";

/// What they lock who build it.
const LOCK: &str = "lock";

/// A component that was built before.
pub(super) struct Kept {
    pub(super) component: Vec<u8>,
    /// The name that the program gave its app.
    pub(super) app_name: String,
}

/// Returns the folder of them all.
pub(crate) fn folder(python: &Path) -> PathBuf {
    python.join("components")
}

/// Returns where a component is or will be.
pub(super) fn path(python: &Path, digest: &str) -> PathBuf {
    folder(python).join(digest).with_extension("wasm")
}

/// Waits until nobody else builds a component. Others wait until what is returned is dropped.
pub(super) fn alone(path: &Path) -> Result<File, CommandError> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let lock = options.open(path.with_extension(LOCK))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    Ok(lock)
}

/// Returns a component, if it was built before.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<Kept>, CommandError> {
    let name = path.with_extension(NAME);
    let found = fs::read(path).and_then(|component| {
        let app_name = fs::read_to_string(&name)?;
        Ok(Kept {
            component,
            app_name,
        })
    });
    match found {
        Ok(kept) => {
            touch(path);
            Ok(Some(kept))
        }
        // Another host may clear it in between.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CommandError::from(error).about(path.display())),
    }
}

/// Moves a component there.
pub(super) fn put(path: &Path, component: &Path, name: &str) -> Result<(), CommandError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    private_dir::write(&path.with_extension(NAME), name.as_bytes())?;
    // Both are below one folder, so this is one step.
    fs::rename(component, path)?;
    Ok(())
}

/// Deletes what is too old or too much, and what those left who were killed.
pub(super) fn tidy(python: &Path) -> Result<(), CommandError> {
    let now = SystemTime::now();
    cache_bounds::delete_forgotten(python, now)?;
    keep_within(&folder(python), BOUNDS, now)?;
    tools::delete_old(python, BOUNDS.age, now)?;
    Ok(())
}
