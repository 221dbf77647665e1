//! Paths that guests name.

use syft_runtime::capability::files::GuestPath;

/// A folder, and a path from there on the next line.
pub fn place(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (folder, path) = text.split_once('\n').unwrap_or(("", &text));
    let folder = GuestPath::default().resolve(folder);
    let folder = folder.map(|named| named.path).unwrap_or_default();
    let Ok(named) = folder.resolve(path) else {
        return;
    };
    let names = named.path.names();
    for name in &names {
        assert!(!["", ".", ".."].contains(name), "{path:?}");
        assert!(!name.contains(['/', '\0']) && name.len() <= 255, "{path:?}");
    }
    assert!(names.join("/").len() <= 4096);
    if !names.is_empty() {
        let again = GuestPath::default().resolve(&names.join("/"));
        assert_eq!(
            again.ok().map(|resolved| resolved.path),
            Some(named.path.clone())
        );
    }
    // No more names are left than went up.
    let n_up = path.split('/').filter(|name| *name == "..").count();
    let n_kept = folder.names().len().saturating_sub(n_up);
    assert_eq!(names[..n_kept.min(names.len())], folder.names()[..n_kept]);
}
