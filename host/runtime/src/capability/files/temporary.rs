//! The temporary folder of a call: made when something is first written to it, deleted with all in
//! it when the call ends.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::datasites_dir::DatasitesDir;
use super::guest_path::GuestPath;
use super::policy::Want;
use crate::scratch::Scratch;

/// Deeper folders would take many open files to delete.
const DEEPEST: usize = 32;

/// Where the temporary folders of an app are made.
pub(super) struct TemporaryPlace {
    parent: PathBuf,
    /// What calls find that have not written anything.
    empty: Made,
}

struct Made {
    folder: DatasitesDir,
    _scratch: Scratch,
}

/// The temporary folder of a call, if calls have one.
pub(super) struct Temporary {
    place: Option<Arc<TemporaryPlace>>,
    made: OnceLock<Option<Made>>,
}

impl TemporaryPlace {
    /// Makes one in a private folder of the host.
    pub(super) fn new(parent: PathBuf) -> io::Result<Self> {
        let empty = make(&parent)?;
        Ok(Self { parent, empty })
    }
}

impl Temporary {
    pub(super) fn new(place: Option<Arc<TemporaryPlace>>) -> Self {
        Self {
            place,
            made: OnceLock::new(),
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.place.is_some()
    }

    /// Returns the folder for what is wanted, if there can be such a path in it.
    pub(super) fn folder(&self, path: &GuestPath, want: Want) -> Option<&DatasitesDir> {
        let place = self.place.as_ref()?;
        if path.names().len() > DEEPEST {
            return None;
        }
        let made = match want {
            Want::See | Want::Read => self.made.get(),
            Want::Write | Want::MakeFolder => Some(self.made.get_or_init(|| place.make())),
        };
        match made {
            Some(made) => made.as_ref().map(|made| &made.folder),
            None => Some(&place.empty.folder),
        }
    }
}

impl TemporaryPlace {
    fn make(&self) -> Option<Made> {
        let made = make(&self.parent).inspect_err(|error| {
            let parent = self.parent.display();
            tracing::warn!(%parent, "a call gets no temporary folder: {error}");
        });
        made.ok()
    }
}

fn make(parent: &Path) -> io::Result<Made> {
    let scratch = Scratch::new(parent)?;
    Ok(Made {
        folder: DatasitesDir::open(scratch.path())?,
        _scratch: scratch,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::guest_path::Mount;
    use super::*;

    #[test]
    fn it_is_made_by_the_first_write_and_deleted_in_the_end() {
        let parent = tempfile::tempdir().expect("a folder");
        let count = || fs::read_dir(parent.path()).expect("listed").count();
        let place = TemporaryPlace::new(parent.path().to_owned()).expect("a place");
        let temporary = Temporary::new(Some(Arc::new(place)));
        let top = GuestPath::top(Mount::Temporary);
        assert!(temporary.folder(&top, Want::See).is_some());
        assert_eq!(count(), 1, "nothing but the empty one");
        assert!(temporary.folder(&top, Want::Write).is_some());
        assert_eq!(count(), 2);
        let deep = top.join(&vec!["x".to_owned(); 40]);
        assert!(temporary.folder(&deep, Want::Write).is_none());
        drop(temporary);
        assert_eq!(count(), 0);
    }
}
