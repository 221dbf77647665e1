//! What an author says of releases that are out already, and of the catalog itself.

use std::fs;

use data_encoding::HEXLOWER;
use syft_package::catalog::Freshness;
use syft_package::{Package, PublicKey};
use syft_protocol::timestamp::Timestamp;

use super::{ALICE, Author, NAME, refused, signed};
use crate::signing::signer::Signer;
use crate::signing::write;

fn signed_digest(author: &Author, sequence: u64) -> [u8; 32] {
    let bytes = fs::read(author.release(sequence)).unwrap();
    let verified = Package::read(&bytes).unwrap().verify(&[]).unwrap();
    *verified.signed_digest()
}

#[test]
fn a_refresh_changes_the_number_and_the_times_alone() {
    let author = Author::new();
    author.publishes(17);
    let (before, release) = (author.catalog(), author.entry());
    let files = author.releases();
    author
        .publish(&["--refresh", "--expires", "1h"])
        .succeeded();
    let now = author.catalog();
    let now = now.catalog();
    assert_eq!(now.counter(), before.catalog().counter() + 1);
    assert!(now.issued() > before.catalog().issued());
    let lifetime = |catalog: &syft_package::catalog::Catalog| {
        let lifetime = catalog
            .expires()
            .saturating_duration_since(catalog.issued());
        lifetime.as_secs() / 3600
    };
    assert_eq!((lifetime(before.catalog()), lifetime(now)), (90 * 24, 1));
    assert_eq!((author.entry(), author.releases()), (release, files));
}

#[test]
fn a_catalog_expires() {
    let author = Author::new();
    author
        .publish(&["--expires", "1s", &author.release(17)])
        .succeeded();
    let found = author.catalog();
    let expires = found.catalog().expires();
    assert_eq!(found.freshness(found.catalog().issued()), Freshness::Fresh);
    assert_eq!(found.freshness(Timestamp::MAX), Freshness::Expired(expires));
}

#[test]
fn releases_are_revoked_by_number_or_digest_and_stay_so() {
    let author = Author::new();
    let digests = [17, 18].map(|sequence| signed_digest(&author, sequence));
    author.publishes(17);
    author.publishes(18);
    let by_number = author
        .publish(&["--app", NAME, "--revoke", "17"])
        .succeeded();
    assert_eq!(by_number.stderr, "");
    assert_eq!(author.entry().revoked, digests[..1]);
    let digest = HEXLOWER.encode(&digests[1]);
    let newest = author
        .publish(&["--app", NAME, "--revoke", &digest])
        .succeeded();
    assert!(
        newest
            .stderr
            .contains("note: the newest release of leaderboard, 18, is revoked")
    );
    assert_eq!(author.entry().revoked, digests);
    let again = author.publish(&[&author.release(18)]);
    assert!(refused(&again).contains("this release was revoked, which cannot be undone"));
    author.publishes(19);
    assert_eq!(author.entry().revoked, digests);
    // The newest is revoked by what the catalog says of it.
    author
        .publish(&["--app", NAME, "--revoke", "19"])
        .succeeded();
    assert_eq!(
        author.entry().revoked.last(),
        Some(&signed_digest(&author, 19))
    );
}

#[test]
fn a_bad_release_is_revoked_with_the_next() {
    let author = Author::new();
    author.publishes(17);
    let ended = author.publish(&[
        &author.release(18),
        "--revoke",
        "17",
        "--min-sequence",
        "18",
    ]);
    assert_eq!(ended.succeeded().stderr, "");
    let entry = author.entry();
    let least = entry.least.map(|least| (least.epoch, least.sequence));
    assert_eq!((entry.sequence, least), (18, Some((0, 18))));
    assert_eq!(entry.revoked, [signed_digest(&author, 17)]);
}

#[test]
fn what_cannot_be_revoked_is_said() {
    let author = Author::new();
    author.publishes(17);
    author
        .publish(&["--app", NAME, "--min-sequence", "15"])
        .succeeded();
    let before = author.everything();
    let own = author.key.line();
    for (arguments, expected) in [
        (
            &["--app", NAME, "--revoke", "16"][..],
            "release 16 of the app is no longer there",
        ),
        (
            &["--app", "other", "--revoke", "16"],
            "release 16 of the app is no longer there",
        ),
        (
            &["--app", "other", "--min-sequence", "1"],
            "the catalog has no app `other`",
        ),
        (
            &["--app", NAME, "--min-sequence", "18"],
            "which has to stay allowed",
        ),
        (
            &["--app", NAME, "--min-sequence", "14"],
            "releases below 15 are ruled out already",
        ),
        (&["--revoke-key", &own], "so it cannot revoke it"),
    ] {
        let ended = author.publish(arguments);
        assert!(refused(&ended).contains(expected), "{}", ended.stderr);
    }
    for arguments in [["--revoke", "x"], ["--revoke", "+1"], ["--app", "../x"]] {
        let ended = author.publish(&arguments);
        assert!(
            refused(&ended).contains("invalid value"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(author.everything(), before);
}

/// It would be revoked in the place of the release that is meant.
#[test]
fn another_file_in_the_place_of_a_release_is_not_revoked() {
    let author = Author::new();
    author.publishes(17);
    author.publishes(18);
    let file = author.shelf("leaderboard/17.wasm");
    let good = fs::read(&file).unwrap();
    let game = signed(&author.key, "game", ALICE, 17, "");
    let of_mallory = signed(&author.key, NAME, "mallory@example.org", 17, "");
    for (planted, expected) in [
        (
            author.release_by(&Signer::bob(), 17, "").into(),
            "is another, or not signed by you",
        ),
        (
            author.release(16).into(),
            "is another, or not signed by you",
        ),
        (
            write(&author.site, "game.wasm", game).into(),
            "is another, or not signed by you",
        ),
        (
            write(&author.site, "m.wasm", of_mallory).into(),
            "is another, or not signed by you",
        ),
        (
            author.shelf("catalog.json"),
            "release 17 of the app cannot be read",
        ),
    ] {
        fs::copy(planted, &file).unwrap();
        let ended = author.publish(&["--app", NAME, "--revoke", "17"]);
        assert!(refused(&ended).contains(expected), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("hint: give the digest"),
            "{}",
            ended.stderr
        );
    }
    fs::write(&file, good).unwrap();
    author
        .publish(&["--app", NAME, "--revoke", "17"])
        .succeeded();
}

#[test]
fn keys_are_revoked() {
    let author = Author::new();
    author.publishes(17);
    let bob = Signer::bob().line();
    for _ in 0..2 {
        author.publish(&["--revoke-key", &bob]).succeeded();
        let revoked = PublicKey::read(bob.as_bytes()).unwrap();
        assert_eq!(author.catalog().catalog().revoked_keys(), [revoked]);
    }
}
