//! Who asks a registry, and how the registry wants to be told.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use data_encoding::BASE64;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::OciError;
use super::reference::Reference;

/// The most that is read of docker's config.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Who asks a registry.
#[derive(Clone, Default)]
pub enum Auth {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// Somebody with an account there.
    Password {
        /// The name of the account.
        user: String,
        /// Its password, or a token that stands for it.
        password: Zeroizing<String>,
    },
}

/// Leaves out the password.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Auth({self})")
    }
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("somebody without a name"),
            Self::Password { user, .. } => write!(f, "`{user}`"),
        }
    }
}

/// What concerns us of docker's `config.json`.
#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: HashMap<String, DockerAuth>,
}

#[derive(Deserialize)]
struct DockerAuth {
    auth: Option<String>,
}

impl Auth {
    /// Finds who the owner is for the registry of a reference, in docker's `config.json`,
    /// where `docker login` and others write it. Nobody where there is no place or file for it, or
    /// nothing for the registry in it. Credential helpers are programs and are not run.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find(docker_config: Option<&Path>, reference: &Reference) -> Result<Self, OciError> {
        let Some(docker_config) = docker_config else {
            return Ok(Self::Anonymous);
        };
        let wrong = |reason: String| OciError::DockerConfig {
            path: docker_config.to_owned(),
            reason,
        };
        let mut json = Zeroizing::new(Vec::new());
        let read = File::open(docker_config)
            .and_then(|file| file.take(MAX_CONFIG_BYTES).read_to_end(&mut json));
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::Anonymous),
            read => read.map_err(|error| wrong(error.to_string()))?,
        };
        let config: DockerConfig =
            serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))?;
        let registry = reference.registry();
        let own = config
            .auths
            .into_iter()
            .find(|(key, _)| is_for(key, &registry));
        let Some(auth) = own
            .and_then(|(_, own)| own.auth)
            .filter(|auth| !auth.is_empty())
        else {
            return Ok(Self::Anonymous);
        };
        Self::decode(&auth).ok_or_else(|| wrong(format!("`auth` of {registry} is broken")))
    }

    fn decode(auth: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64.decode(auth.as_bytes()).ok()?);
        let (user, password) = str::from_utf8(&bytes).ok()?.split_once(':')?;
        Some(Self::Password {
            user: user.to_owned(),
            password: Zeroizing::new(password.to_owned()),
        })
    }

    /// Returns the value of a header `Authorization`, if there is anything to say.
    pub(super) fn basic(&self) -> Option<Zeroizing<String>> {
        let Self::Password { user, password } = self else {
            return None;
        };
        let both = Zeroizing::new(format!("{user}:{}", password.as_str()));
        let encoded = Zeroizing::new(BASE64.encode(both.as_bytes()));
        Some(Zeroizing::new(format!("Basic {}", encoded.as_str())))
    }
}

/// Tells whether a key of docker's config means a registry: `HOST`, or a URL of it.
fn is_for(key: &str, registry: &str) -> bool {
    let key = key.strip_prefix("https://").unwrap_or(key);
    let key = key.strip_prefix("http://").unwrap_or(key);
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    host == registry && matches!(path.trim_end_matches('/'), "" | "v1" | "v2")
}

/// How a registry wants to be told who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With the password.
    Basic,
    /// With a token that is to be fetched from elsewhere.
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads a header `WWW-Authenticate`.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, parameters) = header.split_once(' ').unwrap_or((header, ""));
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => Some(Self::Basic),
            "bearer" => {
                let mut parameters = parse_parameters(parameters);
                Some(Self::Bearer {
                    realm: parameters.remove("realm")?,
                    service: parameters.remove("service"),
                })
            }
            _ => None,
        }
    }
}

/// Reads `key="value",…`, as far as it is so.
fn parse_parameters(mut text: &str) -> HashMap<String, String> {
    let mut parameters = HashMap::new();
    while let Some((key, rest)) = text.split_once('=') {
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        parameters.insert(key.trim().to_ascii_lowercase(), value.to_owned());
        text = rest.trim_start_matches([',', ' ']);
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_challenges() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
            })
        };
        for (header, expected) in [
            ("Basic realm=\"x\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://a.example/t\",service=\"a, b\",scope=\"repository:x:pull,push\"",
                bearer("https://a.example/t", Some("a, b")),
            ),
            ("bearer service=a, Realm=b", bearer("b", Some("a"))),
            ("Bearer realm=\"https://a", bearer("https://a", None)),
            ("Bearer service=\"a\"", None),
            ("Bearer", None),
            ("Negotiate abc", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_challenge_is_read_to_its_end(parameters in r#"([a-z ]{0,4}[=",\\]{0,3}){0,20}"#) {
            Challenge::parse(&format!("Bearer {parameters}"));
        }
    }

    #[test]
    fn a_password_is_for_its_registry_alone() {
        for (key, registry, expected) in [
            ("ghcr.io", "ghcr.io", true),
            ("https://ghcr.io", "ghcr.io", true),
            ("https://ghcr.io/v1/", "ghcr.io", true),
            ("localhost:5000", "localhost:5000", true),
            ("localhost:5000", "localhost", false),
            ("ghcr.io/alice", "ghcr.io", false),
            ("ghcr.io.example", "ghcr.io", false),
            ("ghcr.io", "ghcr.io.example", false),
        ] {
            assert_eq!(is_for(key, registry), expected, "{key} {registry}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let auth = Auth::decode(&BASE64.encode(b"alice:open:sesame")).expect("a password");
        assert_eq!(format!("{auth:?}"), "Auth(`alice`)");
        let basic = auth.basic().expect("something to say");
        assert_eq!(basic.as_str(), "Basic YWxpY2U6b3BlbjpzZXNhbWU=");
    }
}
