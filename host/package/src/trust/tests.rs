use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;
use std::thread;

use syft_manifest::clock::now;
use syft_manifest::section;
use syft_protocol::timestamp::Timestamp;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::author::MAX_REVOKED;
use super::*;
use crate::package::{KeyFile, Link, Package, SecretKey, Signable, Verified};

/// The beginning of a component.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// The highest number that a release can have.
const LAST: u64 = (1 << 53) - 1;

fn email(text: &str) -> Datasite {
    Datasite::parse(text).expect("an email")
}

fn alice() -> Datasite {
    email("alice@example.org")
}

/// Keys, known by their place.
struct Keys(Vec<Zeroizing<String>>);

impl Keys {
    fn new(count: usize) -> Self {
        let key = |_| {
            let key = SecretKey::generate().expect("random numbers");
            key.to_openssh(None).expect("a text")
        };
        Self((0..count).map(key).collect())
    }

    fn secret(&self, at: usize) -> SecretKey {
        match KeyFile::read(self.0[at].as_bytes()) {
            Ok(KeyFile::Open(key)) => key,
            other => panic!("{other:?}"),
        }
    }

    fn public(&self, at: usize) -> PublicKey {
        self.secret(at).public()
    }

    fn publics(&self, at: &[usize]) -> Vec<PublicKey> {
        at.iter().map(|at| self.public(*at)).collect()
    }

    fn fingerprint(&self, at: usize) -> Fingerprint {
        Fingerprint::from(&self.public(at))
    }

    fn place(&self, key: &PublicKey) -> usize {
        let at = (0..self.0.len()).find(|at| self.public(*at) == *key);
        at.expect("one of these")
    }

    /// Returns a link from each key to the next of these.
    fn lineage(&self, author: &str, first_epoch: u64, at: &[usize]) -> Vec<Link> {
        let pairs = at.windows(2).enumerate();
        let link = |(at, pair): (usize, &[usize])| {
            let epoch = first_epoch + at as u64;
            let (old, new) = (self.secret(pair[0]), self.secret(pair[1]));
            Link::sign(email(author), epoch, &old, &new).expect("a link")
        };
        pairs.map(link).collect()
    }

    fn claim(&self, signers: &[usize], lineage: Vec<Link>, did: Option<usize>) -> SignerClaim {
        SignerClaim {
            author: alice(),
            signers: self.publics(signers),
            lineage,
            did_key: did.map(|at| self.public(at)),
        }
    }

    /// Returns a signed release of alice's.
    fn release(&self, name: &str, sequence: u64, text: &str, signers: &[usize]) -> Vec<u8> {
        let manifest = serde_json::json!({"app": {
            "name": name, "version": "1.0.0", "sequence": sequence,
            "author": "alice@example.org", "description": text,
        }});
        let app = section::embed(HEADER, manifest.to_string().as_bytes()).expect("a component");
        let signable = Signable::read(&app).expect("a release");
        let keys: Vec<SecretKey> = signers.iter().map(|at| self.secret(*at)).collect();
        signable.sign(&keys).expect("a signed release")
    }

    /// Says a decision in few words.
    fn words(&self, decision: &Result<AuthorTrust, TrustRefusal>) -> String {
        let author_trust = match decision {
            Ok(author_trust) => author_trust,
            Err(refused) => return name(refused),
        };
        let (key, epoch) = (self.place(author_trust.key()), author_trust.epoch());
        let basis = match author_trust.basis() {
            TrustBasis::Pinned => "pinned".to_owned(),
            TrustBasis::Succeeded { links } => format!("succeeded by {}", links.len()),
            TrustBasis::FirstUse { is_in_did: true } => "first use, in did".to_owned(),
            TrustBasis::FirstUse { is_in_did: false } => "first use".to_owned(),
        };
        let alarm = author_trust.alarm().map_or("", |_| ", alarm");
        format!("{basis}: {key} in {epoch}{alarm}")
    }
}

/// Returns the name of the variant.
fn name(refused: &TrustRefusal) -> String {
    let shown = format!("{refused:?}");
    shown.chars().take_while(|c| c.is_alphanumeric()).collect()
}

fn verified(bytes: &[u8]) -> Verified<'_> {
    let package = Package::read(bytes).expect("a package");
    package.verify(&[]).expect("what was signed")
}

fn open(folder: &TempDir) -> TrustStore {
    TrustStore::open(&folder.path().join("trust")).expect("a store")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// An author with these keys, of which the last is trusted.
fn pinned(keys: &Keys, at: &[usize]) -> Author {
    let mut author = Author::unknown(alice());
    for at in at {
        author.pin(keys.public(*at), PinnedBy::FirstUse, now());
    }
    author
}

#[test]
fn who_it_is_by_what_is_known() {
    let keys = Keys::new(6);
    let unknown = || Author::unknown(alice());
    let removed = |at: &[usize]| Author {
        trusted: Trusted::Nothing,
        ..pinned(&keys, at)
    };
    let awaited = |at: usize| Author {
        trusted: Trusted::Fingerprint(keys.fingerprint(at)),
        ..unknown()
    };
    let revoked_by_author = |at: usize, author: Author| Author {
        revoked_keys: [keys.fingerprint(at)].into(),
        ..author
    };
    let in_did = |at: usize, author: Author| Author {
        did_key: Some(keys.public(at)),
        ..author
    };
    let none = Vec::new;
    let chain = |epoch, at: &[usize]| keys.lineage("alice@example.org", epoch, at);
    let claim = |signers: &[usize], lineage| keys.claim(signers, lineage, None);
    let with_did = |signers: &[usize], did| keys.claim(signers, none(), Some(did));
    let gap = || [chain(1, &[0, 1]), chain(3, &[2, 3])].concat();
    let foreign = || keys.lineage("mallory@example.org", 1, &[0, 1]);
    for (what, author, claim, expected) in [
        // Nobody.
        (
            "unknown",
            unknown(),
            claim(&[0], none()),
            "first use: 0 in 0",
        ),
        (
            "unknown, in did",
            unknown(),
            with_did(&[0], 0),
            "first use, in did: 0 in 0",
        ),
        (
            "unknown, other did",
            unknown(),
            with_did(&[0], 1),
            "first use: 0 in 0",
        ),
        (
            "unknown, nobody signed",
            unknown(),
            claim(&[], none()),
            "Ambiguous",
        ),
        (
            "unknown, several",
            unknown(),
            claim(&[0, 1], none()),
            "Ambiguous",
        ),
        (
            "unknown, one of several in did",
            unknown(),
            with_did(&[0, 1], 1),
            "first use, in did: 1 in 0",
        ),
        (
            "unknown, lineage tells which",
            unknown(),
            claim(&[0, 2, 1], chain(1, &[0, 1])),
            "first use: 1 in 0",
        ),
        (
            "unknown, by an earlier key",
            unknown(),
            claim(&[0], chain(1, &[0, 1])),
            "Superseded",
        ),
        (
            "unknown, lineage of others",
            unknown(),
            claim(&[2], chain(1, &[0, 1])),
            "UnknownKey",
        ),
        (
            "unknown, lineage of mallory",
            unknown(),
            claim(&[1], foreign()),
            "Lineage",
        ),
        // Known by a key.
        (
            "the key",
            pinned(&keys, &[0]),
            claim(&[0], none()),
            "pinned: 0 in 0",
        ),
        (
            "the key beside others",
            pinned(&keys, &[0]),
            claim(&[1, 0], none()),
            "pinned: 0 in 0",
        ),
        (
            "another key",
            pinned(&keys, &[0]),
            claim(&[1], none()),
            "UnknownKey",
        ),
        (
            "another key, in did",
            pinned(&keys, &[0]),
            with_did(&[1], 1),
            "UnknownKey",
        ),
        (
            "nobody signed",
            pinned(&keys, &[0]),
            claim(&[], none()),
            "UnknownKey",
        ),
        (
            "an earlier key",
            pinned(&keys, &[0, 1]),
            claim(&[0], none()),
            "Superseded",
        ),
        (
            "an earlier key and the key",
            pinned(&keys, &[0, 1]),
            claim(&[0, 1], none()),
            "pinned: 1 in 1",
        ),
        // Lineage.
        (
            "the next key",
            pinned(&keys, &[0]),
            claim(&[1], chain(1, &[0, 1])),
            "succeeded by 1: 1 in 1",
        ),
        (
            "three on",
            pinned(&keys, &[0]),
            claim(&[3], chain(1, &[0, 1, 2, 3])),
            "succeeded by 3: 3 in 3",
        ),
        (
            "two on, from within",
            pinned(&keys, &[1]),
            claim(&[3], chain(1, &[0, 1, 2, 3])),
            "succeeded by 2: 3 in 2",
        ),
        (
            "later epochs",
            pinned(&keys, &[0]),
            claim(&[1], chain(u64::MAX, &[0, 1])),
            "succeeded by 1: 1 in 1",
        ),
        (
            "the end of it is pinned",
            pinned(&keys, &[1]),
            claim(&[1], chain(1, &[0, 1])),
            "pinned: 1 in 0",
        ),
        (
            "by the key that it leads away from",
            pinned(&keys, &[0]),
            claim(&[0], chain(1, &[0, 1])),
            "Superseded",
        ),
        (
            "by one on the way",
            pinned(&keys, &[0]),
            claim(&[1], chain(1, &[0, 1, 2])),
            "Superseded",
        ),
        (
            "by all on the way",
            pinned(&keys, &[0]),
            claim(&[0, 1, 2], chain(1, &[0, 1, 2])),
            "succeeded by 2: 2 in 2",
        ),
        (
            "by another at its end",
            pinned(&keys, &[0]),
            claim(&[3], chain(1, &[0, 1, 2])),
            "UnknownKey",
        ),
        ("a gap", pinned(&keys, &[0]), claim(&[3], gap()), "Lineage"),
        (
            "of somebody else",
            pinned(&keys, &[0]),
            claim(&[1], foreign()),
            "Lineage",
        ),
        (
            "from no pinned key",
            pinned(&keys, &[0]),
            claim(&[3], chain(1, &[2, 3])),
            "UnknownKey",
        ),
        (
            "from an earlier key",
            pinned(&keys, &[0, 1]),
            claim(&[2], chain(1, &[0, 2])),
            "UnknownKey",
        ),
        (
            "back to an earlier key",
            pinned(&keys, &[0, 1]),
            claim(&[0], chain(1, &[1, 0])),
            "Superseded",
        ),
        // Known by a fingerprint.
        (
            "the fingerprint",
            awaited(0),
            claim(&[0], none()),
            "pinned: 0 in 0",
        ),
        (
            "the fingerprint beside others",
            awaited(1),
            claim(&[0, 1], none()),
            "pinned: 1 in 0",
        ),
        (
            "another fingerprint",
            awaited(0),
            claim(&[1], none()),
            "UnknownKey",
        ),
        (
            "from the fingerprint on",
            awaited(0),
            claim(&[2], chain(1, &[0, 1, 2])),
            "succeeded by 2: 2 in 2",
        ),
        (
            "the fingerprint at the end",
            awaited(2),
            claim(&[2], chain(1, &[0, 1, 2])),
            "pinned: 2 in 0",
        ),
        // Revoked.
        (
            "revoked by the owner",
            pinned(&keys, &[5]),
            claim(&[5], none()),
            "RevokedKey",
        ),
        (
            "revoked by the owner, followed",
            pinned(&keys, &[5]),
            claim(&[1], chain(1, &[5, 1])),
            "RevokedKey",
        ),
        (
            "revoked by the owner, on the way",
            pinned(&keys, &[0]),
            claim(&[1], chain(1, &[0, 5, 1])),
            "RevokedKey",
        ),
        (
            "revoked by the owner, at first",
            unknown(),
            claim(&[5], none()),
            "RevokedKey",
        ),
        (
            "revoked by the owner, awaited",
            awaited(5),
            claim(&[5], none()),
            "RevokedKey",
        ),
        (
            "revoked by the author",
            revoked_by_author(0, pinned(&keys, &[0])),
            claim(&[0], none()),
            "RevokedKey",
        ),
        (
            "revoked by the author at first",
            revoked_by_author(0, removed(&[0])),
            claim(&[0], none()),
            "RevokedKey",
        ),
        (
            "an earlier one is revoked",
            revoked_by_author(0, pinned(&keys, &[0, 1])),
            claim(&[1], none()),
            "pinned: 1 in 1",
        ),
        // Removed.
        (
            "removed",
            removed(&[0]),
            claim(&[0], none()),
            "first use: 0 in 0",
        ),
        (
            "removed, other key",
            removed(&[0]),
            claim(&[1], none()),
            "first use: 1 in 1",
        ),
        (
            "removed, an earlier key",
            removed(&[0, 1]),
            claim(&[0], none()),
            "Superseded",
        ),
        (
            "removed, the last key",
            removed(&[0, 1]),
            claim(&[1], none()),
            "first use: 1 in 1",
        ),
        // The did.json.
        (
            "did as before",
            in_did(0, pinned(&keys, &[0])),
            with_did(&[0], 0),
            "pinned: 0 in 0",
        ),
        (
            "did changed",
            in_did(0, pinned(&keys, &[0])),
            with_did(&[0], 1),
            "pinned: 0 in 0, alarm",
        ),
        (
            "did changed to the key",
            in_did(1, pinned(&keys, &[0])),
            with_did(&[0], 0),
            "pinned: 0 in 0",
        ),
        (
            "did changed, and signed by that",
            in_did(0, pinned(&keys, &[0])),
            with_did(&[1], 1),
            "UnknownKey",
        ),
        (
            "did gone",
            in_did(0, pinned(&keys, &[0])),
            claim(&[0], none()),
            "pinned: 0 in 0",
        ),
        (
            "did of another key all along",
            in_did(1, pinned(&keys, &[0])),
            with_did(&[0], 1),
            "pinned: 0 in 0",
        ),
    ] {
        let revoked = Revoked {
            keys: [(keys.fingerprint(5), RevokedSince(now()))].into(),
            ..Revoked::default()
        };
        let before = author.clone();
        let decision = author_trust::author_trust(&author, &revoked, &claim);
        assert_eq!(keys.words(&decision), expected, "{what}");
        assert_eq!(author, before, "{what}");
    }
}

/// What is said of an author whose `did.json` changed.
#[test]
fn a_changed_did_json_is_told_of_in_words() {
    let keys = Keys::new(2);
    let author = Author {
        did_key: Some(keys.public(0)),
        ..pinned(&keys, &[0])
    };
    let ask = |signer| {
        let claim = keys.claim(&[signer], Vec::new(), Some(1));
        author_trust::author_trust(&author, &Revoked::default(), &claim)
    };
    let author_trust = ask(0).expect("the pinned key");
    let alarm = author_trust.alarm().expect("an alarm").to_string();
    for words in [
        format!("it showed the key {}", keys.fingerprint(0)),
        format!("shows {} now", keys.fingerprint(1)),
        "changes nothing".to_owned(),
    ] {
        assert!(alarm.contains(&words), "{alarm}");
    }
    let refused = ask(1).expect_err("another key").to_string();
    assert!(refused.contains("proves nothing"), "{refused}");
}

/// The owner has looked into it, and trusts the same key.
#[test]
fn a_key_given_again_takes_the_did_json_as_it_is() {
    let (folder, keys) = (folder(), Keys::new(2));
    let store = open(&folder);
    let given = GivenKey::Key(keys.public(0));
    for (did, expected) in [(0, "pinned: 0 in 0, alarm"), (1, "pinned: 0 in 0")] {
        let did_key = Some(keys.public(did));
        store
            .add(&alice(), &given, did_key, None)
            .expect("the same key");
        let decision = store.author_trust(&keys.claim(&[0], Vec::new(), Some(1)));
        assert_eq!(keys.words(&decision), expected);
    }
}

/// One after the other: what came, by whom signed, and what comes of it.
struct Story<'a> {
    keys: &'a Keys,
    store: TrustStore,
    /// The most recent lineage, if any.
    lineage: Vec<Link>,
}

impl Story<'_> {
    fn take(&self, sequence: u64, text: &str, signers: &[usize], downgrade: bool) -> String {
        let bytes = self.keys.release("app", sequence, text, signers);
        let claim = self.keys.claim(signers, self.lineage.clone(), None);
        let taken = self.store.author_trust(&claim).and_then(|author_trust| {
            let verified = verified(&bytes);
            self.store
                .check_release(&verified, &author_trust, downgrade)?;
            self.store.note_release(&verified, &author_trust, downgrade)
        });
        taken.map_or_else(|refused| name(&refused), |()| "taken".to_owned())
    }

    fn check(&self, steps: &[(u64, &str, &[usize], &str)]) {
        for (sequence, text, signers, expected) in steps {
            let came = self.take(*sequence, text, signers, false);
            assert_eq!(came, *expected, "{sequence} {text} {signers:?}");
        }
    }
}

#[test]
fn releases_only_go_on() {
    let (folder, keys) = (folder(), Keys::new(3));
    let mut story = Story {
        keys: &keys,
        store: open(&folder),
        lineage: Vec::new(),
    };
    story.check(&[
        (17, "a", &[0], "taken"),
        (17, "a", &[0], "taken"),
        // Somebody else signs the same.
        (17, "a", &[0, 1], "taken"),
        (17, "b", &[0], "OtherBytes"),
        (16, "a", &[0], "LowerSequence"),
        (18, "a", &[0], "taken"),
        (17, "a", &[0], "LowerSequence"),
        (19, "a", &[1], "UnknownKey"),
        (18, "b", &[0], "OtherBytes"),
    ]);
    assert_eq!(story.take(5, "a", &[0], true), "taken");
    assert_eq!(story.take(18, "b", &[0], true), "OtherBytes");
    // To go back once opens nothing.
    story.check(&[(17, "a", &[0], "LowerSequence")]);
    // Who has the key counts up to the end; the next key begins anew.
    story.check(&[
        (LAST, "evil", &[0], "taken"),
        (19, "a", &[0], "LowerSequence"),
    ]);
    story.lineage = keys.lineage("alice@example.org", 1, &[0, 1]);
    story.check(&[
        (19, "a", &[0], "Superseded"),
        (19, "a", &[1], "taken"),
        (LAST, "evil", &[0], "Superseded"),
        (18, "a", &[1], "LowerSequence"),
    ]);
    story.lineage.clear();
    story.check(&[
        (20, "a", &[0], "Superseded"),
        (20, "a", &[0, 1], "taken"),
        (20, "a", &[2], "UnknownKey"),
    ]);
    let author = story.store.author(&alice()).expect("an author");
    let seen = author.apps.get("app").expect("what was seen");
    assert_eq!((seen.epoch, seen.sequence), (1, 20));
    let how: Vec<PinnedBy> = author.keys.iter().map(|pinned| pinned.how).collect();
    assert_eq!(how, [PinnedBy::FirstUse, PinnedBy::Lineage]);
}

/// What is refused leaves nothing: neither a pin, nor a number.
#[test]
fn what_is_refused_is_not_noted() {
    let (folder, keys) = (folder(), Keys::new(2));
    let store = open(&folder);
    let bytes = keys.release("app", 1, "a", &[0]);
    let digest = Digest::from(verified(&bytes).signed_digest());
    store
        .revoke(&Revocation::Digest(digest), false)
        .expect("written");
    let author_trust = store.author_trust(&keys.claim(&[0], Vec::new(), None));
    let author_trust = author_trust.expect("first use");
    let refused = store.note_release(&verified(&bytes), &author_trust, false);
    assert!(matches!(refused, Err(TrustRefusal::RevokedDigest { .. })));
    assert_eq!(store.authors().expect("authors"), []);

    let other = keys.release("app", 1, "a", &[1]);
    let refused = store.note_release(&verified(&other), &author_trust, false);
    assert!(matches!(refused, Err(TrustRefusal::UnknownKey { .. })));
    let bob = SignerClaim {
        author: email("bob@example.org"),
        ..keys.claim(&[0], Vec::new(), None)
    };
    let author_trust = store.author_trust(&bob).expect("first use");
    let refused = store.note_release(&verified(&bytes), &author_trust, false);
    assert!(matches!(refused, Err(TrustRefusal::NotTheAuthor { .. })));
    assert_eq!(store.authors().expect("authors"), []);
}

/// What was decided may be out of date when it is written.
#[test]
fn what_changed_in_between_is_found() {
    let (folder, keys) = (folder(), Keys::new(3));
    let store = open(&folder);
    let [one, other] = [0, 1].map(|at| {
        let claim = keys.claim(&[at], Vec::new(), None);
        store.author_trust(&claim).expect("first use")
    });
    let bytes = [0, 1].map(|at| keys.release("app", 1, "a", &[at]));
    store
        .note_release(&verified(&bytes[0]), &one, false)
        .expect("the first");
    let refused = store.note_release(&verified(&bytes[1]), &other, false);
    assert!(matches!(refused, Err(TrustRefusal::UnknownKey { .. })));
    // The same key once more, and then another one that the owner gives.
    store
        .note_release(&verified(&bytes[0]), &one, false)
        .expect("the same");
    let given = GivenKey::Key(keys.public(2));
    let known = keys.fingerprint(0);
    store
        .add(&alice(), &given, None, Some(&known))
        .expect("another");
    let refused = store.note_release(&verified(&bytes[0]), &one, false);
    assert!(matches!(refused, Err(TrustRefusal::Superseded { .. })));
    // The key again, which counts anew.
    let known = keys.fingerprint(2);
    let given = GivenKey::Key(keys.public(0));
    store
        .add(&alice(), &given, None, Some(&known))
        .expect("again");
    let refused = store.note_release(&verified(&bytes[0]), &one, false);
    assert!(matches!(refused, Err(TrustRefusal::Meanwhile { .. })));
}

fn facts(counter: u64, text: &str) -> CatalogFacts {
    CatalogFacts {
        counter,
        digest: Digest::of(text.as_bytes()),
        expires: Timestamp::MAX,
        revoked_keys: Vec::new(),
        revoked_digests: Vec::new(),
    }
}

#[test]
fn catalogs_only_go_on() {
    let (folder, keys) = (folder(), Keys::new(2));
    let store = open(&folder);
    let take = |facts: &CatalogFacts, signer, lineage| {
        let author_trust = store.author_trust(&keys.claim(&[signer], lineage, None));
        let taken = author_trust.and_then(|author_trust| {
            store.check_catalog(&author_trust, facts)?;
            store.note_catalog(&author_trust, facts)
        });
        taken.map_or_else(|refused| name(&refused), |()| "taken".to_owned())
    };
    for (counter, text, expected) in [
        (7, "a", "taken"),
        (7, "a", "taken"),
        (7, "b", "OtherCatalog"),
        (6, "a", "OldCatalog"),
        (u64::MAX, "evil", "taken"),
        (8, "a", "OldCatalog"),
    ] {
        let came = take(&facts(counter, text), 0, Vec::new());
        assert_eq!(came, expected, "{counter} {text}");
    }
    let lineage = keys.lineage("alice@example.org", 1, &[0, 1]);
    assert_eq!(take(&facts(8, "a"), 1, lineage), "taken");
    assert_eq!(take(&facts(9, "a"), 0, Vec::new()), "Superseded");
    let author = store.author(&alice()).expect("an author");
    let seen = author.catalog.expect("a catalog");
    assert_eq!((seen.epoch, seen.counter), (1, 8));
}

#[test]
fn a_catalog_revokes_its_authors_own_and_nothing_else() {
    let (folder, keys) = (folder(), Keys::new(3));
    let store = open(&folder);
    let bytes = keys.release("app", 3, "a", &[0]);
    let verified = verified(&bytes);
    let signed = Digest::from(verified.signed_digest());
    let file = Digest::of(&bytes);
    let note = |author: &str, signer: usize, facts: &CatalogFacts| {
        let claim = SignerClaim {
            author: email(author),
            ..keys.claim(&[signer], Vec::new(), None)
        };
        let author_trust = store.author_trust(&claim).expect("a key that counts");
        store
            .note_catalog(&author_trust, facts)
            .map(|()| author_trust)
    };
    let evil = CatalogFacts {
        revoked_keys: vec![keys.public(0)],
        revoked_digests: vec![signed.clone(), file.clone()],
        ..facts(1, "mallory")
    };
    note("mallory@example.org", 1, &evil).expect("a catalog");
    let author_trust = note("alice@example.org", 0, &facts(1, "a")).expect("a catalog");
    let digests = [signed.clone(), file.clone()];
    assert_eq!(store.is_revoked(&alice(), &digests).expect("known"), None);
    store
        .note_release(&verified, &author_trust, false)
        .expect("alice's app");

    // Her own do, by either digest, and stay when a later catalog has them no more.
    for (counter, digest) in [(2, signed), (3, file)] {
        let revoking = CatalogFacts {
            revoked_digests: vec![digest.clone()],
            ..facts(counter, "a")
        };
        let refused = revoking.check_release(&verified, &author_trust);
        assert!(matches!(
            refused,
            Err(TrustRefusal::RevokedDigest {
                by: RevokedBy::Author,
                ..
            })
        ));
        note("alice@example.org", 0, &revoking).expect("a catalog");
        let found = store.is_revoked(&alice(), std::slice::from_ref(&digest));
        assert_eq!(found.expect("known"), Some((digest, RevokedBy::Author)));
    }
    note("alice@example.org", 0, &facts(4, "a")).expect("a catalog");
    let refused = store.check_release(&verified, &author_trust, false);
    assert!(matches!(
        refused,
        Err(TrustRefusal::RevokedDigest {
            by: RevokedBy::Author,
            ..
        })
    ));
    // A key that revokes itself signs nothing more.
    let last = CatalogFacts {
        revoked_keys: vec![keys.public(0)],
        ..facts(5, "a")
    };
    let refused = last.check_release(&verified, &author_trust);
    assert!(matches!(
        refused,
        Err(TrustRefusal::RevokedKey {
            by: RevokedBy::Author,
            ..
        })
    ));
    note("alice@example.org", 0, &last).expect("a catalog");
    let refused = store.author_trust(&author_trust.claim);
    assert!(matches!(
        refused,
        Err(TrustRefusal::RevokedKey {
            by: RevokedBy::Author,
            ..
        })
    ));
    // And the owner cannot have it back by its fingerprint.
    let given = GivenKey::Key(keys.public(0));
    let refused = store.add(&alice(), &given, None, None);
    assert!(matches!(refused, Err(TrustRefusal::RevokedKey { .. })));
}

#[test]
fn an_author_cannot_fill_the_store() {
    let (folder, keys) = (folder(), Keys::new(1));
    let store = open(&folder);
    let author_trust = store.author_trust(&keys.claim(&[0], Vec::new(), None));
    let author_trust = author_trust.expect("first use");
    let digests = |from: usize| {
        let range = from..from + MAX_REVOKED;
        range.map(|at| Digest::of(&at.to_be_bytes())).collect()
    };
    let revoking = |counter, from| CatalogFacts {
        revoked_digests: digests(from),
        ..facts(counter, "a")
    };
    store
        .note_catalog(&author_trust, &revoking(1, 0))
        .expect("as many as may be");
    let refused = store.note_catalog(&author_trust, &revoking(2, 1));
    assert!(matches!(refused, Err(TrustRefusal::TooManyRevoked { .. })));
    let author = store.author(&alice()).expect("an author");
    assert_eq!(author.catalog.map(|catalog| catalog.counter), Some(1));
}

#[test]
fn the_owner_revokes_keys_and_digests_of_anybody() {
    let (folder, keys) = (folder(), Keys::new(1));
    let store = open(&folder);
    let bytes = keys.release("app", 3, "a", &[0]);
    let claim = keys.claim(&[0], Vec::new(), None);
    let take = || {
        let author_trust = store.author_trust(&claim)?;
        store.note_release(&verified(&bytes), &author_trust, false)
    };
    take().expect("first use");
    for (what, expected) in [
        (Revocation::Key(keys.fingerprint(0)), "RevokedKey"),
        (Revocation::Digest(Digest::of(&bytes)), "RevokedDigest"),
    ] {
        assert!(store.revoke(&what, false).expect("written"));
        assert!(!store.revoke(&what, false).expect("known"));
        assert_eq!(name(&take().expect_err("revoked")), expected);
        assert!(store.revoke(&what, true).expect("written"));
        assert!(!store.revoke(&what, true).expect("known"));
        take().expect("as before");
    }
    let digests = [Digest::of(&bytes)];
    let what = Revocation::Digest(Digest::of(&bytes));
    store.revoke(&what, false).expect("written");
    let found = store.is_revoked(&email("bob@example.org"), &digests);
    assert!(matches!(found, Ok(Some((_, RevokedBy::Owner)))));
}

#[test]
fn what_was_seen_outlives_a_removal() {
    let (folder, keys) = (folder(), Keys::new(2));
    let mut story = Story {
        keys: &keys,
        store: open(&folder),
        lineage: Vec::new(),
    };
    story.check(&[(17, "a", &[0], "taken")]);
    let removed = story.store.remove(&alice()).expect("written");
    assert_eq!(removed, Some(keys.fingerprint(0)));
    assert_eq!(story.store.remove(&alice()).expect("read"), None);
    // The owner is asked again, and the numbers are still known.
    story.check(&[
        (16, "a", &[0], "LowerSequence"),
        (17, "b", &[0], "OtherBytes"),
    ]);
    assert_eq!(
        story.store.author(&alice()).expect("known").trusted,
        Trusted::Nothing
    );
    story.check(&[(18, "a", &[0], "taken")]);
    story.store.remove(&alice()).expect("written");
    story.lineage = keys.lineage("alice@example.org", 1, &[0, 1]);
    story.check(&[(1, "a", &[0], "Superseded"), (1, "a", &[1], "taken")]);
    story.lineage.clear();
    story.store.remove(&alice()).expect("written");
    story.check(&[(99, "a", &[0], "Superseded")]);
}

#[test]
fn the_owner_puts_a_key_in_the_place_of_another() {
    let (folder, keys) = (folder(), Keys::new(3));
    let store = open(&folder);
    let add = |given: GivenKey, instead_of: Option<usize>| {
        let instead_of = instead_of.map(|at| keys.fingerprint(at));
        store.add(&alice(), &given, None, instead_of.as_ref())
    };
    let author = add(GivenKey::Fingerprint(keys.fingerprint(0)), None).expect("nobody before");
    assert_eq!(author.trusted, Trusted::Fingerprint(keys.fingerprint(0)));
    for (given, instead_of) in [
        (GivenKey::Key(keys.public(1)), None),
        (GivenKey::Fingerprint(keys.fingerprint(1)), None),
        // Not the one that the owner was told of.
        (GivenKey::Key(keys.public(1)), Some(2)),
    ] {
        let refused = add(given, instead_of);
        assert!(matches!(refused, Err(TrustRefusal::Replaces { .. })));
    }
    // The key of the fingerprint replaces nothing.
    let author = add(GivenKey::Key(keys.public(0)), None).expect("the same key");
    assert_eq!(author.current().map(|pinned| pinned.epoch), Some(0));
    let author = add(GivenKey::Fingerprint(keys.fingerprint(0)), None).expect("the same key");
    assert_eq!(author.current().map(|pinned| pinned.epoch), Some(0));
    let author = add(GivenKey::Fingerprint(keys.fingerprint(1)), Some(0)).expect("another");
    assert_eq!(author.current(), None);
    let author_trust = store.author_trust(&keys.claim(&[1], Vec::new(), None));
    assert_eq!(keys.words(&author_trust), "pinned: 1 in 1");
    let refused = store.author_trust(&keys.claim(&[0], Vec::new(), None));
    assert_eq!(keys.words(&refused), "UnknownKey");
}

#[test]
fn the_owner_gives_a_lineage() {
    let (folder, keys) = (folder(), Keys::new(4));
    let store = open(&folder);
    let chain = |at: &[usize]| keys.lineage("alice@example.org", 1, at);
    let follow = |lineage| store.follow(&alice(), lineage, None);
    let refused = follow(chain(&[0, 1]));
    assert!(matches!(refused, Err(TrustRefusal::NobodyKnown { .. })));
    let given = GivenKey::Fingerprint(keys.fingerprint(0));
    store
        .add(&alice(), &given, None, None)
        .expect("nobody before");
    for _ in 0..2 {
        let author = follow(chain(&[0, 1, 2])).expect("it leads on");
        let known: Vec<(usize, u64, PinnedBy)> = author
            .keys
            .iter()
            .map(|pinned| (keys.place(&pinned.key), pinned.epoch, pinned.how))
            .collect();
        let expected = [
            (0, 0, PinnedBy::Fingerprint),
            (1, 1, PinnedBy::Lineage),
            (2, 2, PinnedBy::Lineage),
        ];
        assert_eq!(known, expected);
    }
    let refused = follow(chain(&[0, 3]));
    assert!(matches!(refused, Err(TrustRefusal::UnknownKey { .. })));
    assert!(follow(Vec::new()).is_err());
    store.remove(&alice()).expect("written");
    let refused = follow(chain(&[2, 3]));
    assert!(matches!(refused, Err(TrustRefusal::NobodyKnown { .. })));
}

#[test]
fn the_owners_policy_decides() {
    let (folder, keys) = (folder(), Keys::new(4));
    let store = open(&folder);
    let policy = folder.path().join("trust/policy.yaml");
    let take = |signers: &[usize]| {
        let bytes = keys.release("app", 1, "a", signers);
        let claim = keys.claim(signers, Vec::new(), Some(0));
        let author_trust = store.author_trust(&claim)?;
        store.check_release(&verified(&bytes), &author_trust, false)
    };
    take(&[0]).expect("no policy");
    let bob = email("bob@example.org");
    let reviewed = "apiVersion: v1\nallOf:\n- kind: pinnedAuthor\n- kind: syftIdentity\n  email: \
                    bob@example.org\n";
    fs::write(&policy, reviewed).expect("written");
    let unmet = |signers: &[usize]| match take(signers) {
        Err(TrustRefusal::Policy(unmet)) => unmet.to_string(),
        other => panic!("{signers:?}: {other:?}"),
    };
    let words = "does not have: by the pinned key of bob@example.org";
    assert!(unmet(&[0]).contains(words));
    // Nobody has pinned bob's key.
    assert!(unmet(&[0, 1]).contains(words));
    let given = GivenKey::Key(keys.public(1));
    store.add(&bob, &given, None, None).expect("written");
    take(&[0, 1]).expect("a review");
    assert!(unmet(&[0, 2]).contains(words));
    let key = Revocation::Key(keys.fingerprint(1));
    store.revoke(&key, false).expect("written");
    assert!(unmet(&[0, 1]).contains(words));
    store.revoke(&key, true).expect("written");
    store.remove(&bob).expect("written");
    assert!(unmet(&[0, 1]).contains(words));
    let given = GivenKey::Fingerprint(keys.fingerprint(2));
    store.add(&bob, &given, None, None).expect("written");
    take(&[0, 2]).expect("a review by the fingerprint");

    let line = keys.public(3).to_openssh();
    let ours = format!(
        "apiVersion: v1\nanyOf:\n  signatures:\n  - {{kind: pubKey, owner: us, key: '{line}'}}\n"
    );
    fs::write(&policy, ours).expect("written");
    assert!(unmet(&[0]).contains("1 more by the key of us, SHA256:"));
    take(&[0, 3]).expect("ours");
    store
        .revoke(&Revocation::Key(keys.fingerprint(3)), false)
        .expect("written");
    unmet(&[0, 3]);
    // A policy does not make anybody the author.
    let refused = take(&[3, 1]);
    assert!(matches!(refused, Err(TrustRefusal::Ambiguous { .. })));
}

#[test]
fn what_cannot_be_read_closes() {
    let (folder, keys) = (folder(), Keys::new(1));
    let store = open(&folder);
    let claim = keys.claim(&[0], Vec::new(), None);
    let bytes = keys.release("app", 1, "a", &[0]);
    let take = || {
        let author_trust = store.author_trust(&claim)?;
        store.note_release(&verified(&bytes), &author_trust, false)
    };
    take().expect("first use");
    let trust = folder.path().join("trust");
    let author = format!("authors/{}.json", Digest::of(alice().as_str().as_bytes()));
    let bob = format!("authors/{}.json", Digest::of(b"bob@example.org"));
    let good = fs::read_to_string(trust.join(&author)).expect("written");
    let mut cases: Vec<(&str, String)> = vec![
        (&author, String::new()),
        (&author, "{}".to_owned()),
        (&author, good.replace("alice@", "Alice@")),
        (
            &author,
            good.replace(
                "\"epoch\": 0,\n      \"since\"",
                "\"epoch\": 1,\n      \"since\"",
            ),
        ),
        (
            &author,
            good.replace("\"trusted\"", "\"more\": 1,\n  \"trusted\""),
        ),
        (&author, good.replace("last-key", "other-key")),
        (&author, good.replace("\"since\": \"2", "\"since\": \"x")),
        (&author, " ".repeat(3 << 20)),
        ("revoked.json", "{".to_owned()),
        (
            "revoked.json",
            r#"{"keys":{"x":"2026-01-01T00:00:00+00:00"},"digests":{}}"#.to_owned(),
        ),
        ("policy.yaml", "allOf: []".to_owned()),
        ("policy.yaml", String::new()),
        ("policy.yaml", "#".repeat(65 << 10)),
    ];
    for (file, text) in &cases {
        let path = trust.join(file);
        let before = fs::read(&path).ok();
        assert_ne!(before.as_deref(), Some(text.as_bytes()), "{file} {text}");
        fs::write(&path, text).expect("written");
        let refused = take();
        assert!(
            matches!(refused, Err(TrustRefusal::Store(_))),
            "{file} {text}: {refused:?}"
        );
        match before {
            Some(before) => fs::write(&path, before),
            None => fs::remove_file(&path),
        }
        .expect("as it was");
        take().expect("as it was");
    }
    // Others' files do not stop what is about alice, but nobody is left out of the list.
    cases.clear();
    fs::write(trust.join(&bob), "{").expect("written");
    take().expect("as it was");
    assert!(matches!(store.authors(), Err(TrustError::Broken { .. })));
    // A link that leads nowhere is not the same as no file.
    for file in ["policy.yaml", "revoked.json", &author] {
        let path = trust.join(file);
        fs::remove_file(&path).ok();
        std::os::unix::fs::symlink("/nowhere", &path).expect("a link");
        assert!(
            matches!(take(), Err(TrustRefusal::Store(TrustError::Io { .. }))),
            "{file}"
        );
        fs::remove_file(&path).expect("as it was");
        fs::write(trust.join(&author), &good).expect("as it was");
    }
}

#[test]
fn nobody_else_reads_or_writes_it() {
    let (folder, keys) = (folder(), Keys::new(1));
    let store = open(&folder);
    store
        .add(&alice(), &GivenKey::Key(keys.public(0)), None, None)
        .expect("written");
    store
        .revoke(&Revocation::Key(keys.fingerprint(0)), false)
        .expect("written");
    let trust = folder.path().join("trust");
    let mut files = 0;
    for entry in walkdir::WalkDir::new(&trust) {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        let expected = if entry.file_type().is_dir() {
            0o700
        } else {
            0o600
        };
        assert_eq!(mode, expected, "{}", entry.path().display());
        files += usize::from(entry.file_type().is_file());
    }
    assert_eq!(files, 3);
    for folder in [trust.join("authors"), trust.clone()] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).expect("changed");
        let error = TrustStore::open(&trust).expect_err("open to others");
        assert!(error.to_string().contains("written by others"), "{error}");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("changed");
    }
}

/// The names of files say nothing that a file system could take for equal or for a path.
#[test]
fn each_email_has_a_file_of_its_own() {
    let (folder, keys) = (folder(), Keys::new(1));
    let store = open(&folder);
    let long = format!("a@b.{}", "c".repeat(250));
    let emails = [
        "a@b.co", "A@b.co", "a@B.co", "*@b.co", "a@b..c", "<a@b.co>", "ü@b.co", &long,
    ];
    for text in emails {
        let given = GivenKey::Key(keys.public(0));
        store.add(&email(text), &given, None, None).expect(text);
    }
    let mut known: Vec<String> = (store.authors().expect("authors").iter())
        .map(|author| author.email.to_string())
        .collect();
    let mut expected = emails.map(ToOwned::to_owned);
    known.sort();
    expected.sort();
    assert_eq!(known, expected);
    for entry in fs::read_dir(folder.path().join("trust/authors")).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string();
        let name = name.expect("a text");
        let digest = name.strip_suffix(".json").expect("a name");
        assert!(Digest::parse(digest).is_ok(), "{name}");
    }
}

#[test]
fn two_writers_lose_nothing() {
    const EACH: u64 = 25;
    let (folder, keys) = (folder(), Keys::new(1));
    let claim = keys.claim(&[0], Vec::new(), None);
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        for writer in ["one", "other"] {
            let (folder, keys, claim, barrier) = (&folder, &keys, &claim, &barrier);
            scope.spawn(move || {
                let store = open(folder);
                barrier.wait();
                for at in 0..EACH {
                    let bytes = keys.release(&format!("{writer}-{at}"), 1, "a", &[0]);
                    let author_trust = store.author_trust(claim).expect("the key");
                    store
                        .note_release(&verified(&bytes), &author_trust, false)
                        .expect("noted");
                    let digest = Digest::of(&bytes);
                    store
                        .revoke(&Revocation::Digest(digest), false)
                        .expect("noted");
                }
            });
        }
    });
    let store = open(&folder);
    let author = store.author(&alice()).expect("an author");
    assert_eq!(author.apps.len() as u64, 2 * EACH);
    assert_eq!(author.keys.len(), 1);
    let revoked = store.revoked().expect("what is revoked");
    assert_eq!(revoked.digests.len() as u64, 2 * EACH);
}
