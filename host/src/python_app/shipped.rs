//! What came with this program: it lies beside the folder of the program, where packages put it.
//!
//! Why: docs/decisions/76-python-comes-built.md

use std::path::PathBuf;

/// Returns one of its folders, if that is there.
pub(super) fn folder(name: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let prefix = program.parent()?.parent()?;
    let folder = prefix.join("share/syft-host").join(name);
    folder.is_dir().then_some(folder)
}
