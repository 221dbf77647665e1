//! Paths that guests name.

use syft_runtime::capability::files::{GuestPath, NamedPath, PathError};

/// A folder, and a path from there on the next line.
pub fn place(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (folder, path) = text.split_once('\n').unwrap_or(("", &text));
    let folder = resolve(&GuestPath::default(), folder);
    let folder = folder.map(|named| named.path).unwrap_or_default();
    let Ok(named) = resolve(&folder, path) else {
        return;
    };
    let names = named.path.names();
    for name in &names {
        assert!(!["", ".", ".."].contains(name), "{path:?}");
        assert!(!name.contains(['/', '\0']) && name.len() <= 255, "{path:?}");
    }
    assert!(names.join("/").len() <= 4096);
    if !names.is_empty() {
        let again = resolve(&GuestPath::default(), &names.join("/"));
        assert_eq!(
            again.ok().map(|resolved| resolved.path),
            Some(named.path.clone())
        );
    }
    assert!(names.starts_with(&folder.names()), "{path:?} leads out");
}

fn resolve(folder: &GuestPath, path: &str) -> Result<NamedPath, PathError> {
    folder.resolve(path, |climbed| {
        assert!(climbed.names().len() > folder.names().len(), "{path:?}");
        Ok(())
    })
}
