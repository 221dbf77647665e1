//! The names that SyftBox's sync leaves alone.

/// Names that the sync client ignores wherever they stand in the tree.
const IGNORED_NAMES: [&str; 14] = [
    "syftignore",
    ".syftkeep",
    ".ipynb_checkpoints",
    "__pycache__",
    "dist",
    "venv",
    ".venv",
    ".vscode",
    ".idea",
    ".git",
    "logs",
    ".DS_Store",
    // Spelled like this in the client.
    "Thumbds.db",
    "Icon",
];

const IGNORED_ENDINGS: [&str; 5] = [".pyc", ".pyo", ".pyd", ".tmp", ".log"];

/// `.conflict` and `.rejected` mark a whole path, in whichever segment they
/// stand: the client looks for them as plain substrings.
const IGNORED_PARTS: [&str; 5] = [
    "syftrejected",
    "syftconflict",
    ".conflict",
    ".rejected",
    ".syft.tmp.",
];

/// Returns whether sync ignores everything in a folder of this name.
///
/// These are the built-in patterns of the released SyftBox client; an owner
/// can add to them in `syftignore`. What lies in such a folder never reaches
/// another machine, so neither an app nor an endpoint may be called so.
pub(super) fn is_ignored_by_sync(name: &str) -> bool {
    IGNORED_NAMES.contains(&name)
        || IGNORED_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || IGNORED_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_names_of_the_released_client() {
        for name in [
            "dist",
            "logs",
            "venv",
            "__pycache__",
            ".git",
            "x.tmp",
            ".tmp",
            "app.log",
            "m.pyc",
            "x.syft.tmp.1",
            "x.syftrejected.request",
            "x.conflict.json",
            "x.rejected",
        ] {
            assert!(is_ignored_by_sync(name), "{name}");
        }
        for name in [
            "x.tmp.123",
            "x.part",
            ".gitignore",
            "X.TMP",
            "Logs",
            "app.log.1",
            "distance",
            "x.py",
            "conflict",
        ] {
            assert!(!is_ignored_by_sync(name), "{name}");
        }
    }
}
