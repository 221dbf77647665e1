//! What tests of reading in slices have in common.

use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;

use super::DirEntryRef;
use crate::SystemError;

type Take<'a> = &'a mut dyn FnMut(DirEntryRef<'_>) -> ControlFlow<()>;

/// Makes a folder with so many files.
pub(super) fn folder_of(n_names: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for n in 0..n_names {
        fs::write(folder.path().join(format!("name-{n}")), "").expect("a file");
    }
    folder
}

/// Reads a slice of so many names.
pub(super) fn read(
    most: usize,
    read_on: impl FnOnce(Take<'_>) -> Result<(), SystemError>,
) -> Vec<String> {
    let mut names = Vec::new();
    let mut take = |entry: DirEntryRef<'_>| {
        names.push(entry.name.expect("text").to_owned());
        if names.len() < most {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    read_on(&mut take).expect("it can be read");
    names
}

/// Reads slices to the end: each name comes once. They say whether they were the last.
pub(super) fn are_the_folder(n_names: usize, mut slice: impl FnMut() -> (Vec<String>, bool)) {
    let mut found = Vec::new();
    loop {
        let (names, is_last) = slice();
        assert!(names.len() <= 7);
        found.extend(names);
        if is_last {
            break;
        }
    }
    let distinct: HashSet<&String> = found.iter().collect();
    assert_eq!((found.len(), distinct.len()), (n_names, n_names));
}
