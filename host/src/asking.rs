//! Components that crash the host while it asks them what they serve: the crashes are counted
//! over its runs, and after some the component is not asked again.
//!
//! While a component is asked, a file says so and is locked. A file without a lock was left by a
//! host that crashed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use syft_manifest::Digest;
use syft_system::{lock, private};
use thiserror::Error;
use tokio::sync::OwnedMutexGuard;

use syft_server::journal::boot_id;
use syft_server::suspension;

/// Crashes after which a component is not asked again. At all but the first, no other suspected
/// component was being asked.
const MOST_CRASHES: u32 = 4;

const MAX_BYTES: u64 = 4 << 10;

/// Why a component is not asked.
#[derive(Debug, Error)]
pub(crate) enum AskingError {
    /// It has brought the host down too often.
    #[error("the host crashed {0} times while it asked the app what it serves")]
    Crashes(u32),
    /// The disk.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
}

/// A component that is being asked, until this is dropped.
pub(crate) struct Asking {
    path: PathBuf,
    /// Nothing where another process asks it, too.
    _held: Option<File>,
    _alone: Option<OwnedMutexGuard<()>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Record {
    version: String,
    boot: String,
    /// Crashes of the host in earlier runs.
    crashes: u32,
}

impl Asking {
    /// Takes note that a component is asked from now on.
    pub(crate) async fn begin(folder: &Path, digest: &Digest) -> Result<Self, AskingError> {
        let path = path(folder, digest);
        let wrong = |error| AskingError::Io {
            path: path.clone(),
            error,
        };
        private::make_folder(folder).map_err(wrong)?;
        let mut file = lock::open(&path).map_err(wrong)?;
        if file.try_lock().is_err() {
            return Ok(Self {
                path,
                _held: None,
                _alone: None,
            });
        }
        let left = read(&mut file).map_err(wrong)?;
        let boot = boot_id();
        let crashes = match left {
            Some(left) if left.version == env!("CARGO_PKG_VERSION") => {
                left.crashes + u32::from(left.boot == boot)
            }
            _ => 0,
        };
        let mut record = Record {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot: String::new(),
            crashes,
        };
        write(&mut file, &record).map_err(wrong)?;
        if crashes >= MOST_CRASHES {
            return Err(AskingError::Crashes(crashes));
        }
        let alone = match crashes {
            0 => None,
            _ => Some(suspension::alone().await),
        };
        record.boot = boot;
        write(&mut file, &record).map_err(wrong)?;
        Ok(Self {
            path,
            _held: Some(file),
            _alone: alone,
        })
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if self._held.is_some()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!("{}: {error}", self.path.display());
        }
    }
}

/// Lets a component be asked again; returns whether it was counted as crashing.
pub(crate) fn forget(folder: &Path, digest: &Digest) -> io::Result<bool> {
    match fs::remove_file(path(folder, digest)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn path(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join(format!("{digest}.json"))
}

/// A record that cannot be parsed was cut off by a crash of the machine, which does not count.
fn read(file: &mut File) -> io::Result<Option<Record>> {
    let mut json = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json).ok())
}

fn write(file: &mut File, record: &Record) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(record)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_crashes_the_host_is_not_asked_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let (folder, digest) = (folder.path(), Digest::of(b"it"));
        for _ in 0..10 {
            drop(Asking::begin(folder, &digest).await.expect("it is asked"));
        }
        for _ in 0..MOST_CRASHES {
            let mut asking = Asking::begin(folder, &digest).await.expect("it is asked");
            // As in a crash, the file stays and nobody holds it.
            drop((asking._held.take(), asking));
        }
        for _ in 0..2 {
            let refused = Asking::begin(folder, &digest).await;
            assert!(matches!(refused, Err(AskingError::Crashes(MOST_CRASHES))));
        }
        let other = Asking::begin(folder, &Digest::of(b"other")).await;
        drop(other.expect("it is asked"));
        assert!(forget(folder, &digest).expect("forgotten"));
        drop(Asking::begin(folder, &digest).await.expect("it is asked"));
        assert!(!forget(folder, &digest).expect("nothing is there"));
    }

    #[tokio::test]
    async fn who_asks_too_is_no_crash() {
        let folder = tempfile::tempdir().expect("a folder");
        let (folder, digest) = (folder.path(), Digest::of(b"it"));
        let first = Asking::begin(folder, &digest).await.expect("it is asked");
        drop(Asking::begin(folder, &digest).await.expect("it is asked"));
        assert!(path(folder, &digest).exists());
        drop(first);
        assert!(!path(folder, &digest).exists());
    }
}
