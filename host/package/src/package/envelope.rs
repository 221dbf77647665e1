//! Signed documents: an envelope of DSSE, in the one spelling of it that counts here.
//!
//! What keys sign is the payload together with its kind, so that a signature of one kind of
//! document is none of another. To DSSE `keyid` is a hint; here it is the key itself, as
//! OpenSSH writes it: so a document says who signed it before anybody knows them, and a
//! signature that is not of the key that it names spoils the document, as one in a signed app
//! does.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use syft_manifest::sanitize::plain_excerpt;
use syft_protocol::message::envelope;
use thiserror::Error;

use super::key_error::KeyError;
use super::public_key::PublicKey;
use super::secret_key::SecretKey;

/// The most bytes of an envelope.
pub const MAX_ENVELOPE_BYTES: usize = 256 << 10;
const MAX_SIGNATURES: usize = 16;

/// A document with signatures that nobody has looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    kind: String,
    payload: Vec<u8>,
    signatures: Vec<(PublicKey, [u8; 64])>,
}

/// A document whose signatures hold: it is as its signers had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedEnvelope {
    payload: Vec<u8>,
    signers: Vec<PublicKey>,
}

/// Why bytes are no signed document of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// It is larger than any needs to be.
    #[error("it has more than {MAX_ENVELOPE_BYTES} bytes")]
    TooLarge,
    /// It is an envelope of the SyftBox SDK.
    #[error("it is encrypted for the SyftBox SDK ({0}), and has to be published unencrypted")]
    Encrypted(&'static str),
    /// It is not JSON of the right shape.
    #[error("it is not a signed document: {0}")]
    Json(String),
    /// It is a document of another kind.
    #[error("it is of the kind `{0}`")]
    OtherKind(String),
    /// The payload or a signature cannot be decoded.
    #[error("it has invalid base64, or a signature that is not Ed25519")]
    Encoding,
    /// It names an invalid key.
    #[error("it names an invalid signing key: {0}")]
    Key(KeyError),
    /// The same could be written in another way than it is.
    #[error("it is not in canonical form")]
    Spelling,
    /// Nobody has signed it.
    #[error("it is not signed")]
    Unsigned,
    /// There are more signatures than anybody needs.
    #[error("it holds more than {MAX_SIGNATURES} signatures")]
    TooMany,
    /// A key is named twice, as if there were two signers.
    #[error("it holds two signatures of {0}; one is allowed")]
    Twice(String),
    /// A signature is not of the key that it names.
    #[error("the signature of {0} does not verify")]
    False(String),
}

/// The envelope as JSON has it, in the order in which it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "payloadType")]
    kind: String,
    payload: String,
    signatures: Vec<RawSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignature {
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Signs a document of some kind. The same keys give the same bytes.
    pub fn seal(kind: &str, payload: Vec<u8>, keys: &[&SecretKey]) -> Self {
        let message = message(kind, &payload);
        let sign = |key: &&SecretKey| (key.public(), key.sign(&message));
        Self {
            kind: kind.to_owned(),
            signatures: keys.iter().map(sign).collect(),
            payload,
        }
    }

    /// Reads an envelope of a document of this kind. What is read has no other spelling.
    ///
    /// # Errors
    /// It is not an envelope, or of another kind.
    pub fn read(bytes: &[u8], kind: &str) -> Result<Self, EnvelopeError> {
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(EnvelopeError::TooLarge);
        }
        if let Some(kind) = envelope(bytes) {
            return Err(EnvelopeError::Encrypted(kind));
        }
        let wrong = |error: serde_json::Error| plain_excerpt(&error.to_string(), 200);
        let raw: Raw = serde_json::from_slice(bytes).map_err(|e| EnvelopeError::Json(wrong(e)))?;
        if raw.kind != kind {
            return Err(EnvelopeError::OtherKind(plain_excerpt(&raw.kind, 100)));
        }
        match raw.signatures.len() {
            0 => return Err(EnvelopeError::Unsigned),
            1..=MAX_SIGNATURES => {}
            _ => return Err(EnvelopeError::TooMany),
        }
        let signatures = raw.signatures.iter().map(RawSignature::parse);
        let envelope = Self {
            signatures: signatures.collect::<Result<_, _>>()?,
            payload: decode(&raw.payload)?,
            kind: raw.kind,
        };
        if envelope.to_bytes() == bytes {
            Ok(envelope)
        } else {
            Err(EnvelopeError::Spelling)
        }
    }

    /// Returns the envelope as a file holds it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let signature = |(key, bytes): &(PublicKey, [u8; 64])| RawSignature {
            keyid: key.to_openssh(),
            sig: BASE64.encode(bytes),
        };
        let raw = Raw {
            kind: self.kind.clone(),
            payload: BASE64.encode(&self.payload),
            signatures: self.signatures.iter().map(signature).collect(),
        };
        let mut bytes = serde_json::to_vec(&raw).expect("texts are JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Checks that each key that it names has signed it.
    ///
    /// # Errors
    /// One has not, or is named twice.
    pub fn open(self) -> Result<OpenedEnvelope, EnvelopeError> {
        let message = message(&self.kind, &self.payload);
        let mut signers = Vec::new();
        for (key, signature) in &self.signatures {
            if !key.has_signed(&message, signature) {
                return Err(EnvelopeError::False(key.to_string()));
            }
            if signers.contains(key) {
                return Err(EnvelopeError::Twice(key.to_string()));
            }
            signers.push(*key);
        }
        Ok(OpenedEnvelope {
            payload: self.payload,
            signers,
        })
    }
}

impl OpenedEnvelope {
    /// Returns the document itself.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Returns the keys that have signed it, at least one. Whose they are is not known here.
    pub fn signers(&self) -> &[PublicKey] {
        &self.signers
    }
}

impl RawSignature {
    fn parse(&self) -> Result<(PublicKey, [u8; 64]), EnvelopeError> {
        let key = PublicKey::read(self.keyid.as_bytes()).map_err(EnvelopeError::Key)?;
        let bytes = decode(&self.sig)?.try_into();
        Ok((key, bytes.map_err(|_| EnvelopeError::Encoding)?))
    }
}

fn decode(text: &str) -> Result<Vec<u8>, EnvelopeError> {
    BASE64
        .decode(text.as_bytes())
        .map_err(|_| EnvelopeError::Encoding)
}

/// Returns what keys sign: DSSE's encoding of the kind and the payload.
fn message(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::package::KeyFile;

    const KIND: &str = "application/vnd.example+json";

    fn key(name: &str) -> SecretKey {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/cases/signing_keys"
        );
        let text = std::fs::read(format!("{folder}/{name}")).expect("a key");
        match KeyFile::read(&text).expect("a key") {
            KeyFile::Open(key) => key,
            KeyFile::Locked(_) => panic!("{name} has a passphrase"),
        }
    }

    fn sealed() -> Vec<u8> {
        Envelope::seal(KIND, b"{\"a\":1}".to_vec(), &[&key("plain")]).to_bytes()
    }

    fn open(bytes: &[u8]) -> Result<OpenedEnvelope, EnvelopeError> {
        Envelope::read(bytes, KIND)?.open()
    }

    /// The example of DSSE's own specification.
    #[test]
    fn what_is_signed_is_as_dsse_has_it() {
        let message = message("http://example.com/HelloWorld", b"hello world");
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(message, expected);
    }

    #[test]
    fn what_was_sealed_is_opened() {
        let (one, two) = (key("plain"), SecretKey::generate().expect("random numbers"));
        let envelope = Envelope::seal(KIND, b"abc".to_vec(), &[&one, &two]);
        let opened = open(&envelope.to_bytes()).expect("it was just signed");
        assert_eq!(opened.payload(), b"abc");
        assert_eq!(opened.signers(), [one.public(), two.public()]);
    }

    #[test]
    fn refuses_others_and_says_why() {
        let text = String::from_utf8(sealed()).expect("JSON");
        let (key, other) = (key("plain"), SecretKey::generate().expect("random numbers"));
        let line = key.public().to_openssh();
        let with = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            open(text.replace(from, to).as_bytes())
        };
        let of_other = Envelope::seal("text/plain", b"{\"a\":1}".to_vec(), &[&key]).to_bytes();
        let of_other = String::from_utf8(of_other).expect("JSON");
        let twice = Envelope::seal(KIND, b"a".to_vec(), &[&key, &key]).to_bytes();
        let fingerprint = key.public().to_string();
        let false_one = EnvelopeError::False(fingerprint.clone());
        assert_eq!(with("eyJhIjoxfQ==", "eyJhIjoyfQ=="), Err(false_one.clone()));
        assert_eq!(
            with(&line, &other.public().to_openssh()),
            Err(EnvelopeError::False(other.public().to_string()))
        );
        // A signature of the same payload as another kind of document.
        assert_eq!(
            open(of_other.replace("text/plain", KIND).as_bytes()),
            Err(false_one)
        );
        assert_eq!(
            open(of_other.as_bytes()),
            Err(EnvelopeError::OtherKind("text/plain".to_owned()))
        );
        assert_eq!(open(&twice), Err(EnvelopeError::Twice(fingerprint)));
        let none = Envelope::seal(KIND, b"a".to_vec(), &[]).to_bytes();
        assert_eq!(open(&none), Err(EnvelopeError::Unsigned));
        let many = Envelope::seal(KIND, b"a".to_vec(), &[&key; 17]).to_bytes();
        assert_eq!(open(&many), Err(EnvelopeError::TooMany));
        let large = vec![b' '; MAX_ENVELOPE_BYTES + 1];
        assert_eq!(open(&large), Err(EnvelopeError::TooLarge));
        for encoding in ["eyJhIjoxfQ", "eyJhIjoxfR==", "eyJhIjoxfQ==\\n", "eyJ-"] {
            assert_eq!(with("eyJhIjoxfQ==", encoding), Err(EnvelopeError::Encoding));
        }
        for (from, to) in [
            ("\"payload\":", " \"payload\":"),
            ("\n", ""),
            ("\n", "\n\n"),
            (&*line, &*format!("{line} alice")),
            ("eyJhIjox", "\\u0065yJhIjox"),
        ] {
            assert_eq!(with(from, to), Err(EnvelopeError::Spelling), "{from}");
        }
        for (from, to) in [
            ("\"payload\":", "\"more\":1,\"payload\":"),
            ("\"keyid\":", "\"keyid\":\"\",\"keyid\":"),
            ("\"payload\":", "\"payload\":\"\",\"payload\":"),
            ("\"sig\":\"", "\"sig\":1,\"x\":\""),
            ("{", ""),
        ] {
            assert!(
                matches!(with(from, to), Err(EnvelopeError::Json(_))),
                "{to}"
            );
        }
        assert!(matches!(
            with("ssh-ed25519 AAAA", "ssh-ed25519 BBBB"),
            Err(EnvelopeError::Key(_))
        ));
    }

    proptest! {
        /// Whatever bytes become of it: it says the same, or is refused.
        #[test]
        fn no_change_of_it_says_something_else(
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<prop::sample::Index>(),
            inserted in vec(any::<u8>(), 0..3),
        ) {
            let good = sealed();
            let mut bytes = good.clone();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let at = cut.index(bytes.len());
            bytes.splice(at..at, inserted);
            prop_assert_eq!(open(&bytes).is_ok(), bytes == good);
        }
    }
}
