//! Whose keys are trusted, as the owner says and sees it on the command line.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::thread;

use serde_json::{Value, json};
use syft_package::{Link, SecretKey};
use syft_protocol::address::Datasite;

use crate::signing::keys::{mode, on_terminal};
use crate::signing::signer::Signer;
use crate::signing::{run, write};
use crate::support::host::Ended;
use crate::support::site::{OWNER, Site};

const ALICE: &str = "alice@example.org";

fn key() -> SecretKey {
    SecretKey::generate().unwrap()
}

fn fingerprint(key: &SecretKey) -> String {
    key.public().to_string()
}

fn store(site: &Site) -> PathBuf {
    site.path().join(".config/syft-host/trust")
}

fn trust(site: &Site, arguments: &[&str]) -> Ended {
    run(site, &[&["trust"], arguments].concat())
}

fn refused(site: &Site, arguments: &[&str], expected: &[&str]) {
    let ended = trust(site, arguments);
    assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stdout);
    for expected in expected {
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

/// Returns the lines of `trust list --json` of one kind.
fn listed(site: &Site, event: &str) -> Vec<Value> {
    let ended = trust(site, &["list", "--json"]).succeeded();
    let lines = ended.stdout.lines();
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == event).collect()
}

fn only_author(site: &Site) -> Value {
    let mut authors = listed(site, "author");
    assert_eq!(authors.len(), 1, "{authors:?}");
    authors.remove(0)
}

/// Writes a lineage through these keys, and returns the path.
fn lineage(site: &Site, email: &str, keys: &[&SecretKey]) -> String {
    let email = Datasite::parse(email).unwrap();
    let pairs = keys.windows(2).zip(1..);
    let links: Vec<Link> = pairs
        .map(|(pair, epoch)| Link::sign(email.clone(), epoch, pair[0], pair[1]).unwrap())
        .collect();
    let json = match links.as_slice() {
        [only] => serde_json::to_string(only),
        several => serde_json::to_string(several),
    };
    write(site, "lineage.json", json.unwrap())
}

/// Writes the did.json of alice's datasite.
fn introduce(site: &Site, signer: &Signer) -> Vec<String> {
    let public = site.datasites().join(ALICE).join("public");
    fs::create_dir_all(&public).unwrap();
    fs::write(public.join("did.json"), signer.did()).unwrap();
    let data = site.data_dir().to_str().unwrap().to_owned();
    ["--email", OWNER, "--data-dir", &data]
        .map(ToOwned::to_owned)
        .to_vec()
}

#[test]
fn nobody_is_trusted_at_first() {
    let site = Site::new();
    let shown = trust(&site, &["list"]).succeeded().stdout;
    assert_eq!(
        shown,
        "Nobody is trusted yet.\n\nApps are taken if they are signed by the pinned key of the \
         author.\n"
    );
    assert_eq!(mode(&store(&site)), 0o700);
}

#[test]
fn a_fingerprint_is_enough() {
    let (site, key) = (Site::new(), key());
    let fingerprint = fingerprint(&key);
    let added = trust(&site, &["add", ALICE, "--fingerprint", &fingerprint]).succeeded();
    assert_eq!(
        added.stdout,
        format!(
            "{ALICE} is trusted by the key {fingerprint}.\nNobody has shown that key yet: it is \
             pinned when it is seen.\n"
        )
    );
    let author = only_author(&site);
    assert_eq!(author["trusted"], fingerprint);
    assert_eq!(author["key_seen"], false);
    // The key replaces nothing.
    let path = write(&site, "alice.pub", key.public().to_openssh());
    let options = ["add", ALICE, "--fingerprint", &fingerprint, "--key", &path];
    trust(&site, &options).succeeded();
    let author = only_author(&site);
    assert_eq!(author["key_seen"], true);
    assert_eq!(author["keys"][0]["public_key"], key.public().to_openssh());
    assert_eq!(author["keys"][0]["how"], "fingerprint");
    assert_eq!(author["keys"][0]["epoch"], 0);
    let shown = trust(&site, &["list"]).succeeded().stdout;
    let expected =
        format!("{ALICE}\n  Key          {fingerprint}  (key 0, by fingerprint, since 2");
    assert!(shown.starts_with(&expected), "{shown}");
}

/// A did.json proves nothing, and says no more than the key which the owner named.
#[test]
fn a_did_json_gives_the_key_of_a_fingerprint_and_no_other() {
    let site = Site::new();
    let options = introduce(&site, &Signer::new(1));
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let other = fingerprint(&key());
    let add = |fingerprint: &str| {
        let arguments = ["add", ALICE, "--replace", "--fingerprint", fingerprint];
        trust(&site, &[&arguments[..], &options].concat()).succeeded();
        only_author(&site)["key_seen"].clone()
    };
    assert_eq!(add(&other), false);
    let line = Signer::new(1).line();
    let shown = syft_package::PublicKey::read(line.as_bytes()).unwrap();
    assert_eq!(add(&shown.to_string()), true);
    assert_eq!(only_author(&site)["keys"][0]["public_key"], line);
}

#[test]
fn a_key_is_replaced_only_when_both_were_shown() {
    let (site, old, new) = (Site::new(), key(), key());
    let [old, new] = [&old, &new].map(fingerprint);
    trust(&site, &["add", ALICE, "--fingerprint", &old]).succeeded();
    let add = ["add", ALICE, "--fingerprint", &new];
    let both = format!("the trusted key of {ALICE} is {old}; {new} would replace it\nhint: ");
    refused(&site, &add, &[&both, "--replace"]);
    assert_eq!(only_author(&site)["trusted"], old);
    let arguments = [&["trust"], &add[..]].concat();
    if let Some((replaced, shown)) = on_terminal(&site, &["n"], &arguments) {
        assert!(
            !replaced && shown.contains(&old) && shown.contains(&new),
            "{shown}"
        );
        assert_eq!(only_author(&site)["trusted"], old);
        let (replaced, shown) = on_terminal(&site, &["y"], &arguments).unwrap();
        assert!(replaced && shown.contains("Replace it?"), "{shown}");
        assert_eq!(only_author(&site)["trusted"], new);
    }
    let back = ["add", ALICE, "--fingerprint", &old, "--replace"];
    trust(&site, &back).succeeded();
    assert_eq!(only_author(&site)["trusted"], old);
}

#[test]
fn a_lineage_leads_from_key_to_key() {
    let (site, keys) = (Site::new(), [key(), key(), key(), key()]);
    let [first, second, third, other] = &keys;
    let path = lineage(&site, ALICE, &[first, second]);
    let follow = ["add", ALICE, "--lineage", &path];
    refused(
        &site,
        &follow,
        &["this lineage does not start from a trusted key of alice@example.org"],
    );
    trust(
        &site,
        &["add", ALICE, "--key", &first.public().to_openssh()],
    )
    .succeeded();
    let followed = trust(&site, &follow).succeeded().stdout;
    let expected = format!("It has taken the place of {}.", fingerprint(first));
    assert!(followed.contains(&expected), "{followed}");
    lineage(&site, ALICE, &[first, second, third]);
    trust(&site, &follow).succeeded();
    let author = only_author(&site);
    assert_eq!(author["trusted"], fingerprint(third));
    let hows = [0, 1, 2].map(|at| author["keys"][at]["how"].as_str().unwrap());
    assert_eq!(hows, ["fingerprint", "lineage", "lineage"]);

    lineage(&site, ALICE, &[other, first]);
    refused(
        &site,
        &follow,
        &["signed by an earlier key", "has followed it"],
    );
    lineage(&site, "mallory@example.org", &[third, other]);
    refused(
        &site,
        &follow,
        &["is invalid: a link of it is of mallory@example.org"],
    );
    let forged = fs::read_to_string(&path)
        .unwrap()
        .replace("mallory@example.org", ALICE);
    write(&site, "lineage.json", forged);
    refused(
        &site,
        &follow,
        &["lineage.json: it is no lineage: ", "so it says nothing"],
    );
    write(&site, "lineage.json", "[");
    refused(&site, &follow, &["it is no lineage", "syft-host rotate"]);
    write(&site, "lineage.json", " ".repeat(300 << 10));
    refused(&site, &follow, &["it is larger than"]);
    assert_eq!(only_author(&site), author);
}

#[test]
fn what_was_seen_stays_known_when_a_key_is_removed() {
    let (site, key) = (Site::new(), key());
    refused(
        &site,
        &["remove", ALICE],
        &["no key of alice@example.org is trusted"],
    );
    trust(&site, &["add", ALICE, "--key", &key.public().to_openssh()]).succeeded();
    let removed = trust(&site, &["remove", ALICE]).succeeded().stdout;
    assert!(
        removed.contains("no older one comes back unseen"),
        "{removed}"
    );
    let author = only_author(&site);
    assert_eq!(author["trusted"], Value::Null);
    assert_eq!(author["keys"][0]["fingerprint"], fingerprint(&key));
    let shown = trust(&site, &["list"]).succeeded().stdout;
    assert!(shown.contains("none is trusted"), "{shown}");
}

#[test]
fn keys_and_digests_are_revoked_in_any_form() {
    let (site, key) = (Site::new(), key());
    let (fingerprint, line) = (fingerprint(&key), key.public().to_openssh());
    let path = write(&site, "alice.pub", format!("{line} alice@laptop\n"));
    let digest = "0123456789abcdef".repeat(4);
    for (forms, expected) in [
        ([fingerprint.clone(), line, path], fingerprint),
        (
            [
                digest.clone(),
                digest.to_uppercase(),
                format!("sha256:{digest}"),
            ],
            digest,
        ),
    ] {
        for (at, form) in forms.iter().enumerate() {
            let revoked = trust(&site, &["revoke", form]).succeeded().stdout;
            let words = ["is revoked.", "was revoked already."][at.min(1)];
            assert!(
                revoked.contains(&format!("{expected} {words}")),
                "{revoked}"
            );
        }
        let shown = listed(&site, "revocations").remove(0).to_string();
        assert!(shown.contains(&expected), "{shown}");
        trust(&site, &["revoke", "--undo", &forms[1]]).succeeded();
        let again = trust(&site, &["revoke", "--undo", &forms[2]])
            .succeeded()
            .stdout;
        assert!(again.contains("was not revoked by you"), "{again}");
    }
    let expected = json!({"event": "revocations", "keys": {}, "digests": {}});
    assert_eq!(listed(&site, "revocations"), [expected]);
    refused(&site, &["revoke", "SHA256:x"], &["a fingerprint is"]);
    refused(
        &site,
        &["revoke", "x"],
        &["cannot revoke x", "hint: give a fingerprint"],
    );
}

#[test]
fn a_revoked_key_is_not_trusted() {
    let (site, key) = (Site::new(), key());
    let fingerprint = fingerprint(&key);
    trust(&site, &["revoke", &fingerprint]).succeeded();
    let add = ["add", ALICE, "--fingerprint", &fingerprint];
    refused(
        &site,
        &add,
        &["was revoked by you", "trust revoke --undo SHA256:"],
    );
    trust(&site, &["revoke", "--undo", &fingerprint]).succeeded();
    trust(&site, &add).succeeded();
}

#[test]
fn what_is_given_must_fit() {
    let (site, key) = (Site::new(), key());
    let (fingerprint, line) = (fingerprint(&key), key.public().to_openssh());
    let other = self::fingerprint(&self::key());
    let mismatch = ["add", ALICE, "--key", &line, "--fingerprint", &other];
    refused(
        &site,
        &mismatch,
        &[&format!(
            "it has the fingerprint {fingerprint}, not {other}"
        )],
    );
    refused(&site, &["add", ALICE], &["--fingerprint"]);
    refused(
        &site,
        &["add", ALICE, "--fingerprint", "x"],
        &["a fingerprint is `SHA256:`"],
    );
    refused(
        &site,
        &["add", "alice", "--fingerprint", &fingerprint],
        &["is no datasite"],
    );
    refused(
        &site,
        &["add", "a/../b@x.org", "--fingerprint", &fingerprint],
        &["is no datasite"],
    );
    assert_eq!(listed(&site, "author"), [] as [Value; 0]);
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_place() {
    let (site, key) = (Site::new(), key());
    trust(&site, &["add", ALICE, "--key", &key.public().to_openssh()]).succeeded();
    let policy = store(&site).join("policy.yaml");
    fs::write(
        &policy,
        "apiVersion: v1\nanyOf:\n  minimumMatches: 1\n  signature: []\n",
    )
    .unwrap();
    let place = format!("{}:4: unknown field `signature`", policy.display());
    refused(
        &site,
        &["list"],
        &[&place, "hint: allowed are `apiVersion: v1`"],
    );
    fs::write(
        &policy,
        "apiVersion: v1\nallOf:\n- kind: pinnedAuthor\n- {kind: syftIdentity, email: b@x.org}\n",
    )
    .unwrap();
    let shown = trust(&site, &["list"]).succeeded().stdout;
    let words = "signed by the pinned key of the author and by the pinned key of b@x.org.\n";
    assert!(shown.ends_with(words), "{shown}");
    let author = fs::read_dir(store(&site).join("authors"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    fs::write(author.path(), "{}").unwrap();
    let add = ["add", ALICE, "--key", &key.public().to_openssh()];
    for arguments in [&["list"][..], &add, &["remove", ALICE]] {
        refused(
            &site,
            arguments,
            &["so nobody is trusted", "hint: put it back"],
        );
    }
}

#[test]
fn it_is_the_owners_alone() {
    let (site, key) = (Site::new(), key());
    trust(&site, &["add", ALICE, "--key", &key.public().to_openssh()]).succeeded();
    trust(&site, &["revoke", &fingerprint(&key)]).succeeded();
    for entry in walkdir::WalkDir::new(store(&site)) {
        let entry = entry.unwrap();
        let expected = if entry.file_type().is_dir() {
            0o700
        } else {
            0o600
        };
        assert_eq!(mode(entry.path()), expected, "{}", entry.path().display());
    }
    fs::set_permissions(store(&site), fs::Permissions::from_mode(0o720)).unwrap();
    refused(&site, &["list"], &["trust: it can be written by others"]);
}

#[test]
fn a_store_in_the_synced_folder_is_refused() {
    let site = Site::new();
    let synced = site.datasites().join(OWNER).join("trust");
    fs::create_dir_all(&synced).unwrap();
    fs::create_dir_all(store(&site).parent().unwrap()).unwrap();
    symlink(&synced, store(&site)).unwrap();
    let data = site.data_dir();
    let options = ["--email", OWNER, "--data-dir", data.to_str().unwrap()];
    let arguments = [&["list"], &options[..]].concat();
    refused(
        &site,
        &arguments,
        &["syft-host/trust lies inside the synced folder"],
    );
    assert_eq!(fs::read_dir(&synced).unwrap().count(), 0);
}

#[test]
fn several_who_write_at_once_lose_nothing() {
    let site = Site::new();
    let digests: Vec<String> = (0..16).map(|at| format!("{at:064x}")).collect();
    thread::scope(|scope| {
        for digest in &digests {
            let site = &site;
            scope.spawn(move || trust(site, &["revoke", digest]).succeeded());
        }
    });
    let revoked = listed(&site, "revocations").remove(0);
    let known = revoked["digests"].as_object().unwrap();
    assert_eq!(known.len(), digests.len());
}

#[test]
fn a_name_that_looks_like_one_that_is_trusted_is_an_alarm() {
    let site = Site::new();
    let add = |email: &str, more: &[&str]| {
        let print = fingerprint(&key());
        trust(
            &site,
            &[&["add", email, "--fingerprint", &print], more].concat(),
        )
    };
    add(ALICE, &[]).succeeded();
    add("bob@example.org", &[]).succeeded();
    for lookalike in [
        "\u{430}lice@example.org",
        "a1ice@example.org",
        "ALICE@example.org",
        "alice@exarnple.org",
    ] {
        let ended = add(lookalike, &[]);
        assert_eq!(ended.code, Some(2), "{lookalike}: {}", ended.stdout);
        let why = "is not alice@example.org, whom you trust, but looks alike";
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
        assert!(ended.stderr.is_ascii(), "{}", ended.stderr);
    }
    let cyrillic = "\u{430}lice@example.org";
    let ended = add(cyrillic, &["--accept-lookalike"]).succeeded();
    assert!(
        ended.stdout.starts_with("\\u{430}lice@"),
        "{}",
        ended.stdout
    );
    let ended = trust(&site, &["list"]).succeeded();
    assert!(
        ended.stdout.contains("\n\\u{430}lice@example.org\n"),
        "{}",
        ended.stdout
    );
    // Whoever is trusted already is not another one.
    let print = fingerprint(&key());
    trust(
        &site,
        &["add", cyrillic, "--fingerprint", &print, "--replace"],
    )
    .succeeded();
}
