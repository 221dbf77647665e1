//! What only Windows lets strangers do: other spellings, names of devices, streams.

use std::fs;

use super::super::{Create, Open};
use super::{Tested, site, text};
use crate::SystemError;

with_each! {
    a_file_has_no_other_spelling,
    a_folder_has_no_other_spelling,
    names_that_are_something_else_are_refused,
}

fn a_file_has_no_other_spelling<F: Tested>() {
    let site = site();
    fs::write(site.path().join("Name.txt"), "theirs").expect("a file");
    fs::write(site.path().join("ours"), "ours").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let (missing, taken) = (Some(SystemError::NotFound), Some(SystemError::Exists));
    for name in ["name.txt", "NAME.TXT", "Name.TXT"] {
        assert_eq!(folder.open_file(name, Open::READ).err(), missing, "{name}");
        assert_eq!(folder.open_file(name, Open::WRITE).err(), missing);
        assert_eq!(folder.look(name).err(), missing, "{name}");
        assert_eq!(folder.remove_file(name).err(), missing, "{name}");
        for create in [Create::IfMissing, Create::New] {
            let made = folder.open_file(name, Open::WRITE.create(create));
            assert_eq!(made.err(), taken, "{name}");
        }
        assert_eq!(folder.make_folder(name).err(), taken, "{name}");
        assert_eq!(folder.rename_file("ours", &folder, name).err(), taken);
        assert_eq!(folder.rename_file(name, &folder, "new").err(), missing);
    }
    let there = folder.open_file("Name.txt", Open::READ).expect("its name");
    assert_eq!(text(there), "theirs");
}

fn a_folder_has_no_other_spelling<F: Tested>() {
    let site = site();
    fs::create_dir_all(site.path().join("Alice/Public")).expect("folders");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let missing = Some(SystemError::NotFound);
    assert_eq!(folder.open_folder("alice").err(), missing);
    for path in ["alice/Public", "Alice/public", "ALICE/PUBLIC"] {
        assert_eq!(folder.open_folder_below(path).err(), missing, "{path}");
    }
    assert_eq!(folder.remove_folder("alice").err(), missing);
    folder.open_folder_below("Alice/Public").expect("its name");
}

fn names_that_are_something_else_are_refused<F: Tested>() {
    let site = site();
    fs::create_dir(site.path().join("d")).expect("a folder");
    fs::write(site.path().join("f"), "text").expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let refused = Some(SystemError::BadName);
    for name in [
        "d\\x", "f.", "f ", "f:stream", "f::$DATA", "C:", "nul", "CON.txt", "..\\d", "f\n",
    ] {
        assert_eq!(
            folder.open_file(name, Open::READ).err(),
            refused,
            "{name:?}"
        );
        let made = folder.open_file(name, Open::WRITE.create(Create::IfMissing));
        assert_eq!(made.err(), refused, "{name:?}");
        assert_eq!(folder.open_folder(name).err(), refused, "{name:?}");
        assert_eq!(folder.make_folder(name).err(), refused, "{name:?}");
        assert_eq!(folder.remove_file(name).err(), refused, "{name:?}");
    }
}
