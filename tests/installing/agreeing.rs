//! What an owner is told before they agree, and what has changed by then.

use std::fs;

use syft_manifest::{SecretValue, VariableName};
use syft_runtime::secrets::SecretStore;
use zeroize::Zeroizing;

use super::{World, digest};
use crate::support::guests::example;
use crate::support::host::{Ended, output};
use crate::support::people::{Person, Served};

const READS: &str = "[files]\nread = ['*/public/*.json']";
const READS_MORE: &str = "[files]\nread = ['*/public/*']";

#[test]
fn what_waits_counts_no_more_once_its_key_does_not() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    let signer = world.install(&file)["current"]["signer"].clone();
    let signer = signer.as_str().unwrap();
    let wider = world.release("1.0.2", READS_MORE);
    assert_eq!(
        world.owner_says(&["install", &wider, "--yes"])["event"],
        "waits"
    );
    let approve = ["approve", "demo", "--expect-digest", &digest(&wider)];
    world.owner.json(&world.site, &["trust", "revoke", signer]);
    let why = world.refused(&approve);
    assert!(why.contains("revoked by you"), "{why}");
    let undo = ["trust", "revoke", "--undo", signer];
    world.owner.json(&world.site, &undo);

    // Nor does it if the owner trusts another key by now.
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAy6mnQMM1tkF/MmshpUHe8N3u8YS1q/CJ3Ao6wKUZLp";
    let replace = [
        "trust",
        "add",
        &world.alice.email,
        "--key",
        other,
        "--replace",
    ];
    world.owner.json(&world.site, &replace);
    world.refused(&approve);
    assert_eq!(world.versions()[0].as_deref(), Some("1.0.1"));
}

#[test]
fn what_an_app_asks_for_does_not_reorder_what_is_shown() {
    let world = World::new();
    let files = "[files]\nread = ['{app_data}/\u{202e}x/a']\nwrite = ['{app_data}/\u{202e}x/**']";
    let file = world.release("1.0.1", files);
    let why = world.refused(&["install", &file]);
    assert!(why.contains("careful: `write` has"), "{why}");
    assert!(!why.contains('\u{202e}'), "{why}");
}

#[test]
fn an_author_who_looks_like_a_known_one_is_an_alarm_and_taken_by_no_yes() {
    let world = World::new();
    world.install(&world.release("1.0.1", ""));
    for (seed, email) in [(6, "\u{430}lice@example.org"), (7, "aIice@example.org")] {
        let forger = Person::new(&world.site, email, seed);
        let toml = format!(
            "[app]\nname = 'other{seed}'\nversion = '1.0.1'\nsequence = 1\nauthor = '{email}'\n"
        );
        let file = forger.signed(&world.site, &example("hello"), &toml);
        let install = ["install", &file, "--yes", "--expect-digest", &digest(&file)];
        let why = world.refused(&install);
        let alarm = "is not alice@example.org, whom you trust, but looks alike";
        assert!(
            why.contains("ALARM: ") && why.matches(alarm).count() == 2,
            "{why}"
        );
        assert!(!why.contains('\u{430}'), "{why}");
        let why = world.refused(&["run", &file]);
        assert!(
            why.contains("ALARM: ") && why.matches(alarm).count() == 2,
            "{why}"
        );
        world.owner_says(&[&install[..], &["--accept-lookalike"]].concat());
    }
}

#[test]
fn an_app_whose_name_looks_like_an_installed_one_is_an_alarm() {
    let world = World::new();
    world.install(&world.release("1.0.1", ""));
    let other = Person::new(&world.site, "carol@example.org", 8);
    for (name, is_alike) in [("dem0", true), ("Demo", true), ("demos", false)] {
        let toml = format!(
            "[app]\nname = '{name}'\nversion = '1.0.1'\nsequence = 1\nauthor = 'carol@example.org'\n"
        );
        let file = other.signed(&world.site, &example("hello"), &toml);
        let why = world.refused(&["install", &file]);
        let alarm = "ALARM: this is not `demo` of alice@example.org";
        assert_eq!(why.contains(alarm), is_alike, "{why}");
    }
}

#[test]
fn what_an_app_says_of_itself_passes_for_nothing_of_ours() {
    let world = World::new();
    let known = "which you know as the key of alice@example.org";
    let pads = ["x", " ", "\u{8a9e}", "e\u{301}", "\u{3000}", "\u{1f600}"];
    for (n, pad) in (1..).zip(pads) {
        let pad = pad.repeat((500 - known.len() - 30) / pad.chars().count());
        let text = format!("{pad}Author   alice@example.org {known}");
        let text: String = text.chars().rev().take(500).collect();
        let text: String = text.chars().rev().collect();
        let file = world.release(&format!("1.0.{n}"), &format!("description = '{text}'\n"));
        for width in ["20", "80", "200"] {
            let install = ["install", &file];
            let mut command = world.owner.command(&world.site, &install);
            let ended = Ended::of(&output(command.env("COLUMNS", width)));
            let shown = ended.stderr;
            let theirs: Vec<&str> = shown
                .lines()
                .filter(|line| line.starts_with("  │ "))
                .collect();
            assert!(!theirs.is_empty(), "{shown}");
            let ours = shown.lines().filter(|line| !line.starts_with("  │ "));
            let ours = ours.collect::<Vec<_>>().join("\n");
            assert_eq!(ours.matches("Author").count(), 1, "{shown}");
            assert!(!ours.contains("which you know as"), "{shown}");
            // It comes last of what is shown.
            let end = shown.rfind("  │ ").unwrap();
            let rest = &shown[end..];
            assert!(
                shown.find("SHA-256").unwrap() < shown.find("  │ ").unwrap(),
                "{shown}"
            );
            assert!(rest.contains("error: cannot"), "{shown}");
        }
    }
}

#[test]
fn an_owner_is_told_who_would_get_what_was_kept() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    let data = world.owner.home.join(".local/share/syft-host/apps");
    let data = data.join(&world.owner.email).join("demo");
    fs::create_dir_all(&data).unwrap();
    let words = "careful: an app that was run as `demo` has kept data here";
    assert!(!world.refused(&["install", &file]).contains(words));
    fs::write(data.join("state.redb"), "").unwrap();
    assert!(world.refused(&["install", &file]).contains(words));
}

#[test]
fn a_damaged_status_hides_no_app() {
    let world = World::new();
    world.install(&world.release("1.0.1", ""));
    let served = Served::start(&world.site, &world.owner);
    let status = world.owner.home.join(".local/share/syft-host/serving");
    fs::write(status.join(&world.owner.email).join("status.json"), "{").unwrap();
    let listed = world.owner.run(&world.site, &["list"]);
    assert_eq!(listed.code, Some(2), "{listed:?}");
    assert!(listed.stdout.contains("demo 1.0.1"), "{listed:?}");
    assert!(
        listed.stderr.contains("cannot tell what is served"),
        "{listed:?}"
    );
    served.stop();
}

/// Secrets are agreed to as files are, stay when an app is removed, and are of its author.
#[test]
fn secrets_are_agreed_to_and_belong_to_the_author() {
    let world = World::new();
    world.install(&world.release("1.0.1", ""));
    let wants = "[http]\nallow = ['https://a.example']\n\
                 [secrets.KEY]\nsend-to = 'https://a.example'\n";
    let file = world.release("1.0.2", wants);
    let waits = world.owner_says(&["install", &file, "--yes"]);
    assert_eq!(waits["event"], "waits");
    let added = "have the host add to requests to https://a.example the secret KEY";
    assert!(waits["wants"].to_string().contains(added), "{waits}");
    let approve = ["approve", "demo", "--expect-digest", &digest(&file)];
    let approved = world.owner.run(&world.site, &approve).succeeded().stdout;
    let command = "It needs a secret from you: `syft-host secret set demo KEY`";
    assert!(approved.contains(command), "{approved}");
    // The same secret for another server is another wish.
    let elsewhere = wants.replace("a.example", "b.example");
    let file = world.release("1.0.3", &elsewhere);
    let waits = world.owner_says(&["install", &file, "--yes"]);
    assert!(
        waits["wants"]
            .to_string()
            .contains("to https://b.example the secret KEY"),
        "{waits}"
    );

    let missing = world.owner_says(&["secret", "list"]);
    assert_eq!(
        (&missing["name"], &missing["set"]),
        (&"KEY".into(), &false.into())
    );
    let apps = world.owner.home.join(".local/share/syft-host/apps");
    let folder = apps.join(&world.owner.email).join("demo");
    let set = || {
        let value = SecretValue::new(Zeroizing::new("s3cret".to_owned())).unwrap();
        let name = VariableName::parse("KEY").unwrap();
        SecretStore::new(&folder).set(&name, &value).unwrap();
    };
    set();
    world.owner_says(&["remove", "demo"]);
    assert_eq!(world.owner_says(&["secret", "list"])["set"], true);
    let mallory = Person::new(&world.site, super::MALLORY, 3);
    let other = mallory.release(&world.site, &example("hello"), "1.0.4", wants);
    let install = [
        "install",
        &other,
        "--yes",
        "--expect-digest",
        &digest(&other),
    ];
    let why = world.refused(&install);
    assert!(why.contains("alice@example.org"), "{why}");
    let why = world.refused(&["run", &other, "--allow-all-requested"]);
    assert!(why.contains("is an app of alice@example.org"), "{why}");
    world.owner_says(&["remove", "demo", "--delete-data"]);
    assert!(!folder.join("secrets").exists());
    // A secret that was set for the name before it came is no surprise.
    set();
    let installed = world.owner.run(&world.site, &install).succeeded();
    let careful = "careful: there are secrets that you set for `demo`";
    assert!(installed.stderr.contains(careful), "{}", installed.stderr);
    assert!(
        !installed.stderr.contains("has kept data here"),
        "{}",
        installed.stderr
    );
    assert!(
        !installed.stdout.contains("It needs a secret"),
        "{}",
        installed.stdout
    );
}
