//! Components that were built before, by the digest of all that went into them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::CommandError;

/// Each has some 27 MB.
const MAX_COMPONENTS: usize = 20;

/// What the name of the app lies in, beside the component.
const NAME: &str = "name";

/// Returns where a component is or will be.
pub(super) fn path(folder: &Path, digest: &str) -> PathBuf {
    folder
        .join("components")
        .join(digest)
        .with_extension("wasm")
}

/// Returns the name that the program of a component gave its app.
pub(super) fn app_name(path: &Path) -> Result<String, CommandError> {
    let path = path.with_extension(NAME);
    fs::read_to_string(&path)
        .map_err(|error| CommandError::new(format!("{}: {error}", path.display())))
}

/// Moves a component there, and deletes the oldest where there are many.
pub(super) fn put(path: &Path, component: &Path, name: &str) -> Result<(), CommandError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    fs::write(path.with_extension(NAME), name)?;
    // Both are below one folder, so this is one step.
    fs::rename(component, path)?;
    let mut others: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|it| it == "wasm"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    others.sort();
    let n_old = others.len().saturating_sub(MAX_COMPONENTS);
    for (_, old) in &others[..n_old] {
        // Another builder may be faster.
        drop(fs::remove_file(old));
        drop(fs::remove_file(old.with_extension(NAME)));
    }
    Ok(())
}
