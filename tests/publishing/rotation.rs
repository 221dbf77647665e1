//! Going over to another key.

use std::fs;

use serde_json::Value;
use syft_package::{Link, PublicKey};

use super::{Author, NAME, json, refused};
use crate::signing::signer::Signer;

fn public(key: &Signer) -> PublicKey {
    PublicKey::read(key.line().as_bytes()).unwrap()
}

impl Author {
    /// Goes over to the key of this seed.
    fn rotate(&mut self, seed: u8) -> Value {
        let new = Signer::new(seed);
        let (old, next) = (self.key.jwks(&self.site), new.jwks(&self.site));
        let ended = self.run(&["--json", "rotate", "--old", &old, "--new", &next]);
        self.key = new;
        json(&ended.succeeded())
    }
}

#[test]
fn the_old_key_says_which_follows_and_the_new_one_signs_from_then_on() {
    let mut author = Author::new();
    author.publishes(16);
    author.publishes(17);
    let old = Signer::alice();
    let rotated = author.rotate(5);
    assert_eq!(rotated["sign_again"], serde_json::json!([NAME]));
    assert_eq!(rotated["epoch"], 1);
    let found = author.catalog();
    assert_eq!(found.signers(), [public(&author.key)]);
    let [link] = found.catalog().lineage() else {
        panic!("{:?}", found.catalog().lineage());
    };
    assert_eq!(
        (link.old_key(), link.new_key()),
        (&public(&old), &public(&author.key))
    );

    // The old key is of no use any more, whether its owner or a thief has it.
    let before = author.everything();
    let path = old.jwks(&author.site);
    let release = author.release_by(&old, 18, "");
    let ended = author.run(&["publish", &release, "--key", &path]);
    assert!(refused(&ended).contains("is not signed with this key, but with SHA256:"));
    let bob = Signer::bob().jwks(&author.site);
    let ended = author.run(&["rotate", "--old", &path, "--new", &bob]);
    assert!(
        refused(&ended).contains("is not signed with this key"),
        "{}",
        ended.stderr
    );
    assert_eq!(author.everything(), before);

    // What the old key has signed can still be revoked by its number.
    author
        .publish(&["--app", NAME, "--revoke", "16"])
        .succeeded();
    assert_eq!(author.entry().revoked.len(), 1);

    // The same release, signed with the new key.
    author.publishes(17);
    let entry = author.entry();
    assert_eq!((entry.epoch, entry.sequence), (1, 17));
    let rotated = author.rotate(6);
    assert_eq!(rotated["epoch"], 2);
    assert_eq!(author.catalog().catalog().lineage().len(), 2);
    author.publishes(18);
    assert_eq!(author.entry().epoch, 2);
}

/// Whoever steals a key can leave no number above the one that they publish.
#[test]
fn a_rotation_that_was_cut_off_is_gone_on_from() {
    let mut author = Author::new();
    author.publishes(17);
    let before = fs::read(author.shelf("catalog.json")).unwrap();
    author.rotate(5);
    // Killed between the own copy and the tree, or put back by whoever writes there.
    fs::write(author.shelf("catalog.json"), before).unwrap();
    let ended = author.publish(&["--refresh"]).succeeded();
    let words = "note: the catalog in the tree was not your last one";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    let found = author.catalog();
    assert_eq!(found.signers(), [public(&author.key)]);
    let catalog = found.catalog();
    assert_eq!((catalog.counter(), catalog.epoch()), (3, 1));
}

#[test]
fn a_very_high_number_of_a_stolen_key_blocks_nobody() {
    let mut author = Author::new();
    author.publishes((1 << 53) - 1);
    let lower = author.publish(&[&author.release(18)]);
    assert!(refused(&lower).contains("which is higher"));
    author.rotate(5);
    author.publishes(18);
    assert_eq!(author.entry().sequence, 18);
}

#[test]
fn the_chain_is_written_for_those_who_trust_by_a_file() {
    let mut author = Author::new();
    author.publishes(17);
    author.rotate(5);
    let (old, new) = (
        author.key.jwks(&author.site),
        Signer::new(6).jwks(&author.site),
    );
    let chain = author.site.path().join("chain.json");
    let output = chain.to_str().unwrap();
    let ended = author.run(&["rotate", "--old", &old, "--new", &new, "--output", output]);
    let ended = ended.succeeded();
    for expected in [
        "Old key      SHA256:",
        "(epoch 2)\n",
        "Chain        ",
        "Sign and publish again with the new key: leaderboard\n",
    ] {
        assert!(ended.stdout.contains(expected), "{}", ended.stdout);
    }
    let links: Vec<Link> = serde_json::from_slice(&fs::read(chain).unwrap()).unwrap();
    assert_eq!(links, author.catalog().catalog().lineage());
    assert_eq!(links.len(), 2);
}

#[test]
fn an_author_without_a_catalog_gets_one_with_the_link() {
    let mut author = Author::new();
    author.rotate(5);
    let found = author.catalog();
    assert_eq!(
        (found.catalog().epoch(), found.catalog().apps().len()),
        (1, 0)
    );
}

#[test]
fn what_cannot_follow_does_not() {
    let mut author = Author::new();
    author.publishes(17);
    let first = author.key.jwks(&author.site);
    let same = author.run(&["rotate", "--old", &first, "--new", &first]);
    assert!(refused(&same).contains("the old and the new key are the same"));
    author.rotate(5);
    let second = author.key.jwks(&author.site);
    let back = author.run(&["rotate", "--old", &second, "--new", &first]);
    assert!(
        refused(&back).contains("comes in it twice"),
        "{}",
        back.stderr
    );
    let revoked = Signer::new(6);
    author
        .publish(&["--revoke-key", &revoked.line()])
        .succeeded();
    let before = author.everything();
    let to_revoked = author.run(&[
        "rotate",
        "--old",
        &second,
        "--new",
        &revoked.jwks(&author.site),
    ]);
    assert!(refused(&to_revoked).contains("it revokes the key with which it is signed"));
    assert_eq!(author.everything(), before);
}

/// Nothing leads from a lost key to another. The counter goes on even then.
#[test]
fn who_has_lost_a_key_begins_anew() {
    let mut author = Author::new();
    author.publishes(17);
    author.publishes(18);
    author.key = Signer::new(5);
    let ended = author.publish(&[&author.release(19)]);
    assert!(
        refused(&ended).contains("is not signed with this key"),
        "{}",
        ended.stderr
    );
    let ended = author
        .publish(&[&author.release(19), "--replace-catalog"])
        .succeeded();
    assert!(
        ended.stderr.contains("this one starts over"),
        "{}",
        ended.stderr
    );
    let found = author.catalog();
    assert_eq!(found.signers(), [public(&author.key)]);
    assert_eq!((found.catalog().counter(), found.catalog().epoch()), (3, 0));
}

/// The keys of an author may be on several machines, of which each has a copy.
#[test]
fn another_machine_of_the_author_goes_on_from_the_tree() {
    let mut author = Author::new();
    author.publishes(17);
    let own = author.site.path().join(".local/share/syft-host/published");
    let aside = author.site.path().join("aside");
    fs::rename(&own, &aside).unwrap();
    author.rotate(5);
    author.publishes(18);
    fs::remove_dir_all(&own).unwrap();
    fs::rename(&aside, &own).unwrap();
    // Back at the first, whose copy is by the old key and of an earlier number.
    author.publishes(19);
    let found = author.catalog();
    assert_eq!((found.catalog().counter(), found.catalog().epoch()), (4, 1));
    assert_eq!(author.entry().sequence, 19);
}
