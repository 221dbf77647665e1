//! What whoever writes into the tree does to an author who publishes.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{ALICE, Author, NAME, files_below, refused};
use crate::signing::signer::Signer;

#[test]
fn a_catalog_that_is_lost_or_older_does_not_set_the_counter_back() {
    let author = Author::new();
    author.publishes(17);
    let first = fs::read(author.shelf("catalog.json")).unwrap();
    author.publishes(18);
    for counter in [3, 5] {
        fs::remove_file(author.shelf("catalog.json")).unwrap();
        let ended = author.publish(&["--refresh"]).succeeded();
        assert!(
            ended
                .stderr
                .contains("note: the catalog in the tree was not your last one")
        );
        assert_eq!(author.catalog().catalog().counter(), counter);
        assert_eq!(author.entry().sequence, 18);
        // An older one of the author's own.
        fs::write(author.shelf("catalog.json"), &first).unwrap();
        let lower = author.publish(&[&author.release(17)]);
        assert!(
            refused(&lower).contains("which is higher"),
            "{}",
            lower.stderr
        );
        author.publish(&["--refresh"]).succeeded();
        assert_eq!(author.catalog().catalog().counter(), counter + 1);
    }
    fs::remove_dir_all(author.shelf("")).unwrap();
    author.publishes(19);
    assert_eq!(author.catalog().catalog().counter(), 7);
}

#[test]
fn somebody_elses_catalog_is_neither_gone_on_from_nor_written_over_unasked() {
    let author = Author::new();
    author.publishes(17);
    let good = fs::read(author.shelf("catalog.json")).unwrap();
    let mallory = Author {
        key: Signer::new(66),
        ..Author::new()
    };
    mallory.publishes(9);
    let foreign = fs::read(mallory.shelf("catalog.json")).unwrap();
    let mut changed = good.clone();
    changed[60] ^= 1;
    for (planted, expected) in [
        (
            &foreign[..],
            "is not signed with this key, but with SHA256:",
        ),
        (b"{}", "cannot be used: it is not a signed document"),
        (b"", "cannot be used: it is not a signed document"),
        (
            &good[..good.len() - 2],
            "cannot be used: it is not a signed document",
        ),
        (&changed, "cannot be used"),
        (&[b' '; 300 << 10], "has more than 262144 bytes"),
    ] {
        fs::write(author.shelf("catalog.json"), planted).unwrap();
        let before = author.everything();
        let ended = author.publish(&[&author.release(18)]);
        assert!(refused(&ended).contains(expected), "{}", ended.stderr);
        assert!(ended.stderr.contains("--replace-catalog"));
        assert_eq!(author.everything(), before);
    }
    let ended = author
        .publish(&["--refresh", "--replace-catalog"])
        .succeeded();
    assert!(
        ended.stderr.contains("the host's own copy"),
        "{}",
        ended.stderr
    );
    assert_eq!(author.catalog().catalog().counter(), 2);
    assert_eq!(author.entry().sequence, 17);
}

/// Whatever is planted: nothing outside of the folder is read, written or deleted.
#[test]
fn links_are_not_followed() {
    let author = Author::new();
    author.publishes(17);
    let outside = author.site.path().join("outside");
    fs::create_dir_all(outside.join("folder")).unwrap();
    fs::write(outside.join("file"), "outside").unwrap();
    fs::rename(author.shelf("catalog.json"), outside.join("catalog.json")).unwrap();
    let untouched = files_below(&outside);
    let plant =
        |target: &str, path: &str| symlink(outside.join(target), author.shelf(path)).unwrap();

    plant("catalog.json", "catalog.json");
    let ended = author.publish(&[&author.release(18)]);
    assert!(
        refused(&ended).contains("catalog.json is not a regular file"),
        "{}",
        ended.stderr
    );
    author
        .publish(&[&author.release(18), "--replace-catalog"])
        .succeeded();
    assert_eq!(author.entry().sequence, 18);

    // Where the next files go, and where they are written first.
    for path in [
        "leaderboard/19.wasm",
        "leaderboard/19.wasm.tmp",
        "catalog.json.tmp",
    ] {
        plant("file", path);
    }
    author.publishes(19);
    assert!(
        fs::symlink_metadata(author.shelf("leaderboard/19.wasm"))
            .unwrap()
            .is_file()
    );
    // One of a number that goes is deleted itself.
    plant("file", "leaderboard/3.wasm");
    author.publishes(20);
    assert_eq!(author.releases(), ["19.wasm", "20.wasm"]);

    fs::remove_dir_all(author.shelf(NAME)).unwrap();
    plant("folder", NAME);
    // A catalog that names a release is written after it, so not at all.
    let before = author.catalog();
    let ended = author.publish(&[&author.release(21)]);
    assert!(
        refused(&ended).contains("leaderboard/21.wasm"),
        "{}",
        ended.stderr
    );
    assert_eq!(author.catalog(), before);
    let revoked = author.publish(&["--app", NAME, "--revoke", "19"]);
    assert!(
        refused(&revoked).contains("is no longer there"),
        "{}",
        revoked.stderr
    );

    let shelf = author.site.datasites().join(ALICE).join("public/syft-apps");
    fs::remove_dir_all(&shelf).unwrap();
    symlink(outside.join("folder"), &shelf).unwrap();
    let ended = author.publish(&[&author.release(22)]);
    assert!(
        refused(&ended).contains("without following links"),
        "{}",
        ended.stderr
    );
    let own = author.site.datasites().join(ALICE);
    fs::remove_dir_all(&own).unwrap();
    symlink(outside.join("folder"), &own).unwrap();
    let ended = author.publish(&[&author.release(23)]);
    assert!(
        refused(&ended).contains("without following links"),
        "{}",
        ended.stderr
    );
    assert_eq!(files_below(&outside), untouched);
}

#[test]
fn nobody_is_waited_for() {
    let author = Author::new();
    author.publishes(17);
    let fifo = |path: &str| {
        let path = author.shelf(path);
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    };
    fs::remove_file(author.shelf("catalog.json")).unwrap();
    fifo("catalog.json");
    let ended = author.publish(&["--refresh"]);
    assert!(
        refused(&ended).contains("catalog.json is not a regular file"),
        "{}",
        ended.stderr
    );
    fifo("leaderboard/18.wasm");
    let ended = author.publish(&["--app", NAME, "--revoke", "18", "--replace-catalog"]);
    assert!(
        refused(&ended).contains("is no longer there"),
        "{}",
        ended.stderr
    );
    author
        .publish(&[&author.release(18), "--replace-catalog"])
        .succeeded();
    assert_eq!(author.entry().sequence, 18);
}
