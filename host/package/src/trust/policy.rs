//! Who has to have signed an app, as the owner says it in `policy.yaml`. Its shape is that of
//! Kubewarden's verification config. What is not fully understood is refused.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter};
use syft_protocol::address::Datasite;
use thiserror::Error;

use super::error::TrustError;
use super::refused::TrustRefusal;
use super::{Fingerprint, text};
use crate::package::PublicKey;

/// The most bytes of it.
pub(super) const MAX_BYTES: u64 = 64 << 10;

/// What may stand in it.
pub(super) const ALLOWED: &str = "allowed are `apiVersion: v1`, a list `allOf`, and `anyOf` with \
     `minimumMatches` and a list `signatures`; entries are {kind: pinnedAuthor}, {kind: \
     syftIdentity, email: …} and {kind: pubKey, owner: …, key: 'ssh-ed25519 …'}";

/// Who has to have signed an app.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawPolicy")]
pub struct SignerPolicy {
    /// Each of these.
    all: Vec<PolicyRule>,
    /// Some of these.
    any: Option<Any>,
}

/// Some of a number of rules.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawAny")]
struct Any {
    minimum: usize,
    rules: Vec<PolicyRule>,
}

/// Whose signature is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum PolicyRule {
    /// That of the app's author, by the key that is pinned.
    PinnedAuthor {},
    /// That of somebody, by the key that is pinned.
    SyftIdentity {
        /// Who it is.
        #[serde(with = "text")]
        email: Datasite,
    },
    /// That of a key.
    PubKey {
        /// Whose it is, for people.
        owner: String,
        /// The key.
        #[serde(deserialize_with = "key_line")]
        key: PublicKey,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawPolicy {
    #[serde(rename = "apiVersion")]
    _api_version: ApiVersion,
    #[serde(default, deserialize_with = "said")]
    all_of: Option<Vec<PolicyRule>>,
    #[serde(default, deserialize_with = "said")]
    any_of: Option<Any>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum ApiVersion {
    V1,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawAny {
    #[serde(default = "one")]
    minimum_matches: usize,
    signatures: Vec<PolicyRule>,
}

/// An app lacks signatures that the owner asks for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("your policy asks for a signature that this app does not have: {0}")]
pub struct Unmet(String);

fn one() -> usize {
    1
}

/// Reads a value that may be absent, but not empty.
fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a line as OpenSSH keeps it, which may end with a comment.
fn key_line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
    let line = String::deserialize(deserializer)?;
    if line.starts_with("ssh-") {
        PublicKey::read(line.as_bytes()).map_err(D::Error::custom)
    } else {
        Err(D::Error::custom("a key is a line `ssh-ed25519 AAAA…`"))
    }
}

impl TryFrom<RawPolicy> for SignerPolicy {
    type Error = String;

    fn try_from(raw: RawPolicy) -> Result<Self, String> {
        if raw.all_of.is_none() && raw.any_of.is_none() {
            return Err("it asks for no signature; say `allOf` or `anyOf`".to_owned());
        }
        let all = raw.all_of.map(|rules| check_list("allOf", rules));
        Ok(Self {
            all: all.transpose()?.unwrap_or_default(),
            any: raw.any_of,
        })
    }
}

impl TryFrom<RawAny> for Any {
    type Error = String;

    fn try_from(raw: RawAny) -> Result<Self, String> {
        let rules = check_list("signatures", raw.signatures)?;
        let (minimum, count) = (raw.minimum_matches, rules.len());
        if (1..=count).contains(&minimum) {
            Ok(Self { minimum, rules })
        } else {
            Err(format!(
                "minimumMatches is {minimum}; with {count} signatures it is from 1 to {count}"
            ))
        }
    }
}

fn check_list(name: &str, rules: Vec<PolicyRule>) -> Result<Vec<PolicyRule>, String> {
    if rules.is_empty() {
        return Err(format!("`{name}` is empty"));
    }
    // Twice the same would count twice.
    match (1..rules.len()).find(|at| rules[..*at].contains(&rules[*at])) {
        Some(at) => Err(format!("`{name}` asks twice for a signature {}", rules[at])),
        None => Ok(rules),
    }
}

impl Default for SignerPolicy {
    /// Returns what counts where the owner says nothing: the author's own signature.
    fn default() -> Self {
        Self {
            all: Vec::new(),
            any: Some(Any {
                minimum: 1,
                rules: vec![PolicyRule::PinnedAuthor {}],
            }),
        }
    }
}

impl SignerPolicy {
    /// Reads a policy. The error has the line and what is wrong there.
    pub(super) fn parse(text: &[u8]) -> Result<Self, (u64, String)> {
        let text = str::from_utf8(text).map_err(|error| {
            let valid = text.get(..error.valid_up_to()).unwrap_or_default();
            let lines = valid.iter().filter(|byte| **byte == b'\n').count();
            (lines as u64 + 1, "it is not UTF-8".to_owned())
        })?;
        serde_saphyr::from_str(text).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            let error = error.without_snippet();
            (
                line,
                DefaultMessageFormatter.format_message(error).into_owned(),
            )
        })
    }

    /// Checks that all that is asked for has signed. `signer` returns the key that meets a
    /// rule; a key counts once.
    pub(super) fn check(
        &self,
        signer: impl Fn(&PolicyRule) -> Result<Option<PublicKey>, TrustError>,
    ) -> Result<(), TrustRefusal> {
        for rule in &self.all {
            if signer(rule)?.is_none() {
                return Err(Unmet(rule.to_string()).into());
            }
        }
        let Some(Any { minimum, rules }) = &self.any else {
            return Ok(());
        };
        let mut keys: Vec<PublicKey> = Vec::new();
        for rule in rules {
            keys.extend(signer(rule)?.filter(|key| !keys.contains(key)));
        }
        if keys.len() >= *minimum {
            Ok(())
        } else {
            let asked: Vec<String> = rules.iter().map(PolicyRule::to_string).collect();
            let missing = minimum - keys.len();
            Err(Unmet(format!("{missing} more {}", asked.join(", or "))).into())
        }
    }
}

impl Unmet {
    pub(super) fn hints(&self) -> Vec<String> {
        vec![
            "get it with these signatures; or change policy.yaml in the host's trust folder, \
             which is yours to decide"
                .to_owned(),
        ]
    }
}

/// Says it in words, on one line.
impl fmt::Display for SignerPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |rules: &[PolicyRule], word| {
            let rules: Vec<String> = rules.iter().map(PolicyRule::to_string).collect();
            rules.join(word)
        };
        f.write_str("signed ")?;
        f.write_str(&list(&self.all, " and "))?;
        let Some(any) = &self.any else {
            return Ok(());
        };
        if !self.all.is_empty() {
            f.write_str("; and besides, ")?;
        }
        if any.rules.len() > 1 {
            write!(f, "by at least {} of these: ", any.minimum)?;
        }
        f.write_str(&list(&any.rules, ", "))
    }
}

impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PinnedAuthor {} => f.write_str("by the pinned key of the author"),
            Self::SyftIdentity { email } => write!(f, "by the pinned key of {email}"),
            Self::PubKey { owner, key } => {
                write!(f, "by the key of {owner}, {}", Fingerprint::from(key))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::SecretKey;

    const LINE: &str = include_str!("../../../../tests/cases/signing_keys/plain.pub");

    fn parse(text: &str) -> Result<SignerPolicy, (u64, String)> {
        SignerPolicy::parse(text.as_bytes())
    }

    fn alice() -> Datasite {
        Datasite::parse("alice@example.org").expect("an email")
    }

    #[test]
    fn reads_what_is_allowed() {
        let any = parse("apiVersion: v1\nanyOf:\n  signatures: [{kind: pinnedAuthor}]\n");
        assert_eq!(any, Ok(SignerPolicy::default()));
        let text = format!(
            "# Two of us.\napiVersion: v1\nallOf:\n  - kind: pinnedAuthor\nanyOf:\n  \
             minimumMatches: 2\n  signatures:\n    - kind: syftIdentity\n      email: \
             alice@example.org\n    - {{kind: pubKey, owner: Bob, key: '{}'}}\n",
            LINE.trim()
        );
        let key = PublicKey::read(LINE.as_bytes()).expect("a key");
        let expected = SignerPolicy {
            all: vec![PolicyRule::PinnedAuthor {}],
            any: Some(Any {
                minimum: 2,
                rules: vec![
                    PolicyRule::SyftIdentity { email: alice() },
                    PolicyRule::PubKey {
                        owner: "Bob".to_owned(),
                        key,
                    },
                ],
            }),
        };
        assert_eq!(parse(&text), Ok(expected));
    }

    #[test]
    fn refuses_all_else_and_says_where() {
        let list = "apiVersion: v1\nallOf:\n  - kind: pinnedAuthor\n  - ";
        let any = "apiVersion: v1\nanyOf:\n  signatures: [{kind: pinnedAuthor}]\n  ";
        for (text, line, expected) in [
            ("", 1, ""),
            ("# nothing\n", 2, ""),
            ("[]", 1, ""),
            ("apiVersion: v1\n", 1, "asks for no signature"),
            ("apiVersion: v2\nallOf: []\n", 1, "v2"),
            ("allOf: [{kind: pinnedAuthor}]\n", 1, "apiVersion"),
            ("apiVersion: v1\nallOf: []\n", 1, "`allOf` is empty"),
            ("apiVersion: v1\nallOf:\n", 2, ""),
            ("apiVersion: v1\nanyOf:\n", 2, ""),
            ("apiVersion: v1\nallof: []\n", 2, "allof"),
            ("apiVersion: v1\napiVersion: v1\n", 2, "duplicate"),
            ("apiVersion: v1\nallOf: {}\n", 2, ""),
            ("apiVersion: v1\nallOf: [\n", 2, "unclosed"),
            ("apiVersion: v1\nallOf: *a\n", 2, ""),
            ("a: \"\n", 1, ""),
            ("apiVersion: v1\n\tallOf: []\n", 1, "tab"),
        ] {
            check(text, line, expected);
        }
        for (rule, expected) in [
            ("kind: pinnedAutor\n", "pinnedAutor"),
            ("email: alice@example.org\n", "kind"),
            ("kind: pinnedAuthor\n", "asks twice"),
            ("kind: pinnedAuthor\n    email: a@b.c\n", "email"),
            ("kind: syftIdentity\n", "email"),
            ("kind: syftIdentity\n    email: alice\n", "no datasite"),
            ("kind: syftIdentity\n    email:\n", "expected a string"),
            ("kind: pubKey\n    owner: x\n    key: x\n", "ssh-ed25519"),
            (
                "kind: pubKey\n    owner: x\n    key: ssh-rsa AAAA\n",
                "public key",
            ),
            ("kind: pubKey\n    key: ssh-ed25519 AAAA\n", "public key"),
            ("kind: githubAction\n    owner: x\n", "githubAction"),
            ("pinnedAuthor\n", ""),
        ] {
            let at = if expected == "asks twice" { 1 } else { 4 };
            check(&format!("{list}{rule}"), at, expected);
        }
        for (more, at, expected) in [
            ("minimumMatches: 0\n", 3, "from 1 to 1"),
            ("minimumMatches: 2\n", 3, "from 1 to 1"),
            ("minimumMatches: -1\n", 4, ""),
            ("minimumMatches: 99999999999999999999\n", 4, ""),
            ("minimumMatches:\n", 4, ""),
            ("minimumMatches: one\n", 4, ""),
            ("minimum: 1\n", 4, "minimum"),
            ("signatures: [{kind: pinnedAuthor}]\n", 4, "duplicate"),
        ] {
            check(&format!("{any}{more}"), at, expected);
        }
        let two = format!("{any}\n---\napiVersion: v1\nallOf: [{{kind: pinnedAuthor}}]\n");
        check(&two, 6, "documents");
        let (line, why) = SignerPolicy::parse(b"apiVersion: v1\n\xff").expect_err("no text");
        assert_eq!((line, why.as_str()), (2, "it is not UTF-8"));
    }

    fn check(text: &str, line: u64, expected: &str) {
        let (at, why) = parse(text).expect_err(text);
        assert!(why.contains(expected), "{text}: {why}");
        assert_eq!(at, line, "{text}: {why}");
    }

    /// Aliases that stand for ever more do not take time or memory without bound.
    #[test]
    fn what_grows_without_end_is_refused() {
        let mut text = "apiVersion: v1\na0: &a0 [x]\n".to_owned();
        for at in 1..40 {
            let before = at - 1;
            text += &format!(
                "a{at}: &a{at} [{}]\n",
                vec![format!("*a{before}"); 9].join(", ")
            );
        }
        assert!(parse(&text).is_err());
        assert!(parse(&"[".repeat(60_000)).is_err());
    }

    #[test]
    fn a_key_counts_once() {
        let key = || SecretKey::generate().expect("random numbers").public();
        let (one, other) = (key(), key());
        let text = "apiVersion: v1\nanyOf:\n  minimumMatches: 2\n  signatures:\n  - {kind: \
                    pinnedAuthor}\n  - {kind: syftIdentity, email: alice@example.org}\n  - {kind: \
                    syftIdentity, email: bob@example.org}\n";
        let policy = parse(text).expect("a policy");
        let met = |keys: [Option<PublicKey>; 3]| {
            let signer = |rule: &PolicyRule| {
                Ok(match rule {
                    PolicyRule::PinnedAuthor {} => keys[0],
                    PolicyRule::SyftIdentity { email } if *email == alice() => keys[1],
                    _ => keys[2],
                })
            };
            policy.check(signer).is_ok()
        };
        assert!(met([Some(one), None, Some(other)]));
        assert!(met([Some(one), Some(one), Some(other)]));
        assert!(!met([Some(one), Some(one), None]));
        assert!(!met([Some(one), Some(one), Some(one)]));
        assert!(!met([None, None, Some(other)]));
    }
}
