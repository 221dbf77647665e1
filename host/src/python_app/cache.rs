//! Components that were built before, by the digest of all that went into them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use syft_manifest::Digest;
use syft_system::{lock, private};

use super::{shipped, tools};
use crate::error::CommandError;
use crate::ui::Ui;
use syft_runtime::cache_bounds::{self, CacheBounds, keep_within, touch};

/// Each has some 27 MB.
const BOUNDS: CacheBounds = CacheBounds {
    bytes: 1 << 30,
    age: Duration::from_secs(30 * 24 * 60 * 60),
};

/// What the program said lies in, beside the component.
const SAID: &str = "json";

/// What they lock who build it.
const LOCK: &str = "lock";

/// A component that was built before.
pub(super) struct Kept {
    pub(super) component: Vec<u8>,
    pub(super) said: Said,
}

/// What a program said of itself while it was built.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Said {
    /// The name that it gave its app.
    pub(super) app_name: String,
    /// The access rules that it wrote, by their paths in its own folder.
    pub(super) rules: BTreeMap<String, String>,
    /// The SHA-256 of the component.
    #[serde(default)]
    pub(super) sha256: String,
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
pub(super) fn alone(ui: Ui, path: &Path, what: &str) -> Result<File, CommandError> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let lock = lock::open(&path.with_extension(LOCK))?;
    if lock.try_lock().is_err() {
        let _waiting = ui.wait(&format!(
            "waiting for another syft-host, which builds {what}"
        ));
        lock.lock()?;
    }
    Ok(lock)
}

/// Returns a component, if it was built before.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<Kept>, CommandError> {
    let said = path.with_extension(SAID);
    let found = fs::read(path).and_then(|component| {
        let said = serde_json::from_slice(&fs::read(&said)?)?;
        Ok(Kept { component, said })
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

/// Returns a component that came with this program.
///
/// # Errors
/// It is not as it was built.
pub(super) fn shipped(digest: &str) -> Result<Option<Vec<u8>>, CommandError> {
    let Some(folder) = shipped::folder("components") else {
        return Ok(None);
    };
    let path = folder.join(digest).with_extension("wasm");
    let Some(Kept { component, said }) = read(&path)? else {
        return Ok(None);
    };
    if Digest::of(&component).as_str() != said.sha256 {
        let message = format!("{} is damaged", path.display());
        return Err(CommandError::new(message)
            .hint("install it again: pip install --force-reinstall syft-host-python"));
    }
    Ok(Some(component))
}

/// Moves a component there.
pub(super) fn put(path: &Path, component: &Path, said: Said) -> Result<(), CommandError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let said = Said {
        sha256: Digest::of(&fs::read(component)?).to_string(),
        ..said
    };
    private::write(&path.with_extension(SAID), &serde_json::to_vec(&said)?)?;
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
