//! What strangers do to folders, and what is to come of it: the same of each implementation.

/// Runs a test with each implementation that this system has.
macro_rules! with_each {
    ($($test:ident,)*) => {
        #[cfg(target_os = "linux")]
        mod on_linux {
            use crate::folder::linux::Dir;
            $(#[test] fn $test() { super::$test::<Dir>(); })*
        }
        mod on_portable {
            use crate::folder::portable::Dir;
            $(#[test] fn $test() { super::$test::<Dir>(); })*
        }
    };
}

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use super::{Create, DirEntry, Open, OpenedFile};
use crate::{FileType, SetTime, SetTimes, Stat, SystemError};

/// What each implementation can do, for tests alone: programs have one of them.
pub(super) trait Tested: Sized {
    fn open_ambient(path: &Path) -> Result<Self, SystemError>;
    fn open_folder(&self, name: &str) -> Result<Self, SystemError>;
    fn open_folder_below(&self, path: &str) -> Result<Self, SystemError>;
    fn open_folder_to_read(&self, name: &str) -> Result<Self, SystemError>;
    fn open_folder_below_to_read(&self, path: &str) -> Result<Self, SystemError>;
    fn open_file(&self, name: &str, open: Open) -> Result<OpenedFile, SystemError>;
    fn open_file_below(&self, path: &str, open: Open) -> Result<OpenedFile, SystemError>;
    fn look(&self, name: &str) -> Result<Stat, SystemError>;
    fn look_at_itself(&self) -> Result<Stat, SystemError>;
    fn look_at_path(path: &Path) -> Result<Stat, SystemError>;
    fn entries(&self) -> Result<Vec<DirEntry>, SystemError>;
    fn make_folder(&self, name: &str) -> Result<(), SystemError>;
    fn remove_file(&self, name: &str) -> Result<(), SystemError>;
    fn remove_folder(&self, name: &str) -> Result<(), SystemError>;
    fn remove_all_but(&self, spared: &[&str]) -> Result<(), SystemError>;
    fn rename_file(&self, name: &str, to: &Self, to_name: &str) -> Result<(), SystemError>;
    fn set_times(&self, times: &SetTimes) -> Result<(), SystemError>;
    fn set_times_of(&self, name: &str, times: &SetTimes) -> Result<(), SystemError>;
    fn name_own_new(&self, name: &str, to: &Self, to_name: &str) -> Result<(), SystemError>;
    fn look_while_listing(&self, below: &str, name: &str) -> Result<Stat, SystemError>;
    fn force(&self) -> Result<(), SystemError>;
}

macro_rules! tested {
    ($folder:ty) => {
        impl Tested for $folder {
            fn open_ambient(path: &Path) -> Result<Self, SystemError> {
                <$folder>::open_ambient(path)
            }
            fn open_folder(&self, name: &str) -> Result<Self, SystemError> {
                <$folder>::open_folder(self, name)
            }
            fn open_folder_below(&self, path: &str) -> Result<Self, SystemError> {
                <$folder>::open_folder_below(self, path)
            }
            fn open_folder_to_read(&self, name: &str) -> Result<Self, SystemError> {
                <$folder>::open_folder_to_read(self, name)
            }
            fn open_folder_below_to_read(&self, path: &str) -> Result<Self, SystemError> {
                <$folder>::open_folder_below_to_read(self, path)
            }
            fn open_file(&self, name: &str, open: Open) -> Result<OpenedFile, SystemError> {
                <$folder>::open_file(self, name, open)
            }
            fn open_file_below(&self, path: &str, open: Open) -> Result<OpenedFile, SystemError> {
                <$folder>::open_file_below(self, path, open)
            }
            fn look(&self, name: &str) -> Result<Stat, SystemError> {
                <$folder>::look(self, name)
            }
            fn look_at_itself(&self) -> Result<Stat, SystemError> {
                <$folder>::look_at_itself(self)
            }
            fn look_at_path(path: &Path) -> Result<Stat, SystemError> {
                <$folder>::look_at_path(path)
            }
            fn entries(&self) -> Result<Vec<DirEntry>, SystemError> {
                <$folder>::list(self)?.collect()
            }
            fn make_folder(&self, name: &str) -> Result<(), SystemError> {
                <$folder>::make_folder(self, name)
            }
            fn remove_file(&self, name: &str) -> Result<(), SystemError> {
                <$folder>::remove_file(self, name)
            }
            fn remove_folder(&self, name: &str) -> Result<(), SystemError> {
                <$folder>::remove_folder(self, name)
            }
            fn remove_all_but(&self, spared: &[&str]) -> Result<(), SystemError> {
                <$folder>::remove_all_but(self, spared)
            }
            fn rename_file(&self, name: &str, to: &Self, to_name: &str) -> Result<(), SystemError> {
                <$folder>::rename_file(self, name, to, to_name)
            }
            fn set_times(&self, times: &SetTimes) -> Result<(), SystemError> {
                <$folder>::set_times(self, times)
            }
            fn set_times_of(&self, name: &str, times: &SetTimes) -> Result<(), SystemError> {
                <$folder>::set_times_of(self, name, times)
            }
            fn name_own_new(
                &self,
                name: &str,
                to: &Self,
                to_name: &str,
            ) -> Result<(), SystemError> {
                <$folder>::name_own_new(self, name, to, to_name)
            }
            fn look_while_listing(&self, below: &str, name: &str) -> Result<Stat, SystemError> {
                let mut entries = <$folder>::list_below(self, below)?;
                entries.next().transpose()?;
                entries.look(name)
            }
            fn force(&self) -> Result<(), SystemError> {
                <$folder>::force(self)
            }
        }
    };
}

#[cfg(target_os = "linux")]
tested!(super::linux::Dir);
tested!(super::portable::Dir);

with_each! {
    what_is_there_is_opened_and_described,
    what_is_at_a_path_is_the_same_as_in_its_folder,
    names_that_are_none_are_refused,
    names_and_paths_that_are_too_long_are_refused,
    what_is_missing_or_in_the_way_is_said,
    a_new_file_takes_nobodys_place,
    what_is_appended_comes_last,
    folders_are_listed_without_dots,
    files_are_moved_and_folders_never,
    folders_and_files_are_removed_as_what_they_are,
    another_file_of_the_name_is_another_one,
    times_of_folders_and_files_are_set,
    what_is_named_anew_takes_nobodys_place,
    what_a_folder_below_lists_is_looked_at,
    a_folder_that_was_moved_stays_the_one_that_is_open,
}

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

fn site() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn text(mut opened: OpenedFile) -> String {
    let mut text = String::new();
    opened.file.read_to_string(&mut text).expect("its text");
    text
}

fn what_is_there_is_opened_and_described<F: Tested>() {
    let site = site();
    fs::create_dir_all(site.path().join("a/b")).expect("folders");
    fs::write(site.path().join("a/b/f"), "text").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let b = folder.open_folder("a").and_then(|a| a.open_folder("b"));
    let b = b.expect("folders");
    let opened = b.open_file("f", Open::READ).expect("a file");
    let found = opened.found;
    assert!(found.is_only_name_of_file() && found.bytes == 4);
    assert_eq!(b.look("f").expect("it is there"), found);
    assert_eq!(text(opened), "text");
    let again = folder.open_file_below("a/b/f", Open::READ).expect("a file");
    assert_eq!(again.found.id, found.id);
    let (a, below) = (folder.look("a"), folder.open_folder_below("a/b"));
    assert!(a.expect("it is there").is_folder());
    let below = below.expect("a folder").look_at_itself().expect("looked");
    assert_eq!(below.id, b.look_at_itself().expect("looked").id);
    let itself = folder.open_folder_below("").expect("this one");
    let (itself, this) = (itself.look_at_itself(), folder.look_at_itself());
    assert_eq!(itself.expect("looked").id, this.expect("looked").id);
    b.force().expect("forced");
}

fn what_is_at_a_path_is_the_same_as_in_its_folder<F: Tested>() {
    let site = site();
    fs::write(site.path().join("f"), "text").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let at = |name: &str| F::look_at_path(&site.path().join(name));
    assert_eq!(at("f"), folder.look("f"));
    assert_eq!(at("none").err(), Some(SystemError::NotFound));
    assert_eq!(F::look_at_path(site.path()), folder.look_at_itself());
    assert!(F::look_at_path(Path::new("Cargo.toml")).is_ok_and(|found| found.is_file()));
}

fn names_that_are_none_are_refused<F: Tested>() {
    let site = site();
    fs::create_dir(site.path().join("a")).expect("a folder");
    fs::write(site.path().join("f"), "text").expect("a file");
    let folder = F::open_ambient(&site.path().join("a")).expect("it opens");
    for name in ["", ".", "..", "../f", "/", "a/b", "f\0", "..\0", "./f"] {
        let refused = SystemError::BadName;
        let made = Open::WRITE.create(Create::IfMissing);
        assert_eq!(folder.open_folder(name).err(), Some(refused), "{name:?}");
        assert_eq!(folder.open_file(name, Open::READ).err(), Some(refused));
        assert_eq!(folder.open_file(name, made).err(), Some(refused));
        assert_eq!(folder.look(name).err(), Some(refused), "{name:?}");
        assert_eq!(folder.make_folder(name).err(), Some(refused), "{name:?}");
        assert_eq!(folder.remove_file(name).err(), Some(refused), "{name:?}");
        assert_eq!(folder.remove_folder(name).err(), Some(refused));
        assert_eq!(folder.rename_file(name, &folder, "g").err(), Some(refused));
        assert_eq!(folder.rename_file("g", &folder, name).err(), Some(refused));
    }
    for path in ["/", "a/", "/a", "a//b", "a/../b", "..", "a/./b", "a/b\0"] {
        let refused = SystemError::BadName;
        assert_eq!(
            folder.open_folder_below(path).err(),
            Some(refused),
            "{path:?}"
        );
        let opened = folder.open_file_below(path, Open::READ);
        assert_eq!(opened.err(), Some(refused), "{path:?}");
    }
    assert!(site.path().join("f").exists());
}

fn names_and_paths_that_are_too_long_are_refused<F: Tested>() {
    let site = site();
    let folder = F::open_ambient(site.path()).expect("it opens");
    // Wine tells no path of more than 260.
    let n_longest = if cfg!(windows) { 150 } else { 255 };
    let (long, longer) = ("a".repeat(n_longest), "a".repeat(256));
    let made = folder.open_file(&long, Open::WRITE.create(Create::New));
    made.expect("as long as can be");
    assert!(folder.look(&long).is_ok());
    for error in [
        folder.look(&longer).err(),
        folder.open_folder(&longer).err(),
        folder.open_file(&longer, Open::READ).err(),
        folder.make_folder(&longer).err(),
    ] {
        assert_eq!(error, Some(SystemError::NameTooLong));
    }
    let deep = vec!["d"; 5_000].join("/");
    let error = folder.open_folder_below(&deep).err();
    assert!(error.is_some_and(SystemError::is_absent), "{error:?}");
}

fn what_is_missing_or_in_the_way_is_said<F: Tested>() {
    let site = site();
    fs::create_dir(site.path().join("d")).expect("a folder");
    fs::write(site.path().join("f"), "text").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let read = |name| folder.open_file(name, Open::READ).err();
    assert_eq!(read("none"), Some(SystemError::NotFound));
    assert_eq!(read("d"), Some(SystemError::IsAFolder));
    let write = |name| folder.open_file(name, Open::WRITE).err();
    assert_eq!(write("d"), Some(SystemError::IsAFolder));
    assert_eq!(folder.look("none").err(), Some(SystemError::NotFound));
    let open = |name| folder.open_folder(name).err();
    assert_eq!(open("none"), Some(SystemError::NotFound));
    assert_eq!(open("f"), Some(SystemError::NotAFolder));
    let below = |path| folder.open_file_below(path, Open::READ).err();
    assert_eq!(below("f/x"), Some(SystemError::NotAFolder));
    assert_eq!(below("none/x"), Some(SystemError::NotFound));
    assert_eq!(folder.make_folder("f").err(), Some(SystemError::Exists));
    assert_eq!(folder.make_folder("d").err(), Some(SystemError::Exists));
}

fn a_new_file_takes_nobodys_place<F: Tested>() {
    let site = site();
    fs::write(site.path().join("f"), "theirs").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let new = Open::WRITE.create(Create::New);
    let error = folder.open_file("f", new).err();
    assert_eq!(error, Some(SystemError::Exists));
    let mut made = folder
        .open_file("g", new.private().sync_data())
        .expect("made");
    made.file.write_all(b"ours").expect("written");
    drop(made);
    let both = Open::READ_WRITE.create(Create::IfMissing).sync_all();
    assert_eq!(
        text(folder.open_file("g", both).expect("it is there")),
        "ours"
    );
    assert_eq!(text(folder.open_file("h", both).expect("made")), "");
    let open = folder.open_file("f", Open::READ).expect("it is there");
    assert_eq!(text(open), "theirs");
}

fn what_is_appended_comes_last<F: Tested>() {
    let site = site();
    fs::write(site.path().join("f"), "one").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let open = || folder.open_file("f", Open::APPEND).expect("it is there");
    let (mut one, mut other) = (open(), open());
    other.file.write_all(b" two").expect("written");
    one.file.write_all(b" three").expect("written");
    let open = folder.open_file("f", Open::READ).expect("it is there");
    assert_eq!(text(open), "one two three");
    let made = folder.open_file("g", Open::APPEND.create(Create::IfMissing));
    assert_eq!(made.expect("made").found.bytes, 0);
    let missing = folder.open_file("h", Open::APPEND).err();
    assert_eq!(missing, Some(SystemError::NotFound));
}

fn folders_are_listed_without_dots<F: Tested>() {
    let site = site();
    fs::create_dir(site.path().join("d")).expect("a folder");
    for n in 0..50 {
        fs::write(site.path().join(format!("f{n}")), "").expect("a file");
    }
    let folder = F::open_ambient(site.path()).expect("it opens");
    let entries = folder.entries().expect("listed");
    assert_eq!(entries.len(), 51);
    assert_eq!(folder.entries().expect("listed again").len(), 51);
    for entry in entries {
        let expected = match entry.name.as_deref() {
            Some("d") => FileType::Folder,
            _ => FileType::File,
        };
        assert!(entry.kind.is_none_or(|kind| kind == expected), "{entry:?}");
    }
}

fn files_are_moved_and_folders_never<F: Tested>() {
    let site = site();
    for name in ["a", "b", "full"] {
        fs::create_dir(site.path().join(name)).expect("a folder");
    }
    fs::write(site.path().join("full/x"), "").expect("a file");
    fs::write(site.path().join("a/f"), "one").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let open = |name| folder.open_folder(name).expect("a folder");
    let (a, b) = (open("a"), open("b"));
    a.rename_file("f", &b, "g").expect("moved");
    assert!(a.look("f").is_err());
    fs::write(site.path().join("a/f"), "two").expect("a file");
    a.rename_file("f", &b, "g").expect("in its place");
    assert_eq!(text(b.open_file("g", Open::READ).expect("there")), "two");
    for (from, to) in [("a", "z"), ("a", "full"), ("full", "a")] {
        let error = folder.rename_file(from, &folder, to).err();
        assert_eq!(error, Some(SystemError::IsAFolder), "{from} to {to}");
    }
    fs::write(site.path().join("f"), "three").expect("a file");
    let error = folder.rename_file("f", &folder, "full").err();
    assert_eq!(error, Some(SystemError::IsAFolder));
    let error = folder.rename_file("none", &folder, "z").err();
    assert_eq!(error, Some(SystemError::NotFound));
    assert!(
        folder.look("z").is_err(),
        "nothing is left of a failed move"
    );
    assert!(folder.look("full").expect("it stays").is_folder());
}

fn folders_and_files_are_removed_as_what_they_are<F: Tested>() {
    let site = site();
    fs::create_dir_all(site.path().join("full/x")).expect("folders");
    fs::write(site.path().join("f"), "").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    assert_eq!(
        folder.remove_folder("full").err(),
        Some(SystemError::NotEmpty)
    );
    assert_eq!(
        folder.remove_folder("f").err(),
        Some(SystemError::NotAFolder)
    );
    assert!(folder.remove_file("full").is_err());
    let missing = Some(SystemError::NotFound);
    assert_eq!(folder.remove_file("none").err(), missing);
    assert_eq!(folder.remove_folder("none").err(), missing);
    folder
        .open_folder("full")
        .expect("it stays")
        .remove_folder("x")
        .expect("empty");
    folder.remove_folder("full").expect("empty now");
    folder.remove_file("f").expect("a file");
    assert_eq!(folder.entries().expect("listed"), Vec::new());
}

fn another_file_of_the_name_is_another_one<F: Tested>() {
    let site = site();
    let path = site.path().join("f");
    fs::write(&path, "one").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let one = folder.look("f").expect("there");
    fs::write(site.path().join("new"), "two").expect("a file");
    fs::rename(site.path().join("new"), &path).expect("replaced");
    let two = folder.look("f").expect("there");
    assert_ne!(one.id, two.id);
    assert_eq!(one.id.device, two.id.device);
    // What may have other times by a trick is known by its change.
    let file = fs::File::options()
        .write(true)
        .open(&path)
        .expect("it opens");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .expect("set");
    let three = folder.look("f").expect("there");
    assert_eq!(three.modified, crate::StatTime::default());
    assert_ne!(three.changed, three.modified);
}

fn times_of_folders_and_files_are_set<F: Tested>() {
    let site = site();
    fs::create_dir(site.path().join("d")).expect("a folder");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let time = crate::StatTime {
        seconds: 1_000_000_000,
        nanos: 500,
    };
    let times = SetTimes {
        modified: SetTime::At(time),
        ..SetTimes::default()
    };
    let open = folder.open_folder("d").expect("a folder");
    open.set_times(&times).expect("set");
    assert_eq!(open.look_at_itself().expect("looked").modified, time);
    fs::write(site.path().join("f"), "text").expect("a file");
    folder.set_times_of("f", &times).expect("set");
    assert_eq!(folder.look("f").expect("there").modified, time);
    let missing = folder.set_times_of("none", &times).err();
    assert_eq!(missing, Some(SystemError::NotFound));
}

fn what_is_named_anew_takes_nobodys_place<F: Tested>() {
    let site = site();
    for name in ["f", "theirs"] {
        fs::write(site.path().join(name), name).expect("a file");
    }
    let folder = F::open_ambient(site.path()).expect("it opens");
    let taken = folder.name_own_new("f", &folder, "theirs").err();
    let named = folder.name_own_new("f", &folder, "g").err();
    let (taken_as, named_as) = if cfg!(windows) {
        (
            Some(SystemError::Unsupported),
            Some(SystemError::Unsupported),
        )
    } else {
        (Some(SystemError::Exists), None)
    };
    assert_eq!((taken, named), (taken_as, named_as));
    let theirs = fs::read(site.path().join("theirs")).expect("there");
    assert_eq!(theirs, b"theirs");
    let wrong = folder.name_own_new("theirs", &folder, "../x").err();
    assert!(cfg!(windows) || wrong == Some(SystemError::BadName));
}

fn what_a_folder_below_lists_is_looked_at<F: Tested>() {
    let site = site();
    fs::create_dir_all(site.path().join("a/b")).expect("folders");
    fs::write(site.path().join("a/b/f"), "text").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let found = folder.look_while_listing("a/b", "f").expect("there");
    assert_eq!(found.bytes, 4);
    assert!(
        folder
            .look_while_listing("", "a")
            .expect("there")
            .is_folder()
    );
    for (below, name) in [("a/b", "../f"), ("a/../a", "b"), ("a", ".")] {
        let refused = folder.look_while_listing(below, name).err();
        assert_eq!(refused, Some(SystemError::BadName), "{below} {name}");
    }
    let missing = folder.look_while_listing("a/none", "f").err();
    assert_eq!(missing, Some(SystemError::NotFound));
}

fn a_folder_that_was_moved_stays_the_one_that_is_open<F: Tested>() {
    let site = site();
    fs::create_dir(site.path().join("d")).expect("a folder");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let open = folder.open_folder("d").expect("a folder");
    let moved = fs::rename(site.path().join("d"), site.path().join("e"));
    if cfg!(windows) {
        moved.expect_err("nobody moves what is open");
        return;
    }
    moved.expect("moved");
    fs::create_dir(site.path().join("d")).expect("another one");
    let new = Open::WRITE.create(Create::New);
    open.open_file("f", new).expect("made");
    assert!(site.path().join("e/f").exists());
    assert!(!site.path().join("d/f").exists());
}
