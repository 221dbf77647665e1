//! Registries that say one thing and do another, send without end or not at all, and send us on.

use std::io::Read as _;
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};
use syft_package::oci::{self, Auth, OciDigest, OciError, TransferBounds};
use zeroize::Zeroizing;

use super::fake::{Answer, Asked, DIGEST, Ending, Fake};
use super::{app, app_of, at, bounds, pull, push, short};

/// Starts a registry with an app as `a:1`, and another one as `evil:1`.
fn with_apps(lie: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static) -> (Fake, OciDigest) {
    let registry = Fake::lying(lie);
    let digest = push(&registry, "a:1", &app()).unwrap();
    push(&registry, "evil:1", &app_of("mallory")).unwrap();
    (registry, digest)
}

/// Returns the manifest that names another component.
fn evil_manifest() -> Vec<u8> {
    let registry = Fake::honest();
    push(&registry, "evil:1", &app_of("mallory")).unwrap();
    registry.manifest("evil:1")
}

fn refused(registry: &Fake, name: &str) -> String {
    pull(registry, name).unwrap_err().to_string()
}

#[test]
fn a_registry_that_shows_one_manifest_and_gives_another_is_found_out() {
    let is_asked = |asked: &Asked| asked.is("GET", "/v2/a/manifests/");
    for header in ["that of the first", "its own", "none"] {
        let evil = evil_manifest();
        let (registry, digest) = with_apps(move |asked, honest| match (is_asked(asked), header) {
            (false, _) => honest,
            (true, "none") => honest.body(evil.clone()).without(DIGEST),
            (true, "its own") => {
                let own = OciDigest::of(&evil).to_string();
                honest.body(evil.clone()).with(DIGEST, own)
            }
            (true, _) => honest.body(evil.clone()),
        });
        let expected = format!(
            "the registry gave other bytes for the manifest than it promised: they are not those \
             of {digest}"
        );
        for name in ["a:1", &format!("a@{digest}")] {
            assert_eq!(refused(&registry, name), expected, "{header}");
        }
        let is_blob = |asked: &Asked| asked.is("GET", "/blobs/");
        assert!(!registry.asked().iter().any(is_blob), "{header}");
    }
}

/// Then the first answer is all there is to say what the tag means, and it is not asked again.
#[test]
fn a_registry_that_names_no_digest_may_not_change_its_mind() {
    let evil = evil_manifest();
    let (registry, digest) = with_apps(move |asked, honest| {
        if asked.is("GET", "/v2/a/manifests/sha256:") {
            honest.body(evil.clone()).without(DIGEST)
        } else {
            honest.without(DIGEST)
        }
    });
    assert!(refused(&registry, "a:1").contains(&digest.to_string()));
    let honest = pull(&registry, "evil:1").unwrap();
    assert_eq!(honest.component, app_of("mallory"));
}

#[test]
fn another_component_than_the_manifest_names_is_found_out() {
    let honest_length = app().len();
    let mut longer = app();
    longer.push(0);
    let cut = app()[..honest_length - 1].to_vec();
    let same_length = app_of("leaderbored");
    assert_eq!(same_length.len(), honest_length);
    for evil in [app_of("mallory"), longer, cut, same_length, Vec::new()] {
        let body = evil.clone();
        let (registry, digest) = with_apps(move |asked, honest| {
            if asked.is("GET", "/v2/a/blobs/") {
                honest.body(body.clone())
            } else {
                honest
            }
        });
        for name in ["a:1", &format!("a@{digest}")] {
            let expected = format!(
                "the registry gave other bytes for the component than it promised: they are not \
                 those of {}",
                OciDigest::of(&app())
            );
            assert_eq!(refused(&registry, name), expected);
        }
    }
}

#[test]
fn answers_without_end_are_read_up_to_a_bound() {
    for (part, by_tag, expected) in [
        ("/blobs/", true, "gave other bytes for the component"),
        (
            "/manifests/",
            true,
            "the manifest is too large: at most 256 KiB",
        ),
        (
            "/manifests/",
            false,
            "the manifest is too large: at most 256 KiB",
        ),
    ] {
        let (registry, digest) = with_apps(move |asked, honest| {
            if asked.is("GET", part) {
                honest.body(vec![b' '; 1 << 16]).ending(Ending::Endless)
            } else {
                honest
            }
        });
        let name = if by_tag {
            "a:1".to_owned()
        } else {
            format!("a@{digest}")
        };
        let said = refused(&registry, &name);
        assert!(said.contains(expected), "{part}: {said}");
        assert!(!registry.was_read_to_the_end(), "{part}");
    }
}

#[test]
fn what_takes_too_long_is_given_up() {
    for ending in [Ending::Stalls, Ending::Drips] {
        for part in ["/manifests/", "/blobs/"] {
            let (registry, _) = with_apps(move |asked, honest| {
                if asked.is("GET", part) {
                    honest.body("{").ending(ending)
                } else {
                    honest
                }
            });
            // Enough may drip in that time to be none of these bytes.
            let bounds = TransferBounds {
                component_bytes: 1 << 30,
                ..short()
            };
            let large = json!({"size": 1 << 29});
            registry.put_manifest("a:1", &changed(&registry, "/layers/0", &large));
            let reference = at(&registry.host(), "a:1");
            let error = oci::pull(&reference, &Auth::Anonymous, &bounds).unwrap_err();
            assert!(
                matches!(error, OciError::TimedOut { .. }),
                "{ending:?} {part}: {error}"
            );
            let said = "did not answer fully within 300 ms";
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}

#[test]
fn what_breaks_off_is_not_taken() {
    for part in ["/manifests/", "/blobs/"] {
        let (registry, _) = with_apps(move |asked, honest| {
            if asked.is("GET", part) {
                honest.ending(Ending::BreaksOff)
            } else {
                honest
            }
        });
        let said = refused(&registry, "a:1");
        assert!(
            said.contains("cannot be reached") || said.contains("protocol"),
            "{said}"
        );
    }
}

/// Returns the manifest of `a:1` with some values changed at a place.
fn changed(registry: &Fake, place: &str, values: &Value) -> Vec<u8> {
    let mut manifest: Value = serde_json::from_slice(&registry.manifest("a:1")).unwrap();
    let target = manifest
        .pointer_mut(place)
        .unwrap()
        .as_object_mut()
        .unwrap();
    target.extend(values.as_object().unwrap().clone());
    serde_json::to_vec(&manifest).unwrap()
}

#[test]
fn what_is_no_app_is_not_taken() {
    let (registry, _) = with_apps(|_, honest| honest);
    let manifest: Value = serde_json::from_slice(&registry.manifest("a:1")).unwrap();
    let layer = &manifest["layers"][0];
    let index = "application/vnd.oci.image.index.v1+json";
    for (place, values, expected) in [
        (
            "",
            json!({"layers": [layer, layer]}),
            "it has 2 layers, not one",
        ),
        ("", json!({"layers": []}), "it has 0 layers, not one"),
        ("", json!({"schemaVersion": 1}), "schema version 1"),
        (
            "",
            json!({"mediaType": index}),
            "its manifest is of the type application/vnd.oci.image.index.v1+json",
        ),
        ("", json!({"config": null}), "its manifest cannot be read"),
        (
            "/config",
            json!({"mediaType": "application/vnd.oci.image.config.v1+json"}),
            "its config is of the type application/vnd.oci.image.config.v1+json",
        ),
        (
            "/layers/0",
            json!({"mediaType": "application/wasm+gzip"}),
            "its layer is of the type application/wasm+gzip",
        ),
        (
            "/layers/0",
            json!({"mediaType": "\u{1b}[31m"}),
            "its layer is of the type \u{fffd}[31m",
        ),
        (
            "/layers/0",
            json!({"digest": "sha512:00"}),
            "its manifest cannot be read",
        ),
        (
            "/layers/0",
            json!({"digest": "sha256:../../x"}),
            "its manifest cannot be read",
        ),
        (
            "/layers/0",
            json!({"size": -1}),
            "its manifest cannot be read",
        ),
    ] {
        registry.put_manifest("a:2", &changed(&registry, place, &values));
        let said = refused(&registry, "a:2");
        let start = "this is not a WebAssembly app: ";
        assert!(said.starts_with(&format!("{start}{expected}")), "{said}");
    }
    registry.put_manifest("a:2", b"\0");
    assert!(refused(&registry, "a:2").contains("its manifest cannot be read"));
    registry.put_manifest(
        "a:2",
        &changed(&registry, "/layers/0", &json!({"size": (1 << 20) + 1})),
    );
    assert_eq!(
        refused(&registry, "a:2"),
        "the component is too large: at most 1 MiB are taken"
    );
}

#[test]
fn a_registry_may_send_us_on_to_where_the_bytes_are() {
    let (store, _) = with_apps(|_, honest| honest);
    let place = format!("http://{}", store.host());
    let (registry, _) = with_apps(move |asked, honest| {
        if asked.is("GET", "/blobs/") {
            Answer::new(307, "").with("Location", format!("{place}{}", asked.path))
        } else {
            honest
        }
    });
    assert_eq!(pull(&registry, "a:1").unwrap().component, app());
    assert!(
        store
            .asked()
            .iter()
            .any(|request| request.is("GET", "/blobs/"))
    );
}

#[test]
fn nobody_is_sent_on_to_where_others_read_along_or_for_ever() {
    let forever = "/v2/a/blobs/again";
    for place in [
        "http://registry.example/x",
        "http://127.0.0.1.example/x",
        "//registry.example/x",
        "file://127.0.0.1/etc/passwd",
        "ftp://127.0.0.1/x",
        forever,
    ] {
        for part in ["/manifests/", "/blobs/"] {
            let (registry, _) = with_apps(move |asked, honest| {
                if asked.is("GET", part) {
                    Answer::new(307, "").with("Location", place)
                } else {
                    honest
                }
            });
            let expected = match (place == forever, part) {
                (false, _) => format!("redirects to {place}, which is not encrypted"),
                (true, "/blobs/") => "redirects too often".to_owned(),
                (true, _) => "has no such app".to_owned(),
            };
            let said = refused(&registry, "a:1");
            assert!(said.contains(&expected), "{place} {part}: {said}");
        }
    }
}

#[test]
fn what_is_pushed_goes_nowhere_unencrypted_either() {
    let registry = Fake::lying(|asked, honest| match asked.method.as_str() {
        "POST" => honest.with("Location", "http://registry.example/upload"),
        _ => honest,
    });
    let said = push(&registry, "a:1", &app()).unwrap_err().to_string();
    assert!(said.contains("which is not encrypted"), "{said}");
}

#[test]
fn what_a_registry_says_of_an_error_is_shown_plainly() {
    let long = format!(
        r#"{{"errors":[{{"message":"full\u001b[31m{}"}}]}}"#,
        "x".repeat(1000)
    );
    for (body, expected) in [
        (
            long.as_str(),
            "answers with status 503:\n  │ full\u{fffd}[31mxxx",
        ),
        ("<html>", "answers with status 503"),
    ] {
        let body = body.to_owned();
        let registry = Fake::lying(move |_, _| Answer::new(503, body.clone()));
        for said in [
            push(&registry, "a:1", &app()).unwrap_err().to_string(),
            refused(&registry, &format!("a@{}", OciDigest::of(b""))),
        ] {
            assert!(said.contains(expected), "{said}");
            assert!(said.chars().count() < 300, "{said}");
        }
    }
}

/// Other addresses than the usual ones of this machine stand for those of other machines.
#[test]
fn other_machines_are_spoken_to_in_secret() {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let reference = at(&listener.local_addr().unwrap().to_string(), "a:1");
    let heard = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        stream.take(1).read_to_end(&mut heard).unwrap();
        heard
    });
    let auth = Auth::Password {
        user: "alice".to_owned(),
        password: Zeroizing::new("sesame".to_owned()),
    };
    let error = oci::pull(&reference, &auth, &bounds()).unwrap_err();
    assert!(matches!(error, OciError::Unreachable { .. }), "{error}");
    // TLS begins with 22. A machine that trusts no authority at all does not even begin.
    let heard = heard.join().unwrap();
    assert!(matches!(heard.as_slice(), [] | [22]), "{heard:?}");
}
