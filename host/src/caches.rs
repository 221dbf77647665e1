//! What the host keeps that can be made again, and logs: what there is, and clearing it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::activity::log_files;
use crate::python_app;
use syft_manifest::Digest;
use syft_runtime::cache_bounds::{self, CacheEntry};
use syft_runtime::scratch;

/// A kind of what can be cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The machine code of components.
    CompiledCode,
    /// Components of Python programs.
    PythonBuilds,
    /// What these are built with.
    PythonTools,
    /// What those left who were killed.
    Unfinished,
    /// What is kept of what apps did, which nothing makes again.
    Logs,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::CompiledCode,
        Self::PythonBuilds,
        Self::PythonTools,
        Self::Unfinished,
        Self::Logs,
    ];
}

/// Something that can be cleared.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    pub(crate) bytes: u64,
    /// This release would have to make it again at once: it comes from a network.
    pub(crate) is_current_tool: bool,
    what: What,
}

#[derive(Debug)]
enum What {
    Entry(CacheEntry),
    Environment(PathBuf),
    Unfinished(PathBuf),
    Log(PathBuf),
}

/// Lists all that lies in the caches, and all logs.
///
/// # Errors
/// They cannot be listed.
pub(crate) fn list(compiled: &Path, python: &Path, logs: &Path) -> io::Result<Vec<Item>> {
    let builds = python_app::builds(python);
    let mut items = Vec::new();
    for (kind, folder) in [
        (Kind::CompiledCode, compiled),
        (Kind::PythonBuilds, &builds),
    ] {
        items.extend(
            cache_bounds::entries(folder)?
                .into_iter()
                .map(|entry| Item {
                    kind,
                    bytes: entry.bytes,
                    is_current_tool: false,
                    what: What::Entry(entry),
                }),
        );
    }
    for path in python_app::environments(python)? {
        items.push(Item {
            kind: Kind::PythonTools,
            bytes: size(&path),
            is_current_tool: python_app::is_current_environment(&path),
            what: What::Environment(path),
        });
    }
    for folder in [compiled, python, &builds] {
        items.extend(scratch::unfinished(folder)?.into_iter().map(|path| Item {
            kind: Kind::Unfinished,
            bytes: size(&path),
            is_current_tool: false,
            what: What::Unfinished(path),
        }));
    }
    items.extend(log_files(logs)?.into_iter().map(|(path, bytes)| Item {
        kind: Kind::Logs,
        bytes,
        is_current_tool: false,
        what: What::Log(path),
    }));
    Ok(items)
}

/// Deletes the compiled code of components. Code that a host has loaded stays loaded.
///
/// # Errors
/// The cache cannot be listed, or something of it cannot be deleted.
pub(crate) fn delete_compiled(compiled: &Path, components: &[Digest]) -> io::Result<()> {
    if components.is_empty() {
        return Ok(());
    }
    let is_meant = |entry: &CacheEntry| {
        let name = entry.name().unwrap_or_default();
        components
            .iter()
            .any(|digest| name.starts_with(digest.as_str()))
    };
    let entries = cache_bounds::entries(compiled)?;
    let mut meant = entries.iter().filter(|entry| is_meant(entry));
    meant.try_for_each(CacheEntry::delete)
}

impl Item {
    /// Deletes it, unless somebody works with it; tells whether it did. Code that a host has
    /// loaded stays loaded.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub(crate) fn delete(&self, now: SystemTime) -> io::Result<bool> {
        match &self.what {
            What::Entry(entry) => entry.delete().map(|()| true),
            What::Environment(path) => python_app::delete_environment(path),
            What::Unfinished(path) => scratch::delete_forgotten(path, now),
            What::Log(path) => fs::remove_file(path).map(|()| true),
        }
    }
}

/// Returns the size of a file, or of all files in a folder. What vanishes meanwhile has none.
fn size(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum()
}
