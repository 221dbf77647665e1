//! What an owner is told before they agree, and what has changed by then.

use std::fs;

use super::{World, digest};

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
    assert!(why.contains("you have revoked it"), "{why}");
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
