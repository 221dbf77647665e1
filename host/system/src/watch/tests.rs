//! What each implementation tells.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{ChangeKind, ChangeObserver, FolderChange, WatchMask};

/// A path, whether it is a folder's, and what happened.
type Change = (String, bool, ChangeKind);

struct Told(Mutex<Sender<Change>>);

impl ChangeObserver for Told {
    fn note(&self, change: &FolderChange<'_>) {
        let change = (change.path().to_string(), change.is_folder, change.what);
        self.0.lock().expect("nobody panics").send(change).ok();
    }

    fn changed(&self, _folder: &Arc<str>) {}
    fn lost(&self) {}
}

fn observer() -> (Arc<Told>, Receiver<Change>) {
    let (sender, told) = channel();
    (Arc::new(Told(Mutex::new(sender))), told)
}

/// Waits for a change of a path that is one of these.
fn wait_for(told: &Receiver<Change>, path: &str, is_folder: bool, kinds: &[ChangeKind]) {
    loop {
        let next = told.recv_timeout(Duration::from_secs(60));
        let (changed, is, what) = next.unwrap_or_else(|_| panic!("nobody told of {path}"));
        if changed == path && is == is_folder && kinds.contains(&what) {
            return;
        }
    }
}

const ARRIVED: &[ChangeKind] = &[ChangeKind::Made, ChangeKind::Changing, ChangeKind::Written];

macro_rules! with_each {
    ($($test:ident,)*) => {
        #[cfg(all(target_os = "linux", not(feature = "portable")))]
        mod on_linux {
            use super::*;
            use crate::folder::linux::Dir;
            use crate::watch::linux::FolderWatcher;
            $(#[test] fn $test() { $test!(); })*
        }
        mod on_portable {
            use super::*;
            use crate::folder::portable::Dir;
            use crate::watch::portable::FolderWatcher;
            $(#[test] fn $test() { $test!(); })*
        }
    };
}

macro_rules! what_comes_and_goes_is_told_by_the_path_that_was_given {
    () => {
        let site = tempfile::tempdir().expect("a folder");
        let (observer, told) = observer();
        let watcher = FolderWatcher::new(observer);
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        let path = Arc::from("its/path");
        assert!(watcher.cover(&folder, &path, WatchMask::Everything, None));
        assert!(watcher.paths().contains("its/path"));
        let at = |name: &str| site.path().join(name);
        fs::write(at("x"), "text").expect("a file");
        wait_for(&told, "its/path/x", false, ARRIVED);
        fs::rename(at("x"), at("y")).expect("renamed");
        wait_for(&told, "its/path/x", false, &[ChangeKind::Gone]);
        wait_for(&told, "its/path/y", false, &[ChangeKind::MovedIn]);
        fs::remove_file(at("y")).expect("removed");
        wait_for(&told, "its/path/y", false, &[ChangeKind::Gone]);
        fs::create_dir(at("d")).expect("a folder");
        wait_for(&told, "its/path/d", true, &[ChangeKind::Made]);
        fs::remove_dir(at("d")).expect("removed");
        wait_for(&told, "its/path/d", true, &[ChangeKind::Gone]);
    };
}

macro_rules! who_forgets_a_folder_is_told_no_more_and_others_are {
    () => {
        let site = tempfile::tempdir().expect("a folder");
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        let ((one, told_one), (other, told_other)) = (observer(), observer());
        let (one, other) = (FolderWatcher::new(one), FolderWatcher::new(other));
        for (watcher, path) in [(&one, "a/b"), (&other, "")] {
            assert!(watcher.cover(&folder, &Arc::from(path), WatchMask::Everything, None));
        }
        fs::write(site.path().join("x"), "text").expect("a file");
        wait_for(&told_one, "a/b/x", false, ARRIVED);
        wait_for(&told_other, "x", false, ARRIVED);
        one.forget("a");
        assert!(one.paths().is_empty());
        while told_one.try_recv().is_ok() {}
        fs::write(site.path().join("y"), "text").expect("a file");
        wait_for(&told_other, "y", false, ARRIVED);
        let of_y = told_one.try_iter().find(|(path, ..)| path.ends_with('y'));
        assert_eq!(of_y, None);
        drop(other);
        assert!(one.cover(&folder, &Arc::from("c"), WatchMask::Everything, None));
        fs::write(site.path().join("z"), "text").expect("a file");
        wait_for(&told_one, "c/z", false, ARRIVED);
    };
}

macro_rules! another_folder_in_the_place_of_one_is_watched_once_it_is_covered {
    () => {
        let site = tempfile::tempdir().expect("a folder");
        let (observer, told) = observer();
        let watcher = FolderWatcher::new(observer);
        let place = site.path().join("d");
        let cover = |place: &Path| {
            let folder = Dir::open_ambient(place).expect("it opens");
            watcher.cover(&folder, &Arc::from("d"), WatchMask::Everything, None)
        };
        fs::create_dir(&place).expect("a folder");
        assert!(cover(&place));
        fs::rename(&place, site.path().join("aside")).expect("moved");
        fs::create_dir(&place).expect("another one");
        assert!(cover(&place));
        fs::write(place.join("x"), "text").expect("a file");
        wait_for(&told, "d/x", false, ARRIVED);
        let other = site.path().join("other");
        fs::create_dir(&other).expect("a folder");
        let folder = Dir::open_ambient(&other).expect("it opens");
        let mask = WatchMask::Everything;
        assert!(watcher.cover(&folder, &Arc::from("other"), mask, Some("d")));
        let paths = watcher.paths();
        assert!(paths.contains("other") && !paths.contains("d"));
    };
}

with_each! {
    what_comes_and_goes_is_told_by_the_path_that_was_given,
    who_forgets_a_folder_is_told_no_more_and_others_are,
    another_folder_in_the_place_of_one_is_watched_once_it_is_covered,
}
