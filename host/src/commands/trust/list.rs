//! `syft-host trust list`

use serde_json::{Value, json};
use syft_manifest::sanitize::plain;
use syft_package::trust::{Author, Pinned, Revoked, TrustStore, Trusted};

use super::explain_refused;
use crate::error::CommandError;
use crate::ui::Ui;

pub(super) fn list(ui: Ui, store: &TrustStore) -> Result<(), CommandError> {
    let authors = store.authors().map_err(explain_refused)?;
    let revoked = store.revoked().map_err(explain_refused)?;
    let policy = store.policy().map_err(explain_refused)?;
    for author in &authors {
        ui.json(&author_json(author))?;
        for line in author_lines(author) {
            ui.line(&plain(&line))?;
        }
        ui.line("")?;
    }
    if authors.is_empty() {
        ui.line("Nobody is trusted yet.")?;
        ui.line("")?;
    }
    ui.json(&revoked_json(&revoked))?;
    for line in revoked_lines(&revoked) {
        ui.line(&line)?;
    }
    ui.json(&json!({"event": "policy", "words": policy.to_string()}))?;
    ui.line(&plain(&format!("Apps are taken if they are {policy}.")))?;
    Ok(())
}

fn author_lines(author: &Author) -> Vec<String> {
    let mut lines = vec![author.email.to_string()];
    let mut add = |name: &str, text: String| lines.push(format!("  {name:<12} {text}"));
    match &author.trusted {
        Trusted::Nothing => add("Key", "none is trusted".to_owned()),
        Trusted::Fingerprint(it) => add("Key", format!("{it}  (not seen yet)")),
        Trusted::LastKey => {}
    }
    for pinned in author.keys.iter().rev() {
        let is_current = author.current() == Some(pinned);
        let name = if is_current { "Key" } else { "Before" };
        add(name, pinned_words(pinned));
    }
    for (app, seen) in &author.apps {
        let (sequence, epoch) = (seen.sequence, seen.epoch);
        add("App", format!("{app}: release {sequence}, by key {epoch}"));
    }
    if let Some(catalog) = &author.catalog {
        let (counter, expires) = (catalog.counter, catalog.expires);
        add("Catalog", format!("{counter}, until {expires}"));
    }
    for key in &author.revoked_keys {
        add("Revoked key", key.to_string());
    }
    for digest in &author.revoked_digests {
        add("Revoked", digest.to_string());
    }
    lines
}

fn pinned_words(pinned: &Pinned) -> String {
    let Pinned {
        key,
        epoch,
        since,
        how,
    } = pinned;
    format!("{key}  (key {epoch}, by {how}, since {since})")
}

fn author_json(author: &Author) -> Value {
    let key = |pinned: &Pinned| {
        json!({
            "fingerprint": pinned.key.to_string(),
            "public_key": pinned.key,
            "epoch": pinned.epoch,
            "how": pinned.how,
            "since": pinned.since.to_string(),
        })
    };
    let keys: Vec<Value> = author.keys.iter().map(key).collect();
    json!({
        "event": "author",
        "email": author.email.as_str(),
        "trusted": author.fingerprint(),
        "key_seen": author.current().is_some(),
        "keys": keys,
        "apps": author.apps,
        "catalog": author.catalog,
        "revoked_keys": author.revoked_keys,
        "revoked_digests": author.revoked_digests,
    })
}

fn revoked_lines(revoked: &Revoked) -> Vec<String> {
    let keys = revoked.keys.iter();
    let keys = keys.map(|(key, since)| format!("You revoked the key {key} at {}", since.0));
    let digests = revoked.digests.iter();
    let digests = digests.map(|(digest, since)| format!("You revoked {digest} at {}", since.0));
    keys.chain(digests).collect()
}

fn revoked_json(revoked: &Revoked) -> Value {
    json!({
        "event": "revocations",
        "keys": revoked.keys,
        "digests": revoked.digests,
    })
}
