//! Who asks a registry, and to whom that is told.

use std::collections::BTreeMap;
use std::fs;

use data_encoding::BASE64;
use syft_package::oci::{self, Auth, OciError, Reference};
use zeroize::Zeroizing;

use super::fake::{Answer, Asked, Ending, Fake};
use super::{app, at, bounds, short};
use crate::support::site::Site;

fn alice(password: &str) -> Auth {
    Auth::Password {
        user: "alice".to_owned(),
        password: Zeroizing::new(password.to_owned()),
    }
}

fn basic(password: &str) -> String {
    format!(
        "Basic {}",
        BASE64.encode(format!("alice:{password}").as_bytes())
    )
}

fn push(registry: &Fake, auth: &Auth) -> Result<Reference, OciError> {
    let reference = at(&registry.host(), "a:1");
    let none = BTreeMap::new();
    let digest = oci::push(&app(), &reference, &none, auth, &bounds())?;
    Ok(reference.pinned(&digest))
}

/// Starts a registry that only answers who says this.
fn wanting(authorization: &str, challenge: &str) -> Fake {
    let (authorization, challenge) = (authorization.to_owned(), challenge.to_owned());
    Fake::lying(move |asked, honest| {
        if asked.authorization.as_deref() == Some(&authorization) {
            honest
        } else {
            Answer::new(401, "").with("WWW-Authenticate", challenge.clone())
        }
    })
}

#[test]
fn a_password_opens_its_registry() {
    let registry = wanting(&basic("sesame"), "Basic realm=\"all\"");
    let reference = push(&registry, &alice("sesame")).unwrap();
    let pull = |auth: &Auth| oci::pull(&reference, auth, &bounds());
    assert_eq!(pull(&alice("sesame")).unwrap().component, app());
    let refused = pull(&alice("simsalabim")).unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with("does not let `alice` do that"),
        "{refused}"
    );
    assert!(!format!("{refused:?} {:?}", refused.hints()).contains("simsalabim"));
    let refused = pull(&Auth::Anonymous).unwrap_err();
    assert!(
        refused.to_string().contains("somebody without a name"),
        "{refused}"
    );
    assert!(!refused.hints().is_empty());
    let refused = push(&registry, &Auth::Anonymous);
    assert!(
        matches!(refused, Err(OciError::Unauthorized { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_password_is_told_to_who_asks_for_it_only() {
    let registry = Fake::honest();
    let reference = push(&registry, &alice("sesame")).unwrap();
    oci::pull(&reference, &alice("sesame"), &bounds()).unwrap();
    assert!(
        registry
            .asked()
            .iter()
            .all(|request| request.authorization.is_none())
    );
}

/// Starts a registry that wants tokens, and who gives them.
fn with_tokens(give: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (Fake, Fake) {
    let tokens = Fake::lying(move |asked, _| give(asked));
    let realm = format!("http://{}/token", tokens.host());
    let challenge = format!("Bearer realm=\"{realm}\",service=\"the registry\"");
    (wanting("Bearer abc", &challenge), tokens)
}

#[test]
fn a_token_is_fetched_where_the_registry_says() {
    for body in [r#"{"token":"abc"}"#, r#"{"access_token":"abc"}"#] {
        let (registry, tokens) = with_tokens(move |_| Answer::new(200, body));
        let reference = push(&registry, &alice("sesame")).unwrap();
        let pulled = oci::pull(&reference, &Auth::Anonymous, &bounds()).unwrap();
        assert_eq!(pulled.component, app());
        let asked = tokens.asked();
        let [pushing, pulling] = asked.as_slice() else {
            panic!("one token for each, not {asked:?}");
        };
        let service = "&service=the%20registry";
        let path = "/token?scope=repository%3Aa%3A";
        assert_eq!(pushing.path, format!("{path}pull%2Cpush{service}"));
        assert_eq!(pushing.authorization, Some(basic("sesame")));
        assert_eq!(pulling.path, format!("{path}pull{service}"));
        assert_eq!(pulling.authorization, None);
        let heard = registry
            .asked()
            .into_iter()
            .filter_map(|request| request.authorization);
        assert!(
            heard
                .into_iter()
                .all(|authorization| authorization == "Bearer abc")
        );
    }
}

#[test]
fn what_is_no_token_opens_nothing() {
    for (answer, expected) in [
        (Answer::new(401, ""), "does not let `alice` do that"),
        (Answer::new(200, "{}"), "its token is invalid"),
        (Answer::new(200, r#"{"token":"a\r\nb"}"#), "protocol"),
        (
            Answer::new(200, r#"{"token":"other"}"#),
            "does not let `alice` do that",
        ),
        (
            Answer::new(200, [b' '; 1 << 12]).ending(Ending::Endless),
            "its token is invalid",
        ),
    ] {
        let (registry, _tokens) = with_tokens(move |_| answer.clone());
        let said = push(&registry, &alice("sesame")).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    let (registry, _tokens) = with_tokens(|_| Answer::new(200, "").ending(Ending::Stalls));
    let reference = at(&registry.host(), "a:1");
    let refused = oci::pull(&reference, &Auth::Anonymous, &short());
    assert!(
        matches!(refused, Err(OciError::TimedOut { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_password_goes_nowhere_unencrypted() {
    for realm in ["http://registry.example/token", "ftp://127.0.0.1/token"] {
        let challenge = format!("Bearer realm=\"{realm}\"");
        let registry = wanting("Bearer abc", &challenge);
        let said = push(&registry, &alice("sesame")).unwrap_err().to_string();
        assert!(said.contains("which is not encrypted"), "{said}");
    }
}

/// Neither where the bytes are, nor where they are to go.
#[test]
fn nobody_but_the_registry_is_told_who_asks() {
    let store = wanting("never", "Basic realm=\"all\"");
    let place = format!("http://{}", store.host());
    let password = basic("sesame");
    let registry = Fake::lying(move |asked, honest| {
        if asked.authorization.as_ref() != Some(&password) {
            return Answer::new(401, "").with("WWW-Authenticate", "Basic realm=\"all\"");
        }
        match asked.method.as_str() {
            "POST" => honest.with("Location", format!("{place}/upload")),
            "GET" => Answer::new(302, "").with("Location", format!("{place}{}", asked.path)),
            _ => honest,
        }
    });
    let pushed = push(&registry, &alice("sesame"));
    assert!(
        matches!(pushed, Err(OciError::Unauthorized { .. })),
        "{pushed:?}"
    );
    let digest = oci::OciDigest::of(b"");
    let reference = at(&registry.host(), "a:1").pinned(&digest);
    let pulled = oci::pull(&reference, &alice("sesame"), &bounds());
    assert!(
        matches!(pulled, Err(OciError::Unauthorized { .. })),
        "{pulled:?}"
    );
    let asked = store.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked.iter().all(|request| request.authorization.is_none()),
        "{asked:?}"
    );
}

#[test]
fn a_password_is_found_where_docker_keeps_it() {
    let site = Site::new();
    let path = site.path().join("config.json");
    let reference = at("registry.example:5000", "a:1");
    let find = || Auth::find(Some(&path), &reference).map(|auth| format!("{auth:?}"));
    let anonymous = Ok("Auth(somebody without a name)".to_owned());
    assert_eq!(find(), anonymous);
    let encoded = BASE64.encode(b"alice:sesame");
    for (config, expected) in [
        (
            format!(r#"{{"auths":{{"registry.example:5000":{{"auth":"{encoded}"}}}}}}"#),
            Ok("Auth(`alice`)".to_owned()),
        ),
        (
            format!(r#"{{"auths":{{"registry.example":{{"auth":"{encoded}"}}}}}}"#),
            anonymous.clone(),
        ),
        (
            r#"{"auths":{"registry.example:5000":{}},"credsStore":"none"}"#.to_owned(),
            anonymous.clone(),
        ),
        ("{}".to_owned(), anonymous.clone()),
    ] {
        fs::write(&path, &config).unwrap();
        assert_eq!(find(), expected, "{config}");
    }
    for config in [
        "",
        r#"{"auths":{"registry.example:5000":{"auth":"sesame"}}}"#,
    ] {
        fs::write(&path, config).unwrap();
        let error = find().unwrap_err().to_string();
        assert!(error.contains("config.json cannot be read"), "{error}");
        assert!(!error.contains("sesame"), "{error}");
    }
}
