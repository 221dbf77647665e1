//! What is not installed, and what the owner is told. `cases/installing/NAME.err` is what they see;
//! `BLESS=1` rewrites these files.

use std::fs;
use std::path::Path;

use syft_manifest::section;

use super::{ALICE, MALLORY, World, digest};
use crate::signing;
use crate::signing::signer::{Signer, entry, sha256, signatures};
use crate::support::blessed;
use crate::support::guests::{example, guest, repository};
use crate::support::host::Host;
use crate::support::people::{Person, Served, normal};
use crate::support::sections::{HEADER, custom};

impl World {
    /// Has the owner do something that is refused, with this to be seen.
    #[track_caller]
    fn sees(&self, case: &str, arguments: &[&str]) {
        let seen = normal(&self.site, &self.refused(arguments));
        let path = repository().join("tests/cases/installing");
        blessed(&path.join(case).with_extension("err"), &seen);
    }

    /// As the owner would who has compared the fingerprint of Alice's key.
    fn trust_alice(&self) {
        let key = self.alice.public_key();
        self.owner_says(&["trust", "add", ALICE, "--key", &key]);
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.owner.home.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Whatever `verify` refuses is refused when it is installed, even if its author is trusted, and
/// nothing of it is kept.
#[test]
fn what_is_not_as_it_was_signed_is_not_installed() {
    let world = World::new();
    world.trust_alice();
    for (case, bytes) in signing::attacks() {
        let file = world.write("attack.wasm", &bytes);
        let why = world.refused(&["install", &file, "--yes", "--expect-digest", &digest(&file)]);
        let expected = signing::case(case).with_extension("err");
        let expected = fs::read_to_string(expected).unwrap();
        let first = expected.lines().next().unwrap();
        let reason = first
            .split_once(": ")
            .unwrap()
            .1
            .split_once(": ")
            .unwrap()
            .1;
        assert!(why.contains(reason), "{case}: {why}\nbut {reason}");
    }
    world.nothing_is_there();
}

impl World {
    fn nothing_is_there(&self) {
        assert!(self.owner.json(&self.site, &["list"]).is_empty());
        let data = self.owner.home.join(".local/share/syft-host");
        let components = fs::read_dir(data.join("components").join(&self.owner.email));
        assert_eq!(components.unwrap().count(), 0);
    }
}

#[test]
fn releases_that_speak_against_each_other_are_refused() {
    let world = World::new();
    let second = world.release("1.0.2", "");
    world.install(&second);
    let (first, third) = (world.release("1.0.1", ""), world.release("1.0.3", ""));
    world.sees("lower_sequence", &["install", &first, "--yes"]);
    // The same number, and other bytes.
    let other = world.release("2.0.2", "");
    world.sees("same_sequence_other_bytes", &["install", &other, "--yes"]);
    let downgraded = world.owner_says(&["install", &first, "--yes", "--allow-downgrade"]);
    assert_eq!(downgraded["current"]["version"], "1.0.1");
    // What was highest stays so.
    world.owner_says(&["install", &third, "--yes"]);
    world.sees(
        "lower_sequence_after_a_downgrade",
        &["install", &second, "--yes"],
    );
}

/// Who has stolen a key can use up all numbers of its releases. The author's next key counts anew.
#[test]
fn a_stolen_key_cannot_use_up_the_numbers_of_the_next() {
    let mut world = World::new();
    let last = format!(
        "[app]\nname = 'demo'\nversion = '9.0.0'\nsequence = {}\nauthor = '{ALICE}'\n",
        (1_u64 << 53) - 1
    );
    let last = world.alice.signed(&world.site, &example("hello"), &last);
    world.install(&last);
    let keys = world.alice.take_key(4);
    let [old, new] = keys.each_ref().map(|key| key.to_str().unwrap());
    let rotate = ["rotate", "--old", old, "--new", new];
    world.alice.run(&world.site, &rotate).succeeded();
    let mended = world.release("1.0.5", "");
    let publish = ["publish", &mended, "--key", new];
    world.alice.run(&world.site, &publish).succeeded();
    let url = format!("syft://{ALICE}/public/syft-apps/demo");
    let installed = world.owner_says(&["install", &url, "--yes"]);
    assert_eq!(installed["current"]["sequence"], 5);
    assert_eq!(installed["current"]["epoch"], 1);
    world.sees(
        "fast_forward_by_a_superseded_key",
        &["install", &last, "--yes"],
    );
}

#[test]
fn an_author_who_is_known_is_known_by_their_key() {
    let world = World::new();
    world.install(&world.release("1.0.1", ""));
    let mut forger = Person::new(&world.site, MALLORY, 6);
    forger.email = ALICE.to_owned();
    let forged = forger.release(&world.site, &example("hello"), "1.0.2", "");
    let digest = digest(&forged);
    let install = ["install", &forged, "--yes", "--expect-digest", &digest];
    world.sees("unknown_key", &install);
    // A did.json that shows the forger's key proves nothing.
    world.alice.write_did(&world.site, 6);
    world.sees("unknown_key_of_a_changed_did", &install);
    world.sees("run_with_an_unknown_key", &["run", &forged]);
}

#[test]
fn a_changed_did_is_an_alarm_and_no_update() {
    let world = World::new();
    world.alice.write_did(&world.site, 1);
    world.install(&world.release("1.0.1", ""));
    world.alice.write_did(&world.site, 6);
    let second = world.release("1.0.2", "");
    let ended = world
        .owner
        .run(&world.site, &["install", &second, "--yes"])
        .succeeded();
    assert!(
        ended
            .stderr
            .contains("ALARM: the did.json of alice@example.org has changed")
    );
    let run = ["run", &second, "--require-signature", "--name", "other"];
    let mut served = world
        .owner
        .command(&world.site, &run)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = String::new();
    let stderr = std::io::BufReader::new(served.stderr.take().unwrap());
    for line in std::io::BufRead::lines(stderr).map_while(Result::ok) {
        seen.push_str(&line);
        if line.starts_with("ALARM: ") {
            break;
        }
    }
    served.kill().unwrap();
    served.wait().unwrap();
    assert!(seen.contains("ALARM: "), "{seen}");
}

#[test]
fn what_was_revoked_is_not_installed_nor_gone_back_to() {
    let world = World::new();
    let (first, second) = (world.release("1.0.1", ""), world.release("1.0.2", ""));
    world.install(&first);
    world.install(&second);
    world.owner_says(&["trust", "revoke", &digest(&first)]);
    world.sees(
        "revoked_digest",
        &["install", &first, "--yes", "--allow-downgrade"],
    );
    world.sees("rollback_to_a_revoked_one", &["rollback", "demo"]);
    world.sees("run_a_revoked_one", &["run", &first]);
    world.owner_says(&["trust", "revoke", &world.alice.public_key()]);
    let third = world.release("1.0.3", "");
    world.sees("revoked_key", &["install", &third, "--yes"]);
}

#[test]
fn what_cannot_be_served_is_not_installed() {
    let world = World::new();
    world.trust_alice();
    let unfit = world.alice.unfit_release("1.0.1", "");
    world.sees("no_app", &["install", &unfit, "--yes"]);
    let unsigned = world.write("unsigned.wasm", &fs::read(example("hello")).unwrap());
    world.sees("unsigned", &["install", &unsigned, "--yes"]);
    world.sees("absent", &["install", "absent.wasm", "--yes"]);
    world.sees("a_folder", &["install", ".", "--yes"]);
    world.sees("other_scheme", &["install", "https://example.org/app.wasm"]);
    world.sees(
        "no_url",
        &["install", "syft://alice@example.org/public/demo"],
    );
    world.nothing_is_there();
}

/// An app that imports what no manifest can ask for is not even signed, so somebody signs it by
/// other means.
#[test]
fn imports_without_cover_are_refused() {
    let world = World::new();
    world.trust_alice();
    let toml =
        format!("[app]\nname = 'demo'\nversion = '1.0.1'\nsequence = 1\nauthor = '{ALICE}'\n");
    let (manifest, _) = syft_manifest::Manifest::from_toml("x", &toml).unwrap();
    let bytes = fs::read(guest("wants-unknown-import")).unwrap();
    let bytes = section::embed(&bytes, &manifest.to_section()).unwrap();
    let signed = signing::signed_by(&Signer::alice(), &bytes[8..]);
    let file = world.write("wants.wasm", &signed);
    world.sees("import_without_cover", &["install", &file, "--yes"]);
    world.nothing_is_there();
}

/// Wherever an app came from, what its author revokes in their catalog counts: at an update, and
/// for a host that begins to serve.
#[test]
fn an_author_revokes_what_was_installed_from_a_file() {
    let world = World::new();
    let key = world.alice.key();
    let key = key.to_str().unwrap();
    let file = world.release("1.0.1", "");
    world.install(&file);
    for publish in [
        &["publish", &file, "--key", key][..],
        &["publish", "--app", "demo", "--revoke", "1", "--key", key],
    ] {
        world.alice.run(&world.site, publish).succeeded();
    }
    let served = Served::start(&world.site, &world.owner);
    let failed = served.wait_for("the app to stop", |event| event["event"] == "app-failed");
    assert!(
        failed["error"].as_str().unwrap().contains("revoked"),
        "{failed}"
    );
    world.sees("update_of_a_revoked_one", &["update"]);
}

/// As above, with nobody who serves.
#[test]
fn an_update_looks_at_what_an_author_revokes() {
    let world = World::new();
    let key = world.alice.key();
    let key = key.to_str().unwrap();
    let file = world.release("1.0.1", "");
    world.install(&file);
    assert_eq!(world.owner_says(&["update"])["event"], "up-to-date");
    for publish in [
        &["publish", &file, "--key", key][..],
        &["publish", "--app", "demo", "--revoke", "1", "--key", key],
    ] {
        world.alice.run(&world.site, publish).succeeded();
    }
    world.sees("update_of_a_revoked_one", &["update"]);
}

/// The file that was checked is the one that runs, whatever lies at its path afterwards.
#[test]
fn a_file_that_is_swapped_afterwards_changes_nothing() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    let kept = digest(&file);
    world.install(&file);
    fs::write(&file, b"swapped").unwrap();
    assert_eq!(world.owner_says(&["list"])["current"]["sha256"], kept);
    world.sees("update_from_a_swapped_file", &["update"]);

    // Nor does one in the host's own folder.
    let components = world.owner.home.join(".local/share/syft-host/components");
    let component = components
        .join(&world.owner.email)
        .join(format!("{kept}.wasm"));
    fs::write(&component, fs::read(example("hello")).unwrap()).unwrap();
    let served = Served::start(&world.site, &world.owner);
    let failed = served.wait_for("the app to fail", |event| event["event"] == "app-failed");
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("it has other bytes"), "{error}");
    let listed = world.owner_says(&["list"]);
    assert_eq!(listed["status"]["serving"], serde_json::Value::Null);
    assert_eq!(listed["status"]["trouble"]["error"], failed["error"]);
}

#[test]
fn a_name_is_its_authors() {
    let world = World::new();
    world.install(&world.release("1.0.1", ""));
    let hello = world.write("hello.wasm", &fs::read(example("hello")).unwrap());
    let hello = hello.as_str();
    world.sees(
        "run_under_the_name_of_an_installed_app",
        &["run", hello, "--name", "demo"],
    );
    let mallory = Person::new(&world.site, MALLORY, 6);
    let other = mallory.release(&world.site, Path::new(hello), "1.0.1", "");
    world.sees(
        "an_app_of_another",
        &[
            "install",
            &other,
            "--yes",
            "--expect-digest",
            &digest(&other),
        ],
    );
}

/// As other tools sign: it says that the file is whole, and not who says so.
#[test]
fn a_signature_without_a_name_is_as_good_as_none() {
    let world = World::new();
    let content = fs::read(example("hello")).unwrap()[8..].to_vec();
    let hash = sha256(&content);
    let nameless = entry(b"", &Signer::alice().sign(&[hash]));
    let section = custom("signature", &signatures(&[hash], &[nameless]));
    let bytes = [&HEADER[..], &section, &content].concat();
    let file = world.write("nameless.wasm", &bytes);
    world.sees(
        "required_and_nameless",
        &["run", &file, "--require-signature"],
    );
    let host = Host::spawn(
        &world.site,
        world.owner.command(&world.site, &["run", &file]),
    );
    let log = fs::read_to_string(world.site.path().join("host.log")).unwrap();
    assert!(
        log.contains("warning: nothing says who has signed this app"),
        "{log}"
    );
    host.stop();
}

#[test]
fn a_signature_can_be_required() {
    let world = World::new();
    let unsigned = world.write("unsigned.wasm", &fs::read(example("hello")).unwrap());
    let signed = world.release("1.0.1", "");
    world.sees(
        "required_and_unsigned",
        &["run", &unsigned, "--require-signature"],
    );
    world.sees(
        "required_and_of_nobody_known",
        &["run", &signed, "--require-signature"],
    );
    let policy = world.owner.home.join(".config/syft-host/trust/policy.yaml");
    world.trust_alice();
    let reviewed = "apiVersion: v1\nallOf:\n  - kind: pinnedAuthor\n  - kind: syftIdentity\n    email: bob@example.org\n";
    fs::write(&policy, reviewed).unwrap();
    world.sees(
        "required_by_a_policy",
        &["run", &signed, "--require-signature"],
    );
    world.sees("install_against_a_policy", &["install", &signed, "--yes"]);
    fs::write(&policy, "apiVersion: v1\nallOf: []\n").unwrap();
    world.sees("policy_that_is_none", &["install", &signed, "--yes"]);
}
