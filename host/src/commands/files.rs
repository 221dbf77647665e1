//! Component files, read once and written whole.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use syft_package::trust::TrustRefusal;
use syft_package::{KeyError, PackageError, Release};
use syft_system::rights;

use crate::error::CommandError;
use syft_runtime::sandbox::LoadError;

/// Reads a component file that is not larger than the limit.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, CommandError> {
    if !fs::metadata(path)?.is_file() {
        return Err(CommandError::new("it is no file")
            .hint("give a .wasm file; `syft-host build` makes one of an app's folder"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        Err(LoadError::TooLarge {
            bytes: fs::metadata(path)?.len(),
            limit,
        }
        .into())
    } else {
        Ok(bytes)
    }
}

/// Writes a component file. A host that serves it never sees half of it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    write_whole(path, bytes)
        .map_err(|error| CommandError::new(format!("write {}: {error}", path.display())))
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".syft-host-")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    let everybody_reads = 0o644;
    rights::set_mode(file.as_file(), everybody_reads)?;
    file.persist(path)?;
    Ok(())
}

/// Returns why an app is not taken, with what to do about it.
pub(super) fn explain(error: PackageError) -> CommandError {
    let hints = error.hints();
    CommandError::from(error).with_hints(hints)
}

/// Returns what is wrong with a key, with what to do about it.
pub(super) fn explain_key(error: KeyError) -> CommandError {
    let hint = error.hint();
    CommandError::from(error).with_hints(hint)
}

/// Returns why something that is signed does not count, with what to do about it.
pub(super) fn explain_refused(error: impl Into<TrustRefusal>) -> CommandError {
    let error = error.into();
    let hints = error.hints();
    CommandError::from(error).with_hints(hints)
}

/// Returns what a signature vouches for, for people.
pub(super) fn release_lines(release: &Release) -> [String; 4] {
    let Release {
        name,
        version,
        sequence,
        author,
    } = release;
    [
        format!("Name         {name}"),
        format!("Version      {version}"),
        format!("Sequence     {sequence}"),
        format!("Author       {author} (so it says)"),
    ]
}
