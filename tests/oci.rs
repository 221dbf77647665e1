//! Apps that come from a registry and go to one, whatever the registry is like.

mod accounts;
mod commands;
mod fake;
mod interop;
mod lies;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use syft_package::oci::{self, Auth, OciDigest, OciError, Pulled, Reference, TransferBounds};
use syft_package::{Package, SecretKey, Signable};

use crate::support::sections::{HEADER, custom, handlers};
use crate::support::tell_not_run;
use fake::Fake;

const MANIFEST: &str = r#"{"app":{"name":"leaderboard","version":"1.2.0","sequence":17,"author":"alice@example.org"}}"#;

fn app() -> Vec<u8> {
    app_of("leaderboard")
}

fn app_of(code: &str) -> Vec<u8> {
    let sections = [
        custom("code", code.as_bytes()),
        handlers(),
        custom("syft:manifest", MANIFEST.as_bytes()),
    ];
    [&HEADER[..], &sections.concat()].concat()
}

fn signed_app() -> Vec<u8> {
    let key = SecretKey::generate().unwrap();
    Signable::read(&app()).unwrap().sign(&[key]).unwrap()
}

/// Returns a reference to what a registry has.
fn at(host: &str, name: &str) -> Reference {
    format!("oci://{host}/{name}").parse().unwrap()
}

/// So long that nothing of it passes unless something waits in vain.
fn bounds() -> TransferBounds {
    TransferBounds {
        component_bytes: 1 << 20,
        answer: Duration::from_secs(60),
        transfer: Duration::from_secs(60),
    }
}

/// For those who wait in vain.
fn short() -> TransferBounds {
    TransferBounds {
        answer: Duration::from_millis(300),
        transfer: Duration::from_millis(300),
        ..bounds()
    }
}

fn push(registry: &Fake, name: &str, component: &[u8]) -> Result<OciDigest, OciError> {
    let reference = at(&registry.host(), name);
    let none = BTreeMap::new();
    oci::push(component, &reference, &none, &Auth::Anonymous, &bounds())
}

fn pull(registry: &Fake, name: &str) -> Result<Pulled, OciError> {
    let reference = at(&registry.host(), name);
    oci::pull(&reference, &Auth::Anonymous, &bounds())
}

#[test]
fn what_is_pushed_is_pulled() {
    let registry = Fake::honest();
    let app = signed_app();
    let release = Signable::read(&app).unwrap().release().clone();
    let mut annotations = oci::annotations(&release);
    annotations.insert(oci::LINEAGE.to_owned(), "[]".to_owned());
    let tagged = at(&registry.host(), "alice/leaderboard:1.2.0");
    let push = |reference| oci::push(&app, reference, &annotations, &Auth::Anonymous, &bounds());
    let digest = push(&tagged).unwrap();
    for reference in [&tagged, &tagged.pinned(&digest)] {
        let pulled = oci::pull(reference, &Auth::Anonymous, &bounds()).unwrap();
        assert_eq!(pulled.component, app);
        assert_eq!(pulled.manifest_digest, digest);
        assert_eq!(pulled.layer_digest, OciDigest::of(&app));
        assert_eq!(pulled.annotations, annotations);
        let verified = Package::read(&pulled.component).unwrap().verify(&[]);
        assert_eq!(verified.unwrap().release(), &release);
    }
    let elsewhere = at(&registry.host(), "bob/copy:latest");
    assert_eq!(push(&elsewhere), Ok(digest));
    assert_eq!(
        push(&tagged.pinned(&OciDigest::of(b""))),
        Err(OciError::NeedsTag)
    );
}

/// The form that other tools for components write and read.
#[test]
fn an_app_has_the_form_that_is_usual_for_components() {
    let registry = Fake::honest();
    let app = app();
    let reference = at(&registry.host(), "a:1");
    let annotations = BTreeMap::from([(
        "org.opencontainers.image.title".to_owned(),
        "leaderboard".to_owned(),
    )]);
    oci::push(&app, &reference, &annotations, &Auth::Anonymous, &bounds()).unwrap();
    let manifest: Value = serde_json::from_slice(&registry.manifest("a:1")).unwrap();
    let config = json!({
        "created": "1970-01-01T00:00:00Z",
        "author": null,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [OciDigest::of(&app).to_string()],
        "component": {"exports": ["syft:app/rpc@0.1.0"], "imports": []},
    });
    let expected = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.wasm.config.v0+json",
            "digest": OciDigest::of(config.to_string().as_bytes()).to_string(),
            "size": config.to_string().len(),
        },
        "layers": [{
            "mediaType": "application/wasm",
            "digest": OciDigest::of(&app).to_string(),
            "size": app.len(),
            "annotations": {"org.opencontainers.image.title": "leaderboard.wasm"},
        }],
        "annotations": {"org.opencontainers.image.title": "leaderboard"},
    });
    assert_eq!(manifest, expected);
}

#[test]
fn what_is_no_component_is_not_pushed() {
    let registry = Fake::honest();
    let refused = push(&registry, "a:1", b"\0asm\x01\0\0\0");
    assert!(
        matches!(refused, Err(OciError::Component(_))),
        "{refused:?}"
    );
    let annotations = BTreeMap::from([("long".to_owned(), "x".repeat(256 << 10))]);
    let reference = at(&registry.host(), "a:1");
    let refused = oci::push(
        &app(),
        &reference,
        &annotations,
        &Auth::Anonymous,
        &bounds(),
    );
    assert!(
        matches!(refused, Err(OciError::TooLarge { .. })),
        "{refused:?}"
    );
    assert!(registry.asked().is_empty());
}

#[test]
fn this_machine_is_known_by_each_of_its_names() {
    for (name, address) in [("localhost", "127.0.0.1:0"), ("[::1]", "[::1]:0")] {
        let Ok(listener) = TcpListener::bind(address) else {
            tell_not_run("this machine has no such address");
            continue;
        };
        let port = listener.local_addr().unwrap().port();
        let registry = Fake::at(listener, |_, honest| honest);
        let reference = at(&format!("{name}:{port}"), "a:1");
        let none = BTreeMap::new();
        oci::push(&app(), &reference, &none, &Auth::Anonymous, &bounds()).unwrap();
        let pulled = oci::pull(&reference, &Auth::Anonymous, &bounds()).unwrap();
        assert_eq!(pulled.component, app());
        assert!(!registry.asked().is_empty());
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let registry = Fake::honest();
    let absent = format!("a@{}", OciDigest::of(b""));
    for name in ["a:1", &absent] {
        let refused = pull(&registry, name).unwrap_err();
        let message = format!("the registry {} has no such app", registry.host());
        assert_eq!(refused.to_string(), message);
        assert!(!refused.hints().is_empty());
    }
}

/// A registry is no place to say whose an app is: who installs it compares the author and the
/// name that are signed.
#[test]
fn the_same_app_in_another_repository_is_passed_on() {
    let registry = Fake::honest();
    let app = signed_app();
    let digest = push(&registry, "alice/leaderboard:1.2.0", &app).unwrap();
    let manifest = registry.manifest("alice/leaderboard:1.2.0");
    registry.put_manifest("mallory/other:9.9.9", &manifest);
    let replayed = pull(&registry, "mallory/other:9.9.9").unwrap();
    assert_eq!(replayed.manifest_digest, digest);
    let verified = Package::read(&replayed.component)
        .unwrap()
        .verify(&[])
        .unwrap();
    let release = verified.release();
    assert_eq!(release.name.as_str(), "leaderboard");
    assert_eq!(release.author.as_str(), "alice@example.org");
}
