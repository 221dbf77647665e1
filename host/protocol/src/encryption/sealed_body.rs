//! An encrypted body.

use std::borrow::Cow;
use std::fmt;

use aes_gcm::aead::AeadInPlace;
use data_encoding::BASE64;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::agreement::cipher;
use super::{OwnKeys, PublicKeys};
use crate::excerpt::excerpt;
use crate::message::MAX_SENDER_BYTES;

const VERSION: &str = "1.0";

/// The members that an envelope must have.
const MEMBERS: [&str; 6] = ["ek", "iv", "ciphertext", "tag", "sender", "receiver"];
/// So many of them make one, whatever else is missing.
const ENOUGH_MEMBERS: usize = 4;

/// An encrypted body. Who sent it and for whom it is, it only says: opening it shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBody {
    ephemeral: PublicKey,
    iv: [u8; 12],
    ciphertext: Vec<u8>,
    tag: [u8; 16],
    /// Who sent it.
    pub sender: String,
    /// For whom it is.
    pub receiver: String,
}

/// Why a body that looks like an envelope is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedBodyError {
    /// It is no JSON, a member is missing or there twice, or is of another type.
    #[error("{0}")]
    Json(String),
    /// A member is not what it has to be.
    #[error("`{0}` is not {1} in padded base64")]
    Bytes(&'static str, &'static str),
    /// A name is longer than any.
    #[error("`{0}` is longer than {MAX_SENDER_BYTES} bytes")]
    TooLong(&'static str),
    /// It is of a version that is not known here.
    #[error("its version is {0}, and {VERSION} is the one that is read here")]
    Version(String),
}

/// Random numbers for one envelope, which are used for no other.
pub struct Fresh {
    /// The secret key that is made for it alone.
    pub ephemeral: Zeroizing<[u8; 32]>,
    /// The nonce.
    pub iv: [u8; 12],
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    ek: Cow<'a, str>,
    #[serde(borrow)]
    iv: Cow<'a, str>,
    #[serde(borrow)]
    ciphertext: Cow<'a, str>,
    #[serde(borrow)]
    tag: Cow<'a, str>,
    #[serde(borrow)]
    sender: Cow<'a, str>,
    #[serde(borrow)]
    receiver: Cow<'a, str>,
    #[serde(borrow, default)]
    version: Option<Cow<'a, str>>,
}

/// Tells whether a body is an envelope, be it damaged, cut off or incomplete: a JSON object
/// with four of its members, or with `ek` and another one that is encrypted. No handler is to
/// get such a body.
pub fn is_envelope(body: &[u8]) -> bool {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    if !body.trim_ascii_start().starts_with(b"{") {
        return false;
    }
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    // Of one that is cut off, what is there counts.
    drop(json.deserialize_map(&mut found));
    found.are_an_envelopes()
}

/// Which members were found.
#[derive(Default)]
struct Found([bool; MEMBERS.len()]);

impl Found {
    fn are_an_envelopes(&self) -> bool {
        let [ek, iv, ciphertext, tag, ..] = self.0;
        let n_found = self.0.iter().filter(|found| **found).count();
        n_found >= ENOUGH_MEMBERS || ek && (iv || ciphertext || tag)
    }
}

impl<'de> Visitor<'de> for &mut Found {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(key) = object.next_key::<Cow<'de, str>>()? {
            if let Some(at) = MEMBERS.iter().position(|member| *member == key) {
                self.0[at] = true;
            }
            object.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

impl SealedBody {
    /// Reads an envelope. The memory that it takes is in proportion to `body`.
    ///
    /// # Errors
    /// It is not one as the release writes it. More members are passed over.
    pub fn read(body: &[u8]) -> Result<Self, SealedBodyError> {
        let wire: Wire<'_> = serde_json::from_slice(body)
            .map_err(|error| SealedBodyError::Json(excerpt(&error.to_string())))?;
        if let Some(version) = wire.version.filter(|version| version != VERSION) {
            return Err(SealedBodyError::Version(excerpt(&version)));
        }
        for (name, value) in [("sender", &wire.sender), ("receiver", &wire.receiver)] {
            if value.len() > MAX_SENDER_BYTES {
                return Err(SealedBodyError::TooLong(name));
            }
        }
        let ephemeral: [u8; 32] = bytes("ek", "32 bytes", &wire.ek)?;
        let ciphertext = BASE64.decode(wire.ciphertext.as_bytes());
        Ok(Self {
            ephemeral: PublicKey::from(ephemeral),
            iv: bytes("iv", "12 bytes", &wire.iv)?,
            ciphertext: ciphertext
                .map_err(|_| SealedBodyError::Bytes("ciphertext", "something"))?,
            tag: bytes("tag", "16 bytes", &wire.tag)?,
            sender: wire.sender.into_owned(),
            receiver: wire.receiver.into_owned(),
        })
    }

    /// Returns what was encrypted: nobody but the sender with these keys, and we, can have
    /// made it. `None` if it was made with other keys or is not as it was made.
    pub fn open(self, own: &OwnKeys, sender: &PublicKeys) -> Option<Vec<u8>> {
        let with_sender = (&own.prekey, &sender.prekey);
        let cipher = cipher(with_sender, (&own.prekey, &self.ephemeral))?;
        let mut text = self.ciphertext;
        let (iv, tag) = ((&self.iv).into(), (&self.tag).into());
        let opened = cipher.decrypt_in_place_detached(iv, &[], &mut text, tag);
        opened.is_ok().then_some(text)
    }

    /// Returns a text encrypted for a receiver; `None` if the keys are such that anybody
    /// could open it.
    pub fn seal(
        mut text: Vec<u8>,
        own: (&OwnKeys, &str),
        receiver: (&PublicKeys, &str),
        fresh: &Fresh,
    ) -> Option<Self> {
        let ephemeral = StaticSecret::from(*fresh.ephemeral);
        let receiver_key = &receiver.0.prekey;
        let cipher = cipher((&own.0.prekey, receiver_key), (&ephemeral, receiver_key))?;
        let sealed = cipher.encrypt_in_place_detached((&fresh.iv).into(), &[], &mut text);
        Some(Self {
            ephemeral: PublicKey::from(&ephemeral),
            iv: fresh.iv,
            ciphertext: text,
            tag: sealed.expect("a body is far below 64 GiB").into(),
            sender: own.1.to_owned(),
            receiver: receiver.1.to_owned(),
        })
    }

    /// Returns the envelope as the release writes it, byte for byte.
    pub fn to_json(&self) -> Vec<u8> {
        let base64 = |bytes: &[u8]| Cow::Owned(BASE64.encode(bytes));
        let wire = Wire {
            ek: base64(self.ephemeral.as_bytes()),
            iv: base64(&self.iv),
            ciphertext: base64(&self.ciphertext),
            tag: base64(&self.tag),
            sender: Cow::Borrowed(&self.sender),
            receiver: Cow::Borrowed(&self.receiver),
            version: Some(Cow::Borrowed(VERSION)),
        };
        serde_json::to_vec(&wire).expect("strings are JSON")
    }

    /// Returns what no two envelopes share that can be opened, however their JSON is written.
    pub fn mark(&self) -> [u8; 28] {
        let mut mark = [0; 28];
        mark[..12].copy_from_slice(&self.iv);
        mark[12..].copy_from_slice(&self.tag);
        mark
    }
}

fn bytes<const N: usize>(
    name: &'static str,
    what: &'static str,
    text: &str,
) -> Result<[u8; N], SealedBodyError> {
    let decoded = BASE64.decode(text.as_bytes()).ok();
    let decoded = decoded.and_then(|bytes| bytes.try_into().ok());
    decoded.ok_or(SealedBodyError::Bytes(name, what))
}
