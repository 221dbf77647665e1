//! How an author switches to another key: the old key signs which one follows it.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use syft_protocol::address::{AddressError, Datasite};
use thiserror::Error;

use super::public_key::PublicKey;
use super::secret_key::SecretKey;

/// The most links of a chain.
pub const MAX_LINKS: usize = 64;

/// What both keys sign begins so, which no other use of a key does.
const DOMAIN: &[u8] = b"syft-key-rotation-v1\0";

/// A key that follows another. Both have signed that it is so: the old one since it gives
/// away its place, the new one since nobody is to be given a key that is not theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Link {
    email: Datasite,
    epoch: u64,
    old: PublicKey,
    new: PublicKey,
    old_signature: [u8; 64],
    new_signature: [u8; 64],
}

/// A link as JSON has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    email: String,
    epoch: u64,
    old: PublicKey,
    new: PublicKey,
    old_signature: String,
    new_signature: String,
}

/// Why a link, or a chain of links, is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LinkError {
    /// It is about nobody.
    #[error(transparent)]
    Email(#[from] AddressError),
    /// The first key of an author has epoch 0, and follows no other.
    #[error("a key that follows another has an epoch from 1 on")]
    Epoch,
    /// A key does not follow itself.
    #[error("the old and the new key are the same, {0}")]
    SameKey(String),
    /// A text is no signature.
    #[error("a signature of it is not 64 bytes in base64")]
    Encoding,
    /// A key has not signed this.
    #[error("it is not signed by {0}, so it says nothing")]
    NotBy(String),
    /// It is of somebody else.
    #[error("a link of it is of {0}")]
    Foreign(Datasite),
    /// A link does not go on from the one before it.
    #[error("the link to epoch {0} does not go on from the one before it")]
    Gap(u64),
    /// An author has each key once.
    #[error("the key {0} comes in it twice")]
    Twice(String),
    /// There are more than anybody needs.
    #[error("it has more than {MAX_LINKS} links")]
    TooLong,
}

impl Link {
    /// Makes a link to a new key of an author, whose epoch is one more than that of the old.
    ///
    /// # Errors
    /// The keys are the same, or the epoch is that of a first key.
    pub fn sign(
        email: Datasite,
        epoch: u64,
        old: &SecretKey,
        new: &SecretKey,
    ) -> Result<Self, LinkError> {
        let message = message(&email, epoch, &old.public(), &new.public());
        Self {
            email,
            epoch,
            old: old.public(),
            new: new.public(),
            old_signature: old.sign(&message),
            new_signature: new.sign(&message),
        }
        .check()
    }

    fn check(self) -> Result<Self, LinkError> {
        if self.epoch == 0 {
            return Err(LinkError::Epoch);
        }
        if self.old == self.new {
            return Err(LinkError::SameKey(self.new.to_string()));
        }
        let message = message(&self.email, self.epoch, &self.old, &self.new);
        for (key, signature) in [
            (&self.old, &self.old_signature),
            (&self.new, &self.new_signature),
        ] {
            if !key.has_signed(&message, signature) {
                return Err(LinkError::NotBy(key.to_string()));
            }
        }
        Ok(self)
    }

    /// Returns whose keys they are.
    pub fn email(&self) -> &Datasite {
        &self.email
    }

    /// Returns the number of the new key among those of the author, whose first has 0.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the key that gives away its place.
    pub fn old_key(&self) -> &PublicKey {
        &self.old
    }

    /// Returns the key that follows it.
    pub fn new_key(&self) -> &PublicKey {
        &self.new
    }

    /// Checks that links are one chain of one author, the oldest first.
    ///
    /// # Errors
    /// One is of somebody else, or does not go on from the one before it.
    pub fn check_chain(email: &Datasite, links: &[Self]) -> Result<(), LinkError> {
        if links.len() > MAX_LINKS {
            return Err(LinkError::TooLong);
        }
        if let Some(foreign) = links.iter().find(|link| link.email != *email) {
            return Err(LinkError::Foreign(foreign.email.clone()));
        }
        for pair in links.windows(2) {
            let [before, link] = pair else { continue };
            if link.old != before.new || before.epoch.checked_add(1) != Some(link.epoch) {
                return Err(LinkError::Gap(link.epoch));
            }
        }
        let came_before =
            |at: usize, key: &PublicKey| links[..=at].iter().any(|link| link.old == *key);
        let again = links
            .iter()
            .enumerate()
            .find(|(at, link)| came_before(*at, &link.new));
        match again {
            Some((_, link)) => Err(LinkError::Twice(link.new.to_string())),
            None => Ok(()),
        }
    }
}

fn message(email: &Datasite, epoch: u64, old: &PublicKey, new: &PublicKey) -> Vec<u8> {
    [
        DOMAIN,
        // It holds no zero byte.
        email.as_str().as_bytes(),
        b"\0",
        &epoch.to_be_bytes(),
        old.as_bytes(),
        new.as_bytes(),
    ]
    .concat()
}

impl TryFrom<Written> for Link {
    type Error = LinkError;

    fn try_from(written: Written) -> Result<Self, LinkError> {
        let signature = |text: String| {
            let bytes = BASE64.decode(text.as_bytes()).ok();
            let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
            bytes.ok_or(LinkError::Encoding)
        };
        Self {
            email: Datasite::parse(&written.email)?,
            epoch: written.epoch,
            old: written.old,
            new: written.new,
            old_signature: signature(written.old_signature)?,
            new_signature: signature(written.new_signature)?,
        }
        .check()
    }
}

impl From<Link> for Written {
    fn from(link: Link) -> Self {
        Self {
            email: link.email.as_str().to_owned(),
            epoch: link.epoch,
            old: link.old,
            new: link.new,
            old_signature: BASE64.encode(&link.old_signature),
            new_signature: BASE64.encode(&link.new_signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn alice() -> Datasite {
        Datasite::parse("alice@example.org").expect("an email")
    }

    fn key() -> SecretKey {
        SecretKey::generate().expect("random numbers")
    }

    fn link(epoch: u64, old: &SecretKey, new: &SecretKey) -> Link {
        Link::sign(alice(), epoch, old, new).expect("a link")
    }

    fn read(value: &Value) -> Result<Link, String> {
        serde_json::from_str(&value.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (old, new) = (key(), key());
        let link = link(3, &old, &new);
        let json = serde_json::to_value(&link).expect("JSON");
        assert_eq!(json["old"], old.public().to_openssh());
        assert_eq!(json["epoch"], 3);
        assert_eq!(read(&json).as_ref(), Ok(&link));
        assert_eq!(
            (link.old_key(), link.new_key()),
            (&old.public(), &new.public())
        );
    }

    /// The bytes that are signed, said once more.
    #[test]
    fn signs_what_the_format_says() {
        let (old, new) = (key(), key());
        let link = link(258, &old, &new);
        let mut expected = b"syft-key-rotation-v1\0alice@example.org\0".to_vec();
        expected.extend([0, 0, 0, 0, 0, 0, 1, 2]);
        expected.extend(old.public().as_bytes());
        expected.extend(new.public().as_bytes());
        assert!(old.public().has_signed(&expected, &link.old_signature));
        assert!(new.public().has_signed(&expected, &link.new_signature));
    }

    #[test]
    fn each_change_is_refused() {
        let (old, new, other) = (key(), key(), key());
        let good = serde_json::to_value(link(1, &old, &new)).expect("JSON");
        let foreign = serde_json::to_value(link(1, &other, &new)).expect("JSON");
        let line = |key: &SecretKey| json!(key.public().to_openssh());
        let comment = json!(format!("{} comment", old.public().to_openssh()));
        for (field, value, expected) in [
            ("email", json!("mallory@example.org"), "not signed by"),
            ("email", json!("alice"), "expected an email"),
            ("epoch", json!(2), "not signed by"),
            ("epoch", json!(0), "from 1 on"),
            ("epoch", json!(-1), "invalid value"),
            ("old", line(&other), "not signed by"),
            ("new", line(&other), "not signed by"),
            ("old", good["new"].clone(), "are the same"),
            ("old", comment, "public key"),
            ("old", json!("x"), "public key"),
            (
                "old_signature",
                good["new_signature"].clone(),
                "not signed by",
            ),
            (
                "new_signature",
                good["old_signature"].clone(),
                "not signed by",
            ),
            (
                "old_signature",
                foreign["old_signature"].clone(),
                "not signed by",
            ),
            ("old_signature", json!("AAAA"), "64 bytes"),
            ("old_signature", json!(BASE64.encode(&[0; 65])), "64 bytes"),
            ("more", json!(1), "unknown field"),
        ] {
            let mut changed = good.clone();
            changed[field] = value;
            let error = read(&changed).expect_err(field);
            assert!(error.contains(expected), "{field}: {error}");
        }
        for field in ["email", "epoch", "old", "new_signature"] {
            let mut changed = good.clone();
            changed.as_object_mut().expect("an object").remove(field);
            assert!(read(&changed).is_err(), "{field}");
        }
        // Keys that change places, with their signatures.
        let mut swapped = good.clone();
        for (to, from) in [
            ("old", "new"),
            ("new", "old"),
            ("old_signature", "new_signature"),
            ("new_signature", "old_signature"),
        ] {
            swapped[to] = good[from].clone();
        }
        assert!(read(&swapped).is_err());
    }

    #[test]
    fn none_is_made_that_would_not_be_read() {
        let (old, new) = (key(), key());
        assert_eq!(Link::sign(alice(), 0, &old, &new), Err(LinkError::Epoch));
        assert_eq!(
            Link::sign(alice(), 1, &old, &old),
            Err(LinkError::SameKey(old.public().to_string()))
        );
    }

    #[test]
    fn a_chain_goes_on_without_a_gap() {
        let keys: Vec<SecretKey> = (0..4).map(|_| key()).collect();
        let to = |at: usize, epoch| link(epoch, &keys[at - 1], &keys[at]);
        let chain = [to(1, 1), to(2, 2), to(3, 3)];
        let check = |links: &[Link]| Link::check_chain(&alice(), links);
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&chain), Ok(()));
        assert_eq!(check(&chain[1..]), Ok(()));
        let name = |at: usize| keys[at].public().to_string();
        let foreign = Datasite::parse("mallory@example.org").expect("an email");
        let other = Link::sign(foreign.clone(), 2, &keys[1], &keys[2]).expect("a link");
        for (links, expected) in [
            (vec![to(1, 1), to(3, 3)], LinkError::Gap(3)),
            (vec![to(1, 1), to(3, 2)], LinkError::Gap(2)),
            (vec![to(1, 1), to(2, 3)], LinkError::Gap(3)),
            (vec![to(1, 1), to(2, 1)], LinkError::Gap(1)),
            (vec![to(2, 2), to(1, 1)], LinkError::Gap(1)),
            (vec![to(1, u64::MAX), to(2, 1)], LinkError::Gap(1)),
            (vec![to(1, 1), other], LinkError::Foreign(foreign)),
            (
                vec![to(1, 1), link(2, &keys[1], &keys[0])],
                LinkError::Twice(name(0)),
            ),
            (
                vec![to(1, 1), to(2, 2), link(3, &keys[2], &keys[1])],
                LinkError::Twice(name(1)),
            ),
        ] {
            assert_eq!(check(&links), Err(expected));
        }
    }

    #[test]
    fn a_chain_is_bounded() {
        let keys: Vec<SecretKey> = (0..=MAX_LINKS + 1).map(|_| key()).collect();
        let links: Vec<Link> = (1..keys.len())
            .map(|at| link(at as u64, &keys[at - 1], &keys[at]))
            .collect();
        assert_eq!(Link::check_chain(&alice(), &links[1..]), Ok(()));
        assert_eq!(Link::check_chain(&alice(), &links), Err(LinkError::TooLong));
    }
}
