//! What apps say of themselves.

use syft_manifest::sanitize::is_plain;
use syft_manifest::{Manifest, section};

use crate::assert_is_short_line;
use crate::components::EMPTY;

/// The JSON that a component carries.
pub fn manifest_json(bytes: &[u8]) {
    let manifest = match Manifest::from_section(bytes) {
        Ok(manifest) => manifest,
        Err(error) => return assert_is_short_line(&error.to_string(), 600),
    };
    check(&manifest);
    // Of addresses and variables there are spellings that are shorter than the canonical one.
    let n_shorter = manifest.http.allow.len() + manifest.env.len();
    // What a secret leaves out of how it is sent is written out.
    let n_usual_bytes = 64 * manifest.secrets.len();
    assert!(manifest.to_section().len() <= bytes.len() + n_shorter + n_usual_bytes);
}

/// The text of a `syft-app.toml`.
pub fn manifest_toml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let diagnostics = match Manifest::from_toml("syft-app.toml", &text) {
        Ok((manifest, warnings)) => {
            check(&manifest);
            assert!(warnings.iter().all(|warning| !warning.is_error()));
            assert_eq!(warnings.len(), manifest.warnings().len());
            warnings
        }
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(|diagnostic| diagnostic.is_error()));
            diagnostics
        }
    };
    for diagnostic in diagnostics {
        let shown = diagnostic.to_string();
        assert!(
            shown.lines().all(|line| line.chars().all(is_plain)),
            "{shown}"
        );
        assert!(diagnostic.line() <= text.matches('\n').count() + 1);
    }
}

/// It is the same when a component carried it, and obeys its bounds.
fn check(manifest: &Manifest) {
    let json = manifest.to_section();
    let component = section::embed(EMPTY, &json).expect("it has a size");
    assert_eq!(
        Manifest::from_component(&component).as_ref(),
        Ok(&Some(manifest.clone()))
    );
    assert_eq!(
        Manifest::from_section(&json).map(|manifest| manifest.to_section()),
        Ok(json)
    );
    let texts = [&manifest.description, &manifest.author];
    texts
        .into_iter()
        .flatten()
        .for_each(|text| assert_is_short_line(text, 500));
    let limits = &manifest.limits;
    assert!(
        limits
            .concurrency
            .is_none_or(|concurrency| (1..=1000).contains(&concurrency))
    );
    assert!(
        limits
            .memory_bytes
            .is_none_or(|bytes| (1 << 20..=4 << 30).contains(&bytes))
    );
    assert!(
        limits
            .state_bytes
            .is_none_or(|bytes| (1 << 20..=16 << 30).contains(&bytes))
    );
    assert!(
        limits
            .time
            .is_none_or(|time| (1..=600_000).contains(&time.as_millis()))
    );
    for pattern in &manifest.messages.send {
        assert!(pattern.as_str().contains("rpc") || pattern.as_str().contains("**"));
    }
    let files = &manifest.files;
    for pattern in &files.write {
        let name = pattern.as_str().to_ascii_lowercase();
        assert!(
            !name
                .split('/')
                .any(|part| ["syft.pub.yaml", "did.json"].contains(&part))
        );
    }
}
