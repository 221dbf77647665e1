//! Opens encrypted requests, and encrypts answers: the owner's keys, those of senders, and which
//! envelopes were opened.
//!
//! Why: docs/decisions/81-encrypted-requests-are-opened-by-the-host.md

mod documents;
mod opened;
mod own_keys;
mod senders;

use std::io;
use std::path::{Path, PathBuf};

use syft_manifest::clock::now;
use syft_manifest::sanitize::in_shell;
use syft_protocol::address::{Address, AppName, Datasite};
use syft_protocol::encryption::{Fresh, OwnKeys, PublicKeys, SealedBody, Unopened, is_envelope};
use thiserror::Error;
use zeroize::Zeroizing;

pub use documents::{DID_FILE, Document, read_document};
pub use opened::OpenedEnvelopes;
pub use own_keys::{Made, OwnKeysError};
pub use senders::{PinnedSender, SenderKeys};

/// Where the keys of an owner are, and those of senders.
#[derive(Debug, Clone)]
pub struct KeyPlaces {
    /// The folder of all datasites, with a DID document in each.
    pub datasites: PathBuf,
    /// The owner.
    pub owner: Datasite,
    /// The file of the owner's secret keys, where the release keeps it.
    pub own_keys: PathBuf,
    /// The host of the SyftBox server, of which the owner's DID document speaks.
    pub server_host: String,
    /// The private folder of which keys senders have.
    pub senders: PathBuf,
}

/// Opens the encrypted requests of an app, and encrypts its answers.
#[derive(Debug, Clone)]
pub struct Encryption {
    places: KeyPlaces,
    app: AppName,
    opened: OpenedEnvelopes,
}

/// What a body was.
#[derive(Debug)]
pub(crate) enum Opening {
    /// Not encrypted.
    Plain,
    /// Encrypted by the sender, for us; this was in it.
    Opened(Vec<u8>),
    /// Not to be given to a handler.
    Refused(Unopened),
}

/// What the host could not do with keys. It is no fault of the sender.
#[derive(Debug, Error)]
pub enum EncryptionError {
    /// The owner's keys.
    #[error(transparent)]
    OwnKeys(#[from] OwnKeysError),
    /// The keys of senders.
    #[error("cannot read or write which keys senders have, in {}: {error}", folder.display())]
    Senders {
        /// Where they are kept.
        folder: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// There are no random numbers.
    #[error("no random numbers to encrypt with: {0}")]
    Random(getrandom::Error),
}

impl Encryption {
    /// Returns what opens requests to an app by these keys. Which envelopes were opened is known
    /// to all apps that share `opened`.
    pub fn new(places: KeyPlaces, app: AppName, opened: OpenedEnvelopes) -> Self {
        Self {
            places,
            app,
            opened,
        }
    }

    /// Opens the body of a request, if it is encrypted. Whoever sent it had the key that is
    /// known as the sender's, which it is from the first time on.
    ///
    /// # Errors
    /// Keys cannot be read or kept. Nothing is known of the body then.
    pub(crate) fn open(
        &self,
        address: &Address,
        sender: &str,
        body: &[u8],
    ) -> Result<Opening, EncryptionError> {
        if !is_envelope(body) {
            return Ok(Opening::Plain);
        }
        Ok(match self.open_envelope(address, sender, body)? {
            Ok(text) => Opening::Opened(text),
            Err(why) => Opening::Refused(why),
        })
    }

    fn open_envelope(
        &self,
        address: &Address,
        sender: &str,
        body: &[u8],
    ) -> Result<Result<Vec<u8>, Unopened>, EncryptionError> {
        let envelope = match SealedBody::read(body) {
            Ok(envelope) => envelope,
            Err(error) => return Ok(Err(error.into())),
        };
        if envelope.receiver != self.places.owner.as_str() {
            return Ok(Err(Unopened::ForAnother(envelope.receiver)));
        }
        if envelope.sender != sender {
            return Ok(Err(Unopened::SenderDisagrees(envelope.sender)));
        }
        let Some(own) = own_keys::read(&self.places)? else {
            return Ok(Err(Unopened::NoKeys));
        };
        let (email, keys) = match self.keys_of(sender)? {
            Ok(found) => found,
            Err(why) => return Ok(Err(why)),
        };
        let mark = envelope.mark();
        let Some(text) = envelope.open(&own, &keys) else {
            return Ok(Err(Unopened::DoesNotOpen));
        };
        if let Err(why) = self.pin(&email, &keys)? {
            return Ok(Err(why));
        }
        if !self.opened.is_first_of(mark, &self.app, address) {
            return Ok(Err(Unopened::Replayed));
        }
        Ok(Ok(text))
    }

    /// Returns a body encrypted for somebody, or why that cannot be.
    ///
    /// # Errors
    /// Keys cannot be read, or there are no random numbers.
    pub(crate) fn seal(
        &self,
        receiver: &str,
        body: Vec<u8>,
    ) -> Result<Result<Vec<u8>, Unopened>, EncryptionError> {
        let Some(own) = own_keys::read(&self.places)? else {
            return Ok(Err(Unopened::NoKeys));
        };
        let keys = match self.keys_of(receiver)? {
            Ok((_, keys)) => keys,
            Err(why) => return Ok(Err(why)),
        };
        let own: (&OwnKeys, &str) = (&own, self.places.owner.as_str());
        let sealed = SealedBody::seal(body, own, (&keys, receiver), &fresh()?);
        Ok(sealed
            .map(|envelope| envelope.to_json())
            .ok_or(Unopened::DoesNotOpen))
    }

    /// Returns the keys in somebody's DID document, unless another identity is known as theirs.
    fn keys_of(
        &self,
        email: &str,
    ) -> Result<Result<(Datasite, PublicKeys), Unopened>, EncryptionError> {
        let no_did = || Unopened::NoDid(email.to_owned());
        let Ok(datasite) = Datasite::parse(email) else {
            return Ok(Err(no_did()));
        };
        let keys = match read_document(&self.places.datasites, &datasite) {
            Document::Keys(keys) => keys,
            Document::Missing => return Ok(Err(no_did())),
            Document::Bad(why) => {
                let sender = email.to_owned();
                return Ok(Err(Unopened::BadDid { sender, why }));
            }
        };
        let found = keys.identity();
        let known = self.senders().of(&datasite);
        match known.map_err(|error| self.senders_error(error))? {
            Some(known) if known.key != found => {
                // A stranger chose it, and the owner may paste it.
                let quoted = in_shell(email);
                tracing::warn!(
                    sender = email, known = %known.key, %found,
                    "the key of a sender has changed, so that their encrypted requests are \
                     refused. Once you know from them that it is theirs: `syft-host encryption \
                     accept {quoted} --fingerprint {found}`"
                );
                Ok(Err(Unopened::KeyChanged {
                    sender: email.to_owned(),
                    known: known.key,
                    found,
                }))
            }
            _ => Ok(Ok((datasite, keys))),
        }
    }

    /// Keeps the key of a sender the first time.
    fn pin(
        &self,
        sender: &Datasite,
        keys: &PublicKeys,
    ) -> Result<Result<(), Unopened>, EncryptionError> {
        let key = keys.identity();
        let pinned = self.senders().pin_first(sender, key, now());
        Ok(match pinned.map_err(|error| self.senders_error(error))? {
            senders::Pinning::Known => Ok(()),
            senders::Pinning::First => {
                tracing::info!(
                    %sender, fingerprint = %key,
                    "this is the first encrypted request of a sender: the key is kept, and \
                     requests with another are refused"
                );
                Ok(())
            }
            senders::Pinning::Changed(known) => Err(Unopened::KeyChanged {
                sender: sender.to_string(),
                known,
                found: key,
            }),
            senders::Pinning::OfAnother(other) => {
                tracing::warn!(
                    %sender, %other, fingerprint = %key,
                    "a sender shows the key that is known as another's, and is refused"
                );
                Err(Unopened::KeyOfAnother(sender.to_string()))
            }
            senders::Pinning::TooMany => Err(Unopened::TooManySenders),
        })
    }

    fn senders(&self) -> SenderKeys {
        SenderKeys::new(&self.places.senders)
    }

    fn senders_error(&self, error: io::Error) -> EncryptionError {
        let folder = self.places.senders.clone();
        EncryptionError::Senders { folder, error }
    }
}

fn fresh() -> Result<Fresh, EncryptionError> {
    let mut fresh = Fresh {
        ephemeral: Zeroizing::new([0; 32]),
        iv: [0; 12],
    };
    getrandom::fill(&mut *fresh.ephemeral).map_err(EncryptionError::Random)?;
    getrandom::fill(&mut fresh.iv).map_err(EncryptionError::Random)?;
    Ok(fresh)
}

impl KeyPlaces {
    /// Returns the owner's keys; `None` if there are none.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn own_keys(&self) -> Result<Option<OwnKeys>, OwnKeysError> {
        own_keys::read(self)
    }

    /// Makes what is missing of the owner's keys, by the rules of the release.
    ///
    /// # Errors
    /// What is there does not fit together, or it cannot be written.
    pub fn make_own_keys(&self) -> Result<Made, OwnKeysError> {
        own_keys::make(self)
    }

    /// Returns which keys senders have.
    pub fn sender_keys(&self) -> SenderKeys {
        SenderKeys::new(&self.senders)
    }

    /// Returns where the owner's DID document is.
    pub fn did(&self) -> PathBuf {
        let public = Path::new(self.owner.as_str()).join("public");
        self.datasites.join(public).join(DID_FILE)
    }
}
