//! What only Unix lets strangers do: links without asking, FIFOs, sockets, names that are no text.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::super::{Create, Open};
use super::{Tested, site, text};
use crate::{FileType, SetTime, SetTimes, Stat, StatTime, SystemError};

with_each! {
    no_link_is_followed_at_any_level,
    links_are_looked_at_removed_and_replaced_themselves,
    fifos_and_sockets_are_neither_opened_nor_waited_for,
    files_with_several_names_are_known,
    what_is_removed_whole_leaves_what_links_lead_to,
    names_that_are_no_text_are_listed_without_a_name,
    a_folder_that_is_swapped_for_a_link_leads_nowhere,
    a_file_that_is_swapped_for_a_folder_is_not_moved,
    rights_are_said_and_kept,
}

fn is_for_a_link(error: Option<SystemError>) -> bool {
    matches!(error, Some(SystemError::Link | SystemError::NotAFolder))
}

fn no_link_is_followed_at_any_level<F: Tested>() {
    let (site, outside) = (site(), site());
    fs::write(outside.path().join("secret"), "secret").expect("a file");
    fs::create_dir_all(site.path().join("a/b")).expect("folders");
    let link = |to: &str, at: &str| symlink(to, site.path().join(at)).expect("a link");
    let outside_text = outside.path().to_str().expect("text").to_owned();
    link(&outside_text, "absolute");
    link(&outside_text, "a/b/absolute");
    link(&format!("{outside_text}/secret"), "file");
    link("a", "inside");
    link("..", "a/up");
    link("loop", "loop");
    link("nowhere", "dangling");
    let folder = F::open_ambient(site.path()).expect("it opens");
    for name in ["absolute", "file", "inside", "loop", "dangling"] {
        assert!(is_for_a_link(folder.open_folder(name).err()), "{name}");
        let to_read = folder.open_folder_to_read(name).err();
        assert!(is_for_a_link(to_read), "{name}");
        let opened = folder.open_file(name, Open::READ).err();
        assert_eq!(opened, Some(SystemError::Link), "{name}");
        let written = folder.open_file(name, Open::WRITE.create(Create::IfMissing));
        assert_eq!(written.err(), Some(SystemError::Link), "{name}");
        let new = folder
            .open_file(name, Open::WRITE.create(Create::New))
            .err();
        assert_eq!(new, Some(SystemError::Exists), "{name}");
        assert_eq!(folder.make_folder(name).err(), Some(SystemError::Exists));
    }
    for path in [
        "absolute/secret",
        "inside/b",
        "a/b/absolute/secret",
        "a/up/a/b",
        "inside/b/absolute/secret",
        "loop/x",
        "dangling/x",
    ] {
        assert!(
            is_for_a_link(folder.open_folder_below(path).err()),
            "{path}"
        );
        let to_read = folder.open_folder_below_to_read(path).err();
        assert!(is_for_a_link(to_read), "{path}");
        let opened = folder.open_file_below(path, Open::READ).err();
        assert!(is_for_a_link(opened), "{path}");
        let listed = folder.look_while_listing(path, "f").err();
        assert!(is_for_a_link(listed), "{path}");
        let made = folder.open_file_below(path, Open::WRITE.create(Create::IfMissing));
        assert!(is_for_a_link(made.err()), "{path}");
    }
    assert!(!site.path().join("nowhere").exists());
    let secret = fs::read_to_string(outside.path().join("secret")).expect("there");
    assert_eq!(secret, "secret");
}

fn links_are_looked_at_removed_and_replaced_themselves<F: Tested>() {
    let (site, outside) = (site(), site());
    let target = outside.path().join("t");
    fs::write(&target, "theirs").expect("a file");
    for name in ["l", "m"] {
        symlink(&target, site.path().join(name)).expect("a link");
    }
    symlink(outside.path(), site.path().join("d")).expect("a link");
    let folder = F::open_ambient(site.path()).expect("it opens");
    assert_eq!(folder.look("l").expect("there").kind, FileType::Link);
    assert_eq!(folder.look("d").expect("there").kind, FileType::Link);
    let times = SetTimes {
        modified: SetTime::At(StatTime::default()),
        ..SetTimes::default()
    };
    folder.set_times_of("l", &times).expect("of the link");
    let modified = |found: Stat| found.modified;
    assert_eq!(
        modified(folder.look("l").expect("there")),
        StatTime::default()
    );
    let theirs = F::open_ambient(outside.path()).expect("it opens");
    assert_ne!(
        modified(theirs.look("t").expect("there")),
        StatTime::default()
    );
    let at_path = F::look_at_path(&site.path().join("d")).expect("there");
    assert_eq!(at_path.kind, FileType::Link);
    folder.remove_file("l").expect("removed");
    folder.remove_folder("d").expect_err("a link is no folder");
    folder.remove_file("d").expect("removed");
    fs::write(site.path().join("f"), "ours").expect("a file");
    folder
        .rename_file("f", &folder, "m")
        .expect("in the place of the link");
    assert_eq!(
        text(folder.open_file("m", Open::READ).expect("a file")),
        "ours"
    );
    assert_eq!(fs::read_to_string(&target).expect("there"), "theirs");
}

fn fifos_and_sockets_are_neither_opened_nor_waited_for<F: Tested>() {
    let site = site();
    super::super::make_fifo(&site.path().join("fifo"));
    let _socket = UnixListener::bind(site.path().join("socket")).expect("a socket");
    let folder = F::open_ambient(site.path()).expect("it opens");
    for name in ["fifo", "socket"] {
        assert_eq!(folder.look(name).expect("there").kind, FileType::Other);
        for open in [Open::READ, Open::WRITE, Open::READ_WRITE] {
            let error = folder.open_file(name, open).err();
            assert_eq!(error, Some(SystemError::NotAFile), "{name} {open:?}");
        }
        let error = folder.open_folder(name).err();
        assert_eq!(error, Some(SystemError::NotAFolder), "{name}");
    }
}

fn what_is_removed_whole_leaves_what_links_lead_to<F: Tested>() {
    let (site, outside) = (site(), site());
    fs::write(outside.path().join("theirs"), "theirs").expect("a file");
    fs::create_dir_all(site.path().join("a/b/c")).expect("folders");
    fs::create_dir_all(site.path().join("spared/a")).expect("folders");
    for at in ["link", "a/link", "a/b/c/link"] {
        symlink(outside.path(), site.path().join(at)).expect("a link");
    }
    super::super::make_fifo(&site.path().join("a/fifo"));
    let no_text = OsStr::from_bytes(b"a/b/\xff");
    fs::create_dir(site.path().join(no_text)).expect("a folder");
    let folder = F::open_ambient(site.path()).expect("it opens");
    folder.remove_all_but(&["spared"]).expect("removed");
    let left = folder.entries().expect("listed");
    assert_eq!(left.len(), 1);
    assert!(site.path().join("spared/a").is_dir());
    assert!(outside.path().join("theirs").is_file());
}

fn files_with_several_names_are_known<F: Tested>() {
    let site = site();
    fs::write(site.path().join("f"), "").expect("a file");
    fs::hard_link(site.path().join("f"), site.path().join("g")).expect("a name");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let opened = folder.open_file("f", Open::READ).expect("opened");
    assert!(opened.found.links == 2 && !opened.found.is_only_name_of_file());
    assert_eq!(folder.look("g").expect("there").id, opened.found.id);
}

fn names_that_are_no_text_are_listed_without_a_name<F: Tested>() {
    let site = site();
    let name = OsStr::from_bytes(b"\xff\xfe");
    let made = fs::write(site.path().join(name), "");
    if cfg!(target_os = "macos") {
        made.expect_err("Apple's file system takes none");
        return;
    }
    made.expect("a file");
    let folder = F::open_ambient(site.path()).expect("it opens");
    let entries = folder.entries().expect("listed");
    assert!(matches!(&entries[..], [entry] if entry.name.is_none()));
}

fn a_folder_that_is_swapped_for_a_link_leads_nowhere<F: Tested>() {
    let (site, outside) = (site(), site());
    fs::create_dir(outside.path().join("b")).expect("a folder");
    fs::write(outside.path().join("b/f"), "secret").expect("a file");
    let real = site.path().join("real");
    fs::create_dir_all(real.join("b")).expect("folders");
    fs::write(real.join("b/f"), "ours").expect("a file");
    let link = site.path().join("link");
    symlink(outside.path(), &link).expect("a link");
    let at = site.path().join("a");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let swaps = scope.spawn(|| {
            let mut n_swaps = 0;
            while !is_over.load(Ordering::Relaxed) {
                for there in [&real, &link] {
                    fs::rename(there, &at).expect("there");
                    fs::rename(&at, there).expect("and back");
                }
                n_swaps += 1;
            }
            n_swaps
        });
        let folder = F::open_ambient(site.path()).expect("it opens");
        let mut n_opened = 0;
        for n in 0..20_000 {
            let path = ["a/b/f", "a/b/new"][n % 2];
            let open = [Open::READ, Open::WRITE.create(Create::IfMissing)][n % 2];
            match folder.open_file_below(path, open) {
                Ok(opened) if n % 2 == 0 => {
                    assert_eq!(text(opened), "ours");
                    n_opened += 1;
                }
                Ok(_) => n_opened += 1,
                Err(error) => assert!(error.is_absent(), "{error:?}"),
            }
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(swaps.join().expect("no panic") > 0);
        assert!(n_opened > 0, "it was there now and then");
    });
    assert!(!outside.path().join("b/new").exists());
}

fn a_file_that_is_swapped_for_a_folder_is_not_moved<F: Tested>() {
    let site = site();
    let (file, dir) = (site.path().join("file"), site.path().join("dir"));
    let at = site.path().join("a");
    fs::create_dir(&dir).expect("a folder");
    fs::create_dir(site.path().join("to")).expect("a folder");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let swaps = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                fs::write(&at, "").expect("a file");
                // It may have been moved meanwhile.
                drop(fs::rename(&at, &file));
                fs::rename(&dir, &at).expect("a folder in its place");
                fs::rename(&at, &dir).expect("it was not moved");
            }
        });
        let folder = F::open_ambient(site.path()).expect("it opens");
        let to = folder.open_folder("to").expect("a folder");
        for _ in 0..5_000 {
            if folder.rename_file("a", &to, "b").is_ok() {
                assert!(to.look("b").expect("moved").is_file());
                to.remove_file("b").expect("removed");
            }
            assert!(to.look("b").is_err(), "nothing is left of a failed move");
        }
        is_over.store(true, Ordering::Relaxed);
        swaps.join().expect("no folder was moved");
    });
}

fn rights_are_said_and_kept<F: Tested>() {
    let site = site();
    let folder = F::open_ambient(site.path()).expect("it opens");
    let private = Open::WRITE.create(Create::New).private();
    let made = folder.open_file("private", private).expect("made");
    assert_eq!(made.found.mode & 0o777, 0o600);
    let made = folder.open_file("open", Open::WRITE.create(Create::New));
    assert_eq!(made.expect("made").found.mode & 0o400, 0o400);
}
