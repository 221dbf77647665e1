//! `wasi:cli/environment`: the arguments and variables of an app, and the secrets among them.
//!
//! Why: docs/decisions/59-the-host-adds-secrets.md

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use syft_manifest::may_carry_secrets;
use syft_manifest::{HttpOrigin, SecretHeader, SecretValue, VariableName, WantedSecret};
use wasmtime_wasi::WasiCtxBuilder;
use zeroize::Zeroizing;

use crate::recording::RecordedSecret;
use crate::secrets::SecretStore;
use crate::wire::Variable;

/// What is shorter is part of many words, which nobody could read any more.
const LEAST_MASKED: usize = 6;

/// The arguments, variables and secrets of an app: none, as long as nothing was granted.
#[derive(Debug, Default)]
pub struct EnvironmentAccess {
    /// What its program is called with, beside its name.
    args: Vec<String>,
    /// Its variables that are no secrets.
    variables: Vec<(VariableName, String)>,
    secrets: Option<Secrets>,
    nothing: Arc<CallEnvironment>,
}

/// The secrets that an app gets, as far as they are set.
#[derive(Debug)]
struct Secrets {
    app: String,
    store: SecretStore,
    granted: Vec<WantedSecret>,
    /// What was read last, and how the store was then.
    last: Mutex<Option<(u64, Arc<CallEnvironment>)>>,
}

/// What one call has of them.
#[derive(Debug, Default)]
pub(crate) struct CallEnvironment {
    args: Vec<String>,
    variables: Vec<(VariableName, String)>,
    /// What the app itself gets.
    read: Vec<(VariableName, SecretValue)>,
    sent: Vec<SentSecret>,
}

/// A secret that the host adds to requests.
#[derive(Debug)]
struct SentSecret {
    name: VariableName,
    /// To find it where a server sends it back.
    value: SecretValue,
    to: HttpOrigin,
    header: HeaderName,
    content: HeaderValue,
}

/// A secret that an app gets and that is not there, and why.
type Missing = (VariableName, String);

impl EnvironmentAccess {
    /// Returns what an app gets. Its name comes before its arguments.
    pub fn new(
        app: &str,
        args: &[String],
        variables: impl IntoIterator<Item = (VariableName, String)>,
        store: SecretStore,
        granted: Vec<WantedSecret>,
    ) -> Self {
        let of_name = (!args.is_empty()).then(|| app.to_owned());
        let args: Vec<String> = of_name.into_iter().chain(args.iter().cloned()).collect();
        let variables: Vec<_> = variables.into_iter().collect();
        let nothing = CallEnvironment {
            args: args.clone(),
            variables: variables.clone(),
            ..CallEnvironment::default()
        };
        let secrets = Secrets {
            app: app.to_owned(),
            store,
            granted,
            last: Mutex::default(),
        };
        Self {
            args,
            variables,
            secrets: (!secrets.granted.is_empty()).then_some(secrets),
            nothing: Arc::new(nothing),
        }
    }

    /// Reads the secrets, and says in the log which are not there.
    pub fn check(&self) {
        drop(self.for_call());
    }

    /// Returns what one call gets. A secret that was set or removed counts from the next call on.
    pub(super) fn for_call(&self) -> Arc<CallEnvironment> {
        let Some(secrets) = &self.secrets else {
            return Arc::clone(&self.nothing);
        };
        let mut last = secrets.last.lock().expect("no holder of this lock panics");
        let stamp = secrets.store.stamp();
        if let (Some((before, environment)), Ok(stamp)) = (&*last, &stamp)
            && before == stamp
        {
            return Arc::clone(environment);
        }
        let (environment, missing) = self.read(secrets);
        for (name, why) in missing {
            let app = &*secrets.app;
            let hint = format!("set it with: syft-host secret set {app} {name}");
            tracing::warn!(
                name: "denied_secret", app, secret = %name, hint,
                "the app does not get its secret {name}: {why}"
            );
        }
        let environment = Arc::new(environment);
        *last = stamp.ok().map(|stamp| (stamp, Arc::clone(&environment)));
        environment
    }

    fn read(&self, secrets: &Secrets) -> (CallEnvironment, Vec<Missing>) {
        let mut environment = CallEnvironment {
            args: self.args.clone(),
            variables: self.variables.clone(),
            ..CallEnvironment::default()
        };
        let mut missing = Vec::new();
        for wanted in &secrets.granted {
            if let Err(why) = environment.add(wanted, &secrets.store) {
                missing.push((wanted.name.clone(), why));
            }
        }
        (environment, missing)
    }
}

impl CallEnvironment {
    fn add(&mut self, wanted: &WantedSecret, store: &SecretStore) -> Result<(), String> {
        let name = wanted.name.clone();
        let value = store.get(&name).map_err(|error| error.to_string())?;
        let value = value.ok_or("it is not set")?;
        let Some(sent) = &wanted.sent else {
            self.read.push((name, value));
            return Ok(());
        };
        let (header, content) = header(sent, &value)?;
        // A program that looks for it finds that it is there.
        self.variables.push((name.clone(), wanted.stand_in()));
        self.sent.push(SentSecret {
            name,
            value,
            to: sent.to.clone(),
            header,
            content,
        });
        Ok(())
    }

    /// Returns what a call on another machine gets. Of secrets that the host adds to requests, it
    /// gets what stands for them.
    pub(crate) fn handed(&self) -> (Vec<String>, Vec<Variable>) {
        let variables = self.variables.iter();
        let plain = variables.map(|(name, value)| Variable {
            name: name.to_string(),
            value: value.clone(),
            is_secret: false,
        });
        let secrets = self.read.iter().map(|(name, value)| Variable {
            name: name.to_string(),
            value: value.reveal().to_owned(),
            is_secret: true,
        });
        (self.args.clone(), plain.chain(secrets).collect())
    }

    /// Returns what a call gets that runs for the host of an owner elsewhere.
    ///
    /// # Errors
    /// A variable is none: which, in words.
    pub(crate) fn of_handed(args: Vec<String>, variables: Vec<Variable>) -> Result<Self, String> {
        let mut environment = Self {
            args,
            ..Self::default()
        };
        for Variable {
            name,
            value,
            is_secret,
        } in variables
        {
            let unfit = |why: &dyn std::fmt::Display| format!("the variable {name:?}: {why}");
            let parsed = VariableName::parse(&name).map_err(|error| unfit(&error))?;
            if is_secret {
                let value =
                    SecretValue::new(Zeroizing::new(value)).map_err(|error| unfit(&error))?;
                environment.read.push((parsed, value));
            } else {
                environment.variables.push((parsed, value));
            }
        }
        Ok(environment)
    }

    /// Gives it to a guest.
    pub(crate) fn give(&self, wasi: &mut WasiCtxBuilder) {
        wasi.args(&self.args);
        for (name, value) in &self.variables {
            wasi.env(name.as_str(), value);
        }
        for (name, value) in &self.read {
            wasi.env(name.as_str(), value.reveal());
        }
    }

    /// Returns the arguments and the variables that are no secrets. In the place of those that
    /// are stands what stands for them in a recording.
    pub(crate) fn shown(&self) -> (Vec<String>, Vec<(String, String)>) {
        let variables = self.variables.iter();
        let shown = variables.map(|(name, value)| (name.to_string(), value.clone()));
        let read = self.read.iter();
        let read = read.map(|(name, _)| (name.to_string(), format!("[secret {name}]")));
        (self.args.clone(), shown.chain(read).collect())
    }

    /// Returns the secrets that are to be in no recording.
    pub(crate) fn secrets(&self) -> Vec<RecordedSecret> {
        let sent = self.sent.iter().map(|sent| (&sent.name, &sent.value));
        let read = self.read.iter().map(|(name, value)| (name, value));
        let is_masked = |value: &&str| value.len() >= LEAST_MASKED;
        let secret = |(name, value): (&VariableName, &SecretValue)| RecordedSecret {
            name: name.to_string(),
            value: Some(value.reveal())
                .filter(is_masked)
                .map(|value| Zeroizing::new(value.to_owned())),
        };
        sent.chain(read).map(secret).collect()
    }

    /// Puts the secrets for an origin into a request that goes there, in the place of whatever
    /// the guest has written there.
    pub(super) fn add_to(&self, origin: &HttpOrigin, headers: &mut HeaderMap) {
        for sent in self.sent.iter().filter(|sent| sent.to == *origin) {
            headers.insert(&sent.header, sent.content.clone());
        }
    }

    /// Returns a text with names in the place of secrets, for logs and errors.
    pub(crate) fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let sent = self.sent.iter().map(|sent| (&sent.name, &sent.value));
        let read = self.read.iter().map(|(name, value)| (name, value));
        let mut text = Cow::Borrowed(text);
        for (name, value) in sent.chain(read) {
            let value = value.reveal();
            if value.len() >= LEAST_MASKED && text.contains(value) {
                text = Cow::Owned(text.replace(value, &format!("[secret {name}]")));
            }
        }
        text
    }
}

/// Returns the header that has a secret in it.
fn header(sent: &SecretHeader, value: &SecretValue) -> Result<(HeaderName, HeaderValue), String> {
    // The manifest was checked, and this is where it matters.
    if !may_carry_secrets(&sent.to) {
        return Err(format!("it is not sent to {} unencrypted", sent.to));
    }
    let name = HeaderName::from_bytes(sent.header.as_bytes());
    let name = name.map_err(|_| format!("`{}` is no name of a header", sent.header))?;
    let text = Zeroizing::new(sent.fill(value.reveal()));
    // Whoever is asked for a key has to have visible characters alone.
    let is_fit = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let content = HeaderValue::from_str(&text).ok().filter(|_| is_fit);
    let mut content = content.ok_or("it has characters that no header can have")?;
    content.set_sensitive(true);
    Ok((name, content))
}

#[cfg(test)]
mod tests {
    use syft_manifest::Manifest;

    use super::*;

    const MANIFEST: &str = "
        [app]
        args = ['--fast']
        env = { MODE = 'test' }
        [http]
        allow = ['https://a.example', 'https://b.example', 'http://localhost:1']
        [secrets.KEY]
        send-to = 'https://a.example'
        [secrets.OTHER]
        send-to = 'http://localhost:1'
        header = 'X-Api-Key'
        [secrets.PASSWORD]
    ";

    struct Site {
        _folder: tempfile::TempDir,
        store: SecretStore,
        access: EnvironmentAccess,
    }

    fn site(secrets: &[(&str, &str)]) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SecretStore::new(folder.path());
        for (name, value) in secrets {
            set(&store, name, value);
        }
        let (manifest, _) = Manifest::from_toml("x", MANIFEST).expect("a manifest");
        let access = EnvironmentAccess::new(
            "demo",
            &manifest.args,
            manifest.env,
            store.clone(),
            manifest.secrets,
        );
        Site {
            _folder: folder,
            store,
            access,
        }
    }

    fn set(store: &SecretStore, name: &str, value: &str) {
        let name = VariableName::parse(name).expect("a name");
        let value = SecretValue::new(Zeroizing::new(value.to_owned())).expect("a value");
        store.set(&name, &value).expect("it is set");
    }

    fn origin(text: &str) -> HttpOrigin {
        HttpOrigin::parse(text).expect("an origin")
    }

    const ALL: &[(&str, &str)] = &[
        ("KEY", "s3cret-key"),
        ("OTHER", "s3cret-other"),
        ("PASSWORD", "s3cret\nword"),
    ];

    #[test]
    fn requests_to_the_very_origin_get_the_header_in_place_of_any_other() {
        let environment = site(ALL).access.for_call();
        for (to, key, other) in [
            ("https://a.example", "Bearer s3cret-key", "own"),
            ("https://a.example:443", "Bearer s3cret-key", "own"),
            ("http://localhost:1", "own", "s3cret-other"),
            ("https://a.example:444", "own", "own"),
            ("http://a.example", "own", "own"),
            ("https://b.example", "own", "own"),
            ("https://x.a.example", "own", "own"),
            ("https://a.example.org", "own", "own"),
            ("https://localhost:1", "own", "own"),
            ("http://127.0.0.1:1", "own", "own"),
            ("http://localhost", "own", "own"),
        ] {
            let mut headers = HeaderMap::new();
            for name in ["authorization", "x-api-key"] {
                for _ in 0..2 {
                    headers.append(name, HeaderValue::from_static("own"));
                }
            }
            environment.add_to(&origin(to), &mut headers);
            for (name, expected) in [("authorization", key), ("x-api-key", other)] {
                let found: Vec<_> = headers.get_all(name).iter().collect();
                let n = if expected == "own" { 2 } else { 1 };
                assert_eq!(found, vec![expected; n], "{to} {name}");
            }
            assert!(!format!("{headers:?}").contains("s3cret"), "{headers:?}");
        }
    }

    #[test]
    fn the_guest_has_only_what_it_reads_itself() {
        let environment = site(ALL).access.for_call();
        let variables = environment.variables.iter();
        let variables: Vec<_> = variables
            .map(|(name, value)| (name.as_str(), &**value))
            .collect();
        let expected = [
            ("MODE", "test"),
            ("KEY", "added-by-the-host-KEY"),
            ("OTHER", "added-by-the-host-OTHER"),
        ];
        assert_eq!(variables, expected);
        let read: Vec<_> = environment
            .read
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(read, ["PASSWORD"]);
        assert_eq!(environment.args, ["demo", "--fast"]);
    }

    #[test]
    fn nothing_shows_them() {
        let site = site(ALL);
        let environment = site.access.for_call();
        assert!(!format!("{environment:?}{:#?}", site.access).contains("s3cret"));
        let shown = environment.mask("a s3cret-key, Bearer s3cret-other; s3cret\nword.");
        assert_eq!(
            shown,
            "a [secret KEY], Bearer [secret OTHER]; [secret PASSWORD]."
        );
    }

    #[test]
    fn what_is_not_there_is_named_and_left_out() {
        let site = site(&[("KEY", "two\nlines"), ("OTHER", "\u{fc}mlaut")]);
        let secrets = site.access.secrets.as_ref().expect("some were granted");
        let (_, missing) = site.access.read(secrets);
        let missing = missing.iter().map(|(name, why)| (name.as_str(), &**why));
        let missing: Vec<_> = missing.collect();
        let unfit = "it has characters that no header can have";
        let expected = [
            ("KEY", unfit),
            ("OTHER", unfit),
            ("PASSWORD", "it is not set"),
        ];
        assert_eq!(missing, expected);
        let environment = site.access.for_call();
        assert_eq!(environment.variables.len(), 1);
        let mut headers = HeaderMap::new();
        environment.add_to(&origin("https://a.example"), &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn what_is_set_counts_from_the_next_call_on() {
        let site = site(&[]);
        let before = site.access.for_call();
        assert!(Arc::ptr_eq(&before, &site.access.for_call()));
        set(&site.store, "KEY", "first");
        let mut headers = HeaderMap::new();
        site.access
            .for_call()
            .add_to(&origin("https://a.example"), &mut headers);
        assert_eq!(headers["authorization"], "Bearer first");
        site.store
            .remove(&VariableName::parse("KEY").expect("a name"))
            .expect("removed");
        let mut headers = HeaderMap::new();
        site.access
            .for_call()
            .add_to(&origin("https://a.example"), &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn who_was_granted_nothing_has_nothing() {
        let environment = EnvironmentAccess::default().for_call();
        assert!(environment.args.is_empty() && environment.variables.is_empty());
        assert!(environment.read.is_empty() && environment.sent.is_empty());
    }
}
