use serde_json::{Value, json};

use super::*;
use crate::package::{Envelope, KeyFile, SecretKey};

const NOW: i64 = 1_795_479_980_000_000;

fn alice() -> Datasite {
    Datasite::parse("alice@example.org").expect("an email")
}

fn name() -> AppName {
    AppName::parse("leaderboard").expect("a name")
}

fn key() -> SecretKey {
    SecretKey::generate().expect("random numbers")
}

/// Returns a key that is the same in each run.
fn fixed_key() -> SecretKey {
    let text = include_bytes!("../../../../tests/cases/signing_keys/plain");
    match KeyFile::read(text).expect("a key") {
        KeyFile::Open(key) => key,
        KeyFile::Locked(_) => unreachable!("it has no passphrase"),
    }
}

fn entry(sequence: u64) -> Entry {
    Entry {
        version: semver::Version::new(1, 2, 0),
        epoch: 0,
        sequence,
        sha256: [sequence as u8; 32],
        signed_sha256: [(sequence as u8).wrapping_add(100); 32],
        size: 1000,
        path: ReleasePath::of(&name(), sequence),
        least: None,
        revoked: Vec::new(),
    }
}

fn with_release(sequence: u64) -> Catalog {
    let mut catalog = Catalog::new(alice());
    catalog.put(&name(), entry(sequence)).expect("the first");
    catalog
        .issue(Timestamp::from_micros(NOW), Duration::from_secs(3600))
        .expect("a number");
    catalog
}

fn link(catalog: &Catalog, old: &SecretKey, new: &SecretKey) -> Link {
    Link::sign(alice(), catalog.epoch() + 1, old, new).expect("a link")
}

fn open(catalog: &Catalog, keys: &[&SecretKey]) -> Result<SignedCatalog, CatalogError> {
    let envelope = Envelope::seal(KIND, catalog.to_json(), keys);
    SignedCatalog::open(envelope.to_bytes(), &alice())
}

/// A change of the format is a change of this.
#[test]
fn is_written_like_this() {
    let mut catalog = with_release(17);
    catalog.revoke(&name(), [7; 32]).expect("it is there");
    catalog.set_min_sequence(&name(), 16).expect("it is there");
    let key = fixed_key().public();
    catalog
        .revoke_key(key, &self::key().public())
        .expect("another");
    let sha256 = |byte: &str| byte.repeat(32);
    let expected = json!({
        "catalog": 1,
        "author": "alice@example.org",
        "counter": 1,
        "issued": "2026-11-24T00:26:20+00:00",
        "expires": "2026-11-24T01:26:20+00:00",
        "lineage": [],
        "revoked_keys": [key.to_openssh()],
        "apps": {"leaderboard": {
            "version": "1.2.0",
            "epoch": 0,
            "sequence": 17,
            "sha256": sha256("11"),
            "signed_sha256": sha256("75"),
            "size": 1000,
            "path": "leaderboard/17.wasm",
            "least": {"epoch": 0, "sequence": 16},
            "revoked": [sha256("07")],
        }},
    });
    assert_eq!(
        String::from_utf8(catalog.to_json()),
        Ok(expected.to_string())
    );
    assert_eq!(Catalog::parse(&catalog.to_json()), Ok(catalog));
}

#[test]
fn refuses_what_cannot_be() {
    let mut catalog = with_release(17);
    let (old, new) = (key(), key());
    catalog.follow(link(&catalog, &old, &new)).expect("a link");
    let good: Value = serde_json::from_slice(&catalog.to_json()).expect("JSON");
    let with = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).expect(pointer) = value;
        Catalog::parse(changed.to_string().as_bytes())
    };
    assert_eq!(with("/counter", json!(1)), Ok(catalog));
    let app = "/apps/leaderboard";
    let hex = |text: &str| json!(text.repeat(32));
    for (pointer, value, key) in [
        ("/author", json!("alice"), "author"),
        ("/issued", json!("yesterday"), "issued"),
        ("/expires", json!("2026-11-23T00:00:00+00:00"), "expires"),
        (
            "/apps",
            json!({"../x": good["apps"]["leaderboard"]}),
            "apps",
        ),
        (
            "/apps",
            json!({"logs": good["apps"]["leaderboard"]}),
            "apps",
        ),
        (&format!("{app}/version"), json!("1"), "version"),
        (
            &format!("{app}/version"),
            json!(format!("1.0.0-{}", "x".repeat(60))),
            "version",
        ),
        ("/counter", json!(1_u64 << 53), "counter"),
        (&format!("{app}/sequence"), json!(0), "sequence"),
        (&format!("{app}/sequence"), json!(1_u64 << 53), "sequence"),
        (&format!("{app}/epoch"), json!(2), "epoch"),
        (&format!("{app}/sha256"), hex("1"), "sha256"),
        (&format!("{app}/sha256"), hex("AA"), "sha256"),
        (&format!("{app}/signed_sha256"), json!(""), "signed_sha256"),
        (&format!("{app}/path"), json!("../17.wasm"), "path"),
        (&format!("{app}/path"), json!("leaderboard/17.tmp"), "path"),
        (&format!("{app}/revoked"), json!([""]), "revoked"),
        (
            &format!("{app}/revoked"),
            json!(vec![hex("11"); MAX_REVOKED + 1]),
            "revoked",
        ),
    ] {
        assert_eq!(
            with(pointer, value),
            Err(CatalogError::Value(key)),
            "{pointer}"
        );
    }
    assert_eq!(with("/catalog", json!(2)), Err(CatalogError::Version(2)));
    for (pointer, value) in [
        ("/counter", json!(-1)),
        ("/counter", json!("1")),
        ("/lineage/0/epoch", json!(2)),
        ("/revoked_keys", json!(["ssh-ed25519 AAAA"])),
        ("/apps", json!([])),
    ] {
        let read = with(pointer, value);
        assert!(
            matches!(read, Err(CatalogError::Json(_))),
            "{pointer}: {read:?}"
        );
    }
    let foreign = json!("mallory@example.org");
    assert!(matches!(
        with("/author", foreign),
        Err(CatalogError::Lineage(_))
    ));
}

#[test]
fn least_is_not_above_the_newest() {
    let text = String::from_utf8(with_release(17).to_json()).expect("JSON");
    let with = |epoch: u64, sequence: u64| {
        let least = format!("\"least\":{{\"epoch\":{epoch},\"sequence\":{sequence}}}");
        text.replace("\"revoked\":", &format!("{least},\"revoked\":"))
    };
    assert!(Catalog::parse(with(0, 17).as_bytes()).is_ok());
    let refused = Err(CatalogError::Value("least"));
    assert_eq!(Catalog::parse(with(0, 18).as_bytes()), refused);
    assert_eq!(Catalog::parse(with(1, 1).as_bytes()), refused);
}

#[test]
fn has_one_spelling() {
    let catalog = with_release(17);
    let text = String::from_utf8(catalog.to_json()).expect("JSON");
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Catalog::parse(text.replacen(from, to, 1).as_bytes())
    };
    let app = text
        .split("\"apps\":{")
        .nth(1)
        .expect("apps")
        .trim_end_matches("}}");
    for (from, to) in [
        ("{\"catalog\"", " {\"catalog\""),
        ("+00:00", "Z"),
        ("2026-11-24T00:26:20+00:00", "2026-11-24T00:26:20.0+00:00"),
        ("alice@", "\\u0061lice@"),
        // Twice the same name: each reader could believe another.
        ("\"apps\":{", &format!("\"apps\":{{{app}}},")),
        ("\"revoked\":[]", "\"least\":null,\"revoked\":[]"),
        (
            "\"version\":\"1.2.0\",\"epoch\":0",
            "\"epoch\":0,\"version\":\"1.2.0\"",
        ),
        ("{\"version\":\"1.2.0\",\"epoch\":0,", "[\"1.2.0\",0,"),
    ] {
        let read = with(from, to);
        let refused = matches!(read, Err(CatalogError::Spelling | CatalogError::Json(_)));
        assert!(refused, "{to}: {read:?}");
    }
    for (from, to) in [
        ("\"counter\"", "\"more\":1,\"counter\""),
        ("\"size\"", "\"more\":1,\"size\""),
        ("\"counter\":1", "\"counter\":1,\"counter\":1"),
        ("\"lineage\":[],", ""),
    ] {
        assert!(matches!(with(from, to), Err(CatalogError::Json(_))), "{to}");
    }
}

#[test]
fn a_release_follows_the_last() {
    let mut catalog = with_release(17);
    catalog.revoke(&name(), [7; 32]).expect("it is there");
    catalog.set_min_sequence(&name(), 16).expect("it is there");
    assert_eq!(catalog.put(&name(), entry(16)), Err(ChangeError::Lower(17)));
    let mut other = entry(17);
    other.signed_sha256 = [1; 32];
    assert_eq!(
        catalog.put(&name(), other),
        Err(ChangeError::OtherBytes(17))
    );
    // Somebody else has signed it too.
    let mut same = entry(17);
    same.sha256 = [1; 32];
    assert!(catalog.put(&name(), same).is_ok());
    let before = catalog.put(&name(), entry(18)).expect("a higher one");
    assert_eq!(before.map(|entry| entry.sequence), Some(17));
    let now = catalog.app(&name()).expect("it is there");
    let (epoch, sequence) = (0, 16);
    assert_eq!(now.least, Some(Least { epoch, sequence }));
    assert_eq!(now.revoked, [[7; 32]]);
}

/// Who steals a key can sign a very high number with it, which would leave the author none.
#[test]
fn the_next_key_counts_anew() {
    let mut catalog = with_release((1 << 53) - 1);
    catalog
        .set_min_sequence(&name(), (1 << 53) - 1)
        .expect("it is there");
    catalog.revoke(&name(), [7; 32]).expect("it is there");
    let (old, new) = (key(), key());
    catalog.follow(link(&catalog, &old, &new)).expect("a link");
    let mut revoked = entry(18);
    revoked.signed_sha256 = [7; 32];
    assert_eq!(catalog.put(&name(), revoked), Err(ChangeError::Revoked));
    catalog.put(&name(), entry(18)).expect("of another epoch");
    let now = catalog.app(&name()).expect("it is there");
    assert_eq!((now.epoch, now.sequence), (1, 18));
    // What was ruled out of the old key's stays so.
    let (epoch, sequence) = (0, (1 << 53) - 1);
    assert_eq!(now.least, Some(Least { epoch, sequence }));
    assert_eq!(catalog.set_min_sequence(&name(), 18), Ok(()));
    let now = catalog.app(&name()).expect("it is there");
    assert_eq!(now.revoked, [[7; 32]]);
    assert_eq!(catalog.put(&name(), entry(17)), Err(ChangeError::Lower(18)));
}

#[test]
fn what_is_revoked_stays_so() {
    let mut catalog = with_release(17);
    let other = AppName::parse("other").expect("a name");
    let unknown = Err(ChangeError::UnknownApp(other.clone()));
    assert_eq!(catalog.revoke(&other, [7; 32]), unknown);
    for byte in (0..MAX_REVOKED).chain(0..MAX_REVOKED) {
        assert_eq!(catalog.revoke(&name(), [byte as u8; 32]), Ok(()));
    }
    let one_more = catalog.revoke(&name(), [255; 32]);
    assert_eq!(one_more, Err(ChangeError::ManyRevoked));
    let mut release = entry(18);
    release.signed_sha256 = [9; 32];
    assert_eq!(
        catalog.put(&name(), release.clone()),
        Err(ChangeError::Revoked)
    );
    release.signed_sha256 = [200; 32];
    release.sha256 = [9; 32];
    assert_eq!(catalog.put(&name(), release), Err(ChangeError::Revoked));
    assert_eq!(catalog.set_min_sequence(&name(), 16), Ok(()));
    let lower = catalog.set_min_sequence(&name(), 15);
    assert_eq!(lower, Err(ChangeError::LowerLeast(16)));
    let above = catalog.set_min_sequence(&name(), 18);
    assert_eq!(above, Err(ChangeError::AboveNewest(17)));
}

#[test]
fn is_opened_as_its_authors_and_nobody_elses() {
    let (old, new) = (key(), key());
    let mut catalog = with_release(17);
    let found = open(&catalog, &[&old]).expect("it was just signed");
    assert_eq!(found.catalog(), &catalog);
    assert_eq!(found.signers(), [old.public()]);
    assert_eq!(found.digest(), &super::reader::sha256(&catalog.to_json()));
    assert!(found.is_by(&old.public()) && !found.is_by(&new.public()));

    let mallory = Datasite::parse("mallory@example.org").expect("an email");
    let envelope = found.envelope().to_vec();
    let of_another = SignedCatalog::open(envelope, &mallory);
    assert_eq!(of_another, Err(CatalogError::OfAnother(alice())));
    let other_kind = Envelope::seal("application/json", catalog.to_json(), &[&old]);
    assert!(matches!(
        SignedCatalog::open(other_kind.to_bytes(), &alice()),
        Err(CatalogError::Envelope(_))
    ));

    catalog.follow(link(&catalog, &old, &new)).expect("a link");
    let by_old = open(&catalog, &[&old]);
    assert_eq!(
        by_old,
        Err(CatalogError::NotByLast(new.public().to_string()))
    );
    let by_both = open(&catalog, &[&old, &new]).expect("by the new one too");
    assert!(by_both.is_by(&new.public()) && !by_both.is_by(&old.public()));
    catalog
        .revoke_key(old.public(), &new.public())
        .expect("another");
    assert!(open(&catalog, &[&new]).is_ok());
    assert_eq!(open(&catalog, &[&old, &new]), Err(CatalogError::OwnKey));
    let own = catalog.revoke_key(new.public(), &new.public());
    assert_eq!(own, Err(ChangeError::OwnKey));
}

#[test]
fn expires_at_its_moment() {
    let found = open(&with_release(17), &[&key()]).expect("it was just signed");
    let end = NOW + 3_600_000_000;
    let at = |micros| found.freshness(Timestamp::from_micros(micros));
    assert_eq!(at(end - 1), Freshness::Fresh);
    assert_eq!(at(end), Freshness::Expired(Timestamp::from_micros(end)));
}

#[test]
fn the_counter_does_not_start_over() {
    let mut catalog = Catalog::new(alice()).counted_from((1 << 53) - 2);
    let now = Timestamp::from_micros(NOW);
    assert_eq!(catalog.issue(now, Duration::ZERO), Ok(()));
    assert_eq!(catalog.counter(), (1 << 53) - 1);
    assert_eq!(Catalog::parse(&catalog.to_json()).as_ref(), Ok(&catalog));
    assert_eq!(
        catalog.issue(now, Duration::ZERO),
        Err(ChangeError::Counter)
    );
}
